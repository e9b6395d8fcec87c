//! The layers of a new image as its documents name them.

use super::blob::describe;
use super::edits::Edits;
use crate::codec::Codec;
use crate::layer::Written;
use crate::oci::{DiffId, Digest, Document, Layer};

/// A layer of the new image.
#[derive(Clone, Copy, Debug)]
pub enum Final<'f> {
    /// One of the input, as it is.
    Kept {
        /// What the input says of it.
        layer: &'f Layer,
        /// The digest of its blob.
        digest: Digest,
        /// Bytes of its blob.
        size: u64,
        /// How it is compressed.
        codec: Codec,
    },
    /// A new one.
    New {
        /// The layer.
        written: &'f Written,
        /// What is in it, when it is one of several.
        title: Option<&'f str>,
    },
}

impl<'f> Final<'f> {
    /// The title of a new layer, which may have none.
    pub(super) fn new_title(&self) -> Option<Option<&'f str>> {
        match self {
            Self::Kept { .. } => None,
            Self::New { title, .. } => Some(*title),
        }
    }

    /// The digest of the blob.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Kept { digest, .. } => *digest,
            Self::New { written, .. } => written.digest,
        }
    }

    pub(super) fn diff_id(&self) -> DiffId {
        match self {
            Self::Kept { layer, .. } => layer.diff_id,
            Self::New { written, .. } => written.diff_id,
        }
    }

    pub(super) fn descriptor(&self, edits: &Edits) -> Document {
        let (mut descriptor, codec, size) = match self {
            Self::Kept { layer, size, codec, .. } => (layer.descriptor.clone(), *codec, *size),
            Self::New { written, .. } => (Document::default(), written.codec, written.size),
        };
        describe(&mut descriptor, edits.media_types.layer(codec), self.digest(), size);
        descriptor
    }
}
