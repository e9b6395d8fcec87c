//! Private keys in DER: PKCS#1, DSA, SEC 1, PKCS#8 and encrypted PKCS#8.

use super::der::{Der, OCTETS, OID};
use super::material::Key;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const DH: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x03, 0x01];
const CURVES: &[u8] = &[0x2b, 0x65];
const PASSWORD: [&[u8]; 2] =
    [&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05], &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01]];

/// The key that `bytes` are, all of them.
pub(super) fn key(bytes: &[u8]) -> Option<Key> {
    let mut all = Der(bytes);
    let outer = all.sequence()?;
    // Some writers leave a few bytes of nothing behind.
    if all.0.len() > 16 {
        return None;
    }
    pkcs8(outer).or_else(|| pkcs1(outer)).or_else(|| sec1(outer)).or_else(|| dsa(outer)).or_else(|| encrypted(outer))
}

fn pkcs1(mut parts: Der<'_>) -> Option<Key> {
    let version = parts.number()?;
    if version.len() > 1 {
        return None;
    }
    let (n, _e, d) = (parts.number()?, parts.number()?, parts.number()?);
    let (p, q) = (parts.number()?, parts.number()?);
    let (_dp, _dq, _inverse) = (parts.number()?, parts.number()?, parts.number()?);
    Key::rsa(n, d, p, q)
}

fn dsa(mut parts: Der<'_>) -> Option<Key> {
    let zero = parts.number()?;
    let (p, q, _g, _y, x) = (parts.number()?, parts.number()?, parts.number()?, parts.number()?, parts.number()?);
    if zero.is_empty() && parts.0.is_empty() { Key::dsa(p, q, x) } else { None }
}

fn sec1(mut parts: Der<'_>) -> Option<Key> {
    if parts.number()? != [1] {
        return None;
    }
    let scalar = parts.expect(OCTETS)?;
    // As many bytes as the curve has; 66 are 521 bits.
    let size = u32::try_from(scalar.len()).ok()? * 8;
    Key::ec(scalar, if size == 528 { 521 } else { size })
}

fn pkcs8(mut parts: Der<'_>) -> Option<Key> {
    if parts.number()?.len() > 1 {
        return None;
    }
    let mut algorithm = parts.sequence()?;
    let oid = algorithm.expect(OID)?;
    let inner = parts.expect(OCTETS)?;
    match oid {
        _ if oid.starts_with(RSA) => pkcs1(Der(inner).sequence()?),
        _ if oid == EC => sec1(Der(inner).sequence()?),
        _ if oid == DSA => {
            let mut numbers = algorithm.sequence()?;
            let (p, q) = (numbers.number()?, numbers.number()?);
            Key::dsa(p, q, Der(inner).number()?)
        }
        _ if oid == DH => Key::seed("DH", Der(inner).number()?),
        [rest @ .., curve] if rest == CURVES => {
            let kind = match curve {
                0x6e => "X25519",
                0x6f => "X448",
                0x70 => "Ed25519",
                0x71 => "Ed448",
                _ => return None,
            };
            Key::seed(kind, Der(inner).expect(OCTETS)?)
        }
        // What comes after RSA and curves: its kind is in the identifier, its bytes are the key.
        _ => Key::seed("private", inner),
    }
}

fn encrypted(mut parts: Der<'_>) -> Option<Key> {
    let oid = parts.sequence()?.expect(OID)?;
    let text = parts.expect(OCTETS)?;
    let is_password = PASSWORD.iter().any(|known| oid.starts_with(known));
    (is_password && text.len() >= 16 && parts.0.is_empty()).then(|| Key::encrypted("PKCS#8", 0, &[text]))
}
