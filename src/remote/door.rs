//! The doors of images that are elsewhere: what input opens.
//!
//! # Decisions
//! - Of a registry only documents are read when it is opened. A layer sets out when somebody reads it, so that those of
//!   a base that is kept stay where they are.
//! - What a daemon saves comes as one stream whose table of contents is at its end, so it is copied to an unnamed file,
//!   as every stream is.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::arriving::{Arriving, Transfers};
use super::daemon::{Daemon, Which};
use super::error::{RemoteError, Trouble};
use super::registry::{Fetched, Registries, Repository};
use super::settings::Settings;
use crate::address::{Address, DaemonImage, RegistryImage};
use crate::blob::{Distant, Span};
use crate::input::{Door, OpenError, Opening, Store, open_stream};
use crate::oci::{ANNOTATION_IMAGE_NAME, ANNOTATION_REF_NAME, Digest, Document, Layer, LayerKind};

/// What a person's machine leads to.
#[derive(Clone, Debug)]
pub struct Remote {
    settings: Arc<Settings>,
    registries: Arc<Registries>,
}

impl Remote {
    /// What `settings` lead to. Nothing is asked yet.
    pub fn new(settings: Settings) -> Self {
        let registries = Arc::new(Registries::new(settings.clone()));
        Self { settings: Arc::new(settings), registries }
    }

    /// The door of an image that is elsewhere; `None` for one on this machine's disk.
    pub fn door(&self, address: &Address) -> Option<Arc<dyn Door>> {
        match address {
            Address::Docker(image) => Some(self.daemon(Which::Docker, image)),
            Address::Podman(image) => Some(self.daemon(Which::Podman, image)),
            Address::Registry(image) => {
                let (image, registries) = (image.clone(), self.registries.clone());
                Some(Arc::new(RegistryDoor { image, registries, connections: self.settings.connections }))
            }
            _ => None,
        }
    }

    /// The machine.
    pub(super) fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// Its registries, which know which of them are one.
    pub(super) fn registries(&self) -> &Arc<Registries> {
        &self.registries
    }

    fn daemon(&self, which: Which, image: &DaemonImage) -> Arc<dyn Door> {
        Arc::new(DaemonDoor { which, image: image.clone(), settings: self.settings.clone() })
    }
}

/// An image of a daemon.
#[derive(Debug)]
struct DaemonDoor {
    which: Which,
    image: DaemonImage,
    settings: Arc<Settings>,
}

impl Door for DaemonDoor {
    fn name(&self) -> String {
        format!("{}:{}", self.which.transport(), self.image)
    }

    fn open(&self, with: &Opening<'_>) -> Result<Box<dyn Store>, OpenError> {
        let saved = Daemon::find(self.which, &self.settings).and_then(|daemon| daemon.save(&self.image));
        open_stream(saved.map_err(elsewhere)?, with)
    }
}

/// An image in a registry.
#[derive(Debug)]
struct RegistryDoor {
    image: RegistryImage,
    registries: Arc<Registries>,
    connections: usize,
}

impl Door for RegistryDoor {
    fn name(&self) -> String {
        format!("docker://{}", self.image)
    }

    fn open(&self, with: &Opening<'_>) -> Result<Box<dyn Store>, OpenError> {
        let repository = self.registries.repository(&self.image.name).map_err(elsewhere)?;
        let limit = with.limits.document;
        let fetched = repository.manifest(&self.image.reference(), limit).map_err(elsewhere)?;
        let transfers = Transfers::new(self.connections, with.tmp_dir);
        let (root, known) = (self.root(&fetched), Mutex::default());
        let pulled = Pulled { root, first: fetched, repository, transfers, limit, known };
        pulled.know(&pulled.first);
        Ok(Box::new(pulled))
    }
}

impl RegistryDoor {
    /// What an `index.json` would say of the image.
    fn root(&self, fetched: &Fetched) -> Vec<u8> {
        let mut entry = Document::default();
        entry.set("mediaType", &fetched.media_type);
        entry.set("digest", &fetched.digest.to_string());
        entry.set("size", &fetched.bytes.len());
        // With a digest, nobody said what it is called.
        if self.image.digest.is_none() {
            let mut annotations = Document::default();
            annotations.set(ANNOTATION_IMAGE_NAME, &self.image.name.normalized());
            annotations.set(ANNOTATION_REF_NAME, &self.image.name.familiar());
            entry.set("annotations", &annotations);
        }
        let mut root = Document::default();
        root.set("schemaVersion", &2);
        root.set("mediaType", "application/vnd.oci.image.index.v1+json");
        root.set("manifests", &[entry]);
        root.to_bytes()
    }
}

/// An image of a registry as the files of an archive.
struct Pulled {
    root: Vec<u8>,
    /// What the name led to.
    first: Fetched,
    repository: Repository,
    transfers: Transfers,
    /// Bytes of a document.
    limit: u64,
    known: Mutex<Known>,
}

/// What was learned so far.
#[derive(Default)]
struct Known {
    /// Documents that are blobs.
    configs: HashSet<Digest>,
    /// Blobs that are on their way or may be, each once.
    blobs: HashMap<(Digest, u64), Arriving>,
}

impl Pulled {
    /// Learns from a manifest where its config is.
    fn know(&self, fetched: &Fetched) {
        let config = || -> Option<Digest> {
            let manifest = Document::parse(&fetched.bytes, "").ok()?;
            manifest.get::<Document>("config", "").ok()??.get::<String>("digest", "").ok()??.parse().ok()
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).configs.extend(config());
    }

    /// A blob that comes when it is read.
    fn blob(&self, digest: Digest, size: u64) -> Span {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let blob = known.blobs.entry((digest, size)).or_insert_with(|| {
            let repository = self.repository.clone();
            self.transfers.blob(size, move |take| {
                // Whoever reads it says which blob it is.
                repository.blob(digest, size, &mut |bytes| take(bytes)).map_err(|error| io::Error::other(error.trouble))
            })
        });
        Span::distant(Arc::new(blob.clone()), size)
    }
}

impl Store for Pulled {
    fn file(&self, name: &str) -> Result<Option<Span>, OpenError> {
        Ok((name == "index.json").then(|| Span::of(self.root.clone())))
    }

    fn document(&self, digest: Digest, size: u64) -> Result<Option<Span>, OpenError> {
        if digest == self.first.digest {
            return Ok(Some(Span::of(self.first.bytes.clone())));
        }
        if self.known.lock().unwrap_or_else(PoisonError::into_inner).configs.contains(&digest) {
            return Ok(Some(self.blob(digest, size)));
        }
        match self.repository.manifest(&digest.to_string(), self.limit) {
            Ok(fetched) => {
                self.know(&fetched);
                Ok(Some(Span::of(fetched.bytes)))
            }
            Err(RemoteError { trouble: Trouble::NoManifest { .. }, .. }) => Ok(None),
            Err(RemoteError { trouble: trouble @ Trouble::Mismatch { .. }, .. }) => {
                Err(OpenError::FileElsewhere(trouble.into()))
            }
            Err(error) => Err(elsewhere(error)),
        }
    }

    fn layer(&self, layer: &Layer) -> Result<Option<Span>, OpenError> {
        let (Some(digest), Some(size)) = (layer.digest, layer.size) else { return Ok(None) };
        if layer.kind == LayerKind::Foreign && !self.repository.has_blob(digest).map_err(elsewhere)? {
            return Ok(None);
        }
        Ok(Some(self.blob(digest, size)))
    }

    fn any(&self, _: &dyn Fn(&str) -> bool) -> bool {
        false
    }

    fn expected(&self) -> &'static str {
        "expected an image"
    }
}

impl Distant for Arriving {
    fn begin(&self) -> io::Result<()> {
        self.begin()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read_at(buffer, offset)
    }
}

/// The same about an input, which whoever opened it names.
fn elsewhere(error: RemoteError) -> OpenError {
    OpenError::Elsewhere(error.trouble.into())
}
