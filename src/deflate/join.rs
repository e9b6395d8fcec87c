//! Joining deflate blocks into one stream.

use super::walk::Word;

/// Writes one deflate stream, blocks at a time, to a buffer that the caller empties.
///
/// # Decisions
/// - Before blocks that begin inside a byte, empty blocks bring the output to the same bit: fixed Huffman ones of 10
///   bits, and one dynamic one of 97 bits for odd distances. All their codes are complete, so that strict decoders take
///   them. Before blocks that begin with a byte, an empty stored block does (5 bytes).
/// - The last block of what is copied says that the stream ends; the caller tells where it is and the bit is cleared.
#[derive(Debug, Default)]
pub struct Joiner {
    bytes: Vec<u8>,
    /// Bits of the byte that is not full yet; the unused ones are zero.
    partial: u8,
    /// How many, 0 to 7.
    phase: u32,
}

/// An empty fixed Huffman block: type 01, end of block.
const FIXED: (u128, u32) = (0b010, 10);

impl Joiner {
    /// An empty stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// The whole bytes so far; the caller takes them.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Appends bits `from` to `to` of `blocks`, which are whole deflate blocks; `last` is the bit where the one begins
    /// that ends its stream, if it is among them.
    pub fn append(&mut self, blocks: &[u8], from: u64, to: u64, last: Option<u64>) {
        if from >= to {
            return;
        }
        let phase = bits_into_byte(from);
        self.align(phase);
        let (first_byte, end_byte) = (index(from / 8), index(to / 8));
        // Bits before `from` in its byte are the output's own already.
        let begin = self.bytes.len();
        let own = self.partial;
        if first_byte == end_byte {
            let mask = low_bits(bits_into_byte(to)) & !low_bits(phase);
            self.partial = own | (blocks[first_byte] & mask);
        } else {
            self.bytes.push(own | (blocks[first_byte] & !low_bits(phase)));
            self.bytes.extend_from_slice(&blocks[first_byte + 1..end_byte]);
            let rest = bits_into_byte(to);
            self.partial = if rest == 0 { 0 } else { blocks[end_byte] & low_bits(rest) };
        }
        self.phase = bits_into_byte(to);
        if let Some(last) = last {
            let at = begin + index(last / 8) - first_byte;
            let keep = !(1 << bits_into_byte(last));
            match self.bytes.get_mut(at) {
                Some(byte) => *byte &= keep,
                None => self.partial &= keep,
            }
        }
    }

    /// Begins a block in the middle: appends its header, bits `from` to `to` of `block`, without its last-block flag.
    /// What follows must be tokens of it ([`Self::bits`]) and the word that ends it ([`Self::word`]).
    pub fn open(&mut self, block: &[u8], from: u64, to: u64) {
        self.put(0, 1);
        self.bits(block, from + 1, to);
    }

    /// Appends bits `from` to `to` of `bytes`, whatever they are.
    pub fn bits(&mut self, bytes: &[u8], from: u64, to: u64) {
        let mut at = from;
        while at < to {
            let rest = &bytes[index(at / 8)..];
            let word = match rest.first_chunk() {
                Some(word) => u64::from_le_bytes(*word),
                None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
            };
            // Up to 7 bits of the word were taken before, and up to 7 are waiting to be a byte.
            let count = (to - at).min(48);
            self.put(u128::from(word >> (at % 8) & ((1 << count) - 1)), bits_of(count));
            at += count;
        }
    }

    /// Appends a code word.
    pub fn word(&mut self, word: Word) {
        self.put(word.bits.into(), word.count);
    }

    /// Ends the stream: an empty last block, and zeros to the end of the byte.
    pub fn finish(&mut self) {
        self.put(0b011, 10);
        if self.phase > 0 {
            self.bytes.push(self.partial);
            (self.partial, self.phase) = (0, 0);
        }
    }

    /// Puts empty blocks until the output stands at bit `phase` of a byte.
    fn align(&mut self, phase: u32) {
        if phase == self.phase {
            return;
        }
        if phase == 0 {
            self.put(0, 3);
            self.put(0, (8 - self.phase) % 8);
            self.put(0xffff_0000, 32);
            return;
        }
        if (phase + 8 - self.phase) % 2 == 1 {
            let (bits, count) = odd_block();
            self.put(bits, count);
        }
        while self.phase != phase {
            self.put(FIXED.0, FIXED.1);
        }
    }

    /// Appends the lowest `count` bits.
    fn put(&mut self, bits: u128, count: u32) {
        let all = u128::from(self.partial) | bits << self.phase;
        let total = self.phase + count;
        let whole = total / 8;
        let bytes = all.to_le_bytes();
        self.bytes.extend_from_slice(&bytes[..whole as usize]);
        self.partial = bytes[whole as usize];
        self.phase = total % 8;
    }
}

/// An empty dynamic Huffman block of an odd number of bits (97), its codes complete.
fn odd_block() -> (u128, u32) {
    let (mut bits, mut count) = (0_u128, 0_u32);
    let mut put = |value: u128, width: u32| {
        bits |= value << count;
        count += width;
    };
    put(0b100, 3); // not the last block, dynamic codes
    put(0, 5); // 257 literal and length codes
    put(2, 5); // 3 distance codes
    put(14, 4); // 18 code length codes, in the order of RFC 1951: 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1
    for length in [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1] {
        put(length, 3);
    }
    // Length 1 has the code 0, length 2 the code 10, 18 (a run of zeros) the code 11; codes go out first bit first.
    put(0b11, 2);
    put(138 - 11, 7); // 138 zeros
    put(0b11, 2);
    put(117 - 11, 7); // 117 zeros: symbols 0 to 254 are unused
    put(0, 2); // symbol 255 and the end of block have length 1
    put(0, 1); // distance 0 has length 1
    put(0b01, 2); // distance 1 has length 2
    put(0b01, 2); // distance 2 has length 2
    put(1, 1); // end of block
    (bits, count)
}

fn bits_of(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn bits_into_byte(bit: u64) -> u32 {
    (bit % 8) as u32
}

fn low_bits(count: u32) -> u8 {
    (1_u8 << count) - 1
}

fn index(byte: u64) -> usize {
    usize::try_from(byte).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::DeflateDecoder;
    use proptest::prelude::*;

    use super::super::{At, ChunkEncoder, Inflater, Until};
    use super::*;

    fn inflated(deflated: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        DeflateDecoder::new(deflated).read_to_end(&mut plain).unwrap();
        let mut exact = vec![0; plain.len()];
        let strict = libdeflater::Decompressor::new().deflate_decompress(deflated, &mut exact);
        assert_eq!(strict, Ok(plain.len()), "libdeflate takes it too");
        plain
    }

    #[test]
    fn every_phase_is_reached_from_every_other() {
        for from in 0..8 {
            for to in 0..8 {
                let mut joiner = Joiner::new();
                joiner.align(from);
                joiner.align(to);
                assert_eq!(joiner.phase, to);
                joiner.finish();
                assert_eq!(inflated(joiner.bytes()), b"", "from {from} to {to}");
            }
        }
    }

    #[test]
    fn the_odd_block_is_odd() {
        assert_eq!(odd_block().1, 97);
    }

    /// Blocks of a stream: bit positions of all boundaries, the start of the last block, and the plain offset of each.
    fn blocks(deflated: &[u8]) -> (Vec<(u64, usize)>, u64) {
        let mut inflater = Inflater::new();
        let mut output = vec![0; 1 << 20];
        let (mut at, mut plain, mut found) = (0, 0, vec![(0, 0)]);
        loop {
            let step = inflater.step(&deflated[at..], &mut output, Until::Boundary).unwrap();
            at += step.consumed;
            plain += step.produced;
            match step.at {
                At::Boundary { unused, last } => {
                    let begin = found.last().unwrap().0;
                    found.push((at as u64 * 8 - u64::from(unused), plain));
                    if last {
                        return (found, begin);
                    }
                }
                At::Inside => {}
                At::End => unreachable!("the last boundary comes first"),
            }
        }
    }

    proptest! {
        #[test]
        fn whole_streams_joined_inflate_to_their_texts_joined(
            texts in prop::collection::vec((prop::collection::vec(0..4_u8, 0..50_000), 0..10_u32), 1..6)
        ) {
            let mut joiner = Joiner::new();
            let mut expected: Vec<u8> = Vec::new();
            for (text, level) in &texts {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(*level));
                std::io::Write::write_all(&mut encoder, text).unwrap();
                let deflated = encoder.finish().unwrap();
                let (found, last) = blocks(&deflated);
                joiner.append(&deflated, 0, found.last().unwrap().0, Some(last));
                expected.extend(text);
            }
            joiner.finish();
            prop_assert_eq!(inflated(joiner.bytes()), expected);
        }

        #[test]
        fn single_blocks_in_any_order_keep_their_meaning(
            seeds in prop::collection::vec(any::<u32>(), 1..12), order in prop::collection::vec(any::<prop::sample::Index>(), 1..20)
        ) {
            // Blocks of streams of one block each refer to nothing before them, so they can stand anywhere.
            let mut encoder = ChunkEncoder::new(3);
            let texts: Vec<Vec<u8>> = seeds.iter().map(|seed| {
                (0..seed % 3000).map(|n| (n.wrapping_mul(seed | 1) >> 13).to_le_bytes()[0] % 90).collect()
            }).collect();
            let chunks: Vec<_> = texts.iter().map(|text| encoder.encode(text, Vec::new())).collect();
            let mut joiner = Joiner::new();
            let mut expected: Vec<u8> = Vec::new();
            for pick in &order {
                let at = pick.index(texts.len());
                let chunk = &chunks[at];
                joiner.append(&chunk.bytes, 0, chunk.bits, Some(chunk.last));
                expected.extend(&texts[at]);
            }
            joiner.finish();
            prop_assert_eq!(inflated(joiner.bytes()), expected);
        }
    }
}
