//! Walking through the tokens of a deflate block (RFC 1951, section 3.2) without making text of them, to find where it
//! can be cut.
//!
//! A block may be entered and left between any two tokens: before the first one its header has to stand, which holds
//! the codes, and behind the last one the code that ends the block.

/// A block under way.
#[derive(Debug)]
pub struct Walk<'b> {
    bits: Bits<'b>,
    lengths: Code,
    distances: Code,
    /// The bit behind the header.
    tokens: u64,
    /// Bytes of text that the tokens so far stand for.
    text: u64,
}

/// A place between two tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The bit where the next token begins.
    pub bit: u64,
    /// Bytes of the block's text before it.
    pub text: u64,
}

/// A code word as it stands in the stream, first bit lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// The bits.
    pub bits: u32,
    /// How many.
    pub count: u32,
}

/// The code that ends a block.
const END: usize = 256;
/// Base and extra bits of the lengths, symbols 257 to 285.
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
/// The order in which the lengths of the code length codes stand.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

impl<'b> Walk<'b> {
    /// Reads the header of the block at `bit` of `bytes`. `None` for a stored block, which has no tokens.
    pub fn begin(bytes: &'b [u8], bit: u64) -> Option<Self> {
        let mut bits = Bits { bytes, at: bit };
        bits.take(1)?;
        let (lengths, distances) = match bits.take(2)? {
            1 => fixed(),
            2 => dynamic(&mut bits)?,
            _ => return None,
        };
        let tokens = bits.at;
        let (lengths, distances) = (Code::new(&lengths)?, Code::new(&distances)?);
        Some(Self { bits, lengths, distances, tokens, text: 0 })
    }

    /// The bit behind the header, where the first token begins.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// What ends the block.
    pub fn end(&self) -> Word {
        self.lengths.words[END]
    }

    /// Goes on to the first place with at least `text` bytes before it; `None` when the block has none.
    pub fn reach(&mut self, text: u64) -> Option<Cut> {
        while self.text < text {
            self.text += self.token()?;
        }
        Some(Cut { bit: self.bits.at, text: self.text })
    }

    /// Goes on to the last place with at most `text` bytes before it.
    pub fn approach(&mut self, text: u64) -> Cut {
        let mut cut = Cut { bit: self.bits.at, text: self.text };
        while let Some(length) = self.token() {
            self.text += length;
            if self.text > text {
                break;
            }
            cut = Cut { bit: self.bits.at, text: self.text };
        }
        cut
    }

    /// The bytes of text of the next token; `None` at the end of the block.
    fn token(&mut self) -> Option<u64> {
        let symbol = self.lengths.next(&mut self.bits)?;
        if symbol < END {
            return Some(1);
        }
        let (base, extra) = *LENGTHS.get(symbol.checked_sub(END + 1)?)?;
        let length = u64::from(base) + self.bits.take(extra.into())?;
        let distance = self.distances.next(&mut self.bits)?;
        // Symbols 0 to 3 have no extra bits, and from there every other one has one more.
        let extra = if distance < 4 { 0 } else { distance / 2 - 1 };
        self.bits.take(u32::try_from(extra).ok()?)?;
        Some(length)
    }
}

/// The lengths of the fixed codes.
fn fixed() -> (Vec<u8>, Vec<u8>) {
    let lengths = (0..288).map(|symbol| match symbol {
        0..144 => 8,
        144..256 => 9,
        256..280 => 7,
        _ => 8,
    });
    (lengths.collect(), vec![5; 30])
}

/// The lengths of the codes that a header describes.
fn dynamic(bits: &mut Bits<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let small = |bits: &mut Bits<'_>, count| bits.take(count).and_then(|value| usize::try_from(value).ok());
    let (lengths, distances, codes) = (small(bits, 5)? + 257, small(bits, 5)? + 1, small(bits, 4)? + 4);
    let mut code = [0; ORDER.len()];
    for at in &ORDER[..codes] {
        code[*at] = u8::try_from(bits.take(3)?).ok()?;
    }
    let code = Code::new(&code)?;
    let mut all: Vec<u8> = Vec::with_capacity(lengths + distances);
    while all.len() < lengths + distances {
        let (length, repeat) = match code.next(bits)? {
            16 => (*all.last()?, small(bits, 2)? + 3),
            17 => (0, small(bits, 3)? + 3),
            18 => (0, small(bits, 7)? + 11),
            length => (u8::try_from(length).ok()?, 1),
        };
        all.resize(all.len() + repeat, length);
    }
    let rest = all.split_off(lengths);
    (rest.len() == distances).then_some((all, rest))
}

/// Bits of a stream, lowest first.
#[derive(Debug)]
struct Bits<'b> {
    bytes: &'b [u8],
    at: u64,
}

impl Bits<'_> {
    /// The next bits, at least 25 of them; behind the end they are zero.
    fn peek(&self) -> u32 {
        let byte = usize::try_from(self.at / 8).unwrap_or(usize::MAX);
        let rest = self.bytes.get(byte..).unwrap_or_default();
        let word = match rest.first_chunk() {
            Some(word) => u32::from_le_bytes(*word),
            None => rest.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)),
        };
        word >> (self.at % 8)
    }

    /// Goes on; `None` behind the end.
    fn skip(&mut self, count: u32) -> Option<()> {
        self.at += u64::from(count);
        (self.at <= self.bytes.len() as u64 * 8).then_some(())
    }

    /// The next `count` bits, 24 at most.
    fn take(&mut self, count: u32) -> Option<u64> {
        let value = self.peek() & ((1 << count) - 1);
        self.skip(count)?;
        Some(value.into())
    }
}

/// Bits looked up at once; longer codes are rare.
const FAST: u32 = 10;
/// The longest code.
const LONGEST: usize = 15;

/// A canonical Huffman code.
#[derive(Debug)]
struct Code {
    /// By the next [`FAST`] bits: the symbol and the length of its word, or 0 for longer words and for none.
    fast: Vec<(u16, u8)>,
    /// Symbols of each length.
    counts: [u32; LONGEST + 1],
    /// Symbols ordered by length and then by themselves.
    symbols: Vec<u16>,
    /// The word of each symbol; of length 0 when it has none.
    words: Vec<Word>,
}

impl Code {
    /// The code whose words have these lengths; `None` when there can be none.
    fn new(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0_u32; LONGEST + 1];
        for length in lengths {
            *counts.get_mut(usize::from(*length))? += 1;
        }
        counts[0] = 0;
        let mut next = [0_u32; LONGEST + 1];
        for length in 1..=LONGEST {
            next[length] = (next[length - 1] + counts[length - 1]) << 1;
        }
        let mut code = Self { fast: vec![(0, 0); 1 << FAST], counts, symbols: Vec::new(), words: Vec::new() };
        for (symbol, length) in (0_u16..).zip(lengths) {
            let count = u32::from(*length);
            let place = &mut next[usize::from(*length)];
            let bits = if count == 0 { 0 } else { place.reverse_bits() >> (32 - count) };
            *place += 1;
            code.words.push(Word { bits, count });
            if (1..=FAST).contains(&count) {
                for filler in 0..1 << (FAST - count) {
                    *code.fast.get_mut((bits | filler << count) as usize)? = (symbol, *length);
                }
            }
            code.symbols.push(symbol);
        }
        code.symbols.retain(|symbol| lengths[usize::from(*symbol)] > 0);
        code.symbols.sort_by_key(|symbol| lengths[usize::from(*symbol)]);
        Some(code)
    }

    /// The next symbol.
    fn next(&self, bits: &mut Bits<'_>) -> Option<usize> {
        let next = bits.peek();
        let (symbol, length) = self.fast[(next & ((1 << FAST) - 1)) as usize];
        if length > 0 {
            bits.skip(length.into())?;
            return Some(symbol.into());
        }
        let (mut word, mut first, mut index) = (0_u32, 0_u32, 0_u32);
        for (length, count) in self.counts.iter().enumerate().skip(1) {
            word |= next >> (length - 1) & 1;
            if word < first + *count {
                bits.skip(u32::try_from(length).ok()?)?;
                return self
                    .symbols
                    .get(usize::try_from(index + word - first).ok()?)
                    .map(|symbol| usize::from(*symbol));
            }
            index += count;
            first = (first + count) << 1;
            word <<= 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use flate2::Compression;
    use flate2::read::DeflateDecoder;
    use flate2::write::DeflateEncoder;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::super::{At, Inflater, Joiner, Until};
    use super::*;

    /// The bits where blocks begin and the text before each, the end included.
    fn blocks(deflated: &[u8]) -> Vec<(u64, usize)> {
        let mut inflater = Inflater::new();
        let mut output = vec![0; 1 << 20];
        let (mut at, mut text, mut found) = (0, 0, vec![(0, 0)]);
        loop {
            let step = inflater.step(&deflated[at..], &mut output, Until::Boundary).unwrap();
            at += step.consumed;
            text += step.produced;
            match step.at {
                At::Boundary { unused, last } => {
                    found.push((at as u64 * 8 - u64::from(unused), text));
                    if last {
                        return found;
                    }
                }
                At::Inside => {}
                At::End => unreachable!("the last boundary comes first"),
            }
        }
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..2000),
            prop::collection::vec(b'a'..b'e', 0..3000),
            (any::<u8>(), 0..40_000_usize).prop_map(|(byte, count)| vec![byte; count]),
            (0..3000_u32).prop_map(|n| (0..n).flat_map(|n| n.to_string().into_bytes()).collect()),
        ];
        prop::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn a_block_cut_at_both_ends_stands_for_the_text_between(
            text in text(), level in 1..10_u32, pick in any::<Index>(), ends in any::<(Index, Index)>()
        ) {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
            encoder.write_all(&text).unwrap();
            let deflated = encoder.finish().unwrap();
            let found = blocks(&deflated);
            let at = pick.index(found.len() - 1);
            let ((bit, begin), (_, end)) = (found[at], found[at + 1]);
            // A stored block has none.
            let Some(mut walk) = Walk::begin(&deflated, bit) else { return Ok(()) };
            let (from, to) = (ends.0.index(end - begin + 1) as u64, ends.1.index(end - begin + 1) as u64);
            let (from, to) = (from.min(to), from.max(to));
            let Some(enter) = walk.reach(from) else { return Ok(()) };
            prop_assert!((from..from + 258).contains(&enter.text));
            let leave = walk.approach(to.max(enter.text));
            prop_assert!(leave.text >= enter.text && leave.text + 258 > to && leave.text <= to.max(enter.text));
            // What the tokens refer to stands before them, compressed otherwise.
            let mut joiner = Joiner::new();
            let place = |cut: Cut| begin + usize::try_from(cut.text).unwrap();
            let (enter_text, leave_text) = (place(enter), place(leave));
            let mut before = DeflateEncoder::new(Vec::new(), Compression::new(1));
            before.write_all(&text[..enter_text]).unwrap();
            let before = before.finish().unwrap();
            let known = blocks(&before);
            joiner.append(&before, 0, known.last().unwrap().0, Some(known[known.len() - 2].0));
            joiner.open(&deflated, bit, walk.tokens());
            joiner.bits(&deflated, enter.bit, leave.bit);
            joiner.word(walk.end());
            joiner.finish();
            let mut inflated = Vec::new();
            DeflateDecoder::new(&joiner.bytes()[..]).read_to_end(&mut inflated).unwrap();
            prop_assert!(inflated == text[..leave_text], "{} bytes of {leave_text}", inflated.len());
        }

        #[test]
        fn garbage_is_walked_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..400), bit in 0..64_u64) {
            if let Some(mut walk) = Walk::begin(&bytes, bit) {
                let _ = walk.end();
                let _ = walk.reach(1000);
                walk.approach(100_000);
            }
        }
    }
}
