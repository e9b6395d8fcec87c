//! From where layers lie to what they say.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use super::host::{Host, Memory};
use super::open::Archive;
use super::shelf::Shelf;
use crate::budget::Held;
use crate::error::{Cause, Error, LayerName, Of};
use crate::finding::{Finding, Findings, Severity};
use crate::layer::{AtLayer, IndexError, LayerIndex, Layers, Note, Source, made};
use crate::oci::{Digest, Image};
use crate::plan::{self, Stack};
use crate::tree::{Fates, LayerDiff, PutError, Tree};

/// The layers of an image, read as far as they are needed.
pub struct Loaded<'h> {
    /// Where the layers lie, by position.
    pub sources: Vec<Source>,
    /// What was found in them, by position; of those that were not read, what the manifest says.
    pub indexes: Vec<Arc<LayerIndex>>,
    pub(super) input: String,
    host: Host<'h>,
    /// The memory for what becomes of the entries.
    _noted: Held,
}

/// What layers say that were read.
pub struct Said {
    /// By position, oldest first.
    pub diffs: Vec<(u16, Arc<LayerDiff>)>,
    /// What became of their entries within their layers.
    pub fates: Fates,
}

/// Reads and verifies the layers at the positions `read` of those that lie at `sources`, but for those that are on the
/// shelf. The others are taken at the word of their manifest until they are copied. When one that is read has a hard
/// link to a file below it, those below are read too.
pub fn read<'h>(
    input: &str,
    sources: Vec<Source>,
    read: Range<usize>,
    shelf: &mut Shelf,
    host: Host<'h>,
    findings: &mut Findings,
) -> Result<(Loaded<'h>, Said), Error> {
    let failed = |problem| layer_error(input, &sources, problem);
    let (mut indexes, mut diffs) = shelf.read(&sources, read.clone(), host).map_err(failed)?;
    if read.start > 0 && diffs.iter().any(|(_, diff)| diff.links_below()) {
        (indexes, diffs) = shelf.read(&sources, 0..read.end, host).map_err(failed)?;
    }
    let noted = check_together(&sources, &indexes, &diffs, host).map_err(failed)?;
    for (position, index) in indexes.iter().enumerate() {
        let found = index.notes.iter().map(|note| Finding::from(note).about(LayerName::new(&sources, position)));
        findings.extend(found).of(input)?;
    }
    let fates = Fates::new(indexes.iter().map(|layer| &*layer.fates));
    Ok((Loaded { sources, indexes, input: input.to_owned(), host, _noted: noted }, Said { diffs, fates }))
}

/// Reads and verifies all layers of an image.
pub(super) fn read_all<'h>(
    archive: &Archive,
    image: &Image,
    shelf: &mut Shelf,
    host: Host<'h>,
    findings: &mut Findings,
) -> Result<(Loaded<'h>, Said), Error> {
    let sources = archive.sources(image, host, findings)?;
    let count = sources.len();
    read(&archive.name, sources, 0..count, shelf, host, findings)
}

/// Bytes that are noted of an entry each time its layer is laid over others.
const NOTED: u64 = 8;

/// Whether the layers together have no more than they may, one that is there several times counted as often. Returns
/// the memory for what will be noted of their entries.
fn check_together(
    sources: &[Source],
    indexes: &[Arc<LayerIndex>],
    diffs: &[(u16, Arc<LayerDiff>)],
    host: Host<'_>,
) -> Result<Held, AtLayer<IndexError>> {
    let limits = &host.resources.limits;
    let mut names = HashSet::new();
    let distinct = sources.iter().filter(|source| names.insert(source.layer.name.as_str()));
    let limit = limits.image_bytes(distinct.map(|source| source.blob.len()).sum());
    let (mut bytes, mut noted) = (0_u64, host.memory.budget.nothing());
    for position in diffs.iter().map(|(position, _)| usize::from(*position)) {
        bytes = bytes.saturating_add(indexes[position].plain_size);
        if bytes > limit {
            return Err((position, IndexError::TooLargeTogether { limit }));
        }
        let more = indexes[position].entries.len() as u64 * NOTED;
        noted.add(more).map_err(|problem| (position, problem.into()))?;
    }
    Ok(noted)
}

impl Loaded<'_> {
    /// The layers, to be read again.
    pub fn layers(&self) -> Layers<'_> {
        let Memory { budget, buffers } = self.host.memory;
        Layers { sources: &self.sources, indexes: &self.indexes, budget, buffers }
    }

    /// The same layers, and one more that holds `contents`, if there are any.
    pub(super) fn with(mut self, contents: &[Vec<u8>]) -> Result<Self, Error> {
        if !contents.is_empty() {
            let place = &self.host.resources.tmp_dir;
            let failed = |cause| Error::Output { target: format!("new records to {}", place.display()), cause };
            let (source, index) = made(contents, place).map_err(failed)?;
            self.sources.push(source);
            self.indexes.push(Arc::new(index));
        }
        Ok(self)
    }

    /// The digest of a layer's blob.
    pub fn digest(&self, position: usize) -> Result<Digest, Error> {
        let digest = self.indexes.get(position).and_then(|index| index.digest);
        digest.ok_or_else(|| Error::Internal(format!("layer {} has no digest", position + 1)))
    }

    /// An error when somebody wrote to one of the files that the layers lie in since they were opened.
    pub(super) fn unchanged(&self) -> Result<(), Error> {
        let mut blobs = self.sources.iter().map(|source| &source.blob);
        blobs.try_for_each(|blob| blob.unchanged().map_err(Cause::Changed)).of(&self.input)
    }

    /// The file system that all layers make together.
    pub(super) fn tree(&self, said: Said) -> Result<(Tree, Fates), Error> {
        let mut fates = said.fates;
        match self.stack(said.diffs, 0, &mut fates)? {
            Stack::Whole { tree, .. } => Ok((tree, fates)),
            Stack::Above(_) => Err(Error::Internal("all layers were read and not laid over each other".to_owned())),
        }
    }

    /// Lays layers of it over each other, as [`plan::stack`] does.
    pub fn stack(&self, diffs: Vec<(u16, Arc<LayerDiff>)>, kept: usize, fates: &mut Fates) -> Result<Stack, Error> {
        plan::stack(diffs, kept, fates).map_err(|problem| self.apply_error(problem))
    }

    /// An error about a layer that cannot be laid over the ones below it.
    fn apply_error(&self, (position, problem): (u16, PutError)) -> Error {
        Error::of(&self.input, Cause::Apply { layer: LayerName::new(&self.sources, position.into()), problem })
    }
}

/// An error about one of the layers of an input.
pub(super) fn layer_error(input: &str, sources: &[Source], (position, problem): AtLayer<IndexError>) -> Error {
    // A layer that somebody writes to may look like anything.
    let problem = sources[position].blob.unchanged().map_or_else(IndexError::Read, |()| problem);
    Error::of(input, Cause::Layer { layer: LayerName::new(sources, position), problem })
}

impl From<&Note> for Finding {
    fn from(note: &Note) -> Self {
        let id = match note {
            Note::OverlayWhiteouts(_) => "overlay-whiteouts",
            Note::OverlayOpaque(_) => "overlay-opaque",
            Note::Estargz(_) => "estargz-dropped",
        };
        Self::new(id, Severity::Low, note.to_string())
    }
}
