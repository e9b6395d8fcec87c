//! Layers that were read, so that one that several images share is read once.
//!
//! # Decisions
//! - Layers are told by what manifest and config say of them, and where they say too little, by the file. What was read
//!   was verified against it, so another copy of the same layer could say nothing else and is not read.
//! - A layer is on the shelf only until the last image that has it has taken it: what it says is memory.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::host::Host;
use crate::layer::{AtLayer, IndexError, LayerIndex, Source};
use crate::oci::{Catalog, DiffId, Digest, Layer};
use crate::tree::LayerDiff;

/// Layers that were read and are still needed.
#[derive(Debug, Default)]
pub struct Shelf {
    /// Whether all uses are counted already.
    announced: bool,
    layers: HashMap<Key, Shelved>,
}

/// What a layer is told by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    diff_id: DiffId,
    /// The digest of the blob; its name, where no document tells the digest.
    blob: Result<Digest, String>,
    /// The size that a document gives it.
    size: Option<u64>,
    /// Whether files of eStargz are taken for what they are.
    estargz: bool,
}

#[derive(Debug, Default)]
struct Shelved {
    /// Images that will still ask for it.
    uses: usize,
    layer: Option<(Arc<LayerIndex>, Arc<LayerDiff>)>,
}

/// What is known of a layer, and what it says if it was read.
type Known = (Arc<LayerIndex>, Option<Arc<LayerDiff>>);

/// What is known of each layer, and what those say that were read, with their positions.
type Found = (Vec<Arc<LayerIndex>>, Vec<(u16, Arc<LayerDiff>)>);

impl Shelf {
    /// An empty shelf for the chosen images of a catalog.
    pub fn for_images(catalog: &Catalog) -> Self {
        let mut shelf = Self::default();
        shelf.expect(catalog);
        shelf
    }

    /// Expects the chosen images of a catalog, unless they are expected already because they were announced.
    pub fn expect(&mut self, catalog: &Catalog) {
        if !self.announced {
            self.count(catalog);
        }
    }

    /// Announces the chosen images of a catalog that will be asked for. After that nothing else is expected.
    pub fn announce(&mut self, catalog: &Catalog) {
        self.announced = true;
        self.count(catalog);
    }

    /// Expects only these catalogs from now on, after something went wrong, and forgets what none of them has.
    pub fn expect_only<'c>(&mut self, catalogs: impl Iterator<Item = &'c Catalog>) {
        self.layers.values_mut().for_each(|shelved| shelved.uses = 0);
        catalogs.for_each(|catalog| self.count(catalog));
        self.layers.retain(|_, shelved| shelved.uses > 0);
    }

    fn count(&mut self, catalog: &Catalog) {
        for layer in catalog.chosen().flat_map(|(_, image)| &image.layers) {
            self.layers.entry(key(layer)).or_default().uses += 1;
        }
    }

    /// Reads and verifies the layers at the positions `read`, and of the others what their manifest does not tell. An
    /// error tells the layer by its position.
    pub(super) fn read(
        &mut self,
        sources: &[Source],
        read: Range<usize>,
        host: Host<'_>,
    ) -> Result<Found, AtLayer<IndexError>> {
        let mut found: Vec<Option<Known>> = Vec::with_capacity(sources.len());
        for (position, source) in sources.iter().enumerate() {
            let known = self.layers.get(&key(&source.layer)).and_then(|shelved| shelved.layer.clone());
            let claimed = || source.claimed().map_err(|problem| (position, problem));
            found.push(match known {
                Some((index, diff)) => Some((index, Some(diff))),
                None if read.contains(&position) => None,
                None => claimed()?.map(|index| (Arc::new(index), None)),
            });
        }
        // An image may have a layer twice.
        let mut first: HashMap<Key, usize> = HashMap::new();
        let unknown = (0..sources.len()).filter(|position| found[*position].is_none());
        let (unknown, again): (Vec<usize>, Vec<usize>) = unknown
            .partition(|position| *first.entry(key(&sources[*position].layer)).or_insert(*position) == *position);
        host.begin_reading(sources, &unknown);
        let mut expected = unknown.clone();
        // In the order in which they will be read.
        expected.sort_by_key(|position| std::cmp::Reverse(sources[*position].blob.len()));
        for position in expected {
            sources[position].blob.expect().map_err(|problem| (position, problem.into()))?;
        }
        let seen = |bytes| host.progress.advance(bytes);
        for (position, (index, diff)) in host.readers(sources, &seen).read(unknown)? {
            let layer = (Arc::new(index), Arc::new(diff));
            found[position] = Some((layer.0.clone(), Some(layer.1.clone())));
            if let Some(shelved) = self.layers.get_mut(&key(&sources[position].layer)) {
                shelved.layer = Some(layer);
            }
        }
        for position in again {
            found[position] = first.get(&key(&sources[position].layer)).and_then(|first| found[*first].clone());
        }
        sources.iter().for_each(|source| self.used(source));
        let (mut indexes, mut diffs) = (Vec::with_capacity(sources.len()), Vec::new());
        for ((index, diff), position) in found.into_iter().flatten().zip(0..) {
            indexes.push(index);
            diffs.extend(diff.filter(|_| read.contains(&usize::from(position))).map(|diff| (position, diff)));
        }
        Ok((indexes, diffs))
    }

    /// Counts one use of a layer, and forgets it after the last.
    fn used(&mut self, source: &Source) {
        let key = key(&source.layer);
        if let Some(shelved) = self.layers.get_mut(&key) {
            shelved.uses = shelved.uses.saturating_sub(1);
            if shelved.uses == 0 {
                self.layers.remove(&key);
            }
        }
    }
}

fn key(layer: &Layer) -> Key {
    let digest = layer.digest.ok_or_else(|| layer.name.clone());
    Key { diff_id: layer.diff_id, blob: digest, size: layer.size, estargz: layer.estargz }
}
