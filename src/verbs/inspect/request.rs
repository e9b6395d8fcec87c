//! What can be asked of an inspection.

use crate::image::Resources;
use crate::input::{Origin, Selection};
use crate::secrets::SecretSearch;

/// One inspection: which images.
#[derive(Clone, Debug)]
pub struct Inspect {
    /// The archive.
    pub input: Origin,
    /// Which images of the archive; the default is all.
    pub selection: Selection,
    /// What is looked for of secrets, in every file of every layer; the default is nothing.
    pub secrets: Option<SecretSearch>,
    /// What of the machine may be used.
    pub resources: Resources,
}

impl Inspect {
    /// Looks into all images of an archive or layout.
    pub fn new(input: Origin) -> Self {
        Self { input, selection: Selection::default(), secrets: None, resources: Resources::default() }
    }
}
