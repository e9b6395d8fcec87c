//! `imgsquash rules`: what can be pruned, and what is a secret.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use imgsquash::request::{Choice, ChoiceError, Named, Rule, SecretRule};

use super::secrets::secret_rules;
use super::slim::all_rules;

#[derive(Debug, Args)]
pub(crate) struct RulesArguments {
    /// The rule to explain, or a group or profile to list
    id: Option<String>,

    /// Explain these prune rules too
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// Explain these rules for secrets too
    #[arg(long, value_name = "FILE")]
    secret_rules: Option<PathBuf>,
}

/// What the rules for secrets are called together.
const SECRETS: &str = "secrets";

impl RulesArguments {
    /// The table of all rules, or of a group of them, or the explanation of one.
    pub(crate) fn text(&self) -> Result<String, String> {
        let (rules, secrets) = (all_rules(self.rules.as_deref())?, secret_rules(self.secret_rules.as_deref())?);
        let Some(id) = self.id.as_deref() else { return Ok(table(rules.all(), secrets.all())) };
        if let Some(rule) = rules.find(id) {
            return Ok(explanation(rule));
        }
        if let Some(rule) = secrets.find(id) {
            return Ok(secret_explanation(rule));
        }
        if id == SECRETS {
            return Ok(table(&[], secrets.all()));
        }
        let chosen = match Choice::new(&rules, Some(id), Named::default(), Named::default()) {
            Ok(choice) => choice,
            // The error knows the nearest name of a prune rule only.
            Err(ChoiceError::Unknown { name, nearest }) => {
                let near = secrets.nearest(&name).map(str::to_owned).or(nearest);
                let near = near.map_or(String::new(), |near| format!(" (did you mean \"{near}\"?)"));
                return Err(format!("there is no rule \"{name}\"{near}; imgsquash rules lists them"));
            }
            Err(problem) => return Err(problem.to_string()),
        };
        let ids: Vec<&str> = chosen.ids().collect();
        let chosen: Vec<Rule> = rules.all().iter().filter(|rule| ids.contains(&rule.id.as_str())).cloned().collect();
        Ok(table(&chosen, &[]))
    }
}

/// A line for each rule: its id, how safe it is to prune by it or how bad what it finds is, its group and its title.
fn table(rules: &[Rule], secrets: &[SecretRule]) -> String {
    let pruned: Vec<[&str; 4]> =
        rules.iter().map(|rule| [&rule.id, rule.class.name(), &rule.group, &rule.title]).collect();
    let found: Vec<[&str; 4]> =
        secrets.iter().map(|rule| [&rule.id, rule.severity.name(), SECRETS, &rule.title]).collect();
    aligned(&pruned) + &aligned(&found)
}

/// Rows with their columns below each other.
fn aligned(rows: &[[&str; 4]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (ids, words, groups) = (width(0), width(1), width(2));
    let line =
        |[id, word, group, title]: &[&str; 4]| format!("{id:<ids$}  {word:<words$}  {group:<groups$}  {title}\n");
    rows.iter().map(line).collect()
}

fn secret_explanation(rule: &SecretRule) -> String {
    let mut text = format!("{}: {}\n\n", rule.id, rule.title);
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<10} {value}");
        }
    };
    line("severity", rule.severity.name());
    line("group", SECRETS);
    line("looks for", rule.form());
    line("in", &rule.places().iter().map(|place| place.name()).collect::<Vec<_>>().join(", "));
    for (at, glob) in rule.paths().enumerate() {
        line(if at == 0 { "of" } else { "" }, glob);
    }
    line("remedy", &rule.remedy);
    line("source", &rule.source);
    text
}

fn explanation(rule: &Rule) -> String {
    let mut text = format!("{}: {}\n\n", rule.id, rule.title);
    let mut profiles = rule.profiles.clone();
    if rule.class == imgsquash::request::Safety::Safe {
        profiles.push("safe".to_owned());
    }
    profiles.push("max".to_owned());
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<10} {value}");
        }
    };
    line("class", rule.class.name());
    line("group", &rule.group);
    line("profiles", &profiles.join(", "));
    for (what, globs) in rule.globs() {
        for (at, glob) in globs.iter().enumerate() {
            line(if at == 0 { what } else { "" }, glob);
        }
    }
    for (at, condition) in rule.conditions().iter().enumerate() {
        line(if at == 0 { "skipped if" } else { "or if" }, condition);
    }
    line("breaks", &rule.breaks);
    line("source", &rule.source);
    text
}
