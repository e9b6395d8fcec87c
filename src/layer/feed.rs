//! The text of a new layer on its way: hashed, cut into chunks and handed to those who compress and write it.
//!
//! # Decisions
//! - Text is cut into chunks of a fixed size, each compressed by itself, so the bytes do not depend on the number of
//!   threads or on how the text came in.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::open::Seen;
use crate::buffers::{Buffer, Buffers, Shared};
use crate::deflate::{Chunk, Word};
use crate::hash::Hash;
use crate::oci::Digest;

/// Takes the text of a new layer, in order.
pub(super) trait Take {
    /// What comes now is for this one of the new layers.
    fn turn_to(&mut self, output: usize) -> io::Result<()>;

    /// Takes text that has to be compressed.
    fn text(&mut self, text: Buffer) -> io::Result<()>;

    /// The same, a few bytes.
    fn bytes(&mut self, text: &[u8]) -> io::Result<()>;

    /// Whether compressed blocks are taken.
    fn takes_blocks(&self) -> bool;

    /// Takes text that the blocks stand for that come next. Only where blocks are taken.
    fn copied(&mut self, text: Buffer) -> io::Result<()>;

    /// Takes the blocks that the copied text before them is compressed to.
    fn blocks(&mut self, blocks: Blocks) -> io::Result<()>;
}

/// Takes no compressed blocks, whoever is behind it.
pub(super) struct AsText<'t>(pub(super) &'t mut dyn Take);

impl Take for AsText<'_> {
    fn turn_to(&mut self, output: usize) -> io::Result<()> {
        self.0.turn_to(output)
    }

    fn text(&mut self, text: Buffer) -> io::Result<()> {
        self.0.text(text)
    }

    fn bytes(&mut self, text: &[u8]) -> io::Result<()> {
        self.0.bytes(text)
    }

    fn takes_blocks(&self) -> bool {
        false
    }

    fn copied(&mut self, text: Buffer) -> io::Result<()> {
        self.0.text(text)
    }

    fn blocks(&mut self, _: Blocks) -> io::Result<()> {
        Ok(())
    }
}

/// Packs what it takes.
pub(super) struct Feed<'f> {
    chunk: Buffer,
    buffers: &'f Buffers,
    hash: Hash<'f>,
    sum: crc32fast::Hasher,
    items: SyncSender<Item>,
    /// Those who compress chunks; `None` when the writer does it.
    workers: Option<SyncSender<Job>>,
    /// Whether the chunk comes after copied blocks.
    is_between: bool,
    seen: Seen<'f>,
}

/// A part of the blob, on its way to the writer.
pub(super) enum Item {
    Text(Shared),
    Chunk(Receiver<Chunk>),
    Blocks(Blocks),
}

/// Deflate blocks: whole ones, or a part of one.
#[derive(Debug)]
pub(super) struct Blocks {
    /// The bytes that hold them.
    pub(super) bytes: Vec<u8>,
    /// The bits of the header of the block that is entered; `None` when it is copied from its start.
    pub(super) header: Option<Range<u64>>,
    /// The bit where the first begins, or where it is entered.
    pub(super) from: u64,
    /// The bit behind the last, or where it is left.
    pub(super) to: u64,
    /// The bit where one begins that may say that its stream ends.
    pub(super) last: Option<u64>,
    /// What ends the block that is left; `None` when it is copied to its end.
    pub(super) end: Option<Word>,
}

/// A chunk to compress, and where its blocks go.
pub(super) struct Job {
    pub(super) text: Shared,
    /// Whether it stands beside copied blocks.
    pub(super) is_between: bool,
    pub(super) done: SyncSender<Chunk>,
}

/// A text that was fed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fed {
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// The checksum that ends a gzip member.
    pub(super) sum: u32,
}

impl Take for Feed<'_> {
    fn turn_to(&mut self, _: usize) -> io::Result<()> {
        // A feed is for one layer.
        Ok(())
    }

    fn text(&mut self, text: Buffer) -> io::Result<()> {
        if !self.chunk.is_empty() {
            return self.bytes(&text);
        }
        self.chunk = text;
        if self.chunk.is_full() { self.flush() } else { Ok(()) }
    }

    fn bytes(&mut self, mut text: &[u8]) -> io::Result<()> {
        while !text.is_empty() {
            text = &text[self.chunk.append(text)..];
            if self.chunk.is_full() {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn takes_blocks(&self) -> bool {
        self.workers.is_some()
    }

    fn copied(&mut self, text: Buffer) -> io::Result<()> {
        self.is_between = true;
        self.flush()?;
        self.pass(Arc::new(text));
        Ok(())
    }

    fn blocks(&mut self, blocks: Blocks) -> io::Result<()> {
        self.is_between = true;
        self.send(Item::Blocks(blocks))
    }
}

impl<'f> Feed<'f> {
    /// Feeds the writer that receives `items`; chunks are compressed by `workers` first, if there are any.
    pub(super) fn new(
        buffers: &'f Buffers,
        hash: Hash<'f>,
        items: SyncSender<Item>,
        workers: Option<SyncSender<Job>>,
        seen: Seen<'f>,
    ) -> Self {
        let (chunk, sum) = (buffers.take(), crc32fast::Hasher::new());
        Self { chunk, buffers, hash, sum, items, workers, is_between: false, seen }
    }

    /// Sends what is left. Returns what was fed in all; `None` when the writer has gone.
    pub(super) fn finish(mut self) -> Option<Fed> {
        let is_whole = self.flush().is_ok();
        let (digest, size) = self.hash.finish();
        is_whole.then(|| Fed { digest, size, sum: self.sum.finalize() })
    }

    /// Sends the chunk on its way.
    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let text = Arc::new(std::mem::replace(&mut self.chunk, self.buffers.take()));
        self.pass(text.clone());
        let Some(workers) = &self.workers else { return self.send(Item::Text(text)) };
        let (done, chunk) = sync_channel(1);
        let is_between = std::mem::take(&mut self.is_between);
        let sent = workers.send(Job { text, is_between, done });
        sent.map_err(|_| io::Error::from(io::ErrorKind::Interrupted))?;
        self.send(Item::Chunk(chunk))
    }

    /// Hashes and counts text.
    fn pass(&mut self, text: Shared) {
        if self.workers.is_some() {
            self.sum.update(&text);
        }
        (self.seen)(text.len() as u64);
        self.hash.feed(text);
    }

    fn send(&self, item: Item) -> io::Result<()> {
        self.items.send(item).map_err(|_| io::ErrorKind::Interrupted.into())
    }
}
