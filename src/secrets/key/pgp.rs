//! Private keys of OpenPGP (RFC 9580): the first packet of the block.

use super::der::bits;
use super::material::Key;

/// The key that `bytes` begin with.
pub(super) fn pgp(bytes: &[u8]) -> Option<Key> {
    let body = secret_key_packet(bytes)?;
    let (version, rest) = body.split_first()?;
    // Version 3 has the days that it is valid, 5 and 6 the length of what is public.
    let skipped = match version {
        3 => 6,
        4 => 4,
        5 | 6 => 4,
        _ => return None,
    };
    let (algorithm, rest) = rest.get(skipped..)?.split_first()?;
    let mut parts = Parts(if *version >= 5 { rest.get(4..)? } else { rest });
    let start = parts.0;
    let (kind, size) = match algorithm {
        1..=3 => ("PGP RSA", bits(parts.number()?)),
        16 | 20 => ("PGP Elgamal", bits(parts.number()?)),
        17 => ("PGP DSA", bits(parts.number()?)),
        18 | 19 | 22 => {
            parts.short()?;
            ("PGP EC", bits(parts.number()?).saturating_sub(1))
        }
        25 | 27 => ("PGP Ed25519", parts.take(32).map(|_| 256)?),
        26 => ("PGP X448", parts.take(56).map(|_| 448)?),
        28 => ("PGP Ed448", parts.take(57).map(|_| 456)?),
        _ => return None,
    };
    match algorithm {
        1..=3 => drop(parts.number()?),
        16 | 20 => drop((parts.number()?, parts.number()?)),
        17 => drop((parts.number()?, parts.number()?, parts.number()?)),
        18 => drop(parts.short()?),
        _ => {}
    }
    let public = &start[..start.len() - parts.0.len()];
    let (usage, secret) = parts.0.split_first()?;
    match usage {
        0 if secret.len() > 4 => Some(Key::new(kind, size, &[public])),
        // Cipher, then how the passphrase is used; 101 is no key at all but a note that it is elsewhere.
        253..=255 if secret.get(1) == Some(&101) => None,
        1..=255 if secret.len() > 8 => Some(Key::encrypted(kind, size, &[public])),
        _ => None,
    }
}

/// The contents of the packet with tag 5.
fn secret_key_packet(bytes: &[u8]) -> Option<&[u8]> {
    let (first, rest) = bytes.split_first()?;
    let byte = |at: usize| rest.get(at).map(|byte| usize::from(*byte));
    let (tag, length, begin) = if first & 0xc0 == 0xc0 {
        let (length, begin) = match byte(0)? {
            short @ 0..=191 => (short, 1),
            long @ 192..=223 => (((long - 192) << 8) + byte(1)? + 192, 2),
            255 => (byte(1)? << 24 | byte(2)? << 16 | byte(3)? << 8 | byte(4)?, 5),
            _ => return None,
        };
        (first & 0x3f, length, begin)
    } else if first & 0x80 != 0 {
        let (length, begin) = match first & 3 {
            0 => (byte(0)?, 1),
            1 => (byte(0)? << 8 | byte(1)?, 2),
            2 => (byte(0)? << 24 | byte(1)? << 16 | byte(2)? << 8 | byte(3)?, 4),
            _ => return None,
        };
        ((first >> 2) & 0xf, length, begin)
    } else {
        return None;
    };
    if tag == 5 { rest.get(begin..)?.get(..length) } else { None }
}

struct Parts<'b>(&'b [u8]);

impl<'b> Parts<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (part, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(part)
    }

    /// A number after its bits in two bytes.
    fn number(&mut self) -> Option<&'b [u8]> {
        let bits = self.take(2)?.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        self.take(bits.div_ceil(8))
    }

    /// Bytes after their number in one.
    fn short(&mut self) -> Option<&'b [u8]> {
        let length = usize::from(*self.take(1)?.first()?);
        self.take(length)
    }
}

/// The checksum of what is in armor.
pub(super) fn crc24(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xb7_04ce, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 16, |sum, _| {
            let next = sum << 1;
            if next & 0x100_0000 == 0 { next } else { (next ^ 0x86_4cfb) & 0xff_ffff }
        })
    })
}
