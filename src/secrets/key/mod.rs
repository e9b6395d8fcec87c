//! Private keys: parsed, told apart from well-known ones, and known by what they are made of.
//!
//! | written in | read by |
//! |---|---|
//! | PEM: PKCS#1, PKCS#8, SEC 1, DSA, encrypted ones; base64 of it | `pem`, `asn1` |
//! | OpenSSH, PuTTY | `pem`, `openssh` |
//! | OpenPGP | `pem`, `pgp` |
//! | DER, PKCS#12, Java key stores: whole files | `store` |

mod asn1;
mod der;
mod known;
mod material;
mod openssh;
mod pem;
mod pgp;
mod store;

pub(super) use known::Known;
pub(super) use material::Key;
pub(super) use pem::{BEGIN, Block, PUTTY};

use super::base::{base64_digit, unbase64};

/// Bytes of a text that a key can have, with all that is around its digits.
pub(super) const MAX_KEY: usize = 32 << 10;
/// What [`BEGIN`] is in base64, as far as it is the same whatever follows.
pub(super) const ENCODED: &[u8] = b"LS0tLS1CRUdJTi";

/// The key that `text` begins with, after [`BEGIN`], [`PUTTY`] or [`ENCODED`]. Adds to `read` how many bytes were
/// looked at.
pub(super) fn written(text: &[u8], read: &mut usize) -> Option<Block> {
    let text = text.get(..MAX_KEY).unwrap_or(text);
    if text.starts_with(BEGIN) {
        pem::pem(text, read)
    } else if text.starts_with(PUTTY) {
        pem::putty(text, read)
    } else if text.starts_with(ENCODED) {
        let digits = text.iter().take_while(|byte| base64_digit(**byte).is_some() || **byte == b'=').count();
        *read += digits;
        let inside = unbase64(&text[..digits])?;
        pem::pem(&inside, read).map(|(key, _)| (key, digits))
    } else {
        None
    }
}

/// The key that a whole file is, or the key store that has one.
pub(super) fn whole(file: &[u8]) -> Option<Key> {
    store::der(file)
}

/// The key store that a file begins with, if it has a private key.
pub(super) fn stored(file: &[u8]) -> Option<Key> {
    store::store(file)
}
