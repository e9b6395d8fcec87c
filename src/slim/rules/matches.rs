//! What the globs of all rules match, in two walks through the tree.

use std::collections::{HashMap, HashSet};

use super::choose::Choice;
use super::facts::PruneFacts;
use super::glob::{Glob, parse};
use super::rule::{Globs, Never};
use super::special::languages;
use super::walk::walk;
use crate::tree::{NodeId, Tree};

/// What a rule does to what a glob matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Take,
    Truncate,
    Special,
    Dangling,
    Keep,
}

/// What globs matched.
#[derive(Default)]
pub(super) struct Matches<'c> {
    /// Everything, of whatever type, by rule.
    by_rule: HashMap<(usize, Action), HashSet<NodeId>>,
    /// The last of the paths that a person named which match, for what shall go and for what shall stay.
    pub(super) named: HashMap<NodeId, usize>,
    pub(super) kept: HashMap<NodeId, usize>,
    /// What never goes.
    pub(super) never: HashMap<NodeId, &'c Never>,
}

/// What a glob is for.
#[derive(Clone, Copy)]
enum Use {
    Rule(usize, Action),
    /// One that a person named, by its place, to go or to stay.
    Named(usize, bool),
}

impl<'c> Matches<'c> {
    /// Matches the globs of `choice`, but for the rules that are `skipped`.
    pub(super) fn new(tree: &Tree, choice: &'c Choice, facts: &PruneFacts<'_>, skipped: &[Option<String>]) -> Self {
        let globs = globs(choice, facts, skipped);
        let all: Vec<&Glob> = globs.iter().map(|(_, glob)| glob).collect();
        let mut matches = Self::default();
        walk(tree, &all, None, &mut |at, id| match globs[at].0 {
            Use::Rule(rule, action) => {
                matches.by_rule.entry((rule, action)).or_default().insert(id);
            }
            Use::Named(place, keep) => {
                let named = if keep { &mut matches.kept } else { &mut matches.named };
                let known = named.entry(id).or_insert(place);
                *known = place.max(*known);
            }
        });
        matches.named = with_all_below(tree, &matches.named);
        matches.kept = with_all_below(tree, &matches.kept);
        let ids: Vec<NodeId> = matches.by_rule.values().flatten().chain(matches.named.keys()).copied().collect();
        matches.find_never(tree, choice, &ids);
        matches
    }

    /// What `choice` says of files that no glob was needed for.
    pub(super) fn of_files(tree: &Tree, choice: &'c Choice, facts: &PruneFacts<'_>, ids: &[NodeId]) -> Self {
        let mut matches = Self::new(tree, choice, facts, &[]);
        matches.find_never(tree, choice, ids);
        matches
    }

    /// What the globs of a rule for an action match.
    pub(super) fn of(&self, rule: usize, action: Action) -> Option<&HashSet<NodeId>> {
        self.by_rule.get(&(rule, action))
    }

    /// Finds what has to stay, as far as some of `ids` could go there.
    fn find_never(&mut self, tree: &Tree, choice: &'c Choice, ids: &[NodeId]) {
        let mut looked_at = vec![false; tree.node_count()];
        for id in ids {
            let mut at = *id;
            while !std::mem::replace(&mut looked_at[at.index()], true) {
                at = tree.parent(at);
            }
        }
        let never: Vec<(&Never, &Glob)> = choice
            .never
            .iter()
            .flat_map(|never| {
                never.paths.iter().flat_map(move |paths| paths.globs.iter().map(move |glob| (never, glob)))
            })
            .collect();
        let globs: Vec<&Glob> = never.iter().map(|(_, glob)| *glob).collect();
        let found = &mut self.never;
        walk(tree, &globs, Some(&looked_at), &mut |at, id| {
            let known = found.entry(id).or_insert(never[at].0);
            // What is fixed counts, whatever else it is.
            if never[at].0.fixed && !known.fixed {
                *known = never[at].0;
            }
        });
    }
}

/// All globs and what each is for.
fn globs(choice: &Choice, facts: &PruneFacts<'_>, skipped: &[Option<String>]) -> Vec<(Use, Glob)> {
    let spoken = languages(&facts.env());
    let mut globs: Vec<(Use, Glob)> = Vec::new();
    for (at, rule) in choice.rules.iter().enumerate().filter(|(at, _)| skipped[*at].is_none()) {
        for (action, list) in [
            (Action::Take, &rule.take),
            (Action::Truncate, &rule.truncate),
            (Action::Special, &rule.special),
            (Action::Dangling, &rule.dangling),
            (Action::Keep, &rule.keep),
        ] {
            for glob in list.iter().flat_map(|globs| spoken_globs(globs, &spoken)) {
                globs.push((Use::Rule(at, action), glob));
            }
        }
    }
    for (named, keep) in [(&choice.paths, false), (&choice.keep, true)] {
        for (place, (_, list)) in named.0.iter().enumerate() {
            globs.extend(list.globs.iter().map(|glob| (Use::Named(place, keep), glob.clone())));
        }
    }
    globs
}

/// A directory that a person names means all in it, unless a later path says otherwise.
fn with_all_below(tree: &Tree, named: &HashMap<NodeId, usize>) -> HashMap<NodeId, usize> {
    let mut all: HashMap<NodeId, usize> = HashMap::new();
    if named.is_empty() {
        return all;
    }
    // Parents come before what is in them.
    for id in tree.nodes() {
        let above = all.get(&tree.parent(id)).filter(|_| id != tree.root());
        if let Some(place) = above.max(named.get(&id)) {
            all.insert(id, *place);
        }
    }
    all
}

/// The globs of a text, with the languages of the image where it asks for them.
fn spoken_globs(globs: &Globs, languages: &[String]) -> Vec<Glob> {
    if !globs.text.contains("{language}") {
        return globs.globs.clone();
    }
    let texts = languages.iter().map(|language| globs.text.replace("{language}", language));
    texts.filter_map(|text| parse(&text).ok()).flatten().collect()
}
