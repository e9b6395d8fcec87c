//! Taking out what somebody found, by the entries of layers that have it.
//!
//! # Decisions
//! - What was found is meant as if a person had named it: only what the system cannot do without stays. Certificates
//!   have places where private keys lie too, and these go.
//! - A program that the image runs by itself stays: without it nothing runs. Other files that a setting names go;
//!   whoever takes a key out means to put it there when the container starts.

use std::collections::{HashMap, HashSet};

use super::choose::Choice;
use super::databases::{compare, databases};
use super::engine::{decides, weight};
use super::error::PruneError;
use super::facts::PruneFacts;
use super::guards::Guards;
use super::matches::Matches;
use super::outcome::RuleOutcome;
use crate::budget::Budget;
use crate::tree::{EntryRef, Fate, Fates, Kind, NodeId, Tree};

/// What is taken out, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Meant<'m> {
    /// What takes them, as it is told.
    pub id: &'static str,
    /// What they are.
    pub title: &'static str,
    /// The entries whose contents are meant, under whatever names they are in the tree.
    pub entries: &'m HashSet<EntryRef>,
}

/// Any bit that lets a file be run.
const EXECUTABLE: u16 = 0o111;

/// What went, and why the rest stayed.
type Took = (RuleOutcome, HashMap<EntryRef, String>);

/// Takes the files of `meant` out of `tree` and notes it in `fates`; their paths count in `budget`. What `choice`
/// says is to be kept stays.
pub fn take_entries(
    tree: &mut Tree,
    fates: &mut Fates,
    meant: Meant<'_>,
    choice: &Choice,
    facts: PruneFacts<'_>,
    budget: &Budget,
) -> Result<Took, PruneError> {
    let mut outcome = RuleOutcome { id: meant.id.to_owned(), title: meant.title.to_owned(), ..RuleOutcome::default() };
    let is_meant = |id: &NodeId| {
        let inode = tree.inode(*id);
        matches!(inode.kind, Kind::File { .. }) && meant.entries.contains(&inode.source)
    };
    let found: Vec<NodeId> = tree.nodes().filter(is_meant).collect();
    let mut stayed = HashMap::new();
    if found.is_empty() {
        return Ok((outcome, stayed));
    }
    let choice = choice.guards()?;
    let before = databases(tree, &choice);
    let mut doomed = Vec::new();
    {
        let matches = Matches::of_files(tree, &choice, &facts, &found);
        let guards = Guards::new(tree, &facts);
        for id in found {
            let never = matches.never.get(&id).filter(|never| never.fixed && !never.secrets);
            let is_program = tree.inode(id).meta.mode & EXECUTABLE != 0;
            let guard = guards.of_command(id).filter(|_| is_program);
            let why = if decides(&choice.keep, matches.kept.get(&id)) {
                "kept by --keep".to_owned()
            } else if let Some(never) = never {
                format!("never removed: {}", never.why)
            } else if let Some(guard) = guard {
                guard.to_owned()
            } else {
                doomed.push(id);
                continue;
            };
            outcome.kept(&why, || format!("/{}", tree.path(id)));
            stayed.insert(tree.inode(id).source, why);
        }
    }
    let mut held = budget.nothing();
    for id in doomed {
        let inode = tree.inode(id);
        let size = match inode.kind {
            Kind::File { size, .. } if inode.links == 1 => size,
            _ => 0,
        };
        let (layer, path) = (inode.source.layer, tree.path(id));
        held.add(weight(&path))?;
        outcome.taken.add(layer, size, path, false);
        tree.take_out(id, fates, Fate::Pruned);
    }
    compare(tree, &before)?;
    held.for_ever();
    Ok((outcome, stayed))
}
