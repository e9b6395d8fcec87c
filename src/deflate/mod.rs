//! Deflate streams as blocks at bit positions: finding the boundaries, and joining blocks of several streams into one.
//!
//! A deflate block may begin at any bit of a byte. To join blocks without shifting every bit of them, [`Joiner`] puts
//! small empty blocks in between until the output stands at the bit where the next blocks begin; whole bytes then go
//! over as they are. So stored blocks, which are aligned to bytes, stay aligned, and nothing inside the copied blocks
//! has to be known.

mod chunk;
mod inflate;
mod join;

pub use chunk::{Chunk, ChunkEncoder};
pub use inflate::{At, Corrupt, Inflater, Step};
pub use join::Joiner;
