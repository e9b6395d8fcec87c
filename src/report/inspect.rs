//! What is inside an image, as data: `src/report/inspect.schema.json` has the schema.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::finding::{Finding, Severity};
use crate::inside::Listing;

/// The version of the JSON form. It grows when a member changes its meaning or goes away; new members do not change it.
pub const INSPECT_SCHEMA_VERSION: u32 = 1;

/// What is inside an archive.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// [`INSPECT_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The version of imgsquash.
    pub version: &'static str,
    /// The input, as it was given.
    pub input: String,
    /// One for each image, in the order of the input.
    pub images: Vec<InspectedImage>,
    /// What there is to know of the archive as a whole.
    pub findings: Vec<Finding>,
}

/// What is inside an image.
#[derive(Clone, Debug, Serialize)]
pub struct InspectedImage {
    /// Names with tags; if there are none, what the layout calls it.
    pub names: Vec<String>,
    /// Operating system, architecture, variant.
    pub platform: String,
    /// The image id: the digest of the config.
    pub image_id: String,
    /// The digest of the manifest; of the config in a Docker archive.
    pub manifest_digest: String,
    /// When it was made, as the config spells it.
    pub created: Option<String>,
    /// What containers of it run by.
    pub settings: Settings,
    /// Bytes of all layers, uncompressed.
    pub unpacked_bytes: u64,
    /// Bytes that a registry holds of it.
    pub pushed: Pushed,
    /// Bytes of all layers that are part of the final file system, uncompressed.
    pub live_bytes: u64,
    /// Bytes of all layers that something hides, uncompressed: hidden copies only, never what hides them.
    pub hidden_bytes: u64,
    /// Bytes that say what is gone, and ends of archives.
    pub overhead_bytes: u64,
    /// Of all bytes those that are live, from 0 to 1.
    pub efficiency: f64,
    /// Entries of the final file system.
    pub entries: u64,
    /// The layers, oldest first.
    pub layers: Vec<InspectedLayer>,
    /// Hidden bytes by cause, largest first.
    pub hidden: Vec<HiddenCause>,
    /// The largest hidden files, largest first.
    pub hidden_files: Vec<HiddenFile>,
    /// What squashing would save.
    pub savings: Vec<Saving>,
    /// Secrets, the gravest first.
    pub secrets: Vec<SecretReport>,
    /// Everything else that a person should know.
    pub findings: Vec<Finding>,
    /// All files, when they were asked for. JSON has them not.
    #[serde(skip)]
    pub listing: Option<Listing>,
}

/// What containers run by.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Settings {
    /// The user as the config says it; empty when it says none.
    pub user: String,
    /// The number of that user, where it can be told.
    pub uid: Option<u64>,
    /// Whether that is the superuser.
    pub is_root: bool,
    /// Ports that are exposed.
    pub ports: Vec<String>,
    /// Volumes.
    pub volumes: Vec<String>,
    /// The command that tells whether a container is healthy; null when there is none.
    pub healthcheck: Option<Vec<String>>,
    /// The entrypoint.
    pub entrypoint: Vec<String>,
    /// The command.
    pub cmd: Vec<String>,
    /// The directory that containers begin in.
    pub working_dir: String,
}

/// Bytes that a registry holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// How many.
    pub bytes: u64,
    /// Whether that is an estimate: layers that come uncompressed are compressed when they are pushed.
    pub is_estimated: bool,
}

/// What is in a layer.
#[derive(Clone, Debug, Serialize)]
pub struct InspectedLayer {
    /// Its position, oldest 1.
    pub position: u64,
    /// The digest of its blob.
    pub digest: String,
    /// The digest of its uncompressed bytes.
    pub diff_id: String,
    /// What made it, as the history tells; null when it does not.
    pub step: Option<String>,
    /// Whether it belongs to the base image.
    pub is_base: bool,
    /// Its bytes, uncompressed.
    pub unpacked_bytes: u64,
    /// Bytes that a registry holds of it.
    pub pushed: Pushed,
    /// Its entries.
    pub entries: u64,
    /// Of these the regular files.
    pub files: u64,
    /// Uncompressed bytes of it that a later layer hides, or that it has twice.
    pub hidden_bytes: u64,
    /// The same by cause.
    pub hidden: BTreeMap<&'static str, u64>,
}

/// Bytes that are hidden for one reason.
#[derive(Clone, Debug, Serialize)]
pub struct HiddenCause {
    /// `deleted`, `cleared`, `overwritten`, `buried`, `metadata_copies`, `repeated_directories` or `duplicates`.
    pub cause: &'static str,
    /// The same in words.
    pub words: &'static str,
    /// Uncompressed bytes, headers and padding included.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
    /// From which layer to which: the pairs that hide most, largest first, at most ten.
    pub between: Vec<HiddenBetween>,
}

/// What one layer hides of another.
#[derive(Clone, Debug, Serialize)]
pub struct HiddenBetween {
    /// The layer that has it, oldest 1.
    pub layer: u64,
    /// The layer that hides it.
    pub by: u64,
    /// Bytes.
    pub bytes: u64,
    /// The deepest directory that at least nine of ten of these bytes are in.
    pub below: String,
}

/// A file that nobody sees.
#[derive(Clone, Debug, Serialize)]
pub struct HiddenFile {
    /// Its path.
    pub path: String,
    /// Bytes of its contents.
    pub bytes: u64,
    /// Why it is hidden, as in [`HiddenCause::cause`].
    pub cause: &'static str,
    /// The layer that has it, oldest 1.
    pub layer: u64,
    /// The layer that hides it.
    pub by: u64,
}

/// What an option would save.
#[derive(Clone, Debug, Serialize)]
pub struct Saving {
    /// What would be done: `squash`, `keep-base` or `prune`.
    pub what: &'static str,
    /// The options to do it.
    pub options: &'static str,
    /// Bytes that a registry would hold.
    pub pushed: Pushed,
    /// Bytes of all layers, uncompressed.
    pub unpacked_bytes: u64,
    /// Layers.
    pub layers: u64,
}

/// A secret, without its value.
#[derive(Clone, Debug, Serialize)]
pub struct SecretReport {
    /// The rule that found it.
    pub rule: String,
    /// `low` to `critical`.
    pub severity: Severity,
    /// `file`, `history`, `env`, `label` or `cmd`.
    pub place: &'static str,
    /// The path of the file, or the name of the variable or label; the row of the history.
    pub path: String,
    /// The layer that has it, oldest 1; null where no layer does.
    pub layer: Option<u64>,
    /// What made that layer, or the row of the history.
    pub step: Option<String>,
    /// The line it is in, from 1, where it has one.
    pub line: Option<u64>,
    /// `live` when a container sees it, `hidden` when only layers have it.
    pub state: &'static str,
    /// The layer that hides it.
    pub hidden_by: Option<u64>,
    /// Whether squashing removes it.
    pub removed_by_squash: bool,
    /// What it is, without what must not be told.
    pub redacted: String,
    /// Tells it from others, and stays the same from image to image.
    pub fingerprint: String,
    /// Why it does not count, when a baseline says so.
    pub accepted: Option<String>,
}
