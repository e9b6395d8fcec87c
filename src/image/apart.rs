//! An image with all of its layers laid over each other, and each still by itself.

use std::sync::Arc;

use super::host::Host;
use super::open::Archive;
use super::read::{Loaded, read};
use super::shelf::Shelf;
use crate::error::{Error, Of};
use crate::finding::Findings;
use crate::layer::{Recipe, recipes};
use crate::oci::Image;
use crate::plan::{self, Plan, Split, Stack};
use crate::slim::{self, Choice, Pruned};
use crate::tree::{Fates, LayerDiff, Tree};

/// An image of which everything was read and is still known.
pub struct Apart<'h> {
    /// Its layers.
    pub loaded: Loaded<'h>,
    /// What each of them says, oldest first.
    pub diffs: Vec<Arc<LayerDiff>>,
    /// What they make together.
    pub tree: Tree,
    /// What became of their entries.
    pub fates: Fates,
}

/// What a squash would make of an image.
#[derive(Debug)]
pub struct Forecast {
    /// The layers that it would keep, by position.
    pub kept: Vec<usize>,
    /// What the new ones would be made of.
    pub new: Vec<Recipe>,
    /// What would be pruned.
    pub pruned: Pruned,
}

impl<'h> Apart<'h> {
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
        let diffs = said.diffs.iter().map(|(_, diff)| diff.clone()).collect();
        match loaded.stack(said.diffs, 0, &mut fates)? {
            Stack::Whole { tree, .. } => Ok(Self { loaded, diffs, tree, fates }),
            Stack::Above(_) => Err(Error::Internal("all layers were read and not laid over each other".to_owned())),
        }
    }

    /// What a squash would make that keeps the oldest `kept` layers and prunes what `choice` says. It is the squash itself,
    /// up to where layers are written.
    pub fn forecast(&self, image: &Image, kept: usize, choice: &Choice, host: Host<'_>) -> Result<Forecast, Error> {
        let (layers, name) = (self.loaded.layers(), &self.loaded.input);
        let mut fates = Fates::new(layers.indexes.iter().map(|layer| &*layer.fates));
        let diffs = (0..).zip(self.diffs.iter().cloned()).collect();
        let mut stack = self.loaded.stack(diffs, kept, &mut fates)?;
        let config = image.config.container().of(name)?;
        let pruned = slim::prune(stack.tree_mut(), choice, &config, layers, &mut fates).of(name)?;
        let diff = plan::difference(stack, layers, &mut fates).of(name)?;
        let squashed = kept..image.layers.len();
        let parts = plan::split(&diff, &Split::No, image, &squashed, None, layers).of(name)?;
        let plan = Plan::new(squashed, image.layers.len(), diff, parts);
        let limit = host.memory.budget.headers();
        let new = plan.new.as_ref().map(|(diff, parts)| (diff, parts));
        let (new, _) = recipes(new, layers.indexes, &fates, &plan.squashed, limit).of(name)?;
        Ok(Forecast { kept: plan.kept().collect(), new, pruned })
    }
}
