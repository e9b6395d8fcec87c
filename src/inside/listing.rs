//! The files of an image as a list, seen and hidden, for whoever shows them all.
//!
//! # Decisions
//! - Paths are told by folders, each of which is named once: a list of whole paths would grow with their depth.
//! - Whose a hidden file was is told by the file that has its path now, if there is one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::hidden::{Shown, is_hidden, nodes};
use crate::layer::{Layers, OwnersError};
use crate::packages::{Owner, Owners};
use crate::slim::RuleOutcome;
use crate::text;
use crate::tree::{EntryRef, Fates, Kind, LayerDiff, NodeId, Tree, TreePath};

/// The files of an image and the folders that they are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The root first, and each after the one that it is in.
    pub folders: Vec<Folder>,
    /// In the order of their folders, and by name in each.
    pub files: Vec<ListedFile>,
    /// The names of the packages that have any of them.
    pub packages: Vec<String>,
}

/// A folder that something is in, or that the final file system has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// What it is called, as [`text::exact`] writes it; empty for the root.
    pub name: String,
    /// The place of the folder that it is in; its own for the root.
    pub up: usize,
    /// The layer that first declared it, oldest 1; `None` when the final file system has it not.
    pub layer: Option<u64>,
}

/// A file of an image, seen or hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// The place of its folder.
    pub folder: usize,
    /// What it is called, as [`text::exact`] writes it.
    pub name: Box<str>,
    /// Bytes of its contents as they are stored, the same for every name of a hard-linked file.
    pub bytes: u64,
    /// The layer that has its contents, oldest 1.
    pub layer: u64,
    /// Whether a container sees it.
    pub state: FileState,
    /// The file that it is a name of, when it has several.
    pub link: Option<Link>,
    /// The place of the package that has it.
    pub package: Option<usize>,
    /// What it is.
    pub kind: FileKind,
    /// Whether it is a regular file.
    pub is_regular: bool,
}

/// A file with several names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Tells it from others.
    pub inode: u64,
    /// Whether no other name of it came before.
    pub is_first: bool,
}

/// Whether a container sees a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileState {
    /// It does.
    Live,
    /// It does not.
    Hidden {
        /// Why, in lower case with underscores.
        cause: &'static str,
        /// The layer that hides it, oldest 1.
        by: u64,
    },
}

/// What a file is, as far as its path and its owner tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// A package has it.
    Package,
    /// A prune rule would take it.
    Prunable,
    /// A secret is in it.
    Secret,
    /// Nobody but the image has it.
    Application,
    /// It is hidden, and nothing tells.
    Unknown,
}

impl FileKind {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Package, Self::Application, Self::Prunable, Self::Secret, Self::Unknown];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Prunable => "prunable",
            Self::Secret => "secret",
            Self::Application => "application",
            Self::Unknown => "unknown",
        }
    }
}

impl ListedFile {
    /// Its bytes; 0 for further names of a hard-linked file.
    pub fn own_bytes(&self) -> u64 {
        if self.link.is_some_and(|link| !link.is_first) { 0 } else { self.bytes }
    }
}

impl Listing {
    /// Says of the files at these paths, each in a layer (oldest 1) or in all, that a secret is in them. Paths are as
    /// reports write them.
    pub fn mark_secrets<'p>(&mut self, paths: impl IntoIterator<Item = (&'p str, Option<u64>)>) {
        let mut wanted: HashMap<(usize, &str), Vec<Option<u64>>> = HashMap::new();
        let known: HashMap<(usize, &str), usize> =
            self.folders.iter().enumerate().skip(1).map(|(at, folder)| ((folder.up, &*folder.name), at)).collect();
        for (path, layer) in paths {
            let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
            let mut names = folders.split('/').filter(|name| !name.is_empty());
            let folder = names.try_fold(0, |at, name| known.get(&(at, name)).copied());
            wanted.entry((folder.unwrap_or(usize::MAX), name)).or_default().push(layer);
        }
        if wanted.is_empty() {
            return;
        }
        for file in &mut self.files {
            let layers = wanted.get(&(file.folder, &*file.name));
            if layers.is_some_and(|layers| layers.iter().any(|layer| layer.is_none_or(|layer| layer == file.layer))) {
                file.kind = FileKind::Secret;
            }
        }
    }
}

/// Lists the files of `layers`, which say `diffs` and make `tree`; what became of their entries is in `fates`.
/// `prunable` is what the safe prune rules would take.
pub fn listing(
    diffs: &[Arc<LayerDiff>],
    layers: Layers<'_>,
    fates: &Fates,
    tree: &Tree,
    prunable: &[RuleOutcome],
) -> Result<Listing, OwnersError> {
    let owners = match layers.owners(tree) {
        Ok(owners) => owners,
        // Findings tell of that already.
        Err(OwnersError::Packages(_)) => Owners::default(),
        Err(problem) => return Err(problem),
    };
    let mut list = List::new(tree, layers, &owners);
    list.live(&prunable_nodes(tree, prunable));
    let shown = Shown::new(tree, &layers);
    for (position, diff) in diffs.iter().enumerate() {
        list.hidden(position, diff.upper(), &nodes(diff, layers.indexes[position].entries.len()), fates, &shown);
    }
    let mut listing = list.listing;
    listing.files.sort_by(|a, b| (a.folder, &a.name, a.layer).cmp(&(b.folder, &b.name, b.layer)));
    Ok(listing)
}

/// The files of `tree` that these rules would take.
fn prunable_nodes(tree: &Tree, rules: &[RuleOutcome]) -> HashSet<NodeId> {
    let find = |path: &TreePath| path.components().try_fold(tree.root(), |at, name| tree.child(at, name));
    rules.iter().flat_map(|rule| rule.taken.gone.iter().chain(&rule.taken.emptied)).filter_map(find).collect()
}

/// A list that grows.
struct List<'l> {
    tree: &'l Tree,
    layers: Layers<'l>,
    owners: &'l Owners,
    listing: Listing,
    /// The folders by what they are in and by name.
    known: HashMap<(usize, Box<[u8]>), usize>,
    packages: HashMap<&'l [u8], usize>,
}

/// No folder yet.
const NONE: usize = usize::MAX;

impl<'l> List<'l> {
    fn new(tree: &'l Tree, layers: Layers<'l>, owners: &'l Owners) -> Self {
        let listing = Listing { folders: vec![Folder::default()], ..Listing::default() };
        Self { tree, layers, owners, listing, known: HashMap::new(), packages: HashMap::new() }
    }

    fn folder_called(&mut self, up: usize, name: &[u8]) -> usize {
        let folders = &mut self.listing.folders;
        *self.known.entry((up, name.into())).or_insert_with(|| {
            folders.push(Folder { name: text::exact(name), up, layer: None });
            folders.len() - 1
        })
    }

    /// The place of the folder that `id` of `tree` is; `met` has the places of those that were looked for.
    fn folder(&mut self, tree: &Tree, met: &mut [usize], id: NodeId) -> usize {
        let (mut way, mut at) = (Vec::new(), id);
        while met[at.index()] == NONE && at != tree.root() {
            way.push(at);
            at = tree.parent(at);
        }
        let mut folder = if at == tree.root() { 0 } else { met[at.index()] };
        for id in way.into_iter().rev() {
            folder = self.folder_called(folder, tree.name(id));
            met[id.index()] = folder;
        }
        folder
    }

    /// What owns a file of the final tree, and what it is therefore.
    fn owner(&mut self, id: NodeId, otherwise: FileKind) -> (Option<usize>, FileKind) {
        match self.owners.owner(id) {
            Owner::Nobody => (None, otherwise),
            Owner::Several => (None, FileKind::Package),
            Owner::Package(name) => {
                let packages = &mut self.listing.packages;
                let place = *self.packages.entry(name).or_insert_with(|| {
                    packages.push(text::exact(name));
                    packages.len() - 1
                });
                (Some(place), FileKind::Package)
            }
        }
    }

    /// Lists what a container sees.
    fn live(&mut self, prunable: &HashSet<NodeId>) {
        let tree = self.tree;
        let mut met = vec![NONE; tree.node_count()];
        let mut seen: HashSet<EntryRef> = HashSet::new();
        for id in tree.nodes() {
            let inode = tree.inode(id);
            let EntryRef { layer, index } = inode.source;
            if inode.kind == Kind::Directory {
                let folder = self.folder(tree, &mut met, id);
                self.listing.folders[folder].layer = Some(u64::from(layer) + 1);
                continue;
            }
            let is_regular = matches!(inode.kind, Kind::File { .. });
            let span = self.layers.indexes.get(usize::from(layer)).and_then(|layer| layer.entries.get(index as usize));
            let (package, mut kind) = self.owner(id, FileKind::Application);
            if prunable.contains(&id) {
                kind = FileKind::Prunable;
            }
            let link = (inode.links > 1).then(|| Link {
                inode: (u64::from(layer) << 32 | u64::from(index)) + 1,
                is_first: seen.insert(inode.source),
            });
            let folder = self.folder(tree, &mut met, tree.parent(id));
            self.listing.files.push(ListedFile {
                folder,
                name: text::exact(tree.name(id)).into(),
                bytes: span.filter(|_| is_regular).map_or(0, |span| span.stored),
                layer: u64::from(layer) + 1,
                state: FileState::Live,
                link,
                package,
                kind,
                is_regular,
            });
        }
    }

    /// Lists what nobody sees of the layer at `position`, whose paths `upper` has.
    fn hidden(&mut self, position: usize, upper: &Tree, nodes: &[Option<NodeId>], fates: &Fates, shown: &Shown) {
        let mut met = vec![NONE; upper.node_count()];
        let entries = self.layers.indexes[position].entries.iter().enumerate().zip(fates.of(position));
        for ((at, span), fated) in entries {
            let Some(id) = nodes[at].filter(|_| is_hidden(fated.fate) && !shown.has(position, at)) else { continue };
            // Of what has no contents only the tree tells what it is, unless the layer has the path again.
            let kind = upper.is_live(id).then(|| &upper.inode(id).kind);
            let is_listed =
                span.stored > 0 || kind.is_some_and(|kind| !matches!(kind, Kind::Directory | Kind::Elsewhere(_)));
            if !is_listed {
                continue;
            }
            let folder = self.folder(upper, &mut met, upper.parent(id));
            let now = upper.path(id).components().try_fold(self.tree.root(), |at, name| self.tree.child(at, name));
            let (package, kind_now) = now.map_or((None, FileKind::Unknown), |id| self.owner(id, FileKind::Unknown));
            self.listing.files.push(ListedFile {
                folder,
                name: text::exact(upper.name(id)).into(),
                bytes: span.stored,
                layer: position as u64 + 1,
                state: FileState::Hidden { cause: fated.fate.key(), by: u64::from(fated.by) + 1 },
                link: None,
                package,
                kind: kind_now,
                is_regular: span.stored > 0 || matches!(kind, Some(Kind::File { .. })),
            });
        }
    }
}
