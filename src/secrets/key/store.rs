//! Key stores: PKCS#12 and Java's, which have private keys that a password keeps, or only certificates; and keys in
//! DER.

use super::asn1;
use super::der::{Der, INTEGER, OCTETS, OID, SEQUENCE};
use super::material::Key;

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// The bags of PKCS#12 that hold a key: as it is, and encrypted.
const BAGS: [&[u8]; 2] = [
    &[0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x01],
    &[0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x02],
];
const JKS: [&[u8]; 2] = [&[0xfe, 0xed, 0xfe, 0xed], &[0xce, 0xce, 0xce, 0xce]];

/// The key that a whole file is in DER.
pub(super) fn der(file: &[u8]) -> Option<Key> {
    if file.first() == Some(&SEQUENCE) { asn1::key(file) } else { None }
}

/// The key store that a file begins with, if a private key is in it.
pub(super) fn store(file: &[u8]) -> Option<Key> {
    match file {
        [SEQUENCE, ..] => pkcs12(file),
        _ if JKS.iter().any(|magic| file.starts_with(magic)) => jks(file),
        _ => None,
    }
}

/// PFX: version 3, then data. Only as much is looked at as there is.
fn pkcs12(file: &[u8]) -> Option<Key> {
    let inside = into(file, SEQUENCE)?;
    let mut parts = Der(inside);
    if parts.expect(INTEGER)? != [3] {
        return None;
    }
    let content = into(parts.0, SEQUENCE)?;
    let mut content = Der(content);
    if content.expect(OID)? != DATA {
        return None;
    }
    let safes = into(into(content.0, 0xa0)?, OCTETS).unwrap_or(content.0);
    let bag = BAGS.iter().find(|bag| safes.windows(bag.len()).any(|window| window == **bag))?;
    Some(Key { encrypted: *bag == BAGS[1], ..Key::new("PKCS#12", 0, &[file.get(..512).unwrap_or(file)]) })
}

/// What is in the first element, as much as there is of it, of any length.
fn into(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let skipped = match length {
        0x80 => 0,
        0x81..=0x84 => usize::from(length & 0x7f),
        _ => 0,
    };
    if *first == tag { rest.get(skipped..) } else { None }
}

/// Java's: a number of entries, each with a tag that is 1 for a private key.
fn jks(file: &[u8]) -> Option<Key> {
    let mut at = 4;
    let mut number = |bytes: usize| -> Option<usize> {
        let field = file.get(at..)?.get(..bytes)?;
        at += bytes;
        Some(field.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    let (version, count) = (number(4)?, number(4)?);
    if !(1..=2).contains(&version) {
        return None;
    }
    let mut rest = file.get(at..)?;
    let mut take = |bytes: usize| -> Option<&[u8]> {
        let (field, after) = rest.split_at_checked(bytes)?;
        rest = after;
        Some(field)
    };
    let be = |field: &[u8]| field.iter().fold(0, |number: usize, byte| number << 8 | usize::from(*byte));
    for _ in 0..count {
        let tag = be(take(4)?);
        let alias = be(take(2)?);
        take(alias)?;
        take(8)?;
        if tag == 1 {
            return Some(Key::encrypted("Java", 0, &[file.get(..512).unwrap_or(file)]));
        }
        if version == 2 {
            let kind = be(take(2)?);
            take(kind)?;
        }
        let certificate = be(take(4)?);
        take(certificate)?;
    }
    None
}
