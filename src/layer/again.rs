//! The bytes of a blob that was verified, read again from anywhere on.

use std::io::{self, BufRead, Read};

use crate::blob::{BLOCK, Sealed};
use crate::buffers::{Buffer, Buffers};

/// A blob that is read again, forward.
pub(super) struct Again<'s> {
    blob: &'s Sealed,
    buffers: &'s Buffers,
    current: Option<Buffer>,
    /// Bytes of the current buffer that were taken; without one, bytes of the next block that nobody wants.
    at: usize,
    /// Where the next block begins.
    next: u64,
    /// Whether what comes next follows what was read last.
    goes_on: bool,
}

impl<'s> Again<'s> {
    /// The bytes of `blob` from `at` on.
    pub(super) fn new(blob: &'s Sealed, at: u64, buffers: &'s Buffers) -> Self {
        let mut again = Self { blob, buffers, current: None, at: 0, next: 0, goes_on: false };
        again.go_to(at);
        again
    }

    /// Passes over `count` bytes.
    pub(super) fn skip(&mut self, count: u64) {
        let ahead = self.current.as_ref().map_or(0, |buffer| buffer.len() - self.at);
        match usize::try_from(count) {
            Ok(count) if count <= ahead => self.at += count,
            _ => {
                // Without a buffer the next byte is inside the next block.
                let inside = if self.current.is_some() { 0 } else { self.at as u64 };
                self.go_to(self.next + inside + (count - ahead as u64));
            }
        }
    }

    fn go_to(&mut self, at: u64) {
        let inside = at % BLOCK as u64;
        self.goes_on = self.goes_on && at - inside == self.next;
        (self.current, self.next) = (None, at - inside);
        self.at = usize::try_from(inside).unwrap_or_default();
    }

    /// Reads on. A leap is often followed by another one, so it is only one block that is read after it.
    fn read_on(&mut self) -> io::Result<()> {
        let inside = if self.current.take().is_some() { 0 } else { self.at };
        let mut buffer = self.buffers.take();
        let room = buffer.room();
        let wanted = if self.goes_on { room.len() } else { BLOCK };
        let count = self.blob.read(self.next, &mut room[..wanted])?;
        buffer.fill(count);
        self.next += count as u64;
        self.goes_on = true;
        self.at = inside.min(count);
        self.current = Some(buffer);
        Ok(())
    }
}

impl BufRead for Again<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.current.as_ref().is_none_or(|buffer| buffer.len() == self.at) {
            self.read_on()?;
        }
        Ok(self.current.as_ref().map_or(&[], |buffer| &buffer[self.at..]))
    }

    fn consume(&mut self, n: usize) {
        self.at += n;
    }
}

impl Read for Again<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let n = piece.len().min(output.len());
        output[..n].copy_from_slice(&piece[..n]);
        self.consume(n);
        Ok(n)
    }
}
