//! What an archive holds: images, the names and indexes that lead to them, and their layers.

use std::collections::{BTreeMap, HashSet};

use super::config::Config;
use super::digest::{DiffId, Digest};
use super::document::{Document, InvalidJson};
use super::media_type::LayerKind;
use super::platform::Platform;
use super::reference::Reference;

/// The OCI annotation of an index entry that names the image.
pub const ANNOTATION_REF_NAME: &str = "org.opencontainers.image.ref.name";
/// containerd's annotation of an index entry with the full name of the image; Docker 25 and later write it.
pub const ANNOTATION_IMAGE_NAME: &str = "io.containerd.image.name";

/// An image by its place in [`Catalog::images`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageId(pub usize);

/// All images of an archive and the index that leads to them.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// `index.json` without its `manifests`.
    pub root: Document,
    /// Its `manifests`, in order.
    pub entries: Vec<Entry>,
    /// Each distinct image once, however many names lead to it.
    pub images: Vec<Image>,
}

/// One descriptor of an index and what it leads to.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The descriptor as found: its annotations and platform survive, its digest and size are replaced.
    pub descriptor: Document,
    /// What it leads to.
    pub item: Item,
}

/// What a descriptor of an index leads to.
#[derive(Clone, Debug)]
pub enum Item {
    /// An image manifest.
    Image(ImageId),
    /// A nested index.
    Index {
        /// The index without its `manifests`.
        document: Document,
        /// Its `manifests`, in order.
        entries: Vec<Entry>,
    },
    /// Something that is not an image.
    Other(Other),
}

/// What a descriptor may lead to that cannot be squashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Other {
    /// A BuildKit attestation (SBOM, provenance): it describes layers that squashing replaces.
    Attestation,
    /// An artifact of this type that is not an image.
    Artifact(String),
    /// A manifest from before 2016.
    Schema1,
    /// A platform of an index whose manifest was not saved into this archive.
    Absent(Digest),
    /// An image for another system than linux.
    Foreign,
    /// An image that cannot be read, and why. It only counts when it is asked for.
    Broken(String),
}

/// One image: manifest, config and layers.
#[derive(Clone, Debug)]
pub struct Image {
    /// The manifest as found, or an empty one for a Docker archive.
    pub manifest: Document,
    /// The config.
    pub config: Config,
    /// The layers, oldest first: as many as the config has diff_ids.
    pub layers: Vec<Layer>,
    /// Names that `manifest.json` gives the image.
    pub repo_tags: Vec<Reference>,
    /// The digest of the manifest, or of the config in a Docker archive.
    pub digest: Digest,
}

/// One layer of one image. Layers are told apart by position, never by digest: an image may hold one twice.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What the archive calls the blob.
    pub name: String,
    /// What the manifest says of the blob; `None` in a Docker archive, whose layers only have a diff_id.
    pub digest: Option<Digest>,
    /// Bytes of the blob, when the manifest says so.
    pub size: Option<u64>,
    /// What the config says of the uncompressed bytes.
    pub diff_id: DiffId,
    /// What kind of layer the manifest calls it.
    pub kind: LayerKind,
    /// What the manifest says of it; empty in a Docker archive.
    pub descriptor: Document,
    /// Whether the manifest calls it an eStargz layer, which has files of its own that describe the blob.
    pub estargz: bool,
}

impl Catalog {
    /// The images that the entries lead to, each once, in the order of the archive.
    pub fn chosen(&self) -> impl Iterator<Item = (ImageId, &Image)> {
        let mut chosen: Vec<ImageId> = self.entries.iter().flat_map(Entry::images).collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen.into_iter().map(|id| (id, &self.images[id.0]))
    }
}

impl Image {
    /// The image id: the digest of the config.
    pub fn id(&self) -> Digest {
        let config = self.manifest.get::<Document>("config", "the manifest").ok().flatten();
        // An image of a Docker archive has no manifest, and is told by its config.
        config.and_then(|descriptor| digest_of(&descriptor).ok()).unwrap_or(self.digest)
    }
}

/// Bytes of the longest name that is shown; a longer one is none, for each image of an index has it once more.
const MAX_NAME: usize = 255;

impl Catalog {
    /// What a person calls each image: its names with tags; if there are none, what the layout calls it, which may be a
    /// tag alone. Those of an index are those of its images.
    pub fn called(&self) -> BTreeMap<ImageId, Vec<String>> {
        let mut called: BTreeMap<ImageId, Vec<String>> = BTreeMap::new();
        let mut others: BTreeMap<ImageId, Vec<String>> = BTreeMap::new();
        let mut seen: HashSet<(ImageId, String)> = HashSet::new();
        for entry in &self.entries {
            let references: Vec<String> = entry.references().iter().map(Reference::familiar).collect();
            let names: Vec<String> = entry.names().into_iter().filter(|name| name.len() <= MAX_NAME).collect();
            for id in entry.images() {
                let is_new = !called.contains_key(&id);
                let own = if is_new { self.images[id.0].repo_tags.as_slice() } else { &[] };
                let own = own.iter().map(Reference::familiar);
                let known = called.entry(id).or_default();
                known.extend(references.iter().cloned().chain(own).filter(|name| seen.insert((id, name.clone()))));
                let others = others.entry(id).or_default();
                others.extend(names.iter().filter(|name| seen.insert((id, (*name).clone()))).cloned());
            }
        }
        for (id, names) in called.iter_mut().filter(|(_, names)| names.is_empty()) {
            *names = others.remove(id).unwrap_or_default();
        }
        called
    }
}

impl Entry {
    /// The names this descriptor carries, best first: containerd's full name, then the OCI one.
    pub fn names(&self) -> Vec<String> {
        let annotations = annotations(&self.descriptor).unwrap_or_default();
        let mut names: Vec<String> = [ANNOTATION_IMAGE_NAME, ANNOTATION_REF_NAME]
            .iter()
            .filter_map(|key| annotations.get(*key).cloned())
            .collect();
        names.dedup();
        names
    }

    /// The names that hold a repository and a tag, so that Docker can take them.
    pub fn references(&self) -> Vec<Reference> {
        let mut references: Vec<Reference> =
            self.names().iter().filter(|name| name.contains(':')).filter_map(|name| name.parse().ok()).collect();
        references.dedup();
        references
    }

    /// The platform the descriptor itself gives, if it does.
    pub fn platform(&self) -> Option<Platform> {
        let platform = self.descriptor.get::<Document>("platform", "").ok().flatten()?;
        let word = |key| platform.get::<String>(key, "").ok().flatten();
        Some(Platform { os: word("os")?, architecture: word("architecture")?, variant: word("variant") })
    }

    /// Every image this entry leads to, in order.
    pub fn images(&self) -> Vec<ImageId> {
        match &self.item {
            Item::Image(id) => vec![*id],
            Item::Index { entries, .. } => entries.iter().flat_map(Self::images).collect(),
            Item::Other(_) => Vec::new(),
        }
    }
}

/// The keys of a descriptor, and of the platform in it, that are read or written.
const DESCRIPTOR_KEYS: [&str; 7] = ["mediaType", "digest", "size", "platform", "annotations", "data", "urls"];
const PLATFORM_KEYS: [&str; 3] = ["os", "architecture", "variant"];

/// An error when others would read `descriptor` otherwise than we do.
pub fn unambiguous(descriptor: &Document) -> Result<(), InvalidJson> {
    descriptor.only_spellings(&DESCRIPTOR_KEYS, "a descriptor")?;
    match descriptor.get::<Document>("platform", "a descriptor")? {
        Some(platform) => platform.only_spellings(&PLATFORM_KEYS, "the platform of a descriptor"),
        None => Ok(()),
    }
}

/// The `annotations` of a descriptor, manifest or index; empty when it has none.
pub fn annotations(document: &Document) -> Result<BTreeMap<String, String>, InvalidJson> {
    Ok(document.get("annotations", "a descriptor")?.unwrap_or_default())
}

/// The `digest` of a descriptor.
pub fn digest_of(descriptor: &Document) -> Result<Digest, InvalidJson> {
    let text: String = descriptor.get("digest", "a descriptor")?.unwrap_or_default();
    text.parse().map_err(|error| InvalidJson { what: "a descriptor".to_owned(), detail: format!("{error}") })
}

/// The `size` of a descriptor, in bytes.
pub fn size_of(descriptor: &Document) -> Result<u64, InvalidJson> {
    let size = descriptor.get("size", "a descriptor")?;
    size.ok_or_else(|| InvalidJson { what: "a descriptor".to_owned(), detail: "it has no \"size\"".to_owned() })
}
