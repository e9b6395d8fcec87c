//! What dividing asks of an image besides its tree.

use crate::packages::Owners;

/// What is known of a file system besides its names.
#[derive(Clone, Copy, Debug)]
pub(super) struct SplitFacts<'f> {
    /// The package of each file.
    pub(super) owners: &'f Owners,
    /// How many of the oldest layers are the base image.
    pub(super) base: usize,
    /// How many layers there were.
    pub(super) layers: usize,
}
