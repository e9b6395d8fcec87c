//! Layers: from blobs to what they say ([`Readers`]) from a difference to the tar that
//! it is ([`recipes`]), and from there to a blob ([`Writing`]).

mod again;
mod ahead;
mod all;
mod compression;
mod contents;
mod copied;
mod entries;
mod feed;
mod frames;
mod gzip;
mod index;
mod look;
mod made;
mod open;
mod owners;
mod pack;
mod plain;
mod recipe;
mod shape;
mod splice;
mod stretches;
mod tasks;
mod usage;
mod write;
mod writer;

pub use all::{AtLayer, ReadLayer, Readers};
pub use compression::Compression;
pub use copied::Copied;
pub use index::{EntrySpan, IndexError, LayerIndex, Note};
pub use look::{Look, LookInside};
pub use made::made;
pub use open::{Seen, Source};
pub use owners::OwnersError;
pub use recipe::{Recipe, TooMuchWritten, recipes};
pub use stretches::Layers;
pub use write::{WriteError, Writing, Written};
