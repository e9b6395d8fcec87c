//! A tar that is written in one go: every size is known before the bytes come.

use std::collections::HashSet;
use std::io::{self, Write};

use tar::EntryType;

use super::tarball::header;
use crate::tar::BLOCK;

/// Writes the files of an archive one after the other.
pub struct TarWriter<W> {
    inner: W,
    /// Bytes written.
    at: u64,
    directories: HashSet<String>,
}

const ZEROS: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

impl<W: Write> TarWriter<W> {
    /// An archive that `inner` takes.
    pub fn new(inner: W) -> Self {
        Self { inner, at: 0, directories: HashSet::new() }
    }

    /// Begins a file of `size` bytes, which are written next.
    pub fn begin(&mut self, name: &str, size: u64) -> io::Result<()> {
        for (at, _) in name.match_indices('/') {
            let directory = &name[..=at];
            if self.directories.insert(directory.to_owned()) {
                let header = header(directory, 0, EntryType::Directory)?;
                self.write_all(header.as_bytes())?;
            }
        }
        let header = header(name, size, EntryType::Regular)?;
        self.write_all(header.as_bytes())
    }

    /// Ends a file whose bytes were written.
    pub fn end(&mut self) -> io::Result<()> {
        let missing = self.at.next_multiple_of(BLOCK as u64) - self.at;
        self.write_all(&ZEROS[..usize::try_from(missing).unwrap_or_default()])
    }

    /// Adds a whole file.
    pub fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.begin(name, bytes.len() as u64)?;
        self.write_all(bytes)?;
        self.end()
    }

    /// Ends the archive. The bytes that it has.
    pub fn complete(&mut self) -> io::Result<u64> {
        self.write_all(&ZEROS)?;
        Ok(self.at)
    }

    /// What took it.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: Write> Write for TarWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.at += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
