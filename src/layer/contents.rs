//! Looking into files: their bytes, and whether two are the same.

use std::collections::HashMap;
use std::io;

use sha2::{Digest as _, Sha256};

use super::feed::{Blocks, Take};
use super::stretches::Layers;
use super::write::WriteError;
use crate::buffers::Buffer;
use crate::oci::Digest;
use crate::tree::EntryRef;

/// Hands text to a function.
struct Each<'f>(&'f mut dyn FnMut(&[u8]));

impl Take for Each<'_> {
    fn turn_to(&mut self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn text(&mut self, text: Buffer) -> io::Result<()> {
        self.bytes(&text)
    }

    fn bytes(&mut self, text: &[u8]) -> io::Result<()> {
        (self.0)(text);
        Ok(())
    }

    fn takes_blocks(&self) -> bool {
        false
    }

    fn copied(&mut self, text: Buffer) -> io::Result<()> {
        self.bytes(&text)
    }

    fn blocks(&mut self, _: Blocks) -> io::Result<()> {
        Ok(())
    }
}

impl Layers<'_> {
    /// Reads the contents of `entries`, each once and as they are stored, in the order of the layers. `each` is told of
    /// every piece of them, and of an empty one at the end of each entry.
    pub fn contents(&self, entries: &[EntryRef], mut each: impl FnMut(EntryRef, &[u8])) -> Result<(), WriteError> {
        let mut wanted = entries.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        for of_layer in wanted.chunk_by(|a, b| a.layer == b.layer) {
            let layer = of_layer[0].layer;
            let read = |problem| WriteError::Read { layer, problem };
            let mut stretches = self.open(layer).map_err(read)?;
            for entry in of_layer {
                let span = self.indexes[usize::from(layer)].entries[entry.index as usize];
                let take = &mut |piece: &[u8]| each(*entry, piece);
                stretches.copy(span.data(), span.stored, span.data(), &mut Each(take)).map_err(read)?;
                each(*entry, &[]);
            }
        }
        Ok(())
    }

    /// The digests of the contents of `entries`.
    pub fn digests(&self, entries: &[EntryRef]) -> Result<HashMap<EntryRef, Digest>, WriteError> {
        let mut digests = HashMap::new();
        let mut hasher = Sha256::new();
        self.contents(entries, |entry, piece| {
            if piece.is_empty() {
                let hash = std::mem::take(&mut hasher).finalize();
                digests.insert(entry, Digest::from_hash(hash.into()));
            } else {
                hasher.update(piece);
            }
        })?;
        Ok(digests)
    }

    /// The bytes of `entries`, whose sizes the caller has looked at.
    pub fn read(&self, entries: &[EntryRef]) -> Result<HashMap<EntryRef, Vec<u8>>, WriteError> {
        let mut files = HashMap::new();
        let mut bytes = Vec::new();
        self.contents(entries, |entry, piece| {
            if piece.is_empty() {
                files.insert(entry, std::mem::take(&mut bytes));
            } else {
                bytes.extend_from_slice(piece);
            }
        })?;
        Ok(files)
    }
}
