//! The uncompressed layer as the reader of tars takes it: hashed on the way, and stopped when it has no end.

use std::io::{self, BufRead, Read};

use thiserror::Error;

use super::open::Text;
use crate::buffers::Shared;
use crate::deflate::Access;
use crate::hash::Hash;
use crate::oci::DiffId;
use crate::tar::Forward;

/// The tar of a layer, read once and in order.
pub(super) struct Plain<'b, 'r> {
    text: Text<'b, 'r>,
    hash: Option<Hash<'r>>,
    current: Option<Shared>,
    /// Bytes of the current buffer that were taken.
    at: usize,
    count: u64,
    limit: u64,
}

/// A layer that grows beyond all measure.
#[derive(Debug, Error)]
#[error("it inflates to more than {limit} bytes: raise the limit with --max-layer-size if you trust the image")]
struct Endless {
    limit: u64,
}

impl<'b, 'r> Plain<'b, 'r> {
    /// Watches `text`, which may have `limit` bytes, and feeds it to `hash`.
    pub(super) fn new(text: Text<'b, 'r>, hash: Option<Hash<'r>>, limit: u64) -> Self {
        Self { text, hash, current: None, at: 0, count: 0, limit }
    }

    /// The digest of what was read, if it was hashed, and what [`Text::finish`] tells of the blob.
    pub(super) fn finish(self) -> (Option<DiffId>, Vec<Access>, bool) {
        let (ways_in, in_one_part) = self.text.finish();
        (self.hash.map(|hash| DiffId(hash.finish().0)), ways_in, in_one_part)
    }
}

impl Forward for Plain<'_, '_> {}

impl BufRead for Plain<'_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.current.as_ref().is_none_or(|buffer| buffer.len() == self.at) {
            self.current = None;
            (self.current, self.at) = (self.text.next()?, 0);
            if let Some(buffer) = &self.current {
                self.count += buffer.len() as u64;
                if self.count > self.limit {
                    return Err(io::Error::other(Endless { limit: self.limit }));
                }
                if let Some(hash) = &self.hash {
                    hash.feed(buffer.clone());
                }
            }
        }
        Ok(self.current.as_ref().map_or(&[], |buffer| &buffer[self.at..]))
    }

    fn consume(&mut self, n: usize) {
        self.at += n;
    }
}

impl Read for Plain<'_, '_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let n = piece.len().min(output.len());
        output[..n].copy_from_slice(&piece[..n]);
        self.consume(n);
        Ok(n)
    }
}
