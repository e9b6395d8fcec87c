//! An OCI image layout as a directory.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Sink;
use super::staging::StagedDirectory;
use crate::blob::{CopyError, Span};
use crate::oci::Digest;

/// Writes each blob to a file that gets its name when its digest is known.
pub(super) struct Layout {
    staged: StagedDirectory,
    /// The blobs that are being written.
    next: Vec<File>,
    size: u64,
}

impl Layout {
    /// A layout for `target`, which may hold an older layout and nothing else.
    pub(super) fn create(target: &Path) -> io::Result<Self> {
        let known = ["oci-layout", "index.json", "manifest.json", "repositories", "blobs"];
        let staged = StagedDirectory::create(target, |name| known.contains(&name))?;
        fs::create_dir_all(staged.path().join("blobs/sha256"))?;
        Ok(Self { staged, next: Vec::new(), size: 0 })
    }

    fn next_path(&self, at: usize) -> PathBuf {
        self.staged.path().join(format!("blobs/sha256/.next{at}"))
    }
}

impl Sink for Layout {
    fn blobs(&mut self, count: usize) -> io::Result<Vec<&mut (dyn Write + Send)>> {
        let files = (0..count).map(|at| File::create(self.next_path(at)));
        self.next = files.collect::<io::Result<_>>()?;
        Ok(self.next.iter_mut().map(|file| file as &mut (dyn Write + Send)).collect())
    }

    fn name_blobs(&mut self, blobs: &[(Digest, u64)]) -> io::Result<()> {
        for ((at, file), (digest, size)) in std::mem::take(&mut self.next).into_iter().enumerate().zip(blobs) {
            file.sync_data()?;
            fs::rename(self.next_path(at), self.staged.path().join(digest.blob_path()))?;
            self.size += size;
        }
        Ok(())
    }

    fn copy_blob(&mut self, digest: Digest, blob: &Span, written: &mut dyn FnMut(Span)) -> Result<(), CopyError> {
        // To be read back, too.
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        let mut file = options.open(self.staged.path().join(digest.blob_path()))?;
        blob.copy_to(&mut file, written)?;
        file.sync_data()?;
        self.size += blob.len();
        Ok(())
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(self.staged.path().join(name))?;
        file.write_all(bytes)?;
        file.sync_data()?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<u64> {
        self.staged.finish()?;
        Ok(self.size)
    }
}
