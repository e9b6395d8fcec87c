//! Everything that can go wrong, with its subject: one line that says what, where, expected and found.

use std::io;

use thiserror::Error;

use crate::input::{InputError, Note, OpenError, SelectError};
use crate::keep::KeepError;
use crate::layer::{IndexError, TooMuchWritten, WriteError};
use crate::packages::PackagesError;
use crate::prune::PruneError;
use crate::split::SplitError;
use crate::tree::{Full, PutError};

/// Why an image was not squashed. Nothing was written.
#[derive(Debug, Error)]
pub enum Error {
    /// The request contradicts the input.
    #[error("{input}: {problem}")]
    Select {
        /// The input.
        input: String,
        /// What does not fit.
        problem: SelectError,
    },
    /// The layers that were asked for cannot be kept.
    #[error("{input}: {problem}")]
    Keep {
        /// The input.
        input: String,
        /// What does not fit.
        problem: Box<KeepError>,
    },
    /// A rule would break the image.
    #[error("{input}: {problem}")]
    Prune {
        /// The input.
        input: String,
        /// What it would do.
        problem: PruneError,
    },
    /// The file system cannot be divided as asked.
    #[error("{input}: {problem}")]
    Split {
        /// The input.
        input: String,
        /// Why not.
        problem: SplitError,
    },
    /// A package database cannot be read.
    #[error("{input}: {problem}")]
    Packages {
        /// The input.
        input: String,
        /// What is wrong with it.
        problem: PackagesError,
    },
    /// The input cannot be opened.
    #[error("{input}: {problem}")]
    Open {
        /// The input.
        input: String,
        /// What happened.
        problem: Box<OpenError>,
    },
    /// The input holds no image that could be squashed.
    #[error("{input}: {problem}")]
    Input {
        /// The input.
        input: String,
        /// What is wrong with it.
        problem: Box<InputError>,
    },
    /// A layer cannot be read.
    #[error("{input}: {layer}: {problem}")]
    Layer {
        /// The input.
        input: String,
        /// The layer.
        layer: Box<LayerName>,
        /// What is wrong with it.
        problem: Box<IndexError>,
    },
    /// A layer cannot be laid over the ones below it.
    #[error("{input}: {layer}: {problem}")]
    Apply {
        /// The input.
        input: String,
        /// The layer.
        layer: Box<LayerName>,
        /// What is wrong with it.
        problem: Box<PutError>,
    },
    /// The image has too many files.
    #[error("{input}: {problem}")]
    Full {
        /// The input.
        input: String,
        /// What is too much.
        problem: Full,
    },
    /// The new layer would be far larger than the old ones.
    #[error("{input}: {problem}")]
    TooMuchWritten {
        /// The input.
        input: String,
        /// What is too much.
        problem: TooMuchWritten,
    },
    /// Something was noticed that `--strict` does not let pass.
    #[error("{input}: {note} (refused because of --strict)")]
    Strict {
        /// The input.
        input: String,
        /// What was noticed.
        note: String,
    },
    /// The input cannot be read a second time.
    #[error("{input}: {problem}")]
    Reread {
        /// The input.
        input: String,
        /// What happened.
        problem: WriteError,
    },
    /// The output cannot be written.
    #[error("cannot write {target}: {problem}")]
    Output {
        /// The target.
        target: String,
        /// What happened.
        problem: io::Error,
    },
    /// The new layer is not what was planned.
    #[error("internal error, nothing was written: {0}; please report this")]
    Internal(String),
}

/// Which layer of which image, as a person would look for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerName {
    /// Position, oldest 1.
    pub position: usize,
    /// Number of layers.
    pub of: usize,
    /// What the archive calls the blob.
    pub name: String,
}

impl std::fmt::Display for LayerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "layer {} of {} ({})", self.position, self.of, self.name)
    }
}

impl Error {
    /// The exit code: 2 for a request that contradicts the input, 3 for input and output, 4 for a broken promise.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Select { problem: SelectError::NotAnImage(_), .. } => 3,
            Self::Select { .. } | Self::Keep { .. } | Self::Split { .. } => 2,
            Self::Prune { problem: PruneError::Never { .. }, .. } => 2,
            Self::Internal(_) | Self::Prune { problem: PruneError::Database { .. }, .. } => 4,
            _ => 3,
        }
    }
}

/// What `--strict` turns into an error.
pub(crate) fn strict(input: &str, note: &Note) -> Error {
    Error::Strict { input: input.to_owned(), note: note.to_string() }
}
