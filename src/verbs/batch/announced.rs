//! What a batch will read, known before it begins: so that layers are kept as long as somebody needs them and no
//! longer, and nothing is done twice.

use super::request::{Batch, Job};
use crate::error::Error;
use crate::finding::Findings;
use crate::image::{self, Archive, Host, Memory, Resources, Shelf};
use crate::oci::{Catalog, Digest};
use crate::progress::Progress;
use crate::verbs::squash::Squash;

/// What is known of each job.
pub(super) struct Announced(Vec<Option<Expected>>);

/// What is known of a job.
pub(super) enum Expected {
    /// It will read these images; and what identifies what it will make.
    Images(Catalog, String),
    /// It was done already.
    Done(String),
    /// Its input cannot be opened.
    Broken(Error),
}

impl Announced {
    /// Looks at the documents of every input, and announces the layers on the shelf.
    pub(super) fn new(request: &Batch, shelf: &mut Shelf, progress: &dyn Progress) -> Self {
        let look = |job: &Job| match look(&job.squash, &request.resources, progress) {
            Err(problem) => Expected::Broken(problem),
            Ok((_, made_from)) if job.done.as_ref().is_some_and(|done| done.made_from == made_from) => {
                Expected::Done(made_from)
            }
            Ok((images, made_from)) => Expected::Images(images, made_from),
        };
        let expected: Vec<Expected> = request.jobs.iter().map(look).collect();
        for images in expected.iter().filter_map(Expected::images) {
            shelf.announce(images);
        }
        Self(expected.into_iter().map(Some).collect())
    }

    /// What is known of the job at a place, whose turn it is.
    pub(super) fn take(&mut self, at: usize) -> Expected {
        let taken = self.0.get_mut(at).and_then(Option::take);
        taken.unwrap_or_else(|| Expected::Broken(Error::Internal("a job came twice".to_owned())))
    }

    /// The images of the jobs whose turn has not come.
    pub(super) fn left(&self) -> impl Iterator<Item = &Catalog> {
        self.0.iter().flatten().filter_map(Expected::images)
    }
}

impl Expected {
    fn images(&self) -> Option<&Catalog> {
        match self {
            Self::Images(images, _) => Some(images),
            _ => None,
        }
    }
}

/// The images that a squash is about, and what identifies what it will make: the images, the base, and every option.
fn look(squash: &Squash, resources: &Resources, progress: &dyn Progress) -> Result<(Catalog, String), Error> {
    let memory = Memory::new(resources);
    let host = Host::new(resources, &memory, progress);
    let archive = Archive::open(&squash.input, host)?;
    let images = archive.choose(&squash.selection, &squash.tags, host, &mut Findings::new(false))?;
    let bases = image::bases(&squash.keep, &images, host)?;
    let mut said = format!("{} {:?}\n", env!("CARGO_PKG_VERSION"), squash.wishes());
    if let Some(search) = &squash.secrets {
        said += &format!("{} {} {:?}\n", search.scrub_history, search.drop_files, search.baseline);
    }
    for (_, image) in images.chosen() {
        said += &format!("{} {} {:?}\n", image.digest, image.id(), image.config.diff_ids());
    }
    said += &format!("{:?}\n{bases:?}", images.called());
    Ok((images, Digest::of(said.as_bytes()).to_string()))
}
