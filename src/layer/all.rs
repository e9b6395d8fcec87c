//! All layers of an image, read in parallel.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::entries::Budget;
use super::index::{IndexError, LayerIndex, Reading};
use super::open::{Seen, Source};
use crate::buffers::Buffers;
use crate::hash::hashing;
use crate::limits::Limits;
use crate::tree::LayerDiff;

/// Layers read at once. Each needs up to 4 MiB, and 12 read faster than disks are.
const MAX_READERS: usize = 12;
/// Ways into gzip layers that an image may have; each holds 32 KiB.
const WAYS_IN: u64 = 768;
/// Bytes of a blob that are not worth a way in.
const MIN_SPACING: u64 = 512 << 10;

/// A layer by its position (oldest 0), and what is wrong with it.
pub type AtLayer<E> = (usize, E);

/// A layer that was read: what was found in it, and what it says.
pub type ReadLayer = (LayerIndex, LayerDiff);

/// What reading the layers of an image needs.
#[derive(Clone, Copy)]
pub struct Readers<'r> {
    /// The layers.
    pub sources: &'r [Source],
    /// What they may ask for.
    pub limits: &'r Limits,
    /// Threads.
    pub jobs: NonZeroUsize,
    /// Buffers to use.
    pub buffers: &'r Buffers,
    /// Is told of every stretch of a blob read.
    pub seen: Seen<'r>,
}

impl Readers<'_> {
    /// Reads and verifies the layers at `positions`. Returns each with its position, oldest first.
    pub fn read(&self, positions: Vec<usize>) -> Result<Vec<(usize, ReadLayer)>, AtLayer<IndexError>> {
        self.each(positions, |reading, source| reading.index(source))
    }

    /// Verifies the layers at `positions`.
    pub fn verify(&self, positions: Vec<usize>) -> Result<(), AtLayer<IndexError>> {
        self.each(positions, |reading, source| reading.verify(source)).map(|_| ())
    }

    /// Does something with each of the layers at `positions`, in parallel and largest first. Of several bad layers the
    /// oldest is told, for any number of threads.
    fn each<T: Send>(
        &self,
        mut positions: Vec<usize>,
        what: impl Fn(&Reading<'_>, &Source) -> Result<T, IndexError> + Sync,
    ) -> Result<Vec<(usize, T)>, AtLayer<IndexError>> {
        let Self { sources, limits, jobs, buffers, seen } = *self;
        let readers = jobs.get().min(positions.len()).min(MAX_READERS);
        let hashers = NonZeroUsize::new(readers / 2).unwrap_or(NonZeroUsize::MIN);
        let budget = Budget::new(limits.metadata);
        let spacing = MIN_SPACING.max(sources.iter().map(|source| source.blob.len()).sum::<u64>() / WAYS_IN);
        let mut blobs = HashSet::new();
        let distinct = sources.iter().filter(|source| blobs.insert(source.layer.name.as_str()));
        let limit = limits.image_bytes(distinct.map(|source| source.blob.len()).sum());
        let total = AtomicU64::new(0);
        positions.sort_by_key(|position| std::cmp::Reverse(sources[*position].blob.len()));
        let next = AtomicUsize::new(0);
        let oldest_bad = AtomicUsize::new(usize::MAX);
        let done = Mutex::new(Vec::with_capacity(positions.len()));
        hashing(hashers, |hashing| {
            let total = (&total, limit);
            let reading = Reading { limits, total, budget: &budget, hashing, buffers, spacing, seen };
            let work = || {
                while let Some(position) = positions.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if *position > oldest_bad.load(Ordering::Relaxed) {
                        continue;
                    }
                    let found = what(&reading, &sources[*position]);
                    if found.is_err() {
                        oldest_bad.fetch_min(*position, Ordering::Relaxed);
                    }
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((*position, found));
                }
            };
            std::thread::scope(|scope| {
                for _ in 1..readers {
                    scope.spawn(work);
                }
                work();
            });
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(position, _)| *position);
        let at = |(position, found): (usize, Result<T, IndexError>)| match found {
            Ok(found) => Ok((position, found)),
            Err(problem) => Err((position, problem)),
        };
        done.into_iter().map(at).collect()
    }
}
