//! Where a target is: links followed, and what is known to fail at the end refused at the beginning.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::system;

/// Links from a name to a file.
const MAX_LINKS: usize = 40;

/// What is at a target.
pub(super) enum Place {
    /// A file or directory, or nothing yet: at this path, which is no link.
    Path(PathBuf, Option<Metadata>),
    /// What is written to, not replaced: a pipe, a device.
    Stream,
}

/// Whether a path can only be that of a directory, whatever is there.
pub(super) fn is_directory_name(path: &Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    [&b"/"[..], b"/.", b"/.."].iter().any(|end| path.ends_with(end)) || [&b"."[..], b".."].contains(&path)
}

/// Finds the place of `target`. A link keeps leading to what is there, also if nothing is there yet: who made the link
/// said where the file is to be.
pub(super) fn find(target: &Path) -> io::Result<Place> {
    match fs::metadata(target) {
        Ok(found) if found.is_file() || found.is_dir() => {
            let path = fs::canonicalize(target)?;
            if system::is_mount_point(&path) {
                let problem = "something is mounted there, which cannot be replaced: name a file or directory in it";
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, problem));
            }
            Ok(Place::Path(path, Some(found)))
        }
        Ok(_) => Ok(Place::Stream),
        Err(error) if is_absent(&error) => {
            let path = follow(target)?;
            let (directory, name) = (directory(&path)?, path.file_name().ok_or(io::ErrorKind::NotFound)?);
            // Where the process is may have another name in the end.
            let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
            Ok(Place::Path(directory.join(name), None))
        }
        Err(error) => Err(error),
    }
}

/// Where a link leads that leads to nothing; any other path as it is.
pub(super) fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(next) = fs::read_link(&path) else { return Ok(path) };
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(io::Error::other("too many links lead on from it"))
}

/// Whether an error says that there is no such file.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The directory that `path` is in, which must be there.
pub(super) fn directory(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(parent) if !parent.is_dir() => {
            let problem = format!("the directory {} does not exist", parent.display());
            Err(io::Error::new(io::ErrorKind::NotFound, problem))
        }
        Some(parent) => Ok(parent),
        None => Ok(Path::new("/")),
    }
}
