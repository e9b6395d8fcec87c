//! What a caller may choose. Every field says its unit, its default and what goes wrong.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::assemble::Edits;
use crate::input::{Origin, Selection};
use crate::layer::Compression;
use crate::limits::Limits;
use crate::oci::Reference;
use crate::output::{Format, Target};

/// One squash: what to read, what to keep, what to write.
#[derive(Clone, Debug)]
pub struct Options {
    /// The archive.
    pub input: Origin,
    /// Which images of it; the default is all.
    pub selection: Selection,
    /// New names for the image; empty keeps the input's. An error when several images would get them.
    pub tags: Vec<Reference>,
    /// Where the new archive goes.
    pub target: Target,
    /// For which consumers it is; the default suits all.
    pub format: Format,
    /// What the new documents say that the old ones do not.
    pub edits: Edits,
    /// Whether what would be repaired or left out is an error.
    pub strict: bool,
    /// How the new layers are compressed.
    pub compression: Compression,
    /// Threads; any number gives the same bytes.
    pub jobs: NonZeroUsize,
    /// Where temporary copies of streams go.
    pub tmp_dir: PathBuf,
    /// What the input may ask for.
    pub limits: Limits,
}
