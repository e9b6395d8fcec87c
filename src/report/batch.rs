//! The receipt of a batch.

use std::collections::HashMap;

use serde::Serialize;

use super::inspect::Pushed;
use super::squash::{Change, PushedChange, Report};
use super::units::{human, percent, plural, together};
use crate::output::Target;
use crate::text::line;

/// The version of the JSON form. It grows when a member changes its meaning or goes away; new members do not change it.
pub const BATCH_SCHEMA_VERSION: u32 = 1;

/// What became of a batch.
#[derive(Clone, Debug, Serialize)]
pub struct BatchReport {
    /// [`BATCH_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The version of imgsquash.
    pub version: &'static str,
    /// One for each job, in their order.
    pub jobs: Vec<JobReport>,
    /// All together.
    pub total: BatchTotal,
}

/// What became of all jobs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchTotal {
    /// Jobs that were done.
    pub done: u64,
    /// Jobs that had been done before.
    pub skipped: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Bytes that a registry holds of the images of jobs that were done, before and after, each layer once.
    pub pushed: PushedChange,
}

/// What became of one job.
#[derive(Clone, Debug, Serialize)]
pub struct JobReport {
    /// The input, as it was given.
    pub input: String,
    /// The output, as it was given.
    pub output: Option<String>,
    /// `done`, `skipped` or `failed`.
    pub status: &'static str,
    /// Why it failed.
    pub error: Option<String>,
    /// What the command would have ended with.
    pub exit_code: u8,
    /// What identifies what was made: the images, the options and the version. Null when the input cannot be opened.
    pub made_from: Option<String>,
    /// Bytes of the output archive.
    pub output_bytes: Option<u64>,
    /// The receipt of the squash.
    pub report: Option<Box<Report>>,
}

/// How a job ended.
pub(crate) enum Outcome {
    Done(Box<Report>),
    Skipped(Option<u64>),
    Failed { said: String, exit_code: u8 },
}

impl Outcome {
    pub(crate) fn done(report: Report) -> Self {
        Self::Done(Box::new(report))
    }
}

impl JobReport {
    pub(crate) fn new(input: &str, target: &Target, outcome: Outcome, made_from: Option<String>) -> Self {
        let output = match target {
            Target::Path(path) => Some(path.display().to_string()),
            _ => None,
        };
        let (status, error, exit_code, output_bytes, report) = match outcome {
            Outcome::Done(report) => ("done", None, 0, Some(report.output_bytes), Some(report)),
            Outcome::Skipped(bytes) => ("skipped", None, 0, bytes, None),
            Outcome::Failed { said, exit_code } => ("failed", Some(said), exit_code, None, None),
        };
        Self { input: input.to_owned(), output, status, error, exit_code, made_from, output_bytes, report }
    }

    /// One line of at most a terminal's width.
    pub fn line(&self) -> String {
        let name = |most| line(&self.input, most);
        match (&self.report, &self.error) {
            (Some(report), _) => {
                let sum = |of: fn(PushedChange) -> Pushed| {
                    report.images.iter().map(move |image| of(image.pushed)).fold(Pushed::default(), plus)
                };
                let (before, after) = (sum(|pushed| pushed.before), sum(|pushed| pushed.after));
                let change = percent(Change { before: before.bytes, after: after.bytes });
                let names = report.images.iter().flat_map(|image| image.names.iter().cloned()).collect::<Vec<_>>();
                let called = if names.is_empty() { name(36) } else { line(&together(&names), 36) };
                format!("  done  {called:<36}  {:>9} > {:>8} pushed{change}", size(before), size(after))
            }
            (None, Some(problem)) => format!("  fail  {}", problem),
            (None, None) => format!("  skip  {}  was done before", name(36)),
        }
    }
}

fn size(pushed: Pushed) -> String {
    format!("{}{}", if pushed.is_estimated { "~" } else { "" }, human(pushed.bytes))
}

fn plus(one: Pushed, other: Pushed) -> Pushed {
    Pushed { bytes: one.bytes.saturating_add(other.bytes), is_estimated: one.is_estimated || other.is_estimated }
}

impl BatchReport {
    /// The receipt for these jobs.
    pub fn new(jobs: Vec<JobReport>) -> Self {
        let count = |status| jobs.iter().filter(|job| job.status == status).count() as u64;
        let (mut before, mut after) = (HashMap::new(), HashMap::new());
        for image in jobs.iter().filter_map(|job| job.report.as_ref()).flat_map(|report| &report.images) {
            before.extend(image.source_layers.iter().map(|layer| (layer.diff_id.as_str(), layer.pushed)));
            let kept = image.kept_layers.iter().filter_map(|kept| {
                let at = usize::try_from(kept.position).ok()?.checked_sub(1)?;
                Some((kept.digest.as_str(), image.source_layers.get(at)?.pushed))
            });
            after.extend(kept);
            let new = |bytes| Pushed { bytes, is_estimated: false };
            after.extend(image.new_layers.iter().map(|layer| (layer.digest.as_str(), new(layer.compressed_bytes))));
        }
        let sum = |layers: HashMap<&str, Pushed>| layers.into_values().fold(Pushed::default(), plus);
        let pushed = PushedChange { before: sum(before), after: sum(after) };
        let total = BatchTotal { done: count("done"), skipped: count("skipped"), failed: count("failed"), pushed };
        Self { schema_version: BATCH_SCHEMA_VERSION, version: env!("CARGO_PKG_VERSION"), jobs, total }
    }

    /// All together in a line, and what would be better.
    pub fn summary(&self) -> Vec<String> {
        let BatchTotal { done, skipped, failed, pushed } = self.total;
        let mut said = vec![format!("{done} done")];
        said.extend((skipped > 0).then(|| format!("{skipped} done before")));
        said.extend((failed > 0).then(|| format!("{failed} failed")));
        let change = percent(Change { before: pushed.before.bytes, after: pushed.after.bytes });
        let sizes = match done {
            0 => String::new(),
            _ => format!("; {} > {} pushed, each layer once{change}", size(pushed.before), size(pushed.after)),
        };
        let count = self.jobs.len() as u64;
        let all = format!("{count} {}: {}{sizes}", plural(count, "image"), said.join(", "));
        let is_larger = pushed.after.bytes > pushed.before.bytes;
        let hint = is_larger.then(|| {
            "what they shared is now in each of them: --keep-base auto or --split auto keeps it shared".to_owned()
        });
        std::iter::once(all).chain(hint).collect()
    }
}
