//! An OCI image layout as a directory.

use std::fs::{self, File, FileType};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::staging::StagedDirectory;
use super::{Complete, Means, Sink, Waiting, former};
use crate::blob::{CopyError, Span};
use crate::oci::Digest;

const BLOBS: &str = "blobs/sha256";

/// Writes each blob to a file that gets its name when its digest is known.
pub(super) struct Layout {
    staged: StagedDirectory,
    /// The blobs that are being written.
    next: Vec<File>,
    size: u64,
}

impl Layout {
    /// A layout for `target`, which may hold an older layout and nothing else.
    pub(super) fn create(target: &Path, means: Means) -> io::Result<Self> {
        let staged = StagedDirectory::create(target, parts, means)?;
        for name in ["blobs", BLOBS] {
            let directory = staged.path().join(name);
            fs::create_dir(&directory)?;
            former::take_over(&File::open(directory)?, &staged.target().join(name))?;
        }
        Ok(Self { staged, next: Vec::new(), size: 0 })
    }

    /// A file that may be read by those who could read the older layout.
    fn create_file(&self, path: &Path) -> io::Result<File> {
        // To be read back, too.
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        former::take_over(&file, &self.staged.target().join("index.json"))?;
        Ok(file)
    }

    fn next_path(&self, at: usize) -> PathBuf {
        self.staged.path().join(format!("{BLOBS}/.next{at}"))
    }
}

impl Sink for Layout {
    fn blobs(&mut self, count: usize) -> io::Result<Vec<&mut (dyn Write + Send)>> {
        let files = (0..count).map(|at| self.create_file(&self.next_path(at)));
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
        let mut file = self.create_file(&self.staged.path().join(digest.blob_path()))?;
        blob.copy_to(&mut file, written)?;
        file.sync_data()?;
        self.size += blob.len();
        Ok(())
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.create_file(&self.staged.path().join(name))?;
        file.write_all(bytes)?;
        file.sync_data()?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn complete(&mut self) -> io::Result<Complete> {
        Ok(Complete { bytes: self.size, waiting: Some(Waiting::Directory(self.staged.path().to_owned())) })
    }

    fn finish(self: Box<Self>) -> io::Result<Option<String>> {
        self.staged.finish()
    }
}

/// What the layout in `directory` consists of, what is in a directory before the directory. An error at anything that
/// is no part of a layout: it would be lost when the layout is replaced.
fn parts(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in entries(directory, Path::new(""))? {
        let (name, kind) = entry?;
        match name.to_str() {
            Some("oci-layout" | "index.json" | "manifest.json" | "repositories") if !kind.is_dir() => found.push(name),
            Some("blobs") if kind.is_dir() => {
                blobs(directory, &name, &mut found)?;
                found.push(name);
            }
            _ => return Err(unknown(&name)),
        }
    }
    Ok(found)
}

/// The same of the directory of blobs: a directory for each algorithm, in it files whose names are digests.
fn blobs(directory: &Path, blobs: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in entries(directory, blobs)? {
        let (algorithm, kind) = entry?;
        if !kind.is_dir() || !algorithm.ends_with("sha256") && !algorithm.ends_with("sha512") {
            return Err(unknown(&algorithm));
        }
        for entry in entries(directory, &algorithm)? {
            let (blob, kind) = entry?;
            if kind.is_dir() || !is_digest(&blob) {
                return Err(unknown(&blob));
            }
            found.push(blob);
        }
        found.push(algorithm);
    }
    Ok(())
}

/// What is in the directory `below` of `directory`: paths that begin with `below`, and what they are, links not
/// followed.
fn entries(directory: &Path, below: &Path) -> io::Result<impl Iterator<Item = io::Result<(PathBuf, FileType)>>> {
    let entries = fs::read_dir(directory.join(below))?;
    Ok(entries.map(move |entry| {
        let entry = entry?;
        Ok((below.join(entry.file_name()), entry.file_type()?))
    }))
}

fn is_digest(path: &Path) -> bool {
    let is_hex = |name: &str| matches!(name.len(), 64 | 128) && name.bytes().all(|b| b.is_ascii_hexdigit());
    path.file_name().and_then(std::ffi::OsStr::to_str).is_some_and(is_hex)
}

fn unknown(path: &Path) -> io::Error {
    let problem = format!("it holds {path:?}, which would be lost: give a new or empty directory");
    io::Error::new(io::ErrorKind::DirectoryNotEmpty, problem)
}
