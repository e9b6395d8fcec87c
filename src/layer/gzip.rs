//! Compressing with all cores into one gzip member.
//!
//! # Decisions
//! - The text is cut into chunks of a fixed size, each compressed by itself, so the bytes do not depend on the number of
//!   threads or on how the text came in.
//! - The header says nothing of the machine or the time: no name, time 0, system 255 (unknown).

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::blob::Hashed;
use crate::deflate::{Chunk, ChunkEncoder, Joiner};
use crate::oci::Digest;

/// Bytes of a chunk: small enough that the chunks of many cores fit in little memory, and a fifth of a percent larger
/// than with chunks of a megabyte.
const CHUNK: usize = 256 << 10;
/// More threads than this would wait for the one that reads.
const MAX_WORKERS: usize = 32;
/// Magic, deflate, no flags, no time, no extra flags, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Takes the text that is to be compressed.
pub(super) struct Feed<'f> {
    chunk: Vec<u8>,
    crc: flate2::Crc,
    jobs: &'f SyncSender<Job>,
    ordered: &'f SyncSender<Receiver<Chunk>>,
    spare: &'f Receiver<Vec<u8>>,
}

/// A chunk to compress, and where its blocks go.
struct Job {
    text: Vec<u8>,
    done: SyncSender<Chunk>,
}

/// Compresses what `produce` writes with up to `jobs` threads to `output`. Returns what `produce` returns, and the
/// digest and size of the member.
pub(super) fn gzip<T, E: From<io::Error>>(
    level: u32,
    jobs: NonZeroUsize,
    output: &mut (dyn Write + Send),
    produce: impl FnOnce(&mut Feed<'_>) -> Result<T, E>,
) -> Result<(T, Digest, u64), E> {
    let workers = jobs.get().min(MAX_WORKERS);
    let (job_sender, job_receiver) = sync_channel::<Job>(workers);
    let job_receiver = Mutex::new(job_receiver);
    let (ordered_sender, ordered_receiver) = sync_channel::<Receiver<Chunk>>(2 * workers);
    let (spare_sender, spare_receiver) = channel();
    thread::scope(|scope| {
        for _ in 0..workers {
            let (receiver, spare) = (&job_receiver, spare_sender.clone());
            scope.spawn(move || work(level, receiver, &spare));
        }
        let (trailer_sender, trailer_receiver) = sync_channel(1);
        let writer = scope.spawn(move || assemble(output, &ordered_receiver, &trailer_receiver));
        let (jobs, ordered, spare) = (&job_sender, &ordered_sender, &spare_receiver);
        let mut feed = Feed { chunk: Vec::with_capacity(CHUNK), crc: flate2::Crc::new(), jobs, ordered, spare };
        let produced = produce(&mut feed).and_then(|value| Ok((value, feed.finish()?)));
        if let Ok((_, trailer)) = &produced {
            let _ = trailer_sender.send(*trailer);
        }
        drop((job_sender, ordered_sender, trailer_sender));
        let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // A closed channel is only the echo of what went wrong at the other end.
        match (produced, written) {
            (Ok((value, _)), Ok((digest, size))) => Ok((value, digest, size)),
            (_, Err(problem)) if problem.kind() != io::ErrorKind::Interrupted => Err(problem.into()),
            (Err(problem), _) => Err(problem),
            (_, Err(problem)) => Err(problem.into()),
        }
    })
}

/// Compresses chunks until there are no more.
fn work(level: u32, jobs: &Mutex<Receiver<Job>>, spare: &Sender<Vec<u8>>) {
    let mut encoder = ChunkEncoder::new(level);
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { text, done }) = job else { return };
        let _ = done.send(encoder.encode(&text));
        let _ = spare.send(text);
    }
}

/// Writes the member: chunks in their order, then the trailer, if it ever comes.
fn assemble(
    output: &mut (dyn Write + Send),
    ordered: &Receiver<Receiver<Chunk>>,
    trailer: &Receiver<[u8; 8]>,
) -> io::Result<(Digest, u64)> {
    let mut output = Hashed::new(output);
    output.write_all(&HEADER)?;
    let mut joiner = Joiner::new();
    while let Ok(chunk) = ordered.recv() {
        // A worker that ends without an answer has panicked, which the scope tells.
        let Ok(chunk) = chunk.recv() else { return Err(io::ErrorKind::Interrupted.into()) };
        joiner.append(&chunk.bytes, 0, chunk.bits, Some(chunk.last));
        output.write_all(joiner.bytes())?;
        joiner.bytes().clear();
    }
    let Ok(trailer) = trailer.recv() else { return Err(io::ErrorKind::Interrupted.into()) };
    joiner.finish();
    output.write_all(joiner.bytes())?;
    output.write_all(&trailer)?;
    output.flush()?;
    let (_, digest, size) = output.finish();
    Ok((digest, size))
}

impl Feed<'_> {
    /// Sends the chunk on its way.
    fn send(&mut self) -> io::Result<()> {
        let next = self.spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK));
        let text = std::mem::replace(&mut self.chunk, next);
        self.chunk.clear();
        self.crc.update(&text);
        let (done, chunk) = sync_channel(1);
        let sent = self.ordered.send(chunk).is_ok() && self.jobs.send(Job { text, done }).is_ok();
        if sent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }

    /// The checksum and the size that end a member.
    fn finish(&mut self) -> io::Result<[u8; 8]> {
        if !self.chunk.is_empty() {
            self.send()?;
        }
        let mut trailer = [0; 8];
        trailer[..4].copy_from_slice(&self.crc.sum().to_le_bytes());
        trailer[4..].copy_from_slice(&self.crc.amount().to_le_bytes());
        Ok(trailer)
    }
}

impl Write for Feed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..n]);
        if self.chunk.len() == CHUNK {
            self.send()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn compressed(text: &[u8], jobs: usize, piece: usize) -> Vec<u8> {
        let mut output = Vec::new();
        let jobs = NonZeroUsize::new(jobs).unwrap();
        let produce = |feed: &mut Feed<'_>| text.chunks(piece).try_for_each(|piece| feed.write_all(piece));
        let ((), digest, size) = gzip::<_, io::Error>(6, jobs, &mut output, produce).unwrap();
        assert_eq!((digest, size), (Digest::of(&output), output.len() as u64));
        output
    }

    #[test]
    fn the_bytes_do_not_depend_on_threads_or_pieces() {
        let text: Vec<u8> = (0..700_000_u32).flat_map(|n| (n.wrapping_mul(77) >> 9).to_le_bytes()).collect();
        for text in [&text[..], &text[..CHUNK], &text[..CHUNK + 1], b"x", b""] {
            let one = compressed(text, 1, 1000);
            for (jobs, piece) in [(1, usize::MAX), (2, 65_537), (8, 4096), (64, 300_000)] {
                assert!(compressed(text, jobs, piece.max(1)) == one);
            }
            let mut plain = Vec::new();
            GzDecoder::new(&one[..]).read_to_end(&mut plain).unwrap();
            assert!(plain == text);
        }
    }

    #[test]
    fn a_failing_output_ends_it_with_its_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let jobs = NonZeroUsize::new(2).unwrap();
        let produce = |feed: &mut Feed<'_>| (0..100).try_for_each(|_| feed.write_all(&[7; CHUNK]));
        let error = gzip::<_, io::Error>(6, jobs, &mut Full, produce).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_failing_source_ends_it_with_its_error() {
        let jobs = NonZeroUsize::new(2).unwrap();
        let produce = |feed: &mut Feed<'_>| {
            feed.write_all(&[7; 3 * CHUNK])?;
            Err(io::ErrorKind::UnexpectedEof.into())
        };
        let error = gzip::<(), io::Error>(6, jobs, &mut Vec::new(), produce).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
