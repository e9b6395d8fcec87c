//! Findings: what a person should know of an image or of what was done with it.

use std::fmt;

use serde::{Serialize, Serializer};
use thiserror::Error;

/// How much a finding matters, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It was done as asked, and is told only so that it is known.
    Info,
    /// Something was repaired, left out or taken for something.
    Low,
    /// Somebody should look at it.
    Medium,
    /// It is a risk.
    High,
    /// It is an open door.
    Critical,
}

impl Severity {
    /// All, least first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind it is of, in lower case with hyphens. It stays the same from version to version.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about: a layer, a file, a setting; empty for the image as a whole.
    pub subject: String,
    /// What there is to know, in words.
    pub message: String,
    /// What to do about it, when there is something.
    pub remedy: Option<String>,
}

impl Finding {
    /// One about the image as a whole, that nothing has to be done about.
    pub fn new(id: &'static str, severity: Severity, message: impl Into<String>) -> Self {
        Self { id, severity, subject: String::new(), message: message.into(), remedy: None }
    }

    /// The same about something of the image.
    #[must_use]
    pub fn about(self, subject: impl fmt::Display) -> Self {
        Self { subject: subject.to_string(), ..self }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

impl fmt::Display for Finding {
    /// Subject and message, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.subject.is_empty() {
            write!(f, "{}: ", self.subject)?;
        }
        f.write_str(&self.message)
    }
}

/// What was found so far. With `strict`, only what is [`Severity::Info`] may be found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    strict: bool,
    found: Vec<Finding>,
}

/// A finding that `--strict` does not let pass.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0} (refused because of --strict)")]
pub struct Refused(pub Finding);

impl Findings {
    /// None yet.
    pub fn new(strict: bool) -> Self {
        Self { strict, found: Vec::new() }
    }

    /// Takes a finding in, or refuses it.
    pub fn add(&mut self, finding: Finding) -> Result<(), Refused> {
        if self.strict && finding.severity > Severity::Info {
            return Err(Refused(finding));
        }
        self.found.push(finding);
        Ok(())
    }

    /// Takes several in.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) -> Result<(), Refused> {
        findings.into_iter().try_for_each(|finding| self.add(finding))
    }

    /// All of them, in the order in which they were found.
    pub fn into_vec(self) -> Vec<Finding> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_lets_pass_what_was_asked_for_and_nothing_else() {
        let info = Finding::new("a", Severity::Info, "as asked");
        let low = Finding::new("b", Severity::Low, "left something out").about("layer 1");
        let mut strict = Findings::new(true);
        assert_eq!(strict.add(info.clone()), Ok(()));
        let refused = strict.extend([info.clone(), low.clone()]).unwrap_err();
        assert_eq!(refused.to_string(), "layer 1: left something out (refused because of --strict)");
        assert_eq!(strict.into_vec(), [info.clone(), info.clone()]);
        let mut lenient = Findings::new(false);
        assert_eq!(lenient.extend([info.clone(), low.clone()]), Ok(()));
        assert_eq!(lenient.into_vec(), [info, low]);
    }
}
