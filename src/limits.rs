//! What an input may ask for. Every field says its unit, its default and what happens beyond it.

/// How much an image may ask for before it is refused. Real images stay far below the defaults.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes one layer may have uncompressed. `None` (the default) allows 16 GiB, or 64 times the compressed size if
    /// that is more: an honest layer of any size passes and a bomb of a few megabytes does not. Beyond it: an error.
    pub layer: Option<u64>,
    /// Bytes that all layers of an image may have uncompressed. Default 64 GiB; what 64 times the compressed size or four
    /// times the limit of a layer is more, counts.
    pub image: u64,
    /// Bytes of names, attributes and entries the layers of one image may need in memory. Default 2 GiB, about ten million entries.
    pub metadata: u64,
    /// Layers one image may have. Default 4096; docker makes no more than 127.
    pub layers: u16,
    /// Entries all indexes may have together, each as often as it is named, and tags of an archive. Default 65536.
    pub entries: usize,
    /// Bytes of all configs of an archive, each as often as it is named. Default 64 MiB.
    pub configs: u64,
    /// Bytes a manifest, index or config may have. Default 8 MiB; registries take 4 MiB.
    pub document: u64,
    /// How deep indexes may be nested, and how many documents one archive may have.
    pub nesting: usize,
    /// Documents (manifests and indexes) one archive may have. Default 4096.
    pub documents: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let (document, configs) = (8 << 20, 64 << 20);
        let (layers, nesting, documents, entries) = (4096, 8, 4096, 65536);
        Self { layer: None, image: 64 << 30, metadata: 2 << 30, layers, entries, configs, document, nesting, documents }
    }
}

impl Limits {
    /// Bytes that a layer of `compressed` bytes may have uncompressed.
    pub fn layer_bytes(&self, compressed: u64) -> u64 {
        self.layer.unwrap_or_else(|| generous(compressed))
    }

    /// Bytes that an archive of `compressed` bytes may have uncompressed: as for a layer, and never less than one.
    pub fn archive_bytes(&self, compressed: u64) -> u64 {
        self.layer.unwrap_or_default().max(generous(compressed))
    }
}

impl Limits {
    /// Bytes that all layers of an image may have uncompressed, whose blobs have `compressed` bytes, each counted once.
    pub fn image_bytes(&self, compressed: u64) -> u64 {
        let layers = self.layer.unwrap_or_default().saturating_mul(4);
        self.image.max(layers).max(compressed.saturating_mul(64))
    }

    /// Bytes of headers that new layers may have: a short header may stand for a long one.
    pub fn written_bytes(&self) -> u64 {
        self.metadata.saturating_mul(4)
    }
}

fn generous(compressed: u64) -> u64 {
    compressed.saturating_mul(64).max(16 << 30)
}
