//! Squash a container image archive into one layer: the same image, smaller.
//!
//! ```no_run
//! # fn main() -> Result<(), imgsquash::Error> {
//! let request = imgsquash::Squash::new("in.tar", "out.tar");
//! let report = imgsquash::squash(&request, &())?;
//! println!("{} bytes are gone", report.images[0].reclaimed_bytes.total);
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! archive ──input──> catalog of images ──select──> image: manifest, config, layers by position
//!   layers ──image::read (parallel, every byte verified)──> LayerDiff of each
//!   LayerDiffs ──plan::stack (tree::apply, oldest first)──> Tree
//!   Tree ──plan::difference──> LayerDiff of the new layer
//!   LayerDiff ──image::write (contents stream from the source layers)──> blob
//!   blobs ──assemble──> config, manifest, index ──output──> target
//! ```
//!
//! What it guarantees:
//! - The same root file system, to the last extended attribute, nanosecond and hard-link group, and the same config, to
//!   the last unknown key.
//! - Every blob is verified against its digest and size, every layer that is read against its diff_id, before anything
//!   takes the target's place.
//! - What is read again is what was verified: an input that changes meanwhile is an error.
//! - The target is either what it was before or the whole new archive, and nothing else is left behind.
//! - Equal input and options make equal bytes, on every machine and with any number of threads.
//! - File contents are never held in memory, but for package databases, and touch a disk uncompressed only where they
//!   are handed over or taken so, as by daemons; a tree entry costs about 200 bytes.
//!
//! Below `main.rs` nothing reads the clock, the environment or the command line, and nothing prints.

// The rooms. They are public only so that the project's own tests, benches and fuzz targets can look into them: nothing
// in them is promised.
#[doc(hidden)]
pub mod address;
#[doc(hidden)]
pub mod assemble;
#[doc(hidden)]
pub mod blob;
#[doc(hidden)]
pub mod budget;
#[doc(hidden)]
pub mod buffers;
#[doc(hidden)]
pub mod codec;
#[doc(hidden)]
pub mod compare;
#[doc(hidden)]
pub mod deflate;
mod error;
#[doc(hidden)]
pub mod finding;
#[doc(hidden)]
pub mod hash;
#[doc(hidden)]
pub mod image;
#[doc(hidden)]
pub mod input;
#[doc(hidden)]
pub mod inside;
#[doc(hidden)]
pub mod layer;
#[doc(hidden)]
pub mod ledger;
#[doc(hidden)]
pub mod limits;
#[doc(hidden)]
pub mod oci;
#[doc(hidden)]
pub mod output;
#[doc(hidden)]
pub mod packages;
#[doc(hidden)]
pub mod plan;
pub mod progress;
#[cfg(feature = "remote")]
pub mod remote;
pub mod report;
pub mod request;
#[doc(hidden)]
pub mod secrets;
#[doc(hidden)]
pub mod slim;
mod system;
#[doc(hidden)]
pub mod tar;
#[doc(hidden)]
pub mod text;
#[doc(hidden)]
pub mod times;
#[doc(hidden)]
pub mod tree;
mod verbs;
#[doc(hidden)]
pub mod written;

pub use error::{Cause, Error, LayerName};
pub use verbs::batch::{Batch, Done, Job, Jobs, batch};
pub use verbs::diff::{Diff, diff};
pub use verbs::inspect::{Inspect, inspect};
pub use verbs::squash::{Squash, squash};
pub use verbs::verify::{InvalidReceipt, Receipt, Verify, verify};
pub use verbs::why::{Why, why};
