//! Package databases are the same afterwards.

use std::collections::BTreeSet;

use super::choose::Choice;
use super::error::PruneError;
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

#[cfg(test)]
mod tests {
    use super::super::{Named, Rules};
    use super::*;
    use crate::tree::{Fate, Fates, LayerBuilder, TreePath};

    #[test]
    fn a_database_that_is_not_what_it_was_is_found() {
        // Without info/*.list dpkg assumes that a package has no files, and scanners find no packages at all.
        let mut builder = LayerBuilder::new();
        let path = |name: &str| TreePath::parse(name.as_bytes()).unwrap();
        for name in ["var/lib/dpkg/status", "var/lib/dpkg/info/a.list", "usr/lib/sysimage/rpm/rpmdb.sqlite", "tmp/x"] {
            builder.put(&path(name), Kind::File { size: 1, fingerprint: 1 }, Meta::implied(), true).unwrap();
        }
        let tree = builder.finish().unwrap().0.upper().clone();
        let choice = Choice::new(&Rules::built_in().unwrap(), None, Named::default(), Named::default()).unwrap();
        let before = databases(&tree, &choice);
        assert_eq!(before.len(), 3);
        assert_eq!(compare(&tree, &before), Ok(()));
        let mut fates = Fates::default();
        for name in ["var/lib/dpkg/info/a.list", "usr/lib/sysimage/rpm/rpmdb.sqlite"] {
            for empty in [false, true] {
                let mut tree = tree.clone();
                let id = tree.find(&path(name)).unwrap();
                if empty {
                    tree.empty_file(id, &mut fates, Fate::Pruned);
                } else {
                    tree.take_out(id, &mut fates, Fate::Pruned);
                }
                assert_eq!(compare(&tree, &before), Err(PruneError::Database { path: format!("/{name}") }));
            }
        }
    }
}
