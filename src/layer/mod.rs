//! Layers: from blobs to what they say ([`index_all`]) and the tree they make ([`stack()`]), and from a difference to
//! a blob ([`Writing`]).

mod ahead;
mod entries;
mod feed;
mod gzip;
mod index;
mod open;
mod pack;
mod plain;
mod recipe;
mod splice;
mod stack;
mod tasks;
mod write;
mod writer;

pub use index::{EntrySpan, IndexError, LayerIndex, Note};
pub use open::{Seen, Source};
pub use pack::Compression;
pub use recipe::{Account, Recipe, recipe};
pub use stack::{AtLayer, index_all, stack};
pub use write::{WriteError, Writing, Written};
