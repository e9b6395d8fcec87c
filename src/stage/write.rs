//! Writing the layers of the new image.

use super::Job;
use super::layers::Found;
use crate::assemble::Final;
use crate::codec::Codec;
use crate::error::Error;
use crate::layer::{self, Compression, LayerIndex, Layers, Source, WriteError, Writing, Written};
use crate::ledger::Ledger;
use crate::output::Sink;
use crate::plan::{Plan, Planned};
use crate::progress::Stage;
use crate::times::Times;

/// Layers that were written, and where the bytes of the squashed ones went.
pub(crate) struct Outcome {
    pub(crate) written: Vec<Written>,
    pub(crate) ledger: Ledger,
}

impl Job<'_> {
    /// Writes the new layers, and copies those that are kept.
    pub(crate) fn write(
        &self,
        plan: &Plan,
        sources: &[Source],
        found: &Found,
        sink: &mut dyn Sink,
    ) -> Result<Outcome, Error> {
        let Found { indexes, fates, .. } = found;
        let layers = Layers { sources, indexes, buffers: &self.buffers };
        self.keep(plan, sources, indexes, sink)?;
        let newest = plan.squashed.clone().next_back().map_or(Codec::Gzip, |position| indexes[position].codec);
        let compression = self.options.compression.unwrap_or_else(|| Compression::like(newest));
        let jobs = self.options.jobs;
        // Asked for equal times, a person wants the bytes to depend on the contents alone.
        let splice = self.options.edits.times == Times::Keep;
        let writing = Writing { layers, compression, splice, jobs, progress: self.progress };
        let new = plan.new.as_ref().map(|(diff, parts)| (diff, parts));
        let (recipes, ledger) =
            layer::recipes(new, indexes, fates, &plan.squashed, self.options.limits.written_bytes())
                .map_err(|problem| Error::TooMuchWritten { input: self.input.clone(), problem })?;
        let Some((diff, _)) = new else { return Ok(Outcome { written: Vec::new(), ledger }) };
        if let [recipe] = &recipes[..]
            && let Some((position, written)) = writing.unchanged(recipe)
        {
            self.copy(&sources[position], &indexes[position], sink)?;
            return Ok(Outcome { written: vec![written], ledger });
        }
        let outputs = sink.blobs(recipes.len()).map_err(|problem| self.output_error(problem))?;
        let written = writing.write(&recipes, diff, outputs).map_err(|problem| match problem {
            WriteError::Write(problem) => self.output_error(problem),
            problem @ WriteError::Read { .. } => Error::Reread { input: self.input.clone(), problem },
            problem @ WriteError::Size { .. } => Error::Internal(problem.to_string()),
        })?;
        let blobs: Vec<_> = written.iter().map(|written| (written.digest, written.size)).collect();
        sink.name_blobs(&blobs).map_err(|problem| self.output_error(problem))?;
        Ok(Outcome { written, ledger })
    }

    /// Copies the layers that are kept, and verifies meanwhile those that were not read.
    fn keep(&self, plan: &Plan, sources: &[Source], indexes: &[LayerIndex], sink: &mut dyn Sink) -> Result<(), Error> {
        let kept: Vec<usize> = plan.kept().collect();
        let unverified: Vec<usize> = kept.iter().copied().filter(|position| !indexes[*position].is_verified).collect();
        if !unverified.is_empty() {
            let bytes = unverified.iter().map(|position| sources[*position].blob.len()).sum();
            self.progress.begin(Stage::Reading, Some(bytes));
        }
        let seen = |bytes| self.progress.advance(bytes);
        let readers = self.readers(sources, &seen);
        std::thread::scope(|scope| {
            let verified = scope.spawn(move || readers.verify(unverified));
            let copied = kept.iter().try_for_each(|position| self.copy(&sources[*position], &indexes[*position], sink));
            let verified = verified.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            // A layer that is not the one that was meant explains every other error.
            verified.map_err(|problem| self.layer_error(sources, problem))?;
            copied
        })
    }

    fn copy(&self, source: &Source, index: &LayerIndex, sink: &mut dyn Sink) -> Result<(), Error> {
        let Some(digest) = index.digest else { return Err(Error::Internal("a layer was not hashed".to_owned())) };
        sink.copy_blob(digest, &source.blob).map_err(|problem| self.output_error(problem))
    }
}

/// The layers of the new image, oldest first.
pub(super) fn finals<'f>(
    plan: &'f Plan,
    sources: &'f [Source],
    indexes: &[LayerIndex],
    outcome: &'f Outcome,
) -> Vec<Final<'f>> {
    let mut written = outcome.written.iter();
    let layers = plan.layers.iter().filter_map(|layer| match layer {
        Planned::Keep(position) => {
            let (source, index) = (&sources[*position], &indexes[*position]);
            let (size, codec) = (source.blob.len(), index.codec);
            Some(Final::Kept { layer: &source.layer, digest: index.digest?, size, codec })
        }
        Planned::Write { title } => Some(Final::New { written: written.next()?, title: title.as_deref() }),
    });
    layers.collect()
}
