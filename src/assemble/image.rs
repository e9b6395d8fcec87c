//! Config and manifest.

use std::ops::Range;

use super::edits::Edits;
use super::history::history;
use super::{Blob, describe};
use crate::codec::Codec;
use crate::layer::Written;
use crate::oci::{DiffId, Digest, Document, Image, InvalidJson, Layer};
use crate::times::Times;

/// A layer of the new image.
#[derive(Clone, Copy, Debug)]
pub enum Final<'f> {
    /// One of the input, as it is.
    Kept {
        /// What the input says of it.
        layer: &'f Layer,
        /// The digest of its blob.
        digest: Digest,
        /// Bytes of its blob.
        size: u64,
        /// How it is compressed.
        codec: Codec,
    },
    /// A new one.
    New {
        /// The layer.
        written: &'f Written,
        /// What is in it, when it is one of several.
        title: Option<&'f str>,
    },
}

impl<'f> Final<'f> {
    /// The title of a new layer, which may have none.
    pub(super) fn new_title(&self) -> Option<Option<&'f str>> {
        match self {
            Self::Kept { .. } => None,
            Self::New { title, .. } => Some(*title),
        }
    }

    /// The digest of the blob.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Kept { digest, .. } => *digest,
            Self::New { written, .. } => written.digest,
        }
    }

    fn diff_id(&self) -> DiffId {
        match self {
            Self::Kept { layer, .. } => layer.diff_id,
            Self::New { written, .. } => written.diff_id,
        }
    }

    fn descriptor(&self, edits: &Edits) -> Document {
        let (mut descriptor, codec, size) = match self {
            Self::Kept { layer, size, codec, .. } => (layer.descriptor.clone(), *codec, *size),
            Self::New { written, .. } => (Document::default(), written.codec, written.size),
        };
        describe(&mut descriptor, edits.media_types.layer(codec), self.digest(), size);
        descriptor
    }
}

/// An image whose documents are made.
#[derive(Clone, Debug)]
pub struct Assembled {
    /// The config; its digest is the image id.
    pub config: Blob,
    /// The manifest.
    pub manifest: Blob,
    /// Digests of the layers, oldest first.
    pub layers: Vec<Digest>,
}

/// Config and manifest of `image` with `layers`, in which the layers at the positions `squashed` were replaced.
pub fn image(
    image: &Image,
    squashed: &Range<usize>,
    layers: &[Final<'_>],
    edits: &Edits,
) -> Result<Assembled, InvalidJson> {
    let mut config = image.config.clone();
    config.set_diff_ids(&layers.iter().map(Final::diff_id).collect::<Vec<_>>());
    if let Some(created) = edits.times.apply_text(config.created()) {
        config.set_created(&created);
    }
    let history = history(&config, image.layers.len(), squashed, layers, edits);
    config.set_history(history);
    edits.edit_config(&mut config)?;
    if edits.times != Times::Keep {
        config.forget_build()?;
    }
    let config = Blob::new(config.to_bytes());
    let mut manifest = image.manifest.clone();
    manifest.set("schemaVersion", &2);
    manifest.set("mediaType", edits.media_types.manifest());
    let mut descriptor: Document = manifest.get("config", "the manifest")?.unwrap_or_default();
    config.describe(&mut descriptor, edits.media_types.config());
    manifest.set("config", &descriptor);
    manifest.set("layers", &layers.iter().map(|layer| layer.descriptor(edits)).collect::<Vec<_>>());
    edits.edit_annotations(&mut manifest, &image.digest.to_string())?;
    let layers = layers.iter().map(Final::digest).collect();
    Ok(Assembled { config, manifest: Blob::new(manifest.to_bytes()), layers })
}
