//! Opening an archive: a file, a directory or a stream, compressed as a whole or not.

use std::fs::File;
use std::io::{self, BufRead, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

use super::directory::Directory;
use super::tarball::{Tarball, TarballError};
use crate::blob::Span;
use crate::codec::{Codec, MAGIC_BYTES, UnknownCodec, decode, sniff};
use crate::limits::Limits;

/// Where the input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file, a named pipe or a directory.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

/// The files of an archive by name.
#[derive(Debug)]
pub enum Store {
    /// In a tar.
    Tarball(Tarball),
    /// In a directory.
    Directory(Directory),
}

/// An archive that cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error("cannot read it: {0}")]
    Read(io::Error),
    /// A file of it cannot be read.
    #[error("cannot read {name}: {problem}")]
    File {
        /// Its name in the archive.
        name: String,
        /// What happened.
        problem: io::Error,
    },
    /// Something else has the name of a file.
    #[error("{name} is a {found}, expected a regular file")]
    NotAFile {
        /// Its name in the archive.
        name: String,
        /// What it is.
        found: &'static str,
    },
    /// A document names a file that is no part of the archive.
    #[error("\"{name}\" leads outside the directory, where no file of an image lies")]
    Outside {
        /// The name.
        name: String,
    },
    /// The temporary copy of a stream cannot be written.
    #[error("cannot write a temporary copy in {}: {problem} (choose another place with --tmp-dir)", .place.display())]
    Spool {
        /// The directory.
        place: PathBuf,
        /// What happened.
        problem: io::Error,
    },
    /// It has no bytes.
    #[error("it is empty, expected an image archive")]
    Empty,
    /// It is compressed in a way that archives are not.
    #[error(transparent)]
    Codec(#[from] UnknownCodec),
    /// Uncompressed it has no end.
    #[error("it inflates to more than {limit} bytes: decompress it yourself if you trust it")]
    Endless {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It is no tar.
    #[error(transparent)]
    Tar(#[from] TarballError),
}

impl Store {
    /// The bytes of the file called `name`, links followed; `None` when there is none.
    pub fn get(&self, name: &str) -> Result<Option<Span>, OpenError> {
        match self {
            Self::Tarball(tarball) => Ok(tarball.get(name)?),
            Self::Directory(directory) => directory.get(name),
        }
    }
}

impl OpenError {
    /// Whether it is about one file of the archive, and others can still be read.
    pub(super) fn is_of_one_file(&self) -> bool {
        matches!(
            self,
            Self::File { .. } | Self::NotAFile { .. } | Self::Outside { .. } | Self::Tar(TarballError::LinkCycle(_))
        )
    }
}

/// Opens `origin`. What cannot be read twice, or is compressed as a whole, is first copied to an unnamed temporary file
/// in `tmp_dir`; `seen` is told of every stretch copied, in bytes.
pub fn open(origin: &Origin, tmp_dir: &Path, limits: &Limits, seen: &(dyn Fn(u64) + Sync)) -> Result<Store, OpenError> {
    let mut file = match origin {
        Origin::Path(path) if path.is_dir() => {
            return Directory::open(path).map(Store::Directory).map_err(OpenError::Read);
        }
        Origin::Path(path) => File::open(path).map_err(OpenError::Read)?,
        Origin::Stdin => stdin().map_err(OpenError::Read)?,
    };
    // A redirected file can be read in place, unless someone read from it before.
    let in_place = file.metadata().is_ok_and(|meta| meta.is_file()) && file.stream_position().is_ok_and(|at| at == 0);
    let archive = if in_place {
        let span = Span::whole(file).map_err(OpenError::Read)?;
        let mut magic = [0; MAGIC_BYTES];
        match sniff(span.peek(&mut magic).map_err(OpenError::Read)?)? {
            Codec::Plain => span,
            codec => {
                let copy = spool(span.reader(), codec, tmp_dir, limits, seen)?;
                span.unchanged().map_err(OpenError::Read)?;
                copy
            }
        }
    } else {
        let magic = magic(&mut file).map_err(OpenError::Read)?;
        let codec = sniff(&magic)?;
        spool(magic.as_slice().chain(file), codec, tmp_dir, limits, seen)?
    };
    if archive.is_empty() {
        return Err(OpenError::Empty);
    }
    Ok(Store::Tarball(Tarball::scan(&archive)?))
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
fn spool(
    reader: impl Read + Send,
    codec: Codec,
    tmp_dir: &Path,
    limits: &Limits,
    seen: &(dyn Fn(u64) + Sync),
) -> Result<Span, OpenError> {
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
