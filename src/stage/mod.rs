//! The stages of a squash as the page calls them: each hands its room what it needs and puts a subject to its errors.

mod finish;
mod layers;
mod slim;
mod write;

use std::sync::Once;

use crate::buffers::Buffers;
use crate::error::{Error, LayerName};
use crate::input::{self, Note, Origin, Store};
use crate::keep::{Base, Keep};
use crate::layer::Source;
use crate::oci::{Catalog, Image};
use crate::options::Options;
use crate::output::{self, Sink, Target};
use crate::progress::{Progress, Stage};

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

impl<'o> Job<'o> {
    pub(crate) fn new(options: &'o Options, progress: &'o dyn Progress) -> Self {
        let target = match &options.target {
            Target::Path(path) => path.display().to_string(),
            Target::Stdout => "standard output".to_owned(),
            Target::Nowhere => "nothing".to_owned(),
        };
        let input = called(&options.input);
        Self { options, progress, input, target, notes: Vec::new(), buffers: Buffers::new() }
    }

    pub(crate) fn open(&self) -> Result<Store, Error> {
        self.open_archive(&self.options.input, &self.input)
    }

    fn open_archive(&self, origin: &Origin, name: &str) -> Result<Store, Error> {
        let Options { tmp_dir, limits, .. } = self.options;
        let begun = Once::new();
        let seen = |bytes| {
            begun.call_once(|| self.progress.begin(Stage::Copying, None));
            self.progress.advance(bytes);
        };
        input::open(origin, tmp_dir, limits, &seen)
            .map_err(|problem| Error::Open { input: name.to_owned(), problem: Box::new(problem) })
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

    /// The images that may be the base: those of the archive that was named, or those beside the image.
    pub(crate) fn bases(&self, beside: &Catalog) -> Result<Vec<Base>, Error> {
        let base = |image: &Image| Base {
            digest: image.digest,
            platform: image.config.platform().clone(),
            diff_ids: image.config.diff_ids().to_vec(),
        };
        if self.options.keep == Keep::Guess {
            return Ok(beside.images.iter().map(base).collect());
        }
        let Some(origin) = self.options.base.as_ref().filter(|_| self.options.keep == Keep::Base) else {
            return Ok(Vec::new());
        };
        let name = called(origin);
        let store = self.open_archive(origin, &name)?;
        let catalog = input::read(&store, &self.options.limits)
            .map_err(|problem| Error::Input { input: name, problem: Box::new(problem) })?;
        Ok(catalog.images.iter().map(base).collect())
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

    fn note(&mut self, note: &Note) -> Result<(), Error> {
        if self.options.strict {
            return Err(crate::error::strict(&self.input, note));
        }
        self.notes.push(note.to_string());
        Ok(())
    }

    fn input_error(&self, problem: input::InputError) -> Error {
        Error::Input { input: self.input.clone(), problem: Box::new(problem) }
    }

    fn output_error(&self, problem: std::io::Error) -> Error {
        Error::Output { target: self.target.clone(), problem }
    }
}

/// How an archive is called in messages.
fn called(origin: &Origin) -> String {
    match origin {
        Origin::Path(path) => path.display().to_string(),
        Origin::Stdin => "standard input".to_owned(),
    }
}

fn name(sources: &[Source], position: usize) -> Box<LayerName> {
    Box::new(LayerName { position: position + 1, of: sources.len(), name: sources[position].layer.name.clone() })
}
