//! What can be asked of a batch.

use crate::image::Resources;
use crate::verbs::squash::Squash;

/// Many squashes.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Each of them. What they say of resources does not count: there is one budget for all.
    pub jobs: Vec<Job>,
    /// What of the machine may be used.
    pub resources: Resources,
}

/// One squash of a batch.
#[derive(Clone, Debug)]
pub struct Job {
    /// The squash.
    pub squash: Squash,
    /// What the report of an earlier batch tells of its output, if that is still there. When nothing has changed since,
    /// nothing is done.
    pub done: Option<Done>,
}

/// What an earlier batch did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What identifies what it made.
    pub made_from: String,
    /// Bytes of the output.
    pub output_bytes: u64,
}
