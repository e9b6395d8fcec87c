//! The account for a person at a terminal. It goes to standard error, so that an archive can go to standard output.

use std::fmt::Write as _;
use std::io::Write as _;

use imgsquash::Squash;
use imgsquash::report::{Change, EqualFiles, ImageReport, Reclaimed, Report};
use imgsquash::request::Compression;
use imgsquash::request::{Format, Target};

/// What was dropped, left out or repaired is said even when all else is quiet.
pub(crate) fn notes(report: &Report) {
    for note in &report.notes {
        let _ = writeln!(std::io::stderr(), "note: {note}");
    }
}

/// Prints the account of each image and where they went.
pub(crate) fn print(report: &Report, request: &Squash) {
    let mut text = String::new();
    for image in &report.images {
        text.push_str(&image_lines(image));
    }
    let (size, output) = (human(report.output_bytes), report.output.as_deref().unwrap_or_default());
    let _ = match (&request.target, request.format) {
        (Target::Nowhere, _) => writeln!(text, "nothing was written (dry run); the archive would have {size}"),
        (Target::Stdout, _) => writeln!(text, "wrote {size} to standard output"),
        (_, Format::Universal | Format::DockerArchive) => {
            // Docker reads zstd layers since version 23.
            let since =
                if matches!(request.compression, Some(Compression::Zstd(_))) { " (docker 23 or newer)" } else { "" };
            writeln!(text, "wrote {output} ({size}); load it with: docker load -i {output}{since}")
        }
        (_, Format::OciArchive) => writeln!(text, "wrote {output} ({size}); load it with: podman load -i {output}"),
        (_, Format::OciDirectory) => {
            writeln!(text, "wrote {output} ({size}); copy it with: skopeo copy oci:{output} DESTINATION")
        }
    };
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn image_lines(image: &ImageReport) -> String {
    let names = if image.names.is_empty() { "(no name)".to_owned() } else { image.names.join(", ") };
    let mut text = format!("{names}  {}\n", image.platform);
    let Change { before, after } = image.layers;
    let _ = writeln!(text, "  layers        {before:>10} -> {after}");
    if !image.kept_layers.is_empty() {
        text.push_str("  of the layers that were squashed:\n");
    }
    let Change { before, after } = image.entries;
    let _ = writeln!(text, "  entries       {before:>10} -> {after}");
    for (name, change) in [("uncompressed", image.uncompressed_bytes), ("compressed", image.compressed_bytes)] {
        let Change { before, after } = change;
        let _ = writeln!(text, "  {name:<13} {:>10} -> {}{}", human(before), human(after), percent(change));
    }
    let _ = writeln!(text, "  reclaimed     {:>10}", human(image.reclaimed_bytes.total));
    text.push_str(&causes(&image.reclaimed_bytes));
    text.push_str(&pruned(image));
    let EqualFiles { files, bytes, linked } = image.equal_files;
    if files > 0 && !linked {
        let _ = writeln!(
            text,
            "  equal files   {:>10}  in {files} files that --hardlink-duplicates would link",
            human(bytes)
        );
    }
    let kept: u64 = image.kept_layers.iter().map(|layer| layer.compressed_bytes).sum();
    if !image.kept_layers.is_empty() {
        let (count, kept) = (image.kept_layers.len(), human(kept));
        let _ =
            writeln!(text, "  kept          {kept:>10}  in {count} {}, byte for byte", plural(count as u64, "layer"));
    }
    if image.new_layers.len() > 1 {
        for layer in &image.new_layers {
            let title = layer.title.as_deref().unwrap_or_default();
            let _ = writeln!(
                text,
                "  new layer     {:>10}  {title}, {} entries",
                human(layer.compressed_bytes),
                layer.entries
            );
        }
    }
    let _ = writeln!(text, "  image id      {}", image.image_id);
    text
}

/// Pruned files that are shown.
const LARGEST: usize = 10;

/// What each rule took, the largest files of all, and what was left because of a guard.
fn pruned(image: &ImageReport) -> String {
    let Some(rules) = &image.pruned else { return String::new() };
    let (files, bytes) = rules.iter().fold((0, 0), |(files, bytes), rule| (files + rule.files, bytes + rule.bytes));
    let compressed: u64 = rules.iter().map(|rule| rule.estimated_compressed_bytes).sum();
    let mut text = String::new();
    let _ = writeln!(
        text,
        "  pruned        {:>10}  in {files} {} (about {} compressed)",
        human(bytes),
        plural(files, "file"),
        human(compressed)
    );
    let mut taken: Vec<_> = rules.iter().filter(|rule| rule.files > 0).collect();
    taken.sort_by_key(|rule| std::cmp::Reverse((rule.bytes, rule.files)));
    for rule in taken {
        let _ = writeln!(
            text,
            "                {:>8}  {}: {} {}, {}",
            human(rule.bytes),
            rule.id,
            rule.files,
            plural(rule.files, "file"),
            rule.title
        );
    }
    let hidden: u64 = rules.iter().map(|rule| rule.hidden_in_kept_layers_bytes).sum();
    if hidden > 0 {
        let hidden = human(hidden);
        let _ = writeln!(
            text,
            "                {hidden:>8}  of it lie in kept layers: hidden by whiteouts, nothing is freed"
        );
    }
    let mut largest: Vec<_> = rules.iter().flat_map(|rule| &rule.largest).filter(|file| file.bytes > 0).collect();
    largest.sort_by(|a, b| (b.bytes, &a.path).cmp(&(a.bytes, &b.path)));
    for (at, file) in largest.iter().take(LARGEST).enumerate() {
        let first = if at == 0 { "largest" } else { "" };
        let _ = writeln!(text, "    {first:<12}{:>8}  {}", human(file.bytes), file.path);
    }
    for rule in rules {
        for guard in &rule.kept {
            let (files, example) = (guard.files, &guard.example);
            let (count, what) = (plural(files, "file"), &guard.guard);
            let _ = writeln!(text, "    kept {files} {count} from {}: {what} ({example})", rule.id);
        }
        if let Some(reason) = &rule.skipped {
            let _ = writeln!(text, "    skipped {}: {reason}", rule.id);
        }
    }
    text
}

fn plural(count: u64, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

/// The causes that took anything, a line each, largest first.
fn causes(reclaimed: &Reclaimed) -> String {
    let mut causes: Vec<_> = reclaimed.causes().filter(|(.., bytes)| *bytes > 0).collect();
    causes.sort_by_key(|(.., bytes)| std::cmp::Reverse(*bytes));
    causes.iter().map(|(_, words, bytes)| format!("                {:>8}  {words}\n", human(*bytes))).collect()
}

fn percent(change: Change) -> String {
    if change.before == 0 {
        return String::new();
    }
    let before = u128::from(change.before);
    let (sign, difference) = match change.before.checked_sub(change.after) {
        Some(less) => ("-", less),
        None => ("+", change.after - change.before),
    };
    let percent = (u128::from(difference) * 100 + before / 2) / before;
    if percent == 0 { String::new() } else { format!("  ({sign}{percent} %)") }
}

/// Bytes in the decimal units that docker and registries show, with three digits.
fn human(bytes: u64) -> String {
    let mut unit = 1_u64;
    let mut name = "B";
    for (next, next_name) in [(1_000, "kB"), (1_000_000, "MB"), (1_000_000_000, "GB"), (1_000_000_000_000, "TB")] {
        if bytes >= next {
            (unit, name) = (next, next_name);
        }
    }
    let whole = bytes / unit;
    let rest = u128::from(bytes % unit);
    match whole {
        _ if unit == 1 => format!("{whole} B"),
        0..10 => format!("{whole}.{:02} {name}", rest * 100 / u128::from(unit)),
        10..100 => format!("{whole}.{:01} {name}", rest * 10 / u128::from(unit)),
        _ => format!("{whole} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (1_416_100_000, "1.41 GB"),
            (56_750_000, "56.7 MB"),
            (567_500_000, "567 MB"),
            (12_345_000_000_000_000, "12345 TB"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn a_change_is_shown_in_percent_when_there_is_one() {
        for (before, after, text) in [(100, 50, "  (-50 %)"), (100, 120, "  (+20 %)"), (1000, 1001, ""), (0, 5, "")] {
            assert_eq!(percent(Change { before, after }), text);
        }
    }
}
