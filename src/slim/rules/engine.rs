//! From rules and a tree to a smaller tree.

use std::collections::HashSet;

use super::choose::{Choice, Named};
use super::conditions::{linked, links, skipped};
use super::databases::{compare, databases};
use super::error::PruneError;
use super::facts::PruneFacts;
use super::guards::Guards;
use super::matches::{Action, Matches};
use super::outcome::{Outcome, RuleOutcome};
use super::rule::{Never, Rule, Safety};
use super::special::has_companion;
use crate::budget::Budget;
use crate::tree::{Fate, Fates, Follow, Kind, NodeId, Tree, TreePath};

struct Engine<'e> {
    choice: &'e Choice,
    facts: PruneFacts<'e>,
    skipped: Vec<Option<String>>,
    matches: Matches<'e>,
}

/// One file that goes or is emptied.
struct Doomed {
    id: NodeId,
    rule: usize,
    action: Action,
}

/// Takes out of `tree` what `choice` says and notes it in `fates`; their paths count in `budget`.
pub fn prune(
    tree: &mut Tree,
    fates: &mut Fates,
    choice: &Choice,
    facts: PruneFacts<'_>,
    budget: &Budget,
) -> Result<Outcome, PruneError> {
    let before = databases(tree, choice);
    let skipped = skipped(tree, &choice.rules, &facts);
    let engine = Engine { choice, facts, matches: Matches::new(tree, choice, &facts, &skipped), skipped };
    let (doomed, dangling, mut outcome) = engine.choose(tree)?;
    let mut held = budget.nothing();
    for Doomed { id, rule, action } in doomed {
        let inode = tree.inode(id);
        let size = match inode.kind {
            Kind::File { size, .. } if inode.links == 1 || action == Action::Truncate => size,
            _ => 0,
        };
        let (layer, path) = (inode.source.layer, tree.path(id));
        held.add(weight(&path))?;
        outcome.rules[rule].taken.add(layer, size, path, action == Action::Truncate);
        if action == Action::Truncate {
            tree.empty_file(id, fates, Fate::Pruned)
        } else {
            tree.take_out(id, fates, Fate::Pruned)
        }
    }
    let mut follow = Follow::new(tree.len());
    for (id, rule) in dangling {
        // Where no more symlinks can be followed nothing is known, and nothing goes.
        if tree.resolve(&tree.path(id), &mut follow).is_none() && !follow.is_spent() {
            let (layer, path) = (tree.inode(id).source.layer, tree.path(id));
            held.add(weight(&path))?;
            outcome.rules[rule].taken.add(layer, 0, path, false);
            tree.take_out(id, fates, Fate::Pruned);
        }
    }
    compare(tree, &before)?;
    held.for_ever();
    Ok(outcome)
}

/// Bytes of memory that a path takes up among those that are gone, and again in the report.
pub(super) fn weight(path: &TreePath) -> u64 {
    2 * (path.as_bytes().len() as u64 + 32)
}

impl<'e> Engine<'e> {
    /// Decides what goes, rule by rule; links that may come to lead nowhere come last.
    #[allow(clippy::type_complexity)] // three lists for three steps
    fn choose(&self, tree: &Tree) -> Result<(Vec<Doomed>, Vec<(NodeId, usize)>, Outcome), PruneError> {
        let guards = Guards::new(tree, &self.facts);
        let mut all_links = None;
        let mut follow = Follow::new(tree.len());
        let (mut doomed, mut dangling, mut outcome) = (Vec::new(), Vec::new(), Outcome::default());
        let mut seen: HashSet<NodeId> = HashSet::new();
        for (at, rule) in self.choice.rules.iter().enumerate() {
            let mut result = RuleOutcome {
                id: rule.id.clone(),
                title: rule.title.clone(),
                class: rule.class.name(),
                skipped: self.skipped[at].clone(),
                ..RuleOutcome::default()
            };
            if let Some(area) = self.matches.of(at, Action::Take).filter(|_| rule.unless_linked) {
                let all_links = all_links.get_or_insert_with(|| links(tree));
                result.skipped = result.skipped.or_else(|| linked(tree, all_links, area));
            }
            if result.skipped.is_none() {
                for (id, action) in self.candidates(tree, at, rule) {
                    if seen.contains(&id) {
                        continue;
                    }
                    if let Some(guard) = self.guard(tree, &guards, rule, id)? {
                        result.kept(&guard, || format!("/{}", tree.path(id)));
                        continue;
                    }
                    seen.insert(id);
                    doomed.push(Doomed { id, rule: at, action });
                }
                for id in sorted(self.of(at, Action::Dangling)) {
                    let is_link = matches!(tree.inode(id).kind, Kind::Symlink(_));
                    let leads = is_link && tree.resolve(&tree.path(id), &mut follow).is_some();
                    if leads && guards.of(id).is_none() && !self.matches.never.contains_key(&id) && !self.is_kept(id) {
                        dangling.push((id, at));
                    }
                }
            }
            outcome.rules.push(result);
        }
        if !self.choice.paths.0.is_empty() {
            outcome.rules.push(self.named(tree, &guards, &mut seen, &mut doomed)?);
        }
        Ok((doomed, dangling, outcome))
    }

    fn of(&self, rule: usize, action: Action) -> impl Iterator<Item = NodeId> + '_ {
        self.matches.of(rule, action).into_iter().flatten().copied()
    }

    /// The files that a rule is about, by path.
    fn candidates(&self, tree: &Tree, at: usize, rule: &Rule) -> Vec<(NodeId, Action)> {
        let kept: HashSet<NodeId> = self.of(at, Action::Keep).collect();
        let mut found = Vec::new();
        for action in [Action::Truncate, Action::Take, Action::Special] {
            let fits = |id: &NodeId| match (&tree.inode(*id).kind, action) {
                (Kind::File { size, .. }, Action::Truncate) => *size > 0,
                (Kind::File { .. }, Action::Take) | (Kind::Fifo, Action::Special) => true,
                _ => false,
            };
            let is_wanted = |id: &NodeId| rule.only_with.as_ref().is_none_or(|wanted| has_companion(tree, *id, wanted));
            let of_action = self.of(at, action).filter(|id| !kept.contains(id)).filter(fits).filter(is_wanted);
            found.extend(sorted(of_action).into_iter().map(|id| (id, action)));
        }
        found
    }

    /// What keeps a file from a rule. An error when a user's own rule would take what has to stay.
    fn guard(&self, tree: &Tree, guards: &Guards<'_>, rule: &Rule, id: NodeId) -> Result<Option<String>, PruneError> {
        if self.is_kept(id) {
            return Ok(Some("kept by --keep".to_owned()));
        }
        if let Some(never) = self.matches.never.get(&id) {
            if rule.is_own {
                return Err(self.refused(tree, &rule.id, id, never));
            }
            return Ok(Some(format!("never removed: {}", never.why)));
        }
        if let Some(guard) = guards.of(id) {
            return Ok(Some(guard.to_owned()));
        }
        let is_owned = rule.class == Safety::Safe && self.facts.owners.is_owned(id);
        Ok(is_owned.then(|| "owned by a package".to_owned()))
    }

    fn refused(&self, tree: &Tree, rule: &str, id: NodeId, never: &Never) -> PruneError {
        PruneError::Never { rule: rule.to_owned(), path: format!("/{}", tree.path(id)), why: never.why.clone() }
    }

    fn is_kept(&self, id: NodeId) -> bool {
        decides(&self.choice.keep, self.matches.kept.get(&id))
    }

    /// What a person named: everything but directories, whatever type it has.
    fn named(
        &self,
        tree: &Tree,
        guards: &Guards<'_>,
        seen: &mut HashSet<NodeId>,
        doomed: &mut Vec<Doomed>,
    ) -> Result<RuleOutcome, PruneError> {
        let rule = self.choice.rules.len();
        let mut result = RuleOutcome {
            id: "prune-path".to_owned(),
            title: "what --prune-path names".to_owned(),
            ..RuleOutcome::default()
        };
        let chosen =
            self.matches.named.iter().filter(|(_, place)| decides(&self.choice.paths, Some(place))).map(|(id, _)| *id);
        for id in sorted(chosen.filter(|id| tree.inode(*id).kind != Kind::Directory && !seen.contains(id))) {
            let path = || format!("/{}", tree.path(id));
            if self.is_kept(id) {
                result.kept("kept by --keep", path);
            } else if let Some(never) = self.matches.never.get(&id).filter(|never| never.fixed) {
                return Err(self.refused(tree, "--prune-path", id, never));
            } else if let Some(guard) = guards.of_named(id) {
                result.kept(guard, path);
            } else {
                doomed.push(Doomed { id, rule, action: Action::Take });
            }
        }
        Ok(result)
    }
}

/// Whether the last of the named paths that match says yes.
pub(super) fn decides(named: &Named, last: Option<&usize>) -> bool {
    last.is_some_and(|last| named.0[*last].0)
}

fn sorted(ids: impl Iterator<Item = NodeId>) -> Vec<NodeId> {
    let mut ids: Vec<NodeId> = ids.collect();
    ids.sort_unstable();
    ids
}
