//! An image on its way to a registry.
//!
//! # Decisions
//! - A new layer waits in an unnamed file until its digest is known, because it is sent in one piece that is called by
//!   its digest. Only what is missing is sent.
//! - Manifests and indexes are sent by their digests, what they lead to first; the tag is the last.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::failed;
use crate::blob::{CopyError, Span};
use crate::oci::{Digest, Document, DocumentKind, digest_of, document_kind};
use crate::output::{Complete, Sink};
use crate::remote::registry::Repository;

/// What is pushed.
pub(super) struct Pushing {
    into: Repository,
    tag: String,
    /// Where blobs may be already.
    beside: Vec<Repository>,
    connections: usize,
    tmp_dir: PathBuf,
    /// Blobs that are written and have no name yet.
    next: Vec<File>,
    /// Blobs that are there.
    there: HashSet<Digest>,
    /// Configs, manifests and indexes.
    documents: BTreeMap<Digest, Vec<u8>>,
    /// What an archive's `index.json` would be.
    index: Vec<u8>,
    /// What the tag will lead to, once everything else is there.
    root: Option<Root>,
    bytes: u64,
}

/// A manifest or an index: its type and its bytes.
type Root = (String, Vec<u8>);

impl Pushing {
    pub(super) fn new(
        into: Repository,
        tag: &str,
        beside: Vec<Repository>,
        connections: usize,
        tmp_dir: &Path,
    ) -> Self {
        Self {
            into,
            tag: tag.to_owned(),
            beside,
            connections,
            tmp_dir: tmp_dir.to_owned(),
            next: Vec::new(),
            there: HashSet::new(),
            documents: BTreeMap::new(),
            index: Vec::new(),
            root: None,
            bytes: 0,
        }
    }

    /// Sends blobs, a few at once.
    fn send(&self, blobs: &[(Digest, Span)]) -> io::Result<()> {
        let todo = Mutex::new(blobs.iter());
        let next = || todo.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            while let Some((digest, blob)) = next() {
                let open = || Ok(Box::new(blob.reader()) as Box<dyn Read>);
                self.into.push_blob(*digest, blob.len(), None, &open).map_err(failed)?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..self.connections.min(blobs.len())).map(|_| scope.spawn(work)).collect();
            let mut sent = work();
            for other in others {
                let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                sent = sent.and(other);
            }
            sent
        })
    }

    /// Sends what the document that `descriptor` means leads to. The document, which may be sent then.
    fn below(&self, descriptor: &Document) -> io::Result<Root> {
        let digest = digest_of(descriptor).map_err(io::Error::other)?;
        let Some(bytes) = self.documents.get(&digest) else {
            return Err(io::Error::other(format!("{digest} was not made")));
        };
        let document = Document::parse(bytes, "a manifest").map_err(io::Error::other)?;
        let media_type: String = descriptor.get("mediaType", "").ok().flatten().unwrap_or_default();
        if document_kind(&media_type.as_str().into()) == DocumentKind::Index {
            let inner: Option<Vec<Document>> = document.get("manifests", "an index").map_err(io::Error::other)?;
            for descriptor in inner.unwrap_or_default() {
                let (media_type, bytes) = self.below(&descriptor)?;
                self.into.push_manifest(&media_type, &bytes).map_err(failed)?;
            }
        } else {
            let config: Option<Document> = document.get("config", "a manifest").map_err(io::Error::other)?;
            let config = config.map(|config| digest_of(&config)).transpose().map_err(io::Error::other)?;
            if let Some((digest, bytes)) = config.and_then(|config| self.documents.get_key_value(&config)) {
                self.send(&[(*digest, Span::of(bytes.clone()))])?;
            }
        }
        Ok((media_type, bytes.clone()))
    }

    /// The only image that is to be tagged.
    fn only(&self) -> io::Result<Document> {
        let index = Document::parse(&self.index, "the index").map_err(io::Error::other)?;
        let entries: Option<Vec<Document>> = index.get("manifests", "the index").map_err(io::Error::other)?;
        let (mut entries, mut known) = (entries.unwrap_or_default(), HashSet::new());
        entries.retain(|entry| digest_of(entry).is_ok_and(|digest| known.insert(digest)));
        match (entries.pop(), entries.len()) {
            (Some(entry), 0) => Ok(entry),
            _ => Err(io::Error::other(format!(
                "there are {} images and one tag: choose one with --ref or --platform",
                known.len()
            ))),
        }
    }
}

impl Sink for Pushing {
    fn blobs(&mut self, count: usize) -> io::Result<Vec<&mut (dyn Write + Send)>> {
        let files = (0..count).map(|_| tempfile::tempfile_in(&self.tmp_dir));
        self.next = files.collect::<io::Result<_>>()?;
        Ok(self.next.iter_mut().map(|file| file as &mut (dyn Write + Send)).collect())
    }

    fn name_blobs(&mut self, blobs: &[(Digest, u64)]) -> io::Result<()> {
        let mut todo = Vec::new();
        for (file, (digest, size)) in std::mem::take(&mut self.next).into_iter().zip(blobs) {
            if self.there.insert(*digest) {
                self.bytes += size;
                todo.push((*digest, Span::private(file)?));
            }
        }
        self.send(&todo)
    }

    fn add_blob(&mut self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        if self.documents.insert(digest, bytes.to_vec()).is_none() {
            self.bytes += bytes.len() as u64;
        }
        Ok(())
    }

    fn copy_blob(&mut self, digest: Digest, blob: &Span, written: &mut dyn FnMut(Span)) -> Result<(), CopyError> {
        // What is sent is what is there; the registry compares it with the digest too.
        written(blob.clone());
        self.there.insert(digest);
        self.bytes += blob.len();
        Ok(self.send(&[(digest, blob.clone())])?)
    }

    fn has_blob(&mut self, digest: Digest, blob: &Span) -> io::Result<bool> {
        if self.there.contains(&digest) {
            return Ok(true);
        }
        let is_there = self.into.place_blob(digest, &self.beside).map_err(failed)?;
        if is_there {
            self.there.insert(digest);
            self.bytes += blob.len();
        }
        Ok(is_there)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        if name == "index.json" {
            self.index = bytes.to_vec();
        }
        Ok(())
    }

    fn complete(&mut self) -> io::Result<Complete> {
        self.root = Some(self.below(&self.only()?)?);
        Ok(Complete { bytes: self.bytes, waiting: None })
    }

    fn finish(self: Box<Self>) -> io::Result<Option<String>> {
        let Some((media_type, bytes)) = &self.root else { return Err(io::Error::other("it is not complete")) };
        self.into.push_tag(&self.tag, media_type, bytes).map_err(failed)?;
        Ok(None)
    }
}
