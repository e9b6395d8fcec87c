//! Secrets out of what an image says of how it was made: values of build arguments, and nothing else.
//!
//! # Decisions
//! - What Docker's classic builder notes of the last step (`container_config`) says the same as the last row of the
//!   history and is treated the same. What containers run by is not touched.

use super::engine::Engine;
use super::scan::Scanner;
use crate::oci::{Config, HistoryRow, Image};

/// `image` with `***` in the place of every value of a build argument that looks like a secret; `None` when there is
/// none.
pub fn scrubbed(image: &Image, engine: &Engine) -> Option<Image> {
    let mut scanner = Scanner::new(engine);
    let mut config = image.config.clone();
    let rows = scrub_rows(&mut config, &mut scanner);
    let words = scrub_words(&mut config, &mut scanner);
    (rows || words).then(|| Image { config, ..image.clone() })
}

/// Whether a row was changed.
fn scrub_rows(config: &mut Config, scanner: &mut Scanner<'_>) -> bool {
    let Some(rows) = config.history() else { return false };
    let mut is_changed = false;
    let mut scrub = |row: &HistoryRow| {
        let said = row.created_by();
        let scrubbed = scanner.scrub(&said);
        if scrubbed.replaced.is_empty() {
            return row.clone();
        }
        is_changed = true;
        row.clone().with_created_by(&scrubbed.text)
    };
    let rows: Vec<HistoryRow> = rows.iter().map(&mut scrub).collect();
    if is_changed {
        config.set_history(Some(rows));
    }
    is_changed
}

/// Whether a word of the command was changed by which the classic builder ran the last step: `|1`, `NAME=value`, the
/// shell.
fn scrub_words(config: &mut Config, scanner: &mut Scanner<'_>) -> bool {
    let Some(mut build) = config.build_container() else { return false };
    let Some(mut words) = build.get::<Vec<String>>("Cmd", "").ok().flatten() else { return false };
    let count = words.first().and_then(|word| word.strip_prefix('|')?.parse::<usize>().ok()).unwrap_or(0);
    let mut is_changed = false;
    for word in words.iter_mut().skip(1).take(count) {
        // As a row of its own, so that no value is taken for another argument.
        let row = format!("{BEGIN}{word}{END}");
        let scrubbed = scanner.scrub(&row);
        let text = scrubbed.text.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        if let Some(text) = text.filter(|_| !scrubbed.replaced.is_empty()) {
            text.clone_into(word);
            is_changed = true;
        }
    }
    if is_changed {
        build.set("Cmd", &words);
        config.set_build_container(&build);
    }
    is_changed
}

const BEGIN: &str = "|1 ";
const END: &str = " /bin/sh -c :";
