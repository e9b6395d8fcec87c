//! From a place to the images that it holds.

use std::sync::Once;

use super::host::Host;
use crate::error::{Error, Of};
use crate::finding::{Finding, Findings};
use crate::input::{self, InputNote, Opening, Origin, Selection, Store};
use crate::layer::Source;
use crate::oci::{Catalog, Image, Reference};
use crate::plan::{Base, Keep};
use crate::progress::Stage;

/// An archive that was opened.
pub struct Archive {
    /// What it is called in messages.
    pub name: String,
    origin: Origin,
    store: Box<dyn Store>,
}

impl Archive {
    /// Opens an archive.
    pub fn open(origin: &Origin, host: Host<'_>) -> Result<Self, Error> {
        let name = origin.to_string();
        let begun = Once::new();
        let seen = |bytes| {
            begun.call_once(|| host.progress.begin(Stage::Copying, None));
            host.progress.advance(bytes);
        };
        let with = Opening {
            tmp_dir: &host.resources.tmp_dir,
            limits: &host.resources.limits,
            budget: &host.memory.budget,
            seen: &seen,
        };
        let store = input::open(origin, &with).of(&name)?;
        Ok(Self { name, origin: origin.clone(), store })
    }

    /// How it was given: a path, or `-`.
    pub fn given(&self) -> String {
        if self.origin == Origin::Stdin { "-".to_owned() } else { self.name.clone() }
    }

    /// Everything that it holds.
    fn catalog(&self, host: Host<'_>) -> Result<Catalog, Error> {
        input::read(&*self.store, &host.resources.limits, &host.memory.budget).of(&self.name)
    }

    /// The images that were asked for, called `tags` if there are any; what was left out is found.
    pub fn choose(
        &self,
        selection: &Selection,
        tags: &[Reference],
        host: Host<'_>,
        findings: &mut Findings,
    ) -> Result<Catalog, Error> {
        let (mut catalog, notes) = input::select(self.catalog(host)?, selection).of(&self.name)?;
        if !tags.is_empty() {
            catalog = input::rename(catalog, tags).of(&self.name)?;
        }
        findings.extend(notes.into_iter().map(Finding::from)).of(&self.name)?;
        Ok(catalog)
    }

    /// The layers of `image`, oldest first.
    pub fn sources(&self, image: &Image, host: Host<'_>, findings: &mut Findings) -> Result<Vec<Source>, Error> {
        let sources = input::sources(&*self.store, image, &host.resources.limits).of(&self.name)?;
        if let Some(history) = image.config.history() {
            let rows = history.iter().filter(|row| !row.is_empty_layer()).count();
            if rows != sources.len() {
                findings.add(InputNote::History { rows, layers: sources.len() }.into()).of(&self.name)?;
            }
        }
        Ok(sources)
    }
}

/// The images that may be the base: those of the archive that `keep` names, or those that are `beside` the image.
pub fn bases(keep: &Keep, beside: &Catalog, host: Host<'_>) -> Result<Vec<Base>, Error> {
    let base = |image: &Image| Base {
        digest: image.digest,
        platform: image.config.platform().clone(),
        diff_ids: image.config.diff_ids().to_vec(),
    };
    match keep {
        Keep::Guess => Ok(beside.images.iter().map(base).collect()),
        Keep::Base(origin, called) => {
            let archive = Archive::open(origin, host)?;
            let catalog = archive.catalog(host)?;
            let Some(name) = called else { return Ok(catalog.images.iter().map(base).collect()) };
            let found = input::called(&catalog, name).of(&archive.name)?;
            Ok(found.into_iter().map(|id| base(&catalog.images[id.0])).collect())
        }
        _ => Ok(Vec::new()),
    }
}
