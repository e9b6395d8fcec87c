//! The database of rpm: a header for each package, in a table of sqlite.
//!
//! A header is two counts, an index of 16 bytes a tag (tag, type, offset, count; big-endian) and a store that the
//! offsets lead into (rpm, `lib/header.c`).

use super::owners::Marker;
use super::sqlite;
use crate::tree::NodeId;

pub(super) const NAME: u32 = 1000;
const FILE_STATES: u32 = 1029;
const FILE_FLAGS: u32 = 1037;
/// `RPMFILE_STATE_NOTINSTALLED`.
const NOT_INSTALLED: u8 = 2;
const DIR_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIR_NAMES: u32 = 1118;

/// Reads `rpmdb.sqlite`.
pub(super) fn read(owners: &mut Marker<'_>, bytes: &[u8]) -> Result<(), &'static str> {
    sqlite::rows(bytes, b"Packages", &mut |blob| header(owners, blob))
}

/// A file that a package only knows of and does not bring, such as a log.
const GHOST: u32 = 1 << 6;

const CUT: &str = "a package header is cut short";

/// The header of one package.
pub(super) struct Header<'b> {
    blob: &'b [u8],
    store: &'b [u8],
    tags: usize,
}

impl<'b> Header<'b> {
    /// The header in a row of the database.
    pub(super) fn new(blob: &'b [u8]) -> Result<Self, &'static str> {
        let mut header = Self { blob, store: &[], tags: 0 };
        let (tags, size) = (header.word(0).ok_or(CUT)? as usize, header.word(4).ok_or(CUT)? as usize);
        let begin = tags.checked_mul(16).and_then(|index| index.checked_add(8)).ok_or(CUT)?;
        header.store = begin.checked_add(size).and_then(|end| blob.get(begin..end)).ok_or(CUT)?;
        header.tags = tags;
        Ok(header)
    }

    fn word(&self, at: usize) -> Option<u32> {
        Some(u32::from_be_bytes(self.blob.get(at..at.checked_add(4)?)?.try_into().ok()?))
    }

    fn find(&self, wanted: u32) -> Option<(&'b [u8], usize)> {
        let entry = (0..self.tags).map(|tag| 8 + 16 * tag).find(|at| self.word(*at) == Some(wanted))?;
        Some((self.store.get(self.word(entry + 8)? as usize..)?, self.word(entry + 12)? as usize))
    }

    /// Says of every file of the package in `blob` that does not stay that it is not installed.
    pub(super) fn mark_gone(blob: &mut [u8], stays: &dyn Fn(&[u8]) -> bool) {
        let Ok(header) = Header::new(blob) else { return };
        let directories: Vec<&[u8]> = header.strings(DIR_NAMES).take(header.numbers(DIR_INDEXES).len()).collect();
        let names = header.strings(BASE_NAMES).zip(header.numbers(DIR_INDEXES));
        let path = |(name, index): (&[u8], u32)| directories.get(index as usize).map(|place| [*place, name].concat());
        let gone: Vec<bool> = names.map(|file| path(file).is_some_and(|path| !stays(&path))).collect();
        let Some((states, count)) = header.find(FILE_STATES) else { return };
        let begin = 8 + 16 * header.tags + (header.store.len() - states.len());
        for at in (0..gone.len().min(count)).filter(|at| gone[*at]) {
            if let Some(state) = blob.get_mut(begin + at) {
                *state = NOT_INSTALLED;
            }
        }
    }

    /// The texts of a tag. Nothing is collected: an empty one is one byte.
    pub(super) fn strings(&self, tag: u32) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let (bytes, count) = self.find(tag).unwrap_or((&[], 0));
        bytes.split(|byte| *byte == 0).take(count)
    }

    /// The numbers of a tag.
    pub(super) fn numbers(&self, tag: u32) -> impl ExactSizeIterator<Item = u32> + use<'b> {
        let (bytes, count) = self.find(tag).unwrap_or((&[], 0));
        let number = |four: &[u8]| four.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        bytes.chunks_exact(4).take(count).map(number)
    }
}

fn header(owners: &mut Marker<'_>, blob: &[u8]) -> Result<(), &'static str> {
    let header = Header::new(blob)?;
    owners.begin(header.strings(NAME).next().ok_or("a package has no name")?);
    // Each directory has a file in it, so there are no more than indexes.
    let directories = header.strings(DIR_NAMES).take(header.numbers(DIR_INDEXES).len());
    let directories: Vec<Option<NodeId>> = directories.map(|directory| owners.directory(directory)).collect();
    let mut flags = header.numbers(FILE_FLAGS);
    for (name, index) in header.strings(BASE_NAMES).zip(header.numbers(DIR_INDEXES)) {
        let directory = directories.get(index as usize).ok_or("a file of a package has no directory")?;
        if flags.next().is_none_or(|flags| flags & GHOST == 0) {
            owners.mark_in(*directory, name);
        }
    }
    Ok(())
}
