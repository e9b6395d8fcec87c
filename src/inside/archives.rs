//! Archives that lie in an image beside what was extracted from them, told by names and sizes.
//!
//! # Decisions
//! - Tar (plain, gzip or zstd) and zip are opened; xz and bzip2 are not, so nothing is said of those.
//! - What was extracted may lie anywhere, and without leading directories of its path. It counts when at least nine of
//!   ten files are there with their sizes.
//! - All archives together are inflated to no more than the layers have: looking costs at most one more reading. No
//!   more than 16 MiB of names are held; of an archive that has more, those that come first are compared.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, sync_channel};

use crate::layer::{Layers, WriteError};
use crate::tar::Members;
use crate::text;
use crate::tree::{EntryRef, Kind, NodeId, Tree};

/// An archive and what was extracted from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    /// Its path.
    pub archive: String,
    /// Its bytes.
    pub bytes: u64,
    /// The directory that its contents are in.
    pub beside: String,
    /// Files in it.
    pub entries: u64,
}

/// A file in an archive: its path and its bytes.
type File = (Vec<u8>, u64);

/// Smaller archives are not worth a word.
const SMALLEST: u64 = 100_000;
/// Archives that are opened, the largest first.
const MOST: usize = 64;
/// Bytes of names and of what stands beside them that are held, of all archives together.
const NAMES: usize = 16 << 20;
/// Bytes that stand beside a name.
const BESIDE: usize = size_of::<File>();
/// Bytes of the end of a zip that has to hold its directory.
const TAIL: usize = 8 << 20;
/// Places in the tree where the largest file of an archive may be.
const PLACES: usize = 16;
/// What looking into archives may still take.
struct Budget {
    /// Bytes to inflate.
    inflate: u64,
    /// Bytes of names.
    names: usize,
}

impl Budget {
    /// Takes in a name, if there is room for it.
    fn hold(&mut self, files: &mut Vec<File>, path: &[u8], bytes: u64) -> bool {
        let Some(left) = self.names.checked_sub(path.len() + BESIDE) else { return false };
        self.names = left;
        files.push((path.to_vec(), bytes));
        true
    }
}

/// Bytes that are always worth inflating.
const LEAST_BUDGET: u64 = 64 << 20;

const ENDINGS: [&[u8]; 6] = [b".tar", b".tar.gz", b".tgz", b".tar.zst", b".tzst", b".zip"];

/// Finds archives of `tree`, whose contents lie in `layers`, beside what was extracted from them.
pub fn extracted(tree: &Tree, layers: Layers<'_>) -> Result<Vec<Extracted>, WriteError> {
    let plain: u64 = layers.indexes.iter().map(|layer| layer.plain_size).sum();
    let mut budget = Budget { inflate: plain.max(LEAST_BUDGET), names: NAMES };
    let mut archives = Vec::new();
    for (id, bytes) in candidates(tree) {
        let files = files(layers, tree.inode(id).source, &mut budget)?;
        let largest = files.iter().max_by_key(|(path, bytes)| (*bytes, path)).filter(|(_, bytes)| *bytes > 0).cloned();
        if let Some(probe) = largest {
            archives.push((id, bytes, files, probe));
        }
    }
    let mut places: HashMap<(&[u8], u64), Vec<NodeId>> =
        archives.iter().map(|(_, _, _, (path, bytes))| ((last(path), *bytes), Vec::new())).collect();
    if !places.is_empty() {
        for id in tree.nodes() {
            if let Kind::File { size, .. } = tree.inode(id).kind {
                let found = places.get_mut(&(tree.name(id), size)).filter(|found| found.len() < PLACES);
                found.into_iter().for_each(|found| found.push(id));
            }
        }
    }
    let extracted = archives.iter().filter_map(|(id, bytes, files, probe)| {
        let root = places[&(last(&probe.0), probe.1)].iter().find_map(|place| root(tree, *place, probe, files))?;
        let shown = |id: NodeId| format!("/{}", text::exact(tree.path(id).as_bytes()));
        Some(Extracted { archive: shown(*id), bytes: *bytes, beside: shown(root), entries: files.len() as u64 })
    });
    Ok(extracted.collect())
}

/// What may be an archive by its name, largest first.
fn candidates(tree: &Tree) -> Vec<(NodeId, u64)> {
    let is_archive = |id: &NodeId| ENDINGS.iter().any(|ending| tree.name(*id).ends_with(ending));
    let size = |id: NodeId| match tree.inode(id).kind {
        Kind::File { size, .. } if size >= SMALLEST => Some((id, size)),
        _ => None,
    };
    let mut found: Vec<(NodeId, u64)> = tree.nodes().filter(is_archive).filter_map(size).collect();
    found.sort_unstable_by_key(|(id, size)| (std::cmp::Reverse(*size), *id));
    found.truncate(MOST);
    found
}

fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."))
}

/// The directory that `files` were extracted into, when `place` is where the file `probe` of them came to lie.
fn root(tree: &Tree, place: NodeId, probe: &File, files: &[File]) -> Option<NodeId> {
    let (mut at, mut same) = (place, 0);
    for name in components(&probe.0).rev() {
        if at == tree.root() || tree.name(at) != name {
            break;
        }
        (at, same) = (tree.parent(at), same + 1);
    }
    let dropped = components(&probe.0).count() - same;
    let is_there = |(path, bytes): &&File| {
        let found = components(path).skip(dropped).try_fold(at, |at, name| tree.child(at, name));
        found.is_some_and(|id| matches!(tree.inode(id).kind, Kind::File { size, .. } if size == *bytes))
    };
    let there = files.iter().filter(is_there).count();
    (there * 10 >= files.len() * 9).then_some(at)
}

/// The files in the archive that `entry` has; none when it is no archive, or a broken one.
fn files(layers: Layers<'_>, entry: EntryRef, budget: &mut Budget) -> Result<Vec<File>, WriteError> {
    let (sender, receiver) = sync_channel::<Vec<u8>>(8);
    std::thread::scope(|scope| {
        let found = scope.spawn(|| listed(Pieces { receiver, piece: Vec::new(), at: 0 }, budget));
        // Whoever has seen enough takes no more.
        let read = layers.contents(&[entry], |_, piece| drop(sender.send(piece.to_vec())));
        drop(sender);
        let found = found.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        read.map(|()| found)
    })
}

/// The files in what `pieces` are an archive of, whose form its first bytes tell.
fn listed(mut pieces: Pieces, budget: &mut Budget) -> Vec<File> {
    let mut magic = [0; 4];
    if pieces.read_exact(&mut magic).is_err() {
        return Vec::new();
    }
    let whole = io::Cursor::new(magic).chain(pieces);
    let reader: Box<dyn Read> = match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        [0x28, 0xb5, 0x2f, 0xfd] => match zstd::stream::read::Decoder::new(whole) {
            Ok(decoder) => Box::new(decoder),
            Err(_) => return Vec::new(),
        },
        [b'P', b'K', 3, 4] => return in_zip(whole, budget),
        _ => Box::new(whole),
    };
    in_tar(reader, budget)
}

fn in_tar(reader: impl Read, budget: &mut Budget) -> Vec<File> {
    let mut limited = reader.take(budget.inflate);
    let mut files = Vec::new();
    let mut members = Members::new(io::BufReader::with_capacity(64 << 10, &mut limited));
    while let Ok(Some(member)) = members.next_member() {
        let is_held = member.typeflag != b'0' || budget.hold(&mut files, &member.name, member.size);
        if !is_held || members.pass(&member).is_err() {
            break;
        }
    }
    budget.inflate = limited.limit();
    files
}

/// The files that the directory at the end of a zip lists (PKWARE's APPNOTE 6.3.10, sections 4.3.12 and 4.3.16).
fn in_zip(mut reader: impl Read, budget: &mut Budget) -> Vec<File> {
    let (mut tail, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        if tail.len() + count > 2 * TAIL {
            tail.drain(..tail.len() - TAIL);
        }
        tail.extend_from_slice(&buffer[..count]);
    }
    let begin = tail.len().saturating_sub(22 + usize::from(u16::MAX));
    let Some(end) = tail[begin..].windows(4).rposition(|four| four == b"PK\x05\x06").map(|at| begin + at) else {
        return Vec::new();
    };
    let size = number(&tail, end + 12).and_then(|size| usize::try_from(size).ok());
    let Some(mut at) = size.and_then(|size| end.checked_sub(size)) else { return Vec::new() };
    let mut files = Vec::new();
    while tail.get(at..at + 4) == Some(b"PK\x01\x02") {
        let length = |at: usize| tail.get(at..at + 2).map(|two| usize::from(u16::from_le_bytes([two[0], two[1]])));
        let (Some(bytes), Some(name), Some(extra), Some(comment)) =
            (number(&tail, at + 24), length(at + 28), length(at + 30), length(at + 32))
        else {
            break;
        };
        let Some(path) = tail.get(at + 46..at + 46 + name) else { break };
        if !path.ends_with(b"/") && !budget.hold(&mut files, path, bytes) {
            break;
        }
        at += 46 + name + extra + comment;
    }
    files
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u64::from(u32::from_le_bytes(four)))
}

/// Pieces of a file as they come.
struct Pieces {
    receiver: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            // The empty piece is the end of the file.
            match self.receiver.recv() {
                Ok(piece) if !piece.is_empty() => (self.piece, self.at) = (piece, 0),
                _ => return Ok(0),
            }
        }
        let count = buffer.len().min(self.piece.len() - self.at);
        buffer[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
