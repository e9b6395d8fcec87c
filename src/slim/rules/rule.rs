//! Rules as they are written down.

use serde::Deserialize;
use toml::Spanned;

use super::glob::{Glob, GlobError, parse};
use crate::written::{Written, WrittenError};

/// Whether a rule can break anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Safety {
    /// What goes is made again or never read.
    Safe,
    /// Something is lost that somebody may want.
    OptIn,
}

impl Safety {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::OptIn => "opt-in",
        }
    }
}

/// A text that means some globs.
#[derive(Clone, Debug)]
pub(in crate::slim) struct Globs {
    pub(in crate::slim) text: String,
    pub(in crate::slim) globs: Vec<Glob>,
}

/// What goes, what is kept of it, and when.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub id: String,
    /// What it takes, in few words.
    pub title: String,
    /// The group it can be chosen by.
    pub group: String,
    /// Whether it can break anything.
    pub class: Safety,
    /// The profiles it is in besides `max`, or `safe` for a safe one.
    pub profiles: Vec<String>,
    /// What no longer works without what it takes.
    pub breaks: String,
    /// Where it is written that it may go.
    pub source: String,
    pub(super) take: Vec<Globs>,
    pub(super) keep: Vec<Globs>,
    pub(super) truncate: Vec<Globs>,
    pub(super) special: Vec<Globs>,
    pub(super) dangling: Vec<Globs>,
    pub(super) only_with: Option<String>,
    pub(super) unless_command: Vec<String>,
    pub(super) unless_path: Vec<Globs>,
    pub(super) unless_linked: bool,
    pub(super) unless_mentioned: Vec<String>,
    /// Whether it is a user's, who is told when it would take what has to stay.
    pub(super) is_own: bool,
}

impl Rule {
    /// Its globs, by what they are for.
    pub fn globs(&self) -> Vec<(&'static str, Vec<&str>)> {
        [
            ("takes", &self.take),
            ("empties", &self.truncate),
            ("takes sockets and fifos", &self.special),
            ("takes links that lead nowhere then", &self.dangling),
            ("keeps", &self.keep),
        ]
        .into_iter()
        .filter(|(_, globs)| !globs.is_empty())
        .map(|(what, globs)| (what, globs.iter().map(|globs| globs.text.as_str()).collect()))
        .collect()
    }

    /// When it is skipped, in words.
    pub fn conditions(&self) -> Vec<String> {
        let mut said = Vec::new();
        if !self.unless_command.is_empty() {
            said.push(format!("a program is in the image that needs it: {}", self.unless_command.join(", ")));
        }
        if !self.unless_path.is_empty() {
            let paths: Vec<&str> = self.unless_path.iter().map(|globs| globs.text.as_str()).collect();
            said.push(format!("the image has {}", paths.join(", ")));
        }
        if !self.unless_mentioned.is_empty() {
            said.push(format!("Entrypoint, Cmd, Healthcheck or Env mention {}", self.unless_mentioned.join(", ")));
        }
        if self.unless_linked {
            said.push("a symlink from elsewhere leads into it".to_owned());
        }
        said
    }
}

/// What stays whatever a rule says.
#[derive(Clone, Debug)]
pub(super) struct Never {
    pub(super) why: String,
    /// Whether it is a package database, which is compared afterwards.
    pub(super) database: bool,
    /// Whether it stays even when a user names the path.
    pub(super) fixed: bool,
    /// Whether files with secrets in them go all the same, when these are asked to.
    pub(super) secrets: bool,
    pub(super) paths: Vec<Globs>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default)]
    rule: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawRule {
    id: Spanned<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    group: Option<String>,
    class: Option<Safety>,
    #[serde(default)]
    profiles: Vec<String>,
    #[serde(default)]
    breaks: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    take: Vec<Spanned<String>>,
    #[serde(default)]
    keep: Vec<Spanned<String>>,
    #[serde(default)]
    truncate: Vec<Spanned<String>>,
    #[serde(default)]
    special: Vec<Spanned<String>>,
    #[serde(default)]
    dangling: Vec<Spanned<String>>,
    only_with: Option<String>,
    #[serde(default)]
    unless_command: Vec<String>,
    #[serde(default)]
    unless_path: Vec<Spanned<String>>,
    #[serde(default)]
    unless_linked: bool,
    #[serde(default)]
    unless_mentioned: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NeverFile {
    never: Vec<RawNever>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNever {
    id: String,
    why: String,
    #[serde(default)]
    database: bool,
    #[serde(default)]
    fixed: bool,
    #[serde(default)]
    secrets: bool,
    paths: Vec<Spanned<String>>,
}

/// A file of rules on its way to be rules.
struct Source<'s>(Written<'s>);

impl Source<'_> {
    fn globs(&self, rule: &str, texts: Vec<Spanned<String>>) -> Result<Vec<Globs>, WrittenError> {
        let one = |text: Spanned<String>| {
            let at = text.span().start;
            let text = text.into_inner();
            // Languages are known when there is an image.
            let globs = parse(&text.replace("{language}", "*")).map_err(|GlobError { problem, .. }| {
                self.0.error(at, Some(rule), format!("the glob \"{text}\" {problem}"))
            })?;
            Ok(Globs { text, globs })
        };
        texts.into_iter().map(one).collect()
    }

    fn rule(&self, raw: RawRule, is_own: bool) -> Result<Rule, WrittenError> {
        let at = raw.id.span().start;
        let id = raw.id.into_inner();
        self.0.check_id(at, &id)?;
        if raw.take.is_empty() && raw.truncate.is_empty() && raw.special.is_empty() {
            return Err(self.0.error(at, Some(&id), "it takes nothing: it needs \"take\" or \"truncate\""));
        }
        if let Some(path) = raw.only_with.as_ref().filter(|path| path.starts_with('/')) {
            return Err(self.0.error(at, Some(&id), format!("\"only-with\" is relative to the file, not \"{path}\"")));
        }
        let globs = |texts| self.globs(&id, texts);
        Ok(Rule {
            title: raw.title.unwrap_or_else(|| id.clone()),
            group: raw.group.unwrap_or_else(|| "own".to_owned()),
            class: raw.class.unwrap_or(if is_own { Safety::OptIn } else { Safety::Safe }),
            profiles: raw.profiles,
            breaks: raw.breaks,
            source: raw.source,
            take: globs(raw.take)?,
            keep: globs(raw.keep)?,
            truncate: globs(raw.truncate)?,
            special: globs(raw.special)?,
            dangling: globs(raw.dangling)?,
            only_with: raw.only_with,
            unless_command: raw.unless_command,
            unless_path: globs(raw.unless_path)?,
            unless_linked: raw.unless_linked,
            unless_mentioned: raw.unless_mentioned,
            is_own,
            id,
        })
    }
}

/// All rules there are.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(super) rules: Vec<Rule>,
    pub(super) never: Vec<Never>,
}

impl Rules {
    /// The built-in ones.
    pub fn built_in() -> Result<Self, WrittenError> {
        let source = Source(Written { file: "rules.toml", text: include_str!("rules.toml") });
        let rules = source.0.parse::<RuleFile>()?.rule.into_iter().map(|raw| source.rule(raw, false));
        let rules = rules.collect::<Result<_, _>>()?;
        let source = Source(Written { file: "never.toml", text: include_str!("never.toml") });
        let never = source.0.parse::<NeverFile>()?.never.into_iter().map(|raw| {
            let paths = source.globs(&raw.id, raw.paths)?;
            Ok(Never { why: raw.why, database: raw.database, fixed: raw.fixed, secrets: raw.secrets, paths })
        });
        Ok(Self { rules, never: never.collect::<Result<_, WrittenError>>()? })
    }

    /// Adds the rules of a user's `file`.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), WrittenError> {
        let source = Source(Written { file, text });
        for raw in source.0.parse::<RuleFile>()?.rule {
            let at = raw.id.span().start;
            let rule = source.rule(raw, true)?;
            if self.find(&rule.id).is_some() {
                return Err(source.0.error(at, Some(&rule.id), "there is a rule of this name already"));
            }
            self.rules.push(rule);
        }
        Ok(())
    }

    /// All, the built-in ones first.
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule called `id`.
    pub fn find(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}
