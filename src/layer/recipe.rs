//! What a new layer's tar is made of: stretches of the source layers, copied as they are, and headers written anew.
//!
//! # Decisions
//! - A header passes through unchanged unless it would say something else than the tree: another path (it went through
//!   a symlink), a link to a name that has moved or gone, metadata that a later layer or link changed.
//! - The contents of a file are always copied from its source entry, so stretches come in the order of the sources.

use super::index::{EntrySpan, LayerIndex};
use crate::tar::{BLOCK, Form, encode};
use crate::tree::{Emission, EntryRef, Fate, Kind, LayerDiff, Meta, NodeId, Step, Tree};

/// A piece of the new layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// Bytes of a source layer.
    Copy {
        /// Position of the source layer.
        layer: u16,
        /// Offset in its uncompressed tar.
        start: u64,
        /// Number of bytes.
        len: u64,
    },
    /// A header to write.
    Header(Step),
}

/// The new layer, piece by piece, and where every byte of the old ones went.
#[derive(Debug)]
pub struct Recipe {
    pub(super) segments: Vec<Segment>,
    /// Bytes of the new uncompressed layer.
    pub plain_size: u64,
    /// Entries of the new layer.
    pub entries: u64,
    /// Where the bytes of the source layers go.
    pub account: Account,
}

/// Where the uncompressed bytes of the source layers went. The fields together are all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Copied into the new layer.
    pub copied: u64,
    /// Headers whose entries stay and were written anew.
    pub rewritten: u64,
    /// Replaced by a later layer.
    pub overwritten: u64,
    /// Replaced by a later layer that changed nothing but metadata.
    pub metadata_copies: u64,
    /// Removed by a later layer.
    pub deleted: u64,
    /// The whiteouts and opaque markers themselves.
    pub whiteouts: u64,
    /// Directories declared again by a later layer.
    pub repeated_directories: u64,
    /// Paths that one layer has twice.
    pub duplicates: u64,
    /// Metadata of AUFS and eStargz.
    pub ignored: u64,
    /// Ends of archives, padding and global headers.
    pub archive: u64,
    /// Bytes of the new layer that no source has: headers written anew, and the end of the archive.
    pub written: u64,
}

impl Account {
    /// Bytes of the source layers.
    pub fn input(&self) -> u64 {
        self.copied + self.rewritten + self.reclaimed()
    }

    /// Bytes of the source layers that the new layer has in no form.
    pub fn reclaimed(&self) -> u64 {
        self.overwritten
            + self.metadata_copies
            + self.deleted
            + self.whiteouts
            + self.repeated_directories
            + self.duplicates
            + self.ignored
            + self.archive
    }
}

/// What of an entry is in the new layer.
#[derive(Clone, Copy, Default)]
struct Used {
    header: bool,
    rewritten: bool,
    contents: bool,
}

/// Two zero blocks end an archive.
pub(super) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

struct Cook<'l> {
    upper: &'l Tree,
    layers: &'l [LayerIndex],
    used: Vec<Vec<Used>>,
    segments: Vec<Segment>,
    plain_size: u64,
    written: u64,
}

/// The recipe for `diff`, whose entries lie in `layers`.
pub fn recipe(diff: &LayerDiff, layers: &[LayerIndex]) -> Recipe {
    let used = layers.iter().map(|layer| vec![Used::default(); layer.entries.len()]).collect();
    let mut cook = Cook { upper: diff.upper(), layers, used, segments: Vec::new(), plain_size: 0, written: 0 };
    let mut entries = 0;
    for step in Emission::new(diff) {
        cook.step(step);
        entries += 1;
    }
    let end = END.len() as u64;
    let account = cook.account(end);
    Recipe { segments: cook.segments, plain_size: cook.plain_size + end, entries, account }
}

impl Cook<'_> {
    fn step(&mut self, step: Step) {
        match step {
            Step::Whiteout(_) | Step::Opaque(_) => self.write(step),
            Step::Link { name, .. } => {
                let entry = self.upper.entry(name);
                let in_place = entry > self.upper.inode(name).source;
                if in_place && self.keeps_header(name) && self.upper.links_to_source(name) && self.keeps_target(step) {
                    self.copy_header(entry);
                } else {
                    self.rewrite(entry, step);
                }
            }
            Step::Ahead(id) | Step::Node(id) if self.upper.is_implied(id) => self.write(step),
            Step::Ahead(id) => self.rewrite(self.upper.entry(id), step),
            Step::Node(id) => {
                let source = self.upper.inode(id).source;
                if self.upper.entry(id) == source && self.keeps_header(id) {
                    self.copy_header(source);
                } else {
                    self.rewrite(self.upper.entry(id), step);
                }
                if matches!(self.upper.inode(id).kind, Kind::File { .. }) {
                    self.copy_contents(source);
                }
            }
        }
    }

    fn keeps_header(&self, id: NodeId) -> bool {
        !self.upper.is_renamed(id) && !self.upper.inode(id).header_differs
    }

    /// Whether the link's own target is the name that has the contents.
    fn keeps_target(&self, step: Step) -> bool {
        let Step::Link { to, .. } = step else { return false };
        self.upper.entry(to) == self.upper.inode(to).source && !self.upper.is_renamed(to)
    }

    fn span(&self, entry: EntryRef) -> Option<EntrySpan> {
        self.layers.get(usize::from(entry.layer)).and_then(|layer| layer.entries.get(entry.index as usize)).copied()
    }

    fn used(&mut self, entry: EntryRef) -> Option<&mut Used> {
        self.used.get_mut(usize::from(entry.layer)).and_then(|layer| layer.get_mut(entry.index as usize))
    }

    fn copy_header(&mut self, entry: EntryRef) {
        let Some(span) = self.span(entry) else { return };
        self.copy(entry.layer, span.start, u64::from(span.header));
        if let Some(used) = self.used(entry) {
            used.header = true;
        }
    }

    fn copy_contents(&mut self, entry: EntryRef) {
        let Some(span) = self.span(entry) else { return };
        self.copy(entry.layer, span.data(), span.padded());
        if let Some(used) = self.used(entry) {
            used.contents = true;
        }
    }

    fn rewrite(&mut self, entry: EntryRef, step: Step) {
        if let Some(used) = self.used(entry) {
            used.rewritten = true;
        }
        self.write(step);
    }

    fn write(&mut self, step: Step) {
        let len = header(self.upper, step, self.layers).len() as u64;
        self.plain_size += len;
        self.written += len;
        self.segments.push(Segment::Header(step));
    }

    fn copy(&mut self, layer: u16, start: u64, len: u64) {
        self.plain_size += len;
        if let Some(Segment::Copy { layer: last, start: from, len: run }) = self.segments.last_mut()
            && *last == layer
            && *from + *run == start
        {
            *run += len;
        } else if len > 0 {
            self.segments.push(Segment::Copy { layer, start, len });
        }
    }

    fn account(&self, end: u64) -> Account {
        let mut account = Account { written: self.written + end, ..Account::default() };
        for (layer, used) in self.layers.iter().zip(&self.used) {
            let mut rest = layer.plain_size;
            for ((span, fate), used) in layer.entries.iter().zip(&layer.fates).zip(used) {
                let (header, contents) = (u64::from(span.header), span.padded());
                rest -= header + contents;
                let gone = match fate {
                    Fate::Kept => &mut account.rewritten,
                    Fate::Overwritten => &mut account.overwritten,
                    Fate::MetadataCopy => &mut account.metadata_copies,
                    Fate::Deleted => &mut account.deleted,
                    Fate::RepeatedDirectory => &mut account.repeated_directories,
                    Fate::Duplicate => &mut account.duplicates,
                    Fate::Whiteout => &mut account.whiteouts,
                    Fate::Ignored => &mut account.ignored,
                };
                *gone += if used.header || used.rewritten { 0 } else { header };
                *gone += if used.contents { 0 } else { contents };
                account.copied += if used.header { header } else { 0 };
                account.copied += if used.contents { contents } else { 0 };
                account.rewritten += if used.rewritten { header } else { 0 };
            }
            account.archive += rest;
        }
        account
    }
}

/// The blocks of a header that is written anew.
pub(super) fn header(upper: &Tree, step: Step, layers: &[LayerIndex]) -> Vec<u8> {
    let marker = |directory: NodeId, name: &[u8]| {
        let kind = Kind::File { size: 0, fingerprint: 0 };
        let path = upper.path(directory).join(name);
        encode(path.as_bytes(), &Meta { mode: 0o600, ..Meta::implied() }, Form::Node { kind: &kind, stored: 0 })
    };
    match step {
        Step::Whiteout(id) => marker(upper.parent(id), &[b".wh.", upper.name(id)].concat()),
        Step::Opaque(id) => marker(id, b".wh..wh..opq"),
        Step::Link { name, to } => {
            let target = upper.path(to);
            encode(upper.path(name).as_bytes(), &upper.inode(name).meta, Form::Link(target.as_bytes()))
        }
        Step::Node(id) | Step::Ahead(id) => {
            let inode = upper.inode(id);
            let stored = layers
                .get(usize::from(inode.source.layer))
                .and_then(|layer| layer.entries.get(inode.source.index as usize))
                .map_or(0, |span| span.stored);
            let stored = if matches!(inode.kind, Kind::File { .. }) { stored } else { 0 };
            encode(upper.path(id).as_bytes(), &inode.meta, Form::Node { kind: &inode.kind, stored })
        }
    }
}
