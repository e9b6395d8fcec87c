//! From what was done to the receipt of it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::squash::{
    Change, EqualFiles, GuardReport, ImageReport, KeptReport, NewLayer, PrunedFile, PrunedReport, PushedChange, Report,
    SCHEMA_VERSION, SourceLayer, TimesReport,
};
use crate::assemble::{Assembled, Edits};
use crate::codec::Codec;
use crate::compare;
use crate::finding::Findings;
use crate::inside::{Densities, Size};
use crate::layer::{Layers, Source, Written};
use crate::ledger::{Cause, Ledger};
use crate::oci::{Catalog, Digest, Image, ImageId};
use crate::output::{Format, Target};
use crate::plan::{Plan, Planned};
use crate::slim::{Equal, MinifyOutcome, Pruned, RuleOutcome};
use crate::text;
use crate::times::Times;
use crate::tree::{Timestamp, TreePath};

/// Where the bytes of layers are that were made new, and what became of those that they were made of.
struct Made<'m> {
    layers: Layers<'m>,
    plan: &'m Plan,
    assembled: &'m Assembled,
}

impl Report {
    /// The receipt for `images`, which became `made` in an output of this format and so many bytes.
    pub(crate) fn new(
        input: String,
        (target, format): (&Target, Format),
        output_bytes: u64,
        images: &Catalog,
        made: BTreeMap<ImageId, ImageReport>,
    ) -> Self {
        let mut names = images.called();
        let named =
            made.into_iter().map(|(id, report)| ImageReport { names: names.remove(&id).unwrap_or_default(), ..report });
        Self {
            schema_version: SCHEMA_VERSION,
            version: env!("CARGO_PKG_VERSION"),
            input,
            output: match target {
                Target::Path(path) => Some(path.display().to_string()),
                Target::Stdout => Some("-".to_owned()),
                Target::Dock(dock) => Some(dock.name()),
                Target::Nowhere => None,
            },
            output_bytes,
            next: target.next(format),
            images: named.collect(),
            notes: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// The same with what was found.
    pub(crate) fn with(self, findings: Findings) -> Self {
        let findings = findings.into_vec();
        Self { notes: findings.iter().map(ToString::to_string).collect(), findings, ..self }
    }
}

impl ImageReport {
    /// The receipt for one image with these layers, which became those of `plan`, some of them `written`; `ledger` says
    /// where the bytes of the others went, and `densities` what a registry holds of the old ones. Its names are still
    /// missing.
    pub(crate) fn new(
        (image, edits): (&Image, &Edits),
        layers: Layers<'_>,
        plan: &Plan,
        (written, ledger, densities): (&[Written], &Ledger, &Densities),
        assembled: &Assembled,
        (pruned, minified, equal): (&Pruned, Option<MinifyOutcome>, Equal),
    ) -> Self {
        let made = Made { layers, plan, assembled };
        let squashed = plan.squashed.clone();
        let before = || layers.indexes[squashed.clone()].iter();
        let sum = |of: fn(&Written) -> u64| written.iter().map(of).sum::<u64>();
        let new_layers = plan.titles().zip(written).map(|(title, written)| NewLayer {
            title: title.map(str::to_owned),
            digest: written.digest.to_string(),
            diff_id: written.diff_id.to_string(),
            compression: written.codec.name(),
            entries: written.entries,
            uncompressed_bytes: written.plain_size,
            compressed_bytes: written.size,
        });
        ImageReport {
            names: Vec::new(),
            platform: image.config.platform().to_string(),
            image_id: assembled.config.digest.to_string(),
            manifest_digest: assembled.manifest.digest.to_string(),
            is_unchanged: assembled.is_unchanged,
            layers: Change {
                before: layers.indexes.iter().filter(|layer| !layer.is_made).count() as u64,
                after: plan.layers.len() as u64,
            },
            entries: Change {
                before: before().map(|layer| layer.entries.len() as u64).sum(),
                after: sum(|written| written.entries),
            },
            uncompressed_bytes: Change {
                before: before().map(|layer| layer.plain_size).sum(),
                after: sum(|written| written.plain_size),
            },
            compressed_bytes: Change {
                before: layers.sources[squashed.clone()].iter().map(|source| source.blob.len()).sum(),
                after: sum(|written| written.size),
            },
            pushed: made.pushed(written, densities),
            source_layers: made.source_layers(densities),
            reclaimed_bytes: ledger.into(),
            copied_bytes: ledger.total(Cause::Copied),
            rewritten_bytes: ledger.total(Cause::Rewritten),
            from_kept_bytes: ledger.from_kept,
            written_bytes: ledger.written,
            equal_files: EqualFiles { files: equal.files, bytes: equal.bytes, linked: equal.linked },
            pruned: pruned.outcome.as_ref().map(|outcome| outcome.rules.iter().map(|rule| made.rule(rule)).collect()),
            secrets: None,
            edited_config: edited_config(image, assembled),
            timestamp: edits.times.into(),
            minified,
            kept_layers: made.kept(),
            new_layers: new_layers.collect(),
        }
    }
}

fn edited_config(image: &Image, assembled: &Assembled) -> BTreeMap<String, Value> {
    // Both were read before, so that they can be compared.
    let changes = compare::configs(&image.config, &assembled.edited).unwrap_or_default();
    changes.into_iter().map(|change| (change.member, change.new.unwrap_or(Value::Null))).collect()
}

impl From<Times> for Option<TimesReport> {
    fn from(times: Times) -> Self {
        let report =
            |mode, time: Timestamp| Some(TimesReport { mode, seconds: time.seconds, nanoseconds: time.nanoseconds });
        match times {
            Times::Keep => None,
            Times::Clamp(limit) => report("clamp", limit),
            Times::Set(time) => report("set", time),
        }
    }
}

/// Paths from which others can tell exactly which they are.
fn exact(paths: &[TreePath]) -> Vec<String> {
    paths.iter().map(|path| format!("/{}", text::exact(path.as_bytes()))).collect()
}

impl Made<'_> {
    fn source_layers(&self, densities: &Densities) -> Vec<SourceLayer> {
        let of = |(position, source): (usize, &Source)| SourceLayer {
            diff_id: source.layer.diff_id.to_string(),
            bytes: source.blob.len(),
            pushed: densities.layer(position).into(),
        };
        self.layers.sources.iter().enumerate().map(of).collect()
    }

    /// What a registry holds before and after. New layers that are not compressed are taken for as dense as the old
    /// ones.
    fn pushed(&self, written: &[Written], densities: &Densities) -> PushedChange {
        let before: Size = (0..self.layers.sources.len()).map(|position| densities.layer(position)).sum();
        let plain: u64 = self.layers.indexes.iter().map(|layer| layer.plain_size).sum();
        let new = |written: &Written| match written.codec {
            Codec::Plain => {
                let bytes = u128::from(written.plain_size) * u128::from(before.bytes) / u128::from(plain.max(1));
                Size { bytes: u64::try_from(bytes).unwrap_or(u64::MAX), is_estimated: true }
            }
            _ => Size { bytes: written.size, is_estimated: false },
        };
        let kept = self.plan.kept().map(|position| densities.layer(position));
        let after: Size = kept.chain(written.iter().map(new)).sum();
        PushedChange { before: before.into(), after: after.into() }
    }

    fn kept(&self) -> Vec<KeptReport> {
        let layers = self.plan.layers.iter().zip(&self.assembled.layers);
        let kept = layers.filter_map(|(planned, digest)| match planned {
            Planned::Keep(position) => Some((*position, digest)),
            Planned::Write { .. } => None,
        });
        let report = |(position, digest): (usize, &Digest)| KeptReport {
            position: position as u64 + 1,
            digest: digest.to_string(),
            compressed_bytes: self.layers.sources[position].blob.len(),
        };
        kept.map(report).collect()
    }

    fn rule(&self, rule: &RuleOutcome) -> PrunedReport {
        let RuleOutcome { id, title, class, skipped, taken, kept } = rule.clone();
        let Layers { sources, indexes, .. } = self.layers;
        let compressed = |(layer, bytes): (&u16, &u64)| {
            let layer = usize::from(*layer);
            let (blob, plain) = (sources[layer].blob.len(), indexes[layer].plain_size.max(1));
            let bytes = u128::from(*bytes) * u128::from(blob) / u128::from(plain);
            u64::try_from(bytes).unwrap_or(u64::MAX)
        };
        let hidden = taken.by_layer.iter().filter(|(layer, _)| !self.plan.squashed.contains(&usize::from(**layer)));
        PrunedReport {
            hidden_in_kept_layers_bytes: hidden.map(|(_, bytes)| bytes).sum(),
            estimated_compressed_bytes: taken.by_layer.iter().map(compressed).sum(),
            id,
            title,
            class,
            skipped,
            files: taken.files,
            bytes: taken.bytes,
            largest: taken.largest.into_iter().map(|(bytes, path)| PrunedFile { path, bytes }).collect(),
            gone: exact(&taken.gone),
            emptied: exact(&taken.emptied),
            kept: kept.into_iter().map(|(guard, (files, example))| GuardReport { guard, files, example }).collect(),
        }
    }
}
