//! An image with all of its layers read and laid over each other.

use std::hash::{BuildHasher, RandomState};

use super::host::Host;
use super::open::Archive;
use super::read::{Loaded, read};
use super::shelf::Shelf;
use crate::error::Error;
use crate::finding::Findings;
use crate::oci::Image;
use crate::plan::Stack;
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
        let sources = archive.sources(image, host, findings)?;
        let count = sources.len();
        let (loaded, said) = read(&archive.name, sources, 0..count, shelf, host, findings)?;
        let mut fates = said.fates;
        match loaded.stack(said.diffs, 0, &mut fates)? {
            Stack::Whole { tree, .. } => Ok(Self { loaded, tree }),
            Stack::Above(_) => Err(Error::Internal("all layers were read and not laid over each other".to_owned())),
        }
    }
}

/// A beginning of fingerprints that nobody can know, another one in every run.
pub fn seed() -> u64 {
    RandomState::new().hash_one(0)
}
