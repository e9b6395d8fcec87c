//! Writing the blob of a new layer, part by part, in the thread of its own that every blob has.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::compression::Compression;
use super::feed::{Fed, Item};
use super::gzip::Member;
use crate::buffers::{Buffer, Buffers};
use crate::hash::Hash;
use crate::oci::Digest;

/// Text that one thread of zstd compresses at a time. The size needs memory several times for each thread.
const ZSTD_JOB: u32 = 1 << 20;
/// How much of the text before a job is looked at for matches: half the window, which makes up for small jobs.
const ZSTD_OVERLAP: u32 = 8;
/// More threads than this need more memory than they are worth.
const MAX_ZSTD_WORKERS: usize = 6;

/// Writes the blob, part by part, and its end, if that ever comes. Returns its digest and size, if it is hashed.
pub(super) fn write(
    compression: Compression,
    (threads, text_size): (usize, u64),
    mut out: Out<'_>,
    ordered: &Receiver<Item>,
    end: &Receiver<Fed>,
) -> io::Result<Option<(Digest, u64)>> {
    let buffers = out.buffers;
    let aborted = || io::Error::from(io::ErrorKind::Interrupted);
    match compression {
        Compression::None => {
            for item in ordered {
                let Item::Text(text) = item else { unreachable!("nobody compresses here") };
                out.write_all(&text)?;
            }
            end.recv().map_err(|_| aborted())?;
        }
        Compression::Zstd(level) => {
            let mut encoder = zstd::stream::write::Encoder::new(&mut out, level)?;
            // A small layer then gets a small window.
            encoder.set_pledged_src_size(Some(text_size))?;
            encoder.include_checksum(true)?;
            // With one worker or more the bytes are the same for any number of them; with none they are others.
            encoder.multithread(u32::try_from(threads.min(MAX_ZSTD_WORKERS)).unwrap_or(1))?;
            encoder.set_parameter(zstd::zstd_safe::CParameter::JobSize(ZSTD_JOB))?;
            encoder.set_parameter(zstd::zstd_safe::CParameter::OverlapSizeLog(ZSTD_OVERLAP))?;
            for item in ordered {
                let Item::Text(text) = item else { unreachable!("nobody compresses here") };
                encoder.write_all(&text)?;
            }
            end.recv().map_err(|_| aborted())?;
            encoder.finish()?;
        }
        Compression::Gzip(_) => {
            let mut member = Member::begin(&mut out)?;
            for item in ordered {
                match item {
                    // A worker that ends without an answer has panicked, which the scope tells.
                    Item::Chunk(chunk) => {
                        let chunk = chunk.recv().map_err(|_| aborted())?;
                        member.chunk(&chunk)?;
                        buffers.give_back(chunk.bytes);
                    }
                    Item::Blocks(blocks) => {
                        member.blocks(&blocks)?;
                        buffers.give_back(blocks.bytes);
                    }
                    Item::Text(_) => unreachable!("workers compress all text"),
                }
            }
            let Fed { sum, size, .. } = end.recv().map_err(|_| aborted())?;
            member.end(sum, size)?;
        }
    }
    out.finish()
}

/// Writes and hashes the blob.
pub(super) struct Out<'o> {
    output: &'o mut (dyn Write + Send),
    buffers: &'o Buffers,
    buffer: Buffer,
    hash: Option<Hash<'o>>,
}

impl<'o> Out<'o> {
    pub(super) fn new(output: &'o mut (dyn Write + Send), buffers: &'o Buffers, hash: Option<Hash<'o>>) -> Self {
        Self { output, buffers, buffer: buffers.take(), hash }
    }

    fn pass(&mut self) -> io::Result<()> {
        let full = std::mem::replace(&mut self.buffer, self.buffers.take());
        self.output.write_all(&full)?;
        if let Some(hash) = &self.hash {
            hash.feed(Arc::new(full));
        }
        Ok(())
    }

    /// The digest and size of the blob, if it was hashed.
    fn finish(mut self) -> io::Result<Option<(Digest, u64)>> {
        self.pass()?;
        self.output.flush()?;
        Ok(self.hash.map(Hash::finish))
    }
}

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.buffer.append(bytes);
        if self.buffer.is_full() {
            self.pass()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
