//! Samples: for every rule something made up that it has to find, made while the tests run.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::base::base62;
use super::check::Check;
use super::place::Place;
use super::rule::{Reads, SecretRule};

/// Numbers that look like chance and are the same every time (xorshift).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % limit as u64).unwrap()
    }

    pub(super) fn text(&mut self, digits: &[u8], length: usize) -> Vec<u8> {
        (0..length).map(|_| digits[self.below(digits.len())]).collect()
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let word = part.iter().fold(0, |word, byte| word << 8 | usize::from(*byte)) << (8 * (3 - part.len()));
        for at in 0..4 {
            let digit = BASE64[(word >> (18 - 6 * at)) & 63];
            text.push(if at > part.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

/// Something that `hir` matches.
fn matching(hir: &Hir, random: &mut Random, text: &mut Vec<u8>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.extend_from_slice(&literal.0),
        HirKind::Class(Class::Bytes(class)) => {
            // Of what may be anything, letters and digits.
            let all: Vec<u8> = class.ranges().iter().flat_map(|range| range.start()..=range.end()).collect();
            let plain: Vec<u8> = all.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
            let from = if plain.is_empty() || all.len() <= 2 { all } else { plain };
            text.push(from[random.below(from.len())]);
        }
        HirKind::Class(Class::Unicode(class)) => {
            let range = class.ranges()[0];
            text.extend_from_slice(range.start().to_string().as_bytes());
        }
        HirKind::Repetition(repetition) => {
            let spare = repetition.max.map_or(8, |max| max - repetition.min).min(8);
            let count = usize::try_from(repetition.min).unwrap() + random.below(usize::try_from(spare).unwrap() + 1);
            (0..count).for_each(|_| matching(&repetition.sub, random, text));
        }
        HirKind::Capture(capture) => matching(&capture.sub, random, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| matching(part, random, text)),
        HirKind::Alternation(parts) => matching(&parts[random.below(parts.len())], random, text),
    }
}

/// A path that a glob matches.
pub(super) fn path(glob: &str) -> String {
    let mut text = glob.replacen("~/", "root/", 1).replace("**", "srv").trim_start_matches('/').to_owned();
    // The first of each list of alternatives, the innermost list first.
    while let Some(close) = text.find('}') {
        let open = text[..close].rfind('{').unwrap();
        let first = text[open + 1..close].split(',').next().unwrap().to_owned();
        text.replace_range(open..=close, &first);
    }
    text.replace('*', "x")
}

/// What a check asks for, in the place of what is only of the right form.
fn checked(check: Check, sample: Vec<u8>, random: &mut Random) -> Vec<u8> {
    match check {
        Check::Crc32Base62 => {
            let begin = &sample[..sample.len() - 6];
            let sum = base62(crc32fast::hash(&begin[begin.len() - 30..]));
            [begin, &sum].concat()
        }
        Check::Crc32Hex => {
            let begin = &sample[..sample.len() - 9];
            let sum = crc32fast::hash(begin).to_le_bytes();
            let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
            [begin, b"_", sum.as_bytes()].concat()
        }
        Check::Jwt => {
            let part = |text: &str| base64(text.as_bytes()).trim_end_matches('=').replace('+', "-").replace('/', "_");
            let signed = String::from_utf8(random.text(&BASE64[..62], 43)).unwrap();
            let claims = format!(r#"{{"sub":"{}","iat":1700000000}}"#, random.below(1_000_000));
            format!("{}.{}.{signed}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(&claims)).into_bytes()
        }
        Check::Macaroon => {
            let mut inside = b"\x02\x01\x08pypi.org\x02\x10".to_vec();
            inside.extend((0..16 + 60).map(|_| u8::try_from(random.below(256)).unwrap()));
            inside.extend([6, 32]);
            inside.extend((0..32).map(|_| u8::try_from(random.below(256)).unwrap()));
            let begin = sample.iter().position(|byte| *byte == b'-').unwrap();
            let text = base64(&inside).trim_end_matches('=').replace('+', "-").replace('/', "_");
            [&sample[..=begin], text.as_bytes()].concat()
        }
        Check::UserAndPassword => {
            let text = String::from_utf8_lossy(&sample).into_owned();
            let begin = text.to_ascii_lowercase().find("basic").unwrap() + 5;
            let word = format!("maker:{}", String::from_utf8(random.text(&BASE64[..62], 14)).unwrap());
            format!("{} {}", &text[..begin], base64(word.as_bytes())).into_bytes()
        }
        Check::Bytes64 => sample,
        Check::Bech32 => bech32(&sample),
    }
}

/// The same with the right checksum at its end.
fn bech32(sample: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let mut text = sample.to_ascii_lowercase();
    let one = text.iter().rposition(|byte| *byte == b'1').unwrap();
    let value = |byte: u8| u32::try_from(DIGITS.iter().position(|digit| *digit == byte).unwrap()).unwrap();
    let end = text.len() - 6;
    let name = text[..one].to_vec();
    let words =
        name.iter().map(|byte| u32::from(byte >> 5)).chain([0]).chain(name.iter().map(|byte| u32::from(byte & 31)));
    let words = words.chain(text[one + 1..end].iter().map(|byte| value(*byte))).chain([0; 6]);
    let sum = words.fold(1_u32, |sum, word| {
        let generators = [0x3b6a_57b2_u32, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let next = ((sum & 0x1ff_ffff) << 5) ^ word;
        (0..5).filter(|bit| (sum >> (25 + bit)) & 1 == 1).fold(next, |sum, bit| sum ^ generators[bit])
    }) ^ 1;
    for at in 0..6 {
        text[end + at] = DIGITS[usize::try_from((sum >> (5 * (5 - at))) & 31).unwrap()];
    }
    if sample[0].is_ascii_uppercase() { text.to_ascii_uppercase() } else { text }
}

/// Something that `rule` finds; where that is asked for, the path and the name that it has to have.
pub(super) fn sample(rule: &SecretRule, random: &mut Random) -> (String, Vec<u8>) {
    let path = rule.paths().next().map_or("srv/data".to_owned(), path);
    let text = match &rule.reads {
        Reads::File => b"contents".to_vec(),
        Reads::Regex(pattern) => {
            let mut text = Vec::new();
            matching(pattern.hir(), random, &mut text);
            match rule.check {
                Some(check) => checked(check, text, random),
                None => text,
            }
        }
        Reads::Assignment { .. } => [b"password = \"".as_slice(), &random.text(&BASE64[..62], 24), b"\""].concat(),
        Reads::Argument => [b"|1 NPM_TOKEN=".as_slice(), &random.text(&BASE64[..62], 24), b" /bin/sh -c true"].concat(),
        Reads::Setting => [b"API_TOKEN=".as_slice(), &random.text(&BASE64[..62], 24)].concat(),
        Reads::PrivateKey => pem("PRIVATE KEY", &ed25519(random)).into_bytes(),
        Reads::KeyStore => jks(random),
    };
    (path, text)
}

/// PKCS#8 of a made-up key.
pub(super) fn ed25519(random: &mut Random) -> Vec<u8> {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend((0..32).map(|_| u8::try_from(random.below(256)).unwrap()));
    der
}

/// Lines of PEM.
pub(super) fn pem(label: &str, bytes: &[u8]) -> String {
    let digits = base64(bytes);
    let lines: Vec<&str> = digits.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A key store of Java with one key.
fn jks(random: &mut Random) -> Vec<u8> {
    let mut file = vec![0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 3];
    file.extend(b"key");
    file.extend((0..100).map(|_| u8::try_from(random.below(256)).unwrap()));
    file
}

/// The place that a rule is tested in.
pub(super) fn place(rule: &SecretRule) -> Place {
    if rule.places().contains(&Place::File) { Place::File } else { rule.places()[0] }
}
