//! Copying stretches of a gzip layer as the deflate blocks they are compressed to.
//!
//! # Decisions
//! - A token may refer to the 32 KiB of text before it. So what a stretch begins with is compressed anew, 32 KiB of it or
//!   up to a member of its own; from there to its end the tokens are copied.
//! - Where a stretch begins or ends inside a block, the block is cut between two tokens: its header is put before the
//!   first, or the code that ends it behind the last. Stored blocks are not cut but compressed anew.
//! - A block has no size limit. The text of one that grows beyond [`MAX_HELD`] is compressed anew.
//! - Nothing is copied that was not inflated and hashed in the same pass: blob and diff_id cannot part.

use std::io;

use super::again::Again;
use super::feed::{Blocks, Take};
use crate::blob::Sealed;
use crate::buffers::{Buffer, Buffers};
use crate::deflate::{Access, Boundary, GzipReader, Place, Until, Walk};

/// Text that a token may refer to.
const REACH: u64 = 32 << 10;
/// Text for which it is not worth to copy blocks.
const MIN_COPY: u64 = 8 << 10;
/// Text that is inflated and dropped sooner than a new way in is taken.
const MIN_LEAP: u64 = 128 << 10;
/// Buffers of text held until it is known where its block ends.
const MAX_HELD: usize = 16;
/// Compressed bytes of a block kept to cut it.
const MAX_KEPT: usize = 8 << 20;

/// A gzip layer, read forward.
pub(super) struct Spliced<'s> {
    blob: &'s Sealed,
    ways_in: &'s [Access],
    buffers: &'s Buffers,
    reader: GzipReader<Again<'s>>,
    /// The block under way, whose bytes the reader keeps.
    block: Option<Block>,
}

/// Where a block begins.
#[derive(Clone, Copy)]
struct Block {
    bit: u64,
    text: u64,
}

/// A stretch on its way.
struct Run<'r, 's> {
    reader: &'r mut GzipReader<Again<'s>>,
    buffers: &'s Buffers,
    take: &'r mut dyn Take,
    /// From where on in the text tokens may be copied: what they refer to is in the stretch too.
    free: u64,
    /// Where the stretch ends, for now.
    end: u64,
    /// Text that was inflated and not yet handed on; all buffers but the last are full.
    held: Vec<Buffer>,
    block: &'r mut Option<Block>,
    /// The blocks that are being copied; `None` while text is compressed anew.
    copying: Option<Copying>,
}

/// Blocks that are being collected.
#[derive(Clone, Copy)]
struct Copying {
    /// The bit where the first one begins.
    from: u64,
    /// The bit behind the last one that ended.
    to: u64,
    /// The bit where the one begins that says that its stream ends.
    last: Option<u64>,
}

/// What text is handed on for.
#[derive(Clone, Copy)]
enum Purpose {
    /// It is compressed anew.
    Compress,
    /// Blocks stand for it.
    Copy,
}

impl Copying {
    fn from(bit: u64) -> Self {
        Self { from: bit, to: bit, last: None }
    }
}

impl<'s> Spliced<'s> {
    /// Reads `blob` from its start.
    pub(super) fn new(blob: &'s Sealed, ways_in: &'s [Access], buffers: &'s Buffers) -> Self {
        Self { blob, ways_in, buffers, reader: GzipReader::new(Again::new(blob, 0, buffers)), block: None }
    }

    /// Hands the `len` bytes of text from `start` on to `take`. They are part of a stretch that begins at `run` and is
    /// handed on without a break.
    pub(super) fn copy(&mut self, start: u64, len: u64, run: u64, take: &mut dyn Take) -> io::Result<()> {
        self.seek(start, take.takes_blocks())?;
        let Self { reader, buffers, block, .. } = self;
        let (free, end) = (run + REACH, start + len);
        Run { reader, buffers, take, free, end, held: Vec::new(), block, copying: None }.pass(run)
    }

    /// Goes to `start` by the shortest way.
    fn seek(&mut self, start: u64, with_blocks: bool) -> io::Result<()> {
        let next = self.ways_in.partition_point(|access| access.text <= start);
        let way_in = next.checked_sub(1).map(|at| &self.ways_in[at]);
        let is_behind = self.reader.position() > start;
        if let Some(access) = way_in.filter(|access| is_behind || access.text > self.reader.position() + MIN_LEAP) {
            self.reader = GzipReader::resume(Again::new(self.blob, access.bit / 8, self.buffers), access)?;
            self.block = None;
        } else if is_behind {
            self.reader = GzipReader::new(Again::new(self.blob, 0, self.buffers));
            self.block = None;
        }
        let until = if with_blocks { Until::Boundary } else { Until::Full };
        let mut passed = self.buffers.take();
        while self.reader.position() < start {
            let room = limited(passed.room(), start - self.reader.position());
            match self.reader.read(room, until)? {
                (_, Place::Boundary(boundary)) => {
                    begin_block(&mut self.reader, self.buffers, &mut self.block, boundary)
                }
                (0, _) => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ if self.reader.kept().0.len() > MAX_KEPT => {
                    forget_block(&mut self.reader, self.buffers, &mut self.block)
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The first `len` bytes, or all if there are fewer.
fn limited(room: &mut [u8], len: u64) -> &mut [u8] {
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(room.len());
    &mut room[..len]
}

/// Keeps the bytes of the block that begins at `boundary`, if one does, and no others.
fn begin_block(reader: &mut GzipReader<Again<'_>>, buffers: &Buffers, block: &mut Option<Block>, boundary: Boundary) {
    forget_block(reader, buffers, block);
    if !boundary.last {
        reader.keep(boundary.bit, buffers.bytes());
        *block = Some(Block { bit: boundary.bit, text: reader.position() });
    }
}

fn forget_block(reader: &mut GzipReader<Again<'_>>, buffers: &Buffers, block: &mut Option<Block>) {
    if block.take().is_some() {
        buffers.give_back(reader.forget());
    }
}

impl Run<'_, '_> {
    fn pass(mut self, run: u64) -> io::Result<()> {
        let until = if self.take.takes_blocks() { Until::Boundary } else { Until::Full };
        loop {
            let at = self.reader.position();
            // A block that ends with the stretch may be told only when asked once more.
            let is_done = at == self.end;
            let limit = if self.copying.is_none() && at < self.free { self.free.min(self.end) } else { self.end };
            let mut buffer = self.room()?;
            let (n, place) = self.reader.read(limited(buffer.room(), limit - at), until)?;
            buffer.fill(n);
            self.held.push(buffer);
            match place {
                Place::Boundary(boundary) => {
                    if self.reader.member() >= run {
                        self.free = self.free.min(self.reader.member());
                    }
                    self.boundary(boundary)?;
                }
                _ if is_done => break,
                Place::End if self.reader.position() < self.end => return Err(io::ErrorKind::UnexpectedEof.into()),
                // What is before this place can only be compressed anew.
                _ if self.copying.is_none() && self.reader.position() == self.free => self.compress_anew(self.free)?,
                _ => {}
            }
        }
        self.copy_blocks()?;
        self.copy_part(self.end, None)?;
        self.compress_anew(self.end)
    }

    /// A buffer with room for text.
    fn room(&mut self) -> io::Result<Buffer> {
        match self.held.pop() {
            Some(buffer) if !buffer.is_full() => return Ok(buffer),
            full => self.held.extend(full),
        }
        let at = self.reader.position();
        match self.copying {
            Some(copying) if copying.to > copying.from => self.copy_blocks()?,
            None if at <= self.free || self.block.is_none() => self.compress_anew(at)?,
            _ if self.held.len() < MAX_HELD => {}
            _ => {
                self.copying = None;
                forget_block(self.reader, self.buffers, self.block);
                self.compress_anew(at)?;
            }
        }
        Ok(self.buffers.take())
    }

    /// A block ended, and another one begins or the stream ends.
    fn boundary(&mut self, boundary: Boundary) -> io::Result<()> {
        let at = self.reader.position();
        if let Some(copying) = &mut self.copying {
            copying.last = boundary.last.then_some(copying.to);
            copying.to = boundary.bit;
            *self.block = Some(Block { bit: boundary.bit, text: at });
            if boundary.last {
                // What follows in the stream is no block.
                self.copy_blocks()?;
                self.copying = None;
                forget_block(self.reader, self.buffers, self.block);
            }
            return Ok(());
        }
        self.copy_part(at, Some(boundary))?;
        self.compress_anew(at)?;
        begin_block(self.reader, self.buffers, self.block, boundary);
        if at >= self.free && !boundary.last && at + MIN_COPY <= self.end {
            self.copying = Some(Copying::from(boundary.bit));
        }
        Ok(())
    }

    /// Hands on the blocks that ended.
    fn copy_blocks(&mut self) -> io::Result<()> {
        let (Some(Copying { from, to, last }), Some(block)) = (self.copying, *self.block) else { return Ok(()) };
        if from == to {
            return Ok(());
        }
        self.hand_on(block.text, Purpose::Copy)?;
        let bytes = self.reader.kept_up_to(to, self.buffers.bytes());
        let base = from / 8 * 8;
        self.copying = Some(Copying::from(to));
        let (from, to, last) = (from - base, to - base, last.map(|bit| bit - base));
        self.take.blocks(Blocks { bytes, header: None, from, to, last, end: None })
    }

    /// Copies what of the block under way lies in the stretch and is free, up to `end`, where the block ends too or, if
    /// `boundary` does not say so, is left.
    fn copy_part(&mut self, end: u64, boundary: Option<Boundary>) -> io::Result<()> {
        let Some(block) = *self.block else { return Ok(()) };
        let begin = self.free.max(block.text);
        if begin + MIN_COPY > end {
            return Ok(());
        }
        let (kept, base) = self.reader.kept();
        let bit = block.bit - base;
        let Some(mut walk) = Walk::begin(kept, bit) else { return Ok(()) };
        let Some(enter) = walk.reach(begin - block.text) else { return Ok(()) };
        let (leave_text, to, word) = match boundary {
            Some(boundary) => (end, boundary.bit - base, None),
            None => {
                let leave = walk.approach(end - block.text);
                (block.text + leave.text, leave.bit, Some(walk.end()))
            }
        };
        let (header, from) = if enter.text > 0 { (Some(bit..walk.tokens()), enter.bit) } else { (None, bit) };
        let mut bytes = self.buffers.bytes();
        bytes.extend_from_slice(kept);
        self.compress_anew(block.text + enter.text)?;
        self.hand_on(leave_text, Purpose::Copy)?;
        self.take.blocks(Blocks { bytes, header, from, to, last: Some(bit), end: word })
    }

    /// Hands on the text before `end` that no copied block stands for.
    fn compress_anew(&mut self, end: u64) -> io::Result<()> {
        self.hand_on(end, Purpose::Compress)
    }

    /// Hands on the text held that lies before `end`.
    fn hand_on(&mut self, end: u64, purpose: Purpose) -> io::Result<()> {
        let held: u64 = self.held.iter().map(|buffer| buffer.len() as u64).sum();
        let mut at = self.reader.position() - held;
        for mut buffer in std::mem::take(&mut self.held) {
            let wanted = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
            at += buffer.len() as u64;
            if wanted < buffer.len() {
                let mut rest = self.buffers.take();
                rest.append(&buffer[wanted..]);
                self.held.push(rest);
                buffer.truncate(wanted);
            }
            if !buffer.is_empty() {
                match purpose {
                    Purpose::Compress => self.take.text(buffer)?,
                    Purpose::Copy => self.take.copied(buffer)?,
                }
            }
        }
        Ok(())
    }
}
