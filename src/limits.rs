//! What an input may ask for. Every field says its unit, its default and what happens beyond it.

/// How much an input may ask for before it is refused. Real images stay far below the defaults.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes that one layer may have uncompressed. By default (`None`) 16 GiB, or 64 times its compressed bytes if that
    /// is more, so that an honest layer of any size passes and a bomb of a few megabytes does not. A layer that
    /// inflates to more is an error.
    pub layer: Option<u64>,
    /// Bytes that all layers of an image may have uncompressed, one that is listed twice counted twice. Default 64 GiB.
    /// It is raised to 64 times the bytes of the image's blobs, and to four times [`Self::layer`] where that is set.
    /// More is an error.
    pub image: u64,
    /// Bytes of memory that the names, attributes and documents of the input may take up, about 200 for each file. By
    /// default (`None`) 96 MiB and 64 for each byte that the input has as it lies there, but no more than 2 GiB: ten
    /// million files. An input that needs more is an error as soon as it is known.
    pub metadata: Option<u64>,
    /// Layers one image may have. Default 4096; docker makes no more than 127. More are an error.
    pub layers: u16,
    /// Entries all indexes may have together, each as often as it is named, and tags of an archive, each as often as an
    /// image has it. Default 65536. More are an error.
    pub entries: usize,
    /// Bytes of all configs of an archive, each as often as it is named. Default 64 MiB. More are an error.
    pub configs: u64,
    /// Bytes a manifest, index or config may have. Default 8 MiB; registries take 4 MiB. A larger one is an error.
    pub document: u64,
    /// How deep indexes may be nested. Default 8. A deeper one is an error.
    pub nesting: usize,
    /// Documents (manifests and indexes) one archive may have. Default 4096. More are an error.
    pub documents: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let (document, configs) = (8 << 20, 64 << 20);
        let (layers, nesting, documents, entries) = (4096, 8, 4096, 65536);
        let (layer, metadata) = (None, None);
        Self { layer, image: 64 << 30, metadata, layers, entries, configs, document, nesting, documents }
    }
}

/// What [`Limits::metadata`] is by default: this, so much for each byte of the input, and no more than that.
const METADATA: u64 = 96 << 20;
const METADATA_PER_BYTE: u64 = 64;
const MAX_METADATA: u64 = 2 << 30;

impl Limits {
    /// Bytes that a layer of `compressed` bytes may have uncompressed.
    pub fn layer_bytes(&self, compressed: u64) -> u64 {
        self.layer.unwrap_or_else(|| generous(compressed))
    }

    /// Bytes that an archive of `compressed` bytes may have uncompressed: as for a layer, and never less than one.
    pub fn archive_bytes(&self, compressed: u64) -> u64 {
        self.layer.unwrap_or_default().max(generous(compressed))
    }

    /// Bytes that all layers of an image may have uncompressed, whose blobs have `compressed` bytes, each counted once.
    pub fn image_bytes(&self, compressed: u64) -> u64 {
        let layers = self.layer.unwrap_or_default().saturating_mul(4);
        self.image.max(layers).max(compressed.saturating_mul(64))
    }

    /// Bytes of memory that what an input of `bytes` bytes says may take up.
    pub fn metadata_bytes(&self, bytes: u64) -> u64 {
        let usual = || METADATA.saturating_add(bytes.saturating_mul(METADATA_PER_BYTE)).min(MAX_METADATA);
        self.metadata.unwrap_or_else(usual)
    }
}

fn generous(compressed: u64) -> u64 {
    compressed.saturating_mul(64).max(16 << 30)
}
