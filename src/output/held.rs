//! An output that goes elsewhere and is looked at before: it is kept here until then.

use std::io::{self, Write};

use super::tarball::Tarball;
use super::{Complete, Sink};
use crate::blob::{CopyError, Span};
use crate::oci::Digest;

/// Keeps an archive, and sends what is in it once it is wanted.
pub(super) struct Held {
    here: Tarball,
    there: Box<dyn Sink>,
    documents: Vec<(Digest, Vec<u8>)>,
    files: Vec<(String, Vec<u8>)>,
}

impl Held {
    /// What goes `there` is kept `here` until then.
    pub(super) fn new(here: Tarball, there: Box<dyn Sink>) -> Self {
        Self { here, there, documents: Vec::new(), files: Vec::new() }
    }
}

impl Sink for Held {
    fn blobs(&mut self, count: usize) -> io::Result<Vec<&mut (dyn Write + Send)>> {
        self.here.blobs(count)
    }

    fn name_blobs(&mut self, blobs: &[(Digest, u64)]) -> io::Result<()> {
        self.here.name_blobs(blobs)
    }

    fn add_blob(&mut self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        self.documents.push((digest, bytes.to_vec()));
        self.here.add_blob(digest, bytes)
    }

    fn copy_blob(&mut self, digest: Digest, blob: &Span, written: &mut dyn FnMut(Span)) -> Result<(), CopyError> {
        self.here.copy_blob(digest, blob, written)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.files.push((name.to_owned(), bytes.to_vec()));
        self.here.file(name, bytes)
    }

    fn complete(&mut self) -> io::Result<Complete> {
        self.here.complete()
    }

    fn finish(self: Box<Self>) -> io::Result<Option<String>> {
        let Self { mut here, mut there, documents, files } = *self;
        for (digest, blob) in here.named()? {
            let is_document = documents.iter().any(|(document, _)| *document == digest);
            if !is_document && !there.has_blob(digest, &blob)? {
                there.copy_blob(digest, &blob, &mut |_| ())?;
            }
        }
        for (digest, bytes) in &documents {
            there.add_blob(*digest, bytes)?;
        }
        for (name, bytes) in &files {
            there.file(name, bytes)?;
        }
        there.complete()?;
        there.finish()
    }
}
