//! Files and their packages.

use crate::tree::{FOLLOW_BUDGET, NodeId, Tree, TreePath};

/// The packages of the files of a tree, by node.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    names: Vec<Box<[u8]>>,
    owners: Vec<u32>,
}

/// Collects what databases say.
pub(super) struct Marker<'t> {
    tree: &'t Tree,
    owners: Owners,
    /// The directory of the path that was marked last, because lists go through directories one by one.
    last: (Vec<u8>, Option<NodeId>),
    budget: u64,
}

/// Whose a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'o> {
    /// No package has it.
    Nobody,
    /// One package has it, with this name.
    Package(&'o [u8]),
    /// Several packages have it, as is usual for directories.
    Several,
}

const NOBODY: u32 = u32::MAX;
const SEVERAL: u32 = u32::MAX - 1;

impl<'t> Marker<'t> {
    pub(super) fn new(tree: &'t Tree) -> Self {
        let owners = Owners { names: Vec::new(), owners: vec![NOBODY; tree.node_count()] };
        Self { tree, owners, last: (Vec::new(), Some(tree.root())), budget: FOLLOW_BUDGET }
    }

    /// What follows is of the package `name`.
    pub(super) fn begin(&mut self, name: &[u8]) {
        self.owners.names.push(name.into());
    }

    /// The current package has `path`.
    pub(super) fn mark(&mut self, path: &[u8]) {
        let last = self.owners.names.len().checked_sub(1);
        let Some(package) = last.and_then(|last| u32::try_from(last).ok()) else { return };
        let path = path.strip_prefix(b".").unwrap_or(path);
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let (directory, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (&b""[..], path),
        };
        if self.last.0 != directory {
            let way = TreePath::parse(directory).ok();
            self.last = (directory.to_vec(), way.and_then(|way| self.tree.resolve(&way, &mut self.budget)));
        }
        let Some(node) = self.last.1.and_then(|directory| self.tree.child(directory, name)) else { return };
        let owner = &mut self.owners.owners[node.index()];
        *owner = if *owner == NOBODY || *owner == package { package } else { SEVERAL };
    }

    pub(super) fn finish(self) -> Owners {
        self.owners
    }
}

impl Owners {
    /// Whose a file is.
    pub fn owner(&self, id: NodeId) -> Owner<'_> {
        match self.owners.get(id.index()) {
            None | Some(&NOBODY) => Owner::Nobody,
            Some(&SEVERAL) => Owner::Several,
            Some(package) => self.names.get(*package as usize).map_or(Owner::Nobody, |name| Owner::Package(name)),
        }
    }

    /// Whether a package has the file.
    pub fn is_owned(&self, id: NodeId) -> bool {
        self.owner(id) != Owner::Nobody
    }

    /// How many packages were found.
    pub fn packages(&self) -> usize {
        self.names.len()
    }
}
