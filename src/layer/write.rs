//! Writing a layer: the recipe's pieces, in order, from the source layers to a blob.

use std::io::{self, Write};
use std::num::NonZeroUsize;

use thiserror::Error;

use super::ahead::ahead;
use super::compression::Compression;
use super::feed::{AsText, Take};
use super::pack::{Packed, Packing};
use super::recipe::{END, Recipe, Segment, header};
use super::stretches::{Layers, Stretches};
use super::tasks::{Piece, Tasks, What, tasks};
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
    /// The layers that entries lie in; each is read once more, forward.
    pub layers: Layers<'w>,
    /// How the new layer is compressed.
    pub compression: Compression,
    /// Whether compressed blocks may be copied. The bytes of the blob then depend on how the sources were compressed, and
    /// not on what is in them alone.
    pub splice: bool,
    /// Threads.
    pub jobs: NonZeroUsize,
    /// Is told of the uncompressed bytes of the new layer.
    pub progress: &'w dyn Progress,
}

impl Writing<'_> {
    /// The source layer that is the new layer already, byte for byte and compressed as it should be.
    pub fn unchanged(&self, recipe: &Recipe) -> Option<(usize, Written)> {
        let [Segment::Copy { layer, start: 0, len }] = recipe.segments[..] else { return None };
        let position = usize::from(layer);
        let (source, index) = (&self.layers.sources[position], &self.layers.indexes[position]);
        let is_whole = index.plain_size == len + END.len() as u64 && index.ends_with_zeros && index.in_one_part;
        let digest = index.digest.filter(|_| is_whole && self.splice && index.codec == self.compression.codec())?;
        let written = Written {
            codec: index.codec,
            digest,
            size: source.blob.len(),
            diff_id: source.layer.diff_id,
            plain_size: index.plain_size,
            entries: recipe.entries,
        };
        Some((position, written))
    }

    /// Writes the layers that `recipes` for the parts of `diff` are for, each to one of `outputs`.
    pub fn write(
        &self,
        recipes: &[Recipe],
        diff: &LayerDiff,
        outputs: Vec<&mut (dyn Write + Send)>,
    ) -> Result<Vec<Written>, WriteError> {
        self.progress.begin(Stage::Writing, Some(recipes.iter().map(|recipe| recipe.plain_size).sum()));
        let seen = |bytes| self.progress.advance(bytes);
        let Tasks { pieces, tasks, .. } = tasks(recipes, self.layers.indexes);
        let spliced = self.spliced(recipes);
        let task = |at: usize, take: &mut dyn Take| self.read(&pieces[tasks[at].clone()], diff, &spliced, take);
        let buffers = self.layers.buffers;
        let copies_blocks = |layer: usize| spliced[layer].is_some() && self.layers.indexes[layer].codec == Codec::Gzip;
        let is_rest = recipes.len() > 1 && (0..spliced.len()).any(copies_blocks);
        let packing = Packing { compression: self.compression, is_rest, jobs: self.jobs, buffers, seen: &seen };
        let text_sizes: Vec<u64> = recipes.iter().map(|recipe| recipe.plain_size).collect();
        let packed = packing.pack(outputs, &text_sizes, |feeds| {
            ahead(tasks.len(), self.readers(), buffers, feeds, task)?;
            feeds.iter_mut().try_for_each(|feed| Ok::<_, WriteError>(feed.bytes(&END)?))
        })?;
        let codec = self.compression.codec();
        let written = packed.into_iter().zip(recipes).map(|(packed, recipe)| {
            let Packed { diff_id, plain_size, digest, size } = packed;
            if plain_size != recipe.plain_size {
                return Err(WriteError::Size { planned: recipe.plain_size, found: plain_size });
            }
            Ok(Written { codec, digest, size, diff_id, plain_size, entries: recipe.entries })
        });
        written.collect()
    }

    /// Does one task: reads its pieces, one after the other.
    fn read(
        &self,
        pieces: &[Piece],
        diff: &LayerDiff,
        spliced: &[Option<usize>],
        take: &mut dyn Take,
    ) -> Result<(), WriteError> {
        let mut open: Option<Stretches> = None;
        for piece in pieces {
            take.turn_to(piece.output)?;
            match piece.what {
                What::Header(step) => {
                    take.bytes(&header(diff.upper(), step, self.layers.indexes))?;
                }
                What::Copy { layer, start, len, run } => {
                    let mut stretches = match open.take() {
                        Some(known) => known,
                        None => self.layers.open(layer).map_err(|problem| WriteError::Read { layer, problem })?,
                    };
                    let copied = match spliced[usize::from(layer)] {
                        Some(output) if output == piece.output => stretches.copy(start, len, run, take),
                        _ => stretches.copy(start, len, run, &mut AsText(take)),
                    };
                    copied.map_err(|problem| match problem.kind() {
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

    /// For each source layer the new one that compressed blocks are copied to, if there is one. What one block holds for
    /// several new layers would make the bytes of each depend on its neighbours, so contents that are divided are
    /// compressed anew; headers of directories hardly count.
    fn spliced(&self, recipes: &[Recipe]) -> Vec<Option<usize>> {
        let only = |layer: usize| {
            let mut outputs = (0..recipes.len()).filter(|output| recipes[*output].contents[layer] > 0);
            outputs.next().filter(|_| self.splice && outputs.next().is_none())
        };
        (0..self.layers.indexes.len()).map(only).collect()
    }

    /// Threads that read. A zstd layer is read in one go, so that two readers of them would take turns and need twice
    /// the memory, which for zstd is megabytes.
    fn readers(&self) -> NonZeroUsize {
        let is_zstd = self.layers.indexes.iter().any(|layer| layer.codec == Codec::Zstd);
        if is_zstd { NonZeroUsize::MIN } else { self.jobs }
    }
}
