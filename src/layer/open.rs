//! A layer's bytes: the blob as it is stored, and the tar in it.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use super::frames::{Frames, Windows};
use crate::blob::{Sealing, Span};
use crate::buffers::{Buffer, Buffers, Shared};
use crate::codec::{Codec, MAGIC_BYTES, UnknownCodec, sniff};
use crate::deflate::{Access, GzipReader, Place, Until};
use crate::hash::Hash;
use crate::oci::{Digest, Layer};

/// Is told of every stretch of bytes that went by.
pub type Seen<'s> = &'s (dyn Fn(u64) + Sync);

/// A layer that can be read.
#[derive(Clone, Debug)]
pub struct Source {
    /// What manifest and config say of it.
    pub layer: Layer,
    /// Where its blob lies.
    pub blob: Span,
}

impl Source {
    /// How the blob is compressed, as its first bytes tell.
    pub fn codec(&self) -> io::Result<Result<Codec, UnknownCodec>> {
        let mut magic = [0; MAGIC_BYTES];
        Ok(sniff(self.blob.peek(&mut magic)?))
    }

    /// How the blob is compressed, as its descriptor tells.
    pub(super) fn described_codec(&self) -> Codec {
        let media_type: String = self.layer.descriptor.get("mediaType", "").ok().flatten().unwrap_or_default();
        match media_type.rsplit(['+', '.']).next() {
            Some("gzip") => Codec::Gzip,
            Some("zstd") => Codec::Zstd,
            _ => Codec::Plain,
        }
    }
}

/// The bytes of a blob, in order and for the first time.
pub(super) struct Blob<'r> {
    reader: Box<dyn Read + Send + 'r>,
    buffers: &'r Buffers,
    current: Option<Shared>,
    /// Bytes of the current buffer that were taken.
    at: usize,
    sealing: Sealing,
    hash: Option<Hash<'r>>,
    seen: Seen<'r>,
}

/// A blob that was read to its end.
pub(super) struct Whole {
    /// What whoever reads it again must find.
    pub(super) sealing: Sealing,
    /// Its digest and the number of its bytes, if they were hashed.
    pub(super) hash: Option<(Digest, u64)>,
}

impl<'r> Blob<'r> {
    /// The bytes that `reader` reads.
    pub(super) fn new(reader: impl Read + Send + 'r, buffers: &'r Buffers) -> Self {
        let (reader, sealing) = (Box::new(reader), Sealing::default());
        Self { reader, buffers, current: None, at: 0, sealing, hash: None, seen: &|_| () }
    }

    /// Feeds every byte to `hash`, too.
    pub(super) fn hashed(self, hash: Option<Hash<'r>>) -> Self {
        Self { hash, ..self }
    }

    /// Tells `seen` of every byte, too.
    pub(super) fn told(self, seen: Seen<'r>) -> Self {
        Self { seen, ..self }
    }

    /// The next buffer; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Shared>> {
        let mut buffer = self.buffers.take();
        fill(&mut self.reader, &mut buffer)?;
        if buffer.is_empty() {
            return Ok(None);
        }
        self.sealing.note(&buffer);
        (self.seen)(buffer.len() as u64);
        let shared = Arc::new(buffer);
        if let Some(hash) = &self.hash {
            hash.feed(shared.clone());
        }
        Ok(Some(shared))
    }

    /// Reads what is left.
    pub(super) fn finish(mut self) -> io::Result<Whole> {
        while self.next()?.is_some() {}
        Ok(Whole { sealing: self.sealing, hash: self.hash.map(Hash::finish) })
    }
}

/// Reads until `buffer` is full or `reader` has no more.
fn fill(reader: &mut impl Read, buffer: &mut Buffer) -> io::Result<()> {
    while !buffer.is_full() {
        match reader.read(buffer.room()) {
            Ok(0) => break,
            Ok(n) => buffer.fill(n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl BufRead for Blob<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.current.as_ref().is_none_or(|buffer| buffer.len() == self.at) {
            self.current = None;
            (self.current, self.at) = (self.next()?, 0);
        }
        Ok(self.current.as_ref().map_or(&[], |buffer| &buffer[self.at..]))
    }

    fn consume(&mut self, n: usize) {
        self.at += n;
    }
}

impl Read for Blob<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let n = piece.len().min(output.len());
        output[..n].copy_from_slice(&piece[..n]);
        self.consume(n);
        Ok(n)
    }
}

/// The tar in a blob, in buffers.
pub(super) struct Text<'b, 'r> {
    decoder: Decoder<'b, 'r>,
    buffers: &'r Buffers,
}

enum Decoder<'b, 'r> {
    Plain(&'b mut Blob<'r>),
    Gzip { reader: GzipReader<&'b mut Blob<'r>>, ways: WaysIn },
    Zstd(Frames<'r, &'b mut Blob<'r>>),
}

/// Places where reading a gzip layer can begin, about evenly spaced.
#[derive(Debug)]
pub(super) struct WaysIn {
    /// Compressed bytes from one to the next, at least.
    spacing: u64,
    /// Where the next one is due.
    due: u64,
    found: Vec<Access>,
}

impl<'b, 'r> Text<'b, 'r> {
    /// The tar in `blob`; in a gzip blob, ways in are looked for every `spacing` bytes, and a zstd blob gets its memory
    /// from `windows`.
    pub(super) fn new(blob: &'b mut Blob<'r>, codec: Codec, spacing: u64, windows: &'r Windows) -> Self {
        let buffers = blob.buffers;
        let decoder = match codec {
            Codec::Plain => Decoder::Plain(blob),
            Codec::Gzip => Decoder::Gzip {
                reader: GzipReader::new(blob),
                ways: WaysIn { spacing, due: spacing, found: Vec::new() },
            },
            Codec::Zstd => Decoder::Zstd(Frames::new(blob, windows)),
        };
        Self { decoder, buffers }
    }

    /// The next buffer; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Shared>> {
        if let Decoder::Plain(blob) = &mut self.decoder {
            return blob.next();
        }
        let mut buffer = self.buffers.take();
        match &mut self.decoder {
            Decoder::Plain(_) => {}
            Decoder::Gzip { reader, ways } => ways.fill(reader, &mut buffer)?,
            Decoder::Zstd(reader) => fill(reader, &mut buffer)?,
        }
        Ok((!buffer.is_empty()).then(|| Arc::new(buffer)))
    }

    /// The ways into a gzip blob that was read, and whether it is in one part: a single gzip member, or not gzip at
    /// all.
    pub(super) fn finish(self) -> (Vec<Access>, bool) {
        match self.decoder {
            Decoder::Gzip { reader, ways } => (ways.found, reader.members() == 1),
            _ => (Vec::new(), true),
        }
    }
}

impl WaysIn {
    fn fill(&mut self, reader: &mut GzipReader<&mut Blob<'_>>, buffer: &mut Buffer) -> io::Result<()> {
        while !buffer.is_full() {
            // Stopping at every boundary costs a few percent, so it is done only when a way in is due.
            let until = if reader.taken() >= self.due { Until::Boundary } else { Until::Full };
            let (n, place) = reader.read(buffer.room(), until)?;
            buffer.fill(n);
            match place {
                Place::Boundary(boundary) if !boundary.last => {
                    self.found.push(reader.access(boundary));
                    self.due = reader.taken() + self.spacing;
                }
                Place::End => break,
                _ => {}
            }
        }
        Ok(())
    }
}
