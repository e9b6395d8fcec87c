//! Why an image is not minified.

use thiserror::Error;

use super::roots::Refusal;
use super::subject::Subject;
use crate::budget::OverBudget;
use crate::layer::{OwnersError, WriteError};
use crate::packages::PackagesError;

/// Why an image cannot be made smaller so.
#[derive(Debug, Error)]
pub enum MinifyError {
    /// What it runs is not in it.
    #[error(
        "--minify: {setting} runs {word:?}, which is not in the image: nothing tells what it needs; set --entrypoint or --cmd to what it will run"
    )]
    NoProgram {
        /// The setting.
        setting: &'static str,
        /// What it says.
        word: String,
    },
    /// It runs nothing.
    #[error(
        "--minify: the image has neither Entrypoint nor Cmd, so nothing tells what it needs; set --cmd, or name programs with --with"
    )]
    NoCommand,
    /// It installs when it runs.
    #[error(
        "--minify: {setting} runs {program}, which installs packages and needs all that they may need; leave out --minify"
    )]
    Installs {
        /// The setting.
        setting: &'static str,
        /// The program.
        program: String,
    },
    /// It is a whole system.
    #[error(
        "--minify: {setting} runs {program}, which starts a whole system, and what that starts cannot be seen; leave out --minify"
    )]
    Boots {
        /// The setting.
        setting: &'static str,
        /// The program.
        program: String,
    },
    /// It has a kernel or a boot loader.
    #[error("--minify: the image has {path}: a bootable system needs more than its programs; leave out --minify")]
    Bootable {
        /// What tells it.
        path: String,
    },
    /// Files of it name more than is held in memory.
    #[error(
        "--minify: files of the image name more than {limit} bytes of names of others: too much to follow; leave out --minify"
    )]
    TooMuch {
        /// What they may name.
        limit: usize,
    },
    /// Following what files of it name takes too long.
    #[error("--minify: files of the image name paths that lead through too many directories; leave out --minify")]
    TooFar,
    /// A program that was asked for is not there.
    #[error("--with: the image has no program {0:?}")]
    NoSuchProgram(String),
    /// A package that was asked for is not there.
    #[error("--with-package: the image has no package {0:?}")]
    NoSuchPackage(String),
    /// What is asked about is not there.
    #[error("it has no {kind} called {0}; what has a slash in it is a path, and everything else a package", kind = .0.kind())]
    NoSuchSubject(Subject),
    /// It cannot be told whose files are, or what packages need.
    #[error("--minify: {0}: it cannot be told whose files are; leave out --minify")]
    Packages(#[from] PackagesError),
    /// Contents cannot be read.
    #[error(transparent)]
    Read(#[from] WriteError),
    /// It holds more than there is memory for.
    #[error("--minify: its package databases need {0}")]
    TooLarge(#[from] OverBudget),
    /// The rules are damaged: a bug.
    #[error("rules.toml: {0}")]
    Rules(String),
    /// Nothing is known of layers below.
    #[error("--minify needs all layers of the image")]
    NoTree,
}

impl From<Refusal> for MinifyError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoProgram { setting, word } => Self::NoProgram { setting, word },
            Refusal::NoCommand => Self::NoCommand,
            Refusal::Installs { setting, program } => Self::Installs { setting, program },
            Refusal::Boots { setting, program } => Self::Boots { setting, program },
        }
    }
}

impl From<OwnersError> for MinifyError {
    fn from(problem: OwnersError) -> Self {
        match problem {
            OwnersError::Packages(problem) => problem.into(),
            OwnersError::Read(problem) => problem.into(),
            OwnersError::TooLarge(problem) => Self::TooLarge(problem),
        }
    }
}
