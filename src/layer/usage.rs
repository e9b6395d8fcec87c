//! What of the source layers is in the new ones, and so where every other byte went.

use std::ops::Range;
use std::sync::Arc;

use super::index::LayerIndex;
use crate::ledger::{Cause, Ledger};
use crate::tree::{EntryRef, Fated, Fates};

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
    pub(super) fn new(layers: &[Arc<LayerIndex>]) -> Self {
        Self(layers.iter().map(|layer| vec![Used::default(); layer.entries.len()]).collect())
    }

    /// What of an entry is used.
    pub(super) fn of(&mut self, entry: EntryRef) -> Option<&mut Used> {
        self.0.get_mut(usize::from(entry.layer)).and_then(|layer| layer.get_mut(entry.index as usize))
    }

    /// The ledger of the layers at the positions `squashed`.
    pub(super) fn ledger(&self, layers: &[Arc<LayerIndex>], fates: &Fates, squashed: &Range<usize>) -> Ledger {
        let mut ledger = Ledger::new(layers.len());
        for (position, (layer, used)) in layers.iter().zip(&self.0).enumerate() {
            if squashed.contains(&position) {
                enter(&mut ledger, position, layer, fates.of(position), used);
            } else if layer.is_made {
                ledger.written += from_kept(layer, used);
            } else {
                ledger.from_kept += from_kept(layer, used);
            }
        }
        ledger
    }
}

/// Bytes that new layers have of a kept one.
fn from_kept(layer: &LayerIndex, used: &[Used]) -> u64 {
    let of_entry = layer.entries.iter().zip(used).map(|(span, used)| {
        let header = if used.header { u64::from(span.header) } else { 0 };
        header + if used.contents { span.padded() } else { 0 }
    });
    of_entry.sum()
}

/// Enters every byte of the layer at `position`.
fn enter(ledger: &mut Ledger, position: usize, layer: &LayerIndex, fates: &[Fated], used: &[Used]) {
    let mut rest = layer.plain_size;
    for ((span, fated), used) in layer.entries.iter().zip(fates).zip(used) {
        let (header, contents) = (u64::from(span.header), span.padded());
        rest -= header + contents;
        let gone = Cause::Gone(fated.fate);
        let of_header = match used {
            Used { header: true, .. } => Cause::Copied,
            Used { rewritten: true, .. } => Cause::Rewritten,
            _ => gone,
        };
        ledger.add(position, of_header, header);
        ledger.add(position, if used.contents { Cause::Copied } else { gone }, contents);
    }
    ledger.add(position, Cause::Archive, rest);
}
