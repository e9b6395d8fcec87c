//! Keys written as text: PEM (RFC 7468 and 1421), OpenSSH, armor of OpenPGP, `.ppk` of PuTTY.
//!
//! A key is found in a file of its own and in a string of JSON or of a program, where its lines end in `\n` and are put
//! together from several strings, and in an argument, where they have become spaces. It is a key only when it is whole.

use super::asn1;
use super::material::Key;
use super::openssh;
use super::pgp;
use crate::secrets::base::{base64_digit, unbase64};

/// What a key begins with.
pub(in crate::secrets) const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
/// Bytes that a label may have.
const MAX_LABEL: usize = 40;
/// Bytes that a header of one may have.
const MAX_HEADER: usize = 1000;

/// A key, and how many bytes of the text it takes.
pub(in crate::secrets) type Block = (Key, usize);

/// The key that `text` begins with, which is [`BEGIN`].
pub(super) fn pem(text: &[u8], read: &mut usize) -> Option<Block> {
    let rest = text.strip_prefix(BEGIN)?;
    let length = rest.iter().take(MAX_LABEL).position(|byte| *byte == b'-')?;
    let label = &rest[..length];
    let is_pgp = label == b"PGP PRIVATE KEY BLOCK";
    if !is_pgp && !label.ends_with(b"PRIVATE KEY") {
        return None;
    }
    let body = rest[length..].strip_prefix(DASHES)?;
    let mut body = Body { text: body, at: 0 };
    let encrypted = body.skip_headers();
    let digits = body.digits(is_pgp);
    *read += body.at;
    let (digits, sum) = digits?;
    let end = [END, label, DASHES].concat();
    if !body.rest().starts_with(&end) {
        return None;
    }
    let taken = text.len() - body.rest().len() + end.len();
    let bytes = unbase64(&digits)?;
    let is_whole = sum.is_none_or(|sum| unbase64(&sum).is_some_and(|sum| be24(&sum) == pgp::crc24(&bytes)));
    let key = match label {
        _ if !is_whole => None,
        b"PGP PRIVATE KEY BLOCK" => pgp::pgp(&bytes),
        b"OPENSSH PRIVATE KEY" => openssh::openssh(&bytes),
        // Encrypted as a whole, to blocks of 8 or 16 bytes.
        _ if encrypted => (bytes.len() >= 32 && bytes.len() % 8 == 0).then(|| Key::encrypted("PEM", 0, &[&bytes])),
        b"ENCRYPTED COSIGN PRIVATE KEY" | b"ENCRYPTED SIGSTORE PRIVATE KEY" => {
            bytes.starts_with(b"{").then(|| Key::encrypted("Sigstore", 0, &[&bytes]))
        }
        _ => asn1::key(&bytes),
    };
    key.map(|key| (key, taken))
}

fn be24(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

/// What is between the first and the last line.
struct Body<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Body<'t> {
    fn rest(&self) -> &'t [u8] {
        &self.text[self.at..]
    }

    /// Bytes of an end of a line here, as it is or as it is escaped; none is 0.
    fn line_end(&self) -> usize {
        match self.rest() {
            [b'\r', b'\n', ..] => 2,
            [b'\n' | b'\r', ..] => 1,
            [b'\\', b'\\', b'n' | b'r', ..] => 3,
            [b'\\', b'n' | b'r', ..] => 2,
            _ => 0,
        }
    }

    /// Skips spaces and quotes, and says whether there was a quote.
    fn skip_space(&mut self) -> bool {
        let mut has_quote = false;
        while let [byte @ (b' ' | b'\t' | b'"' | b'\''), ..] = self.rest() {
            has_quote |= matches!(byte, b'"' | b'\'');
            self.at += 1;
        }
        has_quote
    }

    /// Skips lines of `Name: value` up to an empty one, and says whether they tell that the key is encrypted.
    fn skip_headers(&mut self) -> bool {
        let (mut encrypted, mut is_header, mut is_empty) = (false, false, false);
        loop {
            let has_quote = self.skip_space();
            let end = self.line_end();
            if end > 0 {
                let is_code = has_quote && self.rest().first() != Some(&b'\\');
                self.at += end;
                match is_header && is_empty && !is_code {
                    true => return encrypted,
                    // A line of a program that ends behind a string is none of the key.
                    false => is_empty |= !is_code,
                }
                continue;
            }
            let length = self.rest().iter().take(MAX_HEADER).take_while(|byte| !b"\n\r\\".contains(byte)).count();
            let line = &self.rest()[..length];
            if !line.windows(2).any(|pair| pair == b": ") {
                return encrypted;
            }
            encrypted |= line.starts_with(b"DEK-Info: ") || line.ends_with(b",ENCRYPTED");
            self.at += length;
            (is_header, is_empty) = (true, false);
        }
    }

    /// The digits up to a dash, and the checksum behind them, of armor only.
    fn digits(&mut self, is_pgp: bool) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let mut digits = Vec::new();
        let mut sum: Option<Vec<u8>> = None;
        let (mut is_open, mut begins_line) = (true, true);
        loop {
            let end = self.line_end();
            if end > 0 {
                self.at += end;
                begins_line = true;
                continue;
            }
            let byte = *self.rest().first()?;
            match byte {
                b'-' => return Some((digits, sum)),
                // Between two strings, + puts them together and is no digit.
                b'"' | b'\'' => is_open = !is_open,
                b' ' | b'\t' | b',' | b'\\' | b';' | b'#' => {}
                b'+' if !is_open => {}
                b'=' if is_pgp && begins_line && sum.is_none() => sum = Some(Vec::new()),
                b'=' => digits.push(byte),
                _ => {
                    base64_digit(byte).filter(|_| byte != b'_')?;
                    sum.as_mut().unwrap_or(&mut digits).push(byte);
                }
            }
            begins_line &= byte.is_ascii_whitespace();
            self.at += 1;
        }
    }
}

/// What a `.ppk` file begins with.
pub(in crate::secrets) const PUTTY: &[u8] = b"PuTTY-User-Key-File-";

/// The key that `text` begins with, which is [`PUTTY`].
pub(super) fn putty(text: &[u8], read: &mut usize) -> Option<Block> {
    let mut lines = Lines { text, at: 0 };
    let key = putty_lines(&mut lines);
    *read += lines.at;
    key.map(|key| (key, lines.at))
}

fn putty_lines(lines: &mut Lines<'_>) -> Option<Key> {
    let name = lines.value(b"PuTTY-User-Key-File-2: ").or_else(|| lines.value(b"PuTTY-User-Key-File-3: "))?;
    let encrypted = lines.value(b"Encryption: ")? != b"none";
    let _comment = lines.value(b"Comment: ");
    let public = lines.base64(b"Public-Lines: ")?;
    while lines.value(b"Key-Derivation: ").is_some() || lines.value(b"Argon2-").is_some() {}
    let private = lines.base64(b"Private-Lines: ")?;
    openssh::putty(name, encrypted, &public, &private)
}

struct Lines<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Lines<'t> {
    fn line(&self) -> (&'t [u8], usize) {
        let rest = &self.text[self.at..];
        let length = rest.iter().take(1000).position(|byte| *byte == b'\n').unwrap_or(rest.len().min(1000));
        (rest[..length].strip_suffix(b"\r").unwrap_or(&rest[..length]), (length + 1).min(rest.len()))
    }

    /// The rest of the next line, if it begins so.
    fn value(&mut self, begin: &[u8]) -> Option<&'t [u8]> {
        let (line, length) = self.line();
        let value = line.strip_prefix(begin)?;
        self.at += length;
        Some(value)
    }

    /// As many lines of base64 as the next one says.
    fn base64(&mut self, begin: &[u8]) -> Option<Vec<u8>> {
        let count: usize = std::str::from_utf8(self.value(begin)?).ok()?.parse().ok()?;
        let mut digits = Vec::new();
        for _ in 0..count.min(1000) {
            let (line, length) = self.line();
            line.iter().all(|byte| base64_digit(*byte).is_some() || *byte == b'=').then_some(())?;
            digits.extend_from_slice(line);
            self.at += length;
        }
        unbase64(&digits)
    }
}
