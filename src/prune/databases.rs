//! Package databases are the same afterwards.

use std::collections::BTreeSet;

use super::PruneError;
use super::choose::Choice;
use super::glob::Glob;
use super::walk::walk;
use crate::tree::{EntryRef, Kind, Meta, NodeId, Tree};

/// A file of a package database as it was.
pub(super) type Known = (NodeId, EntryRef, Kind, Meta);

/// The package databases, file by file.
pub(super) fn databases(tree: &Tree, choice: &Choice) -> Vec<Known> {
    let never = choice.never.iter().filter(|never| never.database);
    let globs: Vec<&Glob> = never.flat_map(|never| &never.paths).flat_map(|paths| &paths.globs).collect();
    let mut found = BTreeSet::new();
    walk(tree, &globs, None, &mut |_, id| {
        found.insert(id);
    });
    let known = |id: NodeId| {
        let inode = tree.inode(id);
        (id, inode.source, inode.kind.clone(), inode.meta.clone())
    };
    found.into_iter().map(known).collect()
}

/// Contents stay where they are, so a file is the same byte for byte when it has the same source.
pub(super) fn compare(tree: &Tree, before: &[Known]) -> Result<(), PruneError> {
    for (id, source, kind, meta) in before {
        let same = |id: NodeId| {
            let inode = tree.inode(id);
            inode.source == *source && inode.kind == *kind && inode.meta == *meta
        };
        if !tree.find(&tree.path(*id)).is_some_and(same) {
            return Err(PruneError::Database { path: format!("/{}", tree.path(*id)) });
        }
    }
    Ok(())
}
