//! Where every byte of the squashed layers went.

use std::ops::Range;

use super::index::LayerIndex;
use crate::tree::{EntryRef, Fate, Fated, Fates};

/// Where the uncompressed bytes of the squashed layers went, and what the new layers have besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Copied into the new layers.
    pub copied: u64,
    /// Headers whose entries stay and were written anew.
    pub rewritten: u64,
    /// Replaced by a later layer.
    pub overwritten: u64,
    /// Replaced by a later layer that changed nothing but metadata.
    pub metadata_copies: u64,
    /// Removed by a later layer.
    pub deleted: u64,
    /// The whiteouts and opaque markers themselves.
    pub whiteouts: u64,
    /// Directories declared again by a later layer.
    pub repeated_directories: u64,
    /// Equal to what a kept layer has.
    pub unchanged: u64,
    /// Taken out by a rule, or because a person named it.
    pub pruned: u64,
    /// Equal files that became names of one.
    pub linked: u64,
    /// Paths that one layer has twice.
    pub duplicates: u64,
    /// Metadata of AUFS and eStargz.
    pub ignored: u64,
    /// Ends of archives, padding and global headers.
    pub archive: u64,
    /// Bytes of the new layers that come from kept layers: names of a hard-linked file have to stay together.
    pub from_kept: u64,
    /// Bytes of the new layers that no source has: headers written anew, and the ends of the archives.
    pub written: u64,
}

impl Account {
    /// Bytes of the squashed layers.
    pub fn input(&self) -> u64 {
        self.copied + self.rewritten + self.reclaimed()
    }

    /// Bytes of the squashed layers that the new ones have in no form.
    pub fn reclaimed(&self) -> u64 {
        self.overwritten
            + self.metadata_copies
            + self.deleted
            + self.whiteouts
            + self.repeated_directories
            + self.unchanged
            + self.pruned
            + self.linked
            + self.duplicates
            + self.ignored
            + self.archive
    }
}

/// What of the entries of all source layers is in the new ones.
pub(super) struct Usage(Vec<Vec<Used>>);

#[derive(Clone, Copy, Default)]
pub(super) struct Used {
    pub(super) header: bool,
    pub(super) rewritten: bool,
    pub(super) contents: bool,
}

impl Usage {
    /// Nothing is used yet.
    pub(super) fn new(layers: &[LayerIndex]) -> Self {
        Self(layers.iter().map(|layer| vec![Used::default(); layer.entries.len()]).collect())
    }

    /// What of an entry is used.
    pub(super) fn of(&mut self, entry: EntryRef) -> Option<&mut Used> {
        self.0.get_mut(usize::from(entry.layer)).and_then(|layer| layer.get_mut(entry.index as usize))
    }

    /// The account of the layers at the positions `squashed`.
    pub(super) fn account(&self, layers: &[LayerIndex], fates: &Fates, squashed: &Range<usize>) -> Account {
        let mut account = Account::default();
        for (position, (layer, used)) in layers.iter().zip(&self.0).enumerate() {
            if squashed.contains(&position) {
                account.add(layer, fates.of(position), used);
            } else {
                account.from_kept += layer
                    .entries
                    .iter()
                    .zip(used)
                    .map(|(span, used)| {
                        let header = if used.header { u64::from(span.header) } else { 0 };
                        header + if used.contents { span.padded() } else { 0 }
                    })
                    .sum::<u64>();
            }
        }
        account
    }
}

impl Account {
    fn add(&mut self, layer: &LayerIndex, fates: &[Fated], used: &[Used]) {
        let mut rest = layer.plain_size;
        for ((span, fated), used) in layer.entries.iter().zip(fates).zip(used) {
            let (header, contents) = (u64::from(span.header), span.padded());
            rest -= header + contents;
            let gone = match fated.fate {
                Fate::Kept => &mut self.rewritten,
                Fate::Overwritten | Fate::Buried => &mut self.overwritten,
                Fate::MetadataCopy => &mut self.metadata_copies,
                Fate::Deleted | Fate::Cleared => &mut self.deleted,
                Fate::RepeatedDirectory => &mut self.repeated_directories,
                Fate::Unchanged => &mut self.unchanged,
                Fate::Pruned => &mut self.pruned,
                Fate::Linked => &mut self.linked,
                Fate::Duplicate => &mut self.duplicates,
                Fate::Whiteout => &mut self.whiteouts,
                Fate::Ignored => &mut self.ignored,
            };
            *gone += if used.header || used.rewritten { 0 } else { header };
            *gone += if used.contents { 0 } else { contents };
            self.copied += if used.header { header } else { 0 };
            self.copied += if used.contents { contents } else { 0 };
            self.rewritten += if used.rewritten { header } else { 0 };
        }
        self.archive += rest;
    }
}
