//! Writing a layer: the recipe's pieces, in order, compressed and hashed on the way.

use std::io::{self, BufRead, Write};
use std::num::NonZeroUsize;

use thiserror::Error;

use super::gzip::gzip;
use super::index::{LayerIndex, Source};
use super::plain::Counted;
use super::recipe::{Account, END, Recipe, Segment, header, recipe};
use crate::blob::Hashed;
use crate::codec::decode;
use crate::oci::{DiffId, Digest};
use crate::progress::{Progress, Stage};
use crate::tree::LayerDiff;

/// A layer that was written.
#[derive(Clone, Copy, Debug)]
pub struct Written {
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
    /// Level of gzip, 1 to 12.
    pub level: u32,
    /// Threads.
    pub jobs: NonZeroUsize,
    /// Is told of the uncompressed bytes of the new layer.
    pub progress: &'w dyn Progress,
}

impl Writing<'_> {
    /// Writes the layer that `diff` describes as one gzip member to `output`.
    pub fn write(&self, diff: &LayerDiff, output: &mut (dyn Write + Send)) -> Result<Written, WriteError> {
        let recipe = recipe(diff, self.layers);
        self.progress.begin(Stage::Writing, Some(recipe.plain_size));
        let seen = |bytes| self.progress.advance(bytes);
        let ((diff_id, plain_size), digest, size) = gzip(self.level, self.jobs, output, |feed| {
            let mut plain = Hashed::new(Counted::new(feed, &seen));
            self.copy(&recipe, diff, &mut plain)?;
            let (_, diff_id, plain_size) = plain.finish();
            Ok::<_, WriteError>((DiffId(diff_id), plain_size))
        })?;
        if plain_size != recipe.plain_size {
            return Err(WriteError::Size { planned: recipe.plain_size, found: plain_size });
        }
        Ok(Written { digest, size, diff_id, plain_size, entries: recipe.entries, account: recipe.account })
    }

    /// Writes the uncompressed layer.
    fn copy(&self, recipe: &Recipe, diff: &LayerDiff, plain: &mut dyn Write) -> Result<(), WriteError> {
        let mut reader: Option<Stretches> = None;
        for segment in &recipe.segments {
            match *segment {
                Segment::Header(step) => plain.write_all(&header(diff.upper(), step, self.layers))?,
                Segment::Copy { layer, start, len } => {
                    let mut known = match reader.take() {
                        Some(known) if known.layer == layer => known,
                        _ => Stretches::open(layer, self)?,
                    };
                    known.pass(start - known.at, &mut io::sink())?;
                    known.pass(len, plain)?;
                    reader = Some(known);
                }
            }
        }
        Ok(plain.write_all(&END)?)
    }
}

/// A source layer read forward, stretch by stretch.
struct Stretches<'s> {
    layer: u16,
    reader: Box<dyn BufRead + Send + 's>,
    at: u64,
}

impl<'s> Stretches<'s> {
    fn open(layer: u16, from: &Writing<'s>) -> Result<Self, WriteError> {
        let position = usize::from(layer);
        let reader = decode(from.sources[position].blob.reader(), from.layers[position].codec);
        let reader = reader.map_err(|problem| WriteError::Read { layer, problem })?;
        Ok(Self { layer, reader, at: 0 })
    }

    /// Hands the next `count` bytes to `output`.
    fn pass(&mut self, count: u64, output: &mut dyn Write) -> Result<(), WriteError> {
        let mut left = count;
        while left > 0 {
            let piece = match self.reader.fill_buf() {
                Ok([]) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than before")),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other,
            };
            let piece = piece.map_err(|problem| WriteError::Read { layer: self.layer, problem })?;
            let n = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            output.write_all(&piece[..n])?;
            self.reader.consume(n);
            left -= n as u64;
        }
        self.at += count;
        Ok(())
    }
}
