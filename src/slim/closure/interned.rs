//! Names that many files say, each held once, and no more of them than fit.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

/// Bytes that a name takes up besides its own.
const EACH: usize = 16;

/// Names of a file.
pub(super) type Texts = Vec<Rc<[u8]>>;

/// What all files name together.
pub(super) struct Interned {
    known: HashSet<Rc<[u8]>>,
    /// Bytes that there is still room for.
    left: usize,
    is_full: bool,
}

impl Interned {
    /// Room for names of `bytes` bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self { known: HashSet::new(), left: bytes, is_full: false }
    }

    /// Takes the names of a file.
    pub(super) fn take(&mut self, names: BTreeSet<Box<[u8]>>) -> Texts {
        let mut taken = Vec::with_capacity(names.len().min(self.left / EACH));
        for name in names {
            let found = self.known.get(&*name).cloned();
            // A name that is new is in the table as well.
            self.count(if found.is_some() { EACH } else { 3 * EACH + name.len() });
            if self.is_full {
                break;
            }
            taken.push(found.unwrap_or_else(|| {
                let name: Rc<[u8]> = name.into();
                self.known.insert(name.clone());
                name
            }));
        }
        taken
    }

    /// Counts bytes that are held elsewhere.
    pub(super) fn count(&mut self, bytes: usize) {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => self.is_full = true,
        }
    }

    /// Whether something was left out because there was too much.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }
}
