//! Where every byte of the layers went, by layer and by cause.

use crate::tree::Fate;

/// Where bytes of a layer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Into a new layer, as they were.
    Copied,
    /// Headers whose entries stay and were written anew.
    Rewritten,
    /// Nowhere, for the reason that the entry's fate tells; never [`Fate::Kept`].
    Gone(Fate),
    /// Nowhere: ends of archives, padding and global headers.
    Archive,
}

/// Places before those of the fates.
const OTHERS: usize = 3;
const CAUSES: usize = OTHERS + Fate::GONE.len();

impl Cause {
    fn place(self) -> usize {
        match self {
            // What is part of the image but in no new layer was said in other words.
            Self::Rewritten | Self::Gone(Fate::Kept) => 0,
            Self::Copied => 1,
            Self::Archive => 2,
            Self::Gone(fate) => OTHERS + fate as usize - 1,
        }
    }
}

/// Bytes by layer and cause. What is added for a layer adds up to its uncompressed bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    layers: Vec<[u64; CAUSES]>,
    /// Bytes of the new layers that come from kept layers: names of a hard-linked file have to stay together.
    pub from_kept: u64,
    /// Bytes of the new layers that no source has: headers written anew, and the ends of the archives.
    pub written: u64,
}

impl Ledger {
    /// An empty one for so many layers.
    pub fn new(layers: usize) -> Self {
        Self { layers: vec![[0; CAUSES]; layers], from_kept: 0, written: 0 }
    }

    /// Counts bytes of the layer at `position`.
    pub fn add(&mut self, position: usize, cause: Cause, bytes: u64) {
        if let Some(layer) = self.layers.get_mut(position) {
            layer[cause.place()] += bytes;
        }
    }

    /// Bytes of the layer at `position` that went there.
    pub fn of(&self, position: usize, cause: Cause) -> u64 {
        self.layers.get(position).map_or(0, |layer| layer[cause.place()])
    }

    /// Bytes of all layers that went there.
    pub fn total(&self, cause: Cause) -> u64 {
        self.layers.iter().map(|layer| layer[cause.place()]).sum()
    }

    /// Bytes of all layers that went nowhere.
    pub fn reclaimed(&self) -> u64 {
        let gone: u64 = Fate::GONE.iter().map(|fate| self.total(Cause::Gone(*fate))).sum();
        gone + self.total(Cause::Archive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_place_of_its_own() {
        let gone = Fate::GONE.iter().map(|fate| Cause::Gone(*fate));
        let causes: Vec<Cause> = [Cause::Rewritten, Cause::Copied, Cause::Archive].into_iter().chain(gone).collect();
        let mut ledger = Ledger::new(2);
        for (cause, bytes) in causes.iter().zip(1..) {
            ledger.add(1, *cause, bytes);
        }
        for (cause, bytes) in causes.iter().zip(1..) {
            assert_eq!((ledger.of(0, *cause), ledger.of(1, *cause), ledger.total(*cause)), (0, bytes, bytes));
        }
        let all: u64 = (1..=causes.len() as u64).sum();
        assert_eq!(ledger.reclaimed(), all - 1 - 2);
    }
}
