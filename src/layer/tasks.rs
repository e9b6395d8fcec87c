//! Recipes cut into tasks that can be done by several threads at once.
//!
//! # Decisions
//! - A task is what a new layer takes from one stretch of one source layer: for gzip from one way in to the next, for
//!   plain layers [`PLAIN_TASK`] bytes, for zstd the whole layer, which can only be read from its start.
//! - The cuts depend on the input alone, so the bytes that come out do not depend on the number of threads.

use std::ops::Range;
use std::sync::Arc;

use super::index::LayerIndex;
use super::recipe::{Recipe, Segment};
use crate::codec::Codec;
use crate::tree::Step;

/// Bytes of a plain layer that one task reads.
const PLAIN_TASK: u64 = 4 << 20;

/// A part of a segment that one task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The new layer that it is for, by its place among them.
    pub(super) output: usize,
    pub(super) what: What,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
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

/// The pieces of recipes and which of them are one task.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    pub(super) pieces: Vec<Piece>,
    pub(super) tasks: Vec<Range<usize>>,
    /// Where the current task reads: the layer and the stretch of it.
    place: Option<(u16, usize)>,
}

/// Where one recipe is.
struct Cursor<'r> {
    output: usize,
    segments: std::slice::Iter<'r, Segment>,
    /// What is left of the segment that bytes are copied from: layer, start, length, start of the whole.
    copying: Option<(u16, u64, u64, u64)>,
}

/// Cuts `recipes`, whose contents lie in `layers`, and puts their pieces into the order of the layers, so that each is
/// read once for all of them.
pub(super) fn tasks(recipes: &[Recipe], layers: &[Arc<LayerIndex>]) -> Tasks {
    let mut tasks = Tasks::default();
    let segments = recipes.iter().map(|recipe| recipe.segments.iter());
    let cursors = segments.enumerate().map(|(output, segments)| Cursor { output, segments, copying: None });
    let mut cursors: Vec<Cursor> = cursors.collect();
    cursors.iter_mut().for_each(|cursor| cursor.advance(&mut tasks));
    let next = |cursors: &[Cursor]| {
        let places = cursors.iter().enumerate().filter_map(|(at, cursor)| Some((cursor.copying?, at)));
        places.min_by_key(|((layer, start, ..), at)| (*layer, *start, *at)).map(|(_, at)| at)
    };
    while let Some(at) = next(&cursors) {
        let cursor = &mut cursors[at];
        let Some((layer, start, left, run)) = cursor.copying else { continue };
        let (stretch, end) = stretch(&layers[usize::from(layer)], start);
        let len = left.min(end - start);
        let what = What::Copy { layer, start, len, run };
        tasks.copy((layer, stretch), Piece { output: cursor.output, what });
        cursor.copying = (left > len).then_some((layer, start + len, left - len, run));
        cursor.advance(&mut tasks);
    }
    tasks.close();
    tasks
}

impl Cursor<'_> {
    /// Goes on to the next bytes to copy, passing over headers.
    fn advance(&mut self, tasks: &mut Tasks) {
        while self.copying.is_none() {
            match self.segments.next() {
                None => return,
                Some(Segment::Header(step)) => {
                    tasks.pieces.push(Piece { output: self.output, what: What::Header(*step) });
                }
                Some(Segment::Copy { layer, start, len }) => self.copying = Some((*layer, *start, *len, *start)),
            }
        }
    }
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

    #[test]
    fn a_task_stays_in_one_stretch_of_one_layer() {
        let segments = vec![
            Segment::Copy { layer: 0, start: 512, len: 1024 },
            Segment::Copy { layer: 0, start: PLAIN_TASK - 512, len: 1024 },
            Segment::Copy { layer: 1, start: 0, len: 3 * PLAIN_TASK },
        ];
        let recipe = Recipe { segments, contents: Vec::new(), plain_size: 0, entries: 0 };
        let tasks = tasks(&[recipe], &[LayerIndex::new(Codec::Plain).into(), LayerIndex::new(Codec::Zstd).into()]);
        let copy = |layer, start, len, run| Piece { output: 0, what: What::Copy { layer, start, len, run } };
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
    fn several_layers_are_read_together() {
        let recipe = |starts: &[u64]| Recipe {
            segments: starts.iter().map(|start| Segment::Copy { layer: 0, start: *start, len: 512 }).collect(),
            contents: Vec::new(),
            plain_size: 0,
            entries: 0,
        };
        let tasks = tasks(&[recipe(&[0, 2048]), recipe(&[1024, PLAIN_TASK])], &[LayerIndex::new(Codec::Plain).into()]);
        let order: Vec<usize> = tasks.pieces.iter().map(|piece| piece.output).collect();
        assert_eq!(order, [0, 1, 0, 1]);
        assert_eq!(tasks.tasks, [0..3, 3..4]);
    }

    #[test]
    fn a_recipe_of_nothing_has_no_tasks() {
        let recipe = Recipe { segments: Vec::new(), contents: Vec::new(), plain_size: 0, entries: 0 };
        assert!(tasks(&[recipe], &[]).tasks.is_empty());
    }
}
