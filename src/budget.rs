//! Memory that an input makes us hold: counted in one place for all that a run reads, and before it is had.
//!
//! # Decisions
//! - What is counted is what comes from the input and stays: names, attributes, documents, package databases. What a
//!   run needs to do its work (buffers, threads, a window for decoders) does not depend on what the input says.
//! - Counted is about what one copy takes up. Laying layers over each other and writing them needs up to as much again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

use crate::limits::Limits;

/// What may be held, and what is. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget(Arc<State>);

#[derive(Debug)]
struct State {
    limits: Limits,
    /// Bytes of the inputs that were opened.
    inputs: AtomicU64,
    held: AtomicU64,
}

/// What an input asks for beyond what may be held.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("more than {limit} bytes of memory: raise the limit with --max-metadata if you trust the image")]
pub struct OverBudget {
    /// What may be held, in bytes.
    pub limit: u64,
}

/// Memory that is held until this is dropped.
#[derive(Debug)]
pub struct Held {
    budget: Budget,
    bytes: u64,
}

impl Budget {
    /// A budget for inputs of which none is opened yet.
    pub fn new(limits: &Limits) -> Self {
        Self(Arc::new(State { limits: limits.clone(), inputs: AtomicU64::new(0), held: AtomicU64::new(0) }))
    }

    /// Tells that an input of `bytes` bytes, as it lies there, is opened: a larger one may hold more.
    pub fn admit(&self, bytes: u64) {
        let more = |before: u64| Some(before.saturating_add(bytes));
        // It cannot fail.
        let _ = self.0.inputs.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Bytes that may be held.
    pub fn limit(&self) -> u64 {
        self.0.limits.metadata_bytes(self.0.inputs.load(Ordering::Relaxed))
    }

    /// Bytes of headers that new layers may have: a short entry may stand for a long header.
    pub fn headers(&self) -> u64 {
        self.limit().saturating_mul(8)
    }

    /// Holds nothing yet.
    pub fn nothing(&self) -> Held {
        Held { budget: self.clone(), bytes: 0 }
    }

    /// Holds `bytes` bytes.
    pub fn hold(&self, bytes: u64) -> Result<Held, OverBudget> {
        let mut held = self.nothing();
        held.add(bytes)?;
        Ok(held)
    }
}

impl Held {
    /// Holds `bytes` bytes more.
    pub fn add(&mut self, bytes: u64) -> Result<(), OverBudget> {
        let limit = self.budget.limit();
        let more = |before: u64| before.checked_add(bytes).filter(|held| *held <= limit);
        let counted = self.budget.0.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        counted.map_err(|_| OverBudget { limit })?;
        self.bytes += bytes;
        Ok(())
    }

    /// Holds it to the end of the run.
    pub fn for_ever(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_let_go_can_be_held_again() {
        let budget = Budget::new(&Limits { metadata: Some(100), ..Limits::default() });
        let mut first = budget.hold(60).unwrap();
        assert_eq!(budget.hold(41).unwrap_err(), OverBudget { limit: 100 });
        first.add(40).unwrap();
        assert_eq!(first.add(1), Err(OverBudget { limit: 100 }), "and what failed is not counted");
        drop(first);
        assert!(budget.hold(100).is_ok() && budget.hold(u64::MAX).is_err());
    }

    #[test]
    fn a_larger_input_may_hold_more_unless_a_person_says_how_much() {
        let limit = |metadata, inputs: &[u64]| {
            let budget = Budget::new(&Limits { metadata, ..Limits::default() });
            inputs.iter().for_each(|bytes| budget.admit(*bytes));
            budget.limit()
        };
        assert_eq!(limit(None, &[]), 96 << 20);
        assert_eq!(limit(None, &[1 << 20]), 160 << 20);
        assert_eq!(limit(None, &[1 << 20, 1 << 20]), 224 << 20);
        assert_eq!(limit(None, &[u64::MAX, 1]), 2 << 30);
        assert_eq!(limit(Some(7), &[1 << 30]), 7);
    }
}
