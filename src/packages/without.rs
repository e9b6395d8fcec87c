//! Package databases without the packages, and the files, that are gone: what stays is in them as it was, and nothing
//! else.
//!
//! # Decisions
//! - Records are cut out and never written anew, so what stays in a database of text stays byte for byte.
//! - Of a package that lost some of its files, the lists lose them too; rpm has a state for that, "not installed".

mod apk;
mod dpkg;
mod pacman;
mod rpm;
mod sqlite;

use std::cell::RefCell;

use super::PackagesError;
use super::databases::{Database, Manager};
use super::inventory::{Inventory, PackageId, Standing};
use crate::tree::{Follow, NodeId, Tree, TreePath};

/// What becomes of a file of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The file.
    pub file: NodeId,
    /// Its new contents; `None` when it goes.
    pub contents: Option<Vec<u8>>,
}

/// What stays.
pub struct Staying<'s> {
    /// The file system as it was.
    pub tree: &'s Tree,
    /// The packages as they were.
    pub inventory: &'s Inventory,
    /// Whether a package stays.
    pub package: &'s dyn Fn(PackageId) -> bool,
    /// Whether a file stays.
    pub file: &'s dyn Fn(NodeId) -> bool,
    /// Whether packages stay only in parts, so that lists of files change too.
    pub in_parts: bool,
    /// The bytes of the files that `files` names.
    pub contents: &'s dyn Fn(NodeId) -> Option<&'s [u8]>,
}

/// The files of `databases`, and those beside them, that may have to change.
pub(super) fn files(tree: &Tree, databases: &[Database]) -> Vec<NodeId> {
    let of = |database: &Database| match database.manager {
        Manager::Dpkg => dpkg::files(tree),
        Manager::Apk => apk::files(tree, database),
        Manager::Rpm | Manager::Pacman => database.files.clone(),
    };
    databases.iter().flat_map(of).collect()
}

/// What stays, and by name.
struct Known<'s> {
    is: Staying<'s>,
    standing: Standing,
    /// What following paths may still cost.
    follow: RefCell<Follow>,
}

/// What becomes of the files of `databases`.
pub fn without(databases: &[Database], staying: Staying<'_>) -> Result<Vec<Edit>, PackagesError> {
    let mut edits = Vec::new();
    let follow = RefCell::new(Follow::new(staying.tree.len()));
    let standing = staying.inventory.standing(staying.package);
    let staying = &Known { is: staying, standing, follow };
    for database in databases {
        match database.manager {
            Manager::Dpkg => dpkg::edit(staying, &mut edits),
            Manager::Apk => apk::edit(database, staying, &mut edits),
            Manager::Pacman => pacman::edit(database, staying, &mut edits),
            Manager::Rpm => rpm::edit(database, staying, &mut edits)?,
        }
    }
    edits.sort_by_key(|edit| edit.file);
    edits.dedup_by_key(|edit| edit.file);
    Ok(edits)
}

impl Known<'_> {
    /// Whether a package stays by its name, with or without an architecture. One that is not known stays.
    fn named(&self, manager: Manager, name: &[u8]) -> bool {
        self.standing.of(manager, name).unwrap_or(true)
    }

    /// Whether what a list calls `path` stays. What is not there was gone before.
    fn path(&self, path: &[u8]) -> bool {
        let Ok(path) = TreePath::parse(path) else { return true };
        let mut follow = self.follow.borrow_mut();
        // As the lists were read: the way is followed, a last symlink is not.
        let found = self.is.tree.locate(&path, &mut follow);
        // When nothing may be followed any more, nothing is found any more.
        found.map_or(follow.is_spent(), |id| (self.is.file)(id))
    }

    fn contents(&self, file: NodeId) -> Option<&[u8]> {
        (self.is.contents)(file)
    }

    /// An edit, if the contents changed.
    fn changed(&self, file: NodeId, new: Vec<u8>, edits: &mut Vec<Edit>) {
        if self.contents(file).is_some_and(|old| old != new) {
            edits.push(Edit { file, contents: Some(new) });
        }
    }
}
