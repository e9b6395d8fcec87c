//! Finding the databases of an image.

use super::PackagesError;
use crate::tree::{Follow, Kind, NodeId, Tree, TreePath};

/// The program that keeps a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Manager {
    /// Debian and what comes from it.
    Dpkg,
    /// Alpine and Wolfi.
    Apk,
    /// Fedora, Red Hat, SUSE.
    Rpm,
    /// Arch.
    Pacman,
}

/// A database: the files that say which package has which files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Who keeps it.
    pub manager: Manager,
    /// Its files, in the order of their names.
    pub files: Vec<NodeId>,
}

/// Bytes of all databases together. The largest known are rpm's, with a hundred megabytes.
const MAX_BYTES: u64 = 512 << 20;

pub(super) const RPM: [&[u8]; 3] = [b"var/lib/rpm", b"usr/lib/sysimage/rpm", b"usr/share/rpm"];

/// Finds the databases of `tree`.
pub fn databases(tree: &Tree) -> Result<Vec<Database>, PackagesError> {
    let mut dpkg = children(tree, b"var/lib/dpkg/info", |name| name.ends_with(b".list"));
    dpkg.extend(children(tree, b"var/lib/dpkg/status.d", |name| name.ends_with(b".md5sums")));
    // Last, because it changes what the lists say.
    dpkg.extend(file(tree, b"var/lib/dpkg/diversions"));
    let apk = [&b"lib/apk/db/installed"[..], b"usr/lib/apk/db/installed"];
    let apk = unique(apk.into_iter().filter_map(|path| file(tree, path)));
    let packages = directory(tree, b"var/lib/pacman/local").into_iter().flat_map(|local| tree.children(local));
    let pacman = sorted(packages.filter_map(|package| tree.child(package, b"files")).filter(|id| is_file(tree, *id)));
    let found = [(Manager::Dpkg, dpkg), (Manager::Apk, apk), (Manager::Rpm, rpm(tree)?), (Manager::Pacman, pacman)];
    let found: Vec<Database> = found
        .into_iter()
        .filter(|(_, files)| !files.is_empty())
        .map(|(manager, files)| Database { manager, files })
        .collect();
    check(tree, found.iter().flat_map(|database| &database.files))?;
    Ok(found)
}

/// Whether files have together no more than is held in memory.
pub(super) fn check<'f>(tree: &Tree, files: impl Iterator<Item = &'f NodeId>) -> Result<(), PackagesError> {
    let size = |id: &NodeId| match tree.inode(*id).kind {
        Kind::File { size, .. } => size,
        _ => 0,
    };
    let bytes = files.map(size).fold(0, u64::saturating_add);
    if bytes > MAX_BYTES { Err(PackagesError::TooLarge { limit: MAX_BYTES }) } else { Ok(()) }
}

/// The files that say what the packages of a database need.
pub(super) fn meta_files(tree: &Tree, database: &Database) -> Vec<NodeId> {
    match database.manager {
        Manager::Dpkg => {
            let single = children(tree, b"var/lib/dpkg/status.d", |name| !name.ends_with(b".md5sums"));
            file(tree, b"var/lib/dpkg/status").into_iter().chain(single).collect()
        }
        Manager::Apk | Manager::Rpm => database.files.clone(),
        Manager::Pacman => {
            let beside = |files: &NodeId| tree.child(tree.parent(*files), b"desc").filter(|id| is_file(tree, *id));
            database.files.iter().filter_map(beside).collect()
        }
    }
}

/// The rpm database, which has one of three places, two of which may be links to the third.
fn rpm(tree: &Tree) -> Result<Vec<NodeId>, PackagesError> {
    let at = |name: &'static str| {
        RPM.into_iter().filter_map(move |place| file(tree, &[place, b"/", name.as_bytes()].concat()))
    };
    let sqlite = unique(at("rpmdb.sqlite"));
    if sqlite.is_empty() {
        for (name, form) in [("Packages", "Berkeley DB"), ("Packages.db", "ndb")] {
            if let Some(found) = at(name).next() {
                return Err(PackagesError::Form { path: format!("/{}", tree.path(found)), form });
            }
        }
    }
    Ok(sqlite)
}

fn find(tree: &Tree, path: &[u8]) -> Option<NodeId> {
    tree.resolve(&TreePath::parse(path).ok()?, &mut Follow::new(0))
}

/// The regular file that `path` leads to.
pub fn file(tree: &Tree, path: &[u8]) -> Option<NodeId> {
    find(tree, path).filter(|id| is_file(tree, *id))
}

pub(super) fn directory(tree: &Tree, path: &[u8]) -> Option<NodeId> {
    find(tree, path).filter(|id| tree.inode(*id).kind == Kind::Directory)
}

fn is_file(tree: &Tree, id: NodeId) -> bool {
    matches!(tree.inode(id).kind, Kind::File { .. })
}

/// The regular files in the directory that `path` leads to, those with a name that is wanted, in their order.
pub fn children(tree: &Tree, path: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Vec<NodeId> {
    let all = directory(tree, path).into_iter().flat_map(|directory| tree.children(directory));
    sorted(all.filter(|id| is_file(tree, *id) && wanted(tree.name(*id))))
}

fn sorted(ids: impl Iterator<Item = NodeId>) -> Vec<NodeId> {
    let mut ids: Vec<NodeId> = ids.collect();
    ids.sort_unstable();
    ids
}

fn unique(ids: impl Iterator<Item = NodeId>) -> Vec<NodeId> {
    let mut known = Vec::new();
    for id in ids {
        if !known.contains(&id) {
            known.push(id);
        }
    }
    known
}
