//! The rules made ready: one automaton over all keywords, and what each of them may begin.

use std::fmt;
use std::sync::Arc;

use globset::Candidate;

use super::finder::{Begins, EngineError, Finder};
use super::key::{BEGIN, ENCODED, Known, PUTTY};
use super::names::Names;
use super::place::Place;
use super::rule::{Reads, SecretRule, SecretRules};
use super::value::Values;

/// All rules, ready to look. It does not change, and any number of threads may use it.
pub struct Engine {
    has_own_rules: bool,
    pub(super) rules: Vec<Arc<SecretRule>>,
    pub(super) names: Names,
    pub(super) values: Values,
    pub(super) known: Known,
    /// In texts, and in binaries.
    pub(super) text: Finder,
    pub(super) binary: Finder,
    /// Rules of some files only.
    pub(super) of_paths: Vec<usize>,
}

impl fmt::Debug for Engine {
    /// Without the automaton, which has megabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Makes `rules` ready.
    pub fn new(rules: &SecretRules) -> Result<Self, EngineError> {
        let SecretRules { has_own, rules, names, values } = rules.clone();
        let mut keywords = Vec::new();
        let is_read = |wanted: fn(&Reads) -> bool| rules.iter().any(|rule| wanted(&rule.reads));
        for (at, rule) in rules.iter().enumerate() {
            if let Reads::Regex(pattern) = &rule.reads {
                keywords.extend(pattern.keywords.iter().map(|word| (word.clone(), Begins::Match(at), rule.only_text)));
            }
        }
        if is_read(|reads| matches!(reads, Reads::PrivateKey)) {
            let lower = |text: &[u8]| String::from_utf8_lossy(text).to_ascii_lowercase();
            keywords.extend([BEGIN, PUTTY, ENCODED].map(|begin| (lower(begin), Begins::Key, false)));
        }
        if is_read(|reads| matches!(reads, Reads::Assignment { .. })) {
            keywords.extend(names.keywords().into_iter().map(|word| (word, Begins::Name, true)));
        }
        let in_binaries = keywords.iter().filter(|(.., only_text)| !only_text);
        let binary = Finder::new(in_binaries.map(|(word, begins, _)| (word.clone(), *begins)).collect())?;
        let text = Finder::new(keywords.into_iter().map(|(word, begins, _)| (word, begins)).collect())?;
        let of_paths = (0..rules.len()).filter(|at| !rules[*at].paths.is_empty()).collect();
        let rules = rules.into_iter().map(Arc::new).collect();
        Ok(Self { has_own_rules: has_own, rules, names, values, known: Known::built_in(), text, binary, of_paths })
    }

    /// Whether it looks by other rules than the built-in ones.
    pub fn has_own_rules(&self) -> bool {
        self.has_own_rules
    }

    /// Puts the rules that look into this file of a layer into `here`.
    pub(super) fn rules_of(&self, path: &[u8], here: &mut Vec<usize>) {
        use std::os::unix::ffi::OsStrExt as _;
        here.clear();
        let candidate = Candidate::new(std::ffi::OsStr::from_bytes(path));
        let is_of = |at: &usize| {
            let rule = &self.rules[*at];
            rule.places.contains(&Place::File) && rule.paths.iter().any(|(_, glob)| glob.is_match_candidate(&candidate))
        };
        here.extend(self.of_paths.iter().copied().filter(is_of));
    }
}
