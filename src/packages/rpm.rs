//! The database of rpm: a header for each package, in a table of sqlite.
//!
//! A header is two counts, an index of 16 bytes a tag (tag, type, offset, count; big-endian) and a store that the
//! offsets lead into (rpm, `lib/header.c`).

use super::owners::Marker;
use super::sqlite;
use crate::tree::NodeId;

const NAME: u32 = 1000;
const FILE_FLAGS: u32 = 1037;
const DIR_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIR_NAMES: u32 = 1118;

/// Reads `rpmdb.sqlite`.
pub(super) fn read(owners: &mut Marker<'_>, bytes: &[u8]) -> Result<(), &'static str> {
    sqlite::rows(bytes, b"Packages", &mut |blob| header(owners, blob))
}

/// A file that a package only knows of and does not bring, such as a log.
const GHOST: u32 = 1 << 6;

fn header(owners: &mut Marker<'_>, blob: &[u8]) -> Result<(), &'static str> {
    const CUT: &str = "a package header is cut short";
    let word =
        |at: usize| -> Option<u32> { Some(u32::from_be_bytes(blob.get(at..at.checked_add(4)?)?.try_into().ok()?)) };
    let (tags, size) = (word(0).ok_or(CUT)? as usize, word(4).ok_or(CUT)? as usize);
    let begin = tags.checked_mul(16).and_then(|index| index.checked_add(8)).ok_or(CUT)?;
    let store = begin.checked_add(size).and_then(|end| blob.get(begin..end)).ok_or(CUT)?;
    let find = |wanted: u32| {
        let entry = (0..tags).map(|tag| 8 + 16 * tag).find(|at| word(*at) == Some(wanted))?;
        Some((store.get(word(entry + 8)? as usize..)?, word(entry + 12)? as usize))
    };
    // Nothing is collected: an empty string is one byte.
    let strings = |tag: u32| {
        let (bytes, count) = find(tag).unwrap_or((&[], 0));
        bytes.split(|byte| *byte == 0).take(count)
    };
    let numbers = |tag: u32| {
        let (bytes, count) = find(tag).unwrap_or((&[], 0));
        let number = |four: &[u8]| four.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        bytes.chunks_exact(4).take(count).map(number)
    };
    owners.begin(strings(NAME).next().ok_or("a package has no name")?);
    // Each directory has a file in it, so there are no more than indexes.
    let directories = strings(DIR_NAMES).take(numbers(DIR_INDEXES).len());
    let directories: Vec<Option<NodeId>> = directories.map(|directory| owners.directory(directory)).collect();
    let mut flags = numbers(FILE_FLAGS);
    for (name, index) in strings(BASE_NAMES).zip(numbers(DIR_INDEXES)) {
        let directory = directories.get(index as usize).ok_or("a file of a package has no directory")?;
        if flags.next().is_none_or(|flags| flags & GHOST == 0) {
            owners.mark_in(*directory, name);
        }
    }
    Ok(())
}
