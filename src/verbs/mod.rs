//! What can be done with images: one page a verb, with what it is asked beside it.

pub(crate) mod batch;
pub(crate) mod diff;
pub(crate) mod inspect;
pub(crate) mod squash;
pub(crate) mod verify;
pub(crate) mod why;
