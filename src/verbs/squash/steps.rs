//! Steps that take what the request says and tell what they find.

use super::request::Squash;
use super::searching::{Found, Searching};
use crate::assemble::{self, Assembled, Final};
use crate::error::{Error, Of};
use crate::finding::Findings;
use crate::image::{self, Loaded, Said};
use crate::layer::Source;
use crate::oci::Image;
use crate::plan::{self, Base, Cut, Plan, Stack};
use crate::slim::{self, MinifyOutcome, Pruned};
use crate::tree::{Fates, Tree};

impl Squash {
    /// Which layers are squashed, and which are read for it.
    pub(super) fn cut(
        &self,
        name: &str,
        image: &Image,
        sources: &[Source],
        bases: &[Base],
        findings: &mut Findings,
    ) -> Result<Cut, Error> {
        let (cut, why) = plan::cut(image, sources, &self.keep, bases, self.exactness()).of(name)?;
        findings.extend(why).of(name)?;
        Ok(cut)
    }

    /// Takes out of the file system what the request says, and finds secrets on the way. Guards go by what containers
    /// of the new image run by.
    pub(super) fn prune(
        &self,
        name: &str,
        image: &Image,
        (stack, loaded): (&mut Stack, &Loaded<'_>),
        search: &Searching<'_>,
        fates: &mut Fates,
        findings: &mut Findings,
    ) -> Result<(Pruned, Found), Error> {
        let layers = loaded.layers();
        let config = self.edits.container(&image.config).of(name)?;
        let mut pruned = slim::prune(stack.tree_mut(), &self.prune, &config, layers, fates).of(name)?;
        findings.extend(pruned.finding.clone()).of(name)?;
        let found = search.take_out((name, image), &config, (stack, layers), &mut pruned, fates)?;
        Ok((pruned, found))
    }

    /// Lays the layers over each other: what they make together, what became of their entries, and what that was before
    /// it is changed, if it is needed then.
    pub(super) fn stack(
        &self,
        loaded: &Loaded<'_>,
        said: Said,
        first: usize,
    ) -> Result<(Stack, Fates, Option<Tree>), Error> {
        let mut fates = said.fates;
        let stack = loaded.stack(said.diffs, first, &mut fates)?;
        let before = self.before(&stack);
        Ok((stack, fates, before))
    }

    /// Takes out of the file system what nothing needs, if that is asked for.
    pub(super) fn minify<'h>(
        &self,
        name: &str,
        image: &Image,
        (loaded, stack): (Loaded<'h>, &mut Stack),
        fates: &mut Fates,
    ) -> Result<(Loaded<'h>, Option<MinifyOutcome>), Error> {
        let config = self.edits.container(&image.config).of(name)?;
        image::minify(loaded, stack.tree_mut(), &self.minify, &config, fates)
    }

    /// The documents of the new image.
    pub(super) fn assemble(
        &self,
        name: &str,
        image: &Image,
        plan: &Plan,
        layers: &[Final<'_>],
        findings: &mut Findings,
    ) -> Result<Assembled, Error> {
        let provenance = self.provenance();
        let new = assemble::image(image, &plan.squashed, layers, &self.edits, provenance.as_ref()).of(name)?;
        let lost = assemble::healthcheck(image, self.edits.media_types, self.format.has_index());
        findings.extend(lost).of(name)?;
        Ok(new)
    }
}
