//! Watching a layer's bytes go by: how many there are, what they hash to, and whether they ever end.

use std::io::{self, BufRead, Read, Write};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::oci::{DiffId, Digest};
use crate::tar::Forward;

/// Is told of every stretch of bytes that went by.
pub type Seen<'s> = &'s (dyn Fn(u64) + Sync);

/// Tells of what is read or written.
pub(super) struct Counted<'s, R> {
    inner: R,
    seen: Seen<'s>,
}

impl<'s, R> Counted<'s, R> {
    pub(super) fn new(inner: R, seen: Seen<'s>) -> Self {
        Self { inner, seen }
    }
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        (self.seen)(n as u64);
        Ok(n)
    }
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(buffer)?;
        (self.seen)(n as u64);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Hashes the uncompressed layer as it comes, in whole buffers, and stops one that has no end.
pub(super) struct Plain<R> {
    inner: R,
    hasher: Sha256,
    /// Bytes of the current buffer that are hashed and not yet consumed.
    ahead: usize,
    count: u64,
    limit: u64,
}

/// A layer that grows beyond all measure.
#[derive(Debug, Error)]
#[error("it inflates to more than {limit} bytes: raise the limit with --max-layer-size if you trust the image")]
struct Endless {
    limit: u64,
}

impl<R> Plain<R> {
    /// Watches `inner`, which may have `limit` bytes.
    pub(super) fn new(inner: R, limit: u64) -> Self {
        Self { inner, hasher: Sha256::new(), ahead: 0, count: 0, limit }
    }

    /// The digest of what was read.
    pub(super) fn diff_id(self) -> DiffId {
        DiffId(Digest::from_hasher(self.hasher))
    }
}

impl<R: BufRead> Read for Plain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let n = piece.len().min(buffer.len());
        buffer[..n].copy_from_slice(&piece[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl<R: BufRead> Forward for Plain<R> {}

impl<R: BufRead> BufRead for Plain<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let piece = self.inner.fill_buf()?;
        if self.ahead == 0 {
            self.hasher.update(piece);
            self.ahead = piece.len();
            self.count += piece.len() as u64;
            if self.count > self.limit {
                return Err(io::Error::other(Endless { limit: self.limit }));
            }
        }
        Ok(piece)
    }

    fn consume(&mut self, n: usize) {
        self.ahead -= n;
        self.inner.consume(n);
    }
}
