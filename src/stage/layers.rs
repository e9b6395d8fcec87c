//! From the layers of the input to those of the output: which are kept, what the others say, what the new ones will.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::slim::Slimmed;
use super::{Job, name};
use crate::codec::Codec;
use crate::error::Error;
use crate::keep::{self, Base};
use crate::layer::{AtLayer, IndexError, LayerIndex, Layers, Readers, Seen, Source, WriteError};
use crate::oci::{Digest, Image};
use crate::options::{Exactness, Options};
use crate::plan::{self, Plan};
use crate::progress::Stage;
use crate::times::Times;
use crate::tree::{self, EntryRef, Fates, LayerDiff, PutError};

/// Which layers are squashed, by position, and which are read for it.
pub(crate) struct Cut {
    squashed: Range<usize>,
    read: Range<usize>,
}

/// What was found in the layers, by position, and in the file system that they make.
pub(crate) struct Found {
    pub(crate) indexes: Vec<LayerIndex>,
    pub(crate) fates: Fates,
    pub(crate) slimmed: Slimmed,
}

/// Layers that were read, and what those say that are squashed.
pub(crate) struct Read {
    found: Found,
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
            // Rules are about the whole file system.
            _ if !self.options.prune.is_empty() => 0,
            Exactness::Always => 0,
            Exactness::Never => squashed.start,
            Exactness::Auto if is_cheap(sources, &squashed) => 0,
            Exactness::Auto => squashed.start,
        };
        Ok(Cut { read: begin..squashed.end, squashed })
    }

    /// Verifies all layers and makes one difference of those that are squashed.
    pub(crate) fn read(&mut self, image: &Image, sources: &[Source], cut: Cut) -> Result<Read, Error> {
        let Cut { squashed, read } = cut;
        let (indexes, diffs, mut fates) = self.index(sources, &read)?;
        let apply = |(position, problem): (u16, PutError)| self.apply_error(sources, position.into(), problem);
        let placed = (read.start..).filter_map(|position| u16::try_from(position).ok());
        let diffs = placed.zip(diffs.into_iter().map(Arc::new));
        let mut slimmed = Slimmed::default();
        let diff = if read.start < squashed.start || squashed.start == 0 {
            let mut trees = plan::stack(diffs, squashed.start, &mut fates).map_err(apply)?;
            slimmed = self.prune(
                image,
                &mut trees.tree,
                &mut fates,
                Layers { sources, indexes: &indexes, buffers: &self.buffers },
            )?;
            let pairs = tree::candidates(&trees.base, &trees.tree);
            let digests = self.digests(Layers { sources, indexes: &indexes, buffers: &self.buffers }, &pairs)?;
            let same = |a: EntryRef, b: EntryRef| digests.contains_key(&a) && digests.get(&a) == digests.get(&b);
            Some(plan::difference(trees, &same, &mut fates).map_err(|problem| self.full_error(problem))?)
        } else {
            tree::compose(diffs, &mut fates).map_err(apply)?
        };
        // A hard link to a file of a kept layer: that layer is needed after all.
        let Some(mut diff) = diff else { return self.read(image, sources, Cut { read: 0..read.end, squashed }) };
        slimmed.equal =
            self.equal_files(&mut diff, &mut fates, Layers { sources, indexes: &indexes, buffers: &self.buffers })?;
        for (position, layer) in indexes.iter().enumerate() {
            let name = name(sources, position);
            self.notes.extend(layer.notes.iter().map(|note| format!("{name}: {note}")));
        }
        self.notes.extend(std::mem::take(&mut slimmed.notes));
        Ok(Read { found: Found { indexes, fates, slimmed }, diff, squashed })
    }

    /// The layers of the new image.
    pub(crate) fn plan(&mut self, image: &Image, sources: &[Source], read: Read) -> Result<(Plan, Found), Error> {
        let Read { found, mut diff, squashed } = read;
        let times = self.options.edits.times;
        diff.map_times(|time| times.apply(time));
        // Those of access and change would still tell when the image was made.
        if times != Times::Keep && found.indexes.iter().any(|layer| layer.other_times) {
            diff.rewrite_headers();
        }
        let layers = Layers { sources, indexes: &found.indexes, buffers: &self.buffers };
        let parts = self.split(image, &diff, &squashed, found.slimmed.owners.as_ref(), layers)?;
        Ok((Plan::new(squashed, found.indexes.len(), diff, parts), found))
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
        let (indexes, diffs): (Vec<LayerIndex>, Vec<Option<LayerDiff>>) = indexed.into_iter().unzip();
        let fates = Fates::new(indexes.iter().map(|layer| &*layer.fates));
        Ok((indexes, diffs.into_iter().flatten().collect(), fates))
    }

    /// What the contents of these entries hash to.
    pub(super) fn digests(
        &self,
        layers: Layers<'_>,
        pairs: &[(EntryRef, EntryRef)],
    ) -> Result<HashMap<EntryRef, Digest>, Error> {
        let entries: Vec<EntryRef> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
        layers.digests(&entries).map_err(|problem| self.reread_error(problem))
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

    pub(super) fn reread_error(&self, problem: WriteError) -> Error {
        Error::Reread { input: self.input.clone(), problem }
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
