//! Reading gzip (RFC 1952) member by member, telling where deflate blocks begin, from the start or from the middle.

use std::io::{self, BufRead};

use thiserror::Error;

use super::inflate::{At, Inflater, Until};

/// Reads the members of a gzip stream one after the other. Checksums and sizes are verified as they pass.
#[derive(Debug)]
pub struct GzipReader<R> {
    input: R,
    inflater: Inflater,
    state: State,
    /// Bytes of the input taken so far.
    taken: u64,
    /// The last of them, whose upper bits may belong to what comes.
    last_byte: u8,
    /// Bytes of text so far.
    text: u64,
    /// Where in the text the member begins.
    member: u64,
    /// Members begun.
    members: u64,
    /// What the trailer must say; `None` when the member was entered in the middle.
    sum: Option<crc32fast::Hasher>,
    /// A boundary that is still to be told: where reading was resumed.
    resumed: Option<Boundary>,
    kept: Option<Kept>,
}

/// Compressed bytes that someone wants.
#[derive(Debug, Default)]
struct Kept {
    /// Where in the stream they begin.
    from: u64,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a member, or at the end.
    Between,
    /// In the blocks of a member.
    Blocks,
    /// Behind the last block.
    Trailer,
    End,
}

/// Where a deflate block begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// The bit, counted from the start of the stream.
    pub bit: u64,
    /// Whether the block before it was the last of its member, so that no block begins here.
    pub last: bool,
}

/// Where reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The output is full.
    Inside,
    /// Between two blocks.
    Boundary(Boundary),
    /// At the end of the stream.
    End,
}

/// A place in a stream where reading can begin.
#[derive(Clone, Debug)]
pub struct Access {
    /// The bit where a block begins.
    pub bit: u64,
    /// The offset of its text.
    pub text: u64,
    /// Where in the text the member begins.
    member: u64,
    /// The text before it that blocks may refer to.
    window: Box<[u8]>,
}

/// A stream that is not what it should be.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum GzipError {
    /// No member begins here.
    #[error("a gzip header is malformed, or something else follows the compressed data")]
    Header,
    /// The blocks are not deflate.
    #[error("the gzip stream is corrupt")]
    Deflate,
    /// The stream ends inside a member.
    #[error("the gzip stream is cut short")]
    Cut,
    /// The text is not what the trailer says.
    #[error("the gzip checksum does not fit: expected {expected:08x}, found {found:08x}")]
    Checksum {
        /// What the trailer says.
        expected: u32,
        /// What the text has.
        found: u32,
    },
    /// The text is longer or shorter than the trailer says.
    #[error("the gzip size does not fit: expected {expected} bytes (modulo 4 GiB), found {found}")]
    Size {
        /// What the trailer says.
        expected: u32,
        /// What the text has.
        found: u32,
    },
}

impl From<GzipError> for io::Error {
    fn from(problem: GzipError) -> Self {
        Self::new(io::ErrorKind::InvalidData, problem)
    }
}

impl<R: BufRead> GzipReader<R> {
    /// Reads `input` from its start.
    pub fn new(input: R) -> Self {
        let (inflater, state) = (Inflater::new(), State::Between);
        Self {
            input,
            inflater,
            state,
            taken: 0,
            last_byte: 0,
            text: 0,
            member: 0,
            members: 0,
            sum: None,
            resumed: None,
            kept: None,
        }
    }

    /// Reads on from `access`; `input` must begin with the byte that holds its bit.
    pub fn resume(input: R, access: &Access) -> io::Result<Self> {
        let mut reader = Self {
            taken: access.bit / 8,
            text: access.text,
            member: access.member,
            state: State::Blocks,
            resumed: Some(Boundary { bit: access.bit, last: false }),
            ..Self::new(input)
        };
        reader.inflater.set_window(&access.window);
        let used = (access.bit % 8) as u32;
        if used > 0 {
            let byte = reader.byte()?;
            reader.inflater.prime(byte >> used, 8 - used);
        }
        Ok(reader)
    }

    /// The offset of the text that comes next.
    pub fn position(&self) -> u64 {
        self.text
    }

    /// Where in the text the current member begins: nothing in it refers to what is before.
    pub fn member(&self) -> u64 {
        self.member
    }

    /// Members begun so far.
    pub fn members(&self) -> u64 {
        self.members
    }

    /// Bytes of the stream taken so far.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The input, some of which is read ahead.
    pub fn into_inner(self) -> R {
        self.input
    }

    /// How reading can begin at a boundary where [`Self::read`] has just stopped.
    pub fn access(&self, boundary: Boundary) -> Access {
        let mut window = self.inflater.window();
        let reach = usize::try_from(self.text - self.member).unwrap_or(usize::MAX).min(window.len());
        window.drain(..window.len() - reach);
        Access { bit: boundary.bit, text: self.text, member: self.member, window: window.into() }
    }

    /// Keeps the compressed bytes from `bit` on, which must be where [`Self::read`] has just stopped.
    /// They are collected in `bytes`, which must be empty.
    pub fn keep(&mut self, bit: u64, mut bytes: Vec<u8>) {
        debug_assert_eq!(bit.div_ceil(8), self.taken);
        if bit % 8 != 0 {
            bytes.push(self.last_byte);
        }
        self.kept = Some(Kept { from: bit / 8, bytes });
    }

    /// The bytes kept so far, and the bit of the stream where they begin.
    pub fn kept(&self) -> (&[u8], u64) {
        self.kept.as_ref().map_or((&[], 0), |kept| (&kept.bytes, kept.from * 8))
    }

    /// The bytes kept so far up to the one that holds the bit before `bit`. Those from `bit` on stay kept, in `rest`.
    pub fn kept_up_to(&mut self, bit: u64, mut rest: Vec<u8>) -> Vec<u8> {
        let Some(kept) = &mut self.kept else { return Vec::new() };
        let index = |byte: u64| usize::try_from(byte - kept.from).unwrap_or(usize::MAX).min(kept.bytes.len());
        let (whole, all) = (index(bit / 8), index(bit.div_ceil(8)));
        rest.extend_from_slice(&kept.bytes[whole..]);
        kept.from = bit / 8;
        let mut bytes = std::mem::replace(&mut kept.bytes, rest);
        bytes.truncate(all);
        bytes
    }

    /// Keeps no more. Gives back what was kept.
    pub fn forget(&mut self) -> Vec<u8> {
        self.kept.take().unwrap_or_default().bytes
    }

    /// Fills `output`, and with [`Until::Boundary`] stops before it is full where a block begins or ends. Returns the
    /// bytes written, and where it stopped.
    pub fn read(&mut self, output: &mut [u8], until: Until) -> io::Result<(usize, Place)> {
        if let (Some(boundary), Until::Boundary) = (self.resumed.take(), until) {
            return Ok((0, Place::Boundary(boundary)));
        }
        let mut filled = 0;
        loop {
            match self.state {
                State::End => return Ok((filled, Place::End)),
                State::Trailer => self.trailer()?,
                State::Between => {
                    if !self.header()? {
                        self.state = State::End;
                        continue;
                    }
                    self.inflater.reset();
                    self.member = self.text;
                    self.members += 1;
                    self.sum = Some(crc32fast::Hasher::new());
                    self.state = State::Blocks;
                    // The start of a member is a boundary that inflate does not tell.
                    if until == Until::Boundary {
                        return Ok((filled, Place::Boundary(Boundary { bit: self.taken * 8, last: false })));
                    }
                }
                State::Blocks => {
                    let (produced, at) = self.inflate(&mut output[filled..], until)?;
                    filled += produced;
                    match at {
                        At::End => self.state = State::Trailer,
                        At::Boundary { unused, last } if until == Until::Boundary => {
                            let bit = self.taken * 8 - u64::from(unused);
                            return Ok((filled, Place::Boundary(Boundary { bit, last })));
                        }
                        _ if filled == output.len() => return Ok((filled, Place::Inside)),
                        _ => {}
                    }
                }
            }
        }
    }

    fn inflate(&mut self, output: &mut [u8], until: Until) -> io::Result<(usize, At)> {
        let input = fill(&mut self.input)?;
        if input.is_empty() {
            return Err(GzipError::Cut.into());
        }
        let step = self.inflater.step(input, output, until).map_err(|_| GzipError::Deflate)?;
        if let Some(last) = step.consumed.checked_sub(1) {
            self.last_byte = input[last];
            if let Some(kept) = &mut self.kept {
                kept.bytes.extend_from_slice(&input[..step.consumed]);
            }
            self.input.consume(step.consumed);
            self.taken += step.consumed as u64;
        }
        if let Some(sum) = &mut self.sum {
            sum.update(&output[..step.produced]);
        }
        self.text += step.produced as u64;
        Ok((step.produced, step.at))
    }

    /// Reads a header; false at the end of the stream.
    fn header(&mut self) -> io::Result<bool> {
        const CHECKSUM: u8 = 2;
        const EXTRA: u8 = 4;
        const NAME: u8 = 8;
        const COMMENT: u8 = 16;
        if fill(&mut self.input)?.is_empty() && self.taken > 0 {
            return Ok(false);
        }
        let mut sum = crc32fast::Hasher::new();
        let mut next = |reader: &mut Self| {
            let byte = reader.byte()?;
            sum.update(&[byte]);
            Ok::<_, io::Error>(byte)
        };
        let mut fixed = [0; 10];
        for byte in &mut fixed {
            *byte = next(self)?;
        }
        let [0x1f, 0x8b, 8, flags, ..] = fixed else { return Err(GzipError::Header.into()) };
        if flags & EXTRA != 0 {
            let length = u16::from_le_bytes([next(self)?, next(self)?]);
            for _ in 0..length {
                next(self)?;
            }
        }
        for text in [NAME, COMMENT] {
            while flags & text != 0 && next(self)? != 0 {}
        }
        if flags & CHECKSUM != 0 {
            let expected = u16::from_le_bytes([self.byte()?, self.byte()?]);
            if u32::from(expected) != sum.finalize() & 0xffff {
                return Err(GzipError::Header.into());
            }
        }
        Ok(true)
    }

    fn trailer(&mut self) -> io::Result<()> {
        let mut numbers = [0; 8];
        for byte in &mut numbers {
            *byte = self.byte()?;
        }
        let [a, b, c, d, e, f, g, h] = numbers;
        let (checksum, size) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        if let Some(sum) = self.sum.take() {
            let found = sum.finalize();
            if found != checksum {
                return Err(GzipError::Checksum { expected: checksum, found }.into());
            }
            #[allow(clippy::cast_possible_truncation)] // the size is told modulo 4 GiB
            let found = (self.text - self.member) as u32;
            if found != size {
                return Err(GzipError::Size { expected: size, found }.into());
            }
        }
        self.state = State::Between;
        Ok(())
    }

    fn byte(&mut self) -> io::Result<u8> {
        let byte = *fill(&mut self.input)?.first().ok_or(GzipError::Cut)?;
        self.input.consume(1);
        self.taken += 1;
        self.last_byte = byte;
        Ok(byte)
    }
}

/// The next bytes of `input`, none at its end.
fn fill(input: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // Asked twice because a borrow cannot leave the loop.
    input.fill_buf()
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    fn text(seed: u32, length: usize) -> Vec<u8> {
        let line = |n: u32| format!("{} is number {n}, {:b}\n", n.wrapping_mul(seed | 1), n % 13).into_bytes();
        (0..).flat_map(line).take(length).collect()
    }

    fn member(text: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// The text, read in pieces of up to `room` bytes through a buffer of `buffer` bytes, and all boundaries on the way.
    fn read(stream: &[u8], buffer: usize, room: usize, until: Until) -> io::Result<(Vec<u8>, Vec<Access>)> {
        let mut reader = GzipReader::new(BufReader::with_capacity(buffer, stream));
        let (mut text, mut output, mut found) = (Vec::new(), vec![0; room], Vec::new());
        loop {
            let (n, place) = reader.read(&mut output, until)?;
            text.extend(&output[..n]);
            match place {
                Place::Boundary(boundary) if !boundary.last => found.push(reader.access(boundary)),
                Place::End => return Ok((text, found)),
                _ => {}
            }
        }
    }

    fn error(stream: &[u8]) -> String {
        read(stream, 4096, 4096, Until::Full).unwrap_err().to_string()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

        #[test]
        fn members_are_read_in_any_pieces_and_from_any_boundary(
            members in prop::collection::vec((any::<u32>(), 0..300_000_usize, 0..10_u32), 1..5),
            buffer in 1..9000_usize, room in 1..100_000_usize, pick in any::<Index>()
        ) {
            let texts: Vec<Vec<u8>> = members.iter().map(|(seed, length, _)| text(*seed, *length)).collect();
            let stream: Vec<u8> =
                texts.iter().zip(&members).flat_map(|(text, (_, _, level))| member(text, *level)).collect();
            let expected = texts.concat();
            let (found, _) = read(&stream, buffer, room, Until::Full).unwrap();
            prop_assert!(found == expected);
            let (found, boundaries) = read(&stream, buffer, room, Until::Boundary).unwrap();
            prop_assert!(found == expected);
            prop_assert!(boundaries.len() >= members.len(), "each member begins with one");
            let access = &boundaries[pick.index(boundaries.len())];
            let rest = &stream[usize::try_from(access.bit / 8).unwrap()..];
            let mut reader = GzipReader::resume(BufReader::with_capacity(buffer, rest), access).unwrap();
            let mut output = vec![0; expected.len() + 1];
            let mut filled = 0;
            while let (n, Place::Inside) = reader.read(&mut output[filled..], Until::Full).unwrap() {
                filled += n;
            }
            prop_assert!(expected.ends_with(&output[..expected.len() - usize::try_from(access.text).unwrap()]));
            prop_assert_eq!(reader.position(), expected.len() as u64);
        }

        #[test]
        fn garbage_is_refused_and_nothing_worse(bytes in prop::collection::vec(any::<u8>(), 0..2000), cut in any::<Index>()) {
            let _ = read(&bytes, 100, 1000, Until::Boundary);
            let mut stream = member(&text(3, 30_000), 6);
            let at = cut.index(stream.len());
            stream.splice(at..stream.len().min(at + bytes.len()), bytes.iter().copied());
            let _ = read(&stream, 100, 1000, Until::Boundary);
        }
    }

    #[test]
    fn a_stream_that_lies_is_refused() {
        let good = member(b"some text, some text", 6);
        let end = good.len();
        let with = |at: usize, byte: u8| {
            let mut stream = good.clone();
            stream[at] ^= byte;
            stream
        };
        assert!(error(&with(end - 8, 1)).starts_with("the gzip checksum does not fit: expected "));
        assert_eq!(error(&with(end - 4, 1)), "the gzip size does not fit: expected 21 bytes (modulo 4 GiB), found 20");
        assert_eq!(error(&good[..end - 1]), "the gzip stream is cut short");
        assert_eq!(error(&good[..5]), "the gzip stream is cut short");
        assert_eq!(error(&[]), "the gzip stream is cut short");
        let header = "a gzip header is malformed, or something else follows the compressed data";
        assert_eq!(error(&with(2, 1)), header);
        assert_eq!(error(&[&good[..], &[0; 10]].concat()), header);
    }

    #[test]
    fn every_field_of_a_header_is_passed_over_and_its_checksum_verified() {
        let body = &member(b"text", 6)[10..];
        let mut header = vec![0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 1, 2, 3, 4, 0, 3];
        header.extend([5, 0]);
        header.extend(b"extra");
        header.extend(b"name\0comment\0");
        let mut sum = crc32fast::Hasher::new();
        sum.update(&header);
        let checksum = sum.finalize().to_le_bytes();
        header.extend(&checksum[..2]);
        assert_eq!(read(&[&header[..], body].concat(), 7, 3, Until::Boundary).unwrap().0, b"text");
        *header.last_mut().unwrap() ^= 1;
        assert!(error(&[&header[..], body].concat()).starts_with("a gzip header is malformed"));
    }

    #[test]
    fn kept_bytes_hold_the_blocks_between_two_boundaries() {
        let text = text(5, 400_000);
        let stream = member(&text, 6);
        let mut reader = GzipReader::new(BufReader::with_capacity(1000, &stream[..]));
        let mut output = vec![0; 1 << 20];
        let mut boundaries = Vec::new();
        loop {
            let (_, place) = reader.read(&mut output, Until::Boundary).unwrap();
            let Place::Boundary(boundary) = place else { break };
            if let Some((from, _)) = boundaries.last().copied() {
                let bytes = reader.kept_up_to(boundary.bit, Vec::new());
                let begin = usize::try_from(from / 8).unwrap();
                let end = usize::try_from(boundary.bit.div_ceil(8)).unwrap();
                assert_eq!(bytes, &stream[begin..end]);
            } else {
                reader.keep(boundary.bit, Vec::new());
            }
            boundaries.push((boundary.bit, boundary.last));
        }
        assert!(boundaries.len() > 3);
        assert!(boundaries.last().unwrap().1);
    }
}
