//! Config and manifest.

use std::ops::Range;

use super::Blob;
use super::edits::Edits;
use super::history::history;
use super::layers::Final;
use crate::oci::{Digest, Document, Image, InvalidJson};
use crate::times::Times;

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
