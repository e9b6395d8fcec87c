//! The documents of the new image. Pure.
//!
//! # Decisions
//! - Documents are the input's own with only these members edited: config `rootfs.diff_ids`, `history`, `created`, and
//!   what a person asked to edit (and, when times are set, what the classic builder notes of one build); manifest `mediaType`, `config`, `layers`, `annotations`; descriptors `mediaType`,
//!   `digest`, `size`. An embedded copy (`data`) or other places (`urls`) of what they described are dropped.

mod docker;
mod edits;
mod history;
mod image;
mod index;
mod layers;

pub use docker::{DockerFiles, docker_files, names};
pub use edits::{ConfigEdits, Edits, HistoryMode, MediaTypes, Provenance};
pub use image::{Assembled, image};
pub use index::{Index, index};
pub use layers::Final;

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
    fn new(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), bytes }
    }

    fn describe(&self, descriptor: &mut Document, media_type: &str) {
        describe(descriptor, media_type, self.digest, self.bytes.len() as u64);
    }
}

/// Makes a descriptor describe something else, keeping what it says besides.
fn describe(descriptor: &mut Document, media_type: &str, digest: Digest, size: u64) {
    descriptor.set("mediaType", media_type);
    descriptor.set("digest", &digest.to_string());
    descriptor.set("size", &size);
    for stale in ["data", "urls"] {
        descriptor.remove(stale);
    }
}
