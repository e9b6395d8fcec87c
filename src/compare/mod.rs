//! How two images differ, whatever layers they are made of. Pure.
//!
//! # Decisions
//! - File systems are compared as containers see them: two trees, not their layers. What a tar says besides (the order of
//!   entries, the spelling of names, the form of headers) is not compared.
//! - Contents are compared by fingerprints with a key that is another one in every run: equal contents always have equal
//!   ones, and nobody can prepare others that do.
//! - Of a config every member is compared, known or not, but for `rootfs` and `history`, which tell of layers.

mod aspect;
mod config;
mod expected;
mod trees;

/// How two images differ.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// Paths that differ, in order.
    pub files: Vec<PathChange>,
    /// Members of the config that differ, by name.
    pub config: Vec<ConfigChange>,
    /// Paths of the first and of the second, the root included.
    pub entries: [u64; 2],
    /// Bytes of the contents of files, of the first and of the second; those of a file with several names once.
    pub bytes: [u64; 2],
}

pub use aspect::{Aspect, Aspects};
pub use config::{ConfigChange, configs};
pub use expected::Expected;
pub use trees::{Change, PathChange, Sides, sparse_pairs, trees};
