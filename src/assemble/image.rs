//! Config and manifest.

use std::ops::Range;

use super::blob::Blob;
use super::edits::{Edits, MediaTypes, Provenance};
use super::history::{self, history};
use super::layers::Final;
use crate::finding::{Finding, Severity};
use crate::oci::{Config, Digest, Document, Image, InvalidJson, Layer};
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
    /// The config that the image came with, edited as was asked and with nothing else changed.
    pub edited: Config,
    /// Whether the image is what it was, to the last byte of its documents.
    pub is_unchanged: bool,
}

/// Config and manifest of `image` with `layers`, in which the layers at the positions `squashed` were replaced.
pub fn image(
    image: &Image,
    squashed: &Range<usize>,
    layers: &[Final<'_>],
    edits: &Edits,
    provenance: Option<&Provenance>,
) -> Result<Assembled, InvalidJson> {
    let edited = edited(&image.config, edits)?;
    if let Some(unchanged) = unchanged(image, &edited, layers, edits, provenance) {
        return Ok(unchanged);
    }
    let mut config = edited.clone();
    config.set_diff_ids(&layers.iter().map(Final::diff_id).collect::<Vec<_>>());
    let history = history(&config, image.layers.len(), squashed, layers, edits);
    config.set_history(history);
    let config = Blob::new(config.to_bytes());
    let mut manifest = image.manifest.clone();
    manifest.set("schemaVersion", &2);
    manifest.set("mediaType", edits.media_types.manifest());
    let mut descriptor: Document = manifest.get("config", "the manifest")?.unwrap_or_default();
    config.describe(&mut descriptor, edits.media_types.config());
    manifest.set("config", &descriptor);
    manifest.set("layers", &layers.iter().map(|layer| layer.descriptor(edits)).collect::<Vec<_>>());
    edits.edit_annotations(&mut manifest, &image.digest.to_string(), provenance)?;
    let layers = layers.iter().map(Final::digest).collect();
    Ok(Assembled { config, manifest: Blob::new(manifest.to_bytes()), layers, edited, is_unchanged: false })
}

/// The documents that `image` has already, if a squash with these options made it and nothing more can come of it.
fn unchanged(
    image: &Image,
    edited: &Config,
    layers: &[Final<'_>],
    edits: &Edits,
    provenance: Option<&Provenance>,
) -> Option<Assembled> {
    let is_same = |(old, new): (&Layer, &Final<'_>)| old.digest == Some(new.digest()) && old.diff_id == new.diff_id();
    let same_layers = image.layers.len() == layers.len() && image.layers.iter().zip(layers).all(is_same);
    let (config, manifest) = (Blob::new(image.config.to_bytes()), Blob::new(image.manifest.to_bytes()));
    // Documents that came with spaces between their members are written without.
    let same_documents = image.id() == config.digest && image.digest == manifest.digest;
    let is_it = same_layers
        && same_documents
        && edited.to_bytes() == config.bytes
        && edits.made(&image.manifest, provenance)
        && history::is_made(&image.config, layers, edits);
    let layers = layers.iter().map(Final::digest).collect();
    is_it.then(|| Assembled { config, manifest, layers, edited: edited.clone(), is_unchanged: true })
}

/// `config` with everything done that `edits` asks for, and with the layers that it has.
fn edited(config: &Config, edits: &Edits) -> Result<Config, InvalidJson> {
    let mut config = config.clone();
    if let Some(created) = edits.times.apply_text(config.created()) {
        config.set_created(&created);
    }
    edits.edit_config(&mut config)?;
    if edits.times != Times::Keep {
        config.forget_build()?;
    }
    Ok(config)
}

/// What a person should know when podman would not run the health check of `image`, which it reads by its manifest only
/// where there is an index. Observed with podman 4.3: the config
/// has it, and docker, containerd and skopeo keep it.
pub fn healthcheck(image: &Image, media_types: MediaTypes, has_index: bool) -> Option<Finding> {
    const UNREAD: &str = "podman does not read the HEALTHCHECK of an image with an OCI manifest: for podman use \
                          --media-types docker or --format docker-archive";
    let check = |container: Document| container.raw("Healthcheck").is_some_and(|it| it != "null");
    let has_check = image.config.container().is_ok_and(check);
    (has_check && has_index && media_types == MediaTypes::Oci)
        .then(|| Finding::new("healthcheck-unread", Severity::Low, UNREAD))
}
