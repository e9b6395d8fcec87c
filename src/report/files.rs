//! The files of an image, for whoever shows them.

/// A file of an image, seen or hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Its path, without a slash at the ends.
    pub path: String,
    /// Bytes of its contents; 0 for further names of a hard-linked file.
    pub bytes: u64,
    /// The layer that has it, oldest 1.
    pub layer: u64,
    /// Whether a container sees it.
    pub state: FileState,
    /// The package that owns it.
    pub package: Option<String>,
    /// What it is.
    pub kind: FileKind,
}

/// Whether a container sees a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It does.
    Live,
    /// It does not.
    Hidden {
        /// Why, as in [`super::HiddenCause::cause`].
        cause: &'static str,
        /// The layer that hides it, oldest 1.
        by: u64,
    },
}

/// What a file is, as far as its path and its owner tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// A package has it.
    Package,
    /// A prune rule would take it.
    Prunable,
    /// A secret is in it.
    Secret,
    /// Nobody but the image has it.
    Application,
}

impl FileKind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Prunable => "prunable",
            Self::Secret => "secret",
            Self::Application => "application",
        }
    }
}
