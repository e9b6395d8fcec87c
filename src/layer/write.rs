//! Writing a layer: the recipe's pieces, in order, from the source layers to a blob.

use std::io::{self, BufRead, Write};
use std::num::NonZeroUsize;

use thiserror::Error;

use super::ahead::ahead;
use super::feed::Take;
use super::index::LayerIndex;
use super::open::{Blob, Source};
use super::pack::{Compression, Packed, Packing};
use super::recipe::{Account, END, Recipe, Segment, header};
use super::splice::Spliced;
use super::tasks::{Piece, Tasks, tasks};
use crate::buffers::Buffers;
use crate::codec::Codec;
use crate::oci::{DiffId, Digest};
use crate::progress::{Progress, Stage};
use crate::tree::LayerDiff;

/// A layer that was written.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// How the blob is compressed.
    pub codec: Codec,
    /// Digest of the blob.
    pub digest: Digest,
    /// Bytes of the blob.
    pub size: u64,
    /// Digest of the uncompressed layer.
    pub diff_id: DiffId,
    /// Bytes of the uncompressed layer.
    pub plain_size: u64,
    /// Entries of the layer.
    pub entries: u64,
    /// Where the bytes of the source layers went.
    pub account: Account,
}

/// A layer that cannot be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// A source layer cannot be read again.
    #[error("cannot read layer {} again: {problem}", .layer + 1)]
    Read {
        /// Position of the layer, oldest 0.
        layer: u16,
        /// What happened.
        problem: io::Error,
    },
    /// The output cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// The layer came out otherwise than planned: a bug, or the input changed meanwhile.
    #[error("the new layer has {found} bytes, planned were {planned}")]
    Size {
        /// Bytes planned.
        planned: u64,
        /// Bytes written.
        found: u64,
    },
}

/// What a layer is written from.
#[derive(Clone, Copy)]
pub struct Writing<'w> {
    /// The layers that entries lie in, by position; each is read once more, forward.
    pub sources: &'w [Source],
    /// What was found in them.
    pub layers: &'w [LayerIndex],
    /// How the new layer is compressed.
    pub compression: Compression,
    /// Threads.
    pub jobs: NonZeroUsize,
    /// Buffers to use.
    pub buffers: &'w Buffers,
    /// Is told of the uncompressed bytes of the new layer.
    pub progress: &'w dyn Progress,
}

impl Compression {
    /// What it makes of a layer.
    pub fn codec(self) -> Codec {
        match self {
            Self::None => Codec::Plain,
            Self::Gzip(_) => Codec::Gzip,
            Self::Zstd(_) => Codec::Zstd,
        }
    }
}

impl Writing<'_> {
    /// The source layer that is the new layer already, byte for byte and compressed as it should be.
    pub fn unchanged(&self, recipe: &Recipe) -> Option<(usize, Written)> {
        let [Segment::Copy { layer, start: 0, len }] = recipe.segments[..] else { return None };
        let position = usize::from(layer);
        let (source, index) = (&self.sources[position], &self.layers[position]);
        let is_whole = index.plain_size == len + END.len() as u64 && index.ends_with_zeros && index.in_one_part;
        let digest = index.digest.filter(|_| is_whole && index.codec == self.compression.codec())?;
        let written = Written {
            codec: index.codec,
            digest,
            size: source.blob.len(),
            diff_id: source.layer.diff_id,
            plain_size: index.plain_size,
            entries: recipe.entries,
            account: recipe.account,
        };
        Some((position, written))
    }

    /// Writes the layer that `diff` describes, and `recipe` is for, to `output`.
    pub fn write(
        &self,
        recipe: &Recipe,
        diff: &LayerDiff,
        output: &mut (dyn Write + Send),
    ) -> Result<Written, WriteError> {
        self.progress.begin(Stage::Writing, Some(recipe.plain_size));
        let seen = |bytes| self.progress.advance(bytes);
        let Tasks { pieces, tasks, .. } = tasks(recipe, self.layers);
        let task = |at: usize, take: &mut dyn Take| self.read(&pieces[tasks[at].clone()], diff, take);
        let packing = Packing { compression: self.compression, jobs: self.jobs, buffers: self.buffers, seen: &seen };
        let packed = packing.pack(vec![output], |feeds| {
            let [feed] = feeds else { unreachable!("one output, one feed") };
            ahead(tasks.len(), self.readers(), self.buffers, feed, task)?;
            Ok::<_, WriteError>(feed.bytes(&END)?)
        })?;
        let [Packed { diff_id, plain_size, digest, size }] = packed[..] else { unreachable!("one output, one layer") };
        if plain_size != recipe.plain_size {
            return Err(WriteError::Size { planned: recipe.plain_size, found: plain_size });
        }
        let codec = self.compression.codec();
        Ok(Written { codec, digest, size, diff_id, plain_size, entries: recipe.entries, account: recipe.account })
    }

    /// Does one task: reads its pieces, one after the other.
    fn read(&self, pieces: &[Piece], diff: &LayerDiff, take: &mut dyn Take) -> Result<(), WriteError> {
        let mut open: Option<Stretches> = None;
        for piece in pieces {
            match *piece {
                Piece::Header(step) => take.bytes(&header(diff.upper(), step, self.layers))?,
                Piece::Copy { layer, start, len, run } => {
                    let mut stretches = match open.take() {
                        Some(known) => known,
                        None => self.open(layer)?,
                    };
                    stretches.copy(start, len, run, take).map_err(|problem| match problem.kind() {
                        // The one that takes has gone, and its error tells why.
                        io::ErrorKind::Interrupted => WriteError::Write(problem),
                        _ => WriteError::Read { layer, problem },
                    })?;
                    open = Some(stretches);
                }
            }
        }
        Ok(())
    }

    /// Threads that read. A zstd layer is read in one go, so that two readers of them would take turns and need twice
    /// the memory, which for zstd is megabytes.
    fn readers(&self) -> NonZeroUsize {
        let is_zstd = self.layers.iter().any(|layer| layer.codec == Codec::Zstd);
        if is_zstd { NonZeroUsize::MIN } else { self.jobs }
    }

    fn open(&self, layer: u16) -> Result<Stretches<'_>, WriteError> {
        let buffers = self.buffers;
        let position = usize::from(layer);
        let (blob, index) = (&self.sources[position].blob, &self.layers[position]);
        Ok(match index.codec {
            Codec::Plain => Stretches::Plain { blob: Blob::new(blob, buffers), at: 0 },
            Codec::Gzip => Stretches::Gzip(Box::new(Spliced::new(blob, &index.ways_in, buffers))),
            Codec::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(Blob::new(blob, buffers));
                let decoder = decoder.map_err(|problem| WriteError::Read { layer, problem })?;
                Stretches::Zstd { reader: io::BufReader::with_capacity(crate::buffers::BUFFER, decoder), at: 0 }
            }
        })
    }
}

/// A source layer read forward, stretch by stretch.
enum Stretches<'s> {
    Plain { blob: Blob<'s>, at: u64 },
    Gzip(Box<Spliced<'s>>),
    Zstd { reader: io::BufReader<zstd::stream::read::Decoder<'static, Blob<'s>>>, at: u64 },
}

impl Stretches<'_> {
    /// Hands the `len` bytes of text from `start` on to `take`; see [`Piece::Copy`].
    fn copy(&mut self, start: u64, len: u64, run: u64, take: &mut dyn Take) -> io::Result<()> {
        match self {
            Self::Plain { blob, at } => {
                blob.skip(start - *at)?;
                *at = start + len;
                pass(blob, len, |piece| take.bytes(piece))
            }
            Self::Gzip(spliced) => spliced.copy(start, len, run, take),
            Self::Zstd { reader, at } => {
                pass(reader, start - *at, |_| Ok(()))?;
                *at = start + len;
                pass(reader, len, |piece| take.bytes(piece))
            }
        }
    }
}

/// Hands the next `count` bytes to `take`.
fn pass(reader: &mut impl BufRead, count: u64, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut left = count;
    while left > 0 {
        let piece = match reader.fill_buf() {
            Ok([]) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than before")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        let n = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        take(&piece[..n])?;
        reader.consume(n);
        left -= n as u64;
    }
    Ok(())
}
