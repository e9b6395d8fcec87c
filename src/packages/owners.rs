//! Files and their packages.

use super::databases::Manager;
use crate::tree::{Follow, NodeId, Tree, TreePath};

/// The packages of the files of a tree, by node.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// The names of the packages, one after the other, and where each ends: lists may begin one every few bytes.
    names: Vec<u8>,
    ends: Vec<usize>,
    /// Who keeps each.
    managers: Vec<Manager>,
    /// By node.
    owners: Vec<u32>,
    /// Every file that a package has, by package and node, if that is asked for.
    held: Option<Vec<(u32, NodeId)>>,
}

/// Collects what databases say.
pub(super) struct Marker<'t> {
    tree: &'t Tree,
    owners: Owners,
    manager: Manager,
    /// The directory of the path that was marked last, because lists go through directories one by one.
    last: (Vec<u8>, Option<NodeId>),
    follow: Follow,
}

/// Whose a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'o> {
    /// No package has it.
    Nobody,
    /// One package has it, with this name.
    Package(&'o [u8]),
    /// Several packages have it, as is usual for directories.
    Several,
}

const NOBODY: u32 = u32::MAX;
const SEVERAL: u32 = u32::MAX - 1;

impl<'t> Marker<'t> {
    /// Nothing is known yet; `with_lists` tells whether the lists of all packages are wanted too.
    pub(super) fn new(tree: &'t Tree, with_lists: bool) -> Self {
        let owners =
            Owners { owners: vec![NOBODY; tree.node_count()], held: with_lists.then(Vec::new), ..Owners::default() };
        let (last, follow) = ((Vec::new(), Some(tree.root())), Follow::new(tree.len()));
        Self { tree, owners, manager: Manager::Dpkg, last, follow }
    }

    /// What follows is from a database of `manager`.
    pub(super) fn turn_to(&mut self, manager: Manager) {
        self.manager = manager;
    }

    /// What follows is of the package `name`.
    pub(super) fn begin(&mut self, name: &[u8]) {
        self.owners.names.extend_from_slice(name);
        self.owners.ends.push(self.owners.names.len());
        self.owners.managers.push(self.manager);
    }

    /// The current package has `path`.
    pub(super) fn mark(&mut self, path: &[u8]) {
        let path = path.strip_prefix(b".").unwrap_or(path);
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let (directory, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (&b""[..], path),
        };
        if self.last.0 != directory {
            self.last = (directory.to_vec(), self.directory(directory));
        }
        self.mark_in(self.last.1, name);
    }

    /// The current package has `name` in a directory that [`Self::directory`] found. So a directory is looked for once,
    /// however many files a list has in it.
    pub(super) fn mark_in(&mut self, directory: Option<NodeId>, name: &[u8]) {
        let last = self.owners.ends.len().checked_sub(1);
        let Some(package) = last.and_then(|last| u32::try_from(last).ok()) else { return };
        let Some(node) = directory.and_then(|directory| self.tree.child(directory, name)) else { return };
        if let Some(held) = &mut self.owners.held {
            held.push((package, node));
        }
        let owner = &mut self.owners.owners[node.index()];
        *owner = if *owner == NOBODY || *owner == package { package } else { SEVERAL };
    }

    /// The directory that `path` leads to.
    pub(super) fn directory(&mut self, path: &[u8]) -> Option<NodeId> {
        self.tree.resolve(&TreePath::parse(path).ok()?, &mut self.follow)
    }

    pub(super) fn finish(self) -> Owners {
        self.owners
    }
}

impl Owners {
    /// Whose a file is.
    pub fn owner(&self, id: NodeId) -> Owner<'_> {
        match self.owners.get(id.index()) {
            None | Some(&NOBODY) => Owner::Nobody,
            Some(&SEVERAL) => Owner::Several,
            Some(package) => self.plain(*package as usize).map_or(Owner::Nobody, Owner::Package),
        }
    }

    /// Whether a package has the file.
    pub fn is_owned(&self, id: NodeId) -> bool {
        self.owner(id) != Owner::Nobody
    }

    fn name(&self, package: usize) -> Option<&[u8]> {
        let begin = package.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.names.get(begin..*self.ends.get(package)?)
    }

    /// The name of a package without the architecture that dpkg puts to it.
    fn plain(&self, package: usize) -> Option<&[u8]> {
        let name = self.name(package)?;
        match self.managers.get(package) {
            Some(Manager::Dpkg) => name.split(|byte| *byte == b':').next(),
            _ => Some(name),
        }
    }

    /// Every list of files that was found: who keeps it, and the name of its package as the database calls it, of
    /// dpkg's with `:ARCHITECTURE` where its list has that. A package may have several.
    pub fn lists(&self) -> impl Iterator<Item = (Manager, &[u8])> {
        self.managers.iter().enumerate().filter_map(|(at, manager)| Some((*manager, self.name(at)?)))
    }

    /// Every file of every list, by the place of the list; none unless they were asked for.
    pub fn held(&self) -> &[(u32, NodeId)] {
        self.held.as_deref().unwrap_or_default()
    }

    /// How many packages were found.
    pub fn packages(&self) -> usize {
        self.ends.len()
    }
}
