//! A file as tests see it, and trees of them.

use std::collections::BTreeMap;

/// A file of a tree. Two are equal when a user could not tell them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    /// Seconds and nanoseconds after them.
    pub(crate) mtime: (i64, u32),
    pub(crate) uname: Vec<u8>,
    pub(crate) gname: Vec<u8>,
    pub(crate) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) pax: BTreeMap<Vec<u8>, Vec<u8>>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File(Vec<u8>),
    Symlink(Vec<u8>),
    Char(u32, u32),
    Block(u32, u32),
    Fifo,
    /// Only on the way in: in a [`Tree`] all names of a file are equal.
    Link(Vec<u8>),
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory => write!(f, "Directory"),
            Self::File(bytes) if bytes.len() > 100 => write!(f, "File({} bytes)", bytes.len()),
            Self::File(bytes) => write!(f, "File(\"{}\")", bytes.escape_ascii()),
            Self::Symlink(to) => write!(f, "Symlink(\"{}\")", to.escape_ascii()),
            Self::Link(to) => write!(f, "Link(\"{}\")", to.escape_ascii()),
            Self::Char(major, minor) => write!(f, "Char({major}:{minor})"),
            Self::Block(major, minor) => write!(f, "Block({major}:{minor})"),
            Self::Fifo => write!(f, "Fifo"),
        }
    }
}

impl Node {
    pub(crate) fn new(kind: Kind) -> Self {
        let mode = match kind {
            Kind::Directory => 0o755,
            Kind::Symlink(_) => 0o777,
            _ => 0o644,
        };
        let (xattrs, pax) = (BTreeMap::new(), BTreeMap::new());
        Self { kind, mode, uid: 0, gid: 0, mtime: (1000, 0), uname: Vec::new(), gname: Vec::new(), xattrs, pax }
    }

    /// A directory that no layer declares.
    pub(crate) fn implied() -> Self {
        Self { mtime: (0, 0), ..Self::new(Kind::Directory) }
    }
}

/// Files by path, without slashes at the ends; the root is the empty path. Each file has the sorted names of its
/// hard-link group, itself included.
pub(crate) type Tree = BTreeMap<Vec<u8>, (Node, Vec<Vec<u8>>)>;

/// Resolves links (`path` to target) into groups.
pub(crate) fn tree(nodes: &[(Vec<u8>, Node)]) -> Tree {
    let by_name: BTreeMap<&[u8], &Node> = nodes.iter().map(|(path, node)| (&path[..], node)).collect();
    let source = |path: &[u8]| {
        let mut at = path.to_vec();
        for _ in 0..nodes.len() {
            match by_name.get(&at[..]).map(|node| &node.kind) {
                Some(Kind::Link(target)) => at.clone_from(target),
                Some(_) => break,
                None => panic!("{} is a link to nothing", path.escape_ascii()),
            }
        }
        at
    };
    let mut groups: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for path in by_name.keys() {
        groups.entry(source(path)).or_default().push(path.to_vec());
    }
    nodes
        .iter()
        .map(|(path, node)| {
            let source = source(path);
            let kind = by_name[&source[..]].kind.clone();
            (path.clone(), (Node { kind, ..node.clone() }, groups[&source].clone()))
        })
        .collect()
}

/// Panics with the differences, if there are any.
#[track_caller]
pub(crate) fn assert_same(expected: &Tree, found: &Tree, what: &str) {
    let differences = differences(expected, found);
    assert!(differences.is_empty(), "{what}: the trees differ{differences}");
}

/// The paths that differ, with both sides; empty when the trees are the same.
pub(crate) fn differences(expected: &Tree, found: &Tree) -> String {
    let mut differences = String::new();
    let paths: std::collections::BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    for path in paths {
        let (wanted, got) = (expected.get(path), found.get(path));
        if wanted != got {
            let show = |side: Option<&(Node, Vec<Vec<u8>>)>| {
                side.map_or("nothing".to_owned(), |(node, group)| {
                    let group: Vec<String> = group.iter().map(|name| name.escape_ascii().to_string()).collect();
                    format!("{node:?} {}", group.join(" = "))
                })
            };
            differences +=
                &format!("\n{}:\n  expected {}\n  found    {}", path.escape_ascii(), show(wanted), show(got));
        }
    }
    differences
}
