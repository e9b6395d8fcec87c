//! Input: what an archive is, which images it holds, and where their layers lie.
//!
//! [`open()`] tells a Docker archive, an OCI archive or an OCI layout directory by what is in it, [`read`] makes a
//! [`Catalog`](crate::oci::Catalog) of it, [`select()`] keeps what was asked for, and [`sources`] finds the layers.

mod catalog;
mod directory;
mod docker;
mod layout;
mod open;
mod select;
mod tarball;

pub use catalog::{InputError, Note, read, sources};
pub use directory::Directory;
pub use open::{OpenError, Origin, Store, open};
pub use select::{SelectError, Selection, rename, select};
