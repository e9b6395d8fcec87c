//! What a token says of itself: checksums and contents that a real one has, and a made-up one has not.

use super::base::{base62, unbase64, unhex};
use super::value::{Level, Values};

/// What is tested of a value besides its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// The last six characters are the CRC-32 of the thirty before them in base62: GitHub and npm.
    Crc32Base62,
    /// The last eight characters are the CRC-32 of what is before them, in hexadecimal, last byte first: Grafana.
    Crc32Hex,
    /// Header and claims are JSON, and it is signed.
    Jwt,
    /// Base64 of a macaroon of the package index.
    Macaroon,
    /// Base64 of a user's name, a colon and a password that is no placeholder.
    UserAndPassword,
    /// Base64 of 64 bytes.
    Bytes64,
    /// A checksum as Bech32 has it.
    Bech32,
}

impl Check {
    pub(super) const ALL: [Self; 7] = [
        Self::Crc32Base62,
        Self::Crc32Hex,
        Self::Jwt,
        Self::Macaroon,
        Self::UserAndPassword,
        Self::Bytes64,
        Self::Bech32,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32Base62 => "crc32-base62",
            Self::Crc32Hex => "crc32-hex",
            Self::Jwt => "jwt",
            Self::Macaroon => "macaroon",
            Self::UserAndPassword => "user-and-password",
            Self::Bytes64 => "bytes-64",
            Self::Bech32 => "bech32",
        }
    }

    pub(super) fn passes(self, value: &[u8], values: &Values) -> bool {
        match self {
            Self::Crc32Base62 => value.len().checked_sub(36).is_some_and(|begin| {
                let (random, sum) = value[begin..].split_at(30);
                base62(crc32fast::hash(random)) == sum
            }),
            Self::Crc32Hex => value.len().checked_sub(9).is_some_and(|end| {
                let (text, sum) = (&value[..end], &value[end + 1..]);
                unhex(sum).map(u32::from_le_bytes) == Some(crc32fast::hash(text))
            }),
            Self::Jwt => is_jwt(value),
            Self::Macaroon => value.split(|byte| *byte == b'-').nth(1).is_some_and(|_| {
                let text = value.iter().position(|byte| *byte == b'-').map_or(value, |at| &value[at + 1..]);
                // Version 2, a location of 8 bytes, which is pypi.org, and fields up to a signature of 32.
                unbase64(text).is_some_and(|bytes| {
                    bytes.starts_with(b"\x02\x01\x08pypi.org")
                        && bytes.len() > 44
                        && bytes[bytes.len() - 34..].starts_with(&[6, 32])
                })
            }),
            Self::UserAndPassword => unbase64(value).is_some_and(|text| {
                let password = text.iter().position(|byte| *byte == b':').map(|at| &text[at + 1..]);
                text.iter().all(|byte| !byte.is_ascii_control())
                    && password.is_some_and(|password| values.accept(password, Level::Chosen))
            }),
            Self::Bytes64 => unbase64(value).is_some_and(|bytes| bytes.len() == 64),
            Self::Bech32 => is_bech32(value),
        }
    }
}

fn is_jwt(value: &[u8]) -> bool {
    let mut parts = value.split(|byte| *byte == b'.');
    let mut json = || -> Option<serde_json::Value> { serde_json::from_slice(&unbase64(parts.next()?)?).ok() };
    let (Some(header), Some(claims)) = (json(), json()) else { return false };
    let algorithm = header.get("alg").and_then(|name| name.as_str()).unwrap_or("none");
    !algorithm.eq_ignore_ascii_case("none")
        && claims.is_object()
        && parts.next().is_some_and(|signed| signed.len() >= 20)
}

/// BIP 173: a name, `1`, and digits of which the last six are the checksum.
fn is_bech32(value: &[u8]) -> bool {
    const DIGITS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let Some(at) = value.iter().rposition(|byte| *byte == b'1') else { return false };
    let name = value[..at].iter().map(u8::to_ascii_lowercase);
    let digits = value[at + 1..].iter().map(u8::to_ascii_lowercase);
    let digits: Option<Vec<u32>> = digits
        .map(|digit| DIGITS.iter().position(|known| *known == digit).and_then(|at| u32::try_from(at).ok()))
        .collect();
    let Some(digits) = digits else { return false };
    let high = name.clone().map(|byte| u32::from(byte >> 5));
    let low = name.map(|byte| u32::from(byte & 31));
    let sum = high.chain([0]).chain(low).chain(digits).fold(1_u32, |sum, digit| {
        let top = sum >> 25;
        let generators = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let next = ((sum & 0x1ff_ffff) << 5) ^ digit;
        generators.iter().enumerate().filter(|(bit, _)| (top >> bit) & 1 == 1).fold(next, |sum, (_, term)| sum ^ term)
    });
    sum == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(check: Check, value: &str) -> bool {
        check.passes(value.as_bytes(), &Values::default())
    }

    #[test]
    fn checksums_are_what_their_makers_say() {
        // An example of the format that was made for it: thirty times A.
        let token = format!("ghp{}{}{}", "_", "A".repeat(30), "0uCPlr");
        assert!(passes(Check::Crc32Base62, &token));
        assert!(!passes(Check::Crc32Base62, &token.replace("lr", "ls")));
        assert!(!passes(Check::Crc32Base62, "short"));
        let begin = format!("glsa{}{}", "_", "b".repeat(32));
        let sum: String =
            crc32fast::hash(begin.as_bytes()).to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(passes(Check::Crc32Hex, &format!("{begin}_{sum}")));
        assert!(!passes(Check::Crc32Hex, &format!("{begin}_00000000")));
    }

    #[test]
    fn bech32_is_checked() {
        // Examples of BIP 173.
        for text in ["A12UEL5L", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"] {
            assert!(passes(Check::Bech32, text), "{text}");
        }
        for text in ["A12UEL5M", "noone", "1", "abcdef1bbbbbb"] {
            assert!(!passes(Check::Bech32, text), "{text}");
        }
    }
}
