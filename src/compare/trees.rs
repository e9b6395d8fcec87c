//! How two file systems differ.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::aspect::{Aspect, Aspects};
use super::expected::Expected;
use crate::oci::Digest;
use crate::tree::{EntryRef, Extra, Inode, Kind, Meta, NodeId, Records, Timestamp, Tree, TreePath};

/// Two file systems, what may differ, and how contents are compared that are stored in different ways.
pub struct Sides<'s> {
    /// The first.
    pub old: &'s Tree,
    /// The second.
    pub new: &'s Tree,
    /// What became of the first on purpose.
    pub expected: &'s Expected,
    /// Whether the contents of these entries are equal, of which one is stored sparse.
    pub same: &'s dyn Fn(EntryRef, EntryRef) -> bool,
    /// The digest of what an entry of the second has, of those that were rewritten on purpose.
    pub digest: &'s dyn Fn(EntryRef) -> Option<Digest>,
}

/// A path that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathChange {
    /// The path.
    pub path: TreePath,
    /// How it differs.
    pub change: Change,
    /// Bytes of its contents in the first file system; `None` where it is not there.
    pub old_bytes: Option<u64>,
    /// Bytes of its contents in the second.
    pub new_bytes: Option<u64>,
}

/// How a path differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the second file system has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it: each aspect that differs, and what the first and the second have. Of contents nothing is told.
    Changed(Vec<(Aspect, String, String)>),
}

/// The paths in which two file systems differ, in order; what is in `ignored` does not count.
pub fn trees(sides: &Sides<'_>, ignored: Aspects) -> Vec<PathChange> {
    let Expected { gone, emptied, rewritten, .. } = sides.expected;
    let groups = Groups::new(sides);
    let mut changes = Vec::new();
    for id in sides.old.nodes() {
        let path = sides.old.path(id);
        let old_bytes = Some(bytes(sides.old.inode(id)));
        let Some(twin) = sides.new.find(&path) else {
            if gone.contains(&path) {
                continue;
            }
            changes.push(PathChange { path, change: Change::Removed, old_bytes, new_bytes: None });
            continue;
        };
        let mut what = aspects(sides, &groups, id, twin, ignored);
        let is_meant = match rewritten.get(&path) {
            Some(wanted) => (sides.digest)(sides.new.inode(twin).source) == Some(*wanted),
            None => emptied.contains(&path) && bytes(sides.new.inode(twin)) == 0,
        };
        let is_of_contents = |aspect: &Aspect| matches!(aspect, Aspect::Size | Aspect::Content);
        if is_meant {
            what.retain(|(aspect, ..)| !is_of_contents(aspect));
        } else if rewritten.contains_key(&path) && !what.iter().any(|(aspect, ..)| is_of_contents(aspect)) {
            what.insert(0, (Aspect::Content, String::new(), String::new()));
        }
        if !what.is_empty() {
            let new_bytes = Some(bytes(sides.new.inode(twin)));
            changes.push(PathChange { path, change: Change::Changed(what), old_bytes, new_bytes });
        }
    }
    for id in sides.new.nodes() {
        let path = sides.new.path(id);
        if sides.old.find(&path).is_none() {
            let new_bytes = Some(bytes(sides.new.inode(id)));
            changes.push(PathChange { path, change: Change::Added, old_bytes: None, new_bytes });
        }
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

/// Files of both sides that have the same size, and of which one is stored sparse.
pub fn sparse_pairs<'t>(old: &'t Tree, new: &'t Tree) -> Vec<(&'t Inode, &'t Inode)> {
    let is_sparse = |inode: &Inode| inode.meta.extra.sparse.is_some();
    let is_pair = |old: &Inode, new: &Inode| {
        let are_files = matches!(old.kind, Kind::File { .. }) && matches!(new.kind, Kind::File { .. });
        are_files && bytes(old) == bytes(new)
    };
    // Most files are not sparse, so that the others are looked for by their names.
    let twins = |of: &'t Tree, other: &'t Tree| {
        let sparse = of.nodes().filter(move |id| is_sparse(of.inode(*id)));
        sparse.filter_map(move |id| Some((of.inode(id), other.inode(other.find(&of.path(id))?))))
    };
    let of_new = twins(new, old).map(|(new, old)| (old, new)).filter(|(old, _)| !is_sparse(old));
    twins(old, new).chain(of_new).filter(|(old, new)| is_pair(old, new)).collect()
}

fn bytes(inode: &Inode) -> u64 {
    match inode.kind {
        Kind::File { size, .. } => size,
        _ => 0,
    }
}

fn aspects(
    sides: &Sides<'_>,
    groups: &Groups<'_>,
    id: NodeId,
    twin: NodeId,
    ignored: Aspects,
) -> Vec<(Aspect, String, String)> {
    let (old, new) = (sides.old.inode(id), sides.new.inode(twin));
    let mut what = kinds(old, new, sides.same);
    if let Some((old, new)) = groups.differ(id, twin) {
        what.push((Aspect::HardLink, old, new));
    }
    what.extend(metas(&old.meta, &new.meta));
    let retimed = sides.expected.times.apply(old.meta.mtime) == new.meta.mtime;
    what.retain(|(aspect, ..)| !(retimed && *aspect == Aspect::Mtime));
    what.retain(|(aspect, ..)| !ignored.has(*aspect));
    what.sort_by_key(|(aspect, ..)| *aspect);
    what
}

/// How type and contents differ.
fn kinds(old: &Inode, new: &Inode, same: &dyn Fn(EntryRef, EntryRef) -> bool) -> Vec<(Aspect, String, String)> {
    let device = |major: &u32, minor: &u32| format!("{major}:{minor}");
    match (&old.kind, &new.kind) {
        (Kind::File { size, fingerprint }, Kind::File { size: new_size, fingerprint: new_fingerprint }) => {
            if size != new_size {
                return vec![(Aspect::Size, size.to_string(), new_size.to_string())];
            }
            let is_sparse = |inode: &Inode| inode.meta.extra.sparse.is_some();
            let may_be_equal = is_sparse(old) || is_sparse(new);
            let is_equal = fingerprint == new_fingerprint && old.meta.extra.sparse == new.meta.extra.sparse;
            if is_equal || may_be_equal && same(old.source, new.source) {
                return Vec::new();
            }
            vec![(Aspect::Content, String::new(), String::new())]
        }
        (Kind::Symlink(old), Kind::Symlink(new)) if old != new => vec![(Aspect::Link, text(old), text(new))],
        (Kind::CharDevice { major, minor }, Kind::CharDevice { major: new_major, minor: new_minor })
        | (Kind::BlockDevice { major, minor }, Kind::BlockDevice { major: new_major, minor: new_minor })
            if (major, minor) != (new_major, new_minor) =>
        {
            vec![(Aspect::Device, device(major, minor), device(new_major, new_minor))]
        }
        (old, new) if called(old) != called(new) => {
            vec![(Aspect::Type, called(old).to_owned(), called(new).to_owned())]
        }
        _ => Vec::new(),
    }
}

/// What a type is called.
fn called(kind: &Kind) -> &'static str {
    match kind {
        Kind::Directory => "directory",
        Kind::File { .. } => "file",
        Kind::Symlink(_) => "symlink",
        Kind::CharDevice { .. } => "character device",
        Kind::BlockDevice { .. } => "block device",
        Kind::Fifo => "named pipe",
        Kind::Elsewhere(_) => "hard link",
    }
}

/// How metadata differ.
fn metas(old: &Meta, new: &Meta) -> Vec<(Aspect, String, String)> {
    let mut what = Vec::new();
    let mut compare = |aspect, old: String, new: String| {
        if old != new {
            what.push((aspect, old, new));
        }
    };
    compare(Aspect::Mode, format!("{:04o}", old.mode), format!("{:04o}", new.mode));
    compare(Aspect::Owner, format!("{}:{}", old.uid, old.gid), format!("{}:{}", new.uid, new.gid));
    compare(Aspect::Mtime, time(old.mtime), time(new.mtime));
    if old.extra != new.extra {
        let names = |extra: &Extra| format!("{}:{}", text(&extra.uname), text(&extra.gname));
        compare(Aspect::Names, names(&old.extra), names(&new.extra));
        let (xattrs, new_xattrs) = records(&old.extra.xattrs, &new.extra.xattrs);
        compare(Aspect::Xattr, xattrs, new_xattrs);
        let (pax, new_pax) = records(&old.extra.pax, &new.extra.pax);
        compare(Aspect::Pax, pax, new_pax);
    }
    what
}

fn time(Timestamp { seconds, nanoseconds }: Timestamp) -> String {
    format!("{seconds}.{nanoseconds:09}")
}

/// The records that differ, on each side.
fn records(old: &Records, new: &Records) -> (String, String) {
    let only = |of: &Records, in_neither: &Records| {
        let mut said = String::new();
        for (name, value) in of.iter().filter(|record| !in_neither.contains(record)) {
            let _ = write!(said, "{}{}={}", if said.is_empty() { "" } else { ", " }, text(name), text(value));
        }
        said
    };
    (only(old, new), only(new, old))
}

fn text(bytes: &[u8]) -> String {
    crate::text::ShownBytes(bytes).to_string()
}

/// Which names are one file, on both sides.
struct Groups<'g> {
    sides: &'g Sides<'g>,
    /// Names of each file that has several, by the entry that has its contents; in order of their paths.
    old: HashMap<EntryRef, Vec<TreePath>>,
    new: HashMap<EntryRef, Vec<TreePath>>,
    /// Files that have the names that they should have.
    equal: HashSet<(EntryRef, EntryRef)>,
}

impl<'g> Groups<'g> {
    fn new(sides: &'g Sides<'g>) -> Self {
        let Expected { gone, linked, .. } = sides.expected;
        let (mut old, new) = (names(sides.old), names(sides.new));
        old.values_mut().for_each(|names| names.retain(|name| !gone.contains(name)));
        old.retain(|_, names| names.len() > 1);
        let mut equal = HashSet::new();
        // A name is the first of one file on each side, so this compares each once.
        for (source, names) in &old {
            let twin = names.first().and_then(|first| sides.new.find(first)).map(|twin| sides.new.inode(twin).source);
            let found = twin.and_then(|twin| Some((twin, new.get(&twin)?)));
            let Some((twin, found)) = found else { continue };
            let is_equal =
                if *linked { names.iter().all(|name| found.binary_search(name).is_ok()) } else { names == found };
            if is_equal {
                equal.insert((*source, twin));
            }
        }
        Self { sides, old, new, equal }
    }

    /// What a name of both sides is the same file as, on each, where that differs.
    fn differ(&self, id: NodeId, twin: NodeId) -> Option<(String, String)> {
        let Sides { old: old_tree, new: new_tree, expected, .. } = self.sides;
        let (source, twin_source) = (old_tree.inode(id).source, new_tree.inode(twin).source);
        let old = self.old.get(&source).filter(|_| several(old_tree, id));
        let new = self.new.get(&twin_source).filter(|_| several(new_tree, twin));
        let is_fine = match (old, new) {
            (None, None) => true,
            (None, Some(_)) => expected.linked,
            (Some(_), None) => false,
            (Some(_), Some(_)) => self.equal.contains(&(source, twin_source)),
        };
        if is_fine {
            return None;
        }
        let path = old_tree.path(id);
        let said = |names: Option<&Vec<TreePath>>| {
            let names = names.map_or(&[][..], Vec::as_slice);
            match (names.iter().find(|name| **name != path), names.len()) {
                (None, _) => "alone".to_owned(),
                (Some(other), 2) => format!("same as {other}"),
                (Some(other), count) => format!("same as {other} and {} more", count - 2),
            }
        };
        Some((said(old), said(new)))
    }
}

/// Whether a name is one of several of a file.
fn several(tree: &Tree, id: NodeId) -> bool {
    let inode = tree.inode(id);
    inode.links > 1 && inode.kind != Kind::Directory
}

/// The names of files that have several.
fn names(tree: &Tree) -> HashMap<EntryRef, Vec<TreePath>> {
    let mut names: HashMap<EntryRef, Vec<TreePath>> = HashMap::new();
    for id in tree.nodes() {
        if several(tree, id) {
            names.entry(tree.inode(id).source).or_default().push(tree.path(id));
        }
    }
    names.values_mut().for_each(|names| names.sort_unstable());
    names
}
