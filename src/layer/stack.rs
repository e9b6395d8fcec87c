//! All layers of an image: read in parallel, laid over each other oldest first.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::entries::Budget;
use super::index::{IndexError, LayerIndex, Reading, Source};
use super::plain::Seen;
use crate::limits::Limits;
use crate::tree::{Fates, LayerDiff, PutError, Tree, apply};

/// A layer by its position (oldest 0), and what is wrong with it.
pub type AtLayer<E> = (usize, E);

/// Reads and verifies all layers with up to `jobs` threads, largest first. Of several bad layers the oldest is told,
/// for any number of threads.
pub fn index_all(
    sources: &[Source],
    limits: &Limits,
    jobs: NonZeroUsize,
    seen: Seen<'_>,
) -> Result<Vec<(LayerIndex, LayerDiff)>, AtLayer<IndexError>> {
    let reading = Reading { limits, budget: &Budget::new(limits.metadata), seen };
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
        for _ in 1..jobs.get().min(sources.len()) {
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
