//! What the image's own settings need.
//!
//! # Decisions
//! - HOME and PWD name no file that a program reads: they would guard everything that a user has.
//! - A setting guards what it names and all below it; the root would guard everything and guards nothing.

use std::collections::{BTreeMap, HashMap};

use super::facts::PruneFacts;
use crate::oci::Document;
use crate::tree::{FOLLOW_BUDGET, NodeId, Tree, TreePath};

/// Files and directories that stay with all below them, and what guards them.
pub(super) struct Guards<'t> {
    tree: &'t Tree,
    guarded: HashMap<NodeId, Guard>,
    budget: u64,
}

struct Guard {
    /// For people.
    what: String,
    is_volume: bool,
}

/// Words of a command that are looked for; real ones have a few.
const MAX_WORDS: usize = 1000;
const VOLUME: &str = "under the volume";

/// Variables that name places and no files.
const PLACES: [&str; 2] = ["HOME", "PWD"];

impl<'t> Guards<'t> {
    pub(super) fn new(tree: &'t Tree, facts: &PruneFacts<'_>) -> Self {
        let mut guards = Self { tree, guarded: HashMap::new(), budget: FOLLOW_BUDGET };
        let config = facts.config;
        let directory: Option<String> = value(config, "WorkingDir");
        let directory = directory.filter(|text| !text.is_empty()).unwrap_or_else(|| "/".to_owned());
        let path = facts.path();
        for (what, words) in commands(config) {
            for word in words.into_iter().take(MAX_WORDS) {
                guards.command(&word, &directory, &path, &format!("referenced by {what}"));
            }
        }
        guards.add(&directory, "referenced by WorkingDir");
        for (name, value) in facts.env() {
            if !PLACES.contains(&name.as_str()) {
                guards.text(&value, &format!("referenced by Env {name}"));
            }
        }
        let volumes: BTreeMap<String, serde_json::Value> = value(config, "Volumes").unwrap_or_default();
        for volume in volumes.keys() {
            guards.add(volume, &format!("{VOLUME} {volume}"));
        }
        guards
    }

    /// What keeps `id` from rules, if anything does.
    pub(super) fn of(&self, id: NodeId) -> Option<&str> {
        self.find(id, |_, _| true)
    }

    /// What keeps `id` even when a person names it: a setting that means this very file, or a volume. What is only in the
    /// working directory or in a directory of the environment may go.
    pub(super) fn of_named(&self, id: NodeId) -> Option<&str> {
        self.find(id, |at, guard| at == id || guard.is_volume)
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

    /// A word of a command: a program on the PATH, a file in the working directory, or text with paths in it.
    fn command(&mut self, word: &str, directory: &str, path: &[String], guard: &str) {
        self.text(word, guard);
        if !word.starts_with('/') && !word.is_empty() && !word.contains(char::is_whitespace) {
            self.add(&format!("{directory}/{word}"), guard);
            if !word.contains('/') {
                path.iter().for_each(|place| self.add(&format!("{place}/{word}"), guard));
            }
        }
    }

    /// Every absolute path in a text.
    fn text(&mut self, text: &str, guard: &str) {
        let is_end = |c: char| c.is_whitespace() || ":;,='\"`()<>|&".contains(c);
        for word in text.split(is_end).filter(|word| word.starts_with('/')) {
            self.add(word, guard);
        }
    }

    fn add(&mut self, path: &str, guard: &str) {
        let Ok(path) = TreePath::parse(path.as_bytes()) else { return };
        // Both the link and what it leads to.
        let link = self.tree.locate(&path, &mut self.budget);
        let target = self.tree.resolve(&path, &mut self.budget);
        for id in [link, target].into_iter().flatten().filter(|id| *id != self.tree.root()) {
            let is_volume = guard.starts_with(VOLUME);
            self.guarded.entry(id).or_insert_with(|| Guard { what: guard.to_owned(), is_volume });
        }
    }
}

fn value<T: serde::de::DeserializeOwned>(config: &Document, key: &str) -> Option<T> {
    // A setting that is not what it should be names nothing.
    config.get(key, "").ok().flatten()
}

/// The words of everything that the image runs by itself, and what they are of.
pub(super) fn commands(config: &Document) -> Vec<(&'static str, Vec<String>)> {
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
