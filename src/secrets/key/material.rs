//! What private keys are made of, whatever they are written in.

use sha2::{Digest as _, Sha256};

use super::der::{bits, low, trimmed};
use crate::secrets::found::first_16;

/// What a key is known by: the first 16 bytes of SHA-256 over the kind of key and the numbers that make it.
///
/// An RSA key is its modulus, others are their secret number, so that PEM, DER, OpenSSH and PuTTY agree. What is
/// encrypted is its public key if that is there, else its ciphertext.
pub(in crate::secrets) type Identity = [u8; 16];

/// A private key that was parsed.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::secrets) struct Key {
    /// Its kind, in words.
    pub(in crate::secrets) kind: &'static str,
    /// How long it is; 0 when that cannot be seen.
    pub(in crate::secrets) bits: u32,
    /// Whether a passphrase keeps it.
    pub(in crate::secrets) encrypted: bool,
    pub(in crate::secrets) identity: Identity,
}

/// Bits that no key has fewer of, and that none has more of.
const RSA_BITS: std::ops::RangeInclusive<u32> = 256..=32_768;

impl Key {
    pub(super) fn new(kind: &'static str, bits: u32, parts: &[&[u8]]) -> Self {
        Self { kind, bits, encrypted: false, identity: identity(kind, parts) }
    }

    pub(super) fn encrypted(kind: &'static str, bits: u32, parts: &[&[u8]]) -> Self {
        Self { encrypted: true, ..Self::new(kind, bits, parts) }
    }

    /// An RSA key of modulus, private exponent and two primes: only when the primes make the modulus.
    pub(super) fn rsa(n: &[u8], d: &[u8], p: &[u8], q: &[u8]) -> Option<Self> {
        let size = bits(n);
        let is_product = low(p).wrapping_mul(low(q)) == low(n) && (size..=size + 1).contains(&(bits(p) + bits(q)));
        let is_whole = RSA_BITS.contains(&size) && bits(d) > 1 && bits(d) <= size && low(n) & 1 == 1;
        (is_product && is_whole).then(|| Self::new("RSA", size, &[n]))
    }

    /// A DSA key of prime, order, public and secret number.
    pub(super) fn dsa(p: &[u8], q: &[u8], x: &[u8]) -> Option<Self> {
        let is_whole = (512..=16_384).contains(&bits(p)) && bits(q) >= 128 && bits(x) > 1 && bits(x) <= bits(q);
        is_whole.then(|| Self::new("DSA", bits(p), &[x]))
    }

    /// A key on a curve of so many bits, of its secret number.
    pub(super) fn ec(scalar: &[u8], size: u32) -> Option<Self> {
        let is_whole = (112..=576).contains(&size) && bits(scalar) > 1 && bits(scalar) <= size;
        is_whole.then(|| Self::new("EC", size, &[trimmed(scalar)]))
    }

    /// A key of which all bytes are secret.
    pub(super) fn seed(kind: &'static str, seed: &[u8]) -> Option<Self> {
        let is_whole = (16..=4096).contains(&seed.len()) && seed.iter().any(|byte| *byte != seed[0]);
        is_whole.then(|| Self::new(kind, u32::try_from(seed.len()).unwrap_or(0) * 8, &[seed]))
    }
}

/// Hashes the kind and the parts, each after its length.
fn identity(kind: &str, parts: &[&[u8]]) -> Identity {
    let mut hash = Sha256::new();
    for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    first_16(&hash.finalize())
}
