//! The documents, the target and the receipt.

use std::collections::BTreeMap;

use super::Job;
use super::layers::Found;
use super::slim::Equal;
use super::write::{Outcome, finals};
use crate::assemble::{self, Assembled, Blob, MediaTypes};
use crate::error::Error;
use crate::layer::{Source, Written};
use crate::ledger::Cause;
use crate::oci::{Catalog, Image, ImageId};
use crate::options::Options;
use crate::output::{Format, Sink, Target};
use crate::plan::Plan;
use crate::prune::RuleOutcome;
use crate::report::{
    Change, EqualFiles, GuardReport, ImageReport, KeptReport, NewLayer, PrunedFile, PrunedReport, Report,
    SCHEMA_VERSION,
};

/// Observed with podman 4.3: the config has it, and docker, containerd and skopeo keep it.
const HEALTHCHECK: &str = "podman does not read the HEALTHCHECK of an image with an OCI manifest: for podman use \
                           --media-types docker or --format docker-archive";

/// An image whose layers are written, and what it was made from.
pub(crate) struct Made {
    pub(crate) assembled: Assembled,
    pub(crate) outcome: Outcome,
    pub(crate) plan: Plan,
    pub(crate) sources: Vec<Source>,
    pub(crate) found: Found,
}

impl Job<'_> {
    pub(crate) fn assemble(
        &mut self,
        image: &Image,
        plan: Plan,
        sources: Vec<Source>,
        found: Found,
        outcome: Outcome,
        sink: &mut dyn Sink,
    ) -> Result<Made, Error> {
        let layers = finals(&plan, &sources, &found.indexes, &outcome);
        let assembled = assemble::image(image, &plan.squashed, &layers, &self.options.edits)
            .map_err(|problem| self.input_error(problem.into()))?;
        let edits = &self.options.edits;
        let has_check =
            image.config.container().is_ok_and(|config| config.raw("Healthcheck").is_some_and(|it| it != "null"));
        if has_check && edits.media_types == MediaTypes::Oci && self.options.format != Format::DockerArchive {
            self.notes.push(HEALTHCHECK.to_owned());
        }
        for blob in [&assembled.config, &assembled.manifest] {
            self.blob(blob, sink)?;
        }
        Ok(Made { assembled, outcome, plan, sources, found })
    }

    pub(crate) fn finish(
        &self,
        catalog: &Catalog,
        images: &BTreeMap<ImageId, Made>,
        mut sink: Box<dyn Sink>,
    ) -> Result<u64, Error> {
        let Options { format, edits, .. } = self.options;
        let assembled: BTreeMap<_, _> = images.iter().map(|(id, made)| (*id, made.assembled.clone())).collect();
        let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
        if *format != Format::DockerArchive {
            let index = assemble::index(catalog, &assembled, edits.media_types);
            for blob in &index.nested {
                self.blob(blob, &mut *sink)?;
            }
            files.push(("index.json", index.root));
            files.push(("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
        }
        if matches!(format, Format::Universal | Format::DockerArchive) {
            let docker = assemble::docker_files(catalog, &assembled);
            files.push(("manifest.json", docker.manifest));
            files.extend(docker.repositories.map(|repositories| ("repositories", repositories)));
        }
        for (name, bytes) in files {
            sink.file(name, &bytes).map_err(|problem| self.output_error(problem))?;
        }
        sink.finish().map_err(|problem| self.output_error(problem))
    }

    pub(crate) fn report(self, catalog: &Catalog, images: &BTreeMap<ImageId, Made>, output_bytes: u64) -> Report {
        let names = assemble::names(catalog);
        let reports = images.iter().map(|(id, made)| {
            let names = names.get(id).map(Vec::as_slice).unwrap_or_default();
            let names = names.iter().map(ToString::to_string).collect();
            made.report(names, catalog.images[id.0].config.platform().to_string())
        });
        Report {
            schema_version: SCHEMA_VERSION,
            version: env!("CARGO_PKG_VERSION"),
            input: if self.options.input == crate::input::Origin::Stdin { "-".to_owned() } else { self.input },
            output: match self.options.target {
                Target::Path(_) => Some(self.target),
                Target::Stdout => Some("-".to_owned()),
                Target::Nowhere => None,
            },
            output_bytes,
            images: reports.collect(),
            notes: self.notes,
        }
    }

    fn blob(&self, blob: &Blob, sink: &mut dyn Sink) -> Result<(), Error> {
        sink.add_blob(blob.digest, &blob.bytes).map_err(|problem| self.output_error(problem))
    }
}

impl Made {
    fn report(&self, names: Vec<String>, platform: String) -> ImageReport {
        let Outcome { written, ledger } = &self.outcome;
        let squashed = self.plan.squashed.clone();
        let indexes = &self.found.indexes;
        let before = || indexes[squashed.clone()].iter();
        let sum = |of: fn(&Written) -> u64| written.iter().map(of).sum::<u64>();
        let kept: Vec<KeptReport> = self
            .plan
            .kept()
            .map(|position| KeptReport {
                position: position as u64 + 1,
                digest: indexes[position].digest.map(|digest| digest.to_string()).unwrap_or_default(),
                compressed_bytes: self.sources[position].blob.len(),
            })
            .collect();
        let new_layers = self.plan.titles().zip(written).map(|(title, written)| NewLayer {
            title: title.map(str::to_owned),
            digest: written.digest.to_string(),
            diff_id: written.diff_id.to_string(),
            entries: written.entries,
            uncompressed_bytes: written.plain_size,
            compressed_bytes: written.size,
        });
        ImageReport {
            names,
            platform,
            image_id: self.assembled.config.digest.to_string(),
            manifest_digest: self.assembled.manifest.digest.to_string(),
            layers: Change { before: indexes.len() as u64, after: self.plan.layers.len() as u64 },
            entries: Change {
                before: before().map(|layer| layer.entries.len() as u64).sum(),
                after: sum(|written| written.entries),
            },
            uncompressed_bytes: Change {
                before: before().map(|layer| layer.plain_size).sum(),
                after: sum(|written| written.plain_size),
            },
            compressed_bytes: Change {
                before: self.sources[squashed].iter().map(|source| source.blob.len()).sum(),
                after: sum(|written| written.size),
            },
            reclaimed_bytes: ledger.into(),
            copied_bytes: ledger.total(Cause::Copied),
            rewritten_bytes: ledger.total(Cause::Rewritten),
            from_kept_bytes: ledger.from_kept,
            written_bytes: ledger.written,
            equal_files: self.equal_files(),
            pruned: self
                .found
                .slimmed
                .pruned
                .as_ref()
                .map(|outcome| outcome.rules.iter().map(|rule| self.pruned(rule)).collect()),
            kept_layers: kept,
            new_layers: new_layers.collect(),
        }
    }

    fn equal_files(&self) -> EqualFiles {
        let Equal { files, bytes, linked } = self.found.slimmed.equal;
        EqualFiles { files, bytes, linked }
    }

    fn pruned(&self, rule: &RuleOutcome) -> PrunedReport {
        let RuleOutcome { id, title, class, skipped, taken, kept } = rule.clone();
        let compressed = |(layer, bytes): (&u16, &u64)| {
            let layer = usize::from(*layer);
            let (blob, plain) = (self.sources[layer].blob.len(), self.found.indexes[layer].plain_size.max(1));
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
            kept: kept.into_iter().map(|(guard, (files, example))| GuardReport { guard, files, example }).collect(),
        }
    }
}
