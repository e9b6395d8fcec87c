//! The image as the closure sees it: which names lead where, and which of them are programs and libraries.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use crate::packages::Inventory;
use crate::tree::{Kind, NodeId, Tree};

/// Symlinks on the way to a path, as many as Linux follows.
const MAX_HOPS: usize = 40;
/// Components of a path that are followed, those of symlinks included.
const MAX_STEPS: usize = 4096;
/// Components that all paths together may lead through; real images need some millions.
const BUDGET: u64 = 200_000_000;

/// Where programs are besides the directories that PATH names.
const PROGRAMS: [&[u8]; 6] = [b"/usr/local/sbin", b"/usr/local/bin", b"/usr/sbin", b"/usr/bin", b"/sbin", b"/bin"];

/// What the closure knows of an image besides the contents of its files.
pub(super) struct Ground<'g> {
    pub(super) tree: &'g Tree,
    pub(super) inventory: &'g Inventory,
    /// The environment, by name and value.
    pub(super) env: Vec<(String, String)>,
    /// Where programs begin: an absolute path.
    pub(super) directory: Vec<u8>,
    /// The directories of PATH, and then all others that programs are in.
    pub(super) places: Vec<Vec<u8>>,
    /// How many of `places` PATH names.
    pub(super) on_path: usize,
    /// Programs by name, in the order of `places`.
    programs: HashMap<Box<[u8]>, Vec<NodeId>>,
    /// The names of all shared libraries, wherever they lie.
    libraries: HashSet<Box<[u8]>>,
    /// The same by what is between `lib` and `.so`.
    stems: HashMap<Box<[u8]>, Vec<Box<[u8]>>>,
    /// Components that paths may still lead through.
    left: Cell<u64>,
}

/// What a path leads through: symlinks, and the last one what it leads to, if anything is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) links: Vec<NodeId>,
    pub(super) end: Option<NodeId>,
}

impl<'g> Ground<'g> {
    pub(super) fn new(
        tree: &'g Tree,
        inventory: &'g Inventory,
        env: Vec<(String, String)>,
        directory: Vec<u8>,
        path: &[String],
    ) -> Self {
        let mut places: Vec<Vec<u8>> = path.iter().map(|place| place.as_bytes().to_vec()).collect();
        let on_path = places.len();
        for place in PROGRAMS {
            if !places.iter().any(|known| known == place) {
                places.push(place.to_vec());
            }
        }
        let (programs, libraries, stems) = (HashMap::new(), HashSet::new(), HashMap::new());
        let mut ground = Self {
            tree,
            inventory,
            env,
            directory,
            places,
            on_path,
            programs,
            libraries,
            stems,
            left: Cell::new(BUDGET),
        };
        let mut seen = HashSet::new();
        for place in &ground.places {
            let Some(place) = ground.way(place).end.filter(|place| seen.insert(*place)) else { continue };
            for child in tree.children(place).filter(|child| tree.inode(*child).kind != Kind::Directory) {
                ground.programs.entry(tree.name(child).into()).or_default().push(child);
            }
        }
        for name in tree.nodes().map(|id| tree.name(id)) {
            let Some(at) = memchr::memmem::find(name, b".so") else { continue };
            if ground.libraries.insert(name.into()) {
                if let Some(stem) = name[..at].strip_prefix(b"lib") {
                    ground.stems.entry(stem.into()).or_default().push(name.into());
                }
            }
        }
        ground
    }

    /// The value of a variable.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.env.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What a path leads through and to, inside the root; nothing once paths led too far.
    pub(super) fn way(&self, path: &[u8]) -> Way {
        if self.is_lost() {
            return Way::default();
        }
        let mut steps = 0;
        let found = way(self.tree, path, &mut steps);
        self.spend(steps);
        found
    }

    /// Counts what was looked at.
    pub(super) fn spend(&self, steps: usize) {
        self.left.set(self.left.get().saturating_sub(steps as u64));
    }

    /// Whether paths led further than they may, so that nothing that was found since then is right.
    pub(super) fn is_lost(&self) -> bool {
        self.left.get() == 0
    }

    /// Everything that is called as a program by this name.
    pub(super) fn programs(&self, name: &[u8]) -> &[NodeId] {
        self.programs.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether some shared library has this name.
    pub(super) fn has_library(&self, name: &[u8]) -> bool {
        self.libraries.contains(name)
    }

    /// Libraries called `libNAME.so` with any version.
    pub(super) fn libraries_by_stem(&self, name: &[u8]) -> impl Iterator<Item = &[u8]> {
        self.stems.get(name).into_iter().flatten().map(|name| &**name)
    }

    pub(super) fn is_file(&self, id: NodeId) -> bool {
        matches!(self.tree.inode(id).kind, Kind::File { .. })
    }

    pub(super) fn is_directory(&self, id: NodeId) -> bool {
        self.tree.inode(id).kind == Kind::Directory
    }

    /// Whether an inode is a symlink to a directory that is no package's own: one that several have, or one of the
    /// root.
    pub(super) fn is_shared_link(&self, id: NodeId) -> bool {
        matches!(self.tree.inode(id).kind, Kind::Symlink(_))
            && (self.is_root_link(id) || self.inventory.holders(id).nth(1).is_some())
            && self.way(&self.path(id)).end.is_some_and(|end| self.is_directory(end))
    }

    /// Whether an inode is a symlink in the root, as /bin and /lib are where /usr has all programs.
    pub(super) fn is_root_link(&self, id: NodeId) -> bool {
        matches!(self.tree.inode(id).kind, Kind::Symlink(_)) && self.tree.parent(id) == self.tree.root()
    }

    pub(super) fn path(&self, id: NodeId) -> Vec<u8> {
        [b"/", self.tree.path(id).as_bytes()].concat()
    }

    /// Whether an inode may be executed by anybody.
    pub(super) fn is_executable(&self, id: NodeId) -> bool {
        self.is_file(id) && self.tree.inode(id).meta.mode & 0o111 != 0
    }
}

/// What `path` leads through and to in `tree`, inside the root, and in how many steps.
fn way(tree: &Tree, path: &[u8], steps: &mut usize) -> Way {
    let mut found = Way::default();
    let mut todo: Vec<&[u8]> = components(path).rev().collect();
    let mut at = vec![tree.root()];
    while let Some(name) = todo.pop() {
        *steps += 1;
        if *steps > MAX_STEPS {
            return found;
        }
        if name == b".." {
            if at.len() > 1 {
                at.pop();
            }
            continue;
        }
        let Some(child) = at.last().and_then(|at| tree.child(*at, name)) else { return found };
        match &tree.inode(child).kind {
            Kind::Symlink(target) => {
                found.links.push(child);
                if found.links.len() > MAX_HOPS {
                    return found;
                }
                if target.starts_with(b"/") {
                    at.truncate(1);
                }
                let before = todo.len();
                todo.extend(components(target).rev());
                *steps += todo.len() - before;
            }
            _ => at.push(child),
        }
    }
    found.end = at.last().copied();
    found
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."))
}
