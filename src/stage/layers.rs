//! From the layers of the input to those of the output: which are kept, what the others say, what the new ones will.

use std::collections::HashMap;
use std::ops::Range;

use super::{Job, name};
use crate::codec::Codec;
use crate::error::Error;
use crate::keep::{self, Base};
use crate::layer::{AtLayer, IndexError, LayerIndex, Layers, Readers, Seen, Source};
use crate::oci::{Digest, Image};
use crate::options::{Exactness, Options};
use crate::plan::{self, New, Plan};
use crate::progress::Stage;
use crate::tree::{self, EntryRef, Fates, LayerDiff, PutError};

/// Which layers are squashed, by position, and which are read for it.
pub(crate) struct Cut {
    squashed: Range<usize>,
    read: Range<usize>,
}

/// Layers that were read, and what those say that are squashed.
pub(crate) struct Read {
    pub(crate) indexes: Vec<LayerIndex>,
    diff: LayerDiff,
    squashed: Range<usize>,
}

/// Compressed bytes of kept layers that are always worth reading.
const CHEAP: u64 = 32 << 20;

impl Job<'_> {
    /// Which layers stay.
    pub(crate) fn cut(&mut self, image: &Image, sources: &[Source], bases: &[Base]) -> Result<Cut, Error> {
        let (squashed, why) = keep::squashed(image, &self.options.keep, bases)
            .map_err(|problem| Error::Keep { input: self.input.clone(), problem: Box::new(problem) })?;
        self.notes.extend(why);
        let begin = match self.options.exactness {
            Exactness::Always => 0,
            Exactness::Never => squashed.start,
            Exactness::Auto if is_cheap(sources, &squashed) => 0,
            Exactness::Auto => squashed.start,
        };
        Ok(Cut { read: begin..squashed.end, squashed })
    }

    /// Verifies all layers and makes one difference of those that are squashed.
    pub(crate) fn read(&mut self, sources: &[Source], cut: Cut) -> Result<Read, Error> {
        let Cut { squashed, read } = cut;
        let (mut indexes, diffs, mut fates) = self.index(sources, &read)?;
        let apply = |(position, problem): (usize, PutError)| self.apply_error(sources, position, problem);
        let diff = if read.start < squashed.start || squashed.start == 0 {
            let trees = plan::stack(diffs, squashed.start, &mut fates).map_err(apply)?;
            let pairs = tree::candidates(&trees.base, &trees.tree);
            let digests = self.digests(sources, &indexes, &pairs)?;
            let same = |a: EntryRef, b: EntryRef| digests.contains_key(&a) && digests.get(&a) == digests.get(&b);
            Some(plan::difference(trees, &same, &mut fates).map_err(|problem| self.full_error(problem))?)
        } else {
            plan::together(diffs, squashed.start, &mut fates).map_err(apply)?
        };
        for (index, fates) in indexes.iter_mut().zip(fates) {
            index.fates = fates;
        }
        // A hard link to a file of a kept layer: that layer is needed after all.
        let Some(diff) = diff else { return self.read(sources, Cut { read: 0..read.end, squashed }) };
        for (position, layer) in indexes.iter().enumerate() {
            let name = name(sources, position);
            self.notes.extend(layer.notes.iter().map(|note| format!("{name}: {note}")));
        }
        Ok(Read { indexes, diff, squashed })
    }

    /// The layers of the new image.
    pub(crate) fn plan(&mut self, read: Read) -> (Plan, Vec<LayerIndex>) {
        let Read { indexes, mut diff, squashed } = read;
        diff.map_times(|time| self.options.edits.times.apply(time));
        let is_needed = squashed.start == 0 || !diff.is_empty();
        let new = if is_needed && !squashed.is_empty() { vec![New { diff, title: None }] } else { Vec::new() };
        (Plan::new(squashed, indexes.len(), new), indexes)
    }

    #[allow(clippy::type_complexity)] // three lists by position
    fn index(
        &self,
        sources: &[Source],
        read: &Range<usize>,
    ) -> Result<(Vec<LayerIndex>, Vec<LayerDiff>, Fates), Error> {
        self.progress.begin(Stage::Reading, Some(sources[read.clone()].iter().map(|source| source.blob.len()).sum()));
        let seen = |bytes| self.progress.advance(bytes);
        let indexed = self.readers(sources, &seen).index(read).map_err(|problem| self.layer_error(sources, problem))?;
        let (mut indexes, diffs): (Vec<LayerIndex>, Vec<Option<LayerDiff>>) = indexed.into_iter().unzip();
        let fates = indexes.iter_mut().map(|layer| std::mem::take(&mut layer.fates)).collect();
        Ok((indexes, diffs.into_iter().flatten().collect(), fates))
    }

    /// What the contents of these entries hash to.
    fn digests(
        &self,
        sources: &[Source],
        indexes: &[LayerIndex],
        pairs: &[(EntryRef, EntryRef)],
    ) -> Result<HashMap<EntryRef, Digest>, Error> {
        let entries: Vec<EntryRef> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
        let layers = Layers { sources, indexes, buffers: &self.buffers };
        layers.digests(&entries).map_err(|problem| Error::Reread { input: self.input.clone(), problem })
    }

    pub(super) fn readers<'r>(&'r self, sources: &'r [Source], seen: Seen<'r>) -> Readers<'r> {
        let Options { limits, jobs, .. } = self.options;
        Readers { sources, limits, jobs: *jobs, buffers: &self.buffers, seen }
    }

    pub(super) fn layer_error(&self, sources: &[Source], (position, problem): AtLayer<IndexError>) -> Error {
        let (input, layer) = (self.input.clone(), name(sources, position));
        Error::Layer { input, layer, problem: Box::new(problem) }
    }

    fn apply_error(&self, sources: &[Source], position: usize, problem: PutError) -> Error {
        Error::Apply { input: self.input.clone(), layer: name(sources, position), problem: Box::new(problem) }
    }

    fn full_error(&self, problem: tree::Full) -> Error {
        Error::Full { input: self.input.clone(), problem }
    }
}

/// Whether reading the layers below the squashed ones costs little: they have to be read to the end anyway, or they are
/// small, or no larger than what is squashed.
fn is_cheap(sources: &[Source], squashed: &Range<usize>) -> bool {
    let is_plain = |source: &Source| matches!(source.codec(), Ok(Ok(Codec::Plain)));
    let bytes = |range: Range<usize>| sources[range].iter().map(|source| source.blob.len()).sum::<u64>();
    let kept = &sources[..squashed.start];
    kept.iter().all(is_plain) || bytes(0..squashed.start) <= bytes(squashed.clone()).max(CHEAP)
}
