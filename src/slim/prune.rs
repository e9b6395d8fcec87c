//! Pruning an image: whose the files are is found out, and the rules are applied.

use std::collections::{HashMap, HashSet};

use super::rules::{self, Choice, Meant, Outcome, PruneError, PruneFacts};
use crate::finding::{Finding, Severity};
use crate::layer::{Layers, OwnersError};
use crate::oci::Document;
use crate::packages::{Owners, PackagesError};
use crate::tree::{EntryRef, Fates, Tree};

/// What was taken out.
#[derive(Debug, Default)]
pub struct Pruned {
    /// What each rule did; `None` when nothing was to be pruned.
    pub outcome: Option<Outcome>,
    /// The package of each file of the tree before, if that was asked for.
    pub owners: Option<Owners>,
    /// A package database that could not be read.
    pub finding: Option<Finding>,
}

/// Why nothing was pruned.
#[derive(Debug, thiserror::Error)]
pub enum CannotPrune {
    /// A rule would break the image.
    #[error(transparent)]
    Rule(#[from] PruneError),
    /// It cannot be told whose the files are.
    #[error(transparent)]
    Owners(#[from] OwnersError),
}

/// Takes out of `tree`, whose contents lie in `layers`, what `choice` says, and notes it in `fates`. `config` is what
/// containers of the new image will run by. There has to be a tree when anything is chosen.
pub fn prune(
    tree: Option<&mut Tree>,
    choice: &Choice,
    config: &Document,
    layers: Layers<'_>,
    fates: &mut Fates,
) -> Result<Pruned, CannotPrune> {
    let Some(tree) = tree.filter(|_| !choice.is_empty()) else { return Ok(Pruned::default()) };
    let (owners, finding) = match layers.owners(tree) {
        Ok(owners) => (owners, None),
        Err(OwnersError::Packages(problem @ PackagesError::Form { .. })) => {
            let message = format!("{problem}: prune rules could not spare what its packages own");
            (Owners::default(), Some(Finding::new("packages-unreadable", Severity::Low, message)))
        }
        Err(problem) => return Err(problem.into()),
    };
    let outcome = rules::prune(tree, fates, choice, PruneFacts { config, owners: &owners }, layers.budget)?;
    Ok(Pruned { outcome: Some(outcome), owners: Some(owners), finding })
}

/// Takes files with secrets out of `tree`, whose contents lie in `layers`: those whose contents the entries have that
/// are meant, but for what `choice` keeps; notes it in `fates` and `pruned`. `config` is what containers of the new
/// image will run by. Says why those that stay do.
pub fn drop_secrets(
    (tree, layers): (&mut Tree, Layers<'_>),
    (entries, choice): (&HashSet<EntryRef>, &Choice),
    config: &Document,
    pruned: &mut Pruned,
    fates: &mut Fates,
) -> Result<HashMap<EntryRef, String>, CannotPrune> {
    let meant = Meant { id: "drop-secrets", title: "files with secrets in them", entries };
    let facts = PruneFacts { config, owners: &Owners::default() };
    let (outcome, stayed) = rules::take_entries(tree, fates, meant, choice, facts, layers.budget)?;
    if outcome.taken.files > 0 || !outcome.kept.is_empty() {
        pruned.outcome.get_or_insert_with(Outcome::default).rules.push(outcome);
    }
    Ok(stayed)
}
