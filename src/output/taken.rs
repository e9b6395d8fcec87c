//! What must not be replaced: everything that is read, and everything else that is written. Files are told by device
//! and inode, because one file may have many names.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::place;

/// Files that are taken, each with what a person calls it.
#[derive(Debug, Default)]
pub struct Taken {
    things: Vec<(String, Thing)>,
}

#[derive(Debug)]
enum Thing {
    /// What is open or was there when it was added.
    File(Identity),
    /// What is at this path now, or will be.
    Path(PathBuf),
    /// What there is in a directory.
    Inside(PathBuf),
    /// All that is or will be in a directory.
    Below(PathBuf),
}

/// What makes a file one, whatever its names are: device and inode.
type Identity = (u64, u64);

impl Taken {
    /// What `name` says is read from `path`: a file, or a directory with all that is in it.
    pub fn read(&mut self, name: &str, path: &Path) {
        // A pipe is not held open, and its inode may be that of a new file by and by.
        let found = fs::metadata(path).ok().filter(|found| found.is_file() || found.is_dir());
        if let Some(found) = found {
            self.add(name, Thing::File(identity(&found)));
        }
        self.add(name, Thing::Path(path.to_owned()));
        self.read_inside(name, path);
    }

    /// The same without the file or directory itself: it may be replaced as a whole.
    pub fn read_inside(&mut self, name: &str, path: &Path) {
        self.add(name, Thing::Inside(path.to_owned()));
    }

    /// What `name` says is read from an open file. One that has no name, such as a pipe, cannot be replaced.
    pub fn read_open(&mut self, name: &str, file: impl AsFd) {
        if let Some(found) = is_file(file) {
            self.add(name, Thing::File(found));
        }
    }

    /// What `name` says is written to `path`, where there may be nothing yet; with all that will be in it if it is a
    /// directory.
    pub fn written(&mut self, name: &str, path: &Path) {
        self.add(name, Thing::Path(path.to_owned()));
        self.add(name, Thing::Below(path.to_owned()));
    }

    /// What would be replaced by a file or directory at `path`, as things are now.
    pub fn replaced_by(&self, path: &Path) -> Option<&str> {
        let target = Target::find(path);
        self.things.iter().find(|(_, thing)| target.replaces(thing)).map(|(name, _)| name.as_str())
    }

    /// What would be written over by writing to an open file.
    pub fn is_open(&self, file: impl AsFd) -> Option<&str> {
        let found = is_file(file)?;
        let is_it = |thing: &Thing| match thing {
            Thing::File(taken) => *taken == found,
            Thing::Path(path) => fs::metadata(path).is_ok_and(|taken| identity(&taken) == found),
            Thing::Inside(directory) | Thing::Below(directory) => holds(directory, found),
        };
        self.things.iter().find(|(_, thing)| is_it(thing)).map(|(name, _)| name.as_str())
    }

    fn add(&mut self, name: &str, thing: Thing) {
        self.things.push((name.to_owned(), thing));
    }
}

/// A path at which something is to be put.
struct Target {
    /// The file or directory that is there. What is written to and not replaced has none.
    found: Option<Identity>,
    /// The name that it will have, in which directory.
    name: Option<Name>,
    /// The directories that it is in, of which the target may be one.
    above: Vec<Identity>,
}

type Name = (Identity, OsString);

impl Target {
    fn find(path: &Path) -> Self {
        let found = fs::metadata(path).ok().filter(|found| found.is_file() || found.is_dir());
        Self { found: found.as_ref().map(identity), name: name(path), above: above(path) }
    }

    fn replaces(&self, thing: &Thing) -> bool {
        match thing {
            Thing::File(taken) => self.found == Some(*taken),
            Thing::Path(path) => {
                let is_found = || self.found.is_some() && self.found == find(path);
                is_found() || self.name.is_some() && self.name == name(path) || self.is_above(path)
            }
            Thing::Inside(directory) => {
                let is_inside = || find(directory).is_some_and(|directory| self.above.contains(&directory));
                self.is_above(directory) || self.found.is_some_and(|found| is_inside() || holds(directory, found))
            }
            Thing::Below(directory) => find(directory).is_some_and(|directory| self.above.contains(&directory)),
        }
    }

    /// Whether `path` is in the directory that would be replaced.
    fn is_above(&self, path: &Path) -> bool {
        self.found.is_some_and(|found| above(path).contains(&found))
    }
}

fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}

fn find(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|found| identity(&found))
}

/// The file or directory that is open; `None` for anything else.
fn is_file(file: impl AsFd) -> Option<Identity> {
    let found = File::from(file.as_fd().try_clone_to_owned().ok()?).metadata().ok()?;
    (found.is_file() || found.is_dir()).then(|| identity(&found))
}

/// The name that what is put at `path` gets, links followed.
fn name(path: &Path) -> Option<Name> {
    let path = place::follow(path).ok()?;
    Some((find(place::directory(&path).ok()?)?, path.file_name()?.to_owned()))
}

/// The directories that `path` is in, links followed.
fn above(path: &Path) -> Vec<Identity> {
    let absolute = || {
        let path = place::follow(path).ok()?;
        Some(place::directory(&path).ok()?.canonicalize().ok()?.join(path.file_name()?))
    };
    let Some(path) = fs::canonicalize(path).ok().or_else(absolute) else { return Vec::new() };
    path.ancestors().skip(1).filter_map(find).collect()
}

/// Whether an archive in `directory` has the file in it, under any name.
fn holds(directory: &Path, file: Identity) -> bool {
    // Nothing is read from what is no archive, and it may be large.
    if !["index.json", "manifest.json"].iter().any(|name| directory.join(name).exists()) {
        return false;
    }
    let mut todo = vec![(directory.to_owned(), Room::Archive)];
    while let Some((directory, room)) = todo.pop() {
        let Ok(entries) = fs::read_dir(directory) else { continue };
        for entry in entries.filter_map(io::Result::ok) {
            let path = entry.path();
            let Ok(found) = fs::metadata(&path) else { continue };
            if identity(&found) == file {
                return true;
            }
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            if let (true, Some(next)) = (found.is_dir(), room.next(&entry.file_name(), is_link)) {
                todo.push((path, next));
            }
        }
    }
    false
}

/// A directory of an archive. Links lead on only where the archive is read through them, or they could lead to all
/// files of the machine.
#[derive(Clone, Copy)]
enum Room {
    Archive,
    /// `blobs`.
    Blobs,
    /// The directory of an algorithm in `blobs`.
    Algorithm,
    Other,
}

impl Room {
    /// What the directory `name` in it is; `None` if nothing is read from there.
    fn next(self, name: &OsStr, is_link: bool) -> Option<Self> {
        match self {
            Self::Archive if name == "blobs" => Some(Self::Blobs),
            Self::Blobs => Some(Self::Algorithm),
            Self::Archive | Self::Other if !is_link => Some(Self::Other),
            Self::Archive | Self::Other | Self::Algorithm => None,
        }
    }
}
