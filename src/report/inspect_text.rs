//! An inspection as text for a person at a terminal, a line each, at most 80 columns wide unless everything is asked
//! for. Whoever prints them makes them fit to be shown.

use super::inspect::{
    HiddenBetween, HiddenCause, HiddenFile, InspectedImage, InspectedLayer, Inspection, Pushed, Saving, SecretReport,
    Settings,
};
use super::squash::Change;
use super::step::shortened;
use super::units::{human, percent, plural, together};
use crate::finding::Finding;
use crate::inside::words;
use crate::text::{line, quoted};

/// Columns of a terminal.
const WIDTH: usize = 80;
/// Layers that are shown unless all are asked for.
const LAYERS: usize = 10;
/// Hidden files, secrets and pairs of layers that are shown likewise.
const FEW: usize = 3;

/// What is inside, image by image; with `all`, everything.
pub fn lines(inspection: &Inspection, all: bool) -> Vec<String> {
    let mut lines: Vec<String> = inspection.findings.iter().map(|finding| format!("note: {finding}")).collect();
    for (at, image) in inspection.images.iter().enumerate() {
        if at > 0 {
            lines.push(String::new());
        }
        lines.extend(self::image(image, &inspection.input, all));
    }
    lines
}

fn image(image: &InspectedImage, input: &str, all: bool) -> Vec<String> {
    let mut lines = head(image, all);
    lines.push(String::new());
    lines.extend(layers(&image.layers, all));
    lines.push(String::new());
    lines.extend(hidden(image, all));
    lines.extend(secrets(&image.secrets, all));
    lines.extend(findings(&image.findings, all));
    lines.push(String::new());
    lines.extend(savings(image, input));
    lines
}

/// Bytes that a registry holds; an estimate says so.
pub(super) fn size(pushed: Pushed) -> String {
    if pushed.is_estimated { format!("~{}", human(pushed.bytes)) } else { human(pushed.bytes) }
}

fn head(image: &InspectedImage, all: bool) -> Vec<String> {
    let count = image.layers.len() as u64;
    let (layers, pushed) = (plural(count, "layer"), size(image.pushed));
    let unpacked = human(image.unpacked_bytes);
    let mut lines = vec![
        format!("{}   {}   {}", line(&together(&image.names), 50), image.platform, user(&image.settings)),
        format!("{count} {layers}   {pushed} pushed, {unpacked} unpacked"),
    ];
    let Settings { ports, volumes, healthcheck, entrypoint, cmd, working_dir, .. } = &image.settings;
    let words = |words: &[String]| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    let mut settings = vec![
        ("entrypoint", words(entrypoint)),
        ("cmd", words(cmd)),
        ("ports", ports.join(", ")),
        ("volumes", volumes.join(", ")),
        ("healthcheck", words(healthcheck.as_deref().unwrap_or_default())),
    ];
    if all {
        settings.extend([
            ("workdir", working_dir.clone()),
            ("created", image.created.clone().unwrap_or_default()),
            ("image id", image.image_id.clone()),
            ("manifest", image.manifest_digest.clone()),
            ("entries", image.entries.to_string()),
            ("efficiency", format!("{:.4}", image.efficiency)),
        ]);
    }
    let most = if all { usize::MAX } else { WIDTH - 15 };
    let settings = settings.into_iter().filter(|(_, value)| !value.is_empty());
    lines.extend(settings.map(|(name, value)| format!("  {name:<11}  {}", line(&value, most))));
    lines
}

fn user(settings: &Settings) -> String {
    let Settings { user, uid, is_root, .. } = settings;
    match uid {
        _ if *is_root && (user.is_empty() || user == "0") => "user root (0)".to_owned(),
        Some(uid) if uid.to_string() != *user => format!("user {} ({uid})", line(user, 30)),
        _ => format!("user {}", line(user, 30)),
    }
}

fn layers(layers: &[InspectedLayer], all: bool) -> Vec<String> {
    let mut lines = vec![format!("{:>4} {:>9} {:>9} {:>9}  what made it", "#", "pushed", "unpacked", "hidden")];
    let mut shown: Vec<&InspectedLayer> = layers.iter().collect();
    if !all && layers.len() > LAYERS {
        shown.sort_by_key(|layer| (std::cmp::Reverse(layer.hidden_bytes.max(layer.pushed.bytes)), layer.position));
        shown.truncate(LAYERS - 1);
        shown.sort_by_key(|layer| layer.position);
    }
    lines.extend(shown.iter().map(|layer| self::layer(layer, all)));
    if shown.len() < layers.len() {
        lines.push(format!("{:>4} {} smaller {} (-v)", "…", layers.len() - shown.len(), "layers"));
    }
    lines
}

fn layer(layer: &InspectedLayer, all: bool) -> String {
    let InspectedLayer { position, pushed, unpacked_bytes, hidden_bytes, .. } = layer;
    let hidden = if *hidden_bytes == 0 { "-".to_owned() } else { human(*hidden_bytes) };
    let sizes = format!("{position:>4} {:>9} {:>9} {hidden:>9}  ", size(*pushed), human(*unpacked_bytes));
    let base = if layer.is_base { "  base" } else { "" };
    let room = if all { 400 } else { WIDTH - sizes.chars().count() - base.len() };
    let step = layer.step.as_deref().map_or("(the history does not say)".to_owned(), shortened);
    // What comes first tells which step it is.
    let short: String =
        if step.chars().count() <= room { step } else { step.chars().take(room - 1).chain(['…']).collect() };
    if base.is_empty() { format!("{sizes}{short}") } else { format!("{sizes}{short:<room$}{base}") }
}

fn hidden(image: &InspectedImage, all: bool) -> Vec<String> {
    if image.hidden_bytes == 0 {
        return vec!["  nothing is hidden: every file of every layer is seen".to_owned()];
    }
    let (hidden, unpacked) = (human(image.hidden_bytes), human(image.unpacked_bytes));
    let mut lines = vec![format!("  {hidden} of {unpacked} are hidden: nobody sees them, everybody pulls them")];
    let is_worth = |cause: &&HiddenCause| all || cause.bytes * 100 >= image.hidden_bytes;
    for HiddenCause { words, bytes, between, .. } in image.hidden.iter().filter(is_worth) {
        lines.push(format!("  {:>9}  {words}", human(*bytes)));
        let few = if all { between.len() } else { 2 };
        for HiddenBetween { layer, by, bytes, below } in between.iter().take(few).filter(|_| image.layers.len() > 1) {
            let pair = format!("{layer} > {by}");
            lines.push(format!("             {:>9}  {:<37}  {pair:>7}", human(*bytes), line(below, 37)));
        }
    }
    let others: u64 = image.hidden.iter().filter(|cause| !is_worth(cause)).map(|cause| cause.bytes).sum();
    if others > 0 {
        lines.push(format!("  {:>9}  for other reasons (-v)", human(others)));
    }
    let files = image.hidden_files.iter().take(if all { image.hidden_files.len() } else { FEW }).enumerate();
    lines.extend(files.map(|(at, HiddenFile { path, bytes, layer, by, .. })| {
        let first = if at == 0 { "largest" } else { "" };
        let (pair, room) = (format!("{layer} > {by}"), if all { 400 } else { 45 });
        format!("  {first:<9}  {:>9}  {:<45}  {pair:>7}", human(*bytes), line(path, room))
    }));
    lines
}

fn secrets(secrets: &[SecretReport], all: bool) -> Vec<String> {
    let open: Vec<&SecretReport> = secrets.iter().filter(|secret| secret.accepted.is_none()).collect();
    let shown = if all { secrets.iter().collect() } else { open };
    let few = if all { shown.len() } else { FEW };
    let mut lines: Vec<String> = shown.iter().take(few).map(|found| secret(found)).collect();
    if shown.len() > few {
        lines.push(format!("  {} more secrets (-v)", shown.len() - few));
    }
    lines
}

fn secret(secret: &SecretReport) -> String {
    let SecretReport { rule, place, path, layer, hidden_by, removed_by_squash, redacted, accepted, .. } = secret;
    let place = if *place == "file" { String::new() } else { format!("{place} ") };
    let layer = layer.map_or(String::new(), |layer| format!("  layer {layer}"));
    let state = hidden_by.map_or(String::new(), |by| format!(", hidden by {by}"));
    let what = match (accepted, removed_by_squash) {
        (Some(why), _) => format!("accepted: {why}"),
        (None, true) => "a squash removes it; rotate it".to_owned(),
        (None, false) => "a squash keeps it; rotate it".to_owned(),
    };
    format!("  secret     {rule}  {place}{}{layer}{state}: {redacted}; {what}", line(path, 60))
}

/// Findings as one sentence; with `all`, each by itself.
fn findings(findings: &[Finding], all: bool) -> Vec<String> {
    if all {
        let remedy = |finding: &Finding| finding.remedy.as_ref().map_or(String::new(), |remedy| format!(" ({remedy})"));
        let tell = |finding: &Finding| format!("  {:<9}  {finding}{}", finding.severity.name(), remedy(finding));
        return findings.iter().map(tell).collect();
    }
    // The gravest come first, and each kind where its gravest is.
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for finding in findings {
        match counts.iter_mut().find(|(id, _)| *id == finding.id) {
            Some((_, count)) => *count += 1,
            None => counts.push((finding.id, 1)),
        }
    }
    let said: Vec<String> = counts.into_iter().map(|(id, count)| words(id, count)).collect();
    wrapped("findings", &said)
}

/// Words in lines of a terminal's width, the first of which begins with a title.
fn wrapped(title: &str, words: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let word = if at + 1 < words.len() { format!("{word}, ") } else { word.clone() };
        match lines.last_mut().filter(|line| line.chars().count() + word.trim_end().chars().count() <= WIDTH) {
            Some(line) => line.push_str(&word),
            None => lines.push(format!("  {:<9}  {word}", if at == 0 { title } else { "" })),
        }
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Commands that can be pasted, with what they would make.
fn savings(image: &InspectedImage, input: &str) -> Vec<String> {
    let command = |saving: &Saving| {
        let options = if saving.options.is_empty() { String::new() } else { format!(" {}", saving.options) };
        format!("  imgsquash {} -o small.tar{options}", quoted(input))
    };
    let commands: Vec<(String, &Saving)> = image.savings.iter().map(|saving| (command(saving), saving)).collect();
    let width = commands.iter().map(|(command, _)| command.chars().count()).max().unwrap_or_default();
    let tell = |(command, saving): &(String, &Saving)| {
        let change = percent(Change { before: image.pushed.bytes, after: saving.pushed.bytes });
        format!("{command:<width$}  {:>9} pushed{change}", size(saving.pushed))
    };
    commands.iter().map(tell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_between_findings() {
        let words: Vec<String> = (0..9).map(|at| format!("a finding number {at}")).collect();
        let lines = wrapped("findings", &words);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:#?}");
        assert_eq!(lines[0], "  findings   a finding number 0, a finding number 1, a finding number 2,");
        assert!(lines[1].starts_with("             a finding number 3"), "{lines:#?}");
    }
}
