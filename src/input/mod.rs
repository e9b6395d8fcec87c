//! Input: what an archive is, which images it holds, and where their layers lie.
//!
//! [`open()`] tells a Docker archive, an OCI archive or an OCI layout directory by what is in it, [`read`] makes a
//! [`Catalog`](crate::oci::Catalog) of it, [`select()`] keeps what was asked for, and [`sources`] finds the layers.
//! Another kind of place implements [`Door`] and, where it does not end in one of those, [`Store`].

mod catalog;
mod directory;
mod docker;
mod document;
mod error;
mod hints;
mod layout;
mod note;
mod open;
mod select;
mod store;
mod tarball;

pub use catalog::{read, sources};
pub use error::{InputError, OpenError, TarballError};
pub use note::InputNote;
pub use open::{Door, Opening, Origin, open, open_archive, open_stream};
pub use select::{SelectError, Selection, called, rename, select};
pub use store::Store;
