//! What an input may ask for. Every field says its unit, its default and what happens beyond it.

/// How much an image may ask for before it is refused. Real images stay far below the defaults.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes one layer may have uncompressed. `None` (the default) allows 16 GiB, or 64 times the compressed size if
    /// that is more: an honest layer of any size passes and a bomb of a few megabytes does not. Beyond it: an error.
    pub layer: Option<u64>,
    /// Bytes of names, attributes and entries the layers of one image may need in memory. Default 2 GiB, about ten million entries.
    pub metadata: u64,
    /// Layers one image may have. Default 4096; docker makes no more than 127.
    pub layers: u16,
    /// Bytes a manifest, index or config may have. Default 16 MiB; registries take 4 MiB.
    pub document: u64,
    /// How deep indexes may be nested, and how many documents one archive may have.
    pub nesting: usize,
    /// Documents (manifests and indexes) one archive may have. Default 4096.
    pub documents: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { layer: None, metadata: 2 << 30, layers: 4096, document: 16 << 20, nesting: 8, documents: 4096 }
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

fn generous(compressed: u64) -> u64 {
    compressed.saturating_mul(64).max(16 << 30)
}
