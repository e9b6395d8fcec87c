//! The order in which a layer's entries are written.
//!
//! # Decisions
//! - Source layers oldest first, within each its own order, so that unchanged stretches stay together and each source
//!   layer is read once, forward. A directory keeps the place of the entry that first declared it.
//! - Parents come before what is in them: one that would come later, or that nothing declares, is moved up to its first
//!   child.
//! - The contents of a file lie where its source entry is; the name that entry gave carries them, or else the first
//!   surviving name. Every other name is a link and comes after.

use super::layer_diff::LayerDiff;
use super::names::Tree;
use super::node::{EntryRef, NodeId};
use super::parts::Parts;

/// One entry of the layer to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A whiteout of a lower path.
    Whiteout(NodeId),
    /// An opaque marker in a directory.
    Opaque(NodeId),
    /// A file with its metadata and, for a regular file, its contents, in its own place.
    Node(NodeId),
    /// A directory before its own place, because something that comes now is in it.
    Ahead(NodeId),
    /// A hard link to a name that came before.
    Link {
        /// The link.
        name: NodeId,
        /// The name with the contents.
        to: NodeId,
    },
}

impl Step {
    /// The name that it is about.
    pub fn name(self) -> NodeId {
        match self {
            Self::Whiteout(id) | Self::Opaque(id) | Self::Node(id) | Self::Ahead(id) | Self::Link { name: id, .. } => {
                id
            }
        }
    }
}

/// The steps of a layer, in order.
pub struct Emission<'d> {
    diff: &'d LayerDiff,
    parts: &'d Parts,
    /// The part whose steps these are.
    part: u8,
    /// The name that has the contents, by inode.
    carriers: Vec<Option<NodeId>>,
    /// Nodes by place, the next one last.
    queue: Vec<NodeId>,
    /// Whiteouts and opaque markers, which come before all nodes but their parents, the next one last.
    markers: Vec<Step>,
    emitted: Vec<bool>,
    /// A step and the directories that have to come before it, the next one last.
    ready: Vec<Step>,
}

/// Where a node comes: its place, whether it is a link that waits for its contents, its own entry, its path.
type Place = (EntryRef, bool, EntryRef, NodeId);

impl<'d> Emission<'d> {
    /// The order of one part of `diff`.
    pub fn new(diff: &'d LayerDiff, parts: &'d Parts, part: u8) -> Self {
        let upper = &diff.upper;
        let carriers = carriers(upper);
        // A directory without an entry comes with its first child; one without a child where the entry is that needed
        // it.
        let has_child = |id: NodeId| upper.children(id).any(|child| parts.of(child) == part);
        let waits = |id: NodeId| !upper.has_entry(id) && (id == upper.root() || has_child(id));
        let mut queue: Vec<NodeId> = upper.nodes().filter(|id| parts.of(*id) == part && !waits(*id)).collect();
        queue.sort_unstable_by_key(|id| std::cmp::Reverse(place(upper, &carriers, *id)));
        let mut markers = Vec::new();
        if part == 0 {
            markers.extend(diff.opaque.iter().rev().map(|id| Step::Opaque(*id)));
            markers.extend(diff.removed.iter().rev().map(|id| Step::Whiteout(*id)));
        }
        let emitted = vec![false; upper.paths.len()];
        Self { diff, parts, part, carriers, queue, markers, emitted, ready: Vec::new() }
    }

    /// The next step without regard to parents.
    fn take(&mut self) -> Option<(Step, NodeId)> {
        if let Some(marker) = self.markers.pop() {
            let (Step::Whiteout(id) | Step::Opaque(id)) = marker else { return None };
            return Some((marker, id));
        }
        while let Some(id) = self.queue.pop() {
            if self.first_time(id) {
                return Some((self.step(id), id));
            }
        }
        None
    }

    fn first_time(&mut self, id: NodeId) -> bool {
        !std::mem::replace(&mut self.emitted[id.0 as usize], true)
    }

    fn step(&self, id: NodeId) -> Step {
        match self.carriers[self.diff.upper.inode_id(id).0 as usize] {
            Some(carrier) if carrier != id => Step::Link { name: id, to: carrier },
            _ => Step::Node(id),
        }
    }
}

impl Iterator for Emission<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if self.ready.is_empty() {
            let (step, id) = self.take()?;
            self.ready.push(step);
            let upper = &self.diff.upper;
            let mut at = if matches!(step, Step::Opaque(_)) { id } else { upper.parent(id) };
            while at != upper.root() && upper.is_live(at) && self.first_time(at) {
                if self.parts.of(at) == self.part {
                    self.ready.push(Step::Ahead(at));
                }
                at = upper.parent(at);
            }
            let root = upper.root();
            if !upper.is_implied(root) && self.parts.of(root) == self.part && self.first_time(root) {
                self.ready.push(Step::Ahead(root));
            }
        }
        self.ready.pop()
    }
}

/// The name that has the contents of each inode that is no directory.
fn carriers(tree: &Tree) -> Vec<Option<NodeId>> {
    let mut carriers = vec![None; tree.inode_count()];
    for id in tree.nodes().filter(|id| !tree.is_directory(*id)) {
        let source = tree.inode(id).source;
        let rank = |id: NodeId| (tree.entry(id) != source, tree.entry(id), id);
        let carrier = &mut carriers[tree.inode_id(id).0 as usize];
        if carrier.is_none_or(|known| rank(id) < rank(known)) {
            *carrier = Some(id);
        }
    }
    carriers
}

fn place(tree: &Tree, carriers: &[Option<NodeId>], id: NodeId) -> Place {
    let entry = tree.entry(id);
    if tree.is_directory(id) {
        return (entry, false, entry, id);
    }
    let source = tree.inode(id).source;
    match carriers[tree.inode_id(id).0 as usize] {
        Some(carrier) if carrier != id => (entry.max(source), entry < source, entry, id),
        _ => (source, false, entry, id),
    }
}
