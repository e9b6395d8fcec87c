//! The tree itself: names and the inodes they refer to.
//!
//! # Decisions
//! - A node is a path of the table and refers to an inode; a hard link is a second node with the same inode. So
//!   replacing or removing one name leaves the others with the old contents and metadata.
//! - A node remembers the tar entry that put it, an inode the tar entry whose bytes it has. Nothing else leads back to
//!   the layers.
//! - Children are a doubly linked list through the nodes: 24 bytes a node, and removing one costs nothing.

use super::meta::{Meta, Timestamp};
use super::node::{EntryRef, Full, Inode, InodeId, Kind, NodeId};
use super::path::{PathTable, ROOT, TreePath};

/// A file system tree.
#[derive(Clone)]
pub struct Tree {
    pub(super) paths: PathTable,
    nodes: Vec<Node>,
    inodes: Vec<Inode>,
    live: usize,
    /// Bytes of attributes that hard links gave to files.
    pub(super) copied: u64,
}

/// A name that was taken out of a tree.
pub(super) struct Gone<'t> {
    /// The name.
    pub(super) id: NodeId,
    /// The entry of a tar that put it; `None` for a directory that none declares.
    pub(super) entry: Option<EntryRef>,
    /// The inode it referred to.
    pub(super) inode: &'t Inode,
    /// Whether it went because a directory that it was in did.
    pub(super) is_below: bool,
}

#[derive(Clone, Copy)]
struct Node {
    inode: u32,
    first_child: u32,
    next: u32,
    previous: u32,
    // The parts of an EntryRef, side by side so that a node has 24 bytes.
    index: u32,
    layer: u16,
    flags: u8,
}

impl Node {
    fn new(inode: u32, entry: EntryRef) -> Self {
        let EntryRef { layer, index } = entry;
        Self { inode, first_child: NONE, next: NONE, previous: NONE, index, layer, flags: 0 }
    }

    fn entry(&self) -> EntryRef {
        EntryRef { layer: self.layer, index: self.index }
    }
}

/// No inode, no child, no sibling.
const NONE: u32 = u32::MAX;
/// The layer does not declare this directory: it is there because something is in it, and keeps the metadata below.
const IMPLIED: u8 = 1;
/// No entry put this node; the one it refers to only needed it.
const WITHOUT_ENTRY: u8 = 8;
/// The entry that put this node calls it by another path (it went through a symlink of its own layer).
const RENAMED: u8 = 2;
/// The entry that put this node is a hard link to the name that has the data, spelled as that name is.
const LINKS_TO_SOURCE: u8 = 4;

impl Tree {
    /// The empty tree: a root that nothing declares.
    pub fn new() -> Self {
        let mut tree = Self { paths: PathTable::new(), nodes: Vec::new(), inodes: Vec::new(), live: 0, copied: 0 };
        let entry = EntryRef { layer: 0, index: 0 };
        let inode = tree.add_inode(Kind::Directory, Meta::implied(), entry);
        tree.place(NodeId(ROOT), inode, entry);
        tree.nodes[ROOT as usize].flags |= IMPLIED | WITHOUT_ENTRY;
        tree
    }

    /// The root.
    pub fn root(&self) -> NodeId {
        NodeId(ROOT)
    }

    /// Names in the tree, the root included.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Bytes of the contents of all files, holes included; those of a file with several names once.
    pub fn content_bytes(&self) -> u64 {
        let mut seen = vec![false; self.inodes.len()];
        let of = |id: NodeId| match self.inode(id).kind {
            Kind::File { size, .. } if !std::mem::replace(&mut seen[self.inode_id(id).0 as usize], true) => size,
            _ => 0,
        };
        self.nodes().map(of).fold(0, u64::saturating_add)
    }

    /// Paths that ever were in the tree: a bound for [`NodeId::index`].
    pub fn node_count(&self) -> usize {
        self.paths.len()
    }

    /// See [`super::LayerBuilder::weight`].
    pub(super) fn weight(&self) -> u64 {
        const PATH: u64 = 50;
        const INODE: u64 = 150;
        let (paths, inodes) = (self.paths.len() as u64, self.inodes.len() as u64);
        paths * PATH + inodes * INODE + self.paths.name_bytes() + self.copied
    }

    /// Whether nothing but the root is in the tree.
    pub fn is_empty(&self) -> bool {
        self.live <= 1
    }

    /// What is at `path`, following no symlink.
    pub fn find(&self, path: &TreePath) -> Option<NodeId> {
        path.components().try_fold(self.root(), |at, name| self.child(at, name))
    }

    /// The child of `parent` called `name`.
    pub fn child(&self, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        self.paths.find(parent.0, name).map(NodeId).filter(|id| self.is_live(*id))
    }

    /// The children of a node, in no particular order.
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let first = self.nodes.get(id.0 as usize).map_or(NONE, |node| node.first_child);
        std::iter::successors(some(first), |id| some(self.nodes[id.0 as usize].next))
    }

    /// Every node that is in the tree, in the order their paths were first met.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes.iter().zip(0..).filter(|(node, _)| node.inode != NONE).map(|(_, id)| NodeId(id))
    }

    /// Every path that ever was in the tree, parents first.
    pub(super) fn ever(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..u32::try_from(self.paths.len()).unwrap_or(NONE)).map(NodeId)
    }

    /// The inode a name refers to.
    pub fn inode(&self, id: NodeId) -> &Inode {
        &self.inodes[self.inode_id(id).0 as usize]
    }

    /// The whole path of a node.
    pub fn path(&self, id: NodeId) -> TreePath {
        self.paths.path(id.0)
    }

    /// The last component of a node's path; empty for the root.
    pub fn name(&self, id: NodeId) -> &[u8] {
        self.paths.name(id.0)
    }

    /// The directory a node is in; the root is in itself.
    pub fn parent(&self, id: NodeId) -> NodeId {
        NodeId(self.paths.parent(id.0))
    }

    /// The tar entry that put this name; for an implied directory, the one that needed it.
    pub fn entry(&self, id: NodeId) -> EntryRef {
        self.nodes[id.0 as usize].entry()
    }

    /// Whether an entry of a tar is this node's own, whose header could be its.
    pub fn has_entry(&self, id: NodeId) -> bool {
        self.nodes[id.0 as usize].flags & WITHOUT_ENTRY == 0
    }

    /// Whether the layer does not declare this directory.
    pub fn is_implied(&self, id: NodeId) -> bool {
        self.nodes[id.0 as usize].flags & IMPLIED != 0
    }

    /// Whether the entry that put this name spells another path.
    pub fn is_renamed(&self, id: NodeId) -> bool {
        self.nodes[id.0 as usize].flags & RENAMED != 0
    }

    /// Whether the entry that put this name is a hard link to the name with the data, by that name's own path.
    pub fn links_to_source(&self, id: NodeId) -> bool {
        self.nodes[id.0 as usize].flags & LINKS_TO_SOURCE != 0
    }

    /// Whether this path is in the tree.
    pub fn is_live(&self, id: NodeId) -> bool {
        self.nodes.get(id.0 as usize).is_some_and(|node| node.inode != NONE)
    }

    pub(super) fn is_directory(&self, id: NodeId) -> bool {
        self.inode(id).kind == Kind::Directory
    }

    pub(super) fn inode_id(&self, id: NodeId) -> InodeId {
        InodeId(self.nodes[id.0 as usize].inode)
    }

    pub(super) fn inode_count(&self) -> usize {
        self.inodes.len()
    }

    pub(super) fn inode_by_id(&self, id: InodeId) -> &Inode {
        &self.inodes[id.0 as usize]
    }

    /// The inode at a place below [`Self::inode_count`].
    pub(super) fn inode_at(&self, place: usize) -> &Inode {
        &self.inodes[place]
    }

    pub(super) fn inode_mut(&mut self, id: InodeId) -> &mut Inode {
        &mut self.inodes[id.0 as usize]
    }

    /// The path `name` in `parent`, whether or not something is there.
    pub(super) fn intern(&mut self, parent: NodeId, name: &[u8]) -> Result<NodeId, Full> {
        self.paths.intern(parent.0, name).map(NodeId).ok_or(Full)
    }

    /// A new inode without a name.
    pub(super) fn add_inode(&mut self, kind: Kind, meta: Meta, source: EntryRef) -> InodeId {
        // Inodes never outnumber tar entries and implied directories, which are limited to fewer than 4 billion.
        let id = InodeId(u32::try_from(self.inodes.len()).unwrap_or(NONE));
        self.inodes.push(Inode { kind, meta, source, links: 0, header_differs: false });
        id
    }

    /// Gives `inode` the name `id`, which must be free and whose parent must be in the tree.
    pub(super) fn place(&mut self, id: NodeId, inode: InodeId, entry: EntryRef) {
        let at = id.0 as usize;
        if self.nodes.len() <= at {
            self.nodes.resize(self.paths.len().max(at + 1), Node::new(NONE, entry));
        }
        debug_assert!(self.nodes[at].inode == NONE, "the name is free");
        self.nodes[at] = Node::new(inode.0, entry);
        self.inodes[inode.0 as usize].links += 1;
        self.live += 1;
        let parent = self.paths.parent(id.0);
        if id.0 == ROOT {
            return;
        }
        let first = self.nodes[parent as usize].first_child;
        self.nodes[at].next = first;
        if first != NONE {
            self.nodes[first as usize].previous = id.0;
        }
        self.nodes[parent as usize].first_child = id.0;
    }

    /// Gives a name that is in the tree another inode.
    pub(super) fn relink(&mut self, id: NodeId, inode: InodeId) {
        let old = self.inode_id(id);
        self.inodes[old.0 as usize].links -= 1;
        self.inodes[inode.0 as usize].links += 1;
        self.nodes[id.0 as usize].inode = inode.0;
    }

    /// Removes `id` and all below it, deepest last, and tells of each name. The root only loses its children.
    pub(super) fn remove(&mut self, id: NodeId, told: &mut dyn FnMut(Gone<'_>)) {
        if id.0 == ROOT {
            self.remove_children(id, told);
            return;
        }
        let Node { next, previous, .. } = self.nodes[id.0 as usize];
        if next != NONE {
            self.nodes[next as usize].previous = previous;
        }
        if previous == NONE {
            let parent = self.paths.parent(id.0) as usize;
            self.nodes[parent].first_child = next;
        } else {
            self.nodes[previous as usize].next = next;
        }
        self.forget(vec![id.0], id, told);
    }

    /// Removes all that is below `id`.
    pub(super) fn remove_children(&mut self, id: NodeId, told: &mut dyn FnMut(Gone<'_>)) {
        let children: Vec<u32> = self.children(id).map(|child| child.0).collect();
        self.nodes[id.0 as usize].first_child = NONE;
        self.forget(children, id, told);
    }

    /// Takes unlinked subtrees out of the tree, of which the one at `top` is what was meant.
    fn forget(&mut self, mut doomed: Vec<u32>, top: NodeId, told: &mut dyn FnMut(Gone<'_>)) {
        while let Some(id) = doomed.pop() {
            let node = &mut self.nodes[id as usize];
            let mut child = node.first_child;
            let inode = &mut self.inodes[node.inode as usize];
            let entry = (node.flags & WITHOUT_ENTRY == 0).then(|| node.entry());
            told(Gone { id: NodeId(id), entry, inode, is_below: id != top.0 });
            inode.links -= 1;
            node.inode = NONE;
            node.first_child = NONE;
            self.live -= 1;
            while child != NONE {
                doomed.push(child);
                child = self.nodes[child as usize].next;
            }
        }
    }

    /// Changes the time of every file.
    pub(super) fn map_times(&mut self, change: impl Fn(Timestamp) -> Timestamp) {
        for inode in &mut self.inodes {
            let new = change(inode.meta.mtime);
            inode.header_differs |= new != inode.meta.mtime;
            inode.meta.mtime = new;
        }
    }

    pub(super) fn rewrite_headers(&mut self) {
        self.inodes.iter_mut().for_each(|inode| inode.header_differs = true);
    }

    pub(super) fn set_implied(&mut self, id: NodeId, implied: bool) {
        self.set_flag(id, IMPLIED, implied);
    }

    pub(super) fn set_has_entry(&mut self, id: NodeId, has_entry: bool) {
        self.set_flag(id, WITHOUT_ENTRY, !has_entry);
    }

    pub(super) fn set_renamed(&mut self, id: NodeId, renamed: bool) {
        self.set_flag(id, RENAMED, renamed);
    }

    pub(super) fn set_links_to_source(&mut self, id: NodeId, links: bool) {
        self.set_flag(id, LINKS_TO_SOURCE, links);
    }

    pub(super) fn set_entry(&mut self, id: NodeId, entry: EntryRef) {
        let node = &mut self.nodes[id.0 as usize];
        (node.layer, node.index) = (entry.layer, entry.index);
    }

    fn set_flag(&mut self, id: NodeId, flag: u8, on: bool) {
        let flags = &mut self.nodes[id.0 as usize].flags;
        *flags = if on { *flags | flag } else { *flags & !flag };
    }
}

fn some(id: u32) -> Option<NodeId> {
    (id != NONE).then_some(NodeId(id))
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Tree {
    /// Equal when they hold the same paths with the same types, contents, metadata and hard-link groups. Which entries
    /// they come from, and whether a directory was declared, does not matter.
    fn eq(&self, other: &Self) -> bool {
        let mut twins = vec![NONE; self.inodes.len()];
        self.live == other.live
            && self.nodes().all(|id| {
                let Some(twin) = other.find(&self.path(id)) else { return false };
                let (mine, theirs) = (self.inode(id), other.inode(twin));
                let group = &mut twins[self.inode_id(id).0 as usize];
                let same_group = *group == NONE || *group == other.inode_id(twin).0;
                *group = other.inode_id(twin).0;
                same_group && mine.links == theirs.links && mine.kind == theirs.kind && mine.meta == theirs.meta
            })
    }
}

impl std::fmt::Debug for Tree {
    /// One line a name, sorted by path.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut nodes: Vec<_> = self.nodes().map(|id| (self.path(id), id)).collect();
        nodes.sort();
        for (path, id) in nodes {
            let Inode { kind, meta, links, .. } = self.inode(id);
            let names = if *links > 1 { format!(" inode {}", self.inode_id(id).0) } else { String::new() };
            writeln!(f, "{path} {kind:?} {:o} {}:{} {:?}{names}", meta.mode, meta.uid, meta.gid, meta.mtime)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::parse(text.as_bytes()).unwrap()
    }

    fn tree(names: &[&str]) -> Tree {
        let mut tree = Tree::new();
        let entry = EntryRef { layer: 0, index: 0 };
        for name in names {
            let (mut at, path) = (tree.root(), path(name));
            for component in path.components() {
                at = tree.intern(at, component).unwrap();
                if !tree.is_live(at) {
                    let inode = tree.add_inode(Kind::Directory, Meta::implied(), entry);
                    tree.place(at, inode, entry);
                }
            }
        }
        tree
    }

    #[test]
    fn removing_a_directory_takes_everything_below_and_nothing_else() {
        let mut tree = tree(&["a/b/c", "a/b/d", "a/e", "f"]);
        let mut count = 0;
        tree.remove(tree.find(&path("a/b")).unwrap(), &mut |_| count += 1);
        assert_eq!(count, 3);
        assert_eq!(tree, super::tests::tree(&["a/e", "f"]));
        tree.remove(tree.root(), &mut |_| ());
        assert_eq!(tree, Tree::new());
    }
}
