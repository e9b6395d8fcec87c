//! Steps that take what the request says and tell what they find.

use super::request::Squash;
use super::searching::{Found, Searching};
use crate::assemble::{self, Assembled, Final};
use crate::error::{Error, Of};
use crate::finding::Findings;
use crate::layer::{Layers, Source};
use crate::oci::Image;
use crate::plan::{self, Base, Cut, Plan, Stack};
use crate::slim::{self, Pruned};
use crate::tree::Fates;

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
        (stack, layers): (&mut Stack, Layers<'_>),
        search: &Searching<'_>,
        fates: &mut Fates,
        findings: &mut Findings,
    ) -> Result<(Pruned, Found), Error> {
        let config = self.edits.container(&image.config).of(name)?;
        let mut pruned = slim::prune(stack.tree_mut(), &self.prune, &config, layers, fates).of(name)?;
        findings.extend(pruned.finding.clone()).of(name)?;
        let found = search.take_out((name, image), &config, (stack, layers), &mut pruned, fates)?;
        Ok((pruned, found))
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
