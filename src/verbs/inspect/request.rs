//! What can be asked of an inspection.

use crate::image::Resources;
use crate::input::{Origin, Selection};
use crate::secrets::SecretSearch;

/// One inspection: which images, and what of them.
#[derive(Clone, Debug)]
pub struct Inspect {
    /// The archive.
    pub input: Origin,
    /// Which images of the archive; the default is all.
    pub selection: Selection,
    /// What is looked for of secrets, in every file of every layer; the default is nothing.
    pub secrets: Option<SecretSearch>,
    /// Whether all files are listed, seen and hidden; the default is no.
    pub lists_files: bool,
    /// What of the machine may be used.
    pub resources: Resources,
}

impl Inspect {
    /// Looks into all images of an archive or layout.
    pub fn new(input: Origin) -> Self {
        let (selection, resources) = (Selection::default(), Resources::default());
        Self { input, selection, secrets: None, lists_files: false, resources }
    }
}
