//! Reading a layer: every byte is verified, and what remains is what the layer says and where its entries lie.
//!
//! # Decisions
//! - What follows the end-of-archive blocks is hashed and otherwise not looked at, as tar readers do.

use std::fmt;
use std::io::{self, Read};

use thiserror::Error;
use xxhash_rust::xxh3::Xxh3Default;

use super::entries::{Budget, Entries};
use super::plain::{Counted, Plain, Seen};
use crate::blob::{Mismatch, Span, Verified};
use crate::codec::{Codec, MAGIC_BYTES, UnknownCodec, decode, sniff};
use crate::limits::Limits;
use crate::oci::{DiffId, Layer};
use crate::tar::{InvalidTar, Members, padded};
use crate::tree::{Fate, InvalidPath, LayerDiff, PutError, TreePath};

/// A layer that can be read.
#[derive(Clone, Debug)]
pub struct Source {
    /// What manifest and config say of it.
    pub layer: Layer,
    /// Where its blob lies.
    pub blob: Span,
}

/// A layer that was read.
#[derive(Debug)]
pub struct LayerIndex {
    /// How the blob is compressed.
    pub codec: Codec,
    /// Bytes of the uncompressed layer.
    pub plain_size: u64,
    /// Every entry, in order.
    pub entries: Vec<EntrySpan>,
    /// What became of each entry within the layer.
    pub fates: Vec<Fate>,
    /// What is worth telling a person.
    pub notes: Vec<Note>,
}

/// Where an entry lies in the uncompressed layer.
#[derive(Clone, Copy, Debug)]
pub struct EntrySpan {
    /// Offset of its header, extensions included.
    pub start: u64,
    /// Bytes of its contents, padding not included.
    pub stored: u64,
    /// Bytes of its header, extensions included.
    pub header: u32,
}

impl EntrySpan {
    /// Offset of the contents.
    pub fn data(&self) -> u64 {
        self.start + u64::from(self.header)
    }

    /// Bytes of the contents with their padding.
    pub fn padded(&self) -> u64 {
        padded(self.stored).unwrap_or(self.stored)
    }
}

/// Something in a layer that is unusual and was dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Character devices 0:0, taken as whiteouts.
    OverlayWhiteouts(u64),
    /// Directories with `trusted.overlay.opaque`.
    OverlayOpaque(u64),
    /// eStargz's own files, which describe the old blob.
    Estargz(u64),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OverlayWhiteouts(n) => write!(f, "{n} overlay whiteouts (character devices 0:0) taken as whiteouts"),
            Self::OverlayOpaque(n) => write!(f, "{n} directories with trusted.overlay.opaque taken as opaque"),
            Self::Estargz(n) => write!(f, "{n} eStargz files dropped, they describe the old layer"),
        }
    }
}

/// A layer that cannot be read.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The bytes cannot be had.
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    /// The blob is not what its descriptor says.
    #[error(transparent)]
    Blob(#[from] Mismatch),
    /// The uncompressed bytes are not what the config says.
    #[error("diff_id mismatch: expected {expected}, found {found}")]
    DiffId {
        /// What the config says.
        expected: DiffId,
        /// What the bytes are.
        found: DiffId,
    },
    /// It is compressed in a way that layers are not.
    #[error(transparent)]
    Codec(#[from] UnknownCodec),
    /// It is no tar that could be extracted.
    #[error(transparent)]
    Tar(#[from] InvalidTar),
    /// A name that is no path.
    #[error("entry \"{name}\": {problem}")]
    Path {
        /// The name as it stands.
        name: String,
        /// What is wrong with it.
        problem: InvalidPath,
    },
    /// A whiteout of nothing.
    #[error("entry \"{0}\" is a whiteout that names nothing")]
    EmptyWhiteout(TreePath),
    /// An entry that cannot be part of a file system.
    #[error(transparent)]
    Put(#[from] PutError),
    /// More metadata than memory is meant for.
    #[error(
        "its entries need more than {limit} bytes of memory: raise the limit with --max-metadata if you trust the image"
    )]
    TooMuchMetadata {
        /// The limit, in bytes.
        limit: u64,
    },
}

/// What all layers of an image share while they are read.
pub(super) struct Reading<'r> {
    pub(super) limits: &'r Limits,
    pub(super) budget: &'r Budget,
    /// Is told of every stretch of a blob read.
    pub(super) seen: Seen<'r>,
}

impl Reading<'_> {
    /// Reads and verifies `source`, the layer at `position` (oldest 0).
    pub(super) fn index(&self, source: &Source, position: u16) -> Result<(LayerIndex, LayerDiff), IndexError> {
        let mut magic = [0; MAGIC_BYTES];
        let codec = sniff(source.blob.peek(&mut magic)?)?;
        let counted = Counted::new(source.blob.reader(), self.seen);
        let Some(digest) = source.layer.digest else {
            return self.read(source, position, codec, counted);
        };
        let mut verified = Verified::new(counted);
        let found = self.read(source, position, codec, &mut verified);
        // A blob that is not the one that was meant explains every other error.
        verified.finish(digest, source.layer.size.unwrap_or(source.blob.len()))??;
        found
    }

    fn read(
        &self,
        source: &Source,
        position: u16,
        codec: Codec,
        compressed: impl Read + Send,
    ) -> Result<(LayerIndex, LayerDiff), IndexError> {
        let limit = self.limits.layer_bytes(source.blob.len());
        let mut members = Members::new(Plain::new(decode(compressed, codec)?, limit));
        let mut entries = Entries::new(position, source.layer.estargz, self.budget);
        while let Some(member) = members.next_member()? {
            let mut hasher = Xxh3Default::new();
            if member.stored > 0 {
                members.contents(&member, |piece| hasher.update(piece))?;
            }
            entries.enter(&member, hasher.digest())?;
        }
        let (plain_size, plain) = members.drain()?;
        let (expected, found) = (source.layer.diff_id, plain.diff_id());
        if found != expected {
            return Err(IndexError::DiffId { expected, found });
        }
        entries.finish(codec, plain_size)
    }
}
