//! What can be asked about: a file or a package.

use std::fmt;

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A file, by its path.
    Path(String),
    /// A package, by its name.
    Package(String),
}

impl Subject {
    /// What a person means: a path when there is a slash in it.
    pub fn parse(text: &str) -> Self {
        if text.contains('/') { Self::Path(text.to_owned()) } else { Self::Package(text.to_owned()) }
    }

    pub(super) fn kind(&self) -> &'static str {
        if matches!(self, Self::Path(_)) { "file" } else { "package" }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Path(text) | Self::Package(text)) = self;
        f.write_str(text)
    }
}
