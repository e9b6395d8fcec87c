//! The history of the new image: how it was made, and that it was squashed.
//!
//! # Decisions
//! - Every row stays. One whose layer was squashed now stands for no layer, and each new layer has a row of its own, so
//!   that rows and layers fit.
//! - Rows of new layers come last, or after the row of the last squashed layer when layers above it are kept.

use std::ops::Range;

use super::edits::{Edits, HistoryMode};
use super::layers::Final;
use crate::oci::{Config, HistoryRow};

/// What rows say that made them.
const BY: &str = "imgsquash";

/// Whether the history of `config` is what a squash to `layers` would leave: a row of its own for each new layer.
pub(super) fn is_made(config: &Config, layers: &[Final<'_>], edits: &Edits) -> bool {
    let rows = config.history().unwrap_or_default();
    let made: Vec<&HistoryRow> = rows.iter().filter(|row| !row.is_empty_layer()).collect();
    let is_ours = |(layer, row): (&Final<'_>, &&HistoryRow)| layer.new_title().is_none() || row.created_by() == BY;
    let is_new = |layer: &Final<'_>| layer.new_title().is_some();
    let has_own = made.len() == layers.len() && layers.iter().any(is_new) && layers.iter().zip(&made).all(is_ours);
    match edits.history {
        _ if edits.message.is_some() => false,
        HistoryMode::None => config.history().is_none(),
        HistoryMode::Single => has_own && made.len() == rows.len(),
        HistoryMode::Keep => has_own,
    }
}

/// The history of an image whose layers at the positions `squashed` became the new ones of `layers`.
pub(super) fn history(
    config: &Config,
    layers_in: usize,
    squashed: &Range<usize>,
    layers: &[Final<'_>],
    edits: &Edits,
) -> Option<Vec<HistoryRow>> {
    let new = new_rows(config, squashed, layers, edits);
    let old = config.history().unwrap_or_default();
    let fits = old.iter().filter(|row| !row.is_empty_layer()).count() == layers_in;
    let rows = match edits.history {
        HistoryMode::None => return None,
        HistoryMode::Keep | HistoryMode::Single if !fits => {
            // It cannot be told which row is whose, so each layer that is kept gets a new one.
            let old = if edits.history == HistoryMode::Keep { old } else { &[] };
            let old = old.iter().cloned().map(HistoryRow::without_layer);
            let kept = |count: usize| (0..count).map(|_| HistoryRow::new(&[("comment", "a layer that was kept")]));
            let (below, above) = (kept(squashed.start), kept(layers_in - squashed.end));
            old.chain(below).chain(new).chain(above).collect()
        }
        HistoryMode::Keep | HistoryMode::Single => rows(old, layers_in, squashed, new, edits.history),
    };
    Some(rows.into_iter().map(|row| row.with_created(|created| edits.times.apply_text(created))).collect())
}

fn rows(
    old: &[HistoryRow],
    layers_in: usize,
    squashed: &Range<usize>,
    new: Vec<HistoryRow>,
    mode: HistoryMode,
) -> Vec<HistoryRow> {
    let mut rows = Vec::with_capacity(old.len() + new.len());
    let mut new = Some(new);
    let mut position = 0;
    for row in old {
        if position == squashed.end && position < layers_in {
            rows.extend(new.take().into_iter().flatten());
        }
        let has_layer = !row.is_empty_layer();
        if has_layer && !squashed.contains(&position) {
            rows.push(row.clone());
        } else if mode == HistoryMode::Keep {
            rows.push(row.clone().without_layer());
        }
        position += usize::from(has_layer);
    }
    rows.extend(new.into_iter().flatten());
    rows
}

fn new_rows(config: &Config, squashed: &Range<usize>, layers: &[Final<'_>], edits: &Edits) -> Vec<HistoryRow> {
    let count = squashed.len();
    let plural = if count == 1 { "" } else { "s" };
    let created = config.created();
    let row = |comment: &str| {
        let mut members = vec![("created_by", BY), ("comment", comment)];
        if let Some(created) = &created {
            members.insert(0, ("created", created));
        }
        HistoryRow::new(&members)
    };
    let titles: Vec<Option<&str>> = layers.iter().filter_map(Final::new_title).collect();
    let said = edits.message.clone();
    let Some(first) = titles.first() else {
        // Nothing was written: an image without layers, or layers that changed nothing.
        let comment = said.unwrap_or_else(|| format!("squashed {count} layer{plural} into none"));
        return vec![row(&comment).without_layer()];
    };
    if titles.len() == 1 && first.is_none() {
        return vec![row(&said.unwrap_or_else(|| format!("squashed {count} layer{plural} into one")))];
    }
    let said = said.unwrap_or_else(|| format!("squashed {count} layer{plural}"));
    titles.iter().map(|title| row(&format!("{said}: {}", title.unwrap_or("the rest")))).collect()
}
