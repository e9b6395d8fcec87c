//! Why nothing was pruned.

use thiserror::Error;

/// A wish that would break the image.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PruneError {
    /// It would take what has to stay.
    #[error("the rule \"{rule}\" would remove {path}, which must stay: {why} (leave it out with --keep {path})")]
    Never {
        /// The rule.
        rule: String,
        /// The path.
        path: String,
        /// Why it has to stay.
        why: String,
    },
    /// A package database changed: a bug.
    #[error("pruning changed the package database {path}")]
    Database {
        /// The file.
        path: String,
    },
}
