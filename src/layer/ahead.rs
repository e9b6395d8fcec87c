//! Doing tasks ahead of the one that packs: several threads read, and what they read comes out in order.

use std::io;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::feed::{Blocks, Take};
use crate::buffers::{Buffer, Buffers};

/// More readers than this would wait for the one that hashes what they read.
const MAX_READERS: usize = 4;
/// Parts that a reader may be ahead.
const WAITING: usize = 20;

/// A part of what a task reads.
enum Part {
    Text(Buffer),
    Copied(Buffer),
    Blocks(Blocks),
}

/// Collects what a task reads.
struct Ahead<'a, E> {
    text: Buffer,
    buffers: &'a Buffers,
    takes_blocks: bool,
    sender: SyncSender<Result<Part, E>>,
}

/// Does tasks 0 to `count` with up to `jobs` threads and hands what they read to `take`, in order.
pub(super) fn ahead<E: Send + From<io::Error>>(
    count: usize,
    jobs: NonZeroUsize,
    buffers: &Buffers,
    take: &mut dyn Take,
    task: impl Fn(usize, &mut dyn Take) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let takes_blocks = take.takes_blocks();
    let next = Mutex::new(0);
    thread::scope(|scope| {
        let (announce, announced) = channel::<Receiver<Result<Part, E>>>();
        for _ in 0..jobs.get().min(MAX_READERS).min(count) {
            let (announce, next, task) = (announce.clone(), &next, &task);
            scope.spawn(move || {
                loop {
                    let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                    let at = *next;
                    if at == count {
                        return;
                    }
                    *next += 1;
                    let (sender, receiver) = sync_channel(WAITING);
                    // Under the lock, so that the announcements come in order.
                    let wanted = announce.send(receiver).is_ok();
                    drop(next);
                    let text = buffers.take();
                    let mut ahead = Ahead { text, buffers, takes_blocks, sender };
                    if !wanted {
                        return;
                    }
                    if let Err(problem) = task(at, &mut ahead).and_then(|()| Ok(ahead.flush()?)) {
                        let _ = ahead.sender.send(Err(problem));
                        return;
                    }
                }
            });
        }
        drop(announce);
        for _ in 0..count {
            // A reader that is gone without a word has panicked, which the scope tells.
            let Ok(parts) = announced.recv() else { return Err(io::Error::from(io::ErrorKind::Interrupted).into()) };
            for part in parts {
                match part? {
                    Part::Text(text) => take.text(text)?,
                    Part::Copied(text) => take.copied(text)?,
                    Part::Blocks(blocks) => take.blocks(blocks)?,
                }
            }
        }
        Ok(())
    })
}

impl<E> Ahead<'_, E> {
    fn flush(&mut self) -> io::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let text = std::mem::replace(&mut self.text, self.buffers.take());
        self.send(Part::Text(text))
    }

    fn send(&self, part: Part) -> io::Result<()> {
        self.sender.send(Ok(part)).map_err(|_| io::ErrorKind::Interrupted.into())
    }
}

impl<E> Take for Ahead<'_, E> {
    fn text(&mut self, text: Buffer) -> io::Result<()> {
        if !self.text.is_empty() {
            return self.bytes(&text);
        }
        self.text = text;
        if self.text.is_full() { self.flush() } else { Ok(()) }
    }

    fn bytes(&mut self, mut text: &[u8]) -> io::Result<()> {
        while !text.is_empty() {
            text = &text[self.text.append(text)..];
            if self.text.is_full() {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn takes_blocks(&self) -> bool {
        self.takes_blocks
    }

    fn copied(&mut self, text: Buffer) -> io::Result<()> {
        self.flush()?;
        self.send(Part::Copied(text))
    }

    fn blocks(&mut self, blocks: Blocks) -> io::Result<()> {
        self.send(Part::Blocks(blocks))
    }
}
