//! The tar format, both ways: members with every extension resolved, and headers written anew. No I/O of its own.

mod encode;
mod error;
mod fields;
mod header;
mod member;
mod pax;
mod sparse;

pub use encode::{Form, encode, has_too_many_records};
pub use error::{InvalidTar, TarProblem};
pub use header::{BLOCK, InvalidHeader};
pub use member::{End, Forward, Member, Members, padded};
pub use pax::InvalidPax;
pub use sparse::InvalidSparse;
