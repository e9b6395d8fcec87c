//! Members of a layer tar: each header with its extensions resolved, and where it lies.

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::sync::Arc;

use super::error::{InvalidTar, TarProblem};
use super::fields::{Fields, SparseRecords, SparseVersion};
use super::header::{BLOCK, BLOCK_BYTES, Block};
use super::pax::{self, Record};
use super::sparse::{self, BlockMap, InvalidSparse};
use crate::tree::{Extra, Meta, SparseMap, Timestamp};

/// One member: what its header, with long names, PAX records and sparse maps, says.
#[derive(Debug)]
pub struct Member {
    /// Offset of its first block, extensions included.
    pub start: u64,
    /// Offset of its contents.
    pub data: u64,
    /// Bytes of its contents as they are stored, padding not included.
    pub stored: u64,
    /// Its type as in the header, where `0` stands for every kind of regular file but `S`.
    pub typeflag: u8,
    /// Its name as it is spelled.
    pub name: Vec<u8>,
    /// The target of a link.
    pub link: Vec<u8>,
    /// Whether its header gives it several names or targets, or has several headers of one kind before it, of which not
    /// every reader takes the same.
    pub names_differ: bool,
    /// Owner, mode, time and attributes.
    pub meta: Meta,
    /// Size of a regular file, holes included.
    pub size: u64,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Whether the header has times besides that in `meta`, which nothing extracts.
    pub other_times: bool,
}

/// As Go's reader has it; real ones have a few hundred bytes.
pub(super) const MAX_EXTENSION: u64 = 1 << 20;

/// Bytes of attributes that are looked for again in later members.
const MAX_SHARED: u64 = 16 << 20;

/// Bytes that can be passed over.
pub trait Forward: BufRead {
    /// Passes over `count` bytes; an error when there are fewer.
    fn pass(&mut self, count: u64) -> io::Result<()> {
        let mut left = count;
        while left > 0 {
            let n = match self.fill_buf() {
                Ok(piece) => usize::try_from(left).unwrap_or(usize::MAX).min(piece.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.consume(n);
            left -= n as u64;
        }
        Ok(())
    }
}

impl Forward for &[u8] {}

impl<R: io::Read> Forward for io::BufReader<R> {}

/// How a tar ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Bytes of the tar.
    pub len: u64,
    /// Whether nothing but zeros came after the last member.
    pub zeros: bool,
}

/// Reads the members of an uncompressed tar, in order.
pub struct Members<R> {
    reader: R,
    position: u64,
    /// Bytes of the current member's contents and padding that are still to come.
    left: u64,
    extras: HashSet<Arc<Extra>>,
    /// Bytes of memory that `extras` take up.
    shared: u64,
}

/// What a header is.
enum Head {
    /// The end of the archive, or of the bytes.
    End,
    /// Says more about the member that follows.
    Extension,
    /// A global PAX header, which applies to nothing (docker, podman and containerd ignore it), or a volume label.
    NoFile,
    /// A member's own header.
    Member(Box<Block>),
}

/// Extensions read before a header.
#[derive(Default)]
struct Extensions {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    pax: Vec<u8>,
    /// Their types.
    types: Vec<u8>,
    /// Whether readers differ in what they say: there are two of a type, or one says nothing.
    differ: bool,
}

impl Extensions {
    fn note(&mut self, typeflag: u8) {
        self.differ |= self.types.contains(&typeflag);
        if matches!(typeflag, b'x' | b'L' | b'K') && !self.differ {
            self.types.push(typeflag);
        }
    }

    /// A long name; one of no bytes leaves the header's own.
    fn long(&mut self, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let name = until_nul(bytes);
        self.differ |= name.is_empty();
        Some(name).filter(|name| !name.is_empty())
    }
}

impl<R: Forward> Members<R> {
    /// Begins at the start of the tar.
    pub fn new(reader: R) -> Self {
        Self { reader, position: 0, left: 0, extras: HashSet::new(), shared: 0 }
    }

    /// The next member; `None` at the end of the archive. What is left of the previous one is skipped.
    pub fn next_member(&mut self) -> Result<Option<Member>, InvalidTar> {
        let left = std::mem::take(&mut self.left);
        let at = self.position;
        self.skip(left).map_err(|problem| Self::error(problem, at, None))?;
        let mut start = self.position;
        let mut extensions = Extensions::default();
        loop {
            let at = self.position;
            let step = self.step(&mut extensions).map_err(|problem| Self::error(problem, at, None))?;
            match step {
                Head::End if at != start => return Err(Self::error(TarProblem::Cut, at, None)),
                Head::End => return Ok(None),
                Head::Extension => {}
                Head::NoFile => {
                    extensions = Extensions::default();
                    start = self.position;
                }
                Head::Member(block) => {
                    let name = extensions.name.clone().unwrap_or_else(|| block.name());
                    let member = self.member(start, &block, extensions);
                    return member.map(Some).map_err(|problem| Self::error(problem, at, Some(&name)));
                }
            }
        }
    }

    /// Hands the current member's contents to `take`, piece by piece, and passes over their padding.
    pub fn contents(&mut self, member: &Member, mut take: impl FnMut(&[u8])) -> Result<(), InvalidTar> {
        let mut left = member.stored;
        while left > 0 {
            let piece = self.piece(left).map_err(|problem| Self::error(problem, member.start, Some(&member.name)))?;
            take(piece);
            let n = piece.len();
            self.consume(n);
            left -= n as u64;
            self.left -= n as u64;
        }
        self.pass(member)
    }

    /// Passes over what is left of the current member, so that a tar that ends inside it is told with its name.
    pub fn pass(&mut self, member: &Member) -> Result<(), InvalidTar> {
        let left = std::mem::take(&mut self.left);
        self.skip(left).map_err(|problem| Self::error(problem, member.start, Some(&member.name)))
    }

    /// Reads what is left, whatever it is. Returns what there was in all, and the reader.
    pub fn drain(mut self) -> Result<(End, R), InvalidTar> {
        let mut zeros = true;
        loop {
            let n = match self.reader.fill_buf() {
                Ok(piece) => {
                    zeros = zeros && piece.iter().all(|byte| *byte == 0);
                    piece.len()
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Self::error(error.into(), self.position, None)),
            };
            if n == 0 {
                return Ok((End { len: self.position, zeros }, self.reader));
            }
            self.consume(n);
        }
    }

    fn error(problem: TarProblem, offset: u64, name: Option<&[u8]>) -> InvalidTar {
        let name = name.map(|name| String::from_utf8_lossy(name).escape_debug().to_string());
        InvalidTar { problem, offset, name }
    }

    /// Reads one header and, when it is an extension, what it holds.
    fn step(&mut self, extensions: &mut Extensions) -> Result<Head, TarProblem> {
        let Some(block) = self.block()?.filter(|block| !block.is_zero()) else { return Ok(Head::End) };
        block.check()?;
        extensions.note(block.typeflag());
        match block.typeflag() {
            b'x' => {
                // Of several the last counts, and readers read them all.
                pax::parse(&extensions.pax)?;
                extensions.pax = self.extension(&block)?;
            }
            b'L' => extensions.name = extensions.long(self.extension(&block)?),
            b'K' => extensions.link = extensions.long(self.extension(&block)?),
            b'g' => {
                pax::parse(&extensions.pax)?;
                pax::parse(&self.extension(&block)?)?;
                return Ok(Head::NoFile);
            }
            b'V' => {
                let size = natural("size", block.size()?)?;
                self.skip(padded(size)?)?;
                return Ok(Head::NoFile);
            }
            _ => return Ok(Head::Member(Box::new(block))),
        }
        Ok(Head::Extension)
    }

    fn extension(&mut self, block: &Block) -> Result<Vec<u8>, TarProblem> {
        let size = natural("size", block.size()?)?;
        if size > MAX_EXTENSION {
            return Err(TarProblem::HugeExtension(size));
        }
        let mut bytes = Vec::new();
        let mut left = padded(size)?;
        while left > 0 {
            let piece = self.piece(left)?;
            bytes.extend_from_slice(piece);
            let n = piece.len();
            self.consume(n);
            left -= n as u64;
        }
        bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        Ok(bytes)
    }

    /// Resolves a header against its extensions. Long names win over PAX records, and those over the header, as in Go;
    /// other readers have it otherwise.
    fn member(&mut self, start: u64, block: &Block, extensions: Extensions) -> Result<Member, TarProblem> {
        let typeflag = match block.typeflag() {
            0 | b'7' => b'0',
            flag @ (b'0'..=b'6' | b'S') => flag,
            other => return Err(TarProblem::UnknownType(other)),
        };
        let mut fields = Fields {
            name: block.name(),
            link: block.link().to_vec(),
            size: block.size()?,
            uid: block.uid()?,
            gid: block.gid()?,
            mtime: Timestamp { seconds: block.mtime()?, nanoseconds: 0 },
            extra: Extra { uname: block.uname().into(), gname: block.gname().into(), ..Extra::default() },
            sparse: SparseRecords::default(),
            other_times: block.has_other_times(),
        };
        let records = pax::parse(&extensions.pax)?;
        fields.apply(&records)?;
        fields.name = extensions.name.unwrap_or(fields.name);
        fields.link = extensions.link.unwrap_or(fields.link);
        let differs = |(key, value): &Record<'_>| match *key {
            b"path" => *value != fields.name,
            b"linkpath" => *value != fields.link,
            _ => false,
        };
        let names_differ = extensions.differ || records.iter().any(differs);
        // Old writers mark a directory by its slash only.
        let typeflag = if block.typeflag() == 0 && fields.name.ends_with(b"/") { b'5' } else { typeflag };
        let has_contents = matches!(typeflag, b'0' | b'S');
        let mut stored = if has_contents { natural("size", fields.size)? } else { 0 };
        let mut size = stored;
        let mut map = None;
        let version = if typeflag == b'0' { fields.sparse.version()? } else { None };
        if typeflag == b'S' {
            if !block.is_gnu() {
                return Err(TarProblem::UnknownType(b'S'));
            }
            let mut pairs = block.sparse()?;
            let mut more = block.sparse_continues();
            while more {
                let (rest, again) = self.block()?.ok_or(TarProblem::Cut)?.more_sparse()?;
                pairs.extend(rest);
                more = again;
                if pairs.len() > 1 << 20 {
                    return Err(InvalidSparse::TooMany.into());
                }
            }
            size = natural("real size", block.sparse_size()?)?;
            map = Some(pairs);
        } else if let Some(version) = version {
            if let Some(name) = fields.sparse.name.take() {
                fields.name = name;
            }
            size = fields.sparse.size.unwrap_or(size);
            map = Some(match version {
                SparseVersion::List(pairs) => pairs,
                SparseVersion::Blocks => self.block_map(&mut stored)?,
            });
        }
        let map = map.map(|map| sparse::checked(map, size, stored)).transpose()?;
        self.left = padded(stored)?;
        block.check_unused()?;
        // Readers want them to be numbers in any case.
        let (major, minor) = block.device()?;
        let (major, minor) = if matches!(typeflag, b'3' | b'4') { (major, minor) } else { (0, 0) };
        Ok(Member {
            start,
            data: self.position,
            stored,
            typeflag,
            size,
            device: (device("device major number", major)?, device("device minor number", minor)?),
            other_times: fields.other_times,
            meta: self.meta(block, &mut fields, map)?,
            name: fields.name,
            link: fields.link,
            names_differ,
        })
    }

    /// The map that PAX 1.0 puts before the data; `stored` loses its bytes.
    fn block_map(&mut self, stored: &mut u64) -> Result<Vec<(u64, u64)>, TarProblem> {
        let mut map = BlockMap::default();
        loop {
            *stored = stored.checked_sub(BLOCK_BYTES).ok_or(InvalidSparse::Malformed)?;
            let block = self.block()?.ok_or(TarProblem::Cut)?;
            if let Some(pairs) = map.feed(&block.0)? {
                return Ok(pairs);
            }
        }
    }

    /// The metadata, sharing its rarer part with earlier members that have the same.
    fn meta(&mut self, block: &Block, fields: &mut Fields, sparse: Option<SparseMap>) -> Result<Meta, TarProblem> {
        let mut extra = Extra { sparse, ..std::mem::take(&mut fields.extra) };
        pax::put_in_order(&mut extra.xattrs);
        pax::put_in_order(&mut extra.pax);
        let extra = match self.extras.get(&extra) {
            Some(known) => known.clone(),
            None => {
                let extra = Arc::new(extra);
                // A layer of a million distinct attributes is not worth a table of them, and one of huge ones neither.
                let shared = self.shared.saturating_add(extra.weight());
                if self.extras.len() < 4096 && shared <= MAX_SHARED {
                    self.shared = shared;
                    self.extras.insert(extra.clone());
                }
                extra
            }
        };
        Ok(Meta {
            mtime: fields.mtime,
            uid: id("uid", fields.uid)?,
            gid: id("gid", fields.gid)?,
            // The type bits that some writers add are no permissions.
            mode: u16::try_from(block.mode()? & 0o7777).unwrap_or_default(),
            extra,
        })
    }

    /// The next block; `None` at the end of the bytes.
    fn block(&mut self) -> Result<Option<Block>, TarProblem> {
        let mut block = Block([0; BLOCK]);
        let mut filled = 0;
        while filled < BLOCK {
            let piece = match self.reader.fill_buf() {
                Ok(piece) => piece,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if piece.is_empty() {
                return if filled == 0 { Ok(None) } else { Err(TarProblem::Cut) };
            }
            let n = piece.len().min(BLOCK - filled);
            block.0[filled..filled + n].copy_from_slice(&piece[..n]);
            filled += n;
            self.consume(n);
        }
        Ok(Some(block))
    }

    /// Some of the next `wanted` bytes, at least one.
    fn piece(&mut self, wanted: u64) -> Result<&[u8], TarProblem> {
        loop {
            match self.reader.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let piece = self.reader.fill_buf()?;
        if piece.is_empty() {
            return Err(TarProblem::Cut);
        }
        let n = usize::try_from(wanted).unwrap_or(usize::MAX).min(piece.len());
        Ok(&piece[..n])
    }

    fn skip(&mut self, count: u64) -> Result<(), TarProblem> {
        match self.reader.pass(count) {
            Ok(()) => self.position += count,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(TarProblem::Cut),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn consume(&mut self, n: usize) {
        self.reader.consume(n);
        self.position += n as u64;
    }
}

/// Contents are filled up to whole blocks.
pub fn padded(size: u64) -> Result<u64, TarProblem> {
    size.checked_next_multiple_of(BLOCK_BYTES).ok_or(TarProblem::Cut)
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

fn natural(field: &'static str, value: i64) -> Result<u64, TarProblem> {
    u64::try_from(value).map_err(|_| TarProblem::Range { field, value, expected: "no negative number" })
}

fn id(field: &'static str, value: i64) -> Result<u32, TarProblem> {
    u32::try_from(value).map_err(|_| TarProblem::Range { field, value, expected: "0 to 4294967295" })
}

fn device(field: &'static str, value: i64) -> Result<u32, TarProblem> {
    u32::try_from(value).map_err(|_| TarProblem::Range { field, value, expected: "0 to 4294967295" })
}
