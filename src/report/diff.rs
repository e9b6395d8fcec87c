//! How two images differ, as data.

use serde::Serialize;

/// The version of the JSON form. It grows when a member changes its meaning or goes away; new members do not change it.
pub const DIFF_SCHEMA_VERSION: u32 = 1;

/// How two images differ. Layers do not matter: final file systems and configs are compared.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// [`DIFF_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The version of imgsquash.
    pub version: &'static str,
    /// The first input, as it was given.
    pub old: String,
    /// The second.
    pub new: String,
    /// Whether nothing differs that was to be compared.
    pub is_equal: bool,
    /// One for each pair of images, in the order of the first input.
    pub images: Vec<ImageDifference>,
    /// Images that only the first input has.
    pub only_old: Vec<ImageTitle>,
    /// Images that only the second has.
    pub only_new: Vec<ImageTitle>,
}

/// What an image is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageTitle {
    /// Names with tags.
    pub names: Vec<String>,
    /// Operating system, architecture, variant.
    pub platform: String,
}

/// How an image differs from another.
#[derive(Clone, Debug, Serialize)]
pub struct ImageDifference {
    /// What the first image is called.
    #[serde(flatten)]
    pub title: ImageTitle,
    /// Paths of the first image and of the second, directories and the root included.
    pub entries: [u64; 2],
    /// Bytes of contents of the first image and of the second.
    pub bytes: [u64; 2],
    /// Paths that differ, in the order of their bytes.
    pub files: Vec<FileDifference>,
    /// Members of the config that differ.
    pub config: Vec<ConfigDifference>,
}

/// How a path differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileDifference {
    /// The path, with `\\` for a backslash and `\x` and two digits for a byte that cannot be shown.
    pub path: String,
    /// `added`, `removed` or `changed`.
    pub change: &'static str,
    /// Bytes of its contents in the first image; null when it is not there.
    pub old_bytes: Option<u64>,
    /// Bytes of its contents in the second.
    pub new_bytes: Option<u64>,
    /// What is different; empty unless it is `changed`.
    pub what: Vec<AspectDifference>,
}

/// One aspect of a path that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AspectDifference {
    /// `type`, `mode`, `owner`, `size`, `content`, `link`, `hard-link`, `xattr`, `device`, `mtime`, `names` or `pax`.
    pub aspect: &'static str,
    /// What the first image has.
    pub old: String,
    /// What the second has.
    pub new: String,
}

/// How a member of the config differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigDifference {
    /// The member, as in `config.Env`.
    pub member: String,
    /// What the first image has, as JSON; null when it has none.
    pub old: Option<String>,
    /// What the second has.
    pub new: Option<String>,
}
