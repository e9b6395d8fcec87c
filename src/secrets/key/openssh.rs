//! Private keys as OpenSSH writes them (PROTOCOL.key), and as PuTTY does.

use super::der::{bits, trimmed};
use super::material::Key;

/// Fields, each after its length in four bytes.
#[derive(Clone, Copy)]
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn field(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (field, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }
}

/// The key that `bytes` are.
pub(super) fn openssh(bytes: &[u8]) -> Option<Key> {
    let mut fields = Fields(bytes.strip_prefix(b"openssh-key-v1\0")?);
    let (cipher, _kdf, _options) = (fields.field()?, fields.field()?, fields.field()?);
    if fields.number()? != 1 {
        return None;
    }
    let (public, private) = (fields.field()?, fields.field()?);
    let mut named = Fields(public);
    let name = named.field()?;
    if cipher != b"none" {
        let is_whole = private.len() >= 32 && private.len() % 8 == 0;
        return is_whole.then(|| Key::encrypted(kind(name), modulus_bits(name, named), &[public]));
    }
    let mut fields = Fields(private);
    if fields.number()? != fields.number()? || fields.field()? != name {
        return None;
    }
    match name {
        b"ssh-rsa" => {
            let (n, _e, d) = (fields.field()?, fields.field()?, fields.field()?);
            let (_inverse, p, q) = (fields.field()?, fields.field()?, fields.field()?);
            Key::rsa(trimmed(n), trimmed(d), trimmed(p), trimmed(q))
        }
        b"ssh-dss" => {
            let (p, q, _g, _y, x) =
                (fields.field()?, fields.field()?, fields.field()?, fields.field()?, fields.field()?);
            Key::dsa(trimmed(p), trimmed(q), trimmed(x))
        }
        b"ssh-ed25519" => {
            let (_public, seed_and_public) = (fields.field()?, fields.field()?);
            Key::seed("Ed25519", seed_and_public.get(..32)?)
        }
        _ if name.starts_with(b"ecdsa-sha2-") => {
            let (_curve, _point, scalar) = (fields.field()?, fields.field()?, fields.field()?);
            Key::ec(scalar, curve_bits(name)?)
        }
        // A key that a device keeps: here is only what asks it.
        _ if name.starts_with(b"sk-") => Some(Key::encrypted("security key", 0, &[public])),
        _ => None,
    }
}

fn kind(name: &[u8]) -> &'static str {
    match name {
        b"ssh-rsa" => "RSA",
        b"ssh-dss" => "DSA",
        b"ssh-ed25519" => "Ed25519",
        _ if name.starts_with(b"ecdsa-sha2-") => "EC",
        _ => "SSH",
    }
}

/// The digits at the end of `ecdsa-sha2-nistp256`.
fn curve_bits(name: &[u8]) -> Option<u32> {
    std::str::from_utf8(name.last_chunk::<3>()?).ok()?.parse().ok()
}

fn modulus_bits(name: &[u8], mut fields: Fields<'_>) -> u32 {
    match (name, fields.field(), fields.field()) {
        (b"ssh-rsa", Some(_), Some(n)) => bits(n),
        _ => 0,
    }
}

/// The key of a `.ppk` file, from its algorithm, whether it is encrypted, and the bytes of its two halves.
pub(super) fn putty(name: &[u8], encrypted: bool, public: &[u8], private: &[u8]) -> Option<Key> {
    let mut named = Fields(public);
    if named.field()? != name {
        return None;
    }
    if encrypted {
        return (private.len() >= 16).then(|| Key::encrypted(kind(name), modulus_bits(name, named), &[public]));
    }
    let mut fields = Fields(private);
    match name {
        b"ssh-rsa" => {
            let (_e, n) = (named.field()?, named.field()?);
            let (d, p, q) = (fields.field()?, fields.field()?, fields.field()?);
            Key::rsa(trimmed(n), trimmed(d), trimmed(p), trimmed(q))
        }
        b"ssh-dss" => Key::dsa(trimmed(named.field()?), trimmed(named.field()?), trimmed(fields.field()?)),
        b"ssh-ed25519" => Key::seed("Ed25519", fields.field()?),
        _ if name.starts_with(b"ecdsa-sha2-") => Key::ec(fields.field()?, curve_bits(name)?),
        _ => None,
    }
}
