//! The indexes: `index.json` and those nested in it.

use std::collections::BTreeMap;

use super::blob::Blob;
use super::edits::MediaTypes;
use super::image::Assembled;
use crate::oci::{Catalog, Document, Entry, ImageId, Item};

/// The index documents: nested indexes first, `index.json` last.
pub struct Index {
    /// Nested indexes.
    pub nested: Vec<Blob>,
    /// `index.json`.
    pub root: Vec<u8>,
}

/// The indexes of `catalog` for the images in `assembled`.
pub fn index(catalog: &Catalog, assembled: &BTreeMap<ImageId, Assembled>, media_types: MediaTypes) -> Index {
    let mut maker = Maker { assembled, media_types, nested: Vec::new() };
    let mut root = catalog.root.clone();
    let manifests = maker.descriptors(&catalog.entries);
    root.set("manifests", &manifests);
    Index { nested: maker.nested, root: root.to_bytes() }
}

struct Maker<'a> {
    assembled: &'a BTreeMap<ImageId, Assembled>,
    media_types: MediaTypes,
    nested: Vec<Blob>,
}

impl Maker<'_> {
    fn descriptors(&mut self, entries: &[Entry]) -> Vec<Document> {
        let mut descriptors = Vec::new();
        for entry in entries {
            let mut descriptor = entry.descriptor.clone();
            match &entry.item {
                Item::Image(id) => {
                    let Some(image) = self.assembled.get(id) else { continue };
                    image.manifest.describe(&mut descriptor, self.media_types.manifest());
                }
                Item::Index { document, entries } => {
                    let mut document = document.clone();
                    document.set("mediaType", self.media_types.index());
                    let manifests = self.descriptors(entries);
                    document.set("manifests", &manifests);
                    let blob = Blob::new(document.to_bytes());
                    blob.describe(&mut descriptor, self.media_types.index());
                    self.nested.push(blob);
                }
                Item::Other(_) => continue,
            }
            descriptors.push(descriptor);
        }
        descriptors
    }
}
