//! Everything that can go wrong, with its subject: one line that says what, where, expected and found.

use std::io;

use thiserror::Error;

use crate::finding::Refused;
use crate::input::{InputError, OpenError, SelectError};
use crate::layer::{IndexError, OwnersError, Source, TooMuchWritten, WriteError};
use crate::oci::InvalidJson;
use crate::packages::PackagesError;
use crate::plan::{CannotSplit, DifferenceError, KeepError, SplitError};
use crate::report::{FailedGate, ImageDifference, Unknown};
use crate::slim::{CannotPrune, MinifyError, PruneError};
use crate::tree::{Full, PutError};

/// Why nothing came of it. No target was changed.
#[derive(Debug, Error)]
pub enum Error {
    /// Something about the input.
    #[error("{input}: {cause}")]
    Input {
        /// The input, as a person named it.
        input: String,
        /// What it is.
        #[source]
        cause: Box<Cause>,
    },
    /// The output cannot be written.
    #[error("cannot write {target}: {cause}")]
    Output {
        /// The target, as a person named it.
        target: String,
        /// What happened.
        #[source]
        cause: io::Error,
    },
    /// It cannot be told whether an image passes a gate.
    #[error(transparent)]
    Gate(#[from] Unknown),
    /// An image does not pass these gates.
    #[error("{}", all(.0))]
    NotPassed(Vec<FailedGate>),
    /// What was made is not the image that it was made from: a bug.
    #[error("internal error, nothing was written: {0}; please report this")]
    NotTheSame(NotTheSame),
    /// A promise of ours is broken: a bug.
    #[error("internal error, nothing was written: {0}; please report this")]
    Internal(String),
}

/// An output that is another image than it should be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "--verify found that the output is another image: {paths} paths and {members} members of the config differ, first {first}"
)]
pub struct NotTheSame {
    /// Paths that differ.
    pub paths: usize,
    /// Members of the config that differ.
    pub members: usize,
    /// The first of them.
    pub first: String,
}

impl NotTheSame {
    pub(crate) fn new(difference: &ImageDifference) -> Self {
        let ImageDifference { files, config, .. } = difference;
        let path = files.first().map(|file| format!("{} ({})", file.path, file.change));
        let first = path.or_else(|| config.first().map(|change| change.member.clone())).unwrap_or_default();
        Self { paths: files.len(), members: config.len(), first }
    }
}

fn all(failed: &[FailedGate]) -> String {
    failed.iter().map(|gate| format!("gate not passed: {gate}")).collect::<Vec<_>>().join("; ")
}

/// What can be wrong with an input, or with a request and an input together.
#[derive(Debug, Error)]
pub enum Cause {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It holds no image that could be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// It has not the images that were asked for.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The layers that were asked for cannot be kept.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The file system cannot be divided as asked.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// A rule would break the image.
    #[error(transparent)]
    Prune(#[from] PruneError),
    /// Nothing tells what the image needs.
    #[error(transparent)]
    Minify(#[from] MinifyError),
    /// A package database cannot be read.
    #[error(transparent)]
    Packages(#[from] PackagesError),
    /// Its package databases are too large to be read.
    #[error(transparent)]
    Owners(OwnersError),
    /// A layer cannot be read.
    #[error("{layer}: {problem}")]
    Layer {
        /// The layer.
        layer: LayerName,
        /// What is wrong with it.
        #[source]
        problem: IndexError,
    },
    /// A layer cannot be laid over the ones below it.
    #[error("{layer}: {problem}")]
    Apply {
        /// The layer.
        layer: LayerName,
        /// What is wrong with it.
        #[source]
        problem: PutError,
    },
    /// The image has too many files.
    #[error(transparent)]
    Full(#[from] Full),
    /// The new layer would be far larger than the old ones.
    #[error(transparent)]
    TooMuchWritten(#[from] TooMuchWritten),
    /// Something was found that `--strict` does not let pass.
    #[error(transparent)]
    Strict(#[from] Refused),
    /// Somebody wrote to it while it was read.
    #[error("{0}")]
    Changed(#[source] io::Error),
    /// A layer cannot be read a second time.
    #[error(transparent)]
    Reread(#[from] WriteError),
}

impl Cause {
    /// Whether there is no such file, and the name may be that of an image.
    pub fn may_be_an_image(&self) -> bool {
        matches!(self, Self::Open(OpenError::Absent(_)))
    }

    /// Whether there is no such file.
    pub fn is_absent(&self) -> bool {
        match self {
            Self::Open(OpenError::Read(problem)) => problem.kind() == io::ErrorKind::NotFound,
            _ => self.may_be_an_image(),
        }
    }
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

impl LayerName {
    /// The layer at `position` (oldest 0) of `sources`.
    pub(crate) fn new(sources: &[Source], position: usize) -> Self {
        let name = sources.get(position).map(|source| source.layer.name.clone());
        Self { position: position + 1, of: sources.len(), name: name.unwrap_or_default() }
    }
}

impl std::fmt::Display for LayerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "layer {} of {} ({})", self.position, self.of, self.name)
    }
}

impl From<InvalidJson> for Cause {
    fn from(problem: InvalidJson) -> Self {
        Self::Input(problem.into())
    }
}

impl From<OwnersError> for Cause {
    fn from(problem: OwnersError) -> Self {
        match problem {
            OwnersError::Packages(problem) => problem.into(),
            OwnersError::TooLarge(_) => Self::Owners(problem),
            OwnersError::Read(problem) => problem.into(),
        }
    }
}

impl From<CannotPrune> for Cause {
    fn from(problem: CannotPrune) -> Self {
        match problem {
            CannotPrune::Rule(problem) => problem.into(),
            CannotPrune::Owners(problem) => problem.into(),
        }
    }
}

impl From<CannotSplit> for Cause {
    fn from(problem: CannotSplit) -> Self {
        match problem {
            CannotSplit::Split(problem) => problem.into(),
            CannotSplit::Owners(problem) => problem.into(),
        }
    }
}

impl From<DifferenceError> for Cause {
    fn from(problem: DifferenceError) -> Self {
        match problem {
            DifferenceError::Full(problem) => problem.into(),
            DifferenceError::Read(problem) => problem.into(),
        }
    }
}

impl Error {
    /// What there is to say, each in a line.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::NotPassed(failed) => {
                failed.iter().map(|gate| format!("gate not passed, nothing was written: {gate}")).collect()
            }
            other => vec![other.to_string()],
        }
    }

    /// An error about the input that a person named so.
    pub(crate) fn of(input: &str, cause: impl Into<Cause>) -> Self {
        Self::Input { input: input.to_owned(), cause: Box::new(cause.into()) }
    }

    /// The exit code: 2 for a request that contradicts the input, 3 for input and output, 4 for a broken promise.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotPassed(_) => 1,
            Self::Internal(_) | Self::NotTheSame(_) => 4,
            Self::Output { .. } | Self::Gate(_) => 3,
            Self::Input { cause, .. } => match &**cause {
                Cause::Select(SelectError::NotAnImage(_)) => 3,
                Cause::Select(_) | Cause::Keep(_) | Cause::Split(_) => 2,
                Cause::Prune(PruneError::Never { .. }) => 2,
                Cause::Minify(
                    MinifyError::NoSuchProgram(_) | MinifyError::NoSuchPackage(_) | MinifyError::NoSuchSubject(_),
                ) => 2,
                Cause::Minify(MinifyError::Rules(_)) => 4,
                Cause::Prune(PruneError::Database { .. }) => 4,
                _ => 3,
            },
        }
    }
}

/// Puts the input that it is about to a problem.
pub(crate) trait Of<T> {
    /// An error about the input that a person named so.
    fn of(self, input: &str) -> Result<T, Error>;
}

impl<T, E: Into<Cause>> Of<T> for Result<T, E> {
    fn of(self, input: &str) -> Result<T, Error> {
        self.map_err(|problem| Error::of(input, problem))
    }
}
