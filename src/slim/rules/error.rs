//! Why nothing was pruned.

use thiserror::Error;

use crate::budget::OverBudget;
use crate::written::WrittenError;

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
    /// More paths than memory is meant for.
    #[error("the paths that go need {0}")]
    TooMany(#[from] OverBudget),
    /// The built-in rules cannot be read: a bug.
    #[error(transparent)]
    Rules(#[from] WrittenError),
    /// A package database changed: a bug.
    #[error("pruning changed the package database {path}")]
    Database {
        /// The file.
        path: String,
    },
}
