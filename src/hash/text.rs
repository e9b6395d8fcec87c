//! One text on its way to its SHA-256 (FIPS 180-4), in the pieces in which it comes.

use sha2::block_api::compress256;
use sha2::digest::array::Array;
use sha2::digest::consts::U64;

use super::pair::{Block, Words, compress_both};

/// The state after what was fed so far.
#[derive(Clone, Debug)]
pub(super) struct Text {
    words: Words,
    /// What is not a whole block yet.
    tail: Vec<u8>,
    bytes: u64,
}

/// FIPS 180-4, section 5.3.3.
const BEGIN: Words =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The whole blocks at the start of some bytes, and the rest.
pub(super) fn blocks(bytes: &[u8]) -> (&[Block], &[u8]) {
    let (blocks, rest) = Array::<u8, U64>::slice_as_chunks(bytes);
    (Array::cast_slice_to_core(blocks), rest)
}

impl Text {
    pub(super) fn new() -> Self {
        Self { words: BEGIN, tail: Vec::with_capacity(2 * size_of::<Block>()), bytes: 0 }
    }

    /// Bytes fed so far.
    pub(super) fn len(&self) -> u64 {
        self.bytes
    }

    /// Bytes at the end of what was fed that are not a whole block.
    pub(super) fn tail(&self) -> usize {
        self.tail.len()
    }

    /// Takes the next piece and gives back its whole blocks, which must be compressed before the next piece comes.
    pub(super) fn take<'p>(&mut self, piece: &'p [u8]) -> &'p [Block] {
        self.bytes += piece.len() as u64;
        let mut rest = piece;
        if !self.tail.is_empty() {
            let missing = size_of::<Block>() - self.tail.len();
            let (head, more) = rest.split_at(missing.min(rest.len()));
            self.tail.extend_from_slice(head);
            rest = more;
            let Some(block) = self.tail.first_chunk() else { return &[] };
            compress256(&mut self.words, &[*block]);
            self.tail.clear();
        }
        let (blocks, tail) = blocks(rest);
        self.tail.extend_from_slice(tail);
        blocks
    }

    /// Compresses blocks that [`Self::take`] gave back.
    pub(super) fn compress(&mut self, blocks: &[Block]) {
        compress256(&mut self.words, blocks);
    }

    /// Compresses as many blocks of two texts.
    pub(super) fn compress_both(&mut self, ours: &[Block], other: &mut Self, theirs: &[Block]) {
        compress_both(&mut self.words, ours, &mut other.words, theirs);
    }

    /// The hash of all that was fed.
    pub(super) fn finish(mut self) -> [u8; 32] {
        let bits = self.bytes * 8;
        self.tail.push(0x80);
        let end = (self.tail.len() + 8).next_multiple_of(size_of::<Block>());
        self.tail.resize(end - 8, 0);
        self.tail.extend_from_slice(&bits.to_be_bytes());
        let (blocks, _) = blocks(&self.tail);
        compress256(&mut self.words, blocks);
        let mut hash = [0; 32];
        for (bytes, word) in hash.chunks_exact_mut(4).zip(self.words) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    proptest! {
        #[test]
        fn pieces_of_any_size_hash_to_what_the_whole_does(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12)
        ) {
            let mut text = Text::new();
            for piece in &pieces {
                let blocks = text.take(piece);
                let (first, second) = blocks.split_at(blocks.len() / 2);
                text.compress(first);
                text.compress(second);
            }
            let whole = pieces.concat();
            prop_assert_eq!(text.len(), whole.len() as u64);
            prop_assert_eq!(text.finish(), <[u8; 32]>::from(Sha256::digest(&whole)));
        }
    }
}
