//! A difference as text for a person at a terminal, a line each. Whoever prints them makes them fit to be shown.

use super::diff::{ConfigDifference, Difference, FileDifference, ImageDifference};
use super::reasons::called;
use super::units::{human, plural};

/// Differences of an image that are shown unless all are asked for.
const FEW: usize = 20;

/// What differs, image by image; with `all`, every path.
pub fn lines(difference: &Difference, all: bool) -> Vec<String> {
    let mut lines: Vec<String> = difference.images.iter().flat_map(|difference| image(difference, all)).collect();
    for (images, input) in [(&difference.only_old, &difference.old), (&difference.only_new, &difference.new)] {
        lines.extend(images.iter().map(|title| format!("{}   only in {input}", called(title))));
    }
    lines
}

fn image(image: &ImageDifference, all: bool) -> Vec<String> {
    let ImageDifference { title, entries: [paths, _], bytes: [bytes, _], files, config } = image;
    if image.is_equal() {
        let (count, size) = (plural(*paths, "path"), human(*bytes));
        return vec![format!("{}   the same: {paths} {count}, {size}, and the config", called(title))];
    }
    let mut lines = vec![format!("{}   {}", called(title), summary(files, config))];
    let shown = if all { files.len() } else { FEW };
    lines.extend(config.iter().map(member));
    lines.extend(files.iter().take(shown).map(file));
    if files.len() > shown {
        lines.push(format!("  … {} more (-v)", files.len() - shown));
    }
    lines
}

fn summary(files: &[FileDifference], config: &[ConfigDifference]) -> String {
    let count = |change| files.iter().filter(|file| file.change == change).count() as u64;
    let mut said: Vec<String> = ["added", "removed", "changed"]
        .into_iter()
        .map(|change| (count(change), change))
        .filter(|(count, _)| *count > 0)
        .map(|(count, change)| format!("{count} {} {change}", plural(count, "path")))
        .collect();
    if !config.is_empty() {
        let count = config.len() as u64;
        said.push(format!("{count} {} of the config", plural(count, "member")));
    }
    said.join(", ")
}

fn member(ConfigDifference { member, old, new }: &ConfigDifference) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    format!("  {member}  {} > {}", value(old), value(new))
}

fn file(file: &FileDifference) -> String {
    let FileDifference { path, change, old_bytes, new_bytes, what } = file;
    let (sign, bytes) = match *change {
        "added" => ("+", *new_bytes),
        "removed" => ("-", *old_bytes),
        _ => ("~", None),
    };
    let mut line = format!("  {sign} {path}");
    if let Some(bytes) = bytes.filter(|bytes| *bytes > 0) {
        line += &format!("  {}", human(bytes));
    }
    for (at, aspect) in what.iter().enumerate() {
        let separator = if at == 0 { "  " } else { ", " };
        let nothing = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
        line += separator;
        line += aspect.aspect;
        if !(aspect.old.is_empty() && aspect.new.is_empty()) {
            line += &format!(" {} > {}", nothing(&aspect.old), nothing(&aspect.new));
        }
    }
    line
}
