//! An OCI image layout as a directory.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::Sink;
use super::staging::StagedDirectory;
use crate::blob::Span;
use crate::oci::Digest;

/// Writes each blob to a file that gets its name when its digest is known.
pub(super) struct Layout {
    staged: StagedDirectory,
    next: Option<File>,
    size: u64,
}

/// The blob that is being written.
const NEXT: &str = "blobs/sha256/.next";

impl Layout {
    /// A layout for `target`, which may hold an older layout and nothing else.
    pub(super) fn create(target: &Path) -> io::Result<Self> {
        let known = ["oci-layout", "index.json", "manifest.json", "repositories", "blobs"];
        let staged = StagedDirectory::create(target, |name| known.contains(&name))?;
        fs::create_dir_all(staged.path().join("blobs/sha256"))?;
        Ok(Self { staged, next: None, size: 0 })
    }
}

impl Sink for Layout {
    fn blob(&mut self) -> io::Result<&mut (dyn Write + Send)> {
        let file = File::create(self.staged.path().join(NEXT))?;
        Ok(self.next.insert(file))
    }

    fn name_blob(&mut self, digest: Digest, size: u64) -> io::Result<()> {
        if let Some(file) = self.next.take() {
            file.sync_data()?;
        }
        fs::rename(self.staged.path().join(NEXT), self.staged.path().join(digest.blob_path()))?;
        self.size += size;
        Ok(())
    }

    fn copy_blob(&mut self, digest: Digest, blob: &Span) -> io::Result<()> {
        let mut file = File::create(self.staged.path().join(digest.blob_path()))?;
        blob.copy_to(&mut file)?;
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
