//! Rules as they are written down.

use std::sync::OnceLock;

use globset::{GlobBuilder, GlobMatcher};
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_syntax::hir::Hir;
use serde::Deserialize;
use toml::Spanned;

use super::check::Check;
use super::names::{Names, Phrase};
use super::place::Place;
use super::value::{Level, Values};
use crate::finding::Severity;
use crate::written::{Written, WrittenError};

/// Bytes that a match of a regex may have at most: so much of a file is looked at around a keyword.
pub(super) const MAX_MATCH: usize = 4096;
/// Bytes of a match that may come before its keyword.
pub(super) const MAX_BEFORE: usize = 128;
/// Bytes that a keyword has at least: shorter ones are everywhere.
const MIN_KEYWORD: usize = 3;
/// Bytes that one regex may take when it is compiled.
const MAX_PROGRAM: usize = 1 << 20;
/// Bytes that it may take while it is used.
const MAX_CACHE: usize = 256 << 10;

/// What a rule looks at.
#[derive(Clone, Debug)]
pub(super) enum Reads {
    /// The file is there and not empty.
    File,
    /// What a regex matches.
    Regex(Pattern),
    /// `name = value` in a text. With `bare`, values count that are not in quotes.
    Assignment { bare: bool },
    /// Build arguments in the history.
    Argument,
    /// Variables and labels.
    Setting,
    /// Private keys, parsed.
    PrivateKey,
    /// Key stores with a private key in them.
    KeyStore,
}

impl Pattern {
    /// What it is made of.
    #[cfg(test)]
    pub(super) fn hir(&self) -> &Hir {
        &self.hir
    }

    /// The regex. There is one: that it can be made was tested when the rule was read, or is by the tests.
    pub(super) fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| self.compile().ok()).as_ref()
    }

    fn compile(&self) -> Result<Regex, String> {
        let limits =
            Regex::config().utf8_empty(false).nfa_size_limit(Some(MAX_PROGRAM)).hybrid_cache_capacity(MAX_CACHE);
        Regex::builder().configure(limits).build_from_hir(&self.hir).map_err(|error| error.to_string())
    }
}

impl Reads {
    /// Whether it finds what looks like a secret and may be of any kind: others say better what it is.
    pub(super) fn is_general(&self) -> bool {
        matches!(self, Self::Assignment { .. } | Self::Argument | Self::Setting)
    }
}

/// A regex and how it is searched for.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// As it is written.
    text: String,
    hir: Hir,
    /// Made when it is first needed: most rules never are.
    compiled: OnceLock<Option<Regex>>,
    /// Every match has one of these in it, `before` bytes from its beginning at most, and begins with it if that is 0.
    pub(super) keywords: Vec<String>,
    pub(super) before: usize,
    /// Bytes of the longest match.
    pub(super) longest: usize,
    /// Whether letters, digits and underscores may be right before and behind it.
    pub(super) within: bool,
}

/// What is looked for, and what it means when it is found.
#[derive(Clone, Debug)]
pub struct SecretRule {
    /// Its name.
    pub id: String,
    /// What it finds, in few words.
    pub title: String,
    /// How bad that is.
    pub severity: Severity,
    /// What to do about it.
    pub remedy: String,
    /// Where it is written what such a secret looks like.
    pub source: String,
    pub(super) reads: Reads,
    pub(super) paths: Vec<(String, GlobMatcher)>,
    pub(super) places: Vec<Place>,
    pub(super) level: Level,
    pub(super) entropy: f64,
    pub(super) check: Option<Check>,
    pub(super) only_text: bool,
}

impl SecretRule {
    /// The files that it looks into, as globs; all when there are none.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(|(text, _)| text.as_str())
    }

    /// The places that it looks at.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// What it looks for: its regex, or what is no regex in words.
    pub fn form(&self) -> &str {
        match &self.reads {
            Reads::Regex(pattern) => &pattern.text,
            Reads::File => "the file itself, if there is anything in it",
            Reads::Assignment { bare: true } => "name = value, where the name is one of a secret",
            Reads::Assignment { bare: false } => "name = \"value\", where the name is one of a secret",
            Reads::Argument => "a build argument with the name of a secret",
            Reads::Setting => "a variable or label with the name of a secret",
            Reads::PrivateKey => "a private key that can be read, in PEM, DER, or of OpenSSH, PuTTY or OpenPGP",
            Reads::KeyStore => "a PKCS#12 or Java key store with a private key in it",
        }
    }
}

/// All rules there are.
#[derive(Clone, Debug)]
pub struct SecretRules {
    /// Whether a person added some or switched some off.
    pub(super) has_own: bool,
    pub(super) rules: Vec<SecretRule>,
    pub(super) names: Names,
    pub(super) values: Values,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default)]
    off: Vec<Spanned<String>>,
    #[serde(default)]
    names: RawNames,
    #[serde(default)]
    values: RawValues,
    #[serde(default)]
    rule: Vec<RawRule>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct RawNames {
    chosen: Vec<Spanned<String>>,
    made: Vec<Spanned<String>>,
    not: Vec<Spanned<String>>,
    not_after: Vec<Spanned<String>>,
    not_before: Vec<Spanned<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawValues {
    placeholders: Vec<Spanned<String>>,
    words: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawRule {
    id: Spanned<String>,
    title: Option<String>,
    severity: Option<Spanned<String>>,
    #[serde(default)]
    remedy: String,
    #[serde(default)]
    source: String,
    reads: Option<RawReads>,
    regex: Option<Spanned<String>>,
    #[serde(default)]
    keywords: Vec<Spanned<String>>,
    before: Option<Spanned<usize>>,
    #[serde(default)]
    within: bool,
    #[serde(default)]
    bare: bool,
    #[serde(default)]
    paths: Vec<Spanned<String>>,
    #[serde(default)]
    places: Vec<Spanned<String>>,
    level: Option<Level>,
    #[serde(default)]
    entropy: f64,
    check: Option<Spanned<String>>,
    #[serde(default)]
    only_text: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawReads {
    Assignment,
    Argument,
    Setting,
    PrivateKey,
    KeyStore,
}

/// A rule on its way from the file.
struct Reading<'r, 's> {
    file: &'r Written<'s>,
    id: &'r str,
    at: usize,
    is_own: bool,
}

impl Reading<'_, '_> {
    fn error(&self, at: usize, problem: impl Into<String>) -> WrittenError {
        self.file.error(at, Some(self.id), problem)
    }

    /// The one of `all` that is called as it is written.
    fn one_of<T: Copy>(
        &self,
        text: &Spanned<String>,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Result<T, WrittenError> {
        all.iter().copied().find(|one| name(*one) == text.get_ref()).ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|one| name(*one)).collect();
            self.error(text.span().start, format!("\"{}\" is none of {}", text.get_ref(), names.join(", ")))
        })
    }

    fn reads(&self, raw: &RawRule) -> Result<Reads, WrittenError> {
        match (&raw.regex, raw.reads) {
            (Some(_), Some(_)) => {
                Err(self.error(self.at, "it has \"regex\" and \"reads\": only one of them is possible"))
            }
            (Some(regex), None) => Ok(Reads::Regex(self.pattern(regex, raw)?)),
            (None, Some(RawReads::Assignment)) => Ok(Reads::Assignment { bare: raw.bare }),
            (None, Some(RawReads::Argument)) => Ok(Reads::Argument),
            (None, Some(RawReads::Setting)) => Ok(Reads::Setting),
            (None, Some(RawReads::PrivateKey)) => Ok(Reads::PrivateKey),
            (None, Some(RawReads::KeyStore)) => Ok(Reads::KeyStore),
            (None, None) if raw.paths.is_empty() => {
                Err(self.error(self.at, "it looks for nothing: it needs \"regex\" or \"paths\""))
            }
            (None, None) => Ok(Reads::File),
        }
    }

    fn pattern(&self, text: &Spanned<String>, raw: &RawRule) -> Result<Pattern, WrittenError> {
        let fail = |problem: String| self.error(text.span().start, problem);
        let config = syntax::Config::new().unicode(false).utf8(false);
        let hir = syntax::parse_with(text.get_ref(), &config)
            .map_err(|error| fail(format!("the regex is not valid: {}", last_line(&error.to_string()))))?;
        let longest = hir.properties().maximum_len().filter(|longest| *longest <= MAX_MATCH).ok_or_else(|| {
            fail(format!(
                "a match of the regex can have more than {MAX_MATCH} bytes: write {{1,200}} for + and {{0,200}} for *"
            ))
        })?;
        if hir.properties().minimum_len().unwrap_or(0) == 0 {
            return Err(fail("the regex matches nothing at all, that is everywhere".to_owned()));
        }
        let keywords = raw.keywords.iter().map(|keyword| self.keyword(keyword)).collect::<Result<Vec<_>, _>>()?;
        if keywords.is_empty() && raw.paths.is_empty() {
            return Err(fail("it needs \"keywords\": texts of which every match has one; or \"paths\"".to_owned()));
        }
        let before = raw.before.as_ref().map_or(0, |before| *before.get_ref());
        if before > MAX_BEFORE {
            let at = raw.before.as_ref().map_or(self.at, |before| before.span().start);
            return Err(self.error(at, format!("\"before\" is {MAX_BEFORE} at most, not {before}")));
        }
        let text = text.get_ref().clone();
        let pattern = Pattern { text, hir, compiled: OnceLock::new(), keywords, before, longest, within: raw.within };
        if self.is_own {
            pattern.compile().map_err(|problem| fail(format!("the regex is too large: {problem}")))?;
        }
        Ok(pattern)
    }

    fn keyword(&self, text: &Spanned<String>) -> Result<String, WrittenError> {
        if text.get_ref().len() < MIN_KEYWORD || !text.get_ref().is_ascii() {
            let problem = format!("the keyword \"{}\" is not {MIN_KEYWORD} or more ASCII characters", text.get_ref());
            return Err(self.error(text.span().start, problem));
        }
        Ok(text.get_ref().to_ascii_lowercase())
    }

    fn glob(&self, text: &Spanned<String>) -> Result<(String, GlobMatcher), WrittenError> {
        let fail =
            |problem: String| self.error(text.span().start, format!("the glob \"{}\" {problem}", text.get_ref()));
        let written = text.get_ref();
        let relative = match (written.strip_prefix('/'), written.strip_prefix("~/")) {
            (Some(rest), _) => rest.to_owned(),
            (_, Some(rest)) => format!("{{root,home/*}}/{rest}"),
            _ if written.starts_with("**/") => written.clone(),
            _ => return Err(fail("has no place to begin: write /…, ~/… or **/…".to_owned())),
        };
        let glob =
            GlobBuilder::new(&relative).literal_separator(true).backslash_escape(true).empty_alternates(true).build();
        let glob = glob.map_err(|error| fail(format!("is not valid: {}", error.kind())))?;
        Ok((written.clone(), glob.compile_matcher()))
    }

    fn rule(&self, raw: &RawRule) -> Result<SecretRule, WrittenError> {
        let severity =
            raw.severity.as_ref().map(|text| self.one_of(text, &Severity::ALL, Severity::name)).transpose()?;
        let check = raw.check.as_ref().map(|text| self.one_of(text, &Check::ALL, Check::name)).transpose()?;
        let places = raw.places.iter().map(|text| self.one_of(text, &Place::ALL, Place::name));
        let mut places = places.collect::<Result<Vec<_>, _>>()?;
        if places.is_empty() {
            places = if raw.paths.is_empty() { Place::ALL.to_vec() } else { vec![Place::File] };
        }
        Ok(SecretRule {
            id: self.id.to_owned(),
            title: raw.title.clone().unwrap_or_else(|| self.id.to_owned()),
            severity: severity.unwrap_or(Severity::High),
            remedy: raw.remedy.clone(),
            source: raw.source.clone(),
            reads: self.reads(raw)?,
            paths: raw.paths.iter().map(|text| self.glob(text)).collect::<Result<_, _>>()?,
            places,
            level: raw.level.unwrap_or(Level::Any),
            entropy: raw.entropy,
            check,
            only_text: raw.only_text,
        })
    }
}

/// The end of an error of several lines is what it says.
fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ")
}

impl SecretRules {
    /// The built-in ones.
    pub fn built_in() -> Result<Self, WrittenError> {
        let mut rules = Self { has_own: false, rules: Vec::new(), names: Names::default(), values: Values::default() };
        rules.read("rules.toml", include_str!("rules.toml"), false)?;
        Ok(rules)
    }

    /// Adds the rules of a user's `file`, and takes out those that it switches off.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), WrittenError> {
        self.has_own = true;
        self.read(file, text, true)
    }

    fn read(&mut self, file: &str, text: &str, is_own: bool) -> Result<(), WrittenError> {
        let written = Written { file, text };
        let raw: RuleFile = written.parse()?;
        for off in &raw.off {
            self.switch_off(&written, off)?;
        }
        self.add_words(&written, &raw)?;
        for raw in &raw.rule {
            let (at, id) = (raw.id.span().start, raw.id.get_ref());
            written.check_id(at, id)?;
            if self.find(id).is_some() {
                return Err(written.error(at, Some(id), "there is a rule of this name already"));
            }
            self.rules.push(Reading { file: &written, id, at, is_own }.rule(raw)?);
        }
        Ok(())
    }

    fn switch_off(&mut self, written: &Written<'_>, off: &Spanned<String>) -> Result<(), WrittenError> {
        let wanted = off.get_ref().as_str();
        if let Some(at) = self.rules.iter().position(|rule| rule.id == wanted) {
            self.rules.remove(at);
            return Ok(());
        }
        let meant = self.nearest(wanted).map_or(String::new(), |id| format!(": is \"{id}\" meant?"));
        Err(written.error(off.span().start, None, format!("there is no rule \"{wanted}\" to switch off{meant}")))
    }

    fn add_words(&mut self, written: &Written<'_>, raw: &RuleFile) -> Result<(), WrittenError> {
        let phrases = |texts: &[Spanned<String>]| {
            let phrase = |text: &Spanned<String>| {
                Phrase::parse(text.get_ref()).ok_or_else(|| {
                    let problem =
                        format!("\"{}\" is not words of small letters with a space between them", text.get_ref());
                    written.error(text.span().start, None, problem)
                })
            };
            texts.iter().map(phrase).collect::<Result<Vec<_>, _>>()
        };
        let words = |texts: &[Spanned<String>]| {
            texts
                .iter()
                .filter(|text| !text.get_ref().is_empty())
                .map(|text| text.get_ref().to_ascii_lowercase().into_bytes())
                .collect::<Vec<_>>()
        };
        self.names.chosen.extend(phrases(&raw.names.chosen)?);
        self.names.made.extend(phrases(&raw.names.made)?);
        self.names.not.extend(phrases(&raw.names.not)?);
        self.names.not_after.extend(phrases(&raw.names.not_after)?);
        self.names.not_before.extend(phrases(&raw.names.not_before)?);
        self.values.placeholders.extend(words(&raw.values.placeholders));
        self.values.words.extend(words(&raw.values.words));
        Ok(())
    }

    /// All, the built-in ones first.
    pub fn all(&self) -> &[SecretRule] {
        &self.rules
    }

    /// The rule called `id`.
    pub fn find(&self, id: &str) -> Option<&SecretRule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The id that is most like `wanted`, if one is nearly it.
    pub fn nearest(&self, wanted: &str) -> Option<&str> {
        let distance = |id: &str| strsim::damerau_levenshtein(id, wanted);
        let near = self.rules.iter().map(|rule| rule.id.as_str()).min_by_key(|id| distance(id));
        near.filter(|id| distance(id) <= 2.max(wanted.len() / 4))
    }
}
