//! From a plan to blobs in the output: kept layers are copied, new ones written; and the documents that lead to them.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;

use super::host::Host;
use super::read::{Loaded, layer_error};
use crate::assemble::{self, Assembled, Blob, Final, MediaTypes};
use crate::blob::{CopyError, Sealed, Span};
use crate::codec::Codec;
use crate::error::{Error, Of};
use crate::finding::{Finding, Findings, Severity};
use crate::inside::{Densities, Samples};
use crate::layer::{AtLayer, Compression, Copied, IndexError, WriteError, Writing, Written, recipes};
use crate::ledger::Ledger;
use crate::oci::{Catalog, ImageId};
use crate::output::{self, Format, Sink, Target, Waiting};
use crate::plan::{Plan, Planned};
use crate::tree::Fates;

/// Where an image goes, and what its new layers are written as.
pub struct Output {
    /// Takes the blobs and documents.
    pub sink: Box<dyn Sink>,
    /// What the target is called in messages.
    pub target: String,
    /// How new layers are compressed; `None` as the newest of the squashed ones is.
    pub compression: Option<Compression>,
    /// Whether compressed blocks may be copied.
    pub splice: bool,
    /// Where it waits for its place, once it is complete.
    pub(super) waiting: Option<Waiting>,
}

/// Layers that were written, and where the bytes of the squashed ones went.
#[derive(Debug)]
pub struct Outcome {
    /// The new layers, in the order of the plan.
    pub written: Vec<Written>,
    /// Where every byte went.
    pub ledger: Ledger,
    /// What a registry holds of the source layers.
    pub pushed: Densities,
}

/// Layers whose copies may be open at once.
const AT_ONCE: usize = 64;

/// Writes the new layers of `plan`, and copies those that are kept. Nothing is read of the layers after that, and an
/// error tells when somebody wrote to them before.
pub fn write(
    input: &str,
    plan: &Plan,
    loaded: &Loaded<'_>,
    fates: &Fates,
    host: Host<'_>,
    output: &mut Output,
) -> Result<Outcome, Error> {
    keep(input, plan, loaded, host, output)?;
    let pushed = Densities::of(loaded.layers(), Samples::Few, host.resources.jobs).of(input)?;
    let (written, ledger) = write_new(input, plan, loaded, fates, host, output)?;
    loaded.unchanged()?;
    Ok(Outcome { written, ledger, pushed })
}

/// Writes the new layers of `plan`.
fn write_new(
    input: &str,
    plan: &Plan,
    loaded: &Loaded<'_>,
    fates: &Fates,
    host: Host<'_>,
    output: &mut Output,
) -> Result<(Vec<Written>, Ledger), Error> {
    let newest = plan.squashed.clone().next_back().map_or(Codec::Gzip, |position| loaded.indexes[position].codec);
    let compression = output.compression.unwrap_or_else(|| Compression::like(newest));
    let (jobs, progress) = (host.resources.jobs, host.progress);
    let writing = Writing { layers: loaded.layers(), compression, splice: output.splice, jobs, progress };
    let new = plan.new.as_ref().map(|(diff, parts)| (diff, parts));
    let limit = host.memory.budget.headers();
    let (recipes, ledger) = recipes(new, &loaded.indexes, fates, &plan.squashed, limit).of(input)?;
    let Some((diff, _)) = new else { return Ok((Vec::new(), ledger)) };
    // What was divided so before is what it would become.
    let unchanged: Option<Vec<_>> = recipes.iter().map(|recipe| writing.unchanged(recipe)).collect();
    if let Some(unchanged) = unchanged {
        let (positions, written): (Vec<usize>, Vec<Written>) = unchanged.into_iter().unzip();
        positions.chunks(AT_ONCE).try_for_each(|few| copy(input, few, loaded, host, output))?;
        return Ok((written, ledger));
    }
    let Output { sink, target, .. } = output;
    let failed = |cause| Error::Output { target: target.clone(), cause };
    let outputs = sink.blobs(recipes.len()).map_err(failed)?;
    let written = writing.write(&recipes, diff, outputs).map_err(|problem| match problem {
        WriteError::Write(cause) => failed(cause),
        problem @ WriteError::Read { .. } => Error::of(input, problem),
        problem @ WriteError::Size { .. } => Error::Internal(problem.to_string()),
    })?;
    let blobs: Vec<_> = written.iter().map(|written| (written.digest, written.size)).collect();
    sink.name_blobs(&blobs).map_err(failed)?;
    Ok((written, ledger))
}

/// Copies the layers that are kept.
fn keep(input: &str, plan: &Plan, loaded: &Loaded<'_>, host: Host<'_>, output: &mut Output) -> Result<(), Error> {
    let kept: Vec<usize> = plan.kept().collect();
    let is_unread = |position: &usize| loaded.indexes[*position].sealed.is_none();
    let unread: Vec<usize> = kept.iter().copied().filter(is_unread).collect();
    if !unread.is_empty() {
        host.begin_reading(&loaded.sources, &unread);
    }
    kept.chunks(AT_ONCE).try_for_each(|few| copy(input, few, loaded, host, output))
}

/// Copies layers as they are, and verifies meanwhile what was written.
fn copy(
    input: &str,
    positions: &[usize],
    loaded: &Loaded<'_>,
    host: Host<'_>,
    output: &mut Output,
) -> Result<(), Error> {
    let (written, copies): (Vec<_>, Vec<_>) = positions.iter().map(|position| Copied::new(*position)).unzip();
    let seen = |bytes| host.progress.advance(bytes);
    let readers = host.readers(&loaded.sources, &seen);
    let failed = |problem| layer_error(input, &loaded.sources, problem);
    std::thread::scope(|scope| {
        let verified = scope.spawn(move || readers.verify(&loaded.indexes, copies));
        let mut todo = positions.iter().zip(written);
        let copied = todo.try_for_each(|(position, written)| output.copy(*position, loaded, &written, failed));
        // What will not be copied is not waited for.
        drop(todo);
        let verified = verified.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // A layer that is not the one that was meant explains every other error.
        verified.map_err(failed)?;
        copied
    })
}

/// The layers of the new image as its documents name them, oldest first.
pub fn finals<'f>(plan: &'f Plan, loaded: &'f Loaded<'_>, written: &'f [Written]) -> Result<Vec<Final<'f>>, Error> {
    let mut written = written.iter();
    let layer = |planned: &'f Planned| match planned {
        Planned::Keep(position) => {
            let (source, digest) = (&loaded.sources[*position], loaded.digest(*position)?);
            let (size, codec) = (source.blob.len(), loaded.indexes[*position].codec);
            Ok(Final::Kept { layer: &source.layer, digest, size, codec })
        }
        Planned::Write { title } => match written.next() {
            Some(written) => Ok(Final::New { written, title: title.as_deref() }),
            None => Err(Error::Internal("a layer that was planned was not written".to_owned())),
        },
    };
    plan.layers.iter().map(layer).collect()
}

/// Adds the documents that lead to the images. Returns the bytes of the output, which waits for its place.
pub fn complete(
    catalog: &Catalog,
    assembled: &BTreeMap<ImageId, Assembled>,
    format: Format,
    media_types: MediaTypes,
    output: &mut Output,
) -> Result<u64, Error> {
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    if format != Format::DockerArchive {
        let index = assemble::index(catalog, assembled, media_types);
        output.add(&index.nested)?;
        files.push(("index.json", index.root));
        files.push(("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
    }
    if matches!(format, Format::Universal | Format::DockerArchive) {
        let docker = assemble::docker_files(catalog, assembled);
        files.push(("manifest.json", docker.manifest));
        files.extend(docker.repositories.map(|repositories| ("repositories", repositories)));
    }
    let Output { sink, target, waiting, .. } = output;
    let add = files.iter().try_for_each(|(name, bytes)| sink.file(name, bytes));
    let complete = add.and_then(|()| sink.complete());
    let complete = complete.map_err(|cause| Error::Output { target: target.clone(), cause })?;
    *waiting = complete.waiting;
    Ok(complete.bytes)
}

/// Puts everything in the target's place. Nothing that is found then is refused: the output is there.
pub fn finish(output: Output, mut findings: Findings) -> Result<Findings, Error> {
    let Output { sink, target, .. } = output;
    let note = sink.finish().map_err(|cause| Error::Output { target: target.clone(), cause })?;
    let left = note.map(|note| Finding::new("old-directory-left", Severity::Info, note));
    findings.extend(left).of(&target)?;
    Ok(findings)
}

impl Output {
    /// An output to `target`, which may be read back before it is in its place if that is asked for. What can be known
    /// to fail at the end fails here.
    pub fn create(
        (target, format): (&Target, Format),
        compression: Option<Compression>,
        splice: bool,
        read_back: bool,
        host: Host<'_>,
    ) -> Result<Self, Error> {
        let name = match target {
            Target::Path(path) => path.display().to_string(),
            Target::Stdout => "standard output".to_owned(),
            Target::Nowhere => "nothing".to_owned(),
            Target::Dock(dock) => dock.name(),
        };
        match output::create(target, format, &host.resources.tmp_dir, read_back) {
            Ok(sink) => Ok(Self { sink, target: name, compression, splice, waiting: None }),
            Err(cause) => Err(Error::Output { target: name, cause }),
        }
    }

    /// Adds documents as blobs.
    pub fn add<'b>(&mut self, documents: impl IntoIterator<Item = &'b Blob>) -> Result<(), Error> {
        let mut documents = documents.into_iter();
        let added = documents.try_for_each(|blob| self.sink.add_blob(blob.digest, &blob.bytes));
        added.map_err(|cause| Error::Output { target: self.target.clone(), cause })
    }

    /// Copies a layer as it is, unless the target has it, and tells `written` of what there is of the copy; `failed` is
    /// an error about a layer.
    fn copy(
        &mut self,
        position: usize,
        loaded: &Loaded<'_>,
        written: &Sender<Span>,
        failed: impl Fn(AtLayer<IndexError>) -> Error,
    ) -> Result<(), Error> {
        let digest = loaded.digest(position)?;
        let sealed = loaded.indexes[position].sealed.as_ref();
        let blob = sealed.map_or(&loaded.sources[position].blob, Sealed::span);
        let failed_to_write = |cause| Error::Output { target: self.target.clone(), cause };
        if self.sink.has_blob(digest, blob).map_err(failed_to_write)? {
            return Ok(());
        }
        let mut is_told = false;
        let copied = self.sink.copy_blob(digest, blob, &mut |there| {
            is_told = true;
            // Nobody listens any more when an older layer is bad.
            let _ = written.send(there);
        });
        // What is there already is not copied once more, but still has to be what it says.
        if copied.is_ok() && !is_told && sealed.is_none() {
            let _ = written.send(blob.clone());
        }
        copied.map_err(|problem| match problem {
            CopyError::Read(problem) => failed((position, problem.into())),
            CopyError::Write(cause) => Error::Output { target: self.target.clone(), cause },
        })
    }
}
