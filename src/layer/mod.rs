//! Layers: from blobs to what they say ([`index_all`]) and the tree they make ([`stack()`]), and from a difference to
//! a blob ([`Writing`]).

mod entries;
mod gzip;
mod index;
mod plain;
mod recipe;
mod stack;
mod write;

pub use index::{EntrySpan, IndexError, LayerIndex, Note, Source};
pub use plain::Seen;
pub use recipe::Account;
pub use stack::{AtLayer, index_all, stack};
pub use write::{WriteError, Writing, Written};
