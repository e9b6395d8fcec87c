//! From files to images: the parts that both archive formats share.

use std::fmt;

use thiserror::Error;

use super::open::{OpenError, Store};
use super::{docker, layout};
use crate::blob::{Changed, Mismatch, Span, verify};
use crate::layer::Source;
use crate::limits::Limits;
use crate::oci::{Catalog, Digest, Image, InvalidJson, LayerKind, Other, Platform};

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
        "layer {position} is a foreign layer ({name}) whose bytes are not in the archive, so it cannot be squashed"
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

impl InputError {
    /// Whether it is about one image, and others of the archive may still be read. What an archive may ask for in all
    /// counts for all of it, and so does a file that changes while it is read.
    fn is_of_one_image(&self) -> bool {
        match self {
            Self::Json(_) | Self::Mismatch { .. } | Self::Missing { .. } | Self::LayerCount { .. } => true,
            Self::Document { problem, .. } => !problem.get_ref().is_some_and(|inner| inner.is::<Changed>()),
            Self::Open(problem) => problem.is_of_one_file(),
            _ => false,
        }
    }
}

/// What was read, or [`Other::Broken`] for an image that cannot be; `first` keeps the first reason.
pub(super) fn broken<T>(
    read: Result<T, InputError>,
    first: &mut Option<InputError>,
) -> Result<Result<T, Other>, InputError> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(problem) if problem.is_of_one_image() => {
            let broken = Other::Broken(problem.to_string());
            first.get_or_insert(problem);
            Ok(Err(broken))
        }
        Err(problem) => Err(problem),
    }
}

/// The catalog, unless nothing in it can be read: then that is why.
pub(super) fn whole(catalog: Catalog, problem: Option<InputError>) -> Result<Catalog, InputError> {
    problem.filter(|_| catalog.images.is_empty()).map_or(Ok(catalog), Err)
}

/// Counts the bytes of one more config.
pub(super) fn count(configs: &mut u64, config: &[u8], limits: &Limits) -> Result<(), InputError> {
    *configs += config.len() as u64;
    if *configs <= limits.configs {
        return Ok(());
    }
    let limit = usize::try_from(limits.configs).unwrap_or(usize::MAX);
    Err(InputError::TooMuch { what: "the bytes of all configs", limit })
}

/// Something about the input that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
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

impl fmt::Display for Note {
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
        if let LayerKind::Other(media_type) = &layer.kind {
            return Err(InputError::NotALayer { position, media_type: media_type.clone() });
        }
        let Some(blob) = store.get(&layer.name)? else {
            return Err(match layer.kind {
                LayerKind::Foreign => InputError::ForeignLayer { position, name: layer.name.clone() },
                _ => InputError::Missing { what: format!("layer {position} ({})", layer.name) },
            });
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
    if span.len() != size {
        let problem = Mismatch::Size { expected: size, found: span.len() };
        return Err(InputError::Mismatch { what: what.to_owned(), problem });
    }
    let bytes = document(&span, what, limits)?;
    verify(&bytes, digest, size).map_err(|problem| InputError::Mismatch { what: what.to_owned(), problem })?;
    Ok(Some(bytes))
}
