//! What every verb needs from the machine.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::budget::Budget;
use crate::buffers::Buffers;
use crate::layer::{Look, Readers, Seen, Source};
use crate::limits::Limits;
use crate::progress::{Progress, Stage};

/// What of the machine may be used.
#[derive(Clone, Debug)]
pub struct Resources {
    /// Threads; any number gives the same bytes. Default: one for each core.
    pub jobs: NonZeroUsize,
    /// Where temporary copies of streams go. Default: `/var/tmp`, because `/tmp` may be memory.
    pub tmp_dir: PathBuf,
    /// What an input may ask for.
    pub limits: Limits,
}

impl Default for Resources {
    fn default() -> Self {
        let jobs = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { jobs, tmp_dir: PathBuf::from("/var/tmp"), limits: Limits::default() }
    }
}

/// The memory of one run.
#[derive(Debug)]
pub struct Memory {
    /// What all that is read may take up.
    pub budget: Budget,
    /// Buffers, shared by all stages, because those of one are free when the next begins.
    pub buffers: Buffers,
}

impl Memory {
    /// Memory of which nothing is taken yet.
    pub fn new(resources: &Resources) -> Self {
        Self { budget: Budget::new(&resources.limits), buffers: Buffers::new() }
    }
}

/// The machine as one run of a verb uses it.
#[derive(Clone, Copy)]
pub struct Host<'h> {
    /// What may be used.
    pub resources: &'h Resources,
    /// Memory that all of the run shares.
    pub memory: &'h Memory,
    /// Is told how far the run is.
    pub progress: &'h dyn Progress,
    /// What fingerprints of contents begin with. Whoever trusts them needs one that nobody can know; 0 for all others.
    pub seed: u64,
    /// Looks at what is in layers while they are read for the first time, if anybody does.
    pub look: Option<&'h dyn Look>,
}

impl<'h> Host<'h> {
    /// The machine for a verb that does nothing but read and write.
    pub fn new(resources: &'h Resources, memory: &'h Memory, progress: &'h dyn Progress) -> Self {
        Self { resources, memory, progress, seed: 0, look: None }
    }

    /// Tells that the layers at `positions` will be read.
    pub(super) fn begin_reading(&self, sources: &[Source], positions: &[usize]) {
        let bytes = positions.iter().map(|position| sources[*position].blob.len()).sum();
        self.progress.begin(Stage::Reading, Some(bytes));
    }

    /// What reads layers, and tells `seen` of every stretch read, in bytes.
    pub(super) fn readers<'r>(&'r self, sources: &'r [Source], seen: Seen<'r>) -> Readers<'r> {
        let Resources { jobs, limits, .. } = self.resources;
        let Memory { budget, buffers } = self.memory;
        let Self { seed, look, .. } = *self;
        Readers { sources, limits, jobs: *jobs, budget, buffers, seen, seed, look }
    }
}
