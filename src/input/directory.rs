//! A layout directory: the regular files in it, by name.
//!
//! # Decisions
//! - Only regular files count. Opening anything else may wait for ever (a named pipe) or do something (a device), so
//!   what it is is asked before it is opened and once more afterwards.
//! - A name that a document gives never leads outside: docker load resolves such names inside the archive too, whatever
//!   `..` and links there are.
//! - A link that the directory itself has is its owner's. `index.json` and blobs that are named by their digest may lie
//!   wherever it leads, as skopeo reads them: people share one `blobs` among many layouts, and build tools hand out
//!   directories of links. A digest says what has to be there. Other files (those that only `manifest.json` names) have
//!   to be in the directory.

use std::ffi::OsStr;
use std::fs::{self, File, FileType};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};

use super::error::OpenError;
use super::store::Store;
use super::tarball::normalized;
use crate::blob::Span;
use crate::oci::Digest;

/// Documents that a person's tools put there, by names that nobody else chooses.
const DOCUMENTS: [&str; 3] = ["index.json", "oci-layout", "manifest.json"];

/// A directory that holds an image.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// The same without links on the way.
    real: PathBuf,
}

impl Directory {
    /// The directory at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), real: fs::canonicalize(path)? })
    }
}

impl Store for Directory {
    fn file(&self, name: &str) -> Result<Option<Span>, OpenError> {
        let outside = || OpenError::Outside { name: name.to_owned() };
        let failed = |problem| OpenError::File { name: name.to_owned(), problem };
        let other = |found| OpenError::NotAFile { name: name.to_owned(), found };
        let inside = normalized(b"", name.as_bytes()).ok_or_else(outside)?;
        let path = self.path.join(OsStr::from_bytes(&inside));
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => {}
            Ok(found) => return Err(other(called(found.file_type()))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        }
        if !may_be_elsewhere(&inside) && !fs::canonicalize(&path).map_err(failed)?.starts_with(&self.real) {
            return Err(outside());
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(open(&path, flags, Mode::empty()).map_err(|error| failed(error.into()))?);
        let found = file.metadata().map_err(failed)?;
        if !found.is_file() {
            return Err(other(called(found.file_type())));
        }
        Span::whole(file).map(Some).map_err(failed)
    }

    fn any(&self, _: &dyn Fn(&str) -> bool) -> bool {
        false
    }

    fn expected(&self) -> &'static str {
        "expected an OCI image layout"
    }
}

/// Whether a link may lead from the file of this name to anywhere.
fn may_be_elsewhere(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let is_blob = || name.strip_prefix("blobs/sha256/").and_then(Digest::from_hex).is_some();
    DOCUMENTS.contains(&name) || is_blob()
}

/// What a person calls a file that is not a regular one.
fn called(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_dir() => "directory",
        kind if kind.is_fifo() => "named pipe",
        kind if kind.is_socket() => "socket",
        _ => "device",
    }
}
