//! A receipt in a few lines that fit a terminal.

use super::squash::{Change, ImageReport, PrunedReport};
use super::units::{human, percent, plural, together};
use crate::report::Pushed;
use crate::slim::MinifyOutcome;
use crate::text::line;

/// Columns of a terminal.
const WIDTH: usize = 80;
/// Rules that are named.
const RULES: usize = 3;

/// The account of an image: what a registry holds before and after, and where the rest went, largest first.
pub(super) fn image(image: &ImageReport) -> Vec<String> {
    let mut lines = head(image);
    if image.is_unchanged {
        lines.push("  nothing to do: it was squashed with these options before".to_owned());
        return lines;
    }
    lines.extend(causes(image));
    lines.extend(image.minified.iter().map(minified));
    lines.extend(kept(image));
    lines.extend(new_layers(image));
    if image.pushed.after.bytes > image.pushed.before.bytes {
        lines.push("  larger than before: --compression zstd is smaller, --compression keep is as it was".to_owned());
    }
    lines
}

fn head(image: &ImageReport) -> Vec<String> {
    let Change { before, after } = image.layers;
    let size = |pushed: Pushed| format!("{}{}", if pushed.is_estimated { "~" } else { "" }, human(pushed.bytes));
    let (old, new) = (image.pushed.before, image.pushed.after);
    let change = percent(Change { before: old.bytes, after: new.bytes });
    let name = format!("{}  {}", line(&together(&image.names), 50), image.platform);
    let what = format!("{before} {} > {after}   {} > {} pushed{change}", plural(before, "layer"), size(old), size(new));
    match name.chars().count() + what.chars().count() + 3 <= WIDTH {
        true => vec![format!("{name}   {what}")],
        false => vec![name, format!("  {what}")],
    }
}

/// The causes that took one of a hundred bytes of what is gone, and all others together.
fn causes(image: &ImageReport) -> Vec<String> {
    let total = image.reclaimed_bytes.total;
    let mut causes: Vec<_> = image.reclaimed_bytes.causes().filter(|(.., bytes)| *bytes > 0).collect();
    causes.sort_by_key(|(.., bytes)| std::cmp::Reverse(*bytes));
    let is_worth = |bytes: u64| bytes.saturating_mul(100) >= total;
    let others: u64 = causes.iter().map(|(.., bytes)| *bytes).filter(|bytes| !is_worth(*bytes)).sum();
    let mut lines: Vec<String> = Vec::new();
    for (key, words, bytes) in causes.iter().filter(|(.., bytes)| is_worth(*bytes)) {
        let rules = image.pruned.as_deref().filter(|_| *key == "pruned").map(rules).unwrap_or_default();
        lines.push(format!("  {:>9}  {words}{rules}", human(*bytes)));
    }
    if others > 0 {
        lines.push(format!("  {:>9}  for other reasons", human(others)));
    }
    let guarded: u64 = image.pruned.iter().flatten().flat_map(|rule| &rule.kept).map(|guard| guard.files).sum();
    if guarded > 0 {
        lines.push(format!("             {guarded} {} stayed that a rule would take (-v)", plural(guarded, "file")));
    }
    lines
}

/// Which rules took most, and how many files all of them took.
fn rules(rules: &[PrunedReport]) -> String {
    let mut taken: Vec<&PrunedReport> = rules.iter().filter(|rule| rule.files > 0).collect();
    taken.sort_by_key(|rule| std::cmp::Reverse((rule.bytes, rule.files)));
    let files: u64 = taken.iter().map(|rule| rule.files).sum();
    let named: Vec<&str> = taken.iter().take(RULES).map(|rule| &*rule.id).collect();
    let more = match taken.len().saturating_sub(RULES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(": {}{more}, {files} {}", line(&named.join(", "), 40), plural(files, "file"))
}

/// How many packages are gone, and whether something could not be seen.
fn minified(outcome: &MinifyOutcome) -> String {
    let MinifyOutcome { packages_kept, packages_gone, unseen, .. } = outcome;
    let all = packages_kept + packages_gone;
    let count = unseen.opens.len() + unseen.computes.len() + unseen.named.len() + unseen.missing.len();
    let count = (count + unseen.cut.len()) as u64;
    let unseen = if count > 0 { format!("; {count} {} not seen (-v)", plural(count, "need")) } else { String::new() };
    format!("             {packages_gone} of {all} {} went{unseen}", plural(all, "package"))
}

fn kept(image: &ImageReport) -> Option<String> {
    let count = image.kept_layers.len() as u64;
    let bytes: u64 = image.kept_layers.iter().map(|layer| layer.compressed_bytes).sum();
    (count > 0).then(|| format!("  {:>9}  in {count} {} kept, byte for byte", human(bytes), plural(count, "layer")))
}

/// The new layers, when there are several.
fn new_layers(image: &ImageReport) -> Vec<String> {
    if image.new_layers.len() < 2 {
        return Vec::new();
    }
    let layers = image.new_layers.iter().take(6).map(|layer| {
        let title = layer.title.as_deref().unwrap_or("the rest");
        format!("  {:>9}  in a new layer: {title}", human(layer.compressed_bytes))
    });
    let mut lines: Vec<String> = layers.collect();
    if let Some(more) = image.new_layers.len().checked_sub(6).filter(|more| *more > 0) {
        lines.push(format!("             and {more} new layers more (-v)"));
    }
    lines
}
