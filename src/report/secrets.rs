//! Secrets of an image, and what became of them, as data and in lines.

use serde::Serialize;

use super::inspect::SecretReport;
use crate::finding::Severity;
use crate::secrets::{At, Baseline, Secret, Steps};

/// A secret, and what a squash made of it.
#[derive(Clone, Debug, Serialize)]
pub struct SquashedSecret {
    /// The secret, as it is in the input.
    #[serde(flatten)]
    pub secret: SecretReport,
    /// `gone` when nothing of the output has it, `dropped` when its file was taken out for it, `scrubbed` when it was
    /// replaced in the history, `remains` when the output has it.
    pub outcome: &'static str,
    /// Why it remains though something was to be done, when that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to do about it: whoever had the input has it.
    pub remedy: String,
}

/// What became of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretOutcome {
    /// Nothing of the output has it.
    Gone,
    /// Its file was taken out for it.
    Dropped,
    /// It was replaced in the history.
    Scrubbed,
    /// The output has it, and why that is so though something was to be done.
    Remains(Option<String>),
}

impl SecretReport {
    /// What is told of `secret`; `steps` are those of its image.
    pub(crate) fn new(secret: &Secret, steps: &Steps, baseline: &Baseline) -> Self {
        let found = &secret.found;
        let position = |layer: usize| layer as u64 + 1;
        let (layer, step) = match secret.at {
            At::File { layer, .. } => (Some(position(layer)), steps.of_layer(layer)),
            At::Row(row) => (None, steps.row(row)),
            _ => (None, None),
        };
        let hidden_by = secret.hidden_by();
        Self {
            rule: found.rule.id.clone(),
            severity: found.severity,
            place: secret.place().name(),
            path: secret.name(),
            layer,
            step: step.map(str::to_owned),
            line: found.line.filter(|_| layer.is_some()),
            state: if hidden_by.is_some() { "hidden" } else { "live" },
            hidden_by: hidden_by.map(position),
            removed_by_squash: hidden_by.is_some(),
            redacted: found.redacted.clone(),
            fingerprint: found.fingerprint.to_string(),
            accepted: baseline.accepts(&found.fingerprint).map(str::to_owned),
        }
    }
}

impl SquashedSecret {
    pub(crate) fn new(secret: &Secret, outcome: SecretOutcome, steps: &Steps, baseline: &Baseline) -> Self {
        let (outcome, why) = match outcome {
            SecretOutcome::Gone => ("gone", None),
            SecretOutcome::Dropped => ("dropped", None),
            SecretOutcome::Scrubbed => ("scrubbed", None),
            SecretOutcome::Remains(why) => ("remains", why),
        };
        let remedy = secret.found.rule.remedy.clone();
        Self { secret: SecretReport::new(secret, steps, baseline), outcome, why, remedy }
    }
}

/// Secrets of each outcome that are shown when not all are.
const SHOWN: usize = 5;

/// What became of the secrets of an image, a line each, the gravest first: those that remain, and those that do not;
/// `all` of them, or some of each outcome.
pub(super) fn lines(secrets: &[SquashedSecret], all: bool) -> Vec<String> {
    let shown = if all { usize::MAX } else { SHOWN };
    let (accepted, told): (Vec<_>, Vec<_>) = secrets.iter().partition(|secret| secret.secret.accepted.is_some());
    let count = |outcome: &str| told.iter().filter(|secret| secret.outcome == outcome).count();
    let outcomes = ["remains", "dropped", "scrubbed", "gone"];
    let words: Vec<String> = outcomes
        .iter()
        .map(|outcome| (count(outcome), *outcome))
        .filter(|(count, outcome)| *count > 0 || *outcome == "remains")
        .map(|(count, outcome)| match (count, outcome) {
            (1, "remains") => "1 remains".to_owned(),
            (0, "remains") => "none remains".to_owned(),
            (_, "remains") => format!("{count} remain"),
            _ => format!("{count} {outcome}"),
        })
        .collect();
    let number = told.len();
    let summary = match number {
        0 => "no secret was found".to_owned(),
        1 => format!("1 secret: {}", words.join(", ")),
        _ => format!("{number} secrets: {}", words.join(", ")),
    };
    let mut lines = vec![format!("  {summary}")];
    for outcome in outcomes {
        let mut those: Vec<_> = told.iter().filter(|secret| secret.outcome == outcome).collect();
        those.sort_by_key(|secret| std::cmp::Reverse(secret.secret.severity));
        lines.extend(those.iter().take(shown).map(|secret| line(secret)));
        let more = those.len().saturating_sub(shown);
        if more > 0 {
            lines.push(format!("    {outcome:<11} {more} more (-v)"));
        }
    }
    if !accepted.is_empty() {
        lines.push(format!("    accepted    {} by the baseline", accepted.len()));
    }
    if told.iter().any(|secret| secret.secret.severity > Severity::Low) {
        lines.push("    rotate every one that was in an image that left this machine".to_owned());
    }
    lines
}

fn line(secret: &SquashedSecret) -> String {
    let SquashedSecret { secret, outcome, why, .. } = secret;
    let SecretReport { rule, severity, place, path, layer, hidden_by, redacted, .. } = secret;
    let at = match (*place, layer, hidden_by) {
        ("file", Some(layer), Some(by)) if layer != by => format!("{path} (layer {layer}, hidden by {by})"),
        ("file", Some(layer), _) => format!("{path} (layer {layer})"),
        ("history", ..) => format!("history, {path}"),
        _ => format!("{place} {path}"),
    };
    let why = why.as_ref().map_or(String::new(), |why| format!("; {why}"));
    format!("    {outcome:<11} {:<8}  {rule}: {at}: {redacted}{why}", severity.name())
}
