//! Docker archives: `manifest.json`, configs and layers, as every `docker save` since 1.10 writes them.
//!
//! Layers have no digest of their own here, unless they are named by it; their diff_ids are verified instead.

use super::document::{Bounds, broken, count, document, whole};
use super::error::InputError;
use super::store::Store;
use crate::blob::{Mismatch, Span};
use crate::oci::{
    ANNOTATION_IMAGE_NAME, ANNOTATION_REF_NAME, Catalog, Config, Digest, Document, Entry, Image, ImageId, InvalidJson,
    Item, Layer, LayerKind, Other, Reference,
};

/// One element of `manifest.json`.
#[derive(Debug)]
pub(super) struct SavedImage {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// The keys of an element that are read.
const KEYS: [&str; 3] = ["Config", "RepoTags", "Layers"];

impl SavedImage {
    fn parse(element: &Document) -> Result<Self, InvalidJson> {
        const WHAT: &str = "an image of manifest.json";
        element.only_spellings(&KEYS, WHAT)?;
        let [config, repo_tags, layers] = KEYS;
        let Some(config) = element.get(config, WHAT)? else {
            return Err(InvalidJson { what: WHAT.to_owned(), detail: format!("it has no \"{config}\"") });
        };
        let list = |key| Ok::<_, InvalidJson>(element.get(key, WHAT)?.unwrap_or_default());
        Ok(Self { config, repo_tags: list(repo_tags)?, layers: list(layers)? })
    }

    /// The digest that the config is named by, if it is.
    pub(super) fn named_config(&self) -> Option<Digest> {
        named_digest(self.config.strip_suffix(".json").unwrap_or(&self.config))
    }
}

/// The elements of `manifest.json`.
pub(super) fn saved_images(manifest: &Span, bounds: Bounds<'_>) -> Result<Vec<SavedImage>, InputError> {
    const WHAT: &str = "manifest.json";
    let bytes = document(manifest, WHAT, bounds)?;
    if bytes.trim_ascii_start().starts_with(b"{") {
        return Err(InputError::TransportDirectory);
    }
    let elements: Vec<Document> = serde_json::from_slice(&bytes)
        .map_err(|error| InvalidJson { what: WHAT.to_owned(), detail: error.to_string() })?;
    if elements.len() > bounds.limits.documents {
        return Err(InputError::TooMuch { what: "the images of manifest.json", limit: bounds.limits.documents });
    }
    let images = elements.iter().map(SavedImage::parse).collect::<Result<Vec<_>, _>>()?;
    if images.iter().map(|image| image.repo_tags.len()).sum::<usize>() > bounds.limits.entries {
        return Err(InputError::TooMuch { what: "the tags of manifest.json", limit: bounds.limits.entries });
    }
    Ok(images)
}

/// The names of `image` that Docker could take again; others (a digest, `<none>`) name nothing.
pub(super) fn references(image: &SavedImage) -> Vec<Reference> {
    image.repo_tags.iter().filter_map(|name| name.parse().ok()).collect()
}

/// All images of a Docker archive. One that cannot be read counts only when it is asked for.
pub(super) fn read(store: &dyn Store, manifest: &Span, bounds: Bounds<'_>) -> Result<Catalog, InputError> {
    let mut catalog = Catalog { root: root(), entries: Vec::new(), images: Vec::new() };
    let mut problem = None;
    let mut configs = 0;
    for saved in saved_images(manifest, bounds)? {
        let image = image(store, &saved, bounds, &mut configs);
        add(&mut catalog.entries, &mut catalog.images, &references(&saved), broken(image, &mut problem)?);
    }
    whole(catalog, problem)
}

/// Adds an image of `manifest.json` as if an index led to it by each of its names.
pub(super) fn add(entries: &mut Vec<Entry>, images: &mut Vec<Image>, names: &[Reference], image: Result<Image, Other>) {
    let mut descriptors: Vec<Document> = names.iter().map(named).collect();
    if descriptors.is_empty() {
        descriptors.push(Document::default());
    }
    let item = match image {
        Ok(image) => {
            let platform = image.config.platform();
            let mut words = Document::default();
            words.set("architecture", &platform.architecture);
            words.set("os", &platform.os);
            if let Some(variant) = &platform.variant {
                words.set("variant", variant);
            }
            descriptors.iter_mut().for_each(|descriptor| descriptor.set("platform", &words));
            images.push(image);
            Item::Image(ImageId(images.len() - 1))
        }
        Err(other) => Item::Other(other),
    };
    entries.extend(descriptors.into_iter().map(|descriptor| Entry { descriptor, item: item.clone() }));
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

/// Reads the image that `saved` names; `configs` counts the bytes of all configs.
pub(super) fn image(
    store: &dyn Store,
    saved: &SavedImage,
    bounds: Bounds<'_>,
    configs: &mut u64,
) -> Result<Image, InputError> {
    let what = format!("config {}", saved.config);
    let Some(span) = store.file(&saved.config)? else { return Err(InputError::Missing { what }) };
    let bytes = document(&span, &what, bounds)?;
    count(configs, &bytes, bounds)?;
    if let Some(expected) = saved.named_config() {
        let found = Digest::of(&bytes);
        if found != expected {
            return Err(InputError::Mismatch { what, problem: Mismatch::Digest { expected, found } });
        }
    }
    let config = Config::parse(&bytes)?;
    let names = &saved.layers;
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
