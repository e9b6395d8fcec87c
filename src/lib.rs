//! Squash a container image archive into one layer: the same image, smaller.
//!
//! ```text
//! archive ──input──> catalog of images ──select──> image: manifest, config, layers by position
//!   layers ──layer::Readers (parallel, every byte verified)──> LayerDiff of each
//!   LayerDiffs ──layer::stack (tree::apply, oldest first)──> Tree
//!   Tree ──plan──> LayerDiff of the new layer
//!   LayerDiff ──layer::write (contents stream from the source layers)──> blob
//!   blobs ──assemble──> config, manifest, index ──output──> target
//! ```
//!
//! What it guarantees:
//! - The same root file system, to the last extended attribute, nanosecond and hard-link group, and the same config, to
//!   the last unknown key.
//! - Every blob is verified against its digest and size, every layer against its diff_id, before anything is written.
//! - The target is either what it was before or the whole new archive, and nothing else is left behind.
//! - Equal input and options make equal bytes, on every machine and with any number of threads.
//! - File contents are never held in memory and never touch a disk uncompressed; a tree entry costs about 200 bytes.
//!
//! [`squash()`] does all of it; the modules are its stages, each usable by itself. Below `main.rs` nothing reads the clock,
//! the environment or the command line, and nothing prints.

pub mod assemble;
pub mod blob;
pub mod buffers;
pub mod codec;
pub mod deflate;
mod error;
pub mod hash;
pub mod input;
pub mod keep;
pub mod layer;
pub mod ledger;
pub mod limits;
pub mod oci;
pub mod options;
pub mod output;
pub mod packages;
pub mod plan;
pub mod progress;
pub mod prune;
pub mod report;
pub mod split;
mod squash;
mod stage;
pub mod tar;
pub mod times;
pub mod tree;

pub use error::{Error, LayerName};
pub use squash::squash;
