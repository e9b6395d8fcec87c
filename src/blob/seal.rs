//! Reading a blob again: the bytes that were verified, or an error.
//!
//! # Decisions
//! - While a blob is read and verified, each block of it gets a fingerprint ([`Sealing`]). Whoever reads it again gets
//!   whole blocks, each compared with its fingerprint before anybody sees it ([`Sealed`]). That costs 8 bytes for 64
//!   KiB and no second hash, and finds a changed byte whatever times the file has.
//! - Fingerprints guard against accidents, digests against intent. Who may write to the input while it is read may as
//!   well write to it before.

use std::io;

use xxhash_rust::xxh3::xxh3_64;

use super::{Changed, Span};

/// Bytes that have one fingerprint: so few that little is read for a short stretch, so many that fingerprints are few.
pub const BLOCK: usize = 64 << 10;

/// The fingerprints of bytes that go by, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sealing {
    blocks: Vec<u64>,
    /// Bytes so far.
    len: u64,
}

/// A blob that was read to its end.
#[derive(Clone, Debug)]
pub struct Sealed {
    span: Span,
    sealing: Sealing,
}

impl Sealing {
    /// Notes the bytes that come next: whole blocks, but for the last of them.
    pub fn note(&mut self, bytes: &[u8]) {
        debug_assert!(self.len % BLOCK as u64 == 0, "only the last piece ends inside a block");
        self.blocks.extend(bytes.chunks(BLOCK).map(xxh3_64));
        self.len += bytes.len() as u64;
    }

    /// Bytes that were noted.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Seals `span`, whose bytes were noted, all of them.
    pub fn seal(self, span: &Span) -> Sealed {
        Sealed { span: span.clone(), sealing: self }
    }
}

impl Sealed {
    /// Where the blob lies. Who reads it there reads what may be something else by now.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Fills `room` with whole blocks from `at` on, where a block begins; the last of a blob may be shorter. Returns
    /// the bytes read, 0 at the end of the blob. An error ([`Changed`]) when they are not those that were sealed.
    pub fn read(&self, at: u64, room: &mut [u8]) -> io::Result<usize> {
        if at >= self.span.len {
            return Ok(0);
        }
        debug_assert!(at % BLOCK as u64 == 0 && room.len() >= BLOCK, "blocks are read whole");
        let left = usize::try_from(self.span.len - at).unwrap_or(usize::MAX);
        let count = left.min(room.len() / BLOCK * BLOCK);
        let bytes = &mut room[..count];
        match self.span.file.read_exact_at(bytes, self.span.offset + at) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(Changed::Shorter.into()),
            done => done?,
        }
        let first = usize::try_from(at / BLOCK as u64).unwrap_or(usize::MAX);
        let expected = self.sealing.blocks.iter().skip(first);
        if bytes.chunks(BLOCK).map(xxh3_64).eq(expected.copied().take(count.div_ceil(BLOCK))) {
            Ok(count)
        } else {
            Err(Changed::Contents.into())
        }
    }

    /// An error when `copy` are other bytes than those that were sealed.
    pub fn compare(&self, copy: &Sealing) -> Result<(), Changed> {
        if *copy == self.sealing { Ok(()) } else { Err(Changed::Contents) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::os::unix::fs::FileExt;

    use super::*;

    fn sealed(bytes: &[u8]) -> (File, Sealed) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before").unwrap();
        file.write_all(bytes).unwrap();
        let span = Span::whole(file.try_clone().unwrap()).unwrap().part(6, bytes.len() as u64);
        let mut sealing = Sealing::default();
        bytes.chunks(2 * BLOCK).for_each(|piece| sealing.note(piece));
        (file, sealing.seal(&span))
    }

    #[test]
    fn every_byte_is_compared_before_it_is_handed_on() {
        for len in [1, BLOCK, 3 * BLOCK + 7] {
            let bytes: Vec<u8> = (0..=250).cycle().take(len).collect();
            let (file, sealed) = sealed(&bytes);
            let mut room = vec![0; 4 * BLOCK];
            assert_eq!(sealed.read(0, &mut room).unwrap(), len);
            assert_eq!(room[..len], bytes);
            assert_eq!(sealed.read(len as u64, &mut room).unwrap(), 0, "at the end, wherever in a block it is");
            for at in [0, len / 2, len - 1] {
                let block = at / BLOCK * BLOCK;
                file.write_all_at(&[!bytes[at]], 6 + at as u64).unwrap();
                let error = sealed.read(block as u64, &mut room).unwrap_err();
                assert_eq!(error.to_string(), Changed::Contents.to_string(), "byte {at} of {len}");
                file.write_all_at(&[bytes[at]], 6 + at as u64).unwrap();
                assert!(sealed.read(block as u64, &mut room).is_ok());
            }
            file.set_len(6 + len as u64 - 1).unwrap();
            let error = sealed.read(((len - 1) / BLOCK * BLOCK) as u64, &mut room).unwrap_err();
            assert_eq!(error.to_string(), Changed::Shorter.to_string());
        }
    }

    #[test]
    fn a_copy_is_the_same_or_it_is_not() {
        let (_, sealed) = sealed(&[7; BLOCK + 1]);
        let of = |bytes: &[u8]| {
            let mut sealing = Sealing::default();
            sealing.note(bytes);
            sealing
        };
        assert_eq!(sealed.compare(&of(&[7; BLOCK + 1])), Ok(()));
        assert_eq!(sealed.compare(&of(&[7; BLOCK])), Err(Changed::Contents));
        assert_eq!(sealed.compare(&of(&[7; BLOCK + 2])), Err(Changed::Contents));
    }
}
