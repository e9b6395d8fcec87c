//! Blobs: where bytes lie in an archive, and whether they are what a descriptor says.
//!
//! # Decisions
//! - A file that is read more than once has to stay what it was when it was opened: its size and its time of change
//!   (mtime) tell ([`Span::unchanged`]). Not its ctime: a hard link, a chmod or another file in its place (`mv`, as
//!   `docker save -o` does) changes that too, and the bytes that were opened are still the same. Nor the name: whatever
//!   has it now, what was opened is read.
//! - That is the cheap half, which whoever writes can hide. [`Sealed`] is the other one.
//! - Bytes may still be elsewhere ([`Distant`]): they come when somebody reads them, and only then, so that everything
//!   that reads a blob reads one of a registry too.

mod seal;

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use thiserror::Error;

pub use self::seal::{BLOCK, Sealed, Sealing};
use crate::oci::Digest;
use crate::system;

/// Bytes after which the disk is asked to begin writing, so that little is left to wait for at the end.
pub const WRITEBACK: usize = 16 << 20;

/// Bytes that are copied at a time by way of memory.
const COPIED: usize = 256 << 10;

/// Bytes that are elsewhere, and come here when somebody reads them. Readable from any number of threads at once.
pub trait Distant: fmt::Debug + Send + Sync {
    /// Asks for them, so that they are here sooner when they are read.
    fn begin(&self) -> io::Result<()>;

    /// Reads from `offset` on as much as is here and fits into `buffer`; waits until something is. 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// A stretch of an open file, or of what is read like one. Cheap to clone, readable from any number of threads at once.
#[derive(Clone, Debug)]
pub struct Span {
    file: Arc<Opened>,
    offset: u64,
    len: u64,
}

/// A file, and what it was when it was opened if others may write to it.
#[derive(Debug)]
struct Opened {
    bytes: Bytes,
    state: Option<State>,
}

/// Where bytes lie.
#[derive(Debug)]
enum Bytes {
    File(File),
    Memory(Vec<u8>),
    Distant(Arc<dyn Distant>),
}

impl Opened {
    /// What only this process knows.
    fn own(bytes: Bytes) -> Arc<Self> {
        Arc::new(Self { bytes, state: None })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match &self.bytes {
            Bytes::File(file) => file.read_at(buffer, offset),
            Bytes::Memory(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
                let n = rest.len().min(buffer.len());
                buffer[..n].copy_from_slice(&rest[..n]);
                Ok(n)
            }
            Bytes::Distant(bytes) => bytes.read_at(buffer, offset),
        }
    }

    /// Fills `buffer`; an error when there is less.
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    buffer = &mut buffer[n..];
                    offset += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What tells that somebody wrote to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    len: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

impl State {
    fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self { len: found.len(), modified: (found.mtime(), found.mtime_nsec()) })
    }
}

/// A file that is no longer what it was when it was opened.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Changed {
    /// It ends sooner.
    #[error("the input became shorter while it was read: squash it again when nothing writes to it")]
    Shorter,
    /// It has other bytes.
    #[error("the input changed while it was read: squash it again when nothing writes to it")]
    Contents,
}

impl From<Changed> for io::Error {
    fn from(problem: Changed) -> Self {
        let kind = match problem {
            Changed::Shorter => io::ErrorKind::UnexpectedEof,
            Changed::Contents => io::ErrorKind::InvalidData,
        };
        Self::new(kind, problem)
    }
}

/// A copy that cannot be made.
#[derive(Debug, Error)]
pub enum CopyError {
    /// What is copied cannot be read.
    #[error("cannot read it: {0}")]
    Read(io::Error),
    /// The copy cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

impl From<CopyError> for io::Error {
    fn from(problem: CopyError) -> Self {
        match problem {
            CopyError::Read(problem) | CopyError::Write(problem) => problem,
        }
    }
}

impl Span {
    /// All of `file`, as long as it is now, to which others may write.
    pub fn whole(file: File) -> io::Result<Self> {
        let state = State::of(&file)?;
        let file = Arc::new(Opened { bytes: Bytes::File(file), state: Some(state) });
        Ok(Self { file, offset: 0, len: state.len })
    }

    /// All of `file`, as long as it is now, which nobody else knows.
    pub fn private(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file: Opened::own(Bytes::File(file)), offset: 0, len })
    }

    /// All of `bytes`, which are in memory.
    pub fn of(bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u64;
        Self { file: Opened::own(Bytes::Memory(bytes)), offset: 0, len }
    }

    /// The `len` bytes that are elsewhere.
    pub fn distant(bytes: Arc<dyn Distant>, len: u64) -> Self {
        Self { file: Opened::own(Bytes::Distant(bytes)), offset: 0, len }
    }

    /// Whether reading it moves bytes from elsewhere.
    pub fn is_distant(&self) -> bool {
        matches!(self.file.bytes, Bytes::Distant(_))
    }

    /// Tells that it will be read. What is elsewhere sets out.
    pub fn expect(&self) -> io::Result<()> {
        match &self.file.bytes {
            Bytes::Distant(bytes) => bytes.begin(),
            _ => Ok(()),
        }
    }

    /// An error when somebody wrote to the file since it was opened ([`Changed`]).
    pub fn unchanged(&self) -> io::Result<()> {
        let (Some(before), Bytes::File(file)) = (self.file.state, &self.file.bytes) else { return Ok(()) };
        let now = State::of(file)?;
        match now == before {
            true => Ok(()),
            false if now.len < before.len => Err(Changed::Shorter.into()),
            false => Err(Changed::Contents.into()),
        }
    }

    /// The `len` bytes from `offset` of this span on.
    pub fn part(&self, offset: u64, len: u64) -> Self {
        Self { file: self.file.clone(), offset: self.offset + offset, len }
    }

    /// Bytes of the span.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the span has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads from the start of the span to its end.
    pub fn reader(&self) -> SpanReader {
        SpanReader { span: self.clone(), at: 0 }
    }

    /// The whole span in memory; an error when it has more than `limit` bytes, or when somebody wrote to the file
    /// before all of it was read.
    pub fn read_all(&self, limit: u64) -> io::Result<Vec<u8>> {
        if self.len > limit {
            let problem = format!("it has {} bytes, more than the {limit} such a document may have", self.len);
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        let mut bytes = Vec::new();
        self.reader().read_to_end(&mut bytes)?;
        self.unchanged()?;
        Ok(bytes)
    }

    /// The first bytes of the span, up to as many as `buffer` holds.
    pub fn peek<'b>(&self, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        let mut filled = 0;
        let mut reader = self.reader();
        while filled < buffer.len() {
            match reader.read(&mut buffer[filled..])? {
                0 => break,
                n => filled += n,
            }
        }
        Ok(&buffer[..filled])
    }

    /// Appends the span to what was written to `target` so far, inside the kernel where it can: a file system that
    /// shares blocks then writes nothing. After every step `written` is told of all that is there of the copy, so that
    /// it can be read while the rest is written.
    pub fn copy_to(&self, target: &mut File, written: &mut dyn FnMut(Self)) -> Result<(), CopyError> {
        let begin = target.stream_position()?;
        let copy = Opened::own(Bytes::File(target.try_clone()?));
        let mut tell = |len| written(Self { file: copy.clone(), offset: begin, len });
        let mut done = 0;
        while let (Bytes::File(file), true) = (&self.file.bytes, done < self.len) {
            let (mut from, mut to) = (self.offset + done, begin + done);
            let left = usize::try_from(self.len - done).unwrap_or(usize::MAX).min(WRITEBACK);
            match system::copy_range(file, &mut from, target, &mut to, left) {
                Ok(0) => return Err(CopyError::Read(Changed::Shorter.into())),
                Ok(n) => {
                    system::begin_writeback(target, begin + done, n as u64);
                    done += n as u64;
                    tell(done);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Not between these two files: by way of memory.
                Err(_) => break,
            }
        }
        target.seek(SeekFrom::Start(begin + done))?;
        let mut rest = self.part(done, self.len - done).reader();
        let mut buffer = vec![0; COPIED];
        loop {
            match rest.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => {
                    target.write_all(&buffer[..n])?;
                    done += n as u64;
                    tell(done);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(CopyError::Read(error)),
            }
        }
    }
}

/// Reads a [`Span`] in order. A file that has become shorter than the span is an error, not an early end.
#[derive(Debug)]
pub struct SpanReader {
    span: Span,
    at: u64,
}

impl SpanReader {
    /// Passes over `count` bytes; an error when the span has fewer.
    pub fn skip(&mut self, count: u64) -> io::Result<()> {
        let at = self.at.checked_add(count).filter(|at| *at <= self.span.len);
        self.at = at.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(())
    }
}

impl Read for SpanReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.span.len - self.at).unwrap_or(usize::MAX).min(buffer.len());
        if left == 0 {
            return Ok(0);
        }
        let n = self.span.file.read_at(&mut buffer[..left], self.span.offset + self.at)?;
        if n == 0 {
            return Err(Changed::Shorter.into());
        }
        self.at += n as u64;
        Ok(n)
    }
}

/// A blob that is not what its descriptor says.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Mismatch {
    /// The bytes hash to something else.
    #[error("digest mismatch: expected {expected}, found {found}")]
    Digest {
        /// What the descriptor says.
        expected: Digest,
        /// What the bytes are.
        found: Digest,
    },
    /// There are more or fewer bytes.
    #[error("size mismatch: expected {expected} bytes, found {found}")]
    Size {
        /// What the descriptor says.
        expected: u64,
        /// What there is.
        found: u64,
    },
}

/// Checks `bytes` against what a descriptor says of them.
pub fn verify(bytes: &[u8], digest: Digest, size: u64) -> Result<(), Mismatch> {
    check(Digest::of(bytes), bytes.len() as u64, digest, size)
}

/// Compares what was found with what a descriptor says.
pub fn check(found: Digest, found_size: u64, expected: Digest, expected_size: u64) -> Result<(), Mismatch> {
    if found_size != expected_size {
        return Err(Mismatch::Size { expected: expected_size, found: found_size });
    }
    if found != expected {
        return Err(Mismatch::Digest { expected, found });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn span_of(bytes: &[u8]) -> Span {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Span::whole(file).unwrap()
    }

    #[test]
    fn size_and_digest_mismatches_tell_both_sides() {
        let digest = Digest::of(b"01");
        assert_eq!(verify(b"012", digest, 2), Err(Mismatch::Size { expected: 2, found: 3 }));
        assert_eq!(verify(b"10", digest, 2), Err(Mismatch::Digest { expected: digest, found: Digest::of(b"10") }));
    }

    #[test]
    fn a_file_shorter_than_its_span_is_an_error() {
        let mut span = span_of(b"0123");
        span.len = 5;
        assert_eq!(span.read_all(10).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(span.read_all(4).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
