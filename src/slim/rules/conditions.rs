//! When a rule is skipped.

use std::collections::{HashMap, HashSet};

use super::facts::PruneFacts;
use super::glob::{Glob, parse};
use super::guards::{commands, shortened};
use super::rule::Rule;
use super::walk::walk;
use crate::tree::{Follow, Kind, NodeId, Tree};

/// Where programs are, besides the directories that PATH names.
const PROGRAMS: [&str; 10] = [
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/local/go/bin",
    "/usr/local/cargo/bin",
    "~/.cargo/bin",
    "/opt/*/bin",
];

/// Why each of `rules` is skipped, if it is.
pub(super) fn skipped(tree: &Tree, rules: &[Rule], facts: &PruneFacts<'_>) -> Vec<Option<String>> {
    let mut globs: Vec<(usize, String, Glob)> = Vec::new();
    let literal = |place: &String| !place.contains(['*', '?', '[', '{', '}', '\\', '~']);
    let places = facts.path().into_iter().filter(literal).chain(PROGRAMS.map(str::to_owned));
    let places: Vec<String> = places.collect();
    for (at, rule) in rules.iter().enumerate() {
        for program in &rule.unless_command {
            let found = places.iter().filter_map(|place| parse(&format!("{place}/{program}")).ok()).flatten();
            globs.extend(found.map(|glob| (at, String::new(), glob)));
        }
        for paths in &rule.unless_path {
            globs.extend(paths.globs.iter().map(|glob| (at, paths.text.clone(), glob.clone())));
        }
    }
    let mut reasons: Vec<Option<String>> = mentioned(rules, facts);
    let all: Vec<&Glob> = globs.iter().map(|(.., glob)| glob).collect();
    let mut found: Vec<Option<NodeId>> = vec![None; rules.len()];
    walk(tree, &all, None, &mut |at, id| {
        let rule = globs[at].0;
        // The least path, so that the reason is the same every time.
        let is_less = |known: NodeId| tree.path(id) < tree.path(known);
        if found[rule].is_none_or(is_less) {
            found[rule] = Some(id);
        }
    });
    for (reason, id) in reasons.iter_mut().zip(found) {
        *reason = reason.take().or_else(|| id.map(|id| format!("the image has /{}", tree.path(id))));
    }
    reasons
}

/// For each of `rules`, the first word of the settings that it asks for. The settings are gone through once.
fn mentioned(rules: &[Rule], facts: &PruneFacts<'_>) -> Vec<Option<String>> {
    let mut wanted: HashMap<&str, Option<(usize, String)>> =
        rules.iter().flat_map(|rule| &rule.unless_mentioned).map(|word| (word.as_str(), None)).collect();
    let commands = commands(facts.config).into_iter();
    let texts = commands.flat_map(|(what, words)| words.into_iter().map(move |word| (what.to_owned(), word)));
    let env = facts.env().into_iter().map(|(name, value)| (format!("Env {}", shortened(&name)), value));
    let mut at = 0;
    for (what, text) in texts.chain(env) {
        for word in text.split(|c: char| !c.is_alphanumeric()) {
            at += 1;
            if let Some(first @ None) = wanted.get_mut(word) {
                *first = Some((at, format!("{what} mentions {word}")));
            }
        }
    }
    let first = |rule: &Rule| {
        let found = rule.unless_mentioned.iter().filter_map(|word| wanted.get(word.as_str())?.as_ref());
        found.min_by_key(|(at, _)| *at).map(|(_, reason)| reason.clone())
    };
    rules.iter().map(first).collect()
}

/// The first symlink, by path, that leads from outside of `area` to something in it.
pub(super) fn linked(tree: &Tree, links: &[(NodeId, NodeId)], area: &HashSet<NodeId>) -> Option<String> {
    let from_elsewhere = links.iter().filter(|(link, target)| area.contains(target) && !area.contains(link));
    let first = from_elsewhere.map(|(link, _)| tree.path(*link)).min();
    first.map(|link| format!("/{link} leads into it"))
}

/// All symlinks and what they lead to.
pub(super) fn links(tree: &Tree) -> Vec<(NodeId, NodeId)> {
    let mut follow = Follow::new(tree.len());
    let links = tree.nodes().filter(|id| matches!(tree.inode(*id).kind, Kind::Symlink(_)));
    links.filter_map(|id| Some((id, tree.resolve(&tree.path(id), &mut follow)?))).collect()
}
