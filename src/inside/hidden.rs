//! What of the layers nobody sees, exactly: every byte of every layer is live, hidden, or overhead.
//!
//! # Decisions
//! - Hidden are the copies that something later hides, never what hides them. Contents that another name of the same
//!   file still shows are live, whatever became of the entry that has them.
//! - Whiteouts, entries that mean nothing, and the ends of archives are overhead: they hide, and nothing hides them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::layer::Layers;
use crate::tree::{EntryRef, Fate, Fates, Kind, LayerDiff, NodeId, Tree, TreePath};

/// What is hidden in the layers of an image.
#[derive(Clone, Debug, Default)]
pub struct Hidden {
    /// What is in each layer, by position.
    pub layers: Vec<LayerBytes>,
    /// What one layer hides of another for one reason, largest first.
    pub groups: Vec<Group>,
    /// The largest hidden files, largest first, at most 100.
    pub files: Vec<HiddenFile>,
}

/// Where the bytes of a layer are. They add up to its uncompressed bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerBytes {
    /// Bytes that are part of the image.
    pub live: u64,
    /// Bytes that something hides, by the reason.
    pub hidden: BTreeMap<Fate, u64>,
    /// Bytes that say what is gone, that mean nothing, or that end the archive.
    pub overhead: u64,
    /// Entries.
    pub entries: u64,
    /// Regular files among them.
    pub files: u64,
}

impl LayerBytes {
    /// All that is hidden, in bytes.
    pub fn hidden_bytes(&self) -> u64 {
        self.hidden.values().sum()
    }
}

/// What one layer hides of another for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The reason.
    pub fate: Fate,
    /// The position of the layer that has it.
    pub layer: usize,
    /// The position of the layer that hides it.
    pub by: usize,
    /// Bytes of headers and contents, padding included.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
    /// The deepest directory that at least nine of ten of these bytes are in.
    pub below: TreePath,
}

/// A file that nobody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiddenFile {
    /// Its path.
    pub path: TreePath,
    /// Bytes of its contents as they are stored.
    pub bytes: u64,
    /// Why it is hidden.
    pub fate: Fate,
    /// The position of the layer that has it.
    pub layer: usize,
    /// The position of the layer that hides it.
    pub by: usize,
}

/// Files that are listed.
const LARGEST: usize = 100;

/// Whether an entry that met this fate is hidden by something, and not what hides or what never meant anything.
pub fn is_hidden(fate: Fate) -> bool {
    !matches!(fate, Fate::Kept | Fate::Whiteout | Fate::Ignored)
}

/// Finds what of `layers`, which say `diffs` and make `tree`, is hidden. What became of their entries is in `fates`.
pub fn hidden(diffs: &[Arc<LayerDiff>], layers: Layers<'_>, fates: &Fates, tree: &Tree) -> Hidden {
    let shown = Shown::new(tree, &layers);
    let mut found = Hidden::default();
    for (position, diff) in diffs.iter().enumerate() {
        let nodes = nodes(diff, layers.indexes[position].entries.len());
        let layer = Layer { position, diff, layers, fates, shown: &shown, nodes: &nodes };
        found.layers.push(layer.bytes());
        found.groups.extend(layer.groups());
        layer.files(&mut found.files);
    }
    found.groups.sort_by_key(|group| (std::cmp::Reverse(group.bytes), group.layer, group.by, group.fate));
    found
}

/// The path of each entry of a layer, by its place; nothing for whiteouts and what means nothing.
pub(super) fn nodes(diff: &LayerDiff, entries: usize) -> Vec<Option<NodeId>> {
    let mut nodes = vec![None; entries];
    for (at, id) in diff.put() {
        if let Some(place) = nodes.get_mut(at as usize) {
            *place = Some(id);
        }
    }
    nodes
}

/// The entries whose contents a file of the final tree has.
pub(super) struct Shown(Vec<Vec<bool>>);

impl Shown {
    pub(super) fn new(tree: &Tree, layers: &Layers<'_>) -> Self {
        let mut shown: Vec<Vec<bool>> = layers.indexes.iter().map(|layer| vec![false; layer.entries.len()]).collect();
        for id in tree.nodes().filter(|id| matches!(tree.inode(*id).kind, Kind::File { .. })) {
            let EntryRef { layer, index } = tree.inode(id).source;
            if let Some(place) = shown.get_mut(usize::from(layer)).and_then(|layer| layer.get_mut(index as usize)) {
                *place = true;
            }
        }
        Self(shown)
    }

    /// Whether a file has the contents of the entry at `at` of the layer at `position`.
    pub(super) fn has(&self, position: usize, at: usize) -> bool {
        self.0.get(position).and_then(|layer| layer.get(at)).copied().unwrap_or(false)
    }
}

struct Layer<'l> {
    position: usize,
    diff: &'l LayerDiff,
    layers: Layers<'l>,
    fates: &'l Fates,
    shown: &'l Shown,
    nodes: &'l [Option<NodeId>],
}

impl Layer<'_> {
    /// Every entry that is hidden: its place, bytes of it that are, its fate, and who hides it.
    fn hidden(&self) -> impl Iterator<Item = (usize, u64, Fate, usize)> + '_ {
        let entries = self.layers.indexes[self.position].entries.iter().enumerate();
        let hidden = entries.zip(self.fates.of(self.position)).filter(|(_, fated)| is_hidden(fated.fate));
        hidden.map(|((at, span), fated)| {
            let contents = if self.shown.has(self.position, at) { 0 } else { span.padded() };
            (at, u64::from(span.header) + contents, fated.fate, usize::from(fated.by))
        })
    }

    fn bytes(&self) -> LayerBytes {
        let index = &self.layers.indexes[self.position];
        let mut bytes = LayerBytes { entries: index.entries.len() as u64, ..LayerBytes::default() };
        for (_, size, fate, _) in self.hidden() {
            *bytes.hidden.entry(fate).or_default() += size;
        }
        for ((at, span), fated) in index.entries.iter().enumerate().zip(self.fates.of(self.position)) {
            let (header, contents) = (u64::from(span.header), span.padded());
            if fated.fate == Fate::Kept {
                bytes.live += header + contents;
            } else if is_hidden(fated.fate) && self.shown.has(self.position, at) {
                bytes.live += contents;
            }
        }
        let upper = self.diff.upper();
        // A path that the layer has twice may have been something else before.
        let is_file = |id: &NodeId| upper.is_live(*id) && matches!(upper.inode(*id).kind, Kind::File { .. });
        bytes.files = self.nodes.iter().flatten().filter(|id| is_file(id)).count() as u64;
        bytes.overhead = index.plain_size - bytes.live - bytes.hidden_bytes();
        bytes
    }

    /// What of it each other layer hides.
    fn groups(&self) -> Vec<Group> {
        let mut entries: Vec<_> = self.hidden().map(|(at, bytes, fate, by)| (fate, by, at, bytes)).collect();
        entries.sort_unstable();
        let mut below = Below::new(self.diff.upper());
        let of_one = entries.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
        of_one
            .map(|entries| Group {
                fate: entries[0].0,
                layer: self.position,
                by: entries[0].1,
                bytes: entries.iter().map(|(.., bytes)| bytes).sum(),
                entries: entries.len() as u64,
                below: below.of(entries.iter().filter_map(|(.., at, bytes)| Some((self.nodes[*at]?, *bytes)))),
            })
            .collect()
    }

    /// Takes its largest hidden files into the list.
    fn files(&self, files: &mut Vec<HiddenFile>) {
        let upper = self.diff.upper();
        for (at, _, fate, by) in self.hidden().filter(|(at, ..)| !self.shown.has(self.position, *at)) {
            let bytes = self.layers.indexes[self.position].entries[at].stored;
            let is_large = files.len() < LARGEST || files.last().is_some_and(|least| bytes > least.bytes);
            if let Some(id) = self.nodes[at].filter(|_| bytes > 0 && is_large) {
                let place = files.partition_point(|known| known.bytes >= bytes);
                files.insert(place, HiddenFile { path: upper.path(id), bytes, fate, layer: self.position, by });
                files.truncate(LARGEST);
            }
        }
    }
}

/// Finds out where most bytes of a group of paths are, in time that grows with the group and the directories above it.
struct Below<'t> {
    tree: &'t Tree,
    /// The group that met a path last, and its bytes below that path.
    met: Vec<(u32, u64)>,
    group: u32,
}

impl<'t> Below<'t> {
    fn new(tree: &'t Tree) -> Self {
        Self { tree, met: vec![(0, 0); tree.node_count()], group: 0 }
    }

    /// The deepest directory that at least nine of ten of these bytes are in.
    fn of(&mut self, paths: impl Iterator<Item = (NodeId, u64)>) -> TreePath {
        self.group += 1;
        let mut met = Vec::new();
        for (id, bytes) in paths {
            let is_directory = self.tree.is_live(id) && self.tree.inode(id).kind == Kind::Directory;
            let mut at = if is_directory { id } else { self.tree.parent(id) };
            let start = at;
            while self.met[at.index()].0 != self.group {
                self.met[at.index()] = (self.group, 0);
                met.push(at);
                at = self.tree.parent(at);
            }
            self.met[start.index()].1 += bytes;
        }
        // Paths are met after the ones that they are in.
        met.sort_unstable_by_key(|id| std::cmp::Reverse(id.index()));
        for id in met.iter().filter(|id| **id != self.tree.root()) {
            let bytes = self.met[id.index()].1;
            self.met[self.tree.parent(*id).index()].1 += bytes;
        }
        let all = self.met[self.tree.root().index()].1;
        let has_most = |id: &&NodeId| u128::from(self.met[id.index()].1) * 10 >= u128::from(all) * 9;
        // Of two that have more than half of it one is in the other, so the last is the deepest.
        met.iter().find(has_most).map_or_else(TreePath::default, |id| self.tree.path(*id))
    }
}
