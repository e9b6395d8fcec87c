//! The heart: file system trees in memory, and layers as differences between them. Pure; imports nothing of ours.
//!
//! ```text
//! LayerBuilder: entries in order ──> LayerDiff       (what one layer says, by itself)
//! apply(tree, diff, position)    ──> tree            (oldest layer first)
//! compose(diffs)                 ──> LayerDiff       (several layers as one, on whatever is below)
//! diff(base, tree)               ──> LayerDiff       (what a layer on top of base must say to get tree)
//! emission(diff)                 ──> order           (parents first, data before links to it)
//! ```
//! The law that holds them together: `apply(base, diff(base, tree)) == tree`.
//!
//! A tree holds names and inodes, never file contents: a file is its size, a fingerprint and the tar entry
//! ([`EntryRef`]) whose bytes it has. A hard link is one more name of an inode.

mod apply;
mod builder;
mod compose;
mod diff;
mod edit;
mod fate;
mod follow;
mod layer_diff;
mod links;
mod meta;
mod names;
mod node;
mod order;
mod parts;
mod path;
mod twins;

pub use apply::apply;
pub use builder::{LayerBuilder, PutError};
pub use compose::compose;
pub use diff::{SameContents, candidates, diff};
pub use fate::{Fate, Fated, Fates};
pub use follow::Follow;
pub use layer_diff::LayerDiff;
pub use meta::{Extra, Meta, Records, SparseMap, Timestamp};
pub use names::Tree;
pub use node::{EntryRef, Full, Inode, Kind, LinkError, LinkProblem, NodeId, SymlinkLoop};
pub use order::{Emission, Step};
pub use parts::Parts;
pub use path::{InvalidPath, TreePath};
