//! Blobs that can be read while they arrive.
//!
//! # Decisions
//! - A blob is asked for when someone first wants a byte of it: one that nobody reads is never moved.
//! - It goes to an unnamed file, so that readers can be at any offset, and reading it a second time costs nothing.
//! - A transfer does not wait for its readers, so that a few connections can serve any number of them without a knot.
//! - Only the number of bytes is checked here. Whoever reads a blob verifies its digest anyway.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Takes the bytes of a blob, in order.
pub type Take<'t> = dyn FnMut(&[u8]) -> io::Result<()> + 't;

/// Gets a blob: hands on all its bytes, in order, or says why it cannot.
pub type Get = dyn Fn(&mut Take<'_>) -> io::Result<()> + Send + Sync;

/// A few transfers at once, the others in a queue.
#[derive(Clone, Debug)]
pub struct Transfers(Arc<Queue>);

#[derive(Debug)]
struct Queue {
    /// At once.
    most: usize,
    tmp_dir: PathBuf,
    state: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    running: usize,
    waiting: VecDeque<Arc<Blob>>,
}

/// A blob that is elsewhere, or on its way, or here. Cheap to clone, and readable from any number of threads at any
/// offsets. When the last clone is gone, the transfer is given up.
#[derive(Clone, Debug)]
pub struct Arriving(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    blob: Arc<Blob>,
    transfers: Transfers,
}

struct Blob {
    size: u64,
    get: Box<Get>,
    tmp_dir: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
    /// Whether nobody wants it any more.
    is_unwanted: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// There once the transfer was asked for.
    file: Option<Arc<File>>,
    /// Bytes that are there.
    there: u64,
    /// Why no more will come.
    failure: Option<Failure>,
}

/// Why no more will come. Many are told of it.
#[derive(Clone, Debug)]
struct Failure(Arc<io::Error>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        Self::new(failure.0.kind(), failure)
    }
}

impl Transfers {
    /// Up to `most` transfers at once, into files in `tmp_dir`.
    pub fn new(most: usize, tmp_dir: &Path) -> Self {
        let queue = Queue { most: most.max(1), tmp_dir: tmp_dir.to_owned(), state: Mutex::default() };
        Self(Arc::new(queue))
    }

    /// A blob of `size` bytes that `get` gets once somebody wants it.
    pub fn blob(&self, size: u64, get: impl Fn(&mut Take<'_>) -> io::Result<()> + Send + Sync + 'static) -> Arriving {
        let blob = Blob {
            size,
            get: Box::new(get),
            tmp_dir: self.0.tmp_dir.clone(),
            state: Mutex::new(State { file: None, there: 0, failure: None }),
            changed: Condvar::new(),
            is_unwanted: AtomicBool::new(false),
        };
        Arriving(Arc::new(Handle { blob: Arc::new(blob), transfers: self.clone() }))
    }

    fn begin(&self, blob: Arc<Blob>) -> io::Result<()> {
        let mut state = lock(&self.0.state);
        if state.running == self.0.most {
            state.waiting.push_back(blob);
            return Ok(());
        }
        state.running += 1;
        drop(state);
        let queue = self.0.clone();
        let worker = move || {
            let mut next = Some(blob);
            while let Some(blob) = next {
                blob.run();
                next = queue.next();
            }
        };
        let spawned = std::thread::Builder::new().name("transfer".to_owned()).spawn(worker);
        spawned.map(|_| ()).inspect_err(|_| lock(&self.0.state).running -= 1)
    }
}

impl Queue {
    /// The next blob; without one there is a transfer less.
    fn next(&self) -> Option<Arc<Blob>> {
        let mut state = lock(&self.state);
        let next = state.waiting.pop_front();
        if next.is_none() {
            state.running -= 1;
        }
        next
    }
}

impl Arriving {
    /// Bytes of the blob.
    pub fn len(&self) -> u64 {
        self.0.blob.size
    }

    /// Whether the blob has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins the transfer, if it has not begun. Reading does so too; this is for what will be read later.
    pub fn begin(&self) -> io::Result<()> {
        let Handle { blob, transfers } = &*self.0;
        let mut state = lock(&blob.state);
        if state.file.is_some() || state.failure.is_some() {
            return Ok(());
        }
        let made = tempfile::tempfile_in(&transfers.0.tmp_dir);
        let made = made.map_err(|problem| here(&transfers.0.tmp_dir, &problem));
        let begun = made.and_then(|file| {
            state.file = Some(Arc::new(file));
            transfers.begin(blob.clone())
        });
        if let Err(problem) = begun {
            state.failure = Some(Failure(Arc::new(problem)));
        }
        state.result()
    }

    /// Reads from `offset` on, as much as is there and fits into `buffer`; waits until something is. 0 at the end.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.len() || buffer.is_empty() {
            return Ok(0);
        }
        self.begin()?;
        let (file, there) = self.0.blob.wait(offset + 1)?;
        let most = usize::try_from(there - offset).unwrap_or(usize::MAX).min(buffer.len());
        file.read_at(&mut buffer[..most], offset)
    }

    /// The file that the blob is in, when all of it is there.
    pub fn file(&self) -> io::Result<Arc<File>> {
        self.begin()?;
        self.0.blob.wait(self.len()).map(|(file, _)| file)
    }

    /// Whether the transfer was asked for.
    pub fn has_begun(&self) -> bool {
        lock(&self.0.blob.state).file.is_some()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.blob.is_unwanted.store(true, Ordering::Relaxed);
        lock(&self.transfers.0.state).waiting.retain(|waiting| !Arc::ptr_eq(waiting, &self.blob));
    }
}

impl State {
    fn result(&self) -> io::Result<()> {
        match &self.failure {
            Some(failure) => Err(failure.clone().into()),
            None => Ok(()),
        }
    }
}

impl Blob {
    /// Waits until the first `count` bytes are there. The file, and how many there are.
    fn wait(&self, count: u64) -> io::Result<(Arc<File>, u64)> {
        let mut state = lock(&self.state);
        loop {
            state.result()?;
            match &state.file {
                Some(file) if state.there >= count => return Ok((file.clone(), state.there)),
                _ => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Gets the blob. Whatever happens, readers are told.
    fn run(&self) {
        let told = Told(self);
        let Some(file) = lock(&self.state).file.clone() else { return };
        let mut at = 0_u64;
        let got = (self.get)(&mut |bytes| {
            if self.is_unwanted.load(Ordering::Relaxed) {
                return Err(io::Error::other("nobody wants it any more"));
            }
            if bytes.len() as u64 > self.size - at {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "there are more bytes than were announced"));
            }
            file.write_all_at(bytes, at).map_err(|problem| here(&self.tmp_dir, &problem))?;
            at += bytes.len() as u64;
            lock(&self.state).there = at;
            self.changed.notify_all();
            Ok(())
        });
        let ended = got.and_then(|()| match at == self.size {
            true => Ok(()),
            false => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "there are fewer bytes than were announced")),
        });
        if let Err(problem) = ended {
            lock(&self.state).failure = Some(Failure(Arc::new(problem)));
        }
        drop(told);
    }
}

/// Wakes readers at the end, even at the end of a panic.
struct Told<'b>(&'b Blob);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        if std::thread::panicking() || (state.there < self.0.size && state.failure.is_none()) {
            state.failure = Some(Failure(Arc::new(io::Error::other("the transfer ended without a reason"))));
        }
        drop(state);
        self.0.changed.notify_all();
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob").field("size", &self.size).finish_non_exhaustive()
    }
}

fn here(tmp_dir: &Path, problem: &io::Error) -> io::Error {
    let text = format!("cannot write a temporary copy in {}: {problem}", tmp_dir.display());
    io::Error::new(problem.kind(), text)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    fn transfers(most: usize) -> Transfers {
        Transfers::new(most, &std::env::temp_dir())
    }

    /// A blob that arrives as it is told, and what tells it. When nobody tells any more, it ends.
    fn told(transfers: &Transfers, size: u64) -> (Arriving, Sender<io::Result<Vec<u8>>>) {
        let (send, receive): (_, Receiver<io::Result<Vec<u8>>>) = channel();
        let receive = Mutex::new(receive);
        let get = move |take: &mut Take<'_>| {
            let receive = receive.lock().unwrap();
            while let Ok(piece) = receive.recv() {
                take(&piece?)?;
            }
            Ok(())
        };
        (transfers.blob(size, get), send)
    }

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect()
    }

    fn read_all(blob: &Arriving, from: u64) -> io::Result<Vec<u8>> {
        let (mut result, mut buffer) = (Vec::new(), vec![0; 1000]);
        loop {
            match blob.read_at(&mut buffer, from + result.len() as u64)? {
                0 => return Ok(result),
                n => result.extend_from_slice(&buffer[..n]),
            }
        }
    }

    #[test]
    fn readers_at_any_offset_get_the_bytes_while_they_arrive() {
        let all = bytes(100_000);
        let (blob, send) = told(&transfers(1), 100_000);
        std::thread::scope(|scope| {
            let readers: Vec<_> = [0, 1, 4_999, 50_000, 99_999, 100_000, 1 << 40]
                .map(|from| {
                    (
                        from,
                        scope.spawn({
                            let blob = &blob;
                            move || read_all(blob, from).unwrap()
                        }),
                    )
                })
                .into();
            for piece in all.chunks(3333) {
                send.send(Ok(piece.to_vec())).unwrap();
            }
            drop(send);
            for (from, reader) in readers {
                let expected = usize::try_from(from).unwrap().min(all.len());
                assert!(reader.join().unwrap() == all[expected..], "from {from}");
            }
        });
        assert_eq!(blob.file().unwrap().metadata().unwrap().len(), 100_000);
    }

    #[test]
    fn what_is_there_can_be_read_before_the_rest_arrives() {
        let (blob, send) = told(&transfers(1), 10);
        send.send(Ok(b"01234".to_vec())).unwrap();
        let mut buffer = [0; 10];
        let n = blob.read_at(&mut buffer, 3).unwrap();
        assert_eq!(&buffer[..n], b"34");
    }

    #[test]
    fn a_failure_wakes_all_readers_and_is_told_again_later() {
        let (blob, send) = told(&transfers(1), 10);
        send.send(Ok(b"01".to_vec())).unwrap();
        std::thread::scope(|scope| {
            let readers = [2, 5, 9].map(|from| {
                scope.spawn({
                    let blob = &blob;
                    move || read_all(blob, from)
                })
            });
            send.send(Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut"))).unwrap();
            for reader in readers {
                let problem = reader.join().unwrap().unwrap_err();
                assert_eq!((problem.kind(), problem.to_string().as_str()), (io::ErrorKind::ConnectionReset, "cut"));
            }
        });
        assert_eq!(blob.file().unwrap_err().to_string(), "cut");
    }

    #[test]
    fn fewer_and_more_bytes_than_announced_are_failures() {
        let (blob, send) = told(&transfers(1), 10);
        send.send(Ok(vec![0; 9])).unwrap();
        drop(send);
        assert_eq!(blob.file().unwrap_err().to_string(), "there are fewer bytes than were announced");
        let (blob, send) = told(&transfers(1), 10);
        send.send(Ok(vec![0; 11])).unwrap();
        assert_eq!(blob.file().unwrap_err().to_string(), "there are more bytes than were announced");
    }

    #[test]
    fn a_panic_of_a_transfer_is_a_failure_and_not_a_wait_without_end() {
        let blob = transfers(1).blob(10, |_| panic!("on purpose"));
        assert_eq!(blob.file().unwrap_err().to_string(), "the transfer ended without a reason");
    }

    #[test]
    fn nothing_is_moved_before_somebody_wants_it() {
        let (asked, is_asked) = channel();
        let asked = Mutex::new(asked);
        let blob = transfers(1).blob(1, move |take| {
            asked.lock().unwrap().send(()).unwrap();
            take(b"x")
        });
        assert!(!blob.has_begun());
        assert_eq!((blob.len(), blob.read_at(&mut [], 0).unwrap(), blob.read_at(&mut [0], 1).unwrap()), (1, 0, 0));
        assert!(!blob.has_begun() && is_asked.try_recv().is_err());
        assert_eq!(read_all(&blob, 0).unwrap(), b"x");
        assert_eq!(read_all(&blob, 0).unwrap(), b"x");
        assert_eq!(is_asked.try_iter().count(), 1, "it is got once");
    }

    #[test]
    fn a_few_at_once_and_every_one_in_its_turn() {
        let transfers = transfers(2);
        let (begun, has_begun) = channel();
        let (free, wait) = channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let blobs: Vec<Arriving> = (0..5)
            .map(|number| {
                let (begun, wait) = (Mutex::new(begun.clone()), wait.clone());
                transfers.blob(1, move |take| {
                    begun.lock().unwrap().send(number).unwrap();
                    wait.lock().unwrap().recv().unwrap();
                    take(b"x")
                })
            })
            .collect();
        blobs.iter().for_each(|blob| blob.begin().unwrap());
        let mut first: Vec<i32> = (0..2).map(|_| has_begun.recv().unwrap()).collect();
        first.sort_unstable();
        assert_eq!(first, [0, 1]);
        assert!(has_begun.try_recv().is_err(), "not more than two at once");
        for next in 2..5 {
            free.send(()).unwrap();
            assert_eq!(has_begun.recv().unwrap(), next);
        }
        (0..2).for_each(|_| free.send(()).unwrap());
        blobs.iter().for_each(|blob| assert_eq!(read_all(blob, 0).unwrap(), b"x"));
    }

    #[test]
    fn what_nobody_wants_any_more_is_given_up() {
        let transfers = transfers(1);
        let (blob, send) = told(&transfers, 1 << 30);
        blob.begin().unwrap();
        let (waiting, never) = told(&transfers, 1);
        waiting.begin().unwrap();
        drop((blob, waiting));
        // The transfer sees at its next piece that nobody is there, and lets go of what tells it.
        while send.send(Ok(vec![0; 10])).is_ok() {
            std::thread::yield_now();
        }
        assert!(never.send(Ok(Vec::new())).is_err(), "and what was in the queue is not got at all");
    }

    #[test]
    fn without_room_for_the_file_it_says_so() {
        let blob = Transfers::new(1, Path::new("/nowhere")).blob(1, |take| take(b"x"));
        let problem = read_all(&blob, 0).unwrap_err().to_string();
        assert!(problem.starts_with("cannot write a temporary copy in /nowhere: "), "{problem}");
        assert_eq!(blob.file().unwrap_err().to_string(), problem);
    }
}
