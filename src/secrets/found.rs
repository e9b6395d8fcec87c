//! What is found: where, how bad, and never the secret itself.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::place::Place;
use super::rule::SecretRule;
use crate::finding::Severity;

/// What a finding is known by from run to run and from layer to layer: the same rule, place and secret have the same
/// one.
///
/// It is the first 16 bytes of SHA-256 over these, each ended by a zero byte: `imgsquash-secret-1`, the id of the rule,
/// the word for the place, its name (a file's path without a slash at its beginning, the name of a variable or label,
/// else nothing), and the keyed hash of the secret: HMAC-SHA-256 of its bytes with the words `imgsquash-secret-1` as
/// key. A private key is hashed by what it is made of, not by how it is written down. The layer, the line and the image
/// are not in it.
///
/// Somebody who has a fingerprint can test guesses of the secret, so a secret that can be guessed is not safe behind
/// it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub(super) [u8; 16]);

impl Fingerprint {
    /// From 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        super::base::unhex(text.as_bytes()).map(Self)
    }

    pub(super) fn new(rule: &str, place: Place, name: &[u8], secret: &Secret) -> Self {
        let mut hash = Sha256::new();
        for part in [DOMAIN, rule.as_bytes(), place.name().as_bytes(), name, &secret.0] {
            hash.update(part);
            hash.update([0]);
        }
        Self(first_16(&hash.finalize()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

const DOMAIN: &[u8] = b"imgsquash-secret-1";

/// The keyed hash of a secret: all that is kept of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Secret([u8; 32]);

impl Secret {
    /// HMAC-SHA-256 (RFC 2104) with a key that is shorter than a block.
    pub(super) fn of(value: &[u8]) -> Self {
        let padded = |pad: u8| -> [u8; 64] { std::array::from_fn(|at| DOMAIN.get(at).copied().unwrap_or(0) ^ pad) };
        let inner = Sha256::new().chain_update(padded(0x36)).chain_update(value).finalize();
        Self(Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into())
    }

    /// What a well-known value is listed by.
    pub(super) fn identity(&self) -> [u8; 16] {
        first_16(&self.0)
    }
}

pub(super) fn first_16(hash: &[u8]) -> [u8; 16] {
    std::array::from_fn(|at| hash.get(at).copied().unwrap_or(0))
}

/// A secret that was found. It does not hold the secret.
#[derive(Clone, Debug)]
pub struct Found {
    /// The rule that found it.
    pub rule: Arc<SecretRule>,
    /// How bad it is.
    pub severity: Severity,
    /// What is in the place of the value: the prefix that tells its type, and its length.
    pub redacted: String,
    /// Where the value begins in the input, in bytes.
    pub offset: u64,
    /// Bytes of the value.
    pub length: u64,
    /// The line that it begins in, from 1; none in a binary.
    pub line: Option<u64>,
    /// What it is known by from run to run.
    pub fingerprint: Fingerprint,
}

/// What was found in one text.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// What was found, in the order of the text.
    pub found: Vec<Found>,
    /// How many more there were than are told.
    pub more: u64,
    /// Whether some of it was passed over, because it seems to be made to take long.
    pub is_partial: bool,
}
