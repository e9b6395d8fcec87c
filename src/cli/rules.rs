//! `imgsquash rules`: what can be pruned.

use std::fmt::Write as _;
use std::path::Path;

use imgsquash::request::{Choice, Named, Rule};

use super::slim::all_rules;

/// The table of all rules, or the explanation of one.
pub(crate) fn rules(id: Option<&str>, file: Option<&Path>) -> Result<String, String> {
    let rules = all_rules(file)?;
    let Some(id) = id else { return Ok(table(rules.all())) };
    match rules.find(id) {
        Some(rule) => Ok(explanation(rule)),
        // The error knows the nearest name; a group or profile is a shorter table.
        None => {
            let choice = Choice::new(&rules, Some(id), Named::default(), Named::default());
            let ids: Vec<String> = choice.map_err(|problem| problem.to_string())?.ids().map(str::to_owned).collect();
            let chosen: Vec<Rule> = rules.all().iter().filter(|rule| ids.contains(&rule.id)).cloned().collect();
            Ok(table(&chosen))
        }
    }
}

fn table(rules: &[Rule]) -> String {
    let width = |of: fn(&Rule) -> &str| rules.iter().map(|rule| of(rule).len()).max().unwrap_or(0);
    let (ids, groups) = (width(|rule| &rule.id), width(|rule| &rule.group));
    let mut text = String::new();
    for rule in rules {
        let Rule { id, group, class, title, .. } = rule;
        let _ = writeln!(text, "{id:<ids$}  {:<6}  {group:<groups$}  {title}", class.name());
    }
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
