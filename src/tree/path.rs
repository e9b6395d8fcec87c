//! Paths: normalised names, and the table that keeps each name once.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use thiserror::Error;

use crate::text::ShownBytes;

/// A path inside the root: components of arbitrary bytes, none of them empty, `.` or `..`. The empty path is the root.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreePath(Vec<u8>);

/// A name that is not a path inside the root.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidPath {
    /// It climbs above the root.
    #[error("it leaves the root")]
    LeavesRoot,
    /// No file system can hold it.
    #[error("it contains a NUL byte")]
    Nul,
    /// No file system can hold it either.
    #[error("it is longer than the 4096 bytes that a path has on Linux")]
    TooLong,
    /// Nor this.
    #[error("it has a name longer than the 255 bytes that a file system can hold")]
    NameTooLong,
}

/// PATH_MAX and NAME_MAX of Linux: no runtime can extract what is longer.
pub(super) const MAX_PATH: usize = 4096;
const MAX_NAME: usize = 255;

impl TreePath {
    /// Normalises a name from a tar: `./x`, `/x`, `x/` and `x//y` lose what they have too much; `..` takes back the
    /// component before it, as Docker's and containerd's lexical cleaning do, and is an error at the root.
    pub fn parse(name: &[u8]) -> Result<Self, InvalidPath> {
        if name.len() > MAX_PATH {
            return Err(InvalidPath::TooLong);
        }
        let mut path = Self(Vec::with_capacity(name.len()));
        for component in name.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => {
                    if !path.pop() {
                        return Err(InvalidPath::LeavesRoot);
                    }
                }
                _ if component.contains(&0) => return Err(InvalidPath::Nul),
                _ if component.len() > MAX_NAME => return Err(InvalidPath::NameTooLong),
                _ => path.push(component),
            }
        }
        Ok(path)
    }

    /// Appends a component, which must be one.
    pub(super) fn push(&mut self, component: &[u8]) {
        if !self.0.is_empty() {
            self.0.push(b'/');
        }
        self.0.extend_from_slice(component);
    }

    /// Removes the last component; false at the root.
    pub(super) fn pop(&mut self) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let end = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        self.0.truncate(end);
        true
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The components, outermost first.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|component| !component.is_empty())
    }

    /// The bytes of the directory and of the last component; both empty at the root.
    pub(super) fn split(&self) -> (&[u8], &[u8]) {
        match self.0.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (&self.0[..at], &self.0[at + 1..]),
            None => (b"", &self.0),
        }
    }

    /// The path without its last component, and that component; `None` at the root.
    pub fn split_last(&self) -> Option<(Self, &[u8])> {
        if self.is_root() {
            return None;
        }
        match self.0.iter().rposition(|byte| *byte == b'/') {
            Some(at) => Some((Self(self.0[..at].to_vec()), &self.0[at + 1..])),
            None => Some((Self::default(), &self.0)),
        }
    }

    /// This path with one more component: a name of a directory entry, without a slash.
    #[must_use]
    pub fn join(&self, component: &[u8]) -> Self {
        let mut path = self.clone();
        path.push(component);
        path
    }

    /// The bytes, components separated by `/`, none at the ends.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for TreePath {
    /// For people: what is not printable is escaped, the root is `/`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str("/");
        }
        ShownBytes(&self.0).fmt(f)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Every path of a tree once, as a parent and a name. About 8 bytes and the name for each, and as much for the index.
#[derive(Clone)]
pub(super) struct PathTable {
    parents: Vec<u32>,
    ends: Vec<u32>,
    names: Vec<u8>,
    index: HashTable<u32>,
    // Seeded at random so that crafted names cannot make lookups slow; no output depends on the order of the index.
    hashing: RandomState,
}

/// The root's place in every table.
pub(super) const ROOT: u32 = 0;

impl PathTable {
    /// A table that holds the root.
    pub(super) fn new() -> Self {
        Self {
            parents: vec![ROOT],
            ends: vec![0],
            names: Vec::new(),
            index: HashTable::new(),
            hashing: RandomState::new(),
        }
    }

    /// Paths in the table, the root included.
    pub(super) fn len(&self) -> usize {
        self.parents.len()
    }

    /// Bytes of all names.
    pub(super) fn name_bytes(&self) -> u64 {
        self.names.len() as u64
    }

    /// The path `name` in `parent`, if it was ever interned.
    pub(super) fn find(&self, parent: u32, name: &[u8]) -> Option<u32> {
        let hash = self.hashing.hash_one((parent, name));
        self.index.find(hash, |id| self.parent(*id) == parent && self.name(*id) == name).copied()
    }

    /// The path `name` in `parent`; `None` when the table is full (4 GiB of names).
    pub(super) fn intern(&mut self, parent: u32, name: &[u8]) -> Option<u32> {
        if let Some(id) = self.find(parent, name) {
            return Some(id);
        }
        let id = u32::try_from(self.len()).ok().filter(|id| *id < u32::MAX)?;
        let end = u32::try_from(self.names.len() + name.len()).ok()?;
        self.names.extend_from_slice(name);
        self.ends.push(end);
        self.parents.push(parent);
        let Self { parents, ends, names, index, hashing } = self;
        let rehash = |id: &u32| hashing.hash_one((parents[*id as usize], slice(names, ends, *id)));
        index.insert_unique(hashing.hash_one((parent, name)), id, rehash);
        Some(id)
    }

    /// The parent of a path; the root is its own.
    pub(super) fn parent(&self, id: u32) -> u32 {
        self.parents[id as usize]
    }

    /// The last component of a path; empty for the root.
    pub(super) fn name(&self, id: u32) -> &[u8] {
        slice(&self.names, &self.ends, id)
    }

    /// The whole path.
    pub(super) fn path(&self, id: u32) -> TreePath {
        let mut chain = Vec::new();
        let mut at = id;
        while at != ROOT {
            chain.push(at);
            at = self.parent(at);
        }
        let mut path = TreePath::default();
        for id in chain.iter().rev() {
            path.push(self.name(*id));
        }
        path
    }
}

fn slice<'n>(names: &'n [u8], ends: &[u32], id: u32) -> &'n [u8] {
    let start = if id == ROOT { 0 } else { ends[id as usize - 1] };
    &names[start as usize..ends[id as usize] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_path_are_one_path() {
        for spelling in ["x/y", "./x/y", "/x/y", "x/y/", "x//y", "x/./y/.", "x/z/../y", "//x/y//"] {
            assert_eq!(TreePath::parse(spelling.as_bytes()).unwrap().as_bytes(), b"x/y", "{spelling}");
        }
        for root in ["", ".", "./", "/", "x/.."] {
            assert!(TreePath::parse(root.as_bytes()).unwrap().is_root(), "{root}");
        }
    }

    #[test]
    fn names_that_leave_the_root_or_cannot_be_are_refused() {
        for (name, error) in
            [("..", InvalidPath::LeavesRoot), ("a/../../b", InvalidPath::LeavesRoot), ("a\0b", InvalidPath::Nul)]
        {
            assert_eq!(TreePath::parse(name.as_bytes()), Err(error), "{name}");
        }
        assert_eq!(TreePath::parse(&b"a/".repeat(2049)), Err(InvalidPath::TooLong));
        assert_eq!(TreePath::parse(&[b'a'; 256]), Err(InvalidPath::NameTooLong));
        assert!(TreePath::parse(&[b'a'; 255]).is_ok() && TreePath::parse(&b"a/".repeat(2048)).is_ok());
    }

    #[test]
    fn a_path_shows_unprintable_bytes_escaped() {
        let path = TreePath::parse(b"a\xff/b\nc/\xc3\xa9").unwrap();
        assert_eq!(path.to_string(), "a\\xff/b\\nc/\u{e9}");
    }

    #[test]
    fn the_table_keeps_each_path_once() {
        let mut table = PathTable::new();
        let usr = table.intern(ROOT, b"usr").unwrap();
        let bin = table.intern(usr, b"bin").unwrap();
        let other = table.intern(ROOT, b"bin").unwrap();
        assert_eq!(table.intern(usr, b"bin"), Some(bin));
        assert_ne!(bin, other);
        assert_eq!(table.path(bin).as_bytes(), b"usr/bin");
        assert_eq!(table.find(bin, b"x"), None);
    }
}
