//! Output: a place that becomes the target when everything is written, and never before.
//!
//! [`create`] picks the sink, which takes blobs and files; [`Sink::finish`] puts the whole in the target's place. What
//! goes beside it, such as a report, is a [`SideFile`]; [`Taken`] knows what neither may replace.

mod former;
mod held;
mod layout;
mod names;
mod nowhere;
mod place;
mod side;
mod staging;
mod stream;
mod taken;
mod tarball;

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use names::abandon;
pub use side::SideFile;
pub use stream::TarWriter;
pub use taken::Taken;

use crate::blob::{CopyError, Span};
use crate::oci::Digest;
use crate::text::quoted;

/// Which consumers the output is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// An OCI archive that is a Docker archive too.
    #[default]
    Universal,
    /// An OCI archive: no `manifest.json`.
    OciArchive,
    /// A Docker archive: no `index.json`.
    DockerArchive,
    /// An OCI image layout directory.
    OciDirectory,
}

impl Format {
    /// Whether an index leads to the manifests.
    pub fn has_index(self) -> bool {
        self != Self::DockerArchive
    }
}

/// Where the output goes.
#[derive(Clone, Debug)]
pub enum Target {
    /// A file, or a directory for [`Format::OciDirectory`].
    Path(PathBuf),
    /// Standard output.
    Stdout,
    /// Nowhere: everything is done but nothing is kept.
    Nowhere,
    /// Somewhere else.
    Dock(Arc<dyn Dock>),
}

/// A place for images that is neither a file nor standard output. A new one implements this.
pub trait Dock: fmt::Debug + Send + Sync {
    /// What it is called, as a person names it.
    fn name(&self) -> String;

    /// Makes ready to write there, with files in `tmp_dir` for what has to wait. What can be known to fail at the end
    /// fails here.
    fn open(&self, tmp_dir: &Path) -> io::Result<Box<dyn Sink>>;

    /// The command with which a person goes on from there.
    fn next(&self) -> String;

    /// Whether what is called so there is one image for one platform.
    fn takes_one(&self) -> bool;
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Path(one), Self::Path(other)) => one == other,
            (Self::Stdout, Self::Stdout) | (Self::Nowhere, Self::Nowhere) => true,
            (Self::Dock(one), Self::Dock(other)) => one.name() == other.name(),
            _ => false,
        }
    }
}

impl Eq for Target {}

impl Target {
    /// Whether one image for one platform can be written there, and not more.
    pub fn takes_one(&self) -> bool {
        matches!(self, Self::Dock(dock) if dock.takes_one())
    }

    /// The command with which a person goes on from what is written there in `format`; `None` when there is none.
    pub fn next(&self, format: Format) -> Option<String> {
        let path = match self {
            Self::Path(path) => path,
            Self::Dock(dock) => return Some(dock.next()),
            Self::Stdout | Self::Nowhere => return None,
        };
        let path = quoted(&path.display().to_string());
        Some(match format {
            Format::Universal | Format::DockerArchive => format!("docker load -i {path}"),
            Format::OciArchive => format!("podman load -i {path}"),
            Format::OciDirectory => format!("skopeo copy oci:{path} DESTINATION"),
        })
    }
}

/// Takes the parts of an image archive.
pub trait Sink {
    /// Where the bytes of the next `count` blobs go, which may be written at once. They count only once
    /// [`Sink::name_blobs`] is called.
    fn blobs(&mut self, count: usize) -> io::Result<Vec<&mut (dyn Write + Send)>>;

    /// Names the blobs just written, with their sizes. One that is there already is kept once.
    fn name_blobs(&mut self, blobs: &[(Digest, u64)]) -> io::Result<()>;

    /// Adds a small blob.
    fn add_blob(&mut self, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        if let Some(output) = self.blobs(1)?.first_mut() {
            output.write_all(bytes)?;
        }
        self.name_blobs(&[(digest, bytes.len() as u64)])
    }

    /// Adds a blob as it is; one that is there already is kept once. While it is copied `written` is told of all that
    /// is there of the copy, again and again, so that it can be verified; what keeps nothing tells of the blob itself.
    fn copy_blob(&mut self, digest: Digest, blob: &Span, written: &mut dyn FnMut(Span)) -> Result<(), CopyError>;

    /// Whether the target has the blob called `digest` already, or need not have it, and vouches for it: then it is
    /// neither read nor copied.
    fn has_blob(&mut self, _digest: Digest, _blob: &Span) -> io::Result<bool> {
        Ok(false)
    }

    /// Adds a file.
    fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Ends what was written, where it waits for its place. Nothing is added after that.
    fn complete(&mut self) -> io::Result<Complete>;

    /// Puts everything in the target's place. Returns what a person should know, if there is something.
    fn finish(self: Box<Self>) -> io::Result<Option<String>>;
}

/// An output that waits for its place.
#[derive(Debug)]
pub struct Complete {
    /// Its bytes.
    pub bytes: u64,
    /// Where it can be read; `None` when nothing is kept of it.
    pub waiting: Option<Waiting>,
}

/// Where an output waits for its place.
#[derive(Debug)]
pub enum Waiting {
    /// An archive.
    Archive(File),
    /// A layout directory.
    Directory(PathBuf),
}

/// Which calls a staged output makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    /// What this system has of its own, and what every system has where that is not enough.
    Own,
    /// Only what every system has.
    #[cfg_attr(not(test), allow(dead_code))] // what the tests take
    Portable,
}

/// A sink for `target`. What can be known to fail at the end fails here. `tmp_dir` is for what cannot be put beside the
/// target; what goes nowhere or elsewhere is kept there until the end if it is to be `read_back`.
pub fn create(target: &Target, format: Format, tmp_dir: &Path, read_back: bool) -> io::Result<Box<dyn Sink>> {
    match (target, format) {
        (Target::Dock(dock), _) if read_back => {
            let there = dock.open(tmp_dir)?;
            let here = tarball::Tarball::create(&Target::Nowhere, tmp_dir, Means::Own)?;
            Ok(Box::new(held::Held::new(here, there)))
        }
        (Target::Dock(dock), _) => dock.open(tmp_dir),
        (Target::Nowhere, _) if !read_back => Ok(Box::new(nowhere::Nowhere::default())),
        (Target::Path(path), Format::OciDirectory) => Ok(Box::new(layout::Layout::create(path, Means::Own)?)),
        (Target::Stdout, Format::OciDirectory) => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "a directory cannot be written to standard output"))
        }
        (Target::Stdout | Target::Path(_) | Target::Nowhere, _) => {
            Ok(Box::new(tarball::Tarball::create(target, tmp_dir, Means::Own)?))
        }
    }
}
