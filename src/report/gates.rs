//! Gates: what an inspection may have, so that a pipeline stops at an image that has more.
//!
//! # Decisions
//! - A gate that is met says nothing; one that is not says what was measured and what is allowed; one that cannot be
//!   evaluated is an error, never met.
//! - A size is as pushed: what a registry holds, estimated for layers that come uncompressed.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::inspect::{InspectedImage, Inspection, SecretReport};
use super::units::{human, together};
use crate::finding::Severity;
use crate::inside::kinds;

/// What an image may have; by default anything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gates {
    /// What must not be found.
    pub fail_on: Vec<FailOn>,
    /// Hidden bytes at most.
    pub max_hidden: Option<Hidden>,
    /// Bytes that a registry holds, at most.
    pub max_size: Option<u64>,
    /// Layers at most.
    pub max_layers: Option<u64>,
    /// Of all bytes at least so many live, from 0 to 1.
    pub min_efficiency: Option<f64>,
}

/// What must not be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// A finding or secret of this severity or a graver one.
    Severity(Severity),
    /// Any secret.
    Secrets,
    /// A secret that containers see.
    LiveSecrets,
    /// A finding of this kind, or a secret that this rule finds.
    Rule(String),
}

/// Hidden bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hidden {
    /// So many, uncompressed.
    Bytes(u64),
    /// So many of a hundred uncompressed bytes of all layers.
    Percent(f64),
}

/// A gate that an image does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedGate {
    /// The image.
    pub image: String,
    /// The gate, as the option that sets it.
    pub gate: String,
    /// What was measured.
    pub measured: String,
    /// What is allowed.
    pub allowed: String,
}

impl fmt::Display for FailedGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { image, gate, measured, allowed } = self;
        write!(f, "{image}: {gate}: {measured}, allowed {allowed}")
    }
}

/// A gate of which nobody can say whether the image passes it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{image}: {gate} cannot be evaluated: {why}")]
pub struct Unknown {
    /// The image.
    pub image: String,
    /// The gate.
    pub gate: String,
    /// Why.
    pub why: String,
}

impl Gates {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether secrets have to be looked for.
    pub fn need_secrets(&self) -> bool {
        let is_about_secrets = |fail_on: &FailOn| match fail_on {
            FailOn::Secrets | FailOn::LiveSecrets | FailOn::Severity(_) => true,
            FailOn::Rule(id) => !kinds().any(|kind| kind == id),
        };
        self.fail_on.iter().any(is_about_secrets)
    }

    /// The gates that images do not pass, in the order of the images.
    pub fn failed(&self, inspection: &Inspection) -> Result<Vec<FailedGate>, Unknown> {
        let mut failed = Vec::new();
        for image in &inspection.images {
            self.measure(image, &mut failed)?;
            for fail_on in &self.fail_on {
                failed.extend(fail_on.measure(image)?);
            }
        }
        Ok(failed)
    }

    fn measure(&self, image: &InspectedImage, failed: &mut Vec<FailedGate>) -> Result<(), Unknown> {
        let InspectedImage { hidden_bytes, unpacked_bytes, pushed, efficiency, layers, .. } = image;
        let mut fail = |gate: &str, measured: String, allowed: String| {
            failed.push(FailedGate { image: together(&image.names), gate: gate.to_owned(), measured, allowed });
        };
        let percent = if *unpacked_bytes == 0 { 0.0 } else { *hidden_bytes as f64 * 100.0 / *unpacked_bytes as f64 };
        match self.max_hidden {
            Some(Hidden::Bytes(most)) if *hidden_bytes > most => {
                fail("--max-hidden", format!("{} are hidden", exact(*hidden_bytes)), exact(most));
            }
            Some(Hidden::Percent(most)) if percent > most => {
                fail("--max-hidden", format!("{percent:.2} % are hidden"), format!("{most} %"));
            }
            _ => {}
        }
        if let Some(most) = self.max_size.filter(|most| pushed.bytes > *most) {
            let about = if pushed.is_estimated { "about " } else { "" };
            fail("--max-size", format!("{about}{} are pushed", exact(pushed.bytes)), exact(most));
        }
        if let Some(most) = self.max_layers.filter(|most| layers.len() as u64 > *most) {
            fail("--max-layers", format!("{} layers", layers.len()), most.to_string());
        }
        if let Some(least) = self.min_efficiency.filter(|least| efficiency < least) {
            fail("--min-efficiency", format!("{efficiency:.4}"), format!("{least} or more"));
        }
        Ok(())
    }
}

/// Bytes as a person reads them, and all digits where these are not all.
fn exact(bytes: u64) -> String {
    let short = human(bytes);
    if bytes < 1000 { short } else { format!("{short} ({bytes} B)") }
}

impl FailOn {
    fn measure(&self, image: &InspectedImage) -> Result<Option<FailedGate>, Unknown> {
        let name = || together(&image.names);
        let secrets = || image.secrets.iter().filter(|secret| secret.accepted.is_none());
        if *self == Self::Rule("root-user".to_owned()) && image.settings.uid.is_none() {
            let why = format!("no account is called \"{}\"", image.settings.user);
            return Err(Unknown { image: name(), gate: format!("--fail-on {self}"), why });
        }
        let found: Vec<String> = match self {
            Self::Secrets => secrets().map(place).collect(),
            Self::LiveSecrets => secrets().filter(|secret| secret.state == "live").map(place).collect(),
            Self::Severity(least) => {
                let findings = image.findings.iter().filter(|finding| finding.severity >= *least);
                let secrets = secrets().filter(|secret| secret.severity >= *least).map(place);
                findings.map(|finding| subject(finding.id, &finding.subject)).chain(secrets).collect()
            }
            Self::Rule(id) => {
                let findings = image.findings.iter().filter(|finding| finding.id == id);
                let secrets = secrets().filter(|secret| secret.rule == *id).map(place);
                findings.map(|finding| subject(finding.id, &finding.subject)).chain(secrets).collect()
            }
        };
        let Some(first) = found.first() else { return Ok(None) };
        let measured = match found.len() {
            1 => format!("1 found ({first})"),
            count => format!("{count} found (the first: {first})"),
        };
        Ok(Some(FailedGate { image: name(), gate: format!("--fail-on {self}"), measured, allowed: "none".to_owned() }))
    }
}

fn subject(id: &str, subject: &str) -> String {
    if subject.is_empty() { id.to_owned() } else { format!("{id} {subject}") }
}

fn place(secret: &SecretReport) -> String {
    format!("{} {} {}", secret.rule, secret.place, secret.path)
}

impl fmt::Display for FailOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Severity(severity) => severity.name(),
            Self::Secrets => "secrets",
            Self::LiveSecrets => "secrets:live",
            Self::Rule(id) if id == "root-user" => "root",
            Self::Rule(id) => id,
        })
    }
}

impl FromStr for FailOn {
    type Err = std::convert::Infallible;

    /// Whether there is such a rule is known where all rules are.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(severity) = Severity::ALL.into_iter().find(|severity| severity.name() == text) {
            return Ok(Self::Severity(severity));
        }
        Ok(match text {
            "secrets" => Self::Secrets,
            "secrets:live" => Self::LiveSecrets,
            "root" => Self::Rule("root-user".to_owned()),
            other => Self::Rule(other.to_owned()),
        })
    }
}

impl FromStr for Hidden {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected bytes, as in 20MB, or a share of all, as in 5%";
        match text.strip_suffix('%') {
            Some(percent) => match percent.trim().parse() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Percent(percent)),
                _ => Err(EXPECTED),
            },
            None => size(text).map(Self::Bytes).ok_or(EXPECTED),
        }
    }
}

/// Reads bytes as they are shown: `200MB` is 200 million, `200MiB` is 200 times 2^20.
pub fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: u64 = match text[digits.len()..].trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if part.len() > 6 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part_of = 10_u64.pow(u32::try_from(part.len()).ok()?);
    let fraction: u64 = if part.is_empty() { 0 } else { part.parse().ok()? };
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    whole.checked_add(u64::try_from(u128::from(fraction) * u128::from(unit) / u128::from(part_of)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_shown() {
        for (text, bytes) in [
            ("0", 0),
            ("5", 5),
            ("5B", 5),
            ("200MB", 200_000_000),
            ("200 mb", 200_000_000),
            ("1.5G", 1_500_000_000),
            ("200MiB", 200 << 20),
            ("0.5KiB", 512),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "MB", "-1", "1.1234567M", "1,5M", "5X", "1.-5M", "99999999999TB", "..5M"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn hidden_bytes_are_a_size_or_a_share() {
        assert_eq!("5%".parse(), Ok(Hidden::Percent(5.0)));
        assert_eq!("0.5 %".parse(), Ok(Hidden::Percent(0.5)));
        assert_eq!("20MB".parse(), Ok(Hidden::Bytes(20_000_000)));
        for text in ["101%", "-1%", "NaN%", "x", "%"] {
            assert!(text.parse::<Hidden>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_must_not_be_found_is_written_as_it_is_read() {
        for text in ["low", "critical", "secrets", "secrets:live", "root", "setuid"] {
            assert_eq!(text.parse::<FailOn>().unwrap().to_string(), text);
        }
    }
}
