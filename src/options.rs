//! What a caller may choose. Every field says its unit, its default and what goes wrong.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::assemble::Edits;
use crate::input::{Origin, Selection};
use crate::keep::Keep;
use crate::layer::Compression;
use crate::limits::Limits;
use crate::oci::Reference;
use crate::output::{Format, Target};
use crate::prune::Choice;
use crate::split::Split;

/// One squash: what to read, what to keep, what to write.
#[derive(Clone, Debug)]
pub struct Options {
    /// The archive.
    pub input: Origin,
    /// Which images of it; the default is all.
    pub selection: Selection,
    /// New names for the image; empty keeps the input's. An error when several images would get them.
    pub tags: Vec<Reference>,
    /// Which layers stay as they are; the default is none.
    pub keep: Keep,
    /// The archive of the base image, for [`Keep::Base`].
    pub base: Option<Origin>,
    /// Whether kept layers are read, so that nothing that they have is written again.
    pub exactness: Exactness,
    /// What is pruned; the default is nothing.
    pub prune: Choice,
    /// Whether files that are equal but for their names become hard links of one.
    pub link_equal_files: bool,
    /// Into which layers the squashed file system is divided.
    pub split: Split,
    /// Where the new archive goes.
    pub target: Target,
    /// For which consumers it is; the default suits all.
    pub format: Format,
    /// What the new documents say that the old ones do not.
    pub edits: Edits,
    /// Whether what would be repaired or left out is an error.
    pub strict: bool,
    /// How the new layers are compressed; `None` as the newest of the squashed ones is.
    pub compression: Option<Compression>,
    /// Threads; any number gives the same bytes.
    pub jobs: NonZeroUsize,
    /// Where temporary copies of streams go.
    pub tmp_dir: PathBuf,
    /// What the input may ask for.
    pub limits: Limits,
}

/// Whether the layers below the squashed ones are read too. They never have to be; but only who has read them knows what
/// of the squashed ones is not needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exactness {
    /// When it costs little: plain layers, up to 32 MB of others, or as much as is squashed.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
