//! Deflate streams as blocks at bit positions: finding the boundaries, and joining blocks of several streams into one.
//!
//! A deflate block may begin at any bit of a byte. To join blocks without shifting every bit of them, [`Joiner`] puts
//! small empty blocks in between until the output stands at the bit where the next blocks begin; whole bytes then go
//! over as they are. So stored blocks, which are aligned to bytes, stay aligned, and nothing inside the copied blocks
//! has to be known. Only a block of which a part is wanted is looked into ([`Walk`]).

mod chunk;
mod gzip;
mod inflate;
mod join;
mod walk;

pub use chunk::{Chunk, ChunkEncoder};
pub use gzip::{Access, Boundary, GzipError, GzipReader, Place};
pub use inflate::{At, Corrupt, Inflater, Step, Until};
pub use join::Joiner;
pub use walk::{Cut, Walk, Word};
