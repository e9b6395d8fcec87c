//! What came of it, for people.

use serde::Serialize;

/// What a minified image has and has not.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MinifyOutcome {
    /// `packages` or `files`.
    pub grain: &'static str,
    /// Packages that stayed.
    pub packages_kept: u64,
    /// Packages that are gone.
    pub packages_gone: u64,
    /// Bytes of files of packages that stayed.
    pub bytes_kept: u64,
    /// Bytes of files that are gone.
    pub bytes_gone: u64,
    /// Files and symlinks that are gone.
    pub files_gone: u64,
    /// Bytes of files that no package has, all of which stayed but for what belonged to packages that are gone.
    pub own_bytes: u64,
    /// The largest packages that stayed, largest first, at most ten, each with the reason why.
    pub largest_kept: Vec<PackageBytes>,
    /// The largest packages that are gone, largest first, at most ten.
    pub largest_gone: Vec<PackageBytes>,
    /// What could not be seen.
    pub unseen: Unseen,
    /// Every path that is gone, in order, exactly.
    pub gone: Vec<String>,
    /// Records that say something else since then, in the order of their paths.
    pub rewritten: Vec<Rewritten>,
}

/// A file that got other contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rewritten {
    /// The path, exactly.
    pub path: String,
    /// The digest of the new contents.
    pub digest: String,
    /// Bytes of them.
    pub bytes: u64,
}

/// A package and what it takes up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageBytes {
    /// Its name.
    pub package: String,
    /// Bytes of its files.
    pub bytes: u64,
    /// What needs it, from the nearest to the root.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
}

/// What could not be seen, by path; of each at most a hundred.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// ELF files of the user's that open libraries by names that are not in them.
    pub opens: Vec<String>,
    /// Scripts that compute what they call.
    pub computes: Vec<String>,
    /// Programs that went though a file of the user's names them: the program, and the file.
    pub named: Vec<(String, String)>,
    /// Libraries that the image never had, and what needs them.
    pub missing: Vec<(String, String)>,
    /// Files that name more than was looked at, or that are damaged.
    pub cut: Vec<String>,
}
