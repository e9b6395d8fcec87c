//! Why an input cannot be opened or read.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::blob::{Changed, Mismatch};
use crate::budget::OverBudget;
use crate::codec::UnknownCodec;
use crate::oci::{Digest, InvalidJson};
use crate::tar::InvalidTar;

/// An archive that holds no image that could be squashed.
#[derive(Debug, Error)]
pub enum InputError {
    /// The archive cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A document is not what it should be.
    #[error(transparent)]
    Json(#[from] InvalidJson),
    /// A document is not the one its descriptor means.
    #[error("{what}: {problem}")]
    Mismatch {
        /// The document.
        what: String,
        /// What does not fit.
        problem: Mismatch,
    },
    /// A document cannot be read.
    #[error("cannot read {what}: {problem}")]
    Document {
        /// The document.
        what: String,
        /// What happened.
        problem: std::io::Error,
    },
    /// Something that a document names is not there.
    #[error("{what} is missing from the archive: was it cut short, or saved without all its layers?")]
    Missing {
        /// What is missing.
        what: String,
    },
    /// A single image in the form of skopeo's `dir:`.
    #[error(
        "its manifest.json is the manifest of one image (skopeo's dir:, podman's docker-dir), which holds no names: copy it \
         with skopeo copy dir:IT oci-archive:image.tar, or save it with --format oci-archive"
    )]
    TransportDirectory,
    /// There is no image at all.
    #[error("no manifest.json and no index.json in it: {0}")]
    NoImage(&'static str),
    /// Indexes lead to each other.
    #[error("index {0} leads back to itself")]
    IndexCycle(Digest),
    /// Indexes lead on and on.
    #[error("{what} exceed the limit of {limit}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Documents that are larger than memory is meant for.
    #[error("its documents need {0}")]
    TooMuchMemory(#[from] OverBudget),
    /// Manifest and config disagree.
    #[error("the config lists {diff_ids} layers (diff_ids), the manifest {layers}")]
    LayerCount {
        /// Layers of the config.
        diff_ids: usize,
        /// Layers of the manifest.
        layers: usize,
    },
    /// A layer that is not in the archive because it may not be distributed.
    #[error(
        "layer {position} is a foreign layer ({name}) whose bytes are not in the archive, so it cannot be squashed"
    )]
    ForeignLayer {
        /// Position, oldest 1.
        position: usize,
        /// Its name.
        name: String,
    },
    /// A layer that is no file system.
    #[error("layer {position} is of type {media_type}, expected a tar: this is not a container image")]
    NotALayer {
        /// Position, oldest 1.
        position: usize,
        /// Its media type.
        media_type: String,
    },
    /// An operating system whose layers have another form.
    #[error("the image is for {0}: only linux images can be squashed")]
    ForeignSystem(String),
}

impl InputError {
    /// Whether it is about one image, and others of the archive may still be read. What an archive may ask for in all
    /// counts for all of it, and so does a file that changes while it is read.
    pub(super) fn is_of_one_image(&self) -> bool {
        match self {
            Self::Json(_) | Self::Mismatch { .. } | Self::Missing { .. } | Self::LayerCount { .. } => true,
            Self::Document { problem, .. } => !problem.get_ref().is_some_and(|inner| inner.is::<Changed>()),
            Self::Open(problem) => problem.is_of_one_file(),
            _ => false,
        }
    }
}

/// An archive that cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error("cannot read it: {0}")]
    Read(io::Error),
    /// There is no such file, and it may not have been meant as one.
    #[error("there is no such file; {0}")]
    Absent(String),
    /// A file of it cannot be read.
    #[error("cannot read {name}: {problem}")]
    File {
        /// Its name in the archive.
        name: String,
        /// What happened.
        problem: io::Error,
    },
    /// Something else has the name of a file.
    #[error("{name} is a {found}, expected a regular file")]
    NotAFile {
        /// Its name in the archive.
        name: String,
        /// What it is.
        found: &'static str,
    },
    /// A document names a file that is no part of the archive.
    #[error("\"{name}\" leads outside the directory, where no file of an image lies")]
    Outside {
        /// The name.
        name: String,
    },
    /// The temporary copy of a stream cannot be written.
    #[error("cannot write a temporary copy in {}: {problem} (choose another place with --tmp-dir)", .place.display())]
    Spool {
        /// The directory.
        place: PathBuf,
        /// What happened.
        problem: io::Error,
    },
    /// It is elsewhere, and cannot be had from there.
    #[error("{0}")]
    Elsewhere(Box<dyn std::error::Error + Send + Sync>),
    /// One file of it is elsewhere, and cannot be had from there.
    #[error("{0}")]
    FileElsewhere(Box<dyn std::error::Error + Send + Sync>),
    /// It has no bytes.
    #[error("it is empty, expected an image archive")]
    Empty,
    /// It is something else.
    #[error("expected an archive made by docker save, podman save or skopeo, found {found}")]
    NotAnArchive {
        /// What it is.
        found: &'static str,
    },
    /// It is compressed in a way that archives are not.
    #[error(transparent)]
    Codec(#[from] UnknownCodec),
    /// Uncompressed it has no end.
    #[error("it inflates to more than {limit} bytes: decompress it yourself if you trust it")]
    Endless {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It is no tar.
    #[error(transparent)]
    Tar(#[from] TarballError),
}

impl OpenError {
    /// Whether it is about one file of the archive, and others can still be read.
    pub(super) fn is_of_one_file(&self) -> bool {
        matches!(
            self,
            Self::File { .. }
                | Self::FileElsewhere(_)
                | Self::NotAFile { .. }
                | Self::Outside { .. }
                | Self::Tar(TarballError::LinkCycle(_))
        )
    }
}

/// An archive whose files cannot be found.
#[derive(Debug, Error)]
pub enum TarballError {
    /// It is no tar, or a broken one.
    #[error("it is not a readable tar archive: {0}")]
    Tar(#[from] InvalidTar),
    /// A link in the archive leads back to itself.
    #[error("the link \"{0}\" in the archive leads in a circle")]
    LinkCycle(String),
    /// A file that would have to be put together from stretches.
    #[error("\"{0}\" in the archive is stored sparse, expected ordinary files")]
    Sparse(String),
    /// More files than any image has.
    #[error("the archive has more than {MAX_MEMBERS} files")]
    TooMany,
    /// Longer names than any image has.
    #[error("the names of its files need {0}")]
    TooLong(#[from] OverBudget),
}

/// Layers, configs and manifests of thousands of images.
pub(super) const MAX_MEMBERS: usize = 1 << 20;
