//! An image on its way to a daemon: an archive that is written in one go.
//!
//! # Decisions
//! - A layer that is kept goes straight into the stream. A new one waits in an unnamed file until its size is known,
//!   which a tar says before the bytes.
//! - What the daemon says that it loaded is looked at once more under the name that it should have.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::failed;
use crate::blob::{CopyError, Span};
use crate::oci::{Digest, Reference};
use crate::output::{Complete, Sink, TarWriter};
use crate::remote::daemon::{Daemon, Load};

/// What is loaded.
pub(super) struct Loading {
    daemon: Daemon,
    tar: TarWriter<Load>,
    name: Reference,
    tmp_dir: PathBuf,
    /// Blobs that are written and have no name yet.
    next: Vec<File>,
    blobs: HashSet<Digest>,
    /// What the image may be called by: its config, its manifest, its index.
    ids: Vec<Digest>,
}

/// Bytes that are passed on at once.
const PIECE: usize = 256 << 10;

impl Loading {
    pub(super) fn new(daemon: Daemon, load: Load, name: Reference, tmp_dir: &Path) -> Self {
        let (tar, tmp_dir) = (TarWriter::new(load), tmp_dir.to_owned());
        Self { daemon, tar, name, tmp_dir, next: Vec::new(), blobs: HashSet::new(), ids: Vec::new() }
    }
}

impl Sink for Loading {
    fn blobs(&mut self, count: usize) -> io::Result<Vec<&mut (dyn Write + Send)>> {
        let files = (0..count).map(|_| tempfile::tempfile_in(&self.tmp_dir));
        self.next = files.collect::<io::Result<_>>()?;
        Ok(self.next.iter_mut().map(|file| file as &mut (dyn Write + Send)).collect())
    }

    fn name_blobs(&mut self, blobs: &[(Digest, u64)]) -> io::Result<()> {
        for (file, (digest, _)) in std::mem::take(&mut self.next).into_iter().zip(blobs) {
            self.copy_blob(*digest, &Span::private(file)?, &mut |_| ())?;
        }
        Ok(())
    }

    fn add_blob(&mut self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        self.ids.push(digest);
        if self.blobs.insert(digest) {
            self.tar.file(&digest.blob_path(), bytes)?;
        }
        Ok(())
    }

    fn copy_blob(&mut self, digest: Digest, blob: &Span, written: &mut dyn FnMut(Span)) -> Result<(), CopyError> {
        if !self.blobs.insert(digest) {
            return Ok(());
        }
        self.tar.begin(&digest.blob_path(), blob.len())?;
        let (mut reader, mut piece, mut done) = (blob.reader(), vec![0; PIECE], 0);
        loop {
            match reader.read(&mut piece) {
                Ok(0) => break,
                Ok(n) => {
                    self.tar.write_all(&piece[..n])?;
                    done += n as u64;
                    // What went by cannot be read back: what it was read from is.
                    written(blob.part(0, done));
                }
                Err(problem) if problem.kind() == io::ErrorKind::Interrupted => {}
                Err(problem) => return Err(CopyError::Read(problem)),
            }
        }
        Ok(self.tar.end()?)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.tar.file(name, bytes)
    }

    fn complete(&mut self) -> io::Result<Complete> {
        Ok(Complete { bytes: self.tar.complete()?, waiting: None })
    }

    fn finish(self: Box<Self>) -> io::Result<Option<String>> {
        let Self { daemon, tar, name, ids, .. } = *self;
        tar.into_inner().finish().map_err(failed)?;
        daemon.check_loaded(&name, &ids).map_err(failed)?;
        Ok(None)
    }
}
