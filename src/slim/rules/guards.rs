//! What the image's own settings need.
//!
//! # Decisions
//! - HOME and PWD name no file that a program reads: they would guard everything that a user has.
//! - A setting guards what it names and all below it; the root would guard everything and guards nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::facts::PruneFacts;
use crate::oci::Document;
use crate::tree::{Follow, Kind, NodeId, Tree, TreePath};

/// Files and directories that stay with all below them, and what guards them.
pub(in crate::slim) struct Guards<'t> {
    tree: &'t Tree,
    guarded: HashMap<NodeId, Guard>,
    /// Whether what is added is the word of a command.
    is_command: bool,
    follow: Follow,
}

struct Guard {
    /// For people.
    what: String,
    is_volume: bool,
    is_command: bool,
}

/// Words of a command that are looked for; real ones have a few.
const MAX_WORDS: usize = 1000;
/// Bytes of a word that may be a path: Linux has no longer ones.
const MAX_WORD: usize = 4096;
/// Characters of the image's own that a reason shows. There is one for each file.
const MAX_SHOWN: usize = 100;
const VOLUME: &str = "under the volume";

/// Variables that name places and no files.
const PLACES: [&str; 2] = ["HOME", "PWD"];

impl<'t> Guards<'t> {
    pub(in crate::slim) fn new(tree: &'t Tree, facts: &PruneFacts<'_>) -> Self {
        let mut guards = Self { tree, guarded: HashMap::new(), is_command: true, follow: Follow::new(tree.len()) };
        let config = facts.config;
        let directory: Option<String> = value(config, "WorkingDir");
        let directory = directory.filter(|text| !text.is_empty()).unwrap_or_else(|| "/".to_owned());
        let places = facts.path().into_iter();
        let path: Vec<_> = places.map(|place| (guards.directory(&place), place)).collect();
        let mut known = HashSet::new();
        for (what, words) in commands(config) {
            for word in words.into_iter().take(MAX_WORDS) {
                let guard = format!("referenced by {what}");
                guards.text(&word, &guard);
                let is_word = !word.starts_with('/') && word.len() <= MAX_WORD && !word.contains(char::is_whitespace);
                if is_word && !word.is_empty() && known.insert(word.clone()) {
                    guards.command(&word, &directory, &path, &guard);
                }
            }
        }
        guards.is_command = false;
        guards.add(&directory, "referenced by WorkingDir");
        for (name, value) in facts.env() {
            if !PLACES.contains(&name.as_str()) {
                guards.text(&value, &format!("referenced by Env {}", shortened(&name)));
            }
        }
        let volumes: BTreeMap<String, serde_json::Value> = value(config, "Volumes").unwrap_or_default();
        for volume in volumes.keys() {
            guards.add(volume, &format!("{VOLUME} {}", shortened(volume)));
        }
        guards
    }

    /// What keeps `id` from rules, if anything does.
    pub(in crate::slim) fn of(&self, id: NodeId) -> Option<&str> {
        self.find(id, |_, _| true)
    }

    /// What keeps `id` even when a person names it: a setting that means this very file, or a volume. What is only in
    /// the working directory or in a directory of the environment may go.
    pub(in crate::slim) fn of_named(&self, id: NodeId) -> Option<&str> {
        self.find(id, |at, guard| at == id || guard.is_volume)
    }

    /// What runs `id` by itself, if it is a word of a command.
    pub(super) fn of_command(&self, id: NodeId) -> Option<&str> {
        self.find(id, |at, guard| at == id && guard.is_command)
    }

    fn find(&self, id: NodeId, counts: impl Fn(NodeId, &Guard) -> bool) -> Option<&str> {
        let mut at = id;
        while at != self.tree.root() && !self.guarded.is_empty() {
            if let Some(guard) = self.guarded.get(&at).filter(|guard| counts(at, guard)) {
                return Some(&guard.what);
            }
            at = self.tree.parent(at);
        }
        None
    }

    /// A word of a command: a program on the PATH, or a file in the working directory.
    fn command(&mut self, word: &str, directory: &str, path: &[(Option<NodeId>, String)], guard: &str) {
        if directory.len() <= MAX_WORD {
            self.add(&format!("{directory}/{word}"), guard);
        }
        match word {
            "." | ".." => path.iter().for_each(|(_, place)| self.add(&format!("{place}/{word}"), guard)),
            _ if word.contains('/') => {}
            _ => {
                // The places were looked for once: a thousand words may meet 64 of them, each as deep as a path can be.
                let found = path.iter().filter_map(|(id, _)| self.tree.child((*id)?, word.as_bytes()));
                let found: Vec<NodeId> = found.collect();
                found.into_iter().for_each(|id| self.guard(id, guard));
            }
        }
    }

    /// The directory that a setting names.
    fn directory(&mut self, path: &str) -> Option<NodeId> {
        self.tree.resolve(&TreePath::parse(path.as_bytes()).ok()?, &mut self.follow)
    }

    /// Every absolute path in a text.
    fn text(&mut self, text: &str, guard: &str) {
        let is_end = |c: char| c.is_whitespace() || ":;,='\"`()<>|&".contains(c);
        for word in text.split(is_end).filter(|word| word.starts_with('/')) {
            self.add(word, guard);
        }
    }

    /// What is at a path, and what that leads to.
    fn add(&mut self, path: &str, guard: &str) {
        let Ok(path) = TreePath::parse(path.as_bytes()) else { return };
        if let Some(id) = self.tree.locate(&path, &mut self.follow) {
            self.guard(id, guard);
        }
    }

    /// A file, and what it leads to.
    fn guard(&mut self, id: NodeId, guard: &str) {
        let target = match self.tree.inode(id).kind {
            Kind::Symlink(_) => self.tree.resolve(&self.tree.path(id), &mut self.follow),
            _ => None,
        };
        for id in [Some(id), target].into_iter().flatten().filter(|id| *id != self.tree.root()) {
            let (is_volume, is_command) = (guard.starts_with(VOLUME), self.is_command);
            self.guarded.entry(id).or_insert_with(|| Guard { what: guard.to_owned(), is_volume, is_command });
        }
    }
}

/// A text of the image's as people are told of it: its beginning, when it is long.
pub(super) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn value<T: serde::de::DeserializeOwned>(config: &Document, key: &str) -> Option<T> {
    // A setting that is not what it should be names nothing.
    config.get(key, "").ok().flatten()
}

/// The words of everything that the image runs by itself, and what they are of.
pub(in crate::slim) fn commands(config: &Document) -> Vec<(&'static str, Vec<String>)> {
    let words = |key| match value::<serde_json::Value>(config, key) {
        // Docker takes a text for a list of one.
        Some(serde_json::Value::String(text)) => vec![text],
        Some(serde_json::Value::Array(words)) => {
            words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    };
    let check: Option<Document> = value(config, "Healthcheck");
    let test: Vec<String> = check.and_then(|check| value(&check, "Test")).unwrap_or_default();
    vec![("Entrypoint", words("Entrypoint")), ("Cmd", words("Cmd")), ("Healthcheck", test), ("Shell", words("Shell"))]
}
