//! What a new layer's tar is made of: stretches of the source layers, copied as they are, and headers written anew.
//!
//! # Decisions
//! - A header passes through unchanged unless it would say something else than the tree: another path (it went through
//!   a symlink), a link to a name that has moved or gone, metadata that a later layer or link changed.
//! - The contents of a file are always copied from its source entry, so stretches come in the order of the sources.

use std::ops::Range;
use std::sync::Arc;

use thiserror::Error;

use super::index::{EntrySpan, LayerIndex};
use super::usage::Usage;
use crate::ledger::Ledger;
use crate::tar::{BLOCK, Form, encode, has_too_many_records};
use crate::tree::{Emission, EntryRef, Fates, Kind, LayerDiff, Meta, NodeId, Parts, Step, Tree, TreePath};

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

/// A new layer, piece by piece.
#[derive(Debug)]
pub struct Recipe {
    pub(super) segments: Vec<Segment>,
    /// Bytes of contents that come from each source layer.
    pub(super) contents: Vec<u64>,
    /// Bytes of the new uncompressed layer.
    pub plain_size: u64,
    /// Entries of the new layer.
    pub entries: u64,
}

impl Recipe {
    /// What it copies: the position of a layer and bytes of its uncompressed tar. All else is headers and the end.
    pub fn copies(&self) -> impl Iterator<Item = (u16, Range<u64>)> + '_ {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Copy { layer, start, len } => Some((*layer, *start..*start + *len)),
            Segment::Header(_) => None,
        })
    }
}

/// Larger headers than anyone needs.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TooMuchWritten {
    /// Short entries that stand for long paths or large attributes, again and again.
    #[error(
        "the headers of the new layer need more than {limit} bytes: raise the limit with --max-metadata if you trust the image"
    )]
    Together {
        /// The limit, in bytes.
        limit: u64,
    },
    /// A file whose attributes and names are more than a header holds.
    #[error("the header of \"{0}\" would have more than a mebibyte of records, which no reader takes")]
    One(TreePath),
}

/// Two zero blocks end an archive.
pub(super) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

struct Cook<'l> {
    diff: &'l LayerDiff,
    upper: &'l Tree,
    layers: &'l [Arc<LayerIndex>],
    usage: &'l mut Usage,
    recipe: Recipe,
    /// Bytes that are written anew.
    written: u64,
    /// A name whose header nobody could read.
    unreadable: Option<NodeId>,
}

/// The recipes for the parts of `diff`, whose entries lie in `layers`, and the ledger of the layers at the positions
/// `squashed`, of whose entries that became what `fates` says. No more than `limit` bytes of headers are written anew.
pub fn recipes(
    diff: Option<(&LayerDiff, &Parts)>,
    layers: &[Arc<LayerIndex>],
    fates: &Fates,
    squashed: &Range<usize>,
    limit: u64,
) -> Result<(Vec<Recipe>, Ledger), TooMuchWritten> {
    let mut usage = Usage::new(layers);
    let (mut recipes, mut written) = (Vec::new(), 0);
    for (diff, parts, part) in
        diff.into_iter().flat_map(|(diff, parts)| (0..parts.count()).map(move |part| (diff, parts, part)))
    {
        let contents = vec![0; layers.len()];
        let recipe = Recipe { segments: Vec::new(), contents, plain_size: 0, entries: 0 };
        let mut cook =
            Cook { diff, upper: diff.upper(), layers, usage: &mut usage, recipe, written: 0, unreadable: None };
        for step in Emission::new(diff, parts, part) {
            cook.step(step);
            if written + cook.written > limit {
                return Err(TooMuchWritten::Together { limit });
            }
            if let Some(id) = cook.unreadable {
                return Err(TooMuchWritten::One(diff.upper().path(id)));
            }
        }
        let end = END.len() as u64;
        cook.recipe.plain_size += end;
        written += cook.written + end;
        recipes.push(cook.recipe);
    }
    let mut ledger = usage.ledger(layers, fates, squashed);
    ledger.written += written;
    Ok((recipes, ledger))
}

impl Cook<'_> {
    fn step(&mut self, step: Step) {
        let is_left_out = |id| self.upper.is_implied(id) && self.diff.leaves_implied_out();
        if matches!(step, Step::Ahead(id) | Step::Node(id) if is_left_out(id)) {
            return;
        }
        self.recipe.entries += 1;
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
            Step::Ahead(id) | Step::Node(id) if self.upper.is_implied(id) || !self.upper.has_entry(id) => {
                self.write(step)
            }
            Step::Ahead(id) => self.rewrite(self.upper.entry(id), step),
            Step::Node(id) => {
                let source = self.upper.inode(id).source;
                if self.upper.entry(id) == source && self.keeps_header(id) {
                    self.copy_header(source);
                } else {
                    self.rewrite(self.upper.entry(id), step);
                }
                if has_contents(&self.upper.inode(id).kind) {
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

    fn copy_header(&mut self, entry: EntryRef) {
        let Some(span) = self.span(entry) else { return };
        self.copy(entry.layer, span.start, u64::from(span.header));
        if let Some(used) = self.usage.of(entry) {
            used.header = true;
        }
    }

    fn copy_contents(&mut self, entry: EntryRef) {
        let Some(span) = self.span(entry) else { return };
        self.copy(entry.layer, span.data(), span.padded());
        self.recipe.contents[usize::from(entry.layer)] += span.padded();
        if let Some(used) = self.usage.of(entry) {
            used.contents = true;
        }
    }

    fn rewrite(&mut self, entry: EntryRef, step: Step) {
        if let Some(used) = self.usage.of(entry) {
            used.rewritten = true;
        }
        self.write(step);
    }

    fn write(&mut self, step: Step) {
        let header = header(self.upper, step, self.layers);
        if has_too_many_records(&header) {
            self.unreadable = Some(step.name());
        }
        let len = header.len() as u64;
        self.recipe.plain_size += len;
        self.written += len;
        self.recipe.segments.push(Segment::Header(step));
    }

    fn copy(&mut self, layer: u16, start: u64, len: u64) {
        self.recipe.plain_size += len;
        match self.recipe.segments.last_mut() {
            Some(Segment::Copy { layer: last, start: from, len: run }) if *last == layer && *from + *run == start => {
                *run += len;
            }
            _ if len > 0 => self.recipe.segments.push(Segment::Copy { layer, start, len }),
            _ => {}
        }
    }
}

/// Whether an inode has the contents of its source entry. A file that was emptied has not.
fn has_contents(kind: &Kind) -> bool {
    matches!(kind, Kind::File { size: 1.., .. })
}

/// The blocks of a header that is written anew.
pub(super) fn header(upper: &Tree, step: Step, layers: &[Arc<LayerIndex>]) -> Vec<u8> {
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
            let stored = if has_contents(&inode.kind) { stored } else { 0 };
            encode(upper.path(id).as_bytes(), &inode.meta, Form::Node { kind: &inode.kind, stored })
        }
    }
}
