//! Opening an archive: a file, a directory or a stream, compressed as a whole or not.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::directory::Directory;
use super::error::{OpenError, TarballError};
use super::hints::{instead, kind};
use super::store::Store;
use super::tarball::Tarball;
use crate::blob::Span;
use crate::budget::Budget;
use crate::codec::{Codec, MAGIC_BYTES, decode, sniff};
use crate::limits::Limits;
use crate::tar::BLOCK;

/// Where the input comes from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A file, a named pipe or a directory.
    Path(PathBuf),
    /// Standard input.
    Stdin,
    /// Somewhere else.
    Door(Arc<dyn Door>),
}

/// A place of images that is neither a file nor standard input. A new one implements this.
pub trait Door: fmt::Debug + Send + Sync {
    /// What it is called, as a person names it.
    fn name(&self) -> String;

    /// Opens it.
    fn open(&self, with: &Opening<'_>) -> Result<Box<dyn Store>, OpenError>;
}

/// What opening a place needs.
#[derive(Clone, Copy)]
pub struct Opening<'o> {
    /// Where copies of streams go.
    pub tmp_dir: &'o Path,
    /// What an archive may ask for.
    pub limits: &'o Limits,
    /// What the archive may make us hold, once it is told how many bytes the archive has; [`open_stream`] tells it.
    pub budget: &'o Budget,
    /// Is told of every stretch that is copied, in bytes.
    pub seen: &'o (dyn Fn(u64) + Sync),
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Path(one), Self::Path(other)) => one == other,
            (Self::Stdin, Self::Stdin) => true,
            (Self::Door(one), Self::Door(other)) => one.name() == other.name(),
            _ => false,
        }
    }
}

impl Eq for Origin {}

impl fmt::Display for Origin {
    /// As messages call it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("standard input"),
            Self::Door(door) => f.write_str(&door.name()),
        }
    }
}

/// Opens `origin`. What cannot be read twice, or is compressed as a whole, is first copied to an unnamed temporary
/// file.
pub fn open(origin: &Origin, with: &Opening<'_>) -> Result<Box<dyn Store>, OpenError> {
    let mut file = match origin {
        Origin::Path(path) if path.is_dir() => {
            with.budget.admit(blob_bytes(path));
            return Ok(Box::new(Directory::open(path).map_err(OpenError::Read)?));
        }
        Origin::Path(path) => File::open(path).map_err(|problem| unopened(path, problem))?,
        Origin::Stdin => stdin().map_err(OpenError::Read)?,
        Origin::Door(door) => return door.open(with),
    };
    // A redirected file can be read in place, unless someone read from it before.
    let in_place = file.metadata().is_ok_and(|meta| meta.is_file()) && file.stream_position().is_ok_and(|at| at == 0);
    if !in_place {
        return open_stream(file, with);
    }
    let span = Span::whole(file).map_err(OpenError::Read)?;
    let mut magic = [0; MAGIC_BYTES];
    let archive = match sniff(span.peek(&mut magic).map_err(OpenError::Read)?)? {
        Codec::Plain => {
            with.budget.admit(span.len());
            span
        }
        codec => {
            let copy = spool(span.reader(), codec, with)?;
            span.unchanged().map_err(OpenError::Read)?;
            copy
        }
    };
    scan(&archive, with.budget)
}

fn unopened(path: &Path, problem: io::Error) -> OpenError {
    match instead(path) {
        Some(hint) if problem.kind() == io::ErrorKind::NotFound => OpenError::Absent(hint),
        _ => OpenError::Read(problem),
    }
}

/// Opens the archive that a stream brings.
pub fn open_stream(mut stream: impl Read + Send, with: &Opening<'_>) -> Result<Box<dyn Store>, OpenError> {
    let magic = magic(&mut stream).map_err(OpenError::Read)?;
    let codec = sniff(&magic)?;
    scan(&spool(magic.as_slice().chain(stream), codec, with)?, with.budget)
}

/// Opens an archive that is not compressed as a whole.
pub fn open_archive(archive: &Span, with: &Opening<'_>) -> Result<Box<dyn Store>, OpenError> {
    with.budget.admit(archive.len());
    scan(archive, with.budget)
}

fn scan(archive: &Span, budget: &Budget) -> Result<Box<dyn Store>, OpenError> {
    if archive.is_empty() {
        return Err(OpenError::Empty);
    }
    match Tarball::scan(archive, budget) {
        Ok(tarball) => Ok(Box::new(tarball)),
        Err(problem @ TarballError::Tar(_)) => {
            let mut head = [0; BLOCK];
            let found = kind(archive.peek(&mut head).map_err(OpenError::Read)?);
            Err(found.map_or(problem.into(), |found| OpenError::NotAnArchive { found }))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Bytes of the blobs of a layout directory.
fn blob_bytes(layout: &Path) -> u64 {
    // A directory without any is told of when its documents are read.
    let files = std::fs::read_dir(layout.join("blobs/sha256")).into_iter().flatten();
    files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len())).fold(0, u64::saturating_add)
}

/// Standard input as a file, so that it can be read at any offset if it is one.
fn stdin() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// The first bytes of a stream, however small its pieces are.
fn magic(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAGIC_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Copies a stream, decompressed, to an unnamed file.
fn spool(reader: impl Read + Send, codec: Codec, with: &Opening<'_>) -> Result<Span, OpenError> {
    let Opening { tmp_dir, limits, budget, seen } = *with;
    let failed = |problem| OpenError::Spool { place: tmp_dir.to_owned(), problem };
    let mut copy = tempfile::tempfile_in(tmp_dir).map_err(failed)?;
    let compressed = AtomicU64::new(0);
    let counted = Counted { inner: reader, count: &compressed, seen };
    let mut plain = decode(counted, codec).map_err(OpenError::Read)?;
    let mut total = 0_u64;
    loop {
        let piece = match plain.fill_buf() {
            Ok([]) => break,
            Ok(piece) => piece,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(OpenError::Read(error)),
        };
        copy.write_all(piece).map_err(failed)?;
        let n = piece.len();
        plain.consume(n);
        total += n as u64;
        let limit = limits.archive_bytes(compressed.load(Ordering::Relaxed));
        if codec != Codec::Plain && total > limit {
            return Err(OpenError::Endless { limit });
        }
    }
    drop(plain);
    budget.admit(compressed.load(Ordering::Relaxed));
    Span::private(copy).map_err(failed)
}

struct Counted<'c, R> {
    inner: R,
    count: &'c AtomicU64,
    seen: &'c (dyn Fn(u64) + Sync),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        (self.seen)(n as u64);
        Ok(n)
    }
}
