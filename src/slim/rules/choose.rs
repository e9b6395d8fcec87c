//! Which rules apply.

use thiserror::Error;

use super::glob::{GlobError, parse};
use super::rule::{Globs, Rule, Rules, Safety};
use crate::written::WrittenError;

/// What to prune: rules, and paths that a person names.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// What was asked for, as it was written.
    list: Option<String>,
    pub(super) rules: Vec<Rule>,
    pub(super) never: Vec<super::rule::Never>,
    pub(super) paths: Named,
    pub(super) keep: Named,
}

/// Paths that a person names, in order; the last that matches decides.
#[derive(Clone, Debug, Default)]
pub struct Named(pub(in crate::slim) Vec<(bool, Globs)>);

impl Named {
    /// Reads globs; one that begins with `!` takes back what earlier ones say.
    pub fn parse(texts: &[String]) -> Result<Self, GlobError> {
        let one = |text: &String| {
            let (is_positive, glob) = match text.strip_prefix('!') {
                Some(glob) => (false, glob),
                None => (true, text.as_str()),
            };
            Ok((is_positive, Globs { text: text.clone(), globs: parse(glob)? }))
        };
        texts.iter().map(one).collect::<Result<_, _>>().map(Self)
    }
}

/// A wish that no rule has.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ChoiceError {
    /// No rule, group or profile is called so.
    #[error("there is no prune rule \"{name}\"{}; imgsquash rules lists them", suggestion(.nearest))]
    Unknown {
        /// The name.
        name: String,
        /// The name that is most like it.
        nearest: Option<String>,
    },
    /// A glob is none.
    #[error(transparent)]
    Glob(#[from] GlobError),
}

fn suggestion(name: &Option<String>) -> String {
    name.as_ref().map_or(String::new(), |name| format!(" (did you mean \"{name}\"?)"))
}

/// Profiles that are no group of their own.
const PROFILES: [&str; 4] = ["safe", "docs", "build", "max"];

impl Choice {
    /// Chooses from `rules`: those that `list` names, if there is one, and all of the user's own; besides, `paths` are
    /// pruned. What `keep` names stays.
    pub fn new(rules: &Rules, list: Option<&str>, paths: Named, keep: Named) -> Result<Self, ChoiceError> {
        let mut chosen: Vec<bool> = rules.all().iter().map(|rule| rule.is_own).collect();
        if let Some(list) = list {
            let items: Vec<&str> = list.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
            // A list that only adds and takes away begins with the safe ones.
            if items.iter().all(|item| item.starts_with(['+', '-'])) {
                choose(rules, "safe", true, &mut chosen)?;
            }
            for item in items {
                match item.strip_prefix('-') {
                    Some(name) => choose(rules, name, false, &mut chosen)?,
                    None => choose(rules, item.trim_start_matches('+'), true, &mut chosen)?,
                }
            }
        }
        let rules_chosen = rules.all().iter().zip(chosen).filter(|(_, is_chosen)| *is_chosen);
        let rules_chosen = rules_chosen.map(|(rule, _)| rule.clone()).collect();
        Ok(Self { list: list.map(str::to_owned), rules: rules_chosen, never: rules.never.clone(), paths, keep })
    }

    /// Only what stays, whatever is taken out.
    pub(super) fn guards(&self) -> Result<Self, WrittenError> {
        // Who prunes nothing has read no rules.
        let never = if self.never.is_empty() { Rules::built_in()?.never } else { self.never.clone() };
        Ok(Self { never, keep: self.keep.clone(), ..Self::default() })
    }

    /// The options that it comes from, without paths.
    pub fn made_with(&self) -> Vec<String> {
        let list = self.list.as_ref().map(|list| format!("prune={list}"));
        let others = [
            (!self.paths.0.is_empty(), "prune-path"),
            (!self.keep.0.is_empty(), "keep"),
            (self.rules.iter().any(|rule| rule.is_own), "rules"),
        ];
        list.into_iter().chain(others.iter().filter(|(asked, _)| *asked).map(|(_, name)| (*name).to_owned())).collect()
    }

    /// Whether there is anything to do.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.paths.0.is_empty()
    }

    /// The ids of the rules.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.id.as_str())
    }
}

fn choose(rules: &Rules, name: &str, on: bool, chosen: &mut [bool]) -> Result<(), ChoiceError> {
    let by_id: Vec<bool> = rules.all().iter().map(|rule| rule.id == name).collect();
    let wanted: Vec<bool> =
        if by_id.contains(&true) { by_id } else { rules.all().iter().map(|rule| is_in(rule, name)).collect() };
    if !wanted.contains(&true) && !PROFILES.contains(&name) {
        let ids = rules.all().iter().map(|rule| rule.id.as_str());
        let groups = rules.all().iter().map(|rule| rule.group.as_str());
        let names = ids.chain(groups).chain(PROFILES);
        let likeness = |other: &str| strsim::jaro_winkler(name, other);
        let nearest = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let nearest = nearest.filter(|nearest| likeness(nearest) > 0.8).map(str::to_owned);
        return Err(ChoiceError::Unknown { name: name.to_owned(), nearest });
    }
    for (chosen, _) in chosen.iter_mut().zip(wanted).filter(|(_, is_wanted)| *is_wanted) {
        *chosen = on;
    }
    Ok(())
}

/// Whether a rule belongs to a profile or group. A profile is the safe rules and some more; a group is all of it.
fn is_in(rule: &Rule, name: &str) -> bool {
    let is_safe = rule.class == Safety::Safe;
    match name {
        "max" => true,
        "safe" => is_safe,
        "docs" | "build" => is_safe || rule.profiles.iter().any(|profile| profile == name),
        _ => rule.group == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(list: &str) -> Vec<String> {
        let rules = Rules::built_in().unwrap();
        let choice = Choice::new(&rules, Some(list), Named::default(), Named::default()).unwrap();
        choice.ids().map(str::to_owned).collect()
    }

    fn has(list: &str, id: &str) -> bool {
        chosen(list).iter().any(|found| found == id)
    }

    #[test]
    fn lists_name_rules_groups_and_profiles() {
        assert_eq!(chosen("apt-lists,pyc"), ["apt-lists", "pyc"]);
        assert!(has("safe", "apt-lists") && !has("safe", "man"));
        assert!(has("docs", "man") && has("docs", "apt-lists") && !has("docs", "static-libs"));
        assert!(has("build", "static-libs") && !has("build", "man"));
        assert_eq!(chosen("max").len(), Rules::built_in().unwrap().all().len());
        assert!(has("+pyc,-apt-lists", "pyc") && !has("+pyc,-apt-lists", "apt-lists") && has("+pyc", "apt-lists"));
        assert!(has("safe,-python", "apt-lists") && !has("safe,-python", "pip-cache"));
    }

    #[test]
    fn an_unknown_name_is_told_with_the_nearest() {
        let rules = Rules::built_in().unwrap();
        let error = |list| Choice::new(&rules, Some(list), Named::default(), Named::default()).unwrap_err().to_string();
        let expected = "there is no prune rule \"apt-list\" (did you mean \"apt-lists\"?); imgsquash rules lists them";
        assert_eq!(error("apt-list"), expected);
        assert_eq!(error("zzzz"), "there is no prune rule \"zzzz\"; imgsquash rules lists them");
    }
}
