//! Which package each file of an image belongs to, as the package databases in the image say. Pure: the caller reads
//! the files that [`databases()`] names.
//!
//! | manager | database | source |
//! |---|---|---|
//! | dpkg | `/var/lib/dpkg/info/*.list`, `diversions`; `status.d/*.md5sums` in distroless images | dpkg(1), FILES |
//! | apk | `/lib/apk/db/installed`, `/usr/lib/apk/db/installed` | apk-package(5) |
//! | rpm | `rpmdb.sqlite` in `/var/lib/rpm`, `/usr/lib/sysimage/rpm` or `/usr/share/rpm` | rpm, `lib/backend/sqlite.c` |
//! | pacman | `/var/lib/pacman/local/*/files` | pacman, `lib/libalpm/be_local.c` |
//!
//! # Decisions
//! - Paths are resolved in the image's tree: dpkg says `/bin/sh` where `/bin` leads to `usr/bin`.
//! - A database in a form that cannot be read is an error of its own, so that the caller decides what that means.

mod databases;
mod inventory;
mod lists;
mod owners;
mod records;
mod rpm;
mod sqlite;
mod without;

use thiserror::Error;

use self::owners::Marker;
pub use self::owners::{Owner, Owners};
use crate::tree::{NodeId, Tree};
pub use databases::{Database, Manager, children, databases, file};
pub use inventory::{Inventory, Need, Package, PackageId, inventory};
pub use records::record_files;
pub use without::{Edit, Staying, without};

/// A package database that does not say what it should.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PackagesError {
    /// It is of another kind or version.
    #[error("the rpm database {path} is in {form} form, of which only sqlite can be read")]
    Form {
        /// Where it is.
        path: String,
        /// What it is.
        form: &'static str,
    },
    /// It is damaged.
    #[error("the package database {path} is damaged: {problem}")]
    Damaged {
        /// Where it is.
        path: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// It is larger than any that is real.
    #[error("the package databases have more than {limit} bytes")]
    TooLarge {
        /// What they may have.
        limit: u64,
    },
}

/// Reads the databases of `tree`; `contents` has the bytes of their files.
pub fn owners<'c>(
    tree: &Tree,
    databases: &[Database],
    contents: &dyn Fn(NodeId) -> Option<&'c [u8]>,
) -> Result<Owners, PackagesError> {
    marked(Marker::new(tree, false), tree, databases, contents)
}

/// The same, with the lists of all packages.
pub fn owners_and_lists<'c>(
    tree: &Tree,
    databases: &[Database],
    contents: &dyn Fn(NodeId) -> Option<&'c [u8]>,
) -> Result<Owners, PackagesError> {
    marked(Marker::new(tree, true), tree, databases, contents)
}

fn marked<'c>(
    mut owners: Marker<'_>,
    tree: &Tree,
    databases: &[Database],
    contents: &dyn Fn(NodeId) -> Option<&'c [u8]>,
) -> Result<Owners, PackagesError> {
    for database in databases {
        owners.turn_to(database.manager);
        for file in &database.files {
            let Some(bytes) = contents(*file) else { continue };
            let path = || format!("/{}", tree.path(*file));
            match database.manager {
                Manager::Dpkg => lists::dpkg(&mut owners, tree.name(*file), bytes),
                Manager::Apk => lists::apk(&mut owners, bytes),
                Manager::Pacman => lists::pacman(&mut owners, tree.name(tree.parent(*file)), bytes),
                Manager::Rpm => {
                    rpm::read(&mut owners, bytes).map_err(|problem| PackagesError::Damaged { path: path(), problem })?
                }
            }
        }
    }
    Ok(owners.finish())
}
