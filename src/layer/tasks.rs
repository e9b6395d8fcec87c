//! A recipe cut into tasks that can be done by several threads at once.
//!
//! # Decisions
//! - A task is what a new layer takes from one stretch of one source layer: for gzip from one way in to the next, for
//!   plain layers [`PLAIN_TASK`] bytes, for zstd the whole layer, which can only be read from its start.
//! - The cuts depend on the input alone, so the bytes that come out do not depend on the number of threads.

use std::ops::Range;

use super::index::LayerIndex;
use super::recipe::{Recipe, Segment};
use crate::codec::Codec;
use crate::tree::Step;

/// Bytes of a plain layer that one task reads.
const PLAIN_TASK: u64 = 4 << 20;

/// A part of a segment that one task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes of a source layer.
    Copy {
        /// Position of the source layer.
        layer: u16,
        /// Offset in its uncompressed tar.
        start: u64,
        /// Number of bytes.
        len: u64,
        /// Where the unbroken stretch begins that this is a part of.
        run: u64,
    },
    /// A header to write.
    Header(Step),
}

/// The pieces of a recipe and which of them are one task.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    pub(super) pieces: Vec<Piece>,
    pub(super) tasks: Vec<Range<usize>>,
    /// Where the current task reads: the layer and the stretch of it.
    place: Option<(u16, usize)>,
}

/// Cuts `recipe`, whose contents lie in `layers`.
pub(super) fn tasks(recipe: &Recipe, layers: &[LayerIndex]) -> Tasks {
    let mut tasks = Tasks::default();
    for segment in &recipe.segments {
        match *segment {
            Segment::Header(step) => tasks.pieces.push(Piece::Header(step)),
            Segment::Copy { layer, start: run, len } => {
                let index = &layers[usize::from(layer)];
                let (mut start, end) = (run, run + len);
                while start < end {
                    let (stretch, next) = stretch(index, start);
                    let len = next.min(end) - start;
                    tasks.copy((layer, stretch), Piece::Copy { layer, start, len, run });
                    start += len;
                }
            }
        }
    }
    tasks.close();
    tasks
}

/// Which stretch of a layer `at` is in, and where the next one begins.
fn stretch(layer: &LayerIndex, at: u64) -> (usize, u64) {
    match layer.codec {
        Codec::Gzip => {
            let stretch = layer.ways_in.partition_point(|access| access.text <= at);
            (stretch, layer.ways_in.get(stretch).map_or(u64::MAX, |access| access.text))
        }
        Codec::Plain => {
            let stretch = at / PLAIN_TASK;
            (usize::try_from(stretch).unwrap_or(usize::MAX), (stretch + 1) * PLAIN_TASK)
        }
        Codec::Zstd => (0, u64::MAX),
    }
}

impl Tasks {
    fn copy(&mut self, place: (u16, usize), piece: Piece) {
        if self.place.is_some_and(|known| known != place) {
            self.close();
        }
        self.place = Some(place);
        self.pieces.push(piece);
    }

    /// Ends the current task, if it has anything to do.
    fn close(&mut self) {
        let begin = self.tasks.last().map_or(0, |task| task.end);
        if begin < self.pieces.len() {
            self.tasks.push(begin..self.pieces.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::recipe::Account;

    #[test]
    fn a_task_stays_in_one_stretch_of_one_layer() {
        let segments = vec![
            Segment::Copy { layer: 0, start: 512, len: 1024 },
            Segment::Copy { layer: 0, start: PLAIN_TASK - 512, len: 1024 },
            Segment::Copy { layer: 1, start: 0, len: 3 * PLAIN_TASK },
        ];
        let recipe = Recipe { segments, plain_size: 0, entries: 0, account: Account::default() };
        let tasks = tasks(&recipe, &[LayerIndex::new(Codec::Plain), LayerIndex::new(Codec::Zstd)]);
        let copy = |layer, start, len, run| Piece::Copy { layer, start, len, run };
        assert_eq!(
            tasks.pieces,
            [
                copy(0, 512, 1024, 512),
                copy(0, PLAIN_TASK - 512, 512, PLAIN_TASK - 512),
                copy(0, PLAIN_TASK, 512, PLAIN_TASK - 512),
                copy(1, 0, 3 * PLAIN_TASK, 0),
            ]
        );
        assert_eq!(tasks.tasks, [0..2, 2..3, 3..4]);
    }

    #[test]
    fn a_recipe_of_nothing_has_no_tasks() {
        let recipe = Recipe { segments: Vec::new(), plain_size: 0, entries: 0, account: Account::default() };
        assert!(tasks(&recipe, &[]).tasks.is_empty());
    }
}
