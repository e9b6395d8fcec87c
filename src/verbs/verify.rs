//! The page: whether an image is the one that it was made from, less what was done on purpose.

mod receipt;

pub use self::receipt::{InvalidReceipt, Receipt};
use crate::compare::Aspects;
use crate::error::Error;
use crate::image::{self, Host, Memory, Resources, Side, compared, pairs};
use crate::input::{Origin, Selection};
use crate::progress::Progress;
use crate::report::{Difference, ImageDifference, ImageTitle};

/// One verification: an output, and the input that it was made from.
#[derive(Clone, Debug)]
pub struct Verify {
    /// What was made.
    pub output: Origin,
    /// What it was made from.
    pub input: Origin,
    /// Which images of the input it was made from; the default is all.
    pub selection: Selection,
    /// What was done on purpose, as the report of the squash tells; the default is nothing.
    pub receipt: Receipt,
    /// What of the machine may be used.
    pub resources: Resources,
}

impl Verify {
    /// Verifies that all images of the archive or layout `output` are those of `input`.
    pub fn new(output: Origin, input: Origin) -> Self {
        let (selection, receipt, resources) = (Selection::default(), Receipt::default(), Resources::default());
        Self { output, input, selection, receipt, resources }
    }
}

/// Reads both archives, verifies every digest and diff_id, and compares file systems and configs. What differs besides
/// what the receipt tells is a difference.
pub fn verify(request: &Verify, progress: &dyn Progress) -> Result<Difference, Error> {
    let memory = Memory::new(&request.resources);
    let host = Host { seed: image::seed(), ..Host::new(&request.resources, &memory, progress) };
    let mut output = Side::open(&request.output, &Selection::default(), host)?;
    let mut input = Side::open(&request.input, &request.selection, host)?;
    let (pairs, missing, added) = pairs(&input, &output);
    let mut images = Vec::new();
    for (one, other) in pairs {
        let expected = request.receipt.of(&output.image(other).id().to_string());
        let found = compared((&mut input, one), (&mut output, other), expected, Aspects::default(), host)?;
        images.push(ImageDifference::new(ImageTitle::new(input.names(one), input.image(one)), found));
    }
    let only =
        |side: &Side, ids: &[_]| ids.iter().map(|id| ImageTitle::new(side.names(*id), side.image(*id))).collect();
    Ok(Difference::new([input.given(), output.given()], images, [only(&input, &missing), only(&output, &added)]))
}
