//! Documents as blobs, and what describes a blob.

use crate::oci::{Digest, Document};

/// A blob that is named by what is in it.
#[derive(Clone, Debug)]
pub struct Blob {
    /// The digest.
    pub digest: Digest,
    /// The contents.
    pub bytes: Vec<u8>,
}

impl Blob {
    /// A blob with these contents.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), bytes }
    }

    /// Makes a descriptor describe this blob.
    pub(super) fn describe(&self, descriptor: &mut Document, media_type: &str) {
        describe(descriptor, media_type, self.digest, self.bytes.len() as u64);
    }
}

/// Makes a descriptor describe something else, keeping what it says besides.
pub(super) fn describe(descriptor: &mut Document, media_type: &str, digest: Digest, size: u64) {
    descriptor.set("mediaType", media_type);
    descriptor.set("digest", &digest.to_string());
    descriptor.set("size", &size);
    for stale in ["data", "urls"] {
        descriptor.remove(stale);
    }
}
