//! The stages of a squash as the page calls them: each hands its room what it needs and puts a subject to its errors.

use std::collections::BTreeMap;
use std::sync::Once;

use crate::assemble::{self, Assembled};
use crate::buffers::Buffers;
use crate::error::{Error, LayerName};
use crate::input::{self, Note, Origin, Store};
use crate::layer::{self, LayerIndex, Source, WriteError, Writing, Written};
use crate::oci::{Catalog, Image, ImageId};
use crate::options::Options;
use crate::output::{self, Format, Sink, Target};
use crate::plan::{self, Plan};
use crate::progress::{Progress, Stage};
use crate::report::{Change, ImageReport, Report, SCHEMA_VERSION};
use crate::tree::{LayerDiff, Tree};

/// A squash under way.
pub(crate) struct Job<'o> {
    options: &'o Options,
    progress: &'o dyn Progress,
    input: String,
    target: String,
    notes: Vec<String>,
    /// Shared by all stages, because those of one are free when the next begins.
    buffers: Buffers,
}

/// An image whose layers are written, and what it was made from.
pub(crate) struct Made {
    pub(crate) assembled: Assembled,
    pub(crate) written: Vec<Written>,
    pub(crate) sources: Vec<Source>,
    pub(crate) layers: Vec<LayerIndex>,
}

impl<'o> Job<'o> {
    pub(crate) fn new(options: &'o Options, progress: &'o dyn Progress) -> Self {
        let input = match &options.input {
            Origin::Path(path) => path.display().to_string(),
            Origin::Stdin => "standard input".to_owned(),
        };
        let target = match &options.target {
            Target::Path(path) => path.display().to_string(),
            Target::Stdout => "standard output".to_owned(),
        };
        Self { options, progress, input, target, notes: Vec::new(), buffers: Buffers::new() }
    }

    pub(crate) fn open(&self) -> Result<Store, Error> {
        let Options { input, tmp_dir, limits, .. } = self.options;
        let begun = Once::new();
        let seen = |bytes| {
            begun.call_once(|| self.progress.begin(Stage::Copying, None));
            self.progress.advance(bytes);
        };
        input::open(input, tmp_dir, limits, &seen)
            .map_err(|problem| Error::Open { input: self.input.clone(), problem: Box::new(problem) })
    }

    pub(crate) fn choose(&mut self, store: &Store) -> Result<Catalog, Error> {
        let catalog = input::read(store, &self.options.limits).map_err(|problem| self.input_error(problem))?;
        let select = |problem| Error::Select { input: self.input.clone(), problem };
        let (mut catalog, notes) = input::select(catalog, &self.options.selection).map_err(select)?;
        if !self.options.tags.is_empty() {
            catalog = input::rename(catalog, &self.options.tags).map_err(select)?;
        }
        for note in notes {
            self.note(&note)?;
        }
        Ok(catalog)
    }

    pub(crate) fn create(&self) -> Result<Box<dyn Sink>, Error> {
        let Options { target, format, tmp_dir, .. } = self.options;
        output::create(target, *format, tmp_dir).map_err(|problem| self.output_error(problem))
    }

    pub(crate) fn sources(&mut self, store: &Store, image: &Image) -> Result<Vec<Source>, Error> {
        let sources =
            input::sources(store, image, &self.options.limits).map_err(|problem| self.input_error(problem))?;
        if let Some(history) = image.config.history() {
            let rows = history.iter().filter(|row| !row.is_empty_layer()).count();
            if rows != sources.len() {
                self.note(&Note::History { rows, layers: sources.len() })?;
            }
        }
        Ok(sources)
    }

    pub(crate) fn index(&mut self, sources: &[Source]) -> Result<Vec<(LayerIndex, LayerDiff)>, Error> {
        self.progress.begin(Stage::Reading, Some(sources.iter().map(|source| source.blob.len()).sum()));
        let seen = |bytes| self.progress.advance(bytes);
        let Options { limits, jobs, .. } = self.options;
        let indexed =
            layer::index_all(sources, limits, *jobs, &self.buffers, &seen).map_err(|(position, problem)| {
                Error::Layer { input: self.input.clone(), layer: name(sources, position), problem: Box::new(problem) }
            })?;
        for (position, (layer, _)) in indexed.iter().enumerate() {
            let name = name(sources, position);
            self.notes.extend(layer.notes.iter().map(|note| format!("{name}: {note}")));
        }
        Ok(indexed)
    }

    pub(crate) fn stack(
        &self,
        sources: &[Source],
        indexed: Vec<(LayerIndex, LayerDiff)>,
    ) -> Result<(Tree, Vec<LayerIndex>), Error> {
        layer::stack(indexed).map_err(|(position, problem)| Error::Apply {
            input: self.input.clone(),
            layer: name(sources, position),
            problem: Box::new(problem),
        })
    }

    pub(crate) fn plan(&self, tree: Tree, layers_in: usize) -> Result<Plan, Error> {
        plan::squash_all(tree, layers_in).map_err(|problem| Error::Full { input: self.input.clone(), problem })
    }

    pub(crate) fn write(
        &self,
        plan: &Plan,
        sources: &[Source],
        layers: &[LayerIndex],
        sink: &mut dyn Sink,
    ) -> Result<Vec<Written>, Error> {
        let Options { compression, jobs, .. } = *self.options;
        let (buffers, progress) = (&self.buffers, self.progress);
        let writing = Writing { sources, layers, compression, jobs, buffers, progress };
        let mut all = Vec::new();
        for diff in &plan.layers {
            let recipe = layer::recipe(diff, layers);
            if let Some((position, written)) = writing.unchanged(&recipe) {
                let copied = sink.copy_blob(written.digest, &sources[position].blob);
                copied.map_err(|problem| self.output_error(problem))?;
                all.push(written);
                continue;
            }
            let output = sink.blob().map_err(|problem| self.output_error(problem))?;
            let written = writing.write(&recipe, diff, output).map_err(|problem| match problem {
                WriteError::Write(problem) => self.output_error(problem),
                problem @ WriteError::Read { .. } => Error::Reread { input: self.input.clone(), problem },
                problem @ WriteError::Size { .. } => Error::Internal(problem.to_string()),
            })?;
            sink.name_blob(written.digest, written.size).map_err(|problem| self.output_error(problem))?;
            all.push(written);
        }
        Ok(all)
    }

    pub(crate) fn assemble(&self, image: &Image, written: &[Written], sink: &mut dyn Sink) -> Result<Assembled, Error> {
        let assembled = assemble::image(image, written, &self.options.edits);
        for blob in [&assembled.config, &assembled.manifest] {
            self.blob(blob, sink)?;
        }
        Ok(assembled)
    }

    pub(crate) fn finish(
        &self,
        catalog: &Catalog,
        images: &BTreeMap<ImageId, Made>,
        mut sink: Box<dyn Sink>,
    ) -> Result<u64, Error> {
        let assembled: BTreeMap<_, _> = images.iter().map(|(id, made)| (*id, made.assembled.clone())).collect();
        let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
        if self.options.format != Format::DockerArchive {
            let index = assemble::index(catalog, &assembled);
            for blob in &index.nested {
                self.blob(blob, &mut *sink)?;
            }
            files.push(("index.json", index.root));
            files.push(("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
        }
        if matches!(self.options.format, Format::Universal | Format::DockerArchive) {
            let docker = assemble::docker_files(catalog, &assembled);
            files.push(("manifest.json", docker.manifest));
            files.extend(docker.repositories.map(|repositories| ("repositories", repositories)));
        }
        for (name, bytes) in files {
            sink.file(name, &bytes).map_err(|problem| self.output_error(problem))?;
        }
        sink.finish().map_err(|problem| self.output_error(problem))
    }

    pub(crate) fn report(self, catalog: &Catalog, images: &BTreeMap<ImageId, Made>, output_bytes: u64) -> Report {
        let names = assemble::names(catalog);
        let reports = images.iter().map(|(id, made)| {
            let names = names.get(id).map(Vec::as_slice).unwrap_or_default();
            let names = names.iter().map(ToString::to_string).collect();
            made.report(names, catalog.images[id.0].config.platform().to_string())
        });
        Report {
            schema_version: SCHEMA_VERSION,
            version: env!("CARGO_PKG_VERSION"),
            input: if self.options.input == Origin::Stdin { "-".to_owned() } else { self.input },
            output: if self.options.target == Target::Stdout { "-".to_owned() } else { self.target },
            output_bytes,
            images: reports.collect(),
            notes: self.notes,
        }
    }

    fn note(&mut self, note: &Note) -> Result<(), Error> {
        if self.options.strict {
            return Err(crate::error::strict(&self.input, note));
        }
        self.notes.push(note.to_string());
        Ok(())
    }

    fn blob(&self, blob: &assemble::Blob, sink: &mut dyn Sink) -> Result<(), Error> {
        sink.blob()
            .and_then(|output| output.write_all(&blob.bytes))
            .and_then(|()| sink.name_blob(blob.digest, blob.bytes.len() as u64))
            .map_err(|problem| self.output_error(problem))
    }

    fn input_error(&self, problem: input::InputError) -> Error {
        Error::Input { input: self.input.clone(), problem: Box::new(problem) }
    }

    fn output_error(&self, problem: std::io::Error) -> Error {
        Error::Output { target: self.target.clone(), problem }
    }
}

impl Made {
    fn report(&self, names: Vec<String>, platform: String) -> ImageReport {
        let (before, after) = (&self.layers, &self.written);
        let sum = |of: fn(&Written) -> u64| after.iter().map(of).sum::<u64>();
        let account = after.first().map(|written| written.account).unwrap_or_default();
        ImageReport {
            names,
            platform,
            image_id: self.assembled.config.digest.to_string(),
            manifest_digest: self.assembled.manifest.digest.to_string(),
            layers: Change { before: before.len() as u64, after: after.len() as u64 },
            entries: Change {
                before: before.iter().map(|layer| layer.entries.len() as u64).sum(),
                after: sum(|written| written.entries),
            },
            uncompressed_bytes: Change {
                before: before.iter().map(|layer| layer.plain_size).sum(),
                after: sum(|written| written.plain_size),
            },
            compressed_bytes: Change {
                before: self.sources.iter().map(|source| source.blob.len()).sum(),
                after: sum(|written| written.size),
            },
            reclaimed_bytes: account.into(),
            copied_bytes: account.copied,
            rewritten_bytes: account.rewritten,
            written_bytes: account.written,
            new_layers: after.iter().map(|written| written.digest.to_string()).collect(),
        }
    }
}

fn name(sources: &[Source], position: usize) -> Box<LayerName> {
    Box::new(LayerName { position: position + 1, of: sources.len(), name: sources[position].layer.name.clone() })
}
