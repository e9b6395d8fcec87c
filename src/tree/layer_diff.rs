//! What one layer says.

use super::fate::Fates;
use super::meta::Timestamp;
use super::names::Tree;
use super::node::{EntryRef, InodeId, NodeId};

/// What one layer says: which lower paths are gone, and a tree to lay over what remains.
///
/// Every path in it is where the layer's entries end up: symlinks that the layer itself puts are followed already. One
/// that was read knows nothing of its position: all its entries say layer 0 until it is laid over others.
#[derive(Clone, Debug, Default)]
pub struct LayerDiff {
    /// Paths (of `upper`'s table) that lower layers no longer have.
    pub(super) removed: Vec<NodeId>,
    /// Directories whose lower children are all gone.
    pub(super) opaque: Vec<NodeId>,
    /// What the layer puts. Directories that are only implied keep the lower directory's metadata.
    pub(super) upper: Tree,
    /// Names of `upper` that are hard links to paths of lower layers.
    pub(super) links: Vec<Unresolved>,
    /// Entries, by their place, whose paths the layer has again later, and these paths.
    pub(super) repeated: Vec<(u32, NodeId)>,
    /// Whether nothing is known of the layers below, so that nothing may be written for an implied directory.
    pub(super) on_unknown: bool,
}

/// A name whose hard link found no target yet: its inode stands in for the target's.
#[derive(Clone, Debug)]
pub(super) struct Unresolved {
    pub(super) link: NodeId,
    pub(super) inode: InodeId,
}

impl LayerDiff {
    /// What the layer puts.
    pub fn upper(&self) -> &Tree {
        &self.upper
    }

    /// About how many bytes of memory it takes up: see [`super::LayerBuilder::weight`].
    pub fn weight(&self) -> u64 {
        self.upper.weight()
    }

    /// The lower paths the layer removes, in a fixed order.
    pub fn removed(&self) -> &[NodeId] {
        &self.removed
    }

    /// The directories whose lower children the layer hides.
    pub fn opaque(&self) -> &[NodeId] {
        &self.opaque
    }

    /// Every path that an entry of the layer put, with the place of that entry among the layer's; whiteouts, and what
    /// means nothing, have none. Only of a layer that was read, and not of a difference.
    pub fn put(&self) -> impl Iterator<Item = (u32, NodeId)> + '_ {
        let own = self.upper.nodes().filter(|id| self.upper.has_entry(*id));
        own.map(|id| (self.upper.entry(id).index, id)).chain(self.repeated.iter().copied())
    }

    /// Whether it says nothing at all.
    pub fn is_empty(&self) -> bool {
        let root = self.upper.root();
        self.removed.is_empty() && self.opaque.is_empty() && self.upper.is_empty() && self.upper.is_implied(root)
    }

    /// Whether it has hard links to files that it does not put itself.
    pub fn links_below(&self) -> bool {
        !self.links.is_empty()
    }

    /// Whether an implied directory is left to the layers below: they know its metadata and nobody else.
    pub fn leaves_implied_out(&self) -> bool {
        self.on_unknown
    }

    /// Changes the times of what the layer puts.
    pub fn map_times(&mut self, change: impl Fn(Timestamp) -> Timestamp) {
        self.upper.map_times(change);
    }

    /// Has every header written anew, so that nothing is in it but what the tree says.
    pub fn rewrite_headers(&mut self) {
        self.upper.rewrite_headers();
    }

    /// Makes files one that are equal but for their names, as [`Tree::duplicates`] groups them.
    pub fn link_together(&mut self, groups: &[Vec<EntryRef>], fates: &mut Fates) {
        self.upper.link_together(groups, fates);
    }
}
