//! Threads that hash the texts of others, two at a time.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::pair::Block;
use super::text::Text;
use crate::buffers::Shared;
use crate::oci::Digest;

/// Pieces of a text that may wait; whoever feeds more waits in turn. Fewer when there are many texts, because their
/// pieces are memory.
const WAITING: usize = 8;
/// Pieces of all texts that should wait at most.
const WAITING_TOGETHER: usize = 64;
/// Blocks hashed before looking for a second text.
const ALONE: usize = 512;

/// Where texts are hashed. Its threads are those of [`hashing`].
#[derive(Debug, Default)]
pub struct Hashing {
    state: Mutex<State>,
    /// Something waits to be hashed, or the end has come.
    work: Condvar,
    /// A piece was hashed.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lanes: Vec<Lane>,
    /// Lanes that no text uses.
    free: Vec<usize>,
    /// Where to look first, so that all texts get on.
    next: usize,
    closing: bool,
}

/// One text.
#[derive(Debug)]
struct Lane {
    /// `None` while a thread is at it.
    text: Option<Text>,
    waiting: VecDeque<Shared>,
    /// Whether someone waits for the end of the text, or for room.
    urgent: bool,
}

/// A text that is being hashed. Dropped, it is forgotten.
#[derive(Debug)]
pub struct Hash<'h> {
    hashing: &'h Hashing,
    lane: usize,
}

/// Runs `body` with `threads` threads that hash for it.
pub fn hashing<T>(threads: NonZeroUsize, body: impl FnOnce(&Hashing) -> T) -> T {
    struct Close<'h>(&'h Hashing);
    impl Drop for Close<'_> {
        fn drop(&mut self) {
            self.0.lock().closing = true;
            self.0.work.notify_all();
        }
    }
    let hashing = Hashing::default();
    thread::scope(|scope| {
        // Closed on every way out, or the threads would wait for ever.
        let _close = Close(&hashing);
        for _ in 0..threads.get() {
            scope.spawn(|| hashing.work());
        }
        body(&hashing)
    })
}

impl Hashing {
    /// Begins a text.
    pub fn begin(&self) -> Hash<'_> {
        let mut state = self.lock();
        let lane = Lane { text: Some(Text::new()), waiting: VecDeque::with_capacity(WAITING), urgent: false };
        let place = match state.free.pop() {
            Some(place) => {
                state.lanes[place] = lane;
                place
            }
            None => {
                state.lanes.push(lane);
                state.lanes.len() - 1
            }
        };
        Hash { hashing: self, lane: place }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, condition: &Condvar, state: MutexGuard<'g, State>) -> MutexGuard<'g, State> {
        condition.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// What each thread does: hash what waits, with two hands if there are two texts.
    fn work(&self) {
        let (mut left, mut right) = (None, None);
        while self.fill_hands(&mut left, &mut right) {
            match (&mut left, &mut right) {
                (Some(left), Some(right)) => Hand::both(left, right),
                (Some(hand), None) | (None, Some(hand)) => hand.alone(),
                (None, None) => unreachable!("a hand was filled"),
            }
        }
    }

    /// Puts down what is done and takes up what waits; waits for it while both hands are empty. False at the end.
    fn fill_hands(&self, left: &mut Option<Hand>, right: &mut Option<Hand>) -> bool {
        let mut state = self.lock();
        for hand in [&mut *left, &mut *right] {
            if let Some(done) = hand.take_if(|hand| hand.blocks.is_empty()) {
                state.lanes[done.lane].text = Some(done.text);
                self.done.notify_all();
            }
        }
        loop {
            state.fill(left, right);
            if left.is_some() || right.is_some() {
                return true;
            }
            if state.closing {
                return false;
            }
            state = self.wait(&self.work, state);
        }
    }
}

impl State {
    /// Puts pieces into empty hands. A piece that would be alone waits for company while there may be some: two texts
    /// together take two thirds of the time that they take one after the other.
    fn fill(&mut self, left: &mut Option<Hand>, right: &mut Option<Hand>) {
        let mut ready = (self.next..self.lanes.len())
            .chain(0..self.next.min(self.lanes.len()))
            .filter(|place| self.lanes[*place].text.is_some() && !self.lanes[*place].waiting.is_empty());
        let (first, second) = (ready.next(), ready.next());
        let is_alone = second.is_none() && left.is_none() && right.is_none();
        let is_lonely = is_alone && self.lanes.len() - self.free.len() > 1;
        let limit = self.limit();
        let can_wait = |place: usize| self.lanes[place].waiting.len() < limit && !self.lanes[place].urgent;
        if is_lonely && first.is_some_and(can_wait) && !self.closing {
            return;
        }
        let mut ready = first.into_iter().chain(second);
        for hand in [left, right] {
            if hand.is_none() {
                *hand = ready.next().and_then(|place| self.take(place));
            }
        }
    }

    /// Pieces of each text that may wait.
    fn limit(&self) -> usize {
        let texts = self.lanes.len() - self.free.len();
        (WAITING_TOGETHER / texts.max(1)).clamp(2, WAITING)
    }

    /// The next piece of a text that no thread is at.
    fn take(&mut self, place: usize) -> Option<Hand> {
        self.next = place + 1;
        let lane = &mut self.lanes[place];
        let (piece, mut text) = (lane.waiting.pop_front()?, lane.text.take()?);
        let whole = size_of_val(text.take(&piece));
        // What comes before and after the whole blocks went into the text's tail.
        let tail = if whole == 0 { 0 } else { text.tail() };
        let blocks = piece.len() - tail - whole..piece.len() - tail;
        Some(Hand { lane: place, text, piece, blocks })
    }
}

/// A piece in a thread's hand.
struct Hand {
    lane: usize,
    text: Text,
    piece: Shared,
    /// Where in the piece the whole blocks are that are still to be hashed.
    blocks: Range<usize>,
}

impl Hand {
    /// Whole blocks that are left.
    fn left(&self) -> usize {
        self.blocks.len() / size_of::<Block>()
    }

    /// The text and its next `count` blocks.
    fn next(&mut self, count: usize) -> (&mut Text, &[Block]) {
        let end = self.blocks.start + count * size_of::<Block>();
        let (blocks, _) = super::text::blocks(&self.piece[self.blocks.start..end]);
        self.blocks.start = end;
        (&mut self.text, blocks)
    }

    fn alone(&mut self) {
        let (text, blocks) = self.next(self.left().min(ALONE));
        text.compress(blocks);
    }

    fn both(left: &mut Self, right: &mut Self) {
        let count = left.left().min(right.left());
        let (our, ours) = left.next(count);
        let (their, theirs) = right.next(count);
        our.compress_both(ours, their, theirs);
    }
}

impl Hash<'_> {
    /// Hands on the next piece; waits while several are waiting already.
    pub fn feed(&self, piece: Shared) {
        let mut state = self.hashing.lock();
        while state.lanes[self.lane].waiting.len() >= state.limit() {
            // What waits may not wait for company any more: the limit may have fallen since it was looked at, or rise
            // now.
            state.lanes[self.lane].urgent = true;
            self.hashing.work.notify_one();
            state = self.hashing.wait(&self.hashing.done, state);
        }
        let lane = &mut state.lanes[self.lane];
        lane.urgent = false;
        lane.waiting.push_back(piece);
        drop(state);
        self.hashing.work.notify_one();
    }

    /// The digest of all pieces, and the number of their bytes.
    pub fn finish(self) -> (Digest, u64) {
        let mut state = self.hashing.lock();
        state.lanes[self.lane].urgent = true;
        self.hashing.work.notify_all();
        loop {
            let lane = &mut state.lanes[self.lane];
            let finished = if lane.waiting.is_empty() { lane.text.clone() } else { None };
            if let Some(text) = finished {
                let len = text.len();
                return (Digest::from_hash(text.finish()), len);
            }
            state = self.hashing.wait(&self.hashing.done, state);
        }
    }
}

impl Drop for Hash<'_> {
    fn drop(&mut self) {
        let mut state = self.hashing.lock();
        state.lanes[self.lane].waiting.clear();
        // A thread that is still at the text must put it down before another text gets the lane.
        while state.lanes[self.lane].text.is_none() {
            state = self.hashing.wait(&self.hashing.done, state);
        }
        state.free.push(self.lane);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use super::*;
    use crate::buffers::Buffers;

    /// Feeds `text` in pieces of `size` bytes.
    fn digest(hashing: &Hashing, pool: &Buffers, text: &[u8], size: usize) -> (Digest, u64) {
        let hash = hashing.begin();
        for piece in text.chunks(size) {
            let mut buffer = pool.take();
            buffer.append(piece);
            hash.feed(Arc::new(buffer));
        }
        hash.finish()
    }

    #[test]
    fn many_texts_at_once_come_out_as_each_alone() {
        let pool = Buffers::new();
        let text: Vec<u8> = (0..600_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for threads in [1, 2, 5] {
            hashing(NonZeroUsize::new(threads).unwrap(), |hashing| {
                thread::scope(|scope| {
                    for (at, size) in [(0, 1), (1, 63), (2, 64), (3, 65), (4, 1000), (5, 65_537), (6, 262_144)] {
                        let text = &text[at * 7..text.len().min(at * 7 + size * 3000)];
                        let pool = &pool;
                        scope.spawn(move || {
                            for _ in 0..3 {
                                let found = digest(hashing, pool, text, size);
                                assert_eq!(found, (Digest::of(text), text.len() as u64), "pieces of {size}");
                            }
                        });
                    }
                });
            });
        }
    }

    #[test]
    fn a_text_that_is_dropped_leaves_its_place_to_others() {
        let pool = Buffers::new();
        hashing(NonZeroUsize::MIN, |hashing| {
            for _ in 0..100 {
                let abandoned = hashing.begin();
                let mut buffer = pool.take();
                buffer.append(&[1; 100_000]);
                abandoned.feed(Arc::new(buffer));
                drop(abandoned);
                assert_eq!(digest(hashing, &pool, b"text", 3).0, Digest::of(b"text"));
            }
            assert!(hashing.lock().lanes.len() <= 2);
        });
    }

    #[test]
    fn texts_that_begin_and_bring_nothing_do_not_stop_another() {
        let hashing: &Hashing = Box::leak(Box::default());
        thread::spawn(|| hashing.work());
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let pool = Buffers::new();
            let piece = || {
                let mut buffer = pool.take();
                buffer.append(&[1; 1000]);
                Arc::new(buffer)
            };
            let (text, mut others) = (hashing.begin(), vec![hashing.begin()]);
            // One less than may wait, so these wait for company; after it has been there once, the thread that hashes
            // waits.
            (1..WAITING).for_each(|_| text.feed(piece()));
            let company = hashing.begin();
            company.feed(piece());
            company.finish();
            // Fewer may wait now.
            others.extend((0..WAITING_TOGETHER).map(|_| hashing.begin()));
            text.feed(piece());
            sender.send(text.finish().1).unwrap();
        });
        let len = receiver.recv_timeout(Duration::from_secs(30)).expect("who feeds a text gets on");
        assert_eq!(len, 1000 * WAITING as u64);
        hashing.lock().closing = true;
        hashing.work.notify_all();
    }

    #[test]
    fn nothing_is_a_text_too() {
        hashing(NonZeroUsize::MIN, |hashing| {
            assert_eq!(hashing.begin().finish(), (Digest::of(b""), 0));
        });
    }
}
