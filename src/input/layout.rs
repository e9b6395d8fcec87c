//! OCI image layouts: `index.json`, nested indexes, manifests and blobs, with OCI's or Docker's media types.
//!
//! # Decisions
//! - Where `manifest.json` stands beside `index.json` (Docker 25 and later), the index is read, because it has digests
//!   for everything; `manifest.json` only adds names.
//! - A platform of a nested index whose manifest is not in the archive is left out aloud: `docker save` with the
//!   containerd store saves the index whole and only the platforms that were pulled.

use std::collections::HashMap;

use oci_spec::image::{Descriptor, ImageManifest, MediaType};

use super::catalog::{InputError, document, verified};
use super::docker;
use super::open::Store;
use crate::blob::Span;
use crate::limits::Limits;
use crate::oci::{
    Catalog, Config, Digest, Document, DocumentKind, Entry, Image, ImageId, InvalidJson, Item, Layer, Other, Reference,
    annotations, digest_of, document_kind, layer_kind, size_of,
};

/// Config media types of images; every other config makes a manifest an artifact.
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// BuildKit marks attestation manifests with it.
const ATTESTATION: &str = "vnd.docker.reference.type";
/// stargz-snapshotter marks eStargz layers with it.
const ESTARGZ: &str = "containerd.io/snapshot/stargz/toc.digest";

pub(super) fn read(store: &Store, index: &Span, limits: &Limits) -> Result<Catalog, InputError> {
    if let Some(marker) = store.get("oci-layout")? {
        let marker = Document::parse(&document(&marker, "oci-layout", limits)?, "oci-layout")?;
        let version: String = marker.get("imageLayoutVersion", "oci-layout")?.unwrap_or_default();
        if !version.starts_with("1.") {
            let detail = format!("imageLayoutVersion is \"{version}\", expected 1.0.0");
            return Err(InvalidJson { what: "oci-layout".to_owned(), detail }.into());
        }
    }
    let mut repo_tags: HashMap<Digest, Vec<Reference>> = HashMap::new();
    if let Some(manifest) = store.get("manifest.json")? {
        for saved in docker::saved_images(&manifest, limits)? {
            if let Some(config) = saved.config.strip_prefix("blobs/sha256/").and_then(Digest::from_hex) {
                repo_tags.entry(config).or_default().extend(docker::references(&saved));
            }
        }
    }
    let mut root = Document::parse(&document(index, "index.json", limits)?, "index.json")?;
    let mut reader = Reader {
        store,
        limits,
        repo_tags,
        images: Vec::new(),
        known: HashMap::new(),
        expanded: 0,
        path: Vec::new(),
        documents: 0,
    };
    let entries = reader.entries(&mut root, "index.json")?;
    Ok(Catalog { root, entries, images: reader.images })
}

struct Reader<'s> {
    store: &'s Store,
    limits: &'s Limits,
    /// Names that `manifest.json` gives, by config.
    repo_tags: HashMap<Digest, Vec<Reference>>,
    images: Vec<Image>,
    /// Manifests read so far.
    known: HashMap<Digest, (Item, usize)>,
    /// Entries of all indexes, as often as they are named.
    expanded: usize,
    /// Indexes on the way from the root.
    path: Vec<Digest>,
    documents: usize,
}

impl Reader<'_> {
    /// Takes the `manifests` out of an index and reads what they lead to.
    fn entries(&mut self, index: &mut Document, what: &str) -> Result<Vec<Entry>, InputError> {
        let descriptors: Vec<Document> = index
            .get("manifests", what)?
            .ok_or_else(|| InvalidJson { what: what.to_owned(), detail: "it has no \"manifests\"".to_owned() })?;
        index.remove("manifests");
        descriptors.into_iter().map(|descriptor| Ok(Entry { item: self.item(&descriptor)?, descriptor })).collect()
    }

    fn item(&mut self, descriptor: &Document) -> Result<Item, InputError> {
        let digest = digest_of(descriptor)?;
        let size = size_of(descriptor)?;
        let media_type: String = descriptor.get("mediaType", "a descriptor")?.unwrap_or_default();
        let said = annotations(descriptor)?;
        if said.contains_key(ATTESTATION) || is_unknown_platform(descriptor) {
            return Ok(Item::Other(Other::Attestation));
        }
        self.expanded += 1;
        if let Some((known, size)) = self.known.get(&digest) {
            // An index that many name is copied for each.
            self.expanded += size;
            return if self.expanded > self.limits.entries { Err(self.too_many()) } else { Ok(known.clone()) };
        }
        if self.expanded > self.limits.entries {
            return Err(self.too_many());
        }
        let before = self.expanded;
        self.documents += 1;
        if self.documents > self.limits.documents {
            return Err(InputError::TooMuch { what: "the manifests of the archive", limit: self.limits.documents });
        }
        let kind = document_kind(&MediaType::from(media_type.as_str()));
        let what = match kind {
            DocumentKind::Index => format!("index {digest}"),
            _ => format!("manifest {digest}"),
        };
        match kind {
            DocumentKind::Schema1 => return Ok(Item::Other(Other::Schema1)),
            DocumentKind::Other => return Ok(Item::Other(Other::Artifact(media_type))),
            DocumentKind::Index if self.path.contains(&digest) => return Err(InputError::IndexCycle(digest)),
            DocumentKind::Index | DocumentKind::Manifest => {}
        }
        let Some(bytes) = verified(self.store, &what, digest, size, self.limits)? else {
            return if self.path.is_empty() {
                Err(InputError::Missing { what })
            } else {
                Ok(Item::Other(Other::Absent(digest)))
            };
        };
        let item = match kind {
            DocumentKind::Index => self.index(&bytes, digest, &what)?,
            _ => self.manifest(&bytes, digest, &what)?,
        };
        self.known.insert(digest, (item.clone(), self.expanded - before));
        Ok(item)
    }

    fn too_many(&self) -> InputError {
        InputError::TooMuch { what: "the entries of its indexes", limit: self.limits.entries }
    }

    fn index(&mut self, bytes: &[u8], digest: Digest, what: &str) -> Result<Item, InputError> {
        if self.path.len() == self.limits.nesting {
            return Err(InputError::TooMuch { what: "nested indexes", limit: self.limits.nesting });
        }
        let mut document = Document::parse(bytes, what)?;
        self.path.push(digest);
        let entries = self.entries(&mut document, what)?;
        self.path.pop();
        Ok(Item::Index { document, entries })
    }

    fn manifest(&mut self, bytes: &[u8], own: Digest, what: &str) -> Result<Item, InputError> {
        let document = Document::parse(bytes, what)?;
        if document.get::<u64>("schemaVersion", what)? == Some(1) {
            return Ok(Item::Other(Other::Schema1));
        }
        let manifest: ImageManifest = serde_json::from_slice(bytes)
            .map_err(|error| InvalidJson { what: what.to_owned(), detail: error.to_string() })?;
        let config_type = manifest.config().media_type().to_string();
        if !CONFIGS.contains(&config_type.as_str()) {
            return Ok(Item::Other(Other::Artifact(config_type)));
        }
        let (digest, size) = meant(manifest.config(), what)?;
        let config_name = format!("config {digest}");
        let Some(bytes) = verified(self.store, &config_name, digest, size, self.limits)? else {
            return Err(InputError::Missing { what: format!("{config_name} of {what}") });
        };
        let config = Config::parse(&bytes)?;
        let diff_ids = config.diff_ids();
        if diff_ids.len() != manifest.layers().len() {
            let layers = manifest.layers().len();
            // Signatures and the like use an image's config type for what is no image.
            return match manifest.layers().first() {
                Some(first) if !layer_kind(first.media_type().as_ref()).is_layer() => {
                    Ok(Item::Other(Other::Artifact(first.media_type().to_string())))
                }
                _ => Err(InputError::LayerCount { diff_ids: diff_ids.len(), layers }),
            };
        }
        let mut layers = Vec::with_capacity(diff_ids.len());
        let descriptors: Vec<Document> = document.get("layers", what)?.unwrap_or_default();
        for ((layer, descriptor), diff_id) in manifest.layers().iter().zip(descriptors).zip(diff_ids) {
            let (digest, size) = meant(layer, what)?;
            layers.push(Layer {
                name: digest.blob_path(),
                digest: Some(digest),
                size: Some(size),
                diff_id: *diff_id,
                kind: layer_kind(layer.media_type().as_ref()),
                descriptor,
                estargz: layer.annotations().as_ref().is_some_and(|said| said.contains_key(ESTARGZ)),
            });
        }
        let repo_tags = self.repo_tags.get(&digest).cloned().unwrap_or_default();
        self.images.push(Image { manifest: document, config, layers, repo_tags, digest: own });
        Ok(Item::Image(ImageId(self.images.len() - 1)))
    }
}

/// The digest and size of a descriptor.
fn meant(descriptor: &Descriptor, what: &str) -> Result<(Digest, u64), InvalidJson> {
    let digest = descriptor.digest().to_string().parse();
    let digest = digest.map_err(|error| InvalidJson { what: what.to_owned(), detail: format!("{error}") })?;
    Ok((digest, descriptor.size()))
}

/// BuildKit gives attestations the platform unknown/unknown.
fn is_unknown_platform(descriptor: &Document) -> bool {
    let platform = descriptor.get::<Document>("platform", "").ok().flatten();
    platform.is_some_and(|platform| {
        let is_unknown = |key| platform.get::<String>(key, "").ok().flatten().as_deref() == Some("unknown");
        is_unknown("os") && is_unknown("architecture")
    })
}
