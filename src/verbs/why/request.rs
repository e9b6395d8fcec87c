//! What can be asked about one archive. Every field says its default.

use std::path::Path;

use crate::image::Resources;
use crate::input::{Origin, Selection};
use crate::slim::Choice;
use crate::slim::closure::{Minify, Subject};

/// One question: about which archive, and what.
#[derive(Clone, Debug)]
pub struct Why {
    /// The archive.
    pub input: Origin,
    /// Which of its images; the default is all.
    pub selection: Selection,
    /// What is asked about.
    pub subject: Subject,
    /// What is pruned before; the default is nothing.
    pub prune: Choice,
    /// How the image would be minified.
    pub minify: Minify,
    /// What of the machine may be used.
    pub resources: Resources,
}

impl Why {
    /// A question about the images at `input`, for now about the root.
    pub fn new(input: impl AsRef<Path>) -> Self {
        Self {
            input: Origin::Path(input.as_ref().to_path_buf()),
            selection: Selection::default(),
            subject: Subject::Path("/".to_owned()),
            prune: Choice::default(),
            minify: Minify::default(),
            resources: Resources::default(),
        }
    }
}
