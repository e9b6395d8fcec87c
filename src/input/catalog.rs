//! From files to images: the parts that both archive formats share.

use std::fmt;

use thiserror::Error;

use super::open::{OpenError, Store};
use super::{docker, layout};
use crate::blob::{Mismatch, Span, verify};
use crate::layer::Source;
use crate::limits::Limits;
use crate::oci::{Catalog, Digest, Image, InvalidJson, LayerKind};

/// An archive that holds no image that could be squashed.
#[derive(Debug, Error)]
pub enum InputError {
    /// The archive cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A document is not what it should be.
    #[error(transparent)]
    Json(#[from] InvalidJson),
    /// A document is not the one its descriptor means.
    #[error("{what}: {problem}")]
    Mismatch {
        /// The document.
        what: String,
        /// What does not fit.
        problem: Mismatch,
    },
    /// A document cannot be read.
    #[error("cannot read {what}: {problem}")]
    Document {
        /// The document.
        what: String,
        /// What happened.
        problem: std::io::Error,
    },
    /// Something that a document names is not there.
    #[error("{what} is missing from the archive: was it cut short, or saved without all its layers?")]
    Missing {
        /// What is missing.
        what: String,
    },
    /// There is no image at all.
    #[error("no manifest.json and no index.json in it: {0}")]
    NoImage(&'static str),
    /// Indexes lead to each other.
    #[error("index {0} leads back to itself")]
    IndexCycle(Digest),
    /// Indexes lead on and on.
    #[error("{what} exceed the limit of {limit}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Manifest and config disagree.
    #[error("the config lists {diff_ids} layers (diff_ids), the manifest {layers}")]
    LayerCount {
        /// Layers of the config.
        diff_ids: usize,
        /// Layers of the manifest.
        layers: usize,
    },
    /// A layer that is not in the archive because it may not be distributed.
    #[error(
        "layer {position} is a foreign layer ({name}): its bytes are not part of the image, so it cannot be squashed"
    )]
    ForeignLayer {
        /// Position, oldest 1.
        position: usize,
        /// Its name.
        name: String,
    },
    /// A layer that is no file system.
    #[error("layer {position} is of type {media_type}, expected a tar: this is not a container image")]
    NotALayer {
        /// Position, oldest 1.
        position: usize,
        /// Its media type.
        media_type: String,
    },
    /// An operating system whose layers have another form.
    #[error("the image is for {0}: only linux images can be squashed")]
    ForeignSystem(String),
}

/// Something about the input that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Attestations were dropped.
    Attestations(usize),
    /// An artifact was dropped.
    Artifact(String),
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

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attestations(1) => {
                write!(f, "dropped 1 attestation (SBOM or provenance): it describes layers that no longer exist")
            }
            Self::Attestations(n) => {
                write!(f, "dropped {n} attestations (SBOM or provenance): they describe layers that no longer exist")
            }
            Self::Artifact(kind) => write!(f, "left out an artifact of type {kind}: it is not an image"),
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

/// All images of `store`.
pub fn read(store: &Store, limits: &Limits) -> Result<Catalog, InputError> {
    if let Some(index) = store.get("index.json")? {
        return layout::read(store, &index, limits);
    }
    if let Some(manifest) = store.get("manifest.json")? {
        return docker::read(store, &manifest, limits);
    }
    let Store::Tarball(tarball) = store else {
        return Err(InputError::NoImage("expected an OCI image layout"));
    };
    if tarball.any(|name| name == "repositories" || name.ends_with("/VERSION")) {
        return Err(InputError::NoImage("this was saved by Docker before 1.10; load it and save it again"));
    }
    if tarball.any(|name| name.starts_with("etc/") || name.starts_with("usr/")) {
        return Err(InputError::NoImage("this looks like a root file system (docker export); use docker save instead"));
    }
    Err(InputError::NoImage("expected an archive made by docker save, podman save or skopeo"))
}

/// The layers of `image`, oldest first, each found in `store`.
pub fn sources(store: &Store, image: &Image, limits: &Limits) -> Result<Vec<Source>, InputError> {
    let platform = image.config.platform();
    if platform.os != "linux" {
        return Err(InputError::ForeignSystem(platform.to_string()));
    }
    let diff_ids = image.config.diff_ids().len();
    if diff_ids != image.layers.len() {
        return Err(InputError::LayerCount { diff_ids, layers: image.layers.len() });
    }
    if diff_ids > usize::from(limits.layers) {
        return Err(InputError::TooMuch { what: "the image's layers", limit: usize::from(limits.layers) });
    }
    let mut sources = Vec::with_capacity(diff_ids);
    for (layer, position) in image.layers.iter().zip(1..) {
        match &layer.kind {
            LayerKind::Tar => {}
            LayerKind::Foreign => return Err(InputError::ForeignLayer { position, name: layer.name.clone() }),
            LayerKind::Other(media_type) => {
                return Err(InputError::NotALayer { position, media_type: media_type.clone() });
            }
        }
        let Some(blob) = store.get(&layer.name)? else {
            return Err(InputError::Missing { what: format!("layer {position} ({})", layer.name) });
        };
        sources.push(Source { layer: layer.clone(), blob });
    }
    Ok(sources)
}

/// The bytes of a small document.
pub(super) fn document(span: &Span, what: &str, limits: &Limits) -> Result<Vec<u8>, InputError> {
    span.read_all(limits.document).map_err(|problem| InputError::Document { what: what.to_owned(), problem })
}

/// The bytes of a document that a descriptor means.
pub(super) fn verified(
    store: &Store,
    what: &str,
    digest: Digest,
    size: u64,
    limits: &Limits,
) -> Result<Option<Vec<u8>>, InputError> {
    let Some(span) = store.get(&digest.blob_path())? else { return Ok(None) };
    let bytes = document(&span, what, limits)?;
    verify(&bytes, digest, size).map_err(|problem| InputError::Mismatch { what: what.to_owned(), problem })?;
    Ok(Some(bytes))
}
