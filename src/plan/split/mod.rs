//! Dividing a squashed file system into a few layers by how it changes, so that the next version of the image shares
//! most of them.
//!
//! # Decisions
//! - Four classes, from what changes seldom to what changes with every build: the base system, packages that were added
//!   to it, libraries of languages, the application.
//! - The base is what the layers below the base image's end have. Above it, what a package owns is the packages', and so
//!   is everything else that came in a layer that installed packages, because such a layer is made anew as a whole.
//! - A directory belongs to the last class that has anything in it. One of the base that packages share, or that a later
//!   layer changed, belongs to the packages, because its time changes with them.
//! - With more layers than classes, files of packages are dealt out by the hash of the package's name: it stays when
//!   other packages come and go, where dealing by size does not.

mod class;
mod deal;
mod divide;
mod facts;
mod wish;

pub use class::Class;
pub use divide::{CannotSplit, Division, split};
pub use wish::{Split, SplitError};
