//! An image with all of its layers laid over each other, and each still by itself.

use std::sync::Arc;

use super::host::Host;
use super::open::Archive;
use super::read::{Loaded, read_all};
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
        let (loaded, said) = read_all(archive, image, shelf, host, findings)?;
        let diffs = said.diffs.iter().map(|(_, diff)| diff.clone()).collect();
        let (tree, fates) = loaded.tree(said)?;
        Ok(Self { loaded, diffs, tree, fates })
    }

    /// The layers laid over each other, the oldest `kept` of them apart from the others.
    fn stack(&self, kept: usize) -> Result<(Stack, Fates), Error> {
        if kept == 0 {
            return Ok((Stack::Whole { base: Tree::new(), tree: self.tree.clone() }, self.fates.clone()));
        }
        let mut fates = Fates::new(self.loaded.indexes.iter().map(|layer| &*layer.fates));
        let diffs = (0..).zip(self.diffs.iter().cloned()).collect();
        Ok((self.loaded.stack(diffs, kept, &mut fates)?, fates))
    }

    /// What a squash would make that keeps the oldest `kept` layers and prunes what `choice` says. It is the squash
    /// itself, up to where layers are written.
    pub fn forecast(&self, image: &Image, kept: usize, choice: &Choice, host: Host<'_>) -> Result<Forecast, Error> {
        let (layers, name) = (self.loaded.layers(), &self.loaded.input);
        let (mut stack, mut fates) = self.stack(kept)?;
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
