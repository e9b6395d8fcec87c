//! Changing a tree that is whole: files go, are emptied, or become one.

use std::collections::HashMap;

use super::fate::{Fate, Fates};
use super::meta::Meta;
use super::names::Tree;
use super::node::{EntryRef, Inode, InodeId, Kind, NodeId};

impl Tree {
    /// Takes a name that is no directory out of the tree and notes `fate` of its entry.
    pub fn take_out(&mut self, id: NodeId, fates: &mut Fates, fate: Fate) {
        if !self.is_directory(id) {
            self.remove(id, &mut |gone| {
                if let Some(entry) = gone.entry {
                    fates.note(entry, fate, entry.layer);
                }
            });
        }
    }

    /// Takes a directory without children out of the tree and notes `fate` of its entry.
    pub fn take_out_empty(&mut self, id: NodeId, fates: &mut Fates, fate: Fate) {
        if self.is_directory(id) && self.children(id).next().is_none() && id != self.root() {
            self.remove(id, &mut |gone| {
                if let Some(entry) = gone.entry {
                    fates.note(entry, fate, entry.layer);
                }
            });
        }
    }

    /// Gives a regular file the `size` bytes of the entry `source` as its contents, and notes `fate` of the entry that
    /// had them.
    pub fn replace_contents(&mut self, id: NodeId, size: u64, source: EntryRef, fates: &mut Fates, fate: Fate) {
        self.empty_file(id, fates, fate);
        let inode = self.inode_mut(self.inode_id(id));
        if let Kind::File { size: known, fingerprint } = &mut inode.kind {
            // No other file has these contents, so none has this number either.
            (*known, *fingerprint) = (size, u64::from(source.index).wrapping_add(0x6d69_6e69_6679));
            inode.source = source;
        }
    }

    /// Leaves nothing of the contents of a regular file and notes `fate` of the entry that had them.
    pub fn empty_file(&mut self, id: NodeId, fates: &mut Fates, fate: Fate) {
        let inode = self.inode_mut(self.inode_id(id));
        if let Kind::File { size, fingerprint } = &mut inode.kind {
            (*size, *fingerprint) = (0, 0);
            inode.header_differs = true;
            if inode.meta.extra.sparse.is_some() {
                let mut extra = (*inode.meta.extra).clone();
                extra.sparse = None;
                inode.meta.extra = extra.into();
            }
            fates.note(inode.source, fate, inode.source.layer);
        }
    }

    /// Regular files that are equal but for their names: each group by the entries that have the contents, oldest
    /// first. Only fingerprints of the contents were compared.
    pub fn duplicates(&self) -> Vec<Vec<EntryRef>> {
        let inodes = (0..self.inode_count()).filter_map(|at| u32::try_from(at).ok()).map(InodeId);
        let mut known: Vec<(u64, InodeId)> = inodes
            .filter(|id| matches!(self.inode_by_id(*id), Inode { kind: Kind::File { size: 1.., .. }, links: 1.., .. }))
            .map(|id| (likeness(self.inode_by_id(id)), id))
            .collect();
        known.sort_unstable();
        let mut groups = Vec::new();
        for alike in known.chunk_by(|a, b| a.0 == b.0).filter(|alike| alike.len() > 1) {
            let first = self.inode_by_id(alike[0].1);
            let same = alike.iter().map(|(_, id)| self.inode_by_id(*id));
            let same = same.filter(|inode| inode.kind == first.kind && inode.meta == first.meta);
            let mut group: Vec<EntryRef> = same.map(|inode| inode.source).collect();
            group.sort_unstable();
            if group.len() > 1 {
                groups.push(group);
            }
        }
        groups.sort_unstable();
        groups
    }

    /// Makes the files whose contents the entries of each group have one file, and notes it in `fates`.
    pub fn link_together(&mut self, groups: &[Vec<EntryRef>], fates: &mut Fates) {
        let mut inodes = HashMap::new();
        for at in (0..self.inode_count()).filter_map(|at| u32::try_from(at).ok()) {
            let inode = self.inode_by_id(InodeId(at));
            if inode.links > 0 && !matches!(inode.kind, Kind::Directory) {
                inodes.insert(inode.source, InodeId(at));
            }
        }
        let mut joined = HashMap::new();
        for group in groups {
            let Some(first) = group.first().and_then(|entry| inodes.get(entry)) else { continue };
            for entry in &group[1..] {
                if let Some(inode) = inodes.get(entry) {
                    fates.note(*entry, Fate::Linked, entry.layer);
                    joined.insert(*inode, *first);
                }
            }
        }
        let names: Vec<NodeId> = self.nodes().collect();
        for id in names {
            if let Some(first) = joined.get(&self.inode_id(id)) {
                self.relink(id, *first);
                self.set_links_to_source(id, false);
            }
        }
    }
}

/// Equal for equal files, and hardly ever for others. What is rare is left to comparing.
fn likeness(inode: &Inode) -> u64 {
    let Meta { mtime, uid, gid, mode, .. } = &inode.meta;
    let Kind::File { size, fingerprint } = inode.kind else { return 0 };
    let owner = u64::from(*uid) << 32 | u64::from(*gid);
    let rest = u64::from(mtime.nanoseconds) << 16 | u64::from(*mode);
    let words = [size, u64::from_ne_bytes(mtime.seconds.to_ne_bytes()), owner, rest];
    words
        .into_iter()
        .fold(fingerprint, |mixed, word| (mixed ^ word).rotate_left(29).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}
