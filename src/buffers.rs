//! Buffers that are used again and may be read by several threads at once.
//!
//! A fresh buffer of this size costs a system call and a page fault for every 4 KiB; one that was used before costs
//! nothing. A buffer comes back to its pool when the last thread that reads it lets go.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of a buffer: large enough that handing one on costs nothing, small enough for a processor's cache.
pub const BUFFER: usize = 256 << 10;

/// A pool of buffers. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Buffers(Arc<Mutex<Pool>>);

#[derive(Debug, Default)]
struct Pool {
    buffers: Vec<Vec<u8>>,
    bytes: Vec<Vec<u8>>,
}

/// A buffer someone fills.
#[derive(Debug)]
pub struct Buffer {
    /// Always as long as the buffer is large; what counts is `filled`.
    bytes: Vec<u8>,
    filled: usize,
    pool: Buffers,
}

/// A buffer that is full and that several threads may read.
pub type Shared = Arc<Buffer>;

impl Buffers {
    /// A pool without buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer of [`BUFFER`] bytes.
    pub fn take(&self) -> Buffer {
        let used = self.lock().buffers.pop();
        Buffer { bytes: used.unwrap_or_else(|| vec![0; BUFFER]), filled: 0, pool: self.clone() }
    }

    /// An empty vector with room for what a buffer is compressed to, usually.
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.pop().unwrap_or_else(|| Vec::with_capacity(BUFFER + BUFFER / 4))
    }

    /// Takes back a vector that [`Self::bytes`] gave.
    pub fn give_back(&self, mut bytes: Vec<u8>) {
        if bytes.capacity() <= 2 * BUFFER {
            bytes.clear();
            self.lock().bytes.push(bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    /// What is left to fill.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.filled..]
    }

    /// Counts `n` more bytes as filled.
    pub fn fill(&mut self, n: usize) {
        self.filled += n;
        assert!(self.filled <= self.bytes.len(), "a buffer holds no more than it has room for");
    }

    /// Whether there is no room left.
    pub fn is_full(&self) -> bool {
        self.filled == self.bytes.len()
    }

    /// Appends as much of `bytes` as there is room for. Returns how much that is.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let room = self.room();
        let n = room.len().min(bytes.len());
        room[..n].copy_from_slice(&bytes[..n]);
        self.fill(n);
        n
    }

    /// Forgets what was filled from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.filled = self.filled.min(len);
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.pool.lock().buffers.push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_the_last_reader_lets_go() {
        let pool = Buffers::new();
        let mut buffer = pool.take();
        assert_eq!(buffer.append(&[7; BUFFER + 1]), BUFFER);
        assert!(buffer.is_full());
        let one: Shared = Arc::new(buffer);
        let other = one.clone();
        drop(one);
        assert_eq!(pool.lock().buffers.len(), 0);
        assert_eq!(&other[..3], [7; 3]);
        drop(other);
        assert_eq!(pool.lock().buffers.len(), 1);
        assert!(pool.take().is_empty());
        assert_eq!(pool.lock().buffers.len(), 1);
    }
}
