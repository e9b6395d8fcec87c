//! All layers of an image: read in parallel, laid over each other oldest first.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::entries::Budget;
use super::index::{IndexError, LayerIndex, Reading};
use super::open::{Seen, Source};
use crate::buffers::Buffers;
use crate::hash::hashing;
use crate::limits::Limits;
use crate::tree::{Fates, LayerDiff, PutError, Tree, apply};

/// Layers read at once. Each needs up to 4 MiB, and 12 read faster than disks are.
const MAX_READERS: usize = 12;
/// Ways into gzip layers that an image may have; each holds 32 KiB.
const WAYS_IN: u64 = 768;
/// Bytes of a blob that are not worth a way in.
const MIN_SPACING: u64 = 512 << 10;

/// A layer by its position (oldest 0), and what is wrong with it.
pub type AtLayer<E> = (usize, E);

/// Reads and verifies all layers with up to `jobs` threads and with `buffers`, largest first. Of several bad layers the
/// oldest is told, for any number of threads.
pub fn index_all(
    sources: &[Source],
    limits: &Limits,
    jobs: NonZeroUsize,
    buffers: &Buffers,
    seen: Seen<'_>,
) -> Result<Vec<(LayerIndex, LayerDiff)>, AtLayer<IndexError>> {
    let readers = jobs.get().min(sources.len()).min(MAX_READERS);
    let hashers = NonZeroUsize::new(readers / 2).unwrap_or(NonZeroUsize::MIN);
    let budget = Budget::new(limits.metadata);
    let spacing = MIN_SPACING.max(sources.iter().map(|source| source.blob.len()).sum::<u64>() / WAYS_IN);
    hashing(hashers, |hashing| {
        let reading = Reading { limits, budget: &budget, hashing, buffers, spacing, seen };
        index_with(&reading, sources, readers)
    })
}

fn index_with(
    reading: &Reading<'_>,
    sources: &[Source],
    readers: usize,
) -> Result<Vec<(LayerIndex, LayerDiff)>, AtLayer<IndexError>> {
    let mut order: Vec<usize> = (0..sources.len()).collect();
    order.sort_by_key(|position| std::cmp::Reverse(sources[*position].blob.len()));
    let next = AtomicUsize::new(0);
    let oldest_bad = AtomicUsize::new(usize::MAX);
    let done = Mutex::new(Vec::with_capacity(sources.len()));
    let work = || {
        while let Some(position) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            if *position > oldest_bad.load(Ordering::Relaxed) {
                continue;
            }
            let layer = u16::try_from(*position).unwrap_or(u16::MAX);
            let found = reading.index(&sources[*position], layer);
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
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(position, _)| *position);
    done.into_iter().map(|(position, found)| found.map_err(|problem| (position, problem))).collect()
}

/// The file system that the layers make, and what became of each of their entries.
pub fn stack(indexed: Vec<(LayerIndex, LayerDiff)>) -> Result<(Tree, Vec<LayerIndex>), AtLayer<PutError>> {
    let (mut layers, diffs): (Vec<LayerIndex>, Vec<LayerDiff>) = indexed.into_iter().unzip();
    let mut fates: Fates = layers.iter_mut().map(|layer| std::mem::take(&mut layer.fates)).collect();
    let mut tree = Tree::new();
    for (diff, position) in diffs.into_iter().zip(0..) {
        apply(&mut tree, diff, &mut fates).map_err(|problem| (position, problem))?;
    }
    for (layer, fates) in layers.iter_mut().zip(fates) {
        layer.fates = fates;
    }
    Ok((tree, layers))
}
