//! The receipt of a squash: numbers and names.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::inspect::Pushed;
use super::secrets::SquashedSecret;
use crate::finding::Finding;
use crate::ledger::{Cause, Ledger};
use crate::slim::MinifyOutcome;
use crate::tree::Fate;

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
    /// The output, as it was given; `-` for standard output, null for a dry run.
    pub output: Option<String>,
    /// Bytes of the output archive; for a dry run, of its blobs and documents.
    pub output_bytes: u64,
    /// The command that loads the output; null when there is nothing to load.
    pub next: Option<String>,
    /// One for each image, in the order of the input.
    pub images: Vec<ImageReport>,
    /// What was dropped, left out or repaired, in words.
    pub notes: Vec<String>,
    /// The same as data.
    pub findings: Vec<Finding>,
}

/// What became of one image.
#[derive(Clone, Debug, Serialize)]
pub struct ImageReport {
    /// Names with tags; if there are none, what the layout calls it.
    pub names: Vec<String>,
    /// Operating system, architecture, variant.
    pub platform: String,
    /// The new image id: the digest of the config.
    pub image_id: String,
    /// The digest of the new manifest.
    pub manifest_digest: String,
    /// Whether the image is what it was: it was made with the same options before.
    pub is_unchanged: bool,
    /// Layers.
    pub layers: Change,
    /// Entries of the squashed layers and of the new ones: files, directories, links, whiteouts.
    pub entries: Change,
    /// Bytes of the squashed layers and of the new ones, uncompressed.
    pub uncompressed_bytes: Change,
    /// Bytes of their blobs.
    pub compressed_bytes: Change,
    /// Bytes that a registry holds of all layers, before and after.
    pub pushed: PushedChange,
    /// The layers of the input, oldest first.
    pub source_layers: Vec<SourceLayer>,
    /// Uncompressed bytes of the squashed layers that the new ones do not have, by cause.
    pub reclaimed_bytes: Reclaimed,
    /// Uncompressed bytes that went into the new layers as they were.
    pub copied_bytes: u64,
    /// Bytes of headers of the squashed layers that were written anew.
    pub rewritten_bytes: u64,
    /// Uncompressed bytes in the new layers that come from kept ones.
    pub from_kept_bytes: u64,
    /// Bytes of headers, and of the ends of archives, in the new layers.
    pub written_bytes: u64,
    /// Files that are equal to others but for their names.
    pub equal_files: EqualFiles,
    /// What each prune rule did, in the order of the rules; absent when nothing was to be pruned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruned: Option<Vec<PrunedReport>>,
    /// Secrets of the input and what became of them: files by layer, then variables, labels, commands and history;
    /// absent when none were looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Vec<SquashedSecret>>,
    /// Members of the config that options edited, `config.` before those of it, and what they are now; null when they
    /// are gone.
    pub edited_config: BTreeMap<String, serde_json::Value>,
    /// What became of times; absent when they stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<TimesReport>,
    /// What stayed of the system and what went; absent when all was to stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minified: Option<MinifyOutcome>,
    /// Layers that are the input's, byte for byte.
    pub kept_layers: Vec<KeptReport>,
    /// The new layers, oldest first.
    pub new_layers: Vec<NewLayer>,
}

/// What became of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TimesReport {
    /// `clamp`: no time is later than this one; `set`: every time is this one.
    pub mode: &'static str,
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds after that.
    pub nanoseconds: u32,
}

/// Bytes that a registry holds, before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PushedChange {
    /// Of the input.
    pub before: Pushed,
    /// Of the output.
    pub after: Pushed,
}

/// A layer of the input.
#[derive(Clone, Debug, Serialize)]
pub struct SourceLayer {
    /// The digest of its uncompressed bytes.
    pub diff_id: String,
    /// Bytes of its blob as it lies in the input.
    pub bytes: u64,
    /// Bytes that a registry holds of it.
    pub pushed: Pushed,
}

/// A layer that was kept.
#[derive(Clone, Debug, Serialize)]
pub struct KeptReport {
    /// Its position in the input, oldest 1.
    pub position: u64,
    /// The digest of its blob.
    pub digest: String,
    /// Bytes of its blob.
    pub compressed_bytes: u64,
}

/// A layer that was written.
#[derive(Clone, Debug, Serialize)]
pub struct NewLayer {
    /// What is in it, when it is one of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The digest of its blob.
    pub digest: String,
    /// The digest of its uncompressed bytes.
    pub diff_id: String,
    /// How it is compressed: `none`, `gzip` or `zstd`.
    pub compression: &'static str,
    /// Its entries.
    pub entries: u64,
    /// Its bytes, uncompressed.
    pub uncompressed_bytes: u64,
    /// Bytes of its blob.
    pub compressed_bytes: u64,
}

/// Files that are equal to others, metadata included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EqualFiles {
    /// How many, the first of each kind not counted.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether they became hard links, which only confirmed equality does; otherwise fingerprints alone were compared.
    pub linked: bool,
}

/// What one prune rule did.
#[derive(Clone, Debug, Serialize)]
pub struct PrunedReport {
    /// The rule, or `prune-path` for what a person named.
    pub id: String,
    /// What it takes.
    pub title: String,
    /// `safe` or `opt-in`; empty for what a person named.
    pub class: &'static str,
    /// Why the rule was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// Files that went or were emptied.
    pub files: u64,
    /// Bytes of their contents.
    pub bytes: u64,
    /// What these bytes took up in the input's blobs, estimated by how well each blob compresses as a whole.
    pub estimated_compressed_bytes: u64,
    /// Those of `bytes` that lie in kept layers: a whiteout hides them and nothing is freed.
    pub hidden_in_kept_layers_bytes: u64,
    /// The largest files, largest first, at most ten.
    pub largest: Vec<PrunedFile>,
    /// All paths that are gone, in the order of the rule, with `\\` for a backslash and `\x` and two digits for a byte
    /// that cannot be shown.
    pub gone: Vec<String>,
    /// All files that were emptied, likewise.
    pub emptied: Vec<String>,
    /// Files that a guard kept, by the guard.
    pub kept: Vec<GuardReport>,
}

/// A file that was pruned.
#[derive(Clone, Debug, Serialize)]
pub struct PrunedFile {
    /// Its path.
    pub path: String,
    /// Bytes of its contents.
    pub bytes: u64,
}

/// Files that a guard kept from a rule.
#[derive(Clone, Debug, Serialize)]
pub struct GuardReport {
    /// Why they stay.
    pub guard: String,
    /// How many.
    pub files: u64,
    /// One of them.
    pub example: String,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// All of them.
    pub total: u64,
    /// Bytes by cause, those that took nothing too: what it is called, and in words.
    causes: Vec<(&'static str, &'static str, u64)>,
}

impl Reclaimed {
    /// The bytes that went for a cause; 0 for one that there is not.
    pub fn of(&self, key: &str) -> u64 {
        self.causes().find(|(known, ..)| *known == key).map_or(0, |(.., bytes)| bytes)
    }

    /// Every cause: what it is called, the same in words, and its bytes.
    pub fn causes(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        self.causes.iter().copied()
    }
}

impl From<&Ledger> for Reclaimed {
    fn from(ledger: &Ledger) -> Self {
        let mut causes: Vec<(&str, &str, u64)> = Vec::new();
        for fate in Fate::GONE {
            let (key, bytes) = (fate.coarse_key(), ledger.total(Cause::Gone(*fate)));
            match causes.iter_mut().find(|(known, ..)| *known == key) {
                Some((.., sum)) => *sum += bytes,
                None => causes.push((key, fate.words(), bytes)),
            }
        }
        causes.push(("archive", "archive ends and padding", ledger.total(Cause::Archive)));
        Self { total: ledger.reclaimed(), causes }
    }
}

impl Serialize for Reclaimed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let total = std::iter::once(("total", self.total));
        serializer.collect_map(total.chain(self.causes().map(|(key, _, bytes)| (key, bytes))))
    }
}
