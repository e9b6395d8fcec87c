//! Digests: the name of a blob's bytes, and the name of a layer's uncompressed bytes.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The SHA-256 digest of a blob. It exists only by hashing bytes or by reading a document that names one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// The digest of a layer's uncompressed tar, `rootfs.diff_ids` in the config. Never the name of a blob.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DiffId(pub Digest);

/// A text that is not `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("\"{0}\" is not a digest this tool can verify (expected sha256: and 64 hexadecimal digits)")]
pub struct InvalidDigest(String);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest that is this hash, which someone computed.
    pub fn from_hash(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The digest whose 64 hexadecimal digits are `hex`; `None` when they are not that.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let digits = hex.as_bytes();
        let mut bytes = [0_u8; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// The 64 hexadecimal digits, without the algorithm.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Where an OCI image layout keeps this blob.
    pub fn blob_path(&self) -> String {
        format!("blobs/sha256/{}", self.hex())
    }
}

/// Upper case is refused: the image specification allows lower case only.
fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        text.strip_prefix("sha256:").and_then(Self::from_hex).ok_or_else(|| InvalidDigest(text.to_owned()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for DiffId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for DiffId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "diff_id {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_what_it_writes() {
        let digest = Digest::of(b"");
        let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse(), Ok(digest));
    }

    #[test]
    fn other_algorithms_upper_case_and_short_digests_are_refused() {
        for text in ["sha512:00", "sha256:E3", "sha256:", "", "e3b0", &format!("sha256:{}", "G".repeat(64))] {
            assert_eq!(text.parse::<Digest>(), Err(InvalidDigest(text.to_owned())));
        }
    }
}
