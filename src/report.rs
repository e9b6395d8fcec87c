//! The receipt: numbers and names, no rendering.

use serde::Serialize;

use crate::layer::Account;

/// The version of the JSON form. It grows when a member changes its meaning or goes away; new members do not change it.
pub const SCHEMA_VERSION: u32 = 1;

/// What was done, for people and machines.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The version of imgsquash.
    pub version: &'static str,
    /// The input, as it was given.
    pub input: String,
    /// The output, as it was given; `-` for standard output.
    pub output: String,
    /// Bytes of the output archive.
    pub output_bytes: u64,
    /// One for each image, in the order of the input.
    pub images: Vec<ImageReport>,
    /// What was dropped, left out or repaired.
    pub notes: Vec<String>,
}

/// What became of one image.
#[derive(Clone, Debug, Serialize)]
pub struct ImageReport {
    /// Names with tags.
    pub names: Vec<String>,
    /// Operating system, architecture, variant.
    pub platform: String,
    /// The new image id: the digest of the config.
    pub image_id: String,
    /// The digest of the new manifest.
    pub manifest_digest: String,
    /// Layers.
    pub layers: Change,
    /// Entries of all layers: files, directories, links, whiteouts.
    pub entries: Change,
    /// Bytes of the uncompressed layers.
    pub uncompressed_bytes: Change,
    /// Bytes of the layer blobs.
    pub compressed_bytes: Change,
    /// Uncompressed bytes of the old layers that the new one does not have, by cause.
    pub reclaimed_bytes: Reclaimed,
    /// Uncompressed bytes that went into the new layer as they were.
    pub copied_bytes: u64,
    /// Bytes of headers of the old layers that were written anew.
    pub rewritten_bytes: u64,
    /// Bytes of headers, and of the end of the archive, in the new layer.
    pub written_bytes: u64,
    /// The digests of the new layers.
    pub new_layers: Vec<String>,
}

/// A number before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// In the input.
    pub before: u64,
    /// In the output.
    pub after: u64,
}

/// Uncompressed bytes by the cause for which they are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reclaimed {
    /// All of them.
    pub total: u64,
    /// Removed by a later layer.
    pub deleted: u64,
    /// Replaced by a later layer.
    pub overwritten: u64,
    /// Copied again by a later layer only to change metadata.
    pub metadata_copies: u64,
    /// Whiteouts and opaque markers.
    pub whiteouts: u64,
    /// Directories that a later layer declares again.
    pub repeated_directories: u64,
    /// Paths that one layer has twice.
    pub duplicates: u64,
    /// Metadata of AUFS and eStargz.
    pub ignored: u64,
    /// Ends of archives, padding and global headers.
    pub archive: u64,
}

impl From<Account> for Reclaimed {
    fn from(account: Account) -> Self {
        Self {
            total: account.reclaimed(),
            deleted: account.deleted,
            overwritten: account.overwritten,
            metadata_copies: account.metadata_copies,
            whiteouts: account.whiteouts,
            repeated_directories: account.repeated_directories,
            duplicates: account.duplicates,
            ignored: account.ignored,
            archive: account.archive,
        }
    }
}
