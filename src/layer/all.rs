//! All layers of an image, read in parallel.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::copied::Copied;
use super::frames::Windows;
use super::index::{IndexError, LayerIndex, Reading};
use super::look::Look;
use super::open::{Seen, Source};
use crate::budget::Budget;
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
    /// Memory that what they say may take up.
    pub budget: &'r Budget,
    /// Buffers to use.
    pub buffers: &'r Buffers,
    /// Is told of every stretch of a blob read.
    pub seen: Seen<'r>,
    /// What fingerprints of contents begin with.
    pub seed: u64,
    /// Looks at what is in them, if anybody does.
    pub look: Option<&'r dyn Look>,
}

impl Readers<'_> {
    /// Reads and verifies the layers at `positions`. Returns each with its position, oldest first.
    pub fn read(&self, positions: Vec<usize>) -> Result<Vec<(usize, ReadLayer)>, AtLayer<IndexError>> {
        let mut todo: Vec<(usize, ())> = positions.into_iter().map(|position| (position, ())).collect();
        // Largest first, so that none is left for the end.
        todo.sort_by_key(|(position, ())| std::cmp::Reverse(self.sources[*position].blob.len()));
        self.each(todo, |reading, position, ()| reading.index(&self.sources[position]))
    }

    /// Verifies copies of kept layers while they are written, in the order in which they are: against what was read of
    /// the layer, and if nothing was, against what `indexes` were believed so far.
    pub fn verify(&self, indexes: &[Arc<LayerIndex>], copies: Vec<Copied>) -> Result<(), AtLayer<IndexError>> {
        let copies = copies.into_iter().map(|copy| (copy.position, copy)).collect();
        let verify = |reading: &Reading<'_>, position: usize, copy| {
            reading.verify(&self.sources[position], &indexes[position], copy)
        };
        self.each(copies, verify).map(|_| ())
    }

    /// Does something with each of the layers at these positions, in parallel and begun in their order. Of several bad
    /// layers the oldest is told, for any number of threads.
    fn each<W: Send, T: Send>(
        &self,
        todo: Vec<(usize, W)>,
        what: impl Fn(&Reading<'_>, usize, W) -> Result<T, IndexError> + Sync,
    ) -> Result<Vec<(usize, T)>, AtLayer<IndexError>> {
        let Self { sources, limits, jobs, budget, buffers, seen, seed, look } = *self;
        let readers = jobs.get().min(todo.len()).min(MAX_READERS);
        let hashers = NonZeroUsize::new(readers / 2).unwrap_or(NonZeroUsize::MIN);
        let spacing = MIN_SPACING.max(sources.iter().map(|source| source.blob.len()).sum::<u64>() / WAYS_IN);
        let mut blobs = HashSet::new();
        let distinct = sources.iter().filter(|source| blobs.insert(source.layer.name.as_str()));
        let limit = limits.image_bytes(distinct.map(|source| source.blob.len()).sum());
        let total = AtomicU64::new(0);
        let windows = Windows::new();
        let oldest_bad = AtomicUsize::new(usize::MAX);
        let done = Mutex::new(Vec::with_capacity(todo.len()));
        let todo = Mutex::new(todo.into_iter());
        let next = || todo.lock().unwrap_or_else(PoisonError::into_inner).next();
        hashing(hashers, |hashing| {
            let total = (&total, limit);
            let windows = &windows;
            let reading = Reading { limits, total, budget, hashing, buffers, spacing, windows, seen, seed, look };
            let work = || {
                while let Some((position, work)) = next() {
                    if position > oldest_bad.load(Ordering::Relaxed) {
                        continue;
                    }
                    let found = what(&reading, position, work);
                    if found.is_err() {
                        oldest_bad.fetch_min(position, Ordering::Relaxed);
                    }
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((position, found));
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::blob::Span;
    use crate::codec::Codec;
    use crate::oci::{DiffId, Digest, Document, Layer, LayerKind};

    #[test]
    fn a_copy_is_what_it_was_taken_for() {
        let bytes = [&[0x1f, 0x8b][..], &[7; 100_000]].concat();
        let digest = Digest::of(&bytes);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let blob = Span::private(file).unwrap();
        let (name, kind, descriptor) = ("blob".to_owned(), LayerKind::Tar, Document::default());
        let (diff_id, estargz, size) = (DiffId(digest), false, Some(blob.len()));
        let layer = Layer { name, digest: Some(digest), size, diff_id, kind, descriptor, estargz };
        let sources = [Source { layer, blob: blob.clone() }];
        let (limits, buffers) = (Limits::default(), Buffers::new());
        let jobs = NonZeroUsize::MIN;
        let (budget, sources, seen, look) = (Budget::new(&limits), &sources, &|_| (), None);
        let (limits, budget, buffers) = (&limits, &budget, &buffers);
        let readers = Readers { sources, limits, jobs, budget, buffers, seen, seed: 0, look };
        let verify = |codec, copy: &[Span]| {
            let (sender, copied) = Copied::new(0);
            copy.iter().for_each(|there| sender.send(there.clone()).unwrap());
            drop(sender);
            readers.verify(&[Arc::new(LayerIndex::new(codec))], vec![copied])
        };
        assert!(verify(Codec::Gzip, &[blob.part(0, 10), blob.clone()]).is_ok());
        // The compression was looked at before the digest was known.
        assert!(matches!(verify(Codec::Zstd, std::slice::from_ref(&blob)), Err((0, IndexError::Changed(_)))));
        assert!(verify(Codec::Gzip, &[blob.part(0, 10)]).is_ok(), "whoever copies tells why it broke off");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes[2..]).unwrap();
        file.write_all(b"xx").unwrap();
        let other = Span::private(file).unwrap();
        assert!(matches!(verify(Codec::Gzip, &[other]), Err((0, IndexError::Blob(_)))));
    }
}
