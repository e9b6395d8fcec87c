//! What a person should know of an input.

use std::fmt;

use crate::finding::{Finding, Severity};
use crate::oci::Platform;

/// Something about the input that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputNote {
    /// Attestations were dropped.
    Attestations(usize),
    /// Artifacts of one type were dropped.
    Artifact {
        /// The type.
        kind: String,
        /// How many.
        count: usize,
    },
    /// An image that cannot be read was left out, because others were asked for.
    Broken(String),
    /// An image for another system was left out.
    ForeignSystem(Platform),
    /// A schema 1 manifest was left out.
    Schema1,
    /// A platform of an index is not in the archive.
    Absent {
        /// The platform, or the digest when the index does not say.
        platform: String,
    },
    /// History rows and layers did not fit.
    History {
        /// Rows that stand for a layer.
        rows: usize,
        /// Layers.
        layers: usize,
    },
}

impl fmt::Display for InputNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attestations(1) => {
                write!(f, "dropped 1 attestation (SBOM or provenance): it describes layers that no longer exist")
            }
            Self::Attestations(n) => {
                write!(f, "dropped {n} attestations (SBOM or provenance): they describe layers that no longer exist")
            }
            Self::Artifact { kind, count: 1 } => {
                write!(f, "left out an artifact of type {kind}: it is not an image")
            }
            Self::Artifact { kind, count } => {
                write!(f, "left out {count} artifacts of type {kind}: they are not images")
            }
            Self::Broken(problem) => write!(f, "left out what cannot be read: {problem}"),
            Self::ForeignSystem(platform) => {
                write!(f, "left out the image for {platform}: only linux images can be squashed")
            }
            Self::Schema1 => f.write_str("left out a Docker schema 1 manifest: it has no config"),
            Self::Absent { platform } => {
                write!(f, "left out {platform}: the index names it, but it is not in this archive")
            }
            Self::History { rows, layers } => {
                write!(f, "repaired the history: {rows} rows stood for layers, there are {layers} layers")
            }
        }
    }
}

impl From<InputNote> for Finding {
    fn from(note: InputNote) -> Self {
        let id = match note {
            InputNote::Attestations(_) => "attestations-dropped",
            InputNote::Artifact { .. } => "artifact-left-out",
            InputNote::Broken(_) => "unreadable-left-out",
            InputNote::ForeignSystem(_) => "system-left-out",
            InputNote::Schema1 => "schema1-left-out",
            InputNote::Absent { .. } => "platform-absent",
            InputNote::History { .. } => "history-repaired",
        };
        Self::new(id, Severity::Low, note.to_string())
    }
}
