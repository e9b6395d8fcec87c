//! Contents as whoever opens a file sees them, whether the file is stored sparse or not.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::stretches::Layers;
use super::write::WriteError;
use crate::oci::Digest;
use crate::tree::{EntryRef, SparseMap};

/// Bytes that are looked at together: what has only zeros says nothing.
const BLOCK: usize = 4096;

/// The digest of everything in a file that is not zero, and of where it is. A hole costs nothing, however long it is.
struct Shape {
    block: Box<[u8; BLOCK]>,
    /// Which block that is.
    number: u64,
    hasher: Sha256,
}

impl Shape {
    fn new() -> Self {
        Self { block: Box::new([0; BLOCK]), number: 0, hasher: Sha256::new() }
    }

    /// Takes bytes that lie at `at`, behind all that it has taken.
    fn put(&mut self, mut at: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if at / BLOCK as u64 != self.number {
                self.close();
                self.number = at / BLOCK as u64;
            }
            let inside = usize::try_from(at % BLOCK as u64).unwrap_or(0);
            let count = bytes.len().min(BLOCK - inside);
            self.block[inside..inside + count].copy_from_slice(&bytes[..count]);
            (at, bytes) = (at + count as u64, &bytes[count..]);
        }
    }

    fn close(&mut self) {
        if self.block.iter().any(|byte| *byte != 0) {
            self.hasher.update(self.number.to_le_bytes());
            self.hasher.update(&self.block[..]);
            self.block.fill(0);
        }
    }

    fn finish(mut self) -> Digest {
        self.close();
        Digest::from_hash(self.hasher.finalize().into())
    }
}

/// Where in a file the bytes lie that are stored of it.
struct Holes<'m> {
    map: Option<&'m SparseMap>,
    /// The stretch of the map, and bytes of it that were passed.
    place: (usize, u64),
}

impl Holes<'_> {
    /// Tells `put` where each of the next `bytes` lies.
    fn place(&mut self, mut bytes: &[u8], mut put: impl FnMut(u64, &[u8])) {
        let Some(map) = self.map else {
            put(self.place.1, bytes);
            self.place.1 += bytes.len() as u64;
            return;
        };
        while let Some((offset, len)) = map.get(self.place.0).filter(|_| !bytes.is_empty()) {
            let left = usize::try_from(len - self.place.1).unwrap_or(usize::MAX).min(bytes.len());
            put(offset + self.place.1, &bytes[..left]);
            bytes = &bytes[left..];
            self.place.1 += left as u64;
            if self.place.1 == *len {
                self.place = (self.place.0 + 1, 0);
            }
        }
    }
}

impl Layers<'_> {
    /// Tells files of one size apart by what they have, each given with the map of a sparse one: equal digests mean
    /// equal bytes.
    pub fn shapes(
        &self,
        files: &HashMap<EntryRef, Option<&SparseMap>>,
    ) -> Result<HashMap<EntryRef, Digest>, WriteError> {
        let entries: Vec<EntryRef> = files.keys().copied().collect();
        let mut shapes = HashMap::new();
        let mut shape = Shape::new();
        let mut holes: Option<Holes<'_>> = None;
        self.contents(&entries, |entry, piece| {
            if piece.is_empty() {
                holes = None;
                shapes.insert(entry, std::mem::replace(&mut shape, Shape::new()).finish());
            } else {
                let map = || Holes { map: files.get(&entry).copied().flatten(), place: (0, 0) };
                holes.get_or_insert_with(map).place(piece, |at, bytes| shape.put(at, bytes));
            }
        })?;
        Ok(shapes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(map: Option<&SparseMap>, pieces: &[&[u8]]) -> Digest {
        let (mut shape, mut holes) = (Shape::new(), Holes { map, place: (0, 0) });
        pieces.iter().for_each(|piece| holes.place(piece, |at, bytes| shape.put(at, bytes)));
        shape.finish()
    }

    #[test]
    fn a_hole_is_zeros_wherever_it_is_and_however_it_is_stored() {
        let plain = [&[0; 5000][..], b"abc", &[0; 9000], b"d"].concat();
        let whole = digest(None, &[&plain]);
        assert_eq!(digest(None, &[&plain[..4096], &plain[4096..4097], &plain[4097..]]), whole);
        let sparse: SparseMap = vec![(5000, 3), (14003, 1)].into();
        assert_eq!(digest(Some(&sparse), &[b"ab", b"cd"]), whole);
        let other: SparseMap = vec![(4990, 20), (14000, 4)].into();
        assert_eq!(digest(Some(&other), &[&plain[4990..5010], &plain[14000..]]), whole);
        let moved: SparseMap = vec![(5001, 3), (14003, 1)].into();
        assert_ne!(digest(Some(&moved), &[b"abcd"]), whole);
        let far: SparseMap = vec![(5000, 3), (1 << 60, 1)].into();
        assert_ne!(digest(Some(&far), &[b"abcd"]), whole);
    }
}
