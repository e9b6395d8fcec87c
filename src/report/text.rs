//! A receipt as text for a person at a terminal, a line each. Whoever prints them makes them fit to be shown.

use super::secrets;
use super::squash::{Change, EqualFiles, ImageReport, Reclaimed, Report};
use super::summary;
use super::units::{human, percent, plural, together};
use crate::slim::MinifyOutcome;

/// What was dropped, left out or repaired, a line each.
pub fn notes(report: &Report) -> Vec<String> {
    report.notes.iter().map(|note| format!("note: {note}")).collect()
}

/// The account of each image and where they went; with `all`, of every byte.
pub fn account(report: &Report, all: bool) -> Vec<String> {
    let of = if all { image } else { summary::image };
    let secrets = |image: &ImageReport| image.secrets.as_deref().map(|found| secrets::lines(found, all));
    let told = |image| of(image).into_iter().chain(secrets(image).unwrap_or_default());
    let mut lines: Vec<String> = report.images.iter().flat_map(told).collect();
    let size = human(report.output_bytes);
    lines.push(match (report.output.as_deref(), &report.next) {
        (None, _) => format!("nothing was written (dry run); the archive would have {size}"),
        (Some("-"), _) => format!("wrote {size} to standard output"),
        (Some(output), None) => format!("wrote {output} ({size})"),
        (Some(output), Some(next)) => {
            // Docker reads zstd layers since version 23.
            let is_zstd =
                report.images.iter().flat_map(|image| &image.new_layers).any(|layer| layer.compression == "zstd");
            let since = if is_zstd && next.starts_with("docker ") { " (docker 23 or newer)" } else { "" };
            let what = next.split(' ').nth(1).unwrap_or("load");
            format!("wrote {output} ({size}); {what} it with: {next}{since}")
        }
    });
    lines
}

fn image(image: &ImageReport) -> Vec<String> {
    let mut lines = vec![format!("{}  {}", together(&image.names), image.platform)];
    let Change { before, after } = image.layers;
    lines.push(format!("  layers        {before:>10} -> {after}"));
    if !image.kept_layers.is_empty() {
        lines.push("  of the layers that were squashed:".to_owned());
    }
    let Change { before, after } = image.entries;
    lines.push(format!("  entries       {before:>10} -> {after}"));
    for (name, change) in [("uncompressed", image.uncompressed_bytes), ("compressed", image.compressed_bytes)] {
        let Change { before, after } = change;
        lines.push(format!("  {name:<13} {:>10} -> {}{}", human(before), human(after), percent(change)));
    }
    lines.push(format!("  reclaimed     {:>10}", human(image.reclaimed_bytes.total)));
    lines.extend(causes(&image.reclaimed_bytes));
    lines.extend(pruned(image));
    lines.extend(image.minified.iter().flat_map(minified));
    let EqualFiles { files, bytes, linked } = image.equal_files;
    if files > 0 && !linked {
        lines.push(format!(
            "  equal files   {:>10}  in {files} files that --hardlink-duplicates would link",
            human(bytes)
        ));
    }
    let kept: u64 = image.kept_layers.iter().map(|layer| layer.compressed_bytes).sum();
    if !image.kept_layers.is_empty() {
        let (count, kept) = (image.kept_layers.len(), human(kept));
        lines.push(format!("  kept          {kept:>10}  in {count} {}, byte for byte", plural(count as u64, "layer")));
    }
    if image.new_layers.len() > 1 {
        for layer in &image.new_layers {
            let title = layer.title.as_deref().unwrap_or_default();
            lines.push(format!(
                "  new layer     {:>10}  {title}, {} entries",
                human(layer.compressed_bytes),
                layer.entries
            ));
        }
    }
    lines.push(format!("  image id      {}", image.image_id));
    lines
}

/// Pruned files that are shown.
const LARGEST: usize = 10;

/// What each rule took, the largest files of all, and what was left because of a guard.
fn pruned(image: &ImageReport) -> Vec<String> {
    let Some(rules) = &image.pruned else { return Vec::new() };
    let (files, bytes) = rules.iter().fold((0, 0), |(files, bytes), rule| (files + rule.files, bytes + rule.bytes));
    let compressed: u64 = rules.iter().map(|rule| rule.estimated_compressed_bytes).sum();
    let mut lines = Vec::new();
    lines.push(format!(
        "  pruned        {:>10}  in {files} {} (about {} compressed)",
        human(bytes),
        plural(files, "file"),
        human(compressed)
    ));
    let mut taken: Vec<_> = rules.iter().filter(|rule| rule.files > 0).collect();
    taken.sort_by_key(|rule| std::cmp::Reverse((rule.bytes, rule.files)));
    for rule in taken {
        lines.push(format!(
            "                {:>8}  {}: {} {}, {}",
            human(rule.bytes),
            rule.id,
            rule.files,
            plural(rule.files, "file"),
            rule.title
        ));
    }
    let hidden: u64 = rules.iter().map(|rule| rule.hidden_in_kept_layers_bytes).sum();
    if hidden > 0 {
        let hidden = human(hidden);
        lines.push(format!(
            "                {hidden:>8}  of it lie in kept layers: hidden by whiteouts, nothing is freed"
        ));
    }
    let mut largest: Vec<_> = rules.iter().flat_map(|rule| &rule.largest).filter(|file| file.bytes > 0).collect();
    largest.sort_by(|a, b| (b.bytes, &a.path).cmp(&(a.bytes, &b.path)));
    for (at, file) in largest.iter().take(LARGEST).enumerate() {
        let first = if at == 0 { "largest" } else { "" };
        lines.push(format!("    {first:<12}{:>8}  {}", human(file.bytes), file.path));
    }
    for rule in rules {
        for guard in &rule.kept {
            let (files, example) = (guard.files, &guard.example);
            let (count, what) = (plural(files, "file"), &guard.guard);
            lines.push(format!("    kept {files} {count} from {}: {what} ({example})", rule.id));
        }
        if let Some(reason) = &rule.skipped {
            lines.push(format!("    skipped {}: {reason}", rule.id));
        }
    }
    lines
}

/// Unseen things of a kind that are shown.
const SHOWN: usize = 5;

/// What stayed of the system, what went, and what could not be seen.
fn minified(outcome: &MinifyOutcome) -> Vec<String> {
    let MinifyOutcome { packages_kept, packages_gone, bytes_kept, bytes_gone, own_bytes, unseen, .. } = outcome;
    let all = packages_kept + packages_gone;
    let gone = human(*bytes_gone);
    let mut lines = vec![
        format!("  minified      {gone:>10}  of the system are gone, {packages_gone} of {all} packages"),
        format!(
            "                {:>8}  stay in {packages_kept} {}, {} are nobody's",
            human(*bytes_kept),
            plural(*packages_kept, "package"),
            human(*own_bytes)
        ),
    ];
    for (at, kept) in outcome.largest_kept.iter().enumerate() {
        let first = if at == 0 { "stay" } else { "" };
        let because = clipped(&kept.because).join(", ");
        lines.push(format!("    {first:<12}{:>8}  {}: {because}", human(kept.bytes), kept.package));
    }
    for (at, gone) in outcome.largest_gone.iter().enumerate() {
        let first = if at == 0 { "gone" } else { "" };
        lines.push(format!("    {first:<12}{:>8}  {}", human(gone.bytes), gone.package));
    }
    let pair = |pairs: &[(String, String)], word: &str| -> Vec<String> {
        pairs.iter().map(|(what, file)| format!("{what} {word} {file}")).collect()
    };
    let kinds = [
        ("libraries opened by names that are not in the file", unseen.opens.clone()),
        ("commands that a script computes", unseen.computes.clone()),
        ("programs that went though a file names them (keep them with --with)", pair(&unseen.named, "in")),
        ("libraries that the image never had", pair(&unseen.missing, "for")),
        ("files that were not seen whole", unseen.cut.clone()),
    ];
    for (what, found) in kinds.iter().filter(|(_, found)| !found.is_empty()) {
        let more = found.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let shown = found.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        lines.push(format!("    not seen: {what}: {shown}{more}"));
    }
    lines
}

/// The ends of a chain that is long; `imgsquash why` tells all of it.
fn clipped(chain: &[String]) -> Vec<&str> {
    match chain {
        [first, second, .., last] if chain.len() > 4 => vec![first, second, "…", last],
        all => all.iter().map(String::as_str).collect(),
    }
}

/// The causes that took anything, a line each, largest first.
fn causes(reclaimed: &Reclaimed) -> Vec<String> {
    let mut causes: Vec<_> = reclaimed.causes().filter(|(.., bytes)| *bytes > 0).collect();
    causes.sort_by_key(|(.., bytes)| std::cmp::Reverse(*bytes));
    causes.iter().map(|(_, words, bytes)| format!("                {:>8}  {words}", human(*bytes))).collect()
}
