//! The rules of `rules.toml`, and what of an image they match.

use std::collections::{HashMap, HashSet};

use memchr::memmem::Finder;
use serde::Deserialize;

use super::super::rules::glob::{Glob, parse};
use super::super::rules::walk::walk;
use crate::tree::{NodeId, Tree};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<RawRule>,
    stays: Vec<Paths>,
    made: Vec<Paths>,
    shared: Vec<Shared>,
    scripts: Vec<Scripts>,
    ignore: Vec<Ignore>,
    words: WordLists,
}

/// The lists of words; each has to be there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WordLists {
    spawns: List,
    opens: List,
    silent: List,
    installers: List,
    installs: List,
    boots: List,
    bootable: List,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[allow(dead_code)] // for people
    why: String,
    #[allow(dead_code)] // for people
    source: String,
    words: Vec<String>,
}

/// A list of words.
pub(super) struct Words(Vec<Finder<'static>>);

impl Words {
    fn new(list: &List) -> Self {
        Self(list.words.iter().map(|word| Finder::new(word.as_bytes()).into_owned()).collect())
    }

    /// Whether one of them is in a text.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        self.0.iter().any(|word| word.find(text).is_some())
    }

    /// Whether a name ends with one of them.
    pub(super) fn is_end_of(&self, name: &[u8]) -> bool {
        self.0.iter().any(|word| name.ends_with(word.needle()))
    }

    /// Whether a name is one of them.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.0.iter().any(|word| word.needle() == name)
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Finder::needle)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: String,
    title: String,
    #[serde(default)]
    when: Vec<String>,
    keep: Vec<String>,
    #[serde(default)]
    files: bool,
    #[allow(dead_code)] // for people
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paths {
    #[allow(dead_code)] // for people
    why: String,
    paths: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    #[allow(dead_code)] // for people
    why: String,
    #[allow(dead_code)] // for people
    source: String,
    paths: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scripts {
    #[allow(dead_code)] // for people
    why: String,
    packages: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ignore {
    of: String,
    needs: Vec<String>,
    #[allow(dead_code)] // for people
    source: String,
}

/// What the rules say of one image.
pub(super) struct Rules {
    /// Names and titles.
    pub(super) rules: Vec<Rule>,
    /// Rules that a file sets off when it stays.
    pub(super) triggers: HashMap<NodeId, Vec<usize>>,
    /// What each rule keeps, by path.
    pub(super) keeps: Vec<Vec<NodeId>>,
    pub(super) stays: HashSet<NodeId>,
    pub(super) made: HashSet<NodeId>,
    /// What is named for all that is in it, so that naming it needs none of those that have it.
    pub(super) shared: HashSet<NodeId>,
    /// What of a text may start a program: without any of these it starts none.
    pub(super) spawns: Words,
    /// What of a text may open a library: without any of these it opens none.
    pub(super) opens: Words,
    /// Ends of names of files that name nothing that runs.
    pub(super) silent: Words,
    /// Programs that install packages, and what they are told then.
    pub(super) installers: Words,
    pub(super) installs: Words,
    /// Programs that start a whole system.
    pub(super) boots: Words,
    /// Paths that only a system that boots has; the last part is how a name begins.
    pub(super) bootable: Words,
    scripts: HashSet<String>,
    ignored: HashMap<String, HashSet<String>>,
}

/// A rule, for people.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) title: String,
    /// Whether it applies though nothing sets it off.
    pub(super) is_always: bool,
}

enum Use {
    When(usize),
    Keep(usize),
    Stays,
    Made,
    Shared,
}

impl Rules {
    /// The rules of an image in which people speak `languages`. `by_files` tells the grain.
    pub(super) fn new(tree: &Tree, languages: &[String], by_files: bool) -> Result<Self, String> {
        let file: File = toml::from_str(include_str!("rules.toml")).map_err(|error| error.message().to_owned())?;
        let mut globs: Vec<(Use, Glob)> = Vec::new();
        let mut add = |of: &dyn Fn() -> Use, text: &str| -> Result<(), String> {
            let spoken = languages.iter().map(|language| text.replace("{language}", language));
            let texts: Vec<String> = if text.contains("{language}") { spoken.collect() } else { vec![text.to_owned()] };
            for text in texts {
                let parsed = parse(&text).map_err(|problem| format!("the glob \"{text}\" {}", problem.problem))?;
                globs.extend(parsed.into_iter().map(|glob| (of(), glob)));
            }
            Ok(())
        };
        let mut rules = Vec::new();
        for raw in file.rule.into_iter().filter(|raw| by_files || !raw.files) {
            let at = rules.len();
            raw.when.iter().try_for_each(|text| add(&|| Use::When(at), text))?;
            raw.keep.iter().try_for_each(|text| add(&|| Use::Keep(at), text))?;
            rules.push(Rule { id: raw.id, title: raw.title, is_always: raw.when.is_empty() });
        }
        file.stays.iter().flat_map(|stays| &stays.paths).try_for_each(|text| add(&|| Use::Stays, text))?;
        file.made.iter().flat_map(|made| &made.paths).try_for_each(|text| add(&|| Use::Made, text))?;
        file.shared.iter().flat_map(|shared| &shared.paths).try_for_each(|text| add(&|| Use::Shared, text))?;
        let mut found = Self {
            keeps: vec![Vec::new(); rules.len()],
            rules,
            triggers: HashMap::new(),
            stays: HashSet::new(),
            made: HashSet::new(),
            shared: HashSet::new(),
            spawns: Words::new(&file.words.spawns),
            opens: Words::new(&file.words.opens),
            silent: Words::new(&file.words.silent),
            installers: Words::new(&file.words.installers),
            installs: Words::new(&file.words.installs),
            boots: Words::new(&file.words.boots),
            bootable: Words::new(&file.words.bootable),
            scripts: file.scripts.into_iter().flat_map(|scripts| scripts.packages).collect(),
            ignored: file.ignore.into_iter().map(|ignore| (ignore.of, ignore.needs.into_iter().collect())).collect(),
        };
        let all: Vec<&Glob> = globs.iter().map(|(_, glob)| glob).collect();
        walk(tree, &all, None, &mut |at, id| match globs[at].0 {
            Use::When(rule) => found.triggers.entry(id).or_default().push(rule),
            Use::Keep(rule) => found.keeps[rule].push(id),
            Use::Stays => _ = found.stays.insert(id),
            Use::Made => _ = found.made.insert(id),
            Use::Shared => _ = found.shared.insert(id),
        });
        for kept in &mut found.keeps {
            kept.sort_unstable();
            kept.dedup();
        }
        Ok(found)
    }

    /// Whether only maintainer scripts of others need a package.
    pub(super) fn is_for_scripts(&self, package: &[u8]) -> bool {
        std::str::from_utf8(package).is_ok_and(|name| self.scripts.contains(name))
    }

    /// Whether only maintainer scripts need the package `needed` of the package `of`.
    pub(super) fn ignores(&self, of: &[u8], needed: &[u8]) -> bool {
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let needed = text(needed);
        self.scripts.contains(&needed) || self.ignored.get(&text(of)).is_some_and(|needs| needs.contains(&needed))
    }
}
