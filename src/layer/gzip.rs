//! Writing a layer as one gzip member.
//!
//! # Decisions
//! - The header says nothing of the machine or the time: no name, time 0, system 255 (unknown).

use std::io::{self, Write};

use super::feed::Blocks;
use crate::deflate::{Chunk, Joiner};

/// Magic, deflate, no flags, no time, no extra flags, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A member under way.
pub(super) struct Member<W> {
    output: W,
    joiner: Joiner,
}

impl<W: Write> Member<W> {
    /// Writes the header.
    pub(super) fn begin(mut output: W) -> io::Result<Self> {
        output.write_all(&HEADER)?;
        Ok(Self { output, joiner: Joiner::new() })
    }

    /// Appends a chunk that was compressed by itself.
    pub(super) fn chunk(&mut self, chunk: &Chunk) -> io::Result<()> {
        self.joiner.append(&chunk.bytes, 0, chunk.bits, Some(chunk.last));
        self.pass()
    }

    /// Appends blocks of another stream.
    pub(super) fn blocks(&mut self, blocks: &Blocks) -> io::Result<()> {
        let Blocks { bytes, header, from, to, last, end } = blocks;
        match header {
            None => self.joiner.append(bytes, *from, *to, *last),
            Some(header) => {
                self.joiner.open(bytes, header.start, header.end);
                self.joiner.bits(bytes, *from, *to);
            }
        }
        if let Some(end) = end {
            self.joiner.word(*end);
        }
        self.pass()
    }

    /// Ends the member, whose text has this checksum and size.
    pub(super) fn end(mut self, sum: u32, size: u64) -> io::Result<()> {
        self.joiner.finish();
        self.pass()?;
        self.output.write_all(&sum.to_le_bytes())?;
        // The size is told modulo 4 GiB.
        self.output.write_all(&size.to_le_bytes()[..4])
    }

    fn pass(&mut self) -> io::Result<()> {
        self.output.write_all(self.joiner.bytes())?;
        self.joiner.bytes().clear();
        Ok(())
    }
}
