//! What was pruned and what was not.

use std::collections::BTreeMap;

use crate::tree::TreePath;

/// What became of all rules.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// One for each rule that was chosen, in their order, and one for what a person named.
    pub rules: Vec<RuleOutcome>,
}

/// What became of one rule.
#[derive(Clone, Debug, Default)]
pub struct RuleOutcome {
    /// Its name.
    pub id: String,
    /// What it takes.
    pub title: String,
    /// Whether it can break anything; empty for what a person named.
    pub class: &'static str,
    /// Why it was skipped, if it was.
    pub skipped: Option<String>,
    /// What it took.
    pub taken: Taken,
    /// Files that a guard kept, by the guard: how many, and one of them.
    pub kept: BTreeMap<String, (u64, String)>,
}

/// Files that went, or were emptied.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Files.
    pub files: u64,
    /// Bytes of contents that no other name has any more.
    pub bytes: u64,
    /// The same by the position of the layer that they lay in.
    pub by_layer: BTreeMap<u16, u64>,
    /// The largest, largest first: bytes and path.
    pub largest: Vec<(u64, String)>,
    /// All that are gone, in the order in which they went.
    pub gone: Vec<TreePath>,
    /// All that were emptied.
    pub emptied: Vec<TreePath>,
}

/// Paths that are told of each rule.
const LARGEST: usize = 10;

impl Taken {
    pub(super) fn add(&mut self, layer: u16, bytes: u64, path: TreePath, is_emptied: bool) {
        self.files += 1;
        self.bytes += bytes;
        *self.by_layer.entry(layer).or_default() += bytes;
        let is_large = self.largest.last().is_none_or(|(least, _)| bytes > *least) || self.largest.len() < LARGEST;
        if is_large {
            let at = self.largest.partition_point(|(known, _)| *known >= bytes);
            self.largest.insert(at, (bytes, format!("/{path}")));
            self.largest.truncate(LARGEST);
        }
        if is_emptied { self.emptied.push(path) } else { self.gone.push(path) }
    }
}

impl RuleOutcome {
    pub(super) fn kept(&mut self, guard: &str, path: impl FnOnce() -> String) {
        match self.kept.get_mut(guard) {
            Some((files, _)) => *files += 1,
            None => {
                self.kept.insert(guard.to_owned(), (1, path()));
            }
        }
    }
}
