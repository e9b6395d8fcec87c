//! What became of the images, and what is looked at once more before anything takes the target's place: whether the
//! output is the image that it was made from, and whether it passes the gates.

use std::collections::BTreeMap;

use super::request::Squash;
use crate::assemble::Assembled;
use crate::error::{Error, NotTheSame};
use crate::image::{Archive, Host, Loaded, Output, Side, Whole};
use crate::input::Selection;
use crate::oci::{Catalog, ImageId};
use crate::plan::Stack;
use crate::report::{ImageDifference, ImageReport, ImageTitle, Report};
use crate::tree::Tree;
use crate::verbs::inspect::{Inspect, inspect};
use crate::verbs::verify::Receipt;

/// What became of the images.
#[derive(Default)]
pub(super) struct Made<'h> {
    /// The documents of each.
    pub(super) images: BTreeMap<ImageId, Assembled>,
    reports: BTreeMap<ImageId, ImageReport>,
    /// What each was before, if that is needed again.
    before: BTreeMap<ImageId, Whole<'h>>,
}

impl Squash {
    /// Whether the output is read back before it takes its place.
    pub(super) fn reads_back(&self) -> bool {
        self.verify || !self.gates.is_empty()
    }

    /// The file system of an image before it is changed, if it is needed then.
    pub(super) fn before(&self, stack: &Stack) -> Option<Tree> {
        match stack {
            Stack::Whole { tree, .. } if self.verify => Some(tree.clone()),
            _ => None,
        }
    }
}

impl<'h> Made<'h> {
    /// Takes in what became of an image, and what it was.
    pub(super) fn insert(
        &mut self,
        id: ImageId,
        (image, report): (Assembled, ImageReport),
        (loaded, before): (Loaded<'h>, Option<Tree>),
    ) {
        self.images.insert(id, image);
        self.reports.insert(id, report);
        if let Some(tree) = before {
            self.before.insert(id, Whole { loaded, tree });
        }
    }

    /// The receipt for the `images` of an archive in an output of so many bytes that waits for its place. An error when
    /// the output is not what it should be.
    pub(super) fn checked(
        &mut self,
        request: &Squash,
        (archive, images): (&Archive, &Catalog),
        (output, bytes): (&Output, u64),
        host: Host<'_>,
    ) -> Result<Report, Error> {
        let reports = std::mem::take(&mut self.reports);
        let report = Report::new(archive.given(), (&request.target, request.format), bytes, images, reports);
        if request.verify {
            self.verify(images, &report, output, host)?;
        }
        if request.gates.is_empty() {
            return Ok(report);
        }
        let (resources, secrets) = (request.resources.clone(), request.secrets.clone());
        let inspection = Inspect { resources, secrets, ..Inspect::new(output.back()?) };
        match request.gates.failed(&inspect(&inspection, host.progress)?)? {
            failed if failed.is_empty() => Ok(report),
            failed => Err(Error::NotPassed(failed)),
        }
    }

    fn verify(&self, images: &Catalog, report: &Report, output: &Output, host: Host<'_>) -> Result<(), Error> {
        let internal = |problem: &dyn std::fmt::Display| Error::Internal(problem.to_string());
        // What a person keeps of the report has to explain the output too.
        let receipt = serde_json::to_vec(report).map_err(|problem| internal(&problem))?;
        let receipt = Receipt::parse(&receipt).map_err(|problem| internal(&problem))?;
        let mut new = Side::open(&output.back()?, &Selection::default(), host)?;
        for (id, image) in images.chosen() {
            let (Some(before), Some(assembled)) = (self.before.get(&id), self.images.get(&id)) else {
                return Err(internal(&"an image was not read whole, so it cannot be verified"));
            };
            let digest = assembled.config.digest;
            let there = new.find(digest).ok_or_else(|| internal(&format!("the output has no image {digest}")))?;
            let found = new.compared_with(there, (before, image), receipt.of(&digest.to_string()), host)?;
            let difference = ImageDifference::new(ImageTitle::new(new.names(there), image), found);
            if !difference.is_equal() {
                return Err(Error::NotTheSame(NotTheSame::new(&difference)));
            }
        }
        Ok(())
    }
}
