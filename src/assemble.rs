//! The documents of the new image. Pure.
//!
//! # Decisions
//! - Documents are the input's own with only these members edited: config `rootfs.diff_ids`, `history`, `created`;
//!   manifest `mediaType`, `config`, `layers`; descriptors `mediaType`, `digest`, `size`. An embedded copy (`data`) or
//!   other places (`urls`) of what they described are dropped.
//! - History keeps how the image was made: every row stays, now standing for no layer, and one row stands for the new
//!   layer, so that rows and layers fit.
//! - `manifest.json` has one entry for each image. Docker's classic store keeps one image for a name, so of several
//!   platforms the first has the names there.

use std::collections::BTreeMap;

use serde_json::json;

use crate::codec::Codec;
use crate::layer::Written;
use crate::oci::{Catalog, Config, DiffId, Digest, Document, Entry, HistoryRow, Image, ImageId, Item, Reference};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// What becomes of the history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryMode {
    /// Every row stays, and one for the squash is added.
    #[default]
    Keep,
    /// One row for the squash.
    Single,
    /// No history at all.
    None,
}

/// What the new documents say that the old ones do not.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// What becomes of the history.
    pub history: HistoryMode,
    /// The comment of the row for the squash; the default tells how many layers there were.
    pub message: Option<String>,
    /// When the image was made, RFC 3339; the default is what the input says.
    pub created: Option<String>,
}

/// A blob that is named by what is in it.
#[derive(Clone, Debug)]
pub struct Blob {
    /// The digest.
    pub digest: Digest,
    /// The contents.
    pub bytes: Vec<u8>,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), bytes }
    }

    fn describe(&self, descriptor: &mut Document, media_type: &str) {
        describe(descriptor, media_type, self.digest, self.bytes.len() as u64);
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

/// Config and manifest of `image` with the layers `written` in place of its own.
pub fn image(image: &Image, written: &[Written], edits: &Edits) -> Assembled {
    let diff_ids: Vec<DiffId> = written.iter().map(|layer| layer.diff_id).collect();
    let mut config = image.config.clone();
    config.set_diff_ids(&diff_ids);
    if let Some(created) = &edits.created {
        config.set_created(created);
    }
    let history = history(&config, image.layers.len(), written.is_empty(), edits);
    config.set_history(history);
    let config = Blob::new(config.to_bytes());
    let mut manifest = image.manifest.clone();
    manifest.set("schemaVersion", &2);
    manifest.set("mediaType", MANIFEST);
    let mut descriptor: Document = manifest.get("config", "").ok().flatten().unwrap_or_default();
    config.describe(&mut descriptor, CONFIG);
    manifest.set("config", &descriptor);
    let layers: Vec<Document> = written
        .iter()
        .map(|layer| {
            let mut descriptor = Document::default();
            let suffix = match layer.codec {
                Codec::Plain => "",
                Codec::Gzip => "+gzip",
                Codec::Zstd => "+zstd",
            };
            describe(&mut descriptor, &format!("{LAYER}{suffix}"), layer.digest, layer.size);
            descriptor
        })
        .collect();
    manifest.set("layers", &layers);
    Assembled {
        config,
        manifest: Blob::new(manifest.to_bytes()),
        layers: written.iter().map(|layer| layer.digest).collect(),
    }
}

fn history(config: &Config, layers_in: usize, no_layer: bool, edits: &Edits) -> Option<Vec<HistoryRow>> {
    let plural = if layers_in == 1 { "" } else { "s" };
    let comment = edits.message.clone().unwrap_or_else(|| format!("squashed {layers_in} layer{plural} into one"));
    let created = config.created();
    let mut members = vec![("created_by", "imgsquash"), ("comment", comment.as_str())];
    if let Some(created) = &created {
        members.insert(0, ("created", created));
    }
    let row = HistoryRow::new(&members);
    let row = if no_layer { row.without_layer() } else { row };
    match edits.history {
        HistoryMode::Keep => {
            let rows = config.history().unwrap_or_default().iter().cloned().map(HistoryRow::without_layer);
            Some(rows.chain([row]).collect())
        }
        HistoryMode::Single => Some(vec![row]),
        HistoryMode::None => None,
    }
}

/// The index documents: nested indexes first, `index.json` last.
pub struct Index {
    /// Nested indexes.
    pub nested: Vec<Blob>,
    /// `index.json`.
    pub root: Vec<u8>,
}

/// The indexes of `catalog` for the images in `assembled`.
pub fn index(catalog: &Catalog, assembled: &BTreeMap<ImageId, Assembled>) -> Index {
    let mut nested = Vec::new();
    let mut root = catalog.root.clone();
    let manifests = descriptors(&catalog.entries, assembled, &mut nested);
    root.set("manifests", &manifests);
    Index { nested, root: root.to_bytes() }
}

fn descriptors(entries: &[Entry], assembled: &BTreeMap<ImageId, Assembled>, nested: &mut Vec<Blob>) -> Vec<Document> {
    let mut descriptors = Vec::new();
    for entry in entries {
        let mut descriptor = entry.descriptor.clone();
        match &entry.item {
            Item::Image(id) => {
                let Some(image) = assembled.get(id) else { continue };
                image.manifest.describe(&mut descriptor, MANIFEST);
            }
            Item::Index { document, entries } => {
                let mut document = document.clone();
                document.set("mediaType", INDEX);
                let manifests = self::descriptors(entries, assembled, nested);
                document.set("manifests", &manifests);
                let blob = Blob::new(document.to_bytes());
                blob.describe(&mut descriptor, INDEX);
                nested.push(blob);
            }
            Item::Other(_) => continue,
        }
        descriptors.push(descriptor);
    }
    descriptors
}

/// Makes a descriptor describe something else, keeping what it says besides.
fn describe(descriptor: &mut Document, media_type: &str, digest: Digest, size: u64) {
    descriptor.set("mediaType", media_type);
    descriptor.set("digest", &digest.to_string());
    descriptor.set("size", &size);
    for stale in ["data", "urls"] {
        descriptor.remove(stale);
    }
}

/// `manifest.json` and `repositories`, by which Docker finds images in an archive.
pub struct DockerFiles {
    /// `manifest.json`.
    pub manifest: Vec<u8>,
    /// `repositories`; `None` when no image has a name.
    pub repositories: Option<Vec<u8>>,
}

/// Docker's files for the images in `assembled`.
pub fn docker_files(catalog: &Catalog, assembled: &BTreeMap<ImageId, Assembled>) -> DockerFiles {
    let names = names(catalog);
    let mut saved = Vec::new();
    let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (id, image) in assembled {
        let tags = names.get(id).map(Vec::as_slice).unwrap_or_default();
        let familiar: Vec<String> = tags.iter().map(Reference::familiar).collect();
        saved.push(json!({
            "Config": image.config.digest.blob_path(),
            "RepoTags": if familiar.is_empty() { None } else { Some(familiar) },
            "Layers": image.layers.iter().map(Digest::blob_path).collect::<Vec<_>>(),
        }));
        for (tag, layer) in tags.iter().zip(image.layers.last().into_iter().cycle()) {
            repositories.entry(tag.repository()).or_default().insert(tag.tag().to_owned(), layer.hex());
        }
    }
    let bytes = |value: &serde_json::Value| value.to_string().into_bytes();
    DockerFiles {
        manifest: bytes(&json!(saved)),
        repositories: (!repositories.is_empty()).then(|| bytes(&json!(repositories))),
    }
}

/// The names each image has in `manifest.json`.
pub fn names(catalog: &Catalog) -> BTreeMap<ImageId, Vec<Reference>> {
    let mut names: BTreeMap<ImageId, Vec<Reference>> = BTreeMap::new();
    for entry in &catalog.entries {
        let Some(first) = entry.images().first().copied() else { continue };
        let known = names.entry(first).or_default();
        known.extend(entry.references());
        known.extend(catalog.images[first.0].repo_tags.iter().cloned());
    }
    for known in names.values_mut() {
        let mut seen = Vec::new();
        known.retain(|name| {
            !seen.contains(name) && {
                seen.push(name.clone());
                true
            }
        });
    }
    names
}
