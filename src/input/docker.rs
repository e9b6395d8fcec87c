//! Docker archives: `manifest.json`, configs and layers, as every `docker save` since 1.10 writes them.
//!
//! Layers have no digest of their own here, unless they are named by it; their diff_ids are verified instead.

use serde::Deserialize;

use super::catalog::{InputError, document};
use super::open::Store;
use crate::blob::{Mismatch, Span};
use crate::limits::Limits;
use crate::oci::{
    ANNOTATION_IMAGE_NAME, ANNOTATION_REF_NAME, Catalog, Config, Digest, Document, Entry, Image, ImageId, InvalidJson,
    Item, Layer, LayerKind, Reference,
};

/// One element of `manifest.json`.
#[derive(Debug, Deserialize)]
pub(super) struct SavedImage {
    #[serde(rename = "Config")]
    pub(super) config: String,
    #[serde(rename = "RepoTags")]
    pub(super) repo_tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Option<Vec<String>>,
}

/// The elements of `manifest.json`.
pub(super) fn saved_images(manifest: &Span, limits: &Limits) -> Result<Vec<SavedImage>, InputError> {
    const WHAT: &str = "manifest.json";
    let bytes = document(manifest, WHAT, limits)?;
    let images: Vec<SavedImage> = serde_json::from_slice(&bytes)
        .map_err(|error| InvalidJson { what: WHAT.to_owned(), detail: error.to_string() })?;
    if images.iter().map(|image| image.repo_tags.as_ref().map_or(0, Vec::len)).sum::<usize>() > limits.entries {
        return Err(InputError::TooMuch { what: "the tags of manifest.json", limit: limits.entries });
    }
    if images.len() > limits.documents {
        return Err(InputError::TooMuch { what: "the images of manifest.json", limit: limits.documents });
    }
    Ok(images)
}

/// The names of `image` that Docker could take again; others (a digest, `<none>`) name nothing.
pub(super) fn references(image: &SavedImage) -> Vec<Reference> {
    image.repo_tags.iter().flatten().filter_map(|name| name.parse().ok()).collect()
}

pub(super) fn read(store: &Store, manifest: &Span, limits: &Limits) -> Result<Catalog, InputError> {
    let mut catalog = Catalog { root: root(), entries: Vec::new(), images: Vec::new() };
    let mut configs = 0;
    for saved in saved_images(manifest, limits)? {
        let id = ImageId(catalog.images.len());
        let image = image(store, &saved, limits, &mut configs)?;
        let platform = image.config.platform().clone();
        let mut descriptors: Vec<Document> = image.repo_tags.iter().map(named).collect();
        if descriptors.is_empty() {
            descriptors.push(Document::default());
        }
        for mut descriptor in descriptors {
            let mut words = Document::default();
            words.set("architecture", &platform.architecture);
            words.set("os", &platform.os);
            if let Some(variant) = &platform.variant {
                words.set("variant", variant);
            }
            descriptor.set("platform", &words);
            catalog.entries.push(Entry { descriptor, item: Item::Image(id) });
        }
        catalog.images.push(image);
    }
    Ok(catalog)
}

/// An index without entries.
fn root() -> Document {
    let mut root = Document::default();
    root.set("schemaVersion", &2);
    root.set("mediaType", "application/vnd.oci.image.index.v1+json");
    root
}

/// A descriptor that carries `name` for every consumer: containerd reads the full name, skopeo and podman the other.
fn named(name: &Reference) -> Document {
    let mut annotations = Document::default();
    annotations.set(ANNOTATION_IMAGE_NAME, &name.normalized());
    annotations.set(ANNOTATION_REF_NAME, &name.familiar());
    let mut descriptor = Document::default();
    descriptor.set("annotations", &annotations);
    descriptor
}

fn image(store: &Store, saved: &SavedImage, limits: &Limits, configs: &mut u64) -> Result<Image, InputError> {
    let what = format!("config {}", saved.config);
    let Some(span) = store.get(&saved.config)? else { return Err(InputError::Missing { what }) };
    let bytes = document(&span, &what, limits)?;
    *configs += bytes.len() as u64;
    if *configs > limits.configs {
        let limit = usize::try_from(limits.configs).unwrap_or(usize::MAX);
        return Err(InputError::TooMuch { what: "the bytes of all configs", limit });
    }
    if let Some(expected) = named_digest(saved.config.strip_suffix(".json").unwrap_or(&saved.config)) {
        let found = Digest::of(&bytes);
        if found != expected {
            return Err(InputError::Mismatch { what, problem: Mismatch::Digest { expected, found } });
        }
    }
    let config = Config::parse(&bytes)?;
    let names = saved.layers.as_deref().unwrap_or_default();
    if names.len() != config.diff_ids().len() {
        return Err(InputError::LayerCount { diff_ids: config.diff_ids().len(), layers: names.len() });
    }
    let layers = names.iter().zip(config.diff_ids()).map(|(name, diff_id)| Layer {
        name: name.clone(),
        digest: name.starts_with("blobs/").then(|| named_digest(name)).flatten(),
        size: None,
        diff_id: *diff_id,
        kind: LayerKind::Tar,
        descriptor: Document::default(),
        estargz: false,
    });
    Ok(Image {
        layers: layers.collect(),
        manifest: Document::default(),
        config,
        repo_tags: references(saved),
        digest: Digest::of(&bytes),
    })
}

/// The digest that a file is named by, if it is.
fn named_digest(name: &str) -> Option<Digest> {
    name.rsplit('/').next().and_then(Digest::from_hex)
}
