//! How two images differ, whatever layers they are made of. Pure.
//!
//! # Decisions
//! - File systems are compared as containers see them: two trees, not their layers. What a tar says besides (the order of
//!   entries, the spelling of names, the form of headers) is not compared.
//! - Contents are compared by fingerprints with a key that is another one in every run: equal contents always have equal
//!   ones, and nobody can prepare others that do.
//! - Of a config every member is compared, known or not, but for `rootfs`, which names layers.

mod aspect;
mod config;
mod trees;

pub use aspect::{Aspect, Aspects};
pub use config::{ConfigChange, configs};
pub use trees::{Change, PathChange, Sides, trees};
