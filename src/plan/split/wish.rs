//! How a file system can be asked to be divided, and why it may not be possible.

use thiserror::Error;

use super::class::Class;

/// Into which layers a file system is divided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// Into one.
    #[default]
    No,
    /// One for each class that has anything in it.
    Auto,
    /// So many, at least 2.
    Count(u8),
    /// One for each of these; other classes join their neighbours.
    Classes(Vec<Class>),
}

impl std::fmt::Display for Split {
    /// As it is written on the command line; empty for one layer.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::No => Ok(()),
            Self::Auto => f.write_str("auto"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Classes(classes) => {
                f.write_str(&classes.iter().map(|class| class.name()).collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// A file system that cannot be divided so.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SplitError {
    /// There are fewer things than layers.
    #[error("{empty} would be empty: there is content for {found} of {asked} layers, ask for fewer with --split")]
    TooMany {
        /// Layers asked for.
        asked: usize,
        /// Layers with anything in them.
        found: usize,
        /// The titles of the others.
        empty: String,
    },
    /// There are fewer packages than layers for them.
    #[error("there are {packages} packages to deal out to {asked} layers: ask for fewer with --split")]
    FewPackages {
        /// Layers for packages that were asked for.
        asked: u8,
        /// Packages.
        packages: usize,
    },
}
