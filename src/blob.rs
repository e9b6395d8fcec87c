//! Blobs: where bytes lie in an archive, and whether they are what a descriptor says.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{Advice, copy_file_range, fadvise};
use rustix::io::Errno;
use thiserror::Error;

use crate::oci::Digest;

/// Bytes after which the disk is asked to begin writing, so that little is left to wait for at the end.
pub const WRITEBACK: usize = 16 << 20;

/// Asks the disk to begin writing the `len` bytes of `file` from `offset` on. Only a hint: Linux begins to write what it
/// is told is not needed, and keeps what is not written yet.
pub fn begin_writeback(file: &File, offset: u64, len: u64) {
    let _ = fadvise(file, offset, NonZeroU64::new(len), Advice::DontNeed);
}

/// A stretch of an open file. Cheap to clone, readable from any number of threads at once.
#[derive(Clone, Debug)]
pub struct Span {
    file: Arc<File>,
    offset: u64,
    len: u64,
}

impl Span {
    /// The `len` bytes of `file` from `offset` on.
    pub fn new(file: Arc<File>, offset: u64, len: u64) -> Self {
        Self { file, offset, len }
    }

    /// All of `file`, as long as it is now.
    pub fn whole(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self::new(Arc::new(file), 0, len))
    }

    /// The `len` bytes from `offset` of this span on.
    pub fn part(&self, offset: u64, len: u64) -> Self {
        Self::new(self.file.clone(), self.offset + offset, len)
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

    /// The whole span in memory; an error when it has more than `limit` bytes.
    pub fn read_all(&self, limit: u64) -> io::Result<Vec<u8>> {
        if self.len > limit {
            let problem = format!("it has {} bytes, more than the {limit} such a document may have", self.len);
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        let mut bytes = Vec::new();
        self.reader().read_to_end(&mut bytes)?;
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
    /// shares blocks then writes nothing.
    pub fn copy_to(&self, target: &mut File) -> io::Result<()> {
        let (mut from, mut to) = (self.offset, target.stream_position()?);
        let end = self.offset + self.len;
        while from < end {
            let left = usize::try_from(end - from).unwrap_or(usize::MAX).min(WRITEBACK);
            match copy_file_range(&self.file, Some(&mut from), &*target, Some(&mut to), left) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends inside this blob")),
                Ok(n) => begin_writeback(target, to - n as u64, n as u64),
                Err(Errno::INTR) => {}
                // Not between these two files: by way of memory.
                Err(_) => break,
            }
        }
        target.seek(SeekFrom::Start(to))?;
        let rest = self.part(from - self.offset, end - from);
        io::copy(&mut rest.reader(), target).map(|_| ())
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
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends inside this blob"));
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
