//! The page: how two images differ, whatever layers they are made of.

use crate::compare::{Aspects, Expected};
use crate::error::Error;
use crate::image::{self, Host, Memory, Resources, Side, compared, pairs};
use crate::input::{Origin, Selection};
use crate::progress::Progress;
use crate::report::{Difference, ImageDifference, ImageTitle};

/// One comparison: which images, and what does not count.
#[derive(Clone, Debug)]
pub struct Diff {
    /// The first archive.
    pub old: Origin,
    /// The second.
    pub new: Origin,
    /// Which images of the first archive; the default is all.
    pub old_selection: Selection,
    /// Which of the second.
    pub new_selection: Selection,
    /// In what files may differ; the default is in nothing.
    pub ignored: Aspects,
    /// What of the machine may be used.
    pub resources: Resources,
}

impl Diff {
    /// Compares all images of two archives or layouts, in everything.
    pub fn new(old: Origin, new: Origin) -> Self {
        let (old_selection, new_selection) = (Selection::default(), Selection::default());
        Self { old, new, old_selection, new_selection, ignored: Aspects::default(), resources: Resources::default() }
    }
}

/// Compares the final file systems and the configs of images. Everything that is read is verified.
pub fn diff(request: &Diff, progress: &dyn Progress) -> Result<Difference, Error> {
    let memory = Memory::new(&request.resources);
    let host = Host { seed: image::seed(), ..Host::new(&request.resources, &memory, progress) };
    let mut old = Side::open(&request.old, &request.old_selection, host)?;
    let mut new = Side::open(&request.new, &request.new_selection, host)?;
    let (pairs, missing, added) = pairs(&old, &new);
    let mut images = Vec::new();
    for (one, other) in pairs {
        let found = compared((&mut old, one), (&mut new, other), &Expected::default(), request.ignored, host)?;
        images.push(ImageDifference::new(ImageTitle::new(old.names(one), old.image(one)), found));
    }
    let only =
        |side: &Side, ids: &[_]| ids.iter().map(|id| ImageTitle::new(side.names(*id), side.image(*id))).collect();
    Ok(Difference::new([old.given(), new.given()], images, [only(&old, &missing), only(&new, &added)]))
}
