//! Keeping what is the user's, and of the system only what that needs: found without running anything.
//!
//! ```text
//! databases ──packages──> owners, inventory         whose each file is, and what packages need
//! contents ──look──> facts of each file             ELF headers, scripts, names in both
//! config, what is nobody's ──roots──> reach         what stays, each with the reason why
//! what stays ──take──> tree, records                what goes, and package databases that say so
//! ```
//! What no package has is the user's: it stays, and every ELF file, script and symlink of it is a root. What packages
//! have stays when something that stays needs it.
//!
//! # Decisions
//! - When it cannot be told whether something is needed, it stays.
//! - What belongs to the installation, such as caches of maintainer scripts, is nobody's and yet no root
//!   (`rules.toml`).
//! - What package databases say changes, which no rule of pruning may do: a package that is gone is gone from them too.

mod cache;
mod close;
pub mod elf;
mod files;
mod ground;
mod interned;
mod loader;
mod look;
mod names;
mod outcome;
mod reach;
mod refused;
mod request;
mod roots;
mod rule;
pub mod script;
mod stays;
mod subject;
mod take;
mod why;
mod wishes;

pub use outcome::{MinifyOutcome, PackageBytes, Rewritten, Unseen};
pub use refused::MinifyError;
pub use request::{Grain, Minify};
pub use subject::Subject;
pub use take::{Minified, minify};
pub use why::{Reason, why};
