//! From the texts of new layers to their blobs: compressed, hashed and written by threads of their own.
//!
//! ```text
//! produce ──Feed──> Item ──────────────────────────> writer ──> output      (one of each for every layer)
//!            │        └─(gzip)─> workers ──Chunk──────┘  │
//!            └──────────> hash of the text               └──> hash of the blob
//! ```

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::compression::Compression;
use super::feed::{Fed, Feed, Item, Job};
use super::open::Seen;
use super::writer::{Out, write};
use crate::buffers::Buffers;
use crate::deflate::ChunkEncoder;
use crate::hash::{Hashing, hashing};
use crate::oci::{DiffId, Digest};

/// More threads than this would wait for the one that reads.
const MAX_WORKERS: usize = 20;

/// Pieces that may wait to be written, of all new layers.
const PLACES: usize = 48;

/// Denser than `pigz -6` and twice as fast; see `benches/README.md`.
const GZIP: u32 = 6;
/// Between copied blocks, and when contents of few layers are divided, so little is compressed anew that a higher level
/// would make the blob a third of a percent smaller.
const GZIP_BETWEEN: u32 = 3;

/// A blob that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) diff_id: DiffId,
    pub(super) plain_size: u64,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// What one new layer gets.
struct Room {
    /// Pieces that may wait to be written.
    places: usize,
    /// Threads that compress what the writer compresses itself.
    threads: usize,
    text_size: u64,
}

/// How new layers are packed.
#[derive(Clone, Copy)]
pub(super) struct Packing<'p> {
    pub(super) compression: Compression,
    /// Whether compressed blocks of other layers are copied, and this text only could not be.
    pub(super) is_rest: bool,
    /// Threads that compress.
    pub(super) jobs: NonZeroUsize,
    pub(super) buffers: &'p Buffers,
    /// Is told of the text that was fed.
    pub(super) seen: Seen<'p>,
}

impl Packing<'_> {
    /// Compresses what `produce` feeds to each of the `outputs`, texts of these sizes, and writes it there. Returns what was
    /// written.
    pub(super) fn pack<E: From<io::Error>>(
        &self,
        outputs: Vec<&mut (dyn Write + Send)>,
        text_sizes: &[u64],
        produce: impl FnOnce(&mut [Feed<'_>]) -> Result<(), E>,
    ) -> Result<Vec<Packed>, E> {
        // One thread hashes the text and the blob of a layer faster than another inflates.
        let hashers = NonZeroUsize::MIN;
        hashing(hashers, |hashing| {
            thread::scope(|scope| {
                let workers = self.workers(scope);
                let (mut feeds, mut writers) = (Vec::new(), Vec::new());
                // Chunks on their way to and from those who compress them need places of their own, but of many layers
                // each gets fewer: what waits there is memory.
                let most = if workers.is_some() { 2 * self.jobs.get().min(MAX_WORKERS) + 12 } else { 4 };
                let places = most.min((PLACES / outputs.len().max(1)).max(3));
                let threads = (self.jobs.get() / outputs.len().max(1)).max(1);
                for (output, text_size) in outputs.into_iter().zip(text_sizes) {
                    let room = Room { places, threads, text_size: *text_size };
                    let (feed, end, writer) = self.open(scope, hashing, output, workers.clone(), room);
                    feeds.push(feed);
                    writers.push((end, writer));
                }
                drop(workers);
                let mut problem = produce(&mut feeds).err();
                let mut packed = Vec::new();
                for (feed, (end, writer)) in feeds.into_iter().zip(writers) {
                    let fed = feed.finish().filter(|_| problem.is_none());
                    if let Some(fed) = fed {
                        let _ = end.send(fed);
                    }
                    drop(end);
                    let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                    match (written, fed) {
                        // Without compression the blob is the text.
                        (Ok(written), Some(Fed { digest: text, size: plain_size, .. })) => {
                            let (digest, size) = written.unwrap_or((text, plain_size));
                            packed.push(Packed { diff_id: DiffId(text), plain_size, digest, size });
                        }
                        // A closed channel is only the echo of what went wrong at the other end.
                        (Err(error), _) if error.kind() != io::ErrorKind::Interrupted => problem = Some(error.into()),
                        (Err(error), _) => problem = problem.or(Some(error.into())),
                        (Ok(_), None) => problem = problem.or(Some(io::Error::from(io::ErrorKind::Interrupted).into())),
                    }
                }
                problem.map_or(Ok(packed), Err)
            })
        })
    }

    /// Those who compress chunks, if the writer does not.
    fn workers<'s>(&'s self, scope: &'s thread::Scope<'s, '_>) -> Option<SyncSender<Job>> {
        let Compression::Gzip(level) = self.compression else { return None };
        let count = self.jobs.get().min(MAX_WORKERS);
        let (sender, receiver) = sync_channel::<Job>(count + 12);
        // Owned by the workers alone: when they are gone, nobody waits for them.
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..count {
            let receiver = receiver.clone();
            let alone = level.unwrap_or(if self.is_rest { GZIP_BETWEEN } else { GZIP });
            let levels = [alone, level.unwrap_or(GZIP_BETWEEN)];
            scope.spawn(move || work(levels, &receiver, self.buffers));
        }
        Some(sender)
    }

    /// Begins a layer: who feeds it, who is told of its end, and the thread that writes it.
    #[allow(clippy::type_complexity)] // three parts that go three ways
    fn open<'s>(
        &'s self,
        scope: &'s thread::Scope<'s, '_>,
        hashing: &'s Hashing,
        output: &'s mut (dyn Write + Send),
        workers: Option<SyncSender<Job>>,
        Room { places, threads, text_size }: Room,
    ) -> (Feed<'s>, SyncSender<Fed>, thread::ScopedJoinHandle<'s, io::Result<Option<(Digest, u64)>>>) {
        let Self { compression, buffers, seen, .. } = *self;
        let (items, ordered) = sync_channel::<Item>(places);
        let (end_sender, end) = sync_channel(1);
        let hash = (compression != Compression::None).then(|| hashing.begin());
        let out = Out::new(output, buffers, hash);
        let writer = scope.spawn(move || write(compression, (threads, text_size), out, &ordered, &end));
        (Feed::new(buffers, hashing.begin(), items, workers, seen), end_sender, writer)
    }
}

/// Compresses chunks until there are no more: those that stand alone and those beside copied blocks.
fn work(levels: [u32; 2], jobs: &Mutex<Receiver<Job>>, buffers: &Buffers) {
    let [mut alone, mut between] = levels.map(ChunkEncoder::new);
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { text, is_between, done }) = job else { return };
        let encoder = if is_between { &mut between } else { &mut alone };
        let _ = done.send(encoder.encode(&text, buffers.bytes()));
    }
}
