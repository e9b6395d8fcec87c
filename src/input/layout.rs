//! OCI image layouts: `index.json`, nested indexes, manifests and blobs, with OCI's or Docker's media types.
//!
//! # Decisions
//! - Where `manifest.json` stands beside `index.json` (Docker 25 and later), the index is read, because it has digests
//!   for everything; `manifest.json` adds names, and the images that the index does not lead to: `docker save ID`
//!   writes an index of nothing (`"manifests": null`), and of several images those without a name are missing from it.
//! - A platform of a nested index whose manifest is not in the archive is left out aloud: `docker save` with the
//!   containerd store saves the index whole and only the platforms that were pulled.
//! - Layouts hold more than images: signatures, charts, caches, records of builds. What is no image is told by the type
//!   of the config, by layers none of which is a file system, or by a config that says nothing at all, before anything
//!   else of it has to be right.
//! - Only what is asked for has to be right. An image that cannot be read is an error when it is one of those.

use std::collections::{HashMap, HashSet};

use oci_spec::image::MediaType;

use super::docker::{self, SavedImage};
use super::document::{Bounds, broken, count, document, verified, weight, whole};
use super::error::InputError;
use super::store::Store;
use crate::blob::Span;
use crate::oci::{
    Catalog, Config, Digest, Document, DocumentKind, Entry, Image, ImageId, InvalidJson, Item, Layer, LayerKind, Other,
    Reference, annotations, digest_of, document_kind, layer_kind, size_of, unambiguous,
};

/// Config media types of images; every other config makes a manifest an artifact.
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// BuildKit marks attestation manifests with it.
const ATTESTATION: &str = "vnd.docker.reference.type";
/// stargz-snapshotter marks eStargz layers with it.
const ESTARGZ: &str = "containerd.io/snapshot/stargz/toc.digest";

/// The keys of an index and of a manifest that are read or written.
const INDEX_KEYS: [&str; 4] = ["schemaVersion", "mediaType", "manifests", "annotations"];
const MANIFEST_KEYS: [&str; 5] = ["schemaVersion", "mediaType", "config", "layers", "annotations"];

pub(super) fn read(store: &dyn Store, index: &Span, bounds: Bounds<'_>) -> Result<Catalog, InputError> {
    check_marker(store, bounds)?;
    let manifest = store.file("manifest.json")?;
    let saved = manifest.as_ref().map(|manifest| docker::saved_images(manifest, bounds)).transpose()?;
    let mut root = Document::parse(&document(index, "index.json", bounds)?, "index.json")?;
    if saved.is_some() && root.raw("manifests").is_none() {
        root.set("manifests", &[(); 0]);
    }
    let saved = saved.unwrap_or_default();
    let mut repo_tags: HashMap<Digest, Vec<Reference>> = HashMap::new();
    for image in &saved {
        if let Some(config) = image.named_config() {
            repo_tags.entry(config).or_default().extend(docker::references(image));
        }
    }
    let mut reader = Reader {
        store,
        bounds,
        repo_tags,
        images: Vec::new(),
        configs: HashSet::new(),
        config_bytes: 0,
        known: HashMap::new(),
        problem: None,
        expanded: 0,
        copied: 0,
        tags: 0,
        path: Vec::new(),
        documents: 0,
    };
    let mut entries = reader.entries(&mut root, "index.json")?;
    for image in &saved {
        reader.saved(image, &mut entries)?;
    }
    whole(Catalog { root, entries, images: reader.images }, reader.problem)
}

/// Checks what says that this is a layout, and of which version.
fn check_marker(store: &dyn Store, bounds: Bounds<'_>) -> Result<(), InputError> {
    const WHAT: &str = "oci-layout";
    const VERSION: &str = "imageLayoutVersion";
    let Some(marker) = store.file(WHAT)? else { return Ok(()) };
    let marker = Document::parse(&document(&marker, WHAT, bounds)?, WHAT)?;
    marker.only_spellings(&[VERSION], WHAT)?;
    let version: String = marker.get(VERSION, WHAT)?.unwrap_or_default();
    if version.starts_with("1.") {
        return Ok(());
    }
    let detail = format!("{VERSION} is \"{version}\", expected 1.0.0");
    Err(InvalidJson { what: WHAT.to_owned(), detail }.into())
}

struct Reader<'s> {
    store: &'s dyn Store,
    bounds: Bounds<'s>,
    /// Names that `manifest.json` gives, by config.
    repo_tags: HashMap<Digest, Vec<Reference>>,
    images: Vec<Image>,
    /// The configs of these images, and the bytes of all configs.
    configs: HashSet<Digest>,
    config_bytes: u64,
    /// Manifests and indexes read so far, by digest and size, the entries that they lead to, and the memory of a copy.
    known: HashMap<(Digest, u64), (Item, usize, u64)>,
    /// Why the first image that cannot be read cannot.
    problem: Option<InputError>,
    /// Entries of all indexes, as often as they are named, and the memory that the indexes take up.
    expanded: usize,
    copied: u64,
    /// Tags, as often as an image has them.
    tags: usize,
    /// Indexes on the way from the root.
    path: Vec<Digest>,
    documents: usize,
}

impl Reader<'_> {
    /// Takes the `manifests` out of an index and reads what they lead to.
    fn entries(&mut self, index: &mut Document, what: &str) -> Result<Vec<Entry>, InputError> {
        index.only_spellings(&INDEX_KEYS, what)?;
        if index.raw("manifests").is_none() {
            return Err(InvalidJson { what: what.to_owned(), detail: "it has no \"manifests\"".to_owned() }.into());
        }
        let descriptors: Vec<Document> = index.get("manifests", what)?.unwrap_or_default();
        index.remove("manifests");
        let mut entries = Vec::with_capacity(descriptors.len());
        for descriptor in descriptors {
            let item = self.item(&descriptor);
            let item = broken(item, &mut self.problem)?.unwrap_or_else(Item::Other);
            entries.push(Entry { descriptor, item });
        }
        Ok(entries)
    }

    /// What a descriptor of an index leads to.
    fn item(&mut self, descriptor: &Document) -> Result<Item, InputError> {
        self.expanded += 1;
        if self.expanded > self.bounds.limits.entries {
            return Err(self.too_many());
        }
        unambiguous(descriptor)?;
        let media_type: String = descriptor.get("mediaType", "a descriptor")?.unwrap_or_default();
        if annotations(descriptor)?.contains_key(ATTESTATION) || is_unknown_platform(descriptor) {
            return Ok(Item::Other(Other::Attestation));
        }
        let kind = document_kind(&MediaType::from(media_type.as_str()));
        match kind {
            DocumentKind::Schema1 => return Ok(Item::Other(Other::Schema1)),
            DocumentKind::Other if descriptor.raw("mediaType").is_some() => {
                return Ok(Item::Other(Other::Artifact(media_type)));
            }
            DocumentKind::Other | DocumentKind::Index | DocumentKind::Manifest => {}
        }
        let (digest, size) = (digest_of(descriptor)?, size_of(descriptor)?);
        if kind == DocumentKind::Other {
            let detail = "it has no \"mediaType\"".to_owned();
            return Err(InvalidJson { what: format!("the descriptor of {digest}"), detail }.into());
        }
        if let Some((known, entries, bytes)) = self.known.get(&(digest, size)) {
            // An index that many name is copied for each.
            self.expanded += entries;
            self.copied += bytes;
            self.bounds.hold(*bytes)?;
            return if self.expanded > self.bounds.limits.entries { Err(self.too_many()) } else { Ok(known.clone()) };
        }
        let before = (self.expanded, self.copied);
        let item = self.document(kind, digest, size);
        let item = broken(item, &mut self.problem)?.unwrap_or_else(Item::Other);
        let (entries, bytes) = (self.expanded - before.0, self.copied - before.1);
        self.known.insert((digest, size), (item.clone(), entries, bytes));
        Ok(item)
    }

    /// Reads a manifest or an index for the first time.
    fn document(&mut self, kind: DocumentKind, digest: Digest, size: u64) -> Result<Item, InputError> {
        self.documents += 1;
        if self.documents > self.bounds.limits.documents {
            return Err(InputError::TooMuch {
                what: "the manifests of the archive",
                limit: self.bounds.limits.documents,
            });
        }
        let is_index = kind == DocumentKind::Index;
        if is_index && self.path.contains(&digest) {
            return Err(InputError::IndexCycle(digest));
        }
        let what = format!("{} {digest}", if is_index { "index" } else { "manifest" });
        let Some(bytes) = verified(self.store, &what, digest, size, self.bounds)? else {
            return if self.path.is_empty() {
                Err(InputError::Missing { what })
            } else {
                Ok(Item::Other(Other::Absent(digest)))
            };
        };
        if is_index { self.index(&bytes, digest, &what) } else { self.manifest(&bytes, digest, &what) }
    }

    fn too_many(&self) -> InputError {
        InputError::TooMuch { what: "the entries of its indexes", limit: self.bounds.limits.entries }
    }

    fn index(&mut self, bytes: &[u8], digest: Digest, what: &str) -> Result<Item, InputError> {
        if self.path.len() == self.bounds.limits.nesting {
            return Err(InputError::TooMuch { what: "nested indexes", limit: self.bounds.limits.nesting });
        }
        self.copied += weight(bytes);
        let mut document = Document::parse(bytes, what)?;
        self.path.push(digest);
        let entries = self.entries(&mut document, what);
        self.path.pop();
        Ok(Item::Index { document, entries: entries? })
    }

    fn manifest(&mut self, bytes: &[u8], own: Digest, what: &str) -> Result<Item, InputError> {
        let document = Document::parse(bytes, what)?;
        document.only_spellings(&MANIFEST_KEYS, what)?;
        if document.get::<u64>("schemaVersion", what)? == Some(1) {
            return Ok(Item::Other(Other::Schema1));
        }
        let Some(config): Option<Document> = document.get("config", what)? else {
            return Err(InvalidJson { what: what.to_owned(), detail: "it has no \"config\"".to_owned() }.into());
        };
        unambiguous(&config)?;
        let config_type: String = config.get("mediaType", "a config's descriptor")?.unwrap_or_default();
        if !CONFIGS.contains(&config_type.as_str()) {
            return Ok(Item::Other(Other::Artifact(config_type)));
        }
        let descriptors: Vec<Document> = document.get("layers", what)?.unwrap_or_default();
        let kinds = descriptors.iter().map(kind_of).collect::<Result<Vec<_>, _>>()?;
        // Signatures and the like use an image's config type for what is no image.
        if let (false, Some(LayerKind::Other(media_type))) = (kinds.iter().any(LayerKind::is_layer), kinds.first()) {
            return Ok(Item::Other(Other::Artifact(media_type.clone())));
        }
        let (digest, size) = (digest_of(&config)?, size_of(&config)?);
        let config_name = format!("config {digest}");
        let Some(bytes) = verified(self.store, &config_name, digest, size, self.bounds)? else {
            return Err(InputError::Missing { what: format!("{config_name} of {what}") });
        };
        count(&mut self.config_bytes, &bytes, self.bounds)?;
        if Document::parse(&bytes, &config_name)?.keys().next().is_none() {
            return Ok(Item::Other(Other::Artifact(format!("{config_type} with an empty config"))));
        }
        let config = Config::parse(&bytes)?;
        let diff_ids = config.diff_ids();
        if diff_ids.len() != descriptors.len() {
            return Err(InputError::LayerCount { diff_ids: diff_ids.len(), layers: descriptors.len() });
        }
        let mut layers = Vec::with_capacity(diff_ids.len());
        for ((descriptor, kind), diff_id) in descriptors.into_iter().zip(kinds).zip(diff_ids) {
            let (digest, size) = (digest_of(&descriptor)?, size_of(&descriptor)?);
            layers.push(Layer {
                name: digest.blob_path(),
                digest: Some(digest),
                size: Some(size),
                diff_id: *diff_id,
                kind,
                estargz: annotations(&descriptor)?.contains_key(ESTARGZ),
                descriptor,
            });
        }
        let repo_tags = self.repo_tags.get(&digest).map(Vec::as_slice).unwrap_or_default();
        self.tags += repo_tags.len();
        if self.tags > self.bounds.limits.entries {
            return Err(InputError::TooMuch { what: "the tags of its images", limit: self.bounds.limits.entries });
        }
        let repo_tags = repo_tags.to_vec();
        self.configs.insert(digest);
        self.images.push(Image { manifest: document, config, layers, repo_tags, digest: own });
        Ok(Item::Image(ImageId(self.images.len() - 1)))
    }

    /// Adds an image that only `manifest.json` leads to.
    fn saved(&mut self, saved: &SavedImage, entries: &mut Vec<Entry>) -> Result<(), InputError> {
        if saved.named_config().is_some_and(|config| self.configs.contains(&config)) {
            return Ok(());
        }
        let image = docker::image(self.store, saved, self.bounds, &mut self.config_bytes);
        let image = broken(image, &mut self.problem)?;
        // The digest of such an image is that of its config.
        if image.as_ref().is_ok_and(|image| !self.configs.insert(image.digest)) {
            return Ok(());
        }
        let own = || docker::references(saved);
        let names = saved.named_config().and_then(|config| self.repo_tags.remove(&config)).unwrap_or_else(own);
        docker::add(entries, &mut self.images, &names, image);
        Ok(())
    }
}

/// What kind of layer a descriptor of a manifest means.
fn kind_of(descriptor: &Document) -> Result<LayerKind, InvalidJson> {
    unambiguous(descriptor)?;
    Ok(layer_kind(&descriptor.get::<String>("mediaType", "a layer's descriptor")?.unwrap_or_default()))
}

/// BuildKit gives attestations the platform unknown/unknown.
fn is_unknown_platform(descriptor: &Document) -> bool {
    let platform = descriptor.get::<Document>("platform", "").ok().flatten();
    platform.is_some_and(|platform| {
        let is_unknown = |key| platform.get::<String>(key, "").ok().flatten().as_deref() == Some("unknown");
        is_unknown("os") && is_unknown("architecture")
    })
}
