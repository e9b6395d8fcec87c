//! One layer by itself: entries in the order of the tar become a [`LayerDiff`].
//!
//! This is the model that docker, podman and containerd share: a layer is extracted into a directory of its own, and
//! that directory is laid over the lower ones. So nothing here looks at lower layers.
//!
//! # Decisions
//! - An entry below a symlink *of the same layer* goes where the link leads, inside the root; this is the one place
//!   where the order of entries counts (docker 20.10, podman 4.3, containerd 1.6, umoci 0.4: all four do).
//! - A later entry for the same path replaces the earlier one, whose hard links keep the earlier contents (containerd;
//!   docker and podman refuse such layers).
//! - An entry below a *file* of the same layer is an error; a file over a directory of the same layer takes its
//!   children away (all three runtimes).
//! - A whiteout needs its parent directories as an entry does: all three runtimes make them, a lower symlink in their
//!   place included. Only a parent that the same layer removes is not made.
//! - A hard link to a path that the layer puts earlier, or else later, is another name of that file; otherwise it is
//!   looked up in the lower layers when the layer is applied.

use thiserror::Error;

use super::fate::Fate;
use super::follow::Follow;
use super::layer_diff::{LayerDiff, Unresolved};
use super::links::resolve;
use super::meta::Meta;
use super::names::Tree;
use super::node::{EntryRef, Full, Kind, LinkError, LinkProblem, NodeId, SymlinkLoop};
use super::path::{MAX_PATH, TreePath};

/// Collects the entries of one layer.
#[derive(Debug)]
pub struct LayerBuilder {
    upper: Tree,
    whiteouts: Vec<Marker>,
    links: Vec<Unresolved>,
    fates: Vec<Fate>,
    repeated: Vec<(u32, NodeId)>,
    follow: Follow,
    /// The directory of the last entry, which is in the layer and behind no symlink: files come directory by directory.
    last: Option<(Box<[u8]>, NodeId)>,
}

#[derive(Debug)]
struct Marker {
    path: TreePath,
    opaque: bool,
    entry: EntryRef,
}

/// An entry that cannot be part of a file system.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PutError {
    /// The root must be a directory.
    #[error("the root is not a directory")]
    RootNotDirectory,
    /// Something of the same layer is in the way.
    #[error("\"{path}\" is below \"{file}\", which the same layer has as a file")]
    BelowFile {
        /// The entry.
        path: TreePath,
        /// What is in its way.
        file: TreePath,
    },
    /// Symlinks of the same layer lead in a circle.
    #[error(transparent)]
    Loop(#[from] SymlinkLoop),
    /// A hard link that cannot be one.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Too many names.
    #[error(transparent)]
    Full(#[from] Full),
}

impl LayerBuilder {
    /// Begins a layer. Where it will be among others is not asked: its entries say layer 0.
    pub fn new() -> Self {
        let (whiteouts, links, fates, repeated) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { upper: Tree::new(), whiteouts, links, fates, repeated, follow: Follow::new(0), last: None }
    }

    /// About how many bytes of memory the layer's names take up by now, and will when it is laid over others and
    /// written, targets and attributes not counted. It grows only.
    pub fn weight(&self) -> u64 {
        self.upper.weight()
    }

    /// Counts an entry and gives it its fate, which a later entry may change.
    pub fn next_entry(&mut self, fate: Fate) -> EntryRef {
        let entry = self.coming_entry();
        self.fates.push(fate);
        self.follow.one_more();
        entry
    }

    /// The entry that comes next.
    fn coming_entry(&self) -> EntryRef {
        // The reader stops far below 4 billion entries.
        EntryRef { layer: 0, index: u32::try_from(self.fates.len()).unwrap_or(u32::MAX) }
    }

    /// Puts a file of any type but a hard link. `plain` tells that the entry's header says `meta` and nothing that has
    /// to be written otherwise.
    pub fn put(&mut self, path: &TreePath, kind: Kind, meta: Meta, plain: bool) -> Result<(), PutError> {
        let entry = self.next_entry(Fate::Kept);
        let (id, renamed) = self.make_way(path, entry)?;
        if kind == Kind::Directory && self.upper.is_live(id) && self.upper.is_directory(id) {
            if self.upper.has_entry(id) {
                let entry = self.upper.entry(id).index;
                self.fates[entry as usize] = Fate::Duplicate;
                self.repeated.push((entry, id));
            }
            let inode = self.upper.inode_id(id);
            let inode = self.upper.inode_mut(inode);
            inode.meta = meta;
            inode.source = entry;
            inode.header_differs = !plain;
            self.upper.set_entry(id, entry);
            self.upper.set_implied(id, false);
            self.upper.set_has_entry(id, true);
            self.upper.set_renamed(id, renamed);
            return Ok(());
        }
        if path.is_root() {
            return Err(PutError::RootNotDirectory);
        }
        self.clear(id);
        let inode = self.upper.add_inode(kind, meta, entry);
        self.upper.inode_mut(inode).header_differs = !plain;
        self.upper.place(id, inode, entry);
        self.upper.set_renamed(id, renamed);
        Ok(())
    }

    /// Puts a hard link to `target`, whose header says `meta`, and if `plain` nothing that has to be written otherwise.
    pub fn put_link(&mut self, path: &TreePath, target: &TreePath, meta: Meta, plain: bool) -> Result<(), PutError> {
        let entry = self.next_entry(Fate::Kept);
        let (id, renamed) = self.make_way(path, entry)?;
        if path.is_root() {
            return Err(PutError::RootNotDirectory);
        }
        let found = self.target(id, target)?;
        let direct = found.is_some_and(|found| {
            let inode = self.upper.inode(found);
            // What stands in for a file is not the name that has its contents.
            let has_contents = self.upper.entry(found) == inode.source && !matches!(inode.kind, Kind::Elsewhere(_));
            has_contents && self.upper.path(found) == *target
        });
        let inode = match found {
            Some(found) => self.upper.inode_id(found),
            None => self.upper.add_inode(Kind::Elsewhere(Box::new(target.clone())), meta.clone(), entry),
        };
        self.clear(id);
        self.upper.place(id, inode, entry);
        self.upper.set_renamed(id, renamed);
        self.upper.set_links_to_source(id, direct);
        self.upper.apply_header(inode, &meta).map_err(|problem| self.link_error(id, target, problem))?;
        self.upper.inode_mut(inode).header_differs |= !plain;
        if matches!(self.upper.inode_by_id(inode).kind, Kind::Elsewhere(_)) {
            self.links.push(Unresolved { link: id, inode });
        }
        Ok(())
    }

    /// Hides what lower layers have at `path`.
    pub fn whiteout(&mut self, path: TreePath) {
        let entry = self.next_entry(Fate::Whiteout);
        self.whiteouts.push(Marker { path, opaque: false, entry });
    }

    /// Hides what lower layers have in the directory `path`. Without an entry of its own when an attribute says so.
    pub fn opaque(&mut self, path: TreePath, own_entry: bool) {
        let entry = if own_entry { self.next_entry(Fate::Whiteout) } else { self.coming_entry() };
        self.whiteouts.push(Marker { path, opaque: true, entry });
    }

    /// The layer, and what became of each of its entries.
    pub fn finish(mut self) -> Result<(LayerDiff, Vec<Fate>), PutError> {
        let links = std::mem::take(&mut self.links);
        let (links, missing) = resolve(&mut self.upper, links, &mut self.follow)?;
        debug_assert_eq!(links.is_empty(), missing.is_none());
        let (mut removed, mut opaque) = (Vec::new(), Vec::new());
        let whiteouts = std::mem::take(&mut self.whiteouts);
        let mut placed = Vec::with_capacity(whiteouts.len());
        for marker in whiteouts {
            let path = self.upper.follow(&marker.path, &mut self.follow)?;
            let mut at = self.upper.root();
            for name in path.components() {
                at = self.upper.intern(at, name)?;
            }
            if marker.opaque { &mut opaque } else { &mut removed }.push(at);
            placed.push((at, marker));
        }
        removed.sort_unstable();
        removed.dedup();
        opaque.sort_unstable();
        opaque.dedup();
        for (at, marker) in placed {
            let directory = if marker.opaque { at } else { self.upper.parent(at) };
            self.imply_unless_removed(directory, marker.entry, &removed);
        }
        let on_unknown = false;
        Ok((LayerDiff { removed, opaque, upper: self.upper, links, repeated: self.repeated, on_unknown }, self.fates))
    }

    /// The free or taken place for an entry at `path`, its parents made, and whether symlinks led elsewhere.
    fn make_way(&mut self, path: &TreePath, entry: EntryRef) -> Result<(NodeId, bool), PutError> {
        let (directory, name) = path.split();
        let known = self.last.as_ref().filter(|(last, _)| **last == *directory && !path.is_root());
        if let Some((_, known)) = known {
            return Ok((self.upper.intern(*known, name)?, false));
        }
        let led = if self.upper.has_symlink_on_the_way(path) {
            Some(self.upper.follow(path, &mut self.follow)?)
        } else {
            None
        };
        let way = led.as_ref().unwrap_or(path);
        let renamed = way != path;
        if way.as_bytes().len() > MAX_PATH {
            return Err(SymlinkLoop(path.clone()).into());
        }
        let mut at = self.upper.root();
        let mut names = way.components().peekable();
        while let Some(name) = names.next() {
            at = self.upper.intern(at, name)?;
            if names.peek().is_none() {
                break;
            }
            if !self.upper.is_live(at) {
                self.imply(at, entry);
            } else if !self.upper.is_directory(at) {
                return Err(PutError::BelowFile { path: path.clone(), file: self.upper.path(at) });
            }
        }
        if !renamed && !path.is_root() {
            self.last = Some((directory.into(), self.upper.parent(at)));
        }
        Ok((at, renamed))
    }

    /// What `target` is in this layer, if it is there already.
    fn target(&mut self, link: NodeId, target: &TreePath) -> Result<Option<NodeId>, LinkError> {
        let way = self.upper.follow(target, &mut self.follow);
        let way = way.map_err(|_| self.link_error(link, target, LinkProblem::Loop))?;
        match self.upper.find(&way) {
            _ if way == self.upper.path(link) => Err(self.link_error(link, target, LinkProblem::Circle)),
            Some(found) if self.upper.is_directory(found) => Err(self.link_error(link, target, LinkProblem::Directory)),
            found => Ok(found),
        }
    }

    fn link_error(&self, link: NodeId, target: &TreePath, problem: LinkProblem) -> LinkError {
        LinkError { link: self.upper.path(link), target: target.clone(), problem }
    }

    /// Frees a place: what the layer had there is a duplicate.
    fn clear(&mut self, id: NodeId) {
        if self.upper.is_live(id) {
            if self.upper.is_directory(id) {
                self.last = None;
            }
            let (fates, repeated) = (&mut self.fates, &mut self.repeated);
            self.upper.remove(id, &mut |gone| {
                if let Some(entry) = gone.entry {
                    fates[entry.index as usize] = Fate::Duplicate;
                    repeated.push((entry.index, gone.id));
                }
            });
        }
    }

    fn imply(&mut self, id: NodeId, entry: EntryRef) {
        let inode = self.upper.add_inode(Kind::Directory, Meta::implied(), entry);
        self.upper.place(id, inode, entry);
        self.upper.set_implied(id, true);
        self.upper.set_has_entry(id, false);
    }

    /// Makes the directories down to `id` that a marker needs, unless the layer removes one of them or has a file
    /// there.
    fn imply_unless_removed(&mut self, id: NodeId, entry: EntryRef, removed: &[NodeId]) {
        let mut missing = Vec::new();
        let mut at = id;
        while !self.upper.is_live(at) {
            if removed.binary_search(&at).is_ok() {
                return;
            }
            missing.push(at);
            at = self.upper.parent(at);
        }
        if self.upper.is_directory(at) {
            for id in missing.into_iter().rev() {
                self.imply(id, entry);
            }
        }
    }
}

impl Default for LayerBuilder {
    fn default() -> Self {
        Self::new()
    }
}
