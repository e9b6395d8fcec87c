//! An image with all of its layers read and laid over each other.

use std::hash::{BuildHasher, RandomState};

use super::host::Host;
use super::open::Archive;
use super::read::{Loaded, read_all};
use super::shelf::Shelf;
use crate::error::Error;
use crate::finding::Findings;
use crate::oci::Image;
use crate::tree::Tree;

/// An image of which everything was read.
pub struct Whole<'h> {
    /// Its layers.
    pub loaded: Loaded<'h>,
    /// What they make together.
    pub tree: Tree,
}

impl<'h> Whole<'h> {
    /// Reads and verifies all layers of `image`, and lays them over each other.
    pub fn read(
        archive: &Archive,
        image: &Image,
        shelf: &mut Shelf,
        host: Host<'h>,
        findings: &mut Findings,
    ) -> Result<Self, Error> {
        let (loaded, said) = read_all(archive, image, shelf, host, findings)?;
        let (tree, _) = loaded.tree(said)?;
        Ok(Self { loaded, tree })
    }
}

/// A beginning of fingerprints that nobody can know, another one in every run.
pub fn seed() -> u64 {
    RandomState::new().hash_one(0)
}
