//! A target that keeps nothing: what would be written is made, verified, measured and forgotten.

use std::collections::HashSet;
use std::io::{self, Write};

use super::{Complete, Sink};
use crate::blob::{CopyError, Span};
use crate::oci::Digest;

/// Counts what it is given.
#[derive(Default)]
pub(super) struct Nowhere {
    outputs: Vec<io::Sink>,
    blobs: HashSet<Digest>,
    bytes: u64,
}

impl Sink for Nowhere {
    fn blobs(&mut self, count: usize) -> io::Result<Vec<&mut (dyn Write + Send)>> {
        self.outputs = (0..count).map(|_| io::sink()).collect();
        Ok(self.outputs.iter_mut().map(|output| output as &mut (dyn Write + Send)).collect())
    }

    fn name_blobs(&mut self, blobs: &[(Digest, u64)]) -> io::Result<()> {
        for (digest, size) in blobs {
            self.bytes += if self.blobs.insert(*digest) { *size } else { 0 };
        }
        Ok(())
    }

    fn copy_blob(&mut self, digest: Digest, blob: &Span, written: &mut dyn FnMut(Span)) -> Result<(), CopyError> {
        written(blob.clone());
        Ok(self.name_blobs(&[(digest, blob.len())])?)
    }

    /// What is elsewhere stays there: it would be verified when it is copied.
    fn has_blob(&mut self, digest: Digest, blob: &Span) -> io::Result<bool> {
        if blob.is_distant() {
            self.name_blobs(&[(digest, blob.len())])?;
        }
        Ok(blob.is_distant())
    }

    fn file(&mut self, _: &str, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn complete(&mut self) -> io::Result<Complete> {
        Ok(Complete { bytes: self.bytes, waiting: None })
    }

    fn finish(self: Box<Self>) -> io::Result<Option<String>> {
        Ok(None)
    }
}
