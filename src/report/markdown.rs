//! An inspection as Markdown, as a CI job shows it (GitHub's dialect, which GitLab and others read too).
//!
//! # Decisions
//! - Whatever an image says stands in code spans: in nothing else is a link, a picture, a mention or markup never made
//!   of text. A span's fence is longer than every run of backticks in it, and a bar in a table is escaped so that it
//!   ends no cell.
//! - It stays below the 1 MiB that GitHub takes for a step: what is too much is counted.

use super::inspect::{HiddenBetween, InspectedImage, InspectedLayer, Inspection, Pushed, SecretReport, Settings};
use super::inspect_text::size;
use super::squash::Change;
use super::step::shortened;
use super::units::{human, percent, plural};
use crate::finding::Finding;
use crate::text::{Shown, line, quoted};

/// Layers that are shown by themselves.
const LAYERS: usize = 130;
/// Hidden files, pairs of layers, secrets and findings that are shown.
const FEW: usize = 10;
const FINDINGS: usize = 50;
/// Characters of a path or a step.
const WIDE: usize = 120;
/// Bytes of the document.
const MOST: usize = 900_000;
/// Backticks in a row that a fence may be longer than.
const FENCE: usize = 8;

/// What is inside, image by image.
pub fn document(inspection: &Inspection) -> String {
    let mut text = String::new();
    for finding in inspection.findings.iter().take(FINDINGS) {
        text += &format!("> {}\n\n", sentence(&finding.to_string(), 4 * WIDE));
    }
    for (at, image) in inspection.images.iter().enumerate() {
        let section = self::image(image, &inspection.input);
        if text.len() + section.len() > MOST {
            let left = inspection.images.len() - at;
            text += &format!("{left} more {} of the archive have no room here.\n", plural(left as u64, "image"));
            break;
        }
        text += &section;
    }
    text
}

/// Text of a stranger, of at most so many characters, as code in a cell of a table; nothing for nothing.
fn code(text: &str, most: usize) -> String {
    let shown = line(text, most);
    // A table is cut into cells before there are spans. A backslash before a bar is one that escapes the next
    // character.
    let mut safe = String::with_capacity(shown.len());
    for c in shown.chars() {
        match c {
            '|' if safe.ends_with('\\') => safe.push_str("\\x7c"),
            '|' => safe.push_str("\\|"),
            c => safe.push(c),
        }
    }
    span(safe)
}

/// The same anywhere else.
fn code_outside(text: &str, most: usize) -> String {
    span(line(text, most))
}

fn span(mut text: String) -> String {
    let longest = |text: &str| text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    if longest(&text) > FENCE {
        // Renderers give up on longer fences.
        text = text.replace('`', "\\x60");
    }
    if text.trim().is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest(&text) + 1);
    // One space at each end is no part of a span.
    let space = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A sentence, which may have words of a stranger in it: plain text when nothing could be made of it but text, else
/// code.
fn sentence(text: &str, most: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    let ends = |at: usize| characters.get(at + 1).is_none_or(|next| *next == ' ');
    let is_plain = |(at, c): (usize, &char)| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | ',' | ';' | '(' | ')' => true,
        '.' | ':' => ends(at),
        _ => false,
    };
    // GitHub makes links of the names of commits.
    let is_commit = |word: &str| word.len() >= 7 && word.chars().all(|c| c.is_ascii_hexdigit());
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let is_text =
        characters.len() <= most && characters.iter().enumerate().all(is_plain) && !words.into_iter().any(is_commit);
    if is_text { text.to_owned() } else { code(text, most) }
}

fn image(image: &InspectedImage, input: &str) -> String {
    let names: Vec<String> = image.names.iter().take(FEW).map(|name| code_outside(name, WIDE)).collect();
    let called = if names.is_empty() { "(no name)".to_owned() } else { names.join(", ") };
    let mut text = format!("## {called}\n\n{}\n\n", facts(image));
    text += &hidden(image);
    text += &layers(&image.layers);
    text += &findings(image);
    text += &savings(image, input);
    text
}

fn facts(image: &InspectedImage) -> String {
    let count = image.layers.len() as u64;
    let Settings { user, is_root, .. } = &image.settings;
    let user = match user.is_empty() {
        true => "root".to_owned(),
        false => code_outside(user, WIDE),
    };
    let facts = [
        code_outside(&image.platform, WIDE),
        format!("**{} pushed**, {} unpacked", size(image.pushed), human(image.unpacked_bytes)),
        format!("{count} {}", plural(count, "layer")),
        format!("runs as {user}{}", if *is_root { " (the superuser)" } else { "" }),
    ];
    facts.join(" · ")
}

fn hidden(image: &InspectedImage) -> String {
    if image.hidden_bytes == 0 {
        return "Nothing is hidden: every file of every layer is seen.\n\n".to_owned();
    }
    let (hidden, unpacked) = (human(image.hidden_bytes), human(image.unpacked_bytes));
    let mut text = format!("**{hidden} of {unpacked} are hidden**: nobody sees them, everybody pulls them.\n\n");
    text += "| hidden | why | most of it in | layer | hidden by |\n|--:|:--|:--|--:|--:|\n";
    for cause in image.hidden.iter().take(FEW) {
        let (bytes, words) = (human(cause.bytes), cause.words);
        let most = cause.between.first().map_or("|  |  ".to_owned(), |HiddenBetween { layer, by, below, .. }| {
            format!("{} | {layer} | {by} ", code(below, WIDE))
        });
        text += &format!("| {bytes} | {words} | {most}|\n");
    }
    text.push('\n');
    if !image.hidden_files.is_empty() {
        text += "| largest hidden files | bytes | layer | hidden by |\n|:--|--:|--:|--:|\n";
        for file in image.hidden_files.iter().take(FEW) {
            let (path, bytes) = (code(&file.path, WIDE), human(file.bytes));
            text += &format!("| {path} | {bytes} | {} | {} |\n", file.layer, file.by);
        }
        text.push('\n');
    }
    text
}

fn layers(layers: &[InspectedLayer]) -> String {
    let mut text = "| # | pushed | unpacked | hidden | what made it |\n|--:|--:|--:|--:|:--|\n".to_owned();
    for layer in layers.iter().take(LAYERS) {
        let InspectedLayer { position, pushed, unpacked_bytes, hidden_bytes, step, is_base, .. } = layer;
        let hidden = if *hidden_bytes == 0 { String::new() } else { format!("**{}**", human(*hidden_bytes)) };
        let step = step.as_deref().map_or("(the history does not say)".to_owned(), |step| code(&shortened(step), WIDE));
        let base = if *is_base { " (base)" } else { "" };
        let (pushed, unpacked) = (size(*pushed), human(*unpacked_bytes));
        text += &format!("| {position} | {pushed} | {unpacked} | {hidden} | {step}{base} |\n");
    }
    if let Some(more) = layers.get(LAYERS..).filter(|more| !more.is_empty()) {
        let sum = |of: fn(&InspectedLayer) -> u64| more.iter().map(of).sum::<u64>();
        let is_estimated = more.iter().any(|layer| layer.pushed.is_estimated);
        let pushed = size(Pushed { bytes: sum(|layer| layer.pushed.bytes), is_estimated });
        let (unpacked, hidden) = (human(sum(|layer| layer.unpacked_bytes)), human(sum(|layer| layer.hidden_bytes)));
        text += &format!("|  | {pushed} | {unpacked} | {hidden} | {} more layers |\n", more.len());
    }
    text.push('\n');
    text
}

fn findings(image: &InspectedImage) -> String {
    let secrets: Vec<&SecretReport> = image.secrets.iter().filter(|secret| secret.accepted.is_none()).collect();
    let count = secrets.len() + image.findings.len();
    if count == 0 {
        return String::new();
    }
    let mut text = "| severity | what | where | what to do |\n|:--|:--|:--|:--|\n".to_owned();
    let secrets = secrets.into_iter().map(|found| (found.severity, secret(found)));
    let others = image.findings.iter().map(|found| (found.severity, finding(found)));
    let mut rows: Vec<_> = secrets.chain(others).collect();
    rows.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
    for (severity, row) in rows.iter().take(FINDINGS) {
        text += &format!("| {} | {row} |\n", severity.name());
    }
    text.push('\n');
    if count > FINDINGS {
        text += &format!("{} more findings: `imgsquash inspect -v` shows them.\n\n", count - FINDINGS);
    }
    text
}

fn secret(secret: &SecretReport) -> String {
    let SecretReport { rule, place, path, layer, hidden_by, redacted, .. } = secret;
    let place = if *place == "file" { String::new() } else { format!("{place} ") };
    let layer = layer.map_or(String::new(), |layer| format!(", layer {layer}"));
    let hidden = hidden_by.map_or(String::new(), |by| format!(", hidden by {by}"));
    let remedy = if secret.removed_by_squash { "a squash removes it; rotate it" } else { "rotate it" };
    let (rule, redacted) = (code(rule, WIDE), code(redacted, WIDE));
    format!("secret {rule}: {redacted} | {place}{}{layer}{hidden} | {remedy}", code(path, WIDE))
}

fn finding(finding: &Finding) -> String {
    let Finding { id, subject, message, remedy, .. } = finding;
    let remedy = remedy.as_deref().unwrap_or_default();
    format!("{id}: {} | {} | {} ", sentence(message, 2 * WIDE), code(subject, WIDE), sentence(remedy, WIDE))
}

fn savings(image: &InspectedImage, input: &str) -> String {
    if image.savings.is_empty() {
        return String::new();
    }
    let mut text = "| to save | pushed | |\n|:--|--:|--:|\n".to_owned();
    for saving in &image.savings {
        let options = if saving.options.is_empty() { String::new() } else { format!(" {}", saving.options) };
        let command = code(&format!("imgsquash {} -o small.tar{options}", quoted(&Shown(input).to_string())), 4 * WIDE);
        let change = percent(Change { before: image.pushed.bytes, after: saving.pushed.bytes });
        let change = change.trim().trim_matches(['(', ')']);
        text += &format!("| {command} | {} | {change} |\n", size(saving.pushed));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_plain_only_if_nothing_can_be_made_of_it() {
        for text in ["containers run as root: no user is set", "a (b), c; d.", ""] {
            assert_eq!(sentence(text, WIDE), text);
        }
        for text in ["see www.example.com", "a@b", "#1", "*a*", "http://x", "commit deadbeef", "a_b_", "&amp;", "é"] {
            assert_eq!(sentence(text, WIDE), format!("`{text}`"));
        }
    }

    #[test]
    fn code_is_one_span_whatever_is_in_it() {
        for (text, span) in [
            ("usr/lib", "`usr/lib`"),
            ("", ""),
            ("  ", ""),
            ("a`b", "``a`b``"),
            ("`", "`` ` ``"),
            (" a", "`  a `"),
            ("a|b", "`a\\|b`"),
            ("a\\|b", "`a\\\\x7cb`"),
            ("a\nb", "`a\\nb`"),
            ("<img src=x>", "`<img src=x>`"),
            ("[a](b)", "`[a](b)`"),
            ("`````````", "`\\x60\\x60\\x60\\x60\\x60\\x60\\x60\\x60\\x60`"),
        ] {
            assert_eq!(code(text, WIDE), span, "{text:?}");
        }
        assert_eq!(code_outside("a|b", WIDE), "`a|b`");
    }
}
