//! The outer archive: which file lies where. Only headers are read; contents are passed over.
//!
//! # Decisions
//! - Read with the reader for layers, not the `tar` crate's: a header of a crafted archive can then ask for no more
//!   than a megabyte, and names and sizes mean the same in both.
//! - A later member of the same name replaces the earlier one, as extraction does.
//! - Links are followed: `docker save` before version 25 writes a repeated layer as a symlink to the first.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};

use super::error::{MAX_MEMBERS, OpenError, TarballError};
use super::store::Store;
use crate::blob::{Span, SpanReader};
use crate::budget::{Budget, Held};
use crate::tar::{Forward, Members};

/// The files of a tar by name.
#[derive(Debug)]
pub(super) struct Tarball {
    members: HashMap<Vec<u8>, Where>,
    /// The memory that they take up.
    _held: Held,
}

#[derive(Clone, Debug)]
enum Where {
    File(Span),
    Link(Vec<u8>),
}

/// Bytes of memory that a file takes up besides its name.
const MEMBER: u64 = 150;
/// Links that lead to links.
const MAX_HOPS: usize = 16;

impl Tarball {
    /// Finds the files of the tar in `archive`.
    pub(super) fn scan(archive: &Span, budget: &Budget) -> Result<Self, TarballError> {
        let (mut members, mut held) = (HashMap::new(), budget.nothing());
        let mut reader = Members::new(Skipping::new(archive));
        while let Some(member) = reader.next_member()? {
            let Some(name) = normalized(b"", &member.name) else { continue };
            let place = match member.typeflag {
                b'0' if member.meta.extra.sparse.is_some() => return Err(TarballError::Sparse(shown(&name))),
                b'S' => return Err(TarballError::Sparse(shown(&name))),
                b'0' => Where::File(archive.part(member.data, member.stored)),
                b'1' => Where::Link(normalized(b"", &member.link).unwrap_or_default()),
                b'2' => Where::Link(normalized(directory(&name), &member.link).unwrap_or_default()),
                _ => continue,
            };
            held.add(MEMBER + (name.len() + member.link.len()) as u64)?;
            members.insert(name, place);
            if members.len() > MAX_MEMBERS {
                return Err(TarballError::TooMany);
            }
            reader.pass(&member)?;
        }
        Ok(Self { members, _held: held })
    }

    /// The bytes of the file called `name`, links followed; `None` when there is none.
    fn get(&self, name: &str) -> Result<Option<Span>, TarballError> {
        let Some(mut at) = normalized(b"", name.as_bytes()) else { return Ok(None) };
        for _ in 0..MAX_HOPS {
            match self.members.get(&at) {
                None => return Ok(None),
                Some(Where::File(span)) => return Ok(Some(span.clone())),
                Some(Where::Link(target)) => at.clone_from(target),
            }
        }
        Err(TarballError::LinkCycle(name.to_owned()))
    }
}

impl Store for Tarball {
    fn file(&self, name: &str) -> Result<Option<Span>, OpenError> {
        Ok(self.get(name)?)
    }

    fn any(&self, wanted: &dyn Fn(&str) -> bool) -> bool {
        self.members.keys().any(|name| std::str::from_utf8(name).is_ok_and(wanted))
    }

    fn expected(&self) -> &'static str {
        "expected an archive made by docker save, podman save or skopeo"
    }
}

/// `name` seen from `directory`, without `.`, `..` and doubled slashes; `None` when it leaves the archive.
pub(super) fn normalized(directory: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let from = if name.starts_with(b"/") { b"" } else { directory };
    for part in from.split(|byte| *byte == b'/').chain(name.split(|byte| *byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => _ = parts.pop()?,
            _ => parts.push(part),
        }
    }
    Some(parts.join(&b'/'))
}

fn directory(name: &[u8]) -> &[u8] {
    name.iter().rposition(|byte| *byte == b'/').map_or(b"", |at| &name[..at])
}

fn shown(name: &[u8]) -> String {
    name.escape_ascii().to_string()
}

/// Reads headers through a small buffer and jumps over contents.
struct Skipping {
    buffer: BufReader<SpanReader>,
}

impl Skipping {
    fn new(archive: &Span) -> Self {
        Self { buffer: BufReader::with_capacity(4096, archive.reader()) }
    }
}

impl Read for Skipping {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.buffer.read(bytes)
    }
}

impl BufRead for Skipping {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.buffer.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.buffer.consume(n);
    }
}

impl Forward for Skipping {
    fn pass(&mut self, count: u64) -> io::Result<()> {
        let buffered = self.buffer.buffer().len();
        match usize::try_from(count) {
            Ok(count) if count <= buffered => self.buffer.consume(count),
            _ => {
                self.buffer.consume(buffered);
                self.buffer.get_mut().skip(count - buffered as u64)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::limits::Limits;

    fn scan(write: impl FnOnce(&mut ::tar::Builder<&mut std::fs::File>)) -> Result<Tarball, TarballError> {
        let mut file = tempfile::tempfile().unwrap();
        let mut builder = ::tar::Builder::new(&mut file);
        write(&mut builder);
        builder.finish().unwrap();
        drop(builder);
        Tarball::scan(&Span::whole(file).unwrap(), &Budget::new(&Limits::default()))
    }

    fn file(builder: &mut ::tar::Builder<&mut std::fs::File>, name: &str, bytes: &[u8]) {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes).unwrap();
    }

    fn link(builder: &mut ::tar::Builder<&mut std::fs::File>, name: &str, target: &str, kind: ::tar::EntryType) {
        let mut header = ::tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder.append_link(&mut header, name, target).unwrap();
    }

    #[test]
    fn files_are_found_through_links_and_later_ones_win() {
        let tarball = scan(|tar| {
            file(tar, "a/layer.tar", b"old");
            file(tar, "./a/layer.tar", &b"new".repeat(5000));
            link(tar, "b/layer.tar", "../a/layer.tar", ::tar::EntryType::Symlink);
            link(tar, "c/layer.tar", "a/layer.tar", ::tar::EntryType::Link);
            link(tar, "out", "../../etc/passwd", ::tar::EntryType::Symlink);
            file(tar, "last", b"x");
        });
        let tarball = tarball.unwrap();
        for name in ["a/layer.tar", "b/layer.tar", "c/layer.tar", "/a//layer.tar"] {
            assert_eq!(tarball.get(name).unwrap().unwrap().read_all(1 << 20).unwrap(), b"new".repeat(5000), "{name}");
        }
        assert_eq!(tarball.get("last").unwrap().unwrap().read_all(9).unwrap(), b"x");
        assert!(tarball.get("out").unwrap().is_none());
        assert!(tarball.get("../etc").unwrap().is_none());
    }

    #[test]
    fn a_circle_of_links_is_an_error() {
        let tarball = scan(|tar| {
            link(tar, "a", "b", ::tar::EntryType::Symlink);
            link(tar, "b", "a", ::tar::EntryType::Symlink);
        });
        assert!(matches!(tarball.unwrap().get("a"), Err(TarballError::LinkCycle(_))));
    }

    #[test]
    fn an_archive_cut_inside_a_file_is_an_error_before_anything_else() {
        let mut file = tempfile::tempfile().unwrap();
        let mut header = ::tar::Header::new_gnu();
        header.set_path("layer").unwrap();
        header.set_size(10_000);
        header.set_cksum();
        file.write_all(header.as_bytes()).unwrap();
        file.write_all(&[0; 9_999]).unwrap();
        let error =
            Tarball::scan(&Span::whole(file).unwrap(), &Budget::new(&Limits::default())).unwrap_err().to_string();
        assert_eq!(
            error,
            "it is not a readable tar archive: the tar ends inside an entry (at byte 0 of the tar, entry \"layer\")"
        );
    }
}
