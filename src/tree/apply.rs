//! Laying one layer over the layers below it.
//!
//! # Decisions
//! - First what the layer removes, then what it puts, whatever the order of its entries: a whiteout and a new file of
//!   the same name in one layer leave the new file, and a directory removed and made again does not show its old
//!   children (image-spec, layer.md, "Whiteouts").
//! - A directory over a directory changes the metadata and keeps the children. Anything else over anything replaces it
//!   with all below it.
//! - A directory that is only implied keeps the metadata the lower directory has (containerd; docker and podman lose
//!   it), and replaces a lower symlink or file (all three).
//! - A hard link to a lower layer's file joins that file (umoci; docker, podman and containerd refuse such layers).

use std::sync::Arc;

use super::fate::{Fate, Fates};
use super::follow::Follow;
use super::layer_diff::{LayerDiff, Unresolved};
use super::links::resolve;
use super::names::{Gone, Tree};
use super::node::{EntryRef, Inode, InodeId, Kind, NodeId};
use super::twins::Twins;
use super::{Full, LinkError, PutError};

/// Lays `layer`, which is at `position` (oldest 0), over `tree` and notes in `fates` what became of the entries below
/// it. Layers come oldest first.
pub fn apply(tree: &mut Tree, layer: Arc<LayerDiff>, position: u16, fates: &mut Fates) -> Result<(), PutError> {
    if position == 0 && tree.is_empty() && tree.is_implied(tree.root()) {
        // Nothing is below the oldest layer, so it is the tree: a copy of a million files would cost as much again.
        let layer = Arc::unwrap_or_clone(layer);
        *tree = layer.upper;
        return join(tree, layer.links);
    }
    let mut note = |gone: Gone<'_>, fate| {
        if let Some(entry) = gone.entry {
            fates.note(entry, fate, position);
        }
    };
    let mut twins = Twins::of(&layer.upper);
    for id in &layer.opaque {
        if let Some(directory) = twins.find(&layer.upper, *id, tree) {
            tree.remove_children(directory, &mut |gone| note(gone, Fate::Cleared));
        }
    }
    for id in &layer.removed {
        if let Some(gone) = twins.find(&layer.upper, *id, tree) {
            tree.remove(gone, &mut |gone| note(gone, Fate::Deleted));
        }
    }
    let mut merge = Merge::new(tree, &layer.upper, position, fates);
    merge.run()?;
    let (nodes, inodes) = merge.finish();
    let links = layer.links.iter().map(|unresolved| Unresolved {
        link: nodes[unresolved.link.0 as usize],
        inode: inodes[unresolved.inode.0 as usize],
    });
    let links = links.collect();
    join(tree, links)
}

/// Joins hard links to files of lower layers.
fn join(tree: &mut Tree, links: Vec<Unresolved>) -> Result<(), PutError> {
    let follow = &mut Follow::new(links.len());
    let (_, missing) = resolve(tree, links, follow)?;
    missing.map_or(Ok(()), |problem: LinkError| Err(problem.into()))
}

/// No twin yet.
const NONE: u32 = u32::MAX;

/// Puts all of one tree over another.
pub(super) struct Merge<'m> {
    tree: &'m mut Tree,
    upper: &'m Tree,
    /// Where the upper tree's layer is.
    position: u16,
    fates: &'m mut Fates,
    /// The path in `tree` of each path of `upper`.
    nodes: Vec<NodeId>,
    /// The inode in `tree` of each inode of `upper`.
    inodes: Vec<InodeId>,
}

impl<'m> Merge<'m> {
    pub(super) fn new(tree: &'m mut Tree, upper: &'m Tree, position: u16, fates: &'m mut Fates) -> Self {
        let nodes = vec![NodeId(NONE); upper.paths.len()];
        let inodes = vec![InodeId(NONE); upper.inode_count()];
        Self { tree, upper, position, fates, nodes, inodes }
    }

    /// Parents come before children, because a path is interned after the path it is in.
    pub(super) fn run(&mut self) -> Result<(), Full> {
        self.nodes[0] = self.tree.root();
        for id in self.upper.nodes() {
            let place = if id == self.upper.root() {
                self.tree.root()
            } else {
                let parent = self.nodes[self.upper.parent(id).0 as usize];
                self.tree.intern(parent, self.upper.name(id))?
            };
            self.nodes[id.0 as usize] = place;
            self.lay(id, place);
        }
        Ok(())
    }

    /// The path and the inode that each path and inode of the upper tree has become.
    pub(super) fn finish(self) -> (Vec<NodeId>, Vec<InodeId>) {
        (self.nodes, self.inodes)
    }

    /// An entry of the upper tree's layer, which knows nothing of its position.
    fn placed(&self, entry: EntryRef) -> EntryRef {
        EntryRef { layer: self.position, ..entry }
    }

    fn lay(&mut self, id: NodeId, place: NodeId) {
        let new = self.upper.inode(id);
        if self.tree.is_live(place) {
            if new.kind == Kind::Directory && self.tree.is_directory(place) {
                if !self.upper.is_implied(id) {
                    self.redeclare(place, id);
                }
                return;
            }
            let (fates, by) = (&mut *self.fates, self.position);
            self.tree.remove(place, &mut |gone| {
                if let Some(entry) = gone.entry {
                    fates.note(entry, if gone.is_below { Fate::Buried } else { fate_under(gone.inode, new) }, by);
                }
            });
        }
        let (source, entry) = (self.placed(new.source), self.placed(self.upper.entry(id)));
        let known = &mut self.inodes[self.upper.inode_id(id).0 as usize];
        if known.0 == NONE {
            let inode = self.tree.add_inode(new.kind.clone(), new.meta.clone(), source);
            self.tree.inode_mut(inode).header_differs = new.header_differs;
            *known = inode;
        }
        self.tree.place(place, *known, entry);
        self.tree.set_implied(place, self.upper.is_implied(id));
        self.tree.set_has_entry(place, self.upper.has_entry(id));
        self.tree.set_renamed(place, self.upper.is_renamed(id));
        self.tree.set_links_to_source(place, self.upper.links_to_source(id));
    }

    /// A declared directory over a directory: the metadata changes, the place in the order stays.
    fn redeclare(&mut self, place: NodeId, id: NodeId) {
        let new = self.upper.inode(id);
        let entry = self.placed(self.upper.entry(id));
        let inode = self.tree.inode_id(place);
        self.tree.set_implied(place, false);
        if !self.tree.has_entry(place) {
            self.tree.set_entry(place, entry);
            self.tree.set_has_entry(place, self.upper.has_entry(id));
            self.tree.set_renamed(place, self.upper.is_renamed(id));
            let inode = self.tree.inode_mut(inode);
            (inode.source, inode.header_differs) = (entry, new.header_differs);
        } else {
            if self.upper.has_entry(id) {
                self.fates.note(entry, Fate::RepeatedDirectory, self.position);
            }
            let inode = self.tree.inode_mut(inode);
            inode.header_differs |= inode.meta != new.meta;
        }
        self.tree.inode_mut(inode).meta = new.meta.clone();
    }
}

/// Why `old` is gone when `new` takes its place.
fn fate_under(old: &Inode, new: &Inode) -> Fate {
    match (&old.kind, &new.kind) {
        (Kind::File { size, fingerprint }, Kind::File { size: new_size, fingerprint: new_fingerprint })
            if *size > 0 && size == new_size && fingerprint == new_fingerprint =>
        {
            Fate::MetadataCopy
        }
        (Kind::Symlink(old), Kind::Symlink(new)) if old == new => Fate::MetadataCopy,
        _ => Fate::Overwritten,
    }
}
