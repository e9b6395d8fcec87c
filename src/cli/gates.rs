//! Gates: what was typed and what a config file says, and what the command ends with when one is not passed.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use clap::Args;
use imgsquash::request::{FailOn, Gates, Hidden, Severity, finding_kinds, gate_size};
use serde::Deserialize;
use toml::Spanned;

use super::secrets::secret_rules;

const GATES: &str = "Gates (exit 1 when the image does not pass)";

/// The file that is read when it lies where the command runs.
const CONFIG: &str = ".imgsquash.toml";

#[derive(Debug, Args)]
pub(super) struct GateArguments {
    /// Fail on a finding or secret, by its id, rule or severity (info, low, medium, high, critical), or on root,
    /// secrets, secrets:live; may be repeated
    #[arg(long, value_name = "WHAT", value_delimiter = ',', help_heading = GATES)]
    fail_on: Vec<String>,

    /// Fail when more bytes are hidden than SIZE, as in 20MB, or than a share of all, as in 5%
    #[arg(long, value_name = "SIZE|%", value_parser = hidden, help_heading = GATES)]
    max_hidden: Option<Hidden>,

    /// Fail when a registry would hold more than SIZE, as in 300MB
    #[arg(long, value_name = "SIZE", value_parser = bytes, help_heading = GATES)]
    max_size: Option<u64>,

    /// Fail when there are more than N layers
    #[arg(long, value_name = "N", help_heading = GATES)]
    max_layers: Option<u64>,

    /// Fail when less than this share of all bytes is live, from 0 to 1
    #[arg(long, value_name = "F", value_parser = share, help_heading = GATES)]
    min_efficiency: Option<f64>,

    /// Take gates from FILE too [default: .imgsquash.toml, if it is there]; what is typed comes before what it says
    #[arg(long, value_name = "FILE", help_heading = GATES)]
    config: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    #[serde(default)]
    gates: GatesTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct GatesTable {
    #[serde(default)]
    fail_on: Vec<Spanned<String>>,
    max_hidden: Option<Spanned<String>>,
    max_size: Option<Spanned<String>>,
    max_layers: Option<u64>,
    min_efficiency: Option<Spanned<f64>>,
}

/// A text with the name of its file.
struct Source<'s> {
    file: &'s Path,
    text: &'s str,
}

impl GateArguments {
    /// The gates, or what is wrong with them; `rules` is a file of rules for secrets, which gates may name.
    pub(super) fn gates(&self, rules: Option<&Path>) -> Result<Gates, String> {
        let names = Names { rules, known: OnceCell::new() };
        let mut gates = match self.config_text()? {
            Some((file, text)) => Source { file: &file, text: &text }.gates(&names)?,
            None => Gates::default(),
        };
        for text in &self.fail_on {
            gates.fail_on.push(names.fail_on(text).map_err(|problem| format!("--fail-on: {problem}"))?);
        }
        gates.max_hidden = self.max_hidden.or(gates.max_hidden);
        gates.max_size = self.max_size.or(gates.max_size);
        gates.max_layers = self.max_layers.or(gates.max_layers);
        gates.min_efficiency = self.min_efficiency.or(gates.min_efficiency);
        Ok(gates)
    }

    /// The config file that is read; `None` when there is none.
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| Path::new(CONFIG).exists().then(|| PathBuf::from(CONFIG)))
    }

    fn config_text(&self) -> Result<Option<(PathBuf, String)>, String> {
        let Some(file) = self.config_file() else { return Ok(None) };
        match std::fs::read_to_string(&file) {
            Ok(text) => Ok(Some((file, text))),
            Err(problem) => Err(format!("cannot read {}: {problem}", file.display())),
        }
    }
}

impl Source<'_> {
    fn error(&self, at: usize, problem: &str) -> String {
        let line = 1 + self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|byte| **byte == b'\n').count();
        format!("{}, line {line}: {}", self.file.display(), problem.replace('\n', " "))
    }

    fn gates(&self, names: &Names<'_>) -> Result<Gates, String> {
        let file: ConfigFile = toml::from_str(self.text)
            .map_err(|error| self.error(error.span().map_or(0, |span| span.start), error.message()))?;
        let GatesTable { fail_on: found, max_hidden, max_size, max_layers, min_efficiency } = file.gates;
        let text = |text: &Spanned<String>| text.get_ref().clone();
        let at = |spanned: &Spanned<String>, problem: String| self.error(spanned.span().start, &problem);
        let mut gates = Gates { max_layers, ..Gates::default() };
        for spanned in &found {
            gates.fail_on.push(names.fail_on(spanned.get_ref()).map_err(|problem| at(spanned, problem))?);
        }
        if let Some(spanned) = &max_hidden {
            gates.max_hidden = Some(hidden(&text(spanned)).map_err(|problem| at(spanned, problem))?);
        }
        if let Some(spanned) = &max_size {
            gates.max_size = Some(bytes(&text(spanned)).map_err(|problem| at(spanned, problem))?);
        }
        if let Some(spanned) = &min_efficiency {
            let found = share(&spanned.get_ref().to_string());
            gates.min_efficiency = Some(found.map_err(|problem| self.error(spanned.span().start, &problem))?);
        }
        Ok(gates)
    }
}

/// What may be named.
struct Names<'r> {
    rules: Option<&'r Path>,
    /// The ids of rules for secrets, once they are asked for.
    known: OnceCell<Vec<String>>,
}

impl Names<'_> {
    /// What must not be found, if there is anything of that name.
    fn fail_on(&self, text: &str) -> Result<FailOn, String> {
        let Ok(found) = text.parse::<FailOn>();
        match &found {
            FailOn::Rule(id) if !finding_kinds().any(|kind| kind == id) => match self.secrets()?.contains(id) {
                true => Ok(found),
                false => Err(self.unknown(text)?),
            },
            _ => Ok(found),
        }
    }

    fn secrets(&self) -> Result<&Vec<String>, String> {
        if let Some(known) = self.known.get() {
            return Ok(known);
        }
        let rules = secret_rules(self.rules)?;
        Ok(self.known.get_or_init(|| rules.all().iter().map(|rule| rule.id.clone()).collect()))
    }

    fn unknown(&self, text: &str) -> Result<String, String> {
        let severities = Severity::ALL.iter().map(|severity| severity.name());
        let mut names: Vec<&str> =
            finding_kinds().chain(severities).chain(["root", "secrets", "secrets:live"]).collect();
        names.extend(self.secrets()?.iter().map(String::as_str));
        let likeness = |name: &&str| strsim::jaro_winkler(text, name);
        let nearest =
            names.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|name| likeness(name) > 0.8);
        let nearest = nearest.map_or(String::new(), |name| format!(" (did you mean \"{name}\"?)"));
        let known = "a severity, root, secrets, secrets:live, a rule for secrets, or the id of a finding";
        Ok(format!(
            "nothing is called \"{text}\"{nearest}; expected {known}: {}",
            finding_kinds().collect::<Vec<_>>().join(", ")
        ))
    }
}

fn hidden(text: &str) -> Result<Hidden, String> {
    text.parse::<Hidden>().map_err(str::to_owned)
}

fn bytes(text: &str) -> Result<u64, String> {
    gate_size(text).ok_or_else(|| "expected bytes, as in 300MB".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a share from 0 to 1, as in 0.95".to_owned()),
    }
}
