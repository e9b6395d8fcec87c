//! An archive as a tar. Headers say nothing of the machine or the time, so equal images make equal files.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use tar::{EntryType, Header};

use super::staging::StagedFile;
use super::{Complete, Means, Sink, Target, Waiting};
use crate::blob::{CopyError, Span};
use crate::oci::Digest;
use crate::tar::BLOCK;

/// Writes blobs straight into the tar; a blob's header is written over a placeholder when its name and size are known.
pub(super) struct Tarball {
    staged: StagedFile,
    /// Offset of the next header.
    end: u64,
    directories: HashSet<String>,
    /// Where each is, and its bytes.
    blobs: HashMap<Digest, (u64, u64)>,
    /// Blobs that are written at the same time as the one in place.
    others: Vec<File>,
}

const PLACEHOLDER: [u8; BLOCK] = [0; BLOCK];

impl Tarball {
    pub(super) fn create(target: &Target, tmp_dir: &Path, means: Means) -> io::Result<Self> {
        let staged = StagedFile::create(target, tmp_dir, means).map_err(|problem| match problem.kind() {
            io::ErrorKind::IsADirectory => {
                io::Error::new(problem.kind(), format!("{problem}, or use --format oci-dir"))
            }
            _ => problem,
        })?;
        Ok(Self { staged, end: 0, directories: HashSet::new(), blobs: HashMap::new(), others: Vec::new() })
    }

    /// The blobs that are in it, in their order.
    pub(super) fn named(&mut self) -> io::Result<Vec<(Digest, Span)>> {
        let all = Span::private(self.staged.file().try_clone()?)?;
        let mut blobs: Vec<_> = self.blobs.iter().map(|(digest, place)| (*digest, *place)).collect();
        blobs.sort_by_key(|(_, (offset, _))| *offset);
        Ok(blobs.into_iter().map(|(digest, (offset, size))| (digest, all.part(offset, size))).collect())
    }

    /// Adds the directories that `name` is in.
    fn directories(&mut self, name: &str) -> io::Result<()> {
        for (at, _) in name.match_indices('/') {
            let directory = &name[..=at];
            if self.directories.insert(directory.to_owned()) {
                let header = header(directory, 0, EntryType::Directory)?;
                self.staged.file().write_all(header.as_bytes())?;
                self.end += BLOCK as u64;
            }
        }
        Ok(())
    }

    /// Puts its header before the blob that was written in place.
    fn name_first(&mut self, digest: Digest, size: u64) -> io::Result<()> {
        let end = self.end;
        let file = self.staged.file();
        if self.blobs.contains_key(&digest) {
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
            return Ok(());
        }
        self.blobs.insert(digest, (end + BLOCK as u64, size));
        file.seek(SeekFrom::Start(end))?;
        file.write_all(header(&digest.blob_path(), size, EntryType::Regular)?.as_bytes())?;
        file.seek(SeekFrom::Start(end + BLOCK as u64 + size))?;
        self.pad(size)
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let padded = size.next_multiple_of(BLOCK as u64);
        let missing = usize::try_from(padded - size).unwrap_or_default();
        self.staged.file().write_all(&PLACEHOLDER[..missing])?;
        self.end += BLOCK as u64 + padded;
        Ok(())
    }
}

impl Sink for Tarball {
    fn blobs(&mut self, count: usize) -> io::Result<Vec<&mut (dyn Write + Send)>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        self.directories("blobs/sha256/")?;
        let end = self.end;
        let file = self.staged.file();
        file.seek(SeekFrom::Start(end))?;
        file.write_all(&PLACEHOLDER)?;
        // One can be written in its place, others have to wait until they know where theirs is.
        let others = (1..count).map(|_| self.staged.spool());
        self.others = others.collect::<io::Result<_>>()?;
        let others = self.others.iter_mut().map(|file| file as &mut (dyn Write + Send));
        Ok(std::iter::once(&mut self.staged as &mut (dyn Write + Send)).chain(others).collect())
    }

    fn name_blobs(&mut self, blobs: &[(Digest, u64)]) -> io::Result<()> {
        let Some(((digest, size), others)) = blobs.split_first() else { return Ok(()) };
        self.name_first(*digest, *size)?;
        for (file, (digest, _)) in std::mem::take(&mut self.others).into_iter().zip(others) {
            self.copy_blob(*digest, &Span::private(file)?, &mut |_| ())?;
        }
        Ok(())
    }

    fn copy_blob(&mut self, digest: Digest, blob: &Span, written: &mut dyn FnMut(Span)) -> Result<(), CopyError> {
        if self.blobs.contains_key(&digest) {
            return Ok(());
        }
        self.directories("blobs/sha256/")?;
        self.blobs.insert(digest, (self.end + BLOCK as u64, blob.len()));
        let header = header(&digest.blob_path(), blob.len(), EntryType::Regular)?;
        let file = self.staged.file();
        file.write_all(header.as_bytes())?;
        blob.copy_to(file, written)?;
        Ok(self.pad(blob.len())?)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.directories(name)?;
        let size = bytes.len() as u64;
        let file = self.staged.file();
        file.write_all(header(name, size, EntryType::Regular)?.as_bytes())?;
        file.write_all(bytes)?;
        self.pad(size)
    }

    fn complete(&mut self) -> io::Result<Complete> {
        let file = self.staged.file();
        file.write_all(&[PLACEHOLDER; 2].concat())?;
        let waiting = Some(Waiting::Archive(file.try_clone()?));
        Ok(Complete { bytes: self.end + 2 * BLOCK as u64, waiting })
    }

    fn finish(self: Box<Self>) -> io::Result<Option<String>> {
        self.staged.finish(&|_| Ok(())).map(|()| None)
    }
}

/// A header that says nothing of the machine or the time.
pub(super) fn header(name: &str, size: u64, kind: EntryType) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(kind);
    header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    Ok(header)
}
