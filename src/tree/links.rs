//! Hard links whose targets come later, or lie in a lower layer: each is joined to the file that its target is now.
//!
//! # Decisions
//! - A link may be the target of another, in any order and in chains of any length. Links whose file is not known yet
//!   wait in groups, and each name is given its inode once, when the file of its group is found: a million links cost a
//!   million steps.
//! - Headers are applied in the order of the links, each to what its target is at that moment, a group too.

use std::collections::HashMap;

use super::follow::Follow;
use super::layer_diff::Unresolved;
use super::meta::Meta;
use super::names::Tree;
use super::node::{Inode, InodeId, Kind, LinkError, LinkProblem, NodeId};
use super::path::TreePath;

/// Attributes that a file may get from its links; file systems hold fewer.
const MAX_ATTRIBUTES: usize = 4096;
/// Their bytes: a header may have a mebibyte of records, and what else it says needs some of them.
const MAX_BYTES: u64 = (1 << 20) - (64 << 10);
/// Bytes of attributes that links may give to the files of a tree together. Files share equal ones; crafted links make
/// each file need its own.
const MAX_COPIED: u64 = 64 << 20;

impl Tree {
    /// Applies a hard link's own header to the inode it joins.
    pub(super) fn apply_header(&mut self, id: InodeId, header: &Meta) -> Result<(), LinkProblem> {
        let inode = self.inode_mut(id);
        let mode = inode.meta.mode;
        let (changed, copied) = inode.meta.take_link(header);
        if matches!(inode.kind, Kind::Symlink(_)) {
            inode.meta.mode = mode;
        }
        inode.header_differs |= changed || inode.meta != *header;
        if copied > 0 {
            let extra = &inode.meta.extra;
            if extra.records().count() > MAX_ATTRIBUTES || extra.record_bytes() > MAX_BYTES {
                return Err(LinkProblem::Attributes);
            }
        }
        self.copied += copied;
        if self.copied > MAX_COPIED { Err(LinkProblem::Copied) } else { Ok(()) }
    }
}

/// Joins names to what their hard links' targets are now. Returns the names whose targets are nowhere, with an error
/// for the first of them; a circle or a link to a directory is an error at once.
pub(super) fn resolve(
    tree: &mut Tree,
    links: Vec<Unresolved>,
    follow: &mut Follow,
) -> Result<(Vec<Unresolved>, Option<LinkError>), LinkError> {
    let mut joining = Joining::new(tree, &links);
    for at in 0..joining.groups.len() {
        joining.join(at, follow)?;
    }
    Ok((joining.missing, joining.first_missing))
}

/// The end of a list of names.
const NONE: usize = usize::MAX;

/// The names that one inode stands in for, until their file is found.
struct Group {
    inode: InodeId,
    /// The first and last of its links; the others follow in a list.
    first: usize,
    last: usize,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    /// Its target was not looked for yet, or is in another group that waits.
    Waiting,
    /// Its names have joined the group at this place.
    Joined(usize),
    /// Its target is nowhere.
    Missing,
}

struct Joining<'t> {
    tree: &'t mut Tree,
    /// The names, and for each the one that follows in its group.
    names: Vec<NodeId>,
    next: Vec<usize>,
    /// In the order of their first links.
    groups: Vec<Group>,
    by_inode: HashMap<InodeId, usize>,
    missing: Vec<Unresolved>,
    first_missing: Option<LinkError>,
}

impl<'t> Joining<'t> {
    fn new(tree: &'t mut Tree, links: &[Unresolved]) -> Self {
        let (names, next) = (links.iter().map(|link| link.link).collect(), vec![NONE; links.len()]);
        let (groups, by_inode, missing) = (Vec::new(), HashMap::new(), Vec::new());
        let mut joining = Self { tree, names, next, groups, by_inode, missing, first_missing: None };
        for (at, Unresolved { link, inode }) in links.iter().enumerate() {
            // A later entry may have taken the name.
            if !joining.tree.is_live(*link) || joining.tree.inode_id(*link) != *inode {
                continue;
            }
            let count = joining.groups.len();
            let group = *joining.by_inode.entry(*inode).or_insert(count);
            if group == count {
                joining.groups.push(Group { inode: *inode, first: at, last: at, state: State::Waiting });
            } else {
                joining.append(group, at, at);
            }
        }
        joining
    }

    /// Appends a list of links to those of a group.
    fn append(&mut self, group: usize, first: usize, last: usize) {
        let group = &mut self.groups[group];
        self.next[group.last] = first;
        group.last = last;
    }

    /// Looks for the target of a group.
    fn join(&mut self, at: usize, follow: &mut Follow) -> Result<(), LinkError> {
        let Group { inode, first, last, .. } = self.groups[at];
        let Kind::Elsewhere(target) = self.tree.inode_by_id(inode).kind.clone() else { return Ok(()) };
        let way = self.tree.follow(&target, follow).map_err(|_| self.fail(first, &target, LinkProblem::Loop))?;
        let Some(found) = self.tree.find(&way) else {
            let problem = self.fail(first, &target, LinkProblem::Missing);
            self.first_missing.get_or_insert(problem);
            self.groups[at].state = State::Missing;
            self.tell_missing(first, inode);
            return Ok(());
        };
        if self.tree.is_directory(found) {
            return Err(self.fail(first, &target, LinkProblem::Directory));
        }
        let known = self.tree.inode_id(found);
        let group = self.by_inode.get(&known).copied().map(|group| self.group_of(group));
        if group == Some(at) {
            return Err(self.fail(first, &target, LinkProblem::Circle));
        }
        let joined = group.map_or(known, |group| self.groups[group].inode);
        let Inode { meta, header_differs, .. } = self.tree.inode_by_id(inode).clone();
        self.tree.inode_mut(joined).header_differs |= header_differs;
        self.tree.apply_header(joined, &meta).map_err(|problem| self.fail(first, &target, problem))?;
        match group {
            None => {
                let direct = self.tree.entry(found) == self.tree.inode(found).source && way == *target;
                self.relink(first, joined);
                self.tree.set_links_to_source(self.names[first], direct);
            }
            Some(group) => {
                self.groups[at].state = State::Joined(group);
                if matches!(self.groups[group].state, State::Missing) {
                    self.tell_missing(first, joined);
                } else {
                    self.append(group, first, last);
                }
            }
        }
        Ok(())
    }

    /// The group that the names of a group are in by now.
    fn group_of(&mut self, group: usize) -> usize {
        let mut at = group;
        while let State::Joined(next) = self.groups[at].state {
            // Half of the way is cut off each time.
            if let State::Joined(after) = self.groups[next].state {
                self.groups[at].state = State::Joined(after);
            }
            at = next;
        }
        at
    }

    /// Gives the links from `first` on their inode.
    fn relink(&mut self, first: usize, inode: InodeId) {
        let mut at = first;
        while at != NONE {
            let name = self.names[at];
            if self.tree.inode_id(name) != inode {
                self.tree.relink(name, inode);
            }
            at = self.next[at];
        }
    }

    /// Leaves the links from `first` on with `inode`, whose target is nowhere.
    fn tell_missing(&mut self, first: usize, inode: InodeId) {
        self.relink(first, inode);
        let mut at = first;
        while at != NONE {
            self.missing.push(Unresolved { link: self.names[at], inode });
            at = self.next[at];
        }
    }

    fn fail(&self, link: usize, target: &TreePath, problem: LinkProblem) -> LinkError {
        LinkError { link: self.tree.path(self.names[link]), target: target.clone(), problem }
    }
}
