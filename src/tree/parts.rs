//! A layer that is written as several.
//!
//! # Decisions
//! - Every name is in exactly one part. A directory that has files of several parts is declared in one of them, and the
//!   others leave it to that one.
//! - All names of a file are in one part, because no runtime links across layers.
//! - Markers are in the first part: they are about what lies below all of them.

use super::names::Tree;
use super::node::{InodeId, NodeId};

/// Which part of a layer each of its names is in.
#[derive(Clone, Debug)]
pub struct Parts {
    of: Vec<u8>,
    count: u8,
}

impl Parts {
    /// One part with everything.
    pub fn one() -> Self {
        Self { of: Vec::new(), count: 1 }
    }

    /// Divides the names of `tree` into `count` parts, as `of` says by node. Names of one file get the last of theirs.
    pub fn new(tree: &Tree, mut of: Vec<u8>, count: u8) -> Self {
        let mut last = vec![0; tree.inode_count()];
        let groups = |tree: &Tree, id: NodeId| Some(tree.inode_id(id)).filter(|_| tree.inode(id).links > 1);
        for id in tree.nodes() {
            if let Some(InodeId(inode)) = groups(tree, id) {
                let known: &mut u8 = &mut last[inode as usize];
                *known = of[id.index()].max(*known);
            }
        }
        for id in tree.nodes() {
            if let Some(InodeId(inode)) = groups(tree, id) {
                of[id.index()] = last[inode as usize];
            }
        }
        Self { of, count }
    }

    /// How many there are.
    pub fn count(&self) -> u8 {
        self.count
    }

    /// The part that a name is in.
    pub fn of(&self, id: NodeId) -> u8 {
        self.of.get(id.index()).copied().unwrap_or(0)
    }
}
