//! Doing tasks ahead of the one that packs: several threads read, and what they read comes out in order.

use std::io;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::feed::{Blocks, Take};
use crate::buffers::{Buffer, Buffers};

/// More readers than this would wait for the one that hashes what they read.
const MAX_READERS: usize = 4;
/// What a reader may be ahead, over all its tasks: 12 buffers of text, or 12 with as many blocks.
const AHEAD: usize = 24;

/// A part of what a task reads.
enum Part {
    Text(Buffer),
    Copied(Buffer),
    Blocks(Blocks),
}

impl Part {
    /// Copied text is followed by its blocks, which take about as much memory.
    fn cost(&self) -> usize {
        match self {
            Self::Text(_) => 2,
            Self::Copied(_) | Self::Blocks(_) => 1,
        }
    }
}

/// The parts of one task, in order, and the reader that reads them.
struct Task<E> {
    reader: usize,
    parts: Receiver<Result<(usize, Part), E>>,
}

/// How far each reader may still go ahead.
struct Credit {
    state: Mutex<State>,
    more: Condvar,
}

struct State {
    left: Vec<usize>,
    /// The task that is begun next.
    next: usize,
    closed: bool,
}

impl Credit {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `reader` may go on by `cost`; an error when nobody wants it any more.
    fn spend(&self, reader: usize, cost: usize) -> io::Result<()> {
        let mut state = self.lock();
        while state.left[reader] < cost && !state.closed {
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return Err(io::ErrorKind::Interrupted.into());
        }
        state.left[reader] -= cost;
        Ok(())
    }

    fn give(&self, reader: usize, cost: usize) {
        self.lock().left[reader] += cost;
        self.more.notify_all();
    }
}

/// Ends the readers on every way out, or they would wait for ever.
struct Close<'c>(&'c Credit);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.more.notify_all();
    }
}

/// Where a task's parts go, each with the number of its new layer.
type Parts<E> = Sender<Result<(usize, Part), E>>;

/// Collects what a task reads.
struct Ahead<'a, E> {
    text: Buffer,
    buffers: &'a Buffers,
    takes_blocks: bool,
    reader: usize,
    credit: &'a Credit,
    parts: Parts<E>,
    /// The new layer that what comes is for.
    output: usize,
}

/// Does tasks 0 to `count` with up to `jobs` threads and hands what they read to one of `takes` each, in order.
pub(super) fn ahead<E: Send + From<io::Error>, T: Take>(
    count: usize,
    jobs: NonZeroUsize,
    buffers: &Buffers,
    takes: &mut [T],
    task: impl Fn(usize, &mut dyn Take) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let readers = jobs.get().min(MAX_READERS).min(count);
    let takes_blocks = takes.iter().all(Take::takes_blocks);
    let state = State { left: vec![AHEAD; readers], next: 0, closed: false };
    let credit = Credit { state: Mutex::new(state), more: Condvar::new() };
    thread::scope(|scope| {
        let _close = Close(&credit);
        let (announce, tasks) = channel::<Task<E>>();
        for reader in 0..readers {
            let (announce, credit, task) = (announce.clone(), &credit, &task);
            scope.spawn(move || {
                while let Some((at, parts)) = begin(credit, reader, count, &announce) {
                    let text = buffers.take();
                    let mut ahead = Ahead { text, buffers, takes_blocks, reader, credit, parts, output: 0 };
                    if let Err(problem) = task(at, &mut ahead).and_then(|()| Ok(ahead.flush()?)) {
                        let _ = ahead.parts.send(Err(problem));
                        return;
                    }
                }
            });
        }
        drop(announce);
        for _ in 0..count {
            // A reader that is gone without a word has panicked, which the scope tells.
            let Ok(task) = tasks.recv() else { return Err(io::Error::from(io::ErrorKind::Interrupted).into()) };
            for part in task.parts {
                let (output, part) = part?;
                credit.give(task.reader, part.cost());
                let take = &mut takes[output];
                match part {
                    Part::Text(text) => take.text(text)?,
                    Part::Copied(text) => take.copied(text)?,
                    Part::Blocks(blocks) => take.blocks(blocks)?,
                }
            }
        }
        Ok(())
    })
}

/// Begins the next task; `None` when there is none or nobody wants it.
fn begin<E>(credit: &Credit, reader: usize, count: usize, announce: &Sender<Task<E>>) -> Option<(usize, Parts<E>)> {
    let mut state = credit.lock();
    let at = state.next;
    if at == count || state.closed {
        return None;
    }
    state.next += 1;
    let (sender, parts) = channel();
    // Under the lock, so that tasks are announced in order.
    announce.send(Task { reader, parts }).ok()?;
    Some((at, sender))
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
        self.credit.spend(self.reader, part.cost())?;
        self.parts.send(Ok((self.output, part))).map_err(|_| io::ErrorKind::Interrupted.into())
    }
}

impl<E> Take for Ahead<'_, E> {
    fn turn_to(&mut self, output: usize) -> io::Result<()> {
        if output != self.output {
            self.flush()?;
            self.output = output;
        }
        Ok(())
    }

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
