//! Where the paths of one tree are in another: each is looked up once, in what its parent was found to be, so that all
//! of them cost as much as there are, however deep they lie.

use super::names::Tree;
use super::node::{Full, NodeId};

/// The twins of the paths of one tree in another, found when they are asked for.
pub(super) struct Twins {
    /// By path of the one tree: the path of the other.
    known: Vec<u32>,
}

/// Not asked for yet.
const UNKNOWN: u32 = u32::MAX;
/// The other tree has no such path.
const ABSENT: u32 = u32::MAX - 1;

impl Twins {
    /// Those of the paths that `tree` has by now.
    pub(super) fn of(tree: &Tree) -> Self {
        let mut known = vec![UNKNOWN; tree.node_count()];
        known[tree.root().index()] = tree.root().0;
        Self { known }
    }

    /// What `other` has where `tree` has `id`. Names may have gone from `other` since it was asked last, but none may
    /// have come.
    pub(super) fn find(&mut self, tree: &Tree, id: NodeId, other: &Tree) -> Option<NodeId> {
        let found = self.climb(tree, id, |parent, name| Ok::<_, Full>(other.paths.find(parent, name)));
        found.ok().flatten().filter(|twin| other.is_live(*twin))
    }

    /// The path of `other` where `tree` has `id`, whether or not something is there.
    pub(super) fn intern(&mut self, tree: &Tree, id: NodeId, other: &mut Tree) -> Result<NodeId, Full> {
        let twin = self.climb(tree, id, |parent, name| other.intern(NodeId(parent), name).map(|twin| Some(twin.0)))?;
        twin.ok_or(Full)
    }

    /// Finds the nearest parent that is known, and from there the way down by `step`.
    fn climb<E>(
        &mut self,
        tree: &Tree,
        id: NodeId,
        mut step: impl FnMut(u32, &[u8]) -> Result<Option<u32>, E>,
    ) -> Result<Option<NodeId>, E> {
        let mut unknown = Vec::new();
        let mut at = id;
        while self.known[at.index()] == UNKNOWN {
            unknown.push(at);
            at = tree.parent(at);
        }
        let mut twin = self.known[at.index()];
        while let Some(id) = unknown.pop() {
            if twin != ABSENT {
                twin = step(twin, tree.name(id))?.unwrap_or(ABSENT);
            }
            self.known[id.index()] = twin;
        }
        Ok((twin != ABSENT).then_some(NodeId(twin)))
    }
}
