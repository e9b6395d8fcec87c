//! The 512-byte tar header, read as Go's `archive/tar` reads it, because docker, podman, containerd and umoci are Go.
//!
//! The `tar` crate's own reader is not used for layers: it splits PAX records at newlines (binary attributes contain
//! them), skips data that types without data do not have, and has no place for headers that pass through unchanged.

use thiserror::Error;

/// Bytes of a tar block.
pub const BLOCK: usize = 512;
/// The same, for offsets.
pub(super) const BLOCK_BYTES: u64 = 512;

/// A header that cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InvalidHeader {
    /// Its checksum does not fit: this is no tar header.
    #[error("not a tar header: its checksum does not fit")]
    Checksum,
    /// A number that is none.
    #[error("the {field} of the tar header is not a number")]
    Number {
        /// The field.
        field: &'static str,
    },
}

/// One header block.
pub(super) struct Block(pub(super) [u8; BLOCK]);

impl Block {
    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// Unsigned sums are the standard's, signed ones some old writers'; either will do.
    pub(super) fn check(&self) -> Result<(), InvalidHeader> {
        let field = &self.0[148..156];
        let expected = octal(field).ok_or(InvalidHeader::Checksum)?;
        let fits = |sum| i64::try_from(expected) == Ok(sum);
        // The field itself counts as spaces.
        let spaces = 8 * i64::from(b' ');
        let unsigned = |bytes: &[u8]| i64::from(bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>());
        if fits(unsigned(&self.0) - unsigned(field) + spaces) {
            return Ok(());
        }
        let signed = |bytes: &[u8]| bytes.iter().map(|byte| i64::from(i8::from_ne_bytes([*byte]))).sum::<i64>();
        if fits(signed(&self.0) - signed(field) + spaces) { Ok(()) } else { Err(InvalidHeader::Checksum) }
    }

    pub(super) fn typeflag(&self) -> u8 {
        self.0[156]
    }

    /// The name without extensions, with the prefix that ustar and star have.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = text(&self.0[0..100]);
        let prefix = match (self.is_ustar(), self.is_gnu()) {
            (true, _) if self.is_star() => text(&self.0[345..476]),
            (true, _) => text(&self.0[345..500]),
            // Go's writer before 1.8 put a prefix into GNU headers; it shows in times that are no numbers.
            (_, true) if number(&self.0[345..357]).is_none() || number(&self.0[357..369]).is_none() => {
                Some(text(&self.0[345..500])).filter(|prefix| prefix.is_ascii()).unwrap_or_default()
            }
            _ => b"",
        };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    pub(super) fn link(&self) -> &[u8] {
        text(&self.0[157..257])
    }

    pub(super) fn uname(&self) -> &[u8] {
        if self.has_owner_names() { text(&self.0[265..297]) } else { b"" }
    }

    pub(super) fn gname(&self) -> &[u8] {
        if self.has_owner_names() { text(&self.0[297..329]) } else { b"" }
    }

    pub(super) fn mode(&self) -> Result<i64, InvalidHeader> {
        self.number("mode", 100, 108)
    }

    pub(super) fn uid(&self) -> Result<i64, InvalidHeader> {
        self.number("uid", 108, 116)
    }

    pub(super) fn gid(&self) -> Result<i64, InvalidHeader> {
        self.number("gid", 116, 124)
    }

    pub(super) fn size(&self) -> Result<i64, InvalidHeader> {
        self.number("size", 124, 136)
    }

    pub(super) fn mtime(&self) -> Result<i64, InvalidHeader> {
        self.number("mtime", 136, 148)
    }

    /// The numbers of a device. The oldest headers have none.
    pub(super) fn device(&self) -> Result<(i64, i64), InvalidHeader> {
        if !self.has_owner_names() {
            return Ok((0, 0));
        }
        Ok((self.number("device major number", 329, 337)?, self.number("device minor number", 337, 345)?))
    }

    /// Checks fields that nothing here needs and that readers want to be numbers.
    pub(super) fn check_unused(&self) -> Result<(), InvalidHeader> {
        if self.is_star() {
            self.number("time of access", 476, 488)?;
            self.number("time of change", 488, 500)?;
        }
        Ok(())
    }

    /// Whether GNU's fields for the times of access and of change are in use.
    pub(super) fn has_other_times(&self) -> bool {
        self.is_gnu() && self.0[345..369].iter().any(|byte| *byte != 0)
    }

    /// The (offset, length) pairs of an old GNU sparse header that are in use.
    pub(super) fn sparse(&self) -> Result<Vec<(u64, u64)>, InvalidHeader> {
        sparse_pairs(&self.0[386..482])
    }

    /// Whether blocks with more pairs follow.
    pub(super) fn sparse_continues(&self) -> bool {
        self.0[482] != 0
    }

    /// The size of an old GNU sparse file with its holes.
    pub(super) fn sparse_size(&self) -> Result<i64, InvalidHeader> {
        self.number("real size", 483, 495)
    }

    /// The pairs of a block that continues a sparse header, and whether another follows.
    pub(super) fn more_sparse(&self) -> Result<(Vec<(u64, u64)>, bool), InvalidHeader> {
        Ok((sparse_pairs(&self.0[..504])?, self.0[504] != 0))
    }

    pub(super) fn is_gnu(&self) -> bool {
        &self.0[257..265] == b"ustar  \0"
    }

    fn is_star(&self) -> bool {
        self.is_ustar() && &self.0[508..512] == b"tar\0"
    }

    fn is_ustar(&self) -> bool {
        &self.0[257..263] == b"ustar\0"
    }

    fn has_owner_names(&self) -> bool {
        self.is_ustar() || self.is_gnu()
    }

    fn number(&self, field: &'static str, from: usize, to: usize) -> Result<i64, InvalidHeader> {
        number(&self.0[from..to]).ok_or(InvalidHeader::Number { field })
    }
}

fn sparse_pairs(bytes: &[u8]) -> Result<Vec<(u64, u64)>, InvalidHeader> {
    let invalid = InvalidHeader::Number { field: "sparse map" };
    let mut pairs = Vec::new();
    for pair in bytes.chunks_exact(24) {
        if pair[0] == 0 {
            break;
        }
        let value = |field| number(field).and_then(|value| u64::try_from(value).ok());
        match (value(&pair[..12]), value(&pair[12..])) {
            (Some(offset), Some(length)) => pairs.push((offset, length)),
            _ => return Err(invalid),
        }
    }
    Ok(pairs)
}

/// What comes before the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Octal digits, or base-256 in two's complement when the first bit is set.
fn number(field: &[u8]) -> Option<i64> {
    if field[0] & 0x80 == 0 {
        return octal(field).and_then(|value| i64::try_from(value).ok());
    }
    let negative = field[0] & 0x40 != 0;
    let mut value: i128 = if negative { -1 } else { 0 };
    for (at, byte) in field.iter().enumerate() {
        let byte = match (at, negative) {
            (0, false) => byte & 0x7f,
            (0, true) => byte | 0x80,
            _ => *byte,
        };
        value = value << 8 | i128::from(byte);
    }
    i64::try_from(value).ok()
}

/// Octal digits between spaces and NULs; an empty field is zero.
fn octal(field: &[u8]) -> Option<u64> {
    let is_padding = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !is_padding(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !is_padding(byte)).map_or(start, |last| last + 1);
    text(&field[start..end]).iter().try_fold(0_u64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        let base_256 = |bytes: &[u8]| number(bytes);
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b" 644 \0\0\0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"64x\0\0\0\0\0"), None);
        assert_eq!(base_256(b"\x80\0\0\0\0\x20\0\0"), Some(1 << 21));
        assert_eq!(base_256(&[0xff; 12]), Some(-1));
        assert_eq!(base_256(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"), Some(-2));
        assert_eq!(base_256(b"\x80\0\0\x01\0\0\0\0\0\0\0\0"), None, "more than 63 bits");
    }

    #[test]
    fn signed_and_unsigned_checksums_are_taken() {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[0] = 0xe9;
        header.set_size(0);
        header.set_cksum();
        let mut block = Block(*header.as_bytes());
        assert_eq!(block.check(), Ok(()));
        let unsigned = octal(&block.0[148..156]).unwrap();
        block.0[148..156].copy_from_slice(format!("{:06o}\0 ", unsigned - 256).as_bytes());
        assert_eq!(block.check(), Ok(()));
        block.0[148..156].copy_from_slice(b"000000\0 ");
        assert_eq!(block.check(), Err(InvalidHeader::Checksum));
    }

    #[test]
    fn ustar_has_a_prefix_and_gnu_has_none() {
        let mut block = Block([0; BLOCK]);
        block.0[0] = b'n';
        block.0[345] = b'p';
        block.0[257..265].copy_from_slice(b"ustar\x0000");
        assert_eq!(block.name(), b"p/n");
        block.0[257..265].copy_from_slice(b"ustar  \0");
        assert_eq!(block.name(), b"p/n", "a prefix where GNU has a time");
        block.0[345..357].copy_from_slice(b"00000000000\0");
        assert_eq!(block.name(), b"n");
        block.0[257..265].copy_from_slice(&[0; 8]);
        assert_eq!(block.name(), b"n");
    }
}
