//! Reading source layers again, after they were verified: forward, stretch by stretch, and only what was verified.

use std::io::{self, BufRead};
use std::sync::Arc;

use super::again::Again;
use super::feed::Take;
use super::index::{EntrySpan, LayerIndex};
use super::open::Source;
use super::splice::Spliced;
use crate::blob::Changed;
use crate::budget::Budget;
use crate::buffers::{BUFFER, Buffers};
use crate::codec::Codec;
use crate::tree::EntryRef;

/// The layers of an image, read and verified.
#[derive(Clone, Copy)]
pub struct Layers<'l> {
    /// Where they lie, by position.
    pub sources: &'l [Source],
    /// What was found in them.
    pub indexes: &'l [Arc<LayerIndex>],
    /// Memory that package databases may take up.
    pub budget: &'l Budget,
    /// Buffers to use.
    pub buffers: &'l Buffers,
}

/// One layer read forward.
pub(super) enum Stretches<'s> {
    Plain { blob: Again<'s>, at: u64 },
    Gzip(Box<Spliced<'s>>),
    Zstd { reader: io::BufReader<zstd::stream::read::Decoder<'static, Again<'s>>>, at: u64 },
}

impl<'l> Layers<'l> {
    /// Where an entry lies in its layer.
    pub fn span(&self, entry: EntryRef) -> Option<EntrySpan> {
        self.indexes.get(usize::from(entry.layer)).and_then(|layer| layer.entries.get(entry.index as usize)).copied()
    }

    /// Begins to read the layer at `position`.
    pub(super) fn open(&self, position: u16) -> io::Result<Stretches<'l>> {
        let position = usize::from(position);
        let index = &self.indexes[position];
        let Some(blob) = &index.sealed else { return Err(io::Error::other("it was never verified")) };
        Ok(match index.codec {
            Codec::Plain => Stretches::Plain { blob: Again::new(blob, 0, self.buffers), at: 0 },
            Codec::Gzip => Stretches::Gzip(Box::new(Spliced::new(blob, &index.ways_in, self.buffers))),
            Codec::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(Again::new(blob, 0, self.buffers))?;
                Stretches::Zstd { reader: io::BufReader::with_capacity(BUFFER, decoder), at: 0 }
            }
        })
    }
}

impl Stretches<'_> {
    /// Hands the `len` bytes of text from `start` on to `take`, which are part of a stretch that begins at `run` and is
    /// handed on without a break. Stretches come in the order of the layer.
    pub(super) fn copy(&mut self, start: u64, len: u64, run: u64, take: &mut dyn Take) -> io::Result<()> {
        match self {
            Self::Plain { blob, at } => {
                blob.skip(start - *at);
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
            Ok([]) => return Err(Changed::Shorter.into()),
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
