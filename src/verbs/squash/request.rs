//! What can be asked of a squash. Every field says its unit, its default and what goes wrong.

use std::path::Path;

use crate::assemble::Edits;
use crate::error::{Error, Of};
use crate::image::{self, Host, Memory, Output, Resources};
use crate::input::{Origin, SelectError, Selection};
use crate::layer::Compression;
use crate::oci::{Catalog, Reference};
use crate::output::{Format, Target};
use crate::plan::{Exactness, Keep, Split};
use crate::progress::Progress;
use crate::report::Gates;
use crate::secrets::SecretSearch;
use crate::slim::{Choice, Minify};
use crate::times::Times;

/// One squash: what to read, what to keep, what to write.
#[derive(Clone, Debug)]
pub struct Squash {
    /// The archive.
    pub input: Origin,
    /// Where the new archive goes.
    pub target: Target,
    /// Which images of the archive; the default is all.
    pub selection: Selection,
    /// New names for the image; empty (the default) keeps the input's. An error when several images would get them.
    pub tags: Vec<Reference>,
    /// Which layers stay as they are; the default is none.
    pub keep: Keep,
    /// Whether kept layers are read, so that nothing that they have is written again; the default is where it costs
    /// little.
    pub exactness: Exactness,
    /// What is pruned; the default is nothing.
    pub prune: Choice,
    /// Which secrets are looked for, and what is done about them; the default is none and nothing. All layers are read
    /// then.
    pub secrets: Option<SecretSearch>,
    /// Whether, and how, what nothing in the image needs is left out; the default is that it stays.
    pub minify: Option<Minify>,
    /// Whether files that are equal but for their names become hard links of one; the default is no.
    pub link_equal_files: bool,
    /// Into which layers the squashed file system is divided; the default is one.
    pub split: Split,
    /// For which consumers the output is; the default suits all.
    pub format: Format,
    /// What the new documents say that the old ones do not; by default only that the image was squashed.
    pub edits: Edits,
    /// Whether annotations tell what the image was made from, and how; the default is yes.
    pub tells_provenance: bool,
    /// Whether what would be repaired or left out is an error; the default is no.
    pub strict: bool,
    /// Whether the output is read back and compared with the input before it takes the target's place; the default is
    /// no.
    pub verify: bool,
    /// What the output may have; one that has more does not take the target's place. The default is anything.
    pub gates: Gates,
    /// How the new layers are compressed; `None` as the newest of the squashed ones is. The default is gzip.
    pub compression: Option<Compression>,
    /// What of the machine may be used.
    pub resources: Resources,
}

impl Squash {
    /// Squashes all images of the archive or layout at `input` into one layer each, into an archive at `output` that
    /// every consumer reads.
    pub fn new(input: impl AsRef<Path>, output: impl AsRef<Path>) -> Self {
        let path = |path: &Path| path.to_path_buf();
        Self::between(Origin::Path(path(input.as_ref())), Target::Path(path(output.as_ref())))
    }

    /// The same from and to other places.
    pub fn between(input: Origin, target: Target) -> Self {
        Self {
            input,
            target,
            selection: Selection::default(),
            tags: Vec::new(),
            keep: Keep::default(),
            exactness: Exactness::default(),
            prune: Choice::default(),
            secrets: None,
            minify: None,
            link_equal_files: false,
            split: Split::default(),
            format: Format::default(),
            edits: Edits::default(),
            tells_provenance: true,
            strict: false,
            verify: false,
            gates: Gates::default(),
            compression: Some(Compression::Gzip(None)),
            resources: Resources::default(),
        }
    }

    /// All that decides what comes of an input: everything but where it lies, where it goes and what of the machine is
    /// used.
    pub(crate) fn wishes(&self) -> Self {
        let (input, target) = (Origin::Stdin, Target::Nowhere);
        Self { input, target, secrets: None, resources: Resources::default(), ..self.clone() }
    }

    /// Where the new archive of the `images` of an input is written.
    pub(super) fn output(&self, input: &str, images: &Catalog, host: Host<'_>) -> Result<Output, Error> {
        let count = images.chosen().count();
        if count > 1 && self.target.takes_one() {
            return Err(SelectError::SeveralImages(count)).of(input);
        }
        let place = (&self.target, self.format);
        Output::create(place, self.compression, self.splices(), self.reads_back(), host)
    }

    /// The machine as this squash uses it. Whoever compares by fingerprints needs a seed that nobody can know.
    pub(crate) fn host<'h>(&'h self, memory: &'h Memory, progress: &'h dyn Progress) -> Host<'h> {
        let seed = if self.verify { image::seed() } else { 0 };
        Host { seed, ..Host::new(&self.resources, memory, progress) }
    }

    /// Whether compressed blocks may be copied. Who asks for equal times wants bytes that depend on the contents alone.
    fn splices(&self) -> bool {
        self.edits.times == Times::Keep
    }

    /// Rules and secrets are about the whole file system, and so is a comparison, so layers below are read too when
    /// there are any.
    pub(super) fn exactness(&self) -> Exactness {
        let is_whole = !self.prune.is_empty() || self.minify.is_some() || self.secrets.is_some() || self.verify;
        if is_whole { Exactness::Always } else { self.exactness }
    }
}
