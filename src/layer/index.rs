//! Reading a layer: every byte is verified, and what remains is what the layer says and where its entries lie.
//!
//! # Decisions
//! - What follows the end-of-archive blocks is hashed and otherwise not looked at, as tar readers do.

use std::fmt;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;
use xxhash_rust::xxh3::{Xxh3, Xxh3Default};

use super::entries::Entries;
use super::frames::Windows;
use super::look::{Look, LookInside};
use super::open::{Blob, Seen, Source, Text, Whole};
use super::plain::Plain;
use crate::blob::{Changed, Mismatch, Sealed, check};
use crate::budget::{Budget, Held, OverBudget};
use crate::buffers::Buffers;
use crate::codec::{Codec, MAGIC_BYTES, UnknownCodec, sniff};
use crate::deflate::Access;
use crate::hash::Hashing;
use crate::limits::Limits;
use crate::oci::{DiffId, Digest};
use crate::tar::{InvalidTar, Members, padded};
use crate::tree::{Fate, InvalidPath, LayerDiff, PutError, TreePath};

/// A layer that was read.
#[derive(Debug)]
pub struct LayerIndex {
    /// How the blob is compressed.
    pub codec: Codec,
    /// The digest of the blob.
    pub digest: Option<Digest>,
    /// The blob once it was read to its end and is what it should be. Whoever reads it again reads this.
    pub sealed: Option<Sealed>,
    /// Whether no image has it: it holds contents that are made here.
    pub is_made: bool,
    /// Bytes of the uncompressed layer.
    pub plain_size: u64,
    /// Whether nothing but zeros comes after the last entry.
    pub ends_with_zeros: bool,
    /// Whether the blob is no gzip of several members, which some consumers do not read to the end.
    pub in_one_part: bool,
    /// Whether headers have times of access or change, which are no part of the tree.
    pub other_times: bool,
    /// Where reading a gzip blob can begin, besides its start.
    pub ways_in: Vec<Access>,
    /// Every entry, in order.
    pub entries: Vec<EntrySpan>,
    /// What became of each entry within the layer.
    pub fates: Vec<Fate>,
    /// What is worth telling a person.
    pub notes: Vec<Note>,
    /// The memory that its entries take up, and what it says.
    pub held: Option<Held>,
}

impl LayerIndex {
    /// A layer of which nothing is known yet.
    pub(super) fn new(codec: Codec) -> Self {
        let (entries, fates, notes, ways_in) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self {
            codec,
            digest: None,
            sealed: None,
            is_made: false,
            plain_size: 0,
            ends_with_zeros: false,
            in_one_part: false,
            other_times: false,
            ways_in,
            entries,
            fates,
            notes,
            held: None,
        }
    }
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
    /// The blob is no longer what was read of it.
    #[error(transparent)]
    Changed(#[from] Changed),
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
    /// It is compressed in another way than its descriptor says.
    #[error(
        "its media type says that its compression is {}, and it is {}: squash this layer too, then it gets the right one",
        .described.name(), .found.name()
    )]
    Described {
        /// What the descriptor says.
        described: Codec,
        /// What the bytes are.
        found: Codec,
    },
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
    /// More than all layers of an image may have.
    #[error(
        "the layers up to it have more than {limit} bytes together: raise the limit with --max-layer-size if you trust the image"
    )]
    TooLargeTogether {
        /// The limit, in bytes.
        limit: u64,
    },
    /// More metadata than memory is meant for.
    #[error("its entries need {0}")]
    TooMuchMetadata(#[from] OverBudget),
}

impl Source {
    /// What manifest and config say of the blob; `None` when they do not tell its digest. What is elsewhere stays
    /// there: its compression is what its descriptor says.
    pub fn claimed(&self) -> Result<Option<LayerIndex>, IndexError> {
        let codec = if self.blob.is_distant() { self.described_codec() } else { self.codec()?? };
        // A plain blob is the layer itself.
        let digest = self.layer.digest.or((codec == Codec::Plain).then_some(self.layer.diff_id.0));
        Ok(digest.map(|digest| LayerIndex { digest: Some(digest), ..LayerIndex::new(codec) }))
    }
}

/// Takes the fingerprint of contents.
#[allow(clippy::large_enum_variant)] // there is one at a time, and it is never moved
enum Fingerprint {
    /// Without a key: most files are small, and making a key for each would cost more than it takes to read them.
    Plain(Xxh3Default),
    /// With a key that nobody can know.
    Keyed(Box<Xxh3>),
}

impl Fingerprint {
    fn new(seed: u64) -> Self {
        if seed == 0 { Self::Plain(Xxh3Default::new()) } else { Self::Keyed(Box::new(Xxh3::with_seed(seed))) }
    }

    fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Plain(hasher) => hasher.update(piece),
            Self::Keyed(hasher) => hasher.update(piece),
        }
    }

    fn digest(&self) -> u64 {
        match self {
            Self::Plain(hasher) => hasher.digest(),
            Self::Keyed(hasher) => hasher.digest(),
        }
    }
}

/// What all layers of an image share while they are read.
pub(super) struct Reading<'r> {
    pub(super) limits: &'r Limits,
    /// Bytes of all layers so far, and what they may have.
    pub(super) total: (&'r AtomicU64, u64),
    pub(super) budget: &'r Budget,
    pub(super) hashing: &'r Hashing,
    pub(super) buffers: &'r Buffers,
    /// Bytes of a gzip blob from one way in to the next.
    pub(super) spacing: u64,
    /// Memory for the windows of zstd blobs.
    pub(super) windows: &'r Windows,
    /// Is told of every stretch of a blob read.
    pub(super) seen: Seen<'r>,
    /// What fingerprints of contents begin with.
    pub(super) seed: u64,
    /// Looks at what is in a layer, if anybody does.
    pub(super) look: Option<&'r dyn Look>,
}

impl Reading<'_> {
    /// Reads and verifies `source`.
    pub(super) fn index(&self, source: &Source) -> Result<(LayerIndex, LayerDiff), IndexError> {
        let codec = source.codec()??;
        let hash = Some(self.hashing.begin());
        let mut blob = Blob::new(source.blob.reader(), self.buffers).hashed(hash).told(self.seen);
        let mut look = self.look.map(|look| look.begin(source.layer.diff_id));
        let read = self.read(source, codec, &mut blob, look.as_deref_mut());
        let Whole { sealing, hash } = blob.finish()?;
        if let (Some(expected), Some((found, size))) = (source.layer.digest, hash) {
            // A blob that is not the one that was meant explains every other error.
            check(found, size, expected, source.layer.size.unwrap_or(source.blob.len()))?;
        }
        let (index, diff, diff_id) = read?;
        let digest = hash.map(|(digest, _)| digest);
        let expected = source.layer.diff_id;
        // A plain blob is the layer itself, so one hash verifies both.
        match diff_id.or(digest.map(DiffId)) {
            Some(found) if found != expected => Err(IndexError::DiffId { expected, found }),
            _ => {
                if let Some(look) = look {
                    look.finish();
                }
                Ok((LayerIndex { digest, sealed: Some(sealing.seal(&source.blob)), ..index }, diff))
            }
        }
    }

    /// Verifies a copy of a layer that is kept as it is: against what was read of it, and if it was not, against what
    /// [`Source::claimed`] was believed. A copy that broke off is nothing to verify: whoever made it knows why.
    pub(super) fn verify(
        &self,
        source: &Source,
        index: &LayerIndex,
        mut copy: impl Read + Send,
    ) -> Result<(), IndexError> {
        if let Some(sealed) = &index.sealed {
            let Whole { sealing, .. } = Blob::new(copy, self.buffers).finish()?;
            return if sealing.len() < source.blob.len() { Ok(()) } else { Ok(sealed.compare(&sealing)?) };
        }
        let mut magic = Vec::new();
        copy.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut magic)?;
        let blob = Blob::new(magic.as_slice().chain(copy), self.buffers);
        let Whole { hash, .. } = blob.hashed(Some(self.hashing.begin())).told(self.seen).finish()?;
        let Some((found, size)) = hash else { unreachable!("it was hashed") };
        if size < source.blob.len() {
            return Ok(());
        }
        match source.layer.digest {
            Some(digest) => check(found, size, digest, source.layer.size.unwrap_or(source.blob.len()))?,
            None if DiffId(found) == source.layer.diff_id => {}
            None => return Err(IndexError::DiffId { expected: source.layer.diff_id, found: DiffId(found) }),
        }
        match sniff(&magic)? {
            found if found == index.codec => Ok(()),
            found if source.blob.is_distant() => Err(IndexError::Described { described: index.codec, found }),
            // The digest is right, so it was another blob when its compression was looked at.
            _ => Err(Changed::Contents.into()),
        }
    }

    fn read<'r>(
        &'r self,
        source: &Source,
        codec: Codec,
        blob: &mut Blob<'r>,
        mut look: Option<&mut (dyn LookInside + '_)>,
    ) -> Result<(LayerIndex, LayerDiff, Option<DiffId>), IndexError> {
        let limit = self.limits.layer_bytes(source.blob.len());
        let hash = (codec != Codec::Plain).then(|| self.hashing.begin());
        let mut members = Members::new(Plain::new(Text::new(blob, codec, self.spacing, self.windows), hash, limit));
        let mut entries = Entries::new(source.layer.estargz, self.budget.nothing());
        while let Some(member) = members.next_member()? {
            let mut hasher = Fingerprint::new(self.seed);
            if let Some(look) = &mut look {
                look.entry(entries.len(), &member);
            }
            if member.stored > 0 {
                members.contents(&member, |piece| {
                    hasher.update(piece);
                    if let Some(look) = &mut look {
                        look.contents(piece);
                    }
                })?;
            }
            entries.enter(&member, hasher.digest())?;
        }
        let (end, plain) = members.drain()?;
        let (diff_id, ways_in, in_one_part) = plain.finish();
        let (plain_size, ends_with_zeros) = (end.len, end.zeros);
        let (total, limit) = self.total;
        if total.fetch_add(plain_size, Ordering::Relaxed).saturating_add(plain_size) > limit {
            return Err(IndexError::TooLargeTogether { limit });
        }
        let index = LayerIndex { plain_size, ends_with_zeros, in_one_part, ways_in, ..LayerIndex::new(codec) };
        let (index, diff) = entries.finish(index)?;
        Ok((index, diff, diff_id))
    }
}
