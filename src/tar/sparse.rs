//! GNU sparse files: where their data lies. Read in the old GNU format and in PAX 0.0, 0.1 and 1.0, written as PAX 1.0.
//!
//! Format: <https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html>.

use thiserror::Error;

use super::header::BLOCK;
use super::pax;
use crate::tree::SparseMap;

/// As many stretches as a file may have; a gigabyte of alternating blocks has 131,072.
const MAX_STRETCHES: usize = 1 << 20;

/// A sparse map that contradicts itself.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InvalidSparse {
    /// The text of the map is malformed.
    #[error("the sparse map is malformed")]
    Malformed,
    /// There are more or fewer than another record says.
    #[error("the sparse map has {found} stretches, GNU.sparse.numblocks says {}", .said.map_or("nothing".to_owned(), |said| said.to_string()))]
    Blocks {
        /// What the record says, if there is one.
        said: Option<u64>,
        /// Stretches there are.
        found: u64,
    },
    /// Its stretches overlap, run backward or past the end of the file.
    #[error("the stretches of the sparse map overlap or pass the end of the file")]
    Overlap,
    /// The data is longer or shorter than the map says.
    #[error("the sparse map describes {described} bytes, the entry has {stored}")]
    Size {
        /// Sum of the stretches.
        described: u64,
        /// Bytes stored.
        stored: u64,
    },
    /// More stretches than any real file.
    #[error("the sparse map has more than {MAX_STRETCHES} stretches")]
    TooMany,
}

/// Checks a map against the size of the file and of the data stored for it.
pub(super) fn checked(map: Vec<(u64, u64)>, size: u64, stored: u64) -> Result<SparseMap, InvalidSparse> {
    if map.len() > MAX_STRETCHES {
        return Err(InvalidSparse::TooMany);
    }
    let (mut end, mut described) = (0_u64, 0_u64);
    for (offset, length) in &map {
        let next = offset.checked_add(*length).filter(|next| *offset >= end && *next <= size);
        end = next.ok_or(InvalidSparse::Overlap)?;
        described += length;
    }
    if described != stored {
        return Err(InvalidSparse::Size { described, stored });
    }
    Ok(map.into())
}

/// The map of PAX 0.1, and of 0.0 joined: `offset,length,offset,length`.
pub(super) fn parse_list(text: &[u8]) -> Result<Vec<(u64, u64)>, InvalidSparse> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Option<Vec<u64>> = text.split(|byte| *byte == b',').map(pax::decimal).collect();
    let numbers = numbers.filter(|numbers| numbers.len() % 2 == 0).ok_or(InvalidSparse::Malformed)?;
    Ok(numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}

/// Collects the map of PAX 1.0, which stands before the data: lines with the count, then each offset and length,
/// filled up to a whole block.
#[derive(Default)]
pub(super) struct BlockMap {
    numbers: Vec<u64>,
    line: Vec<u8>,
}

impl BlockMap {
    /// Takes the next block; the map when it is complete.
    pub(super) fn feed(&mut self, block: &[u8; BLOCK]) -> Result<Option<Vec<(u64, u64)>>, InvalidSparse> {
        for byte in block {
            if *byte != b'\n' {
                self.line.push(*byte);
                if self.line.len() > 20 {
                    return Err(InvalidSparse::Malformed);
                }
                continue;
            }
            self.numbers.push(pax::decimal(&self.line).ok_or(InvalidSparse::Malformed)?);
            self.line.clear();
            let count = usize::try_from(self.numbers[0]).ok().filter(|count| *count <= MAX_STRETCHES);
            let wanted = 1 + 2 * count.ok_or(InvalidSparse::TooMany)?;
            if self.numbers.len() == wanted {
                return Ok(Some(self.numbers[1..].chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()));
            }
        }
        Ok(None)
    }
}

/// The blocks that stand before the data in PAX 1.0.
pub(super) fn format_blocks(map: &[(u64, u64)]) -> Vec<u8> {
    let mut bytes = format!("{}\n", map.len()).into_bytes();
    for (offset, length) in map {
        bytes.extend_from_slice(format!("{offset}\n{length}\n").as_bytes());
    }
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_map_comes_back_over_several_blocks() {
        let map: Vec<(u64, u64)> = (0..100).map(|at| (at * 1_000_000, at)).collect();
        let bytes = format_blocks(&map);
        assert!(bytes.len() > BLOCK);
        let mut reader = BlockMap::default();
        let mut found = None;
        for block in bytes.chunks_exact(BLOCK) {
            assert!(found.is_none());
            found = reader.feed(block.try_into().unwrap()).unwrap();
        }
        assert_eq!(found, Some(map));
    }

    #[test]
    fn maps_that_contradict_themselves_are_refused() {
        assert!(checked(vec![(0, 5), (5, 5)], 10, 10).is_ok());
        assert_eq!(checked(vec![(0, 5), (4, 5)], 10, 10), Err(InvalidSparse::Overlap));
        assert_eq!(checked(vec![(8, 5)], 10, 5), Err(InvalidSparse::Overlap));
        assert_eq!(checked(vec![(u64::MAX, 5)], 10, 5), Err(InvalidSparse::Overlap));
        assert_eq!(checked(vec![(0, 5)], 10, 6), Err(InvalidSparse::Size { described: 5, stored: 6 }));
        assert_eq!(parse_list(b"0,1,2"), Err(InvalidSparse::Malformed));
        let mut block = [0; BLOCK];
        block[..9].copy_from_slice(b"99999999\n");
        assert_eq!(BlockMap::default().feed(&block), Err(InvalidSparse::TooMany));
    }
}
