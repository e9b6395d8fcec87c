//! Hashing beside everything else: threads of their own that take two texts at a time.
//!
//! [`hashing`] starts them, [`Hashing::begin`] begins a text, [`Hash::feed`] hands on a piece of it, and
//! [`Hash::finish`] tells its digest.

mod pair;
mod pool;
mod text;

pub use pool::{Hash, Hashing, hashing};
