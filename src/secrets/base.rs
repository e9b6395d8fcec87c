//! Base64, base62 and hexadecimal, as tokens use them.

/// The value of a digit of base64, of the usual alphabet or the one for addresses.
pub(super) fn base64_digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// What `text` says in base64, padded or not. Nothing when a byte is no digit, or a digit is left over.
pub(super) fn unbase64(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = text.get(..text.len() - padding)?;
    if padding > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for digit in digits {
        held = (held << 6) | u32::from(base64_digit(*digit)?);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// `number` in base62, digits before capitals before small letters, with zeroes before it up to six digits.
pub(super) fn base62(mut number: u32) -> [u8; 6] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = [b'0'; 6];
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    text
}

/// Exactly `N` bytes in hexadecimal.
pub(super) fn unhex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_padded_or_not() {
        for (text, expected) in [("", Some("")), ("Zg==", Some("f")), ("Zm8", Some("fo")), ("Zm9v", Some("foo"))] {
            assert_eq!(unbase64(text.as_bytes()).as_deref(), expected.map(str::as_bytes), "{text}");
        }
        for text in ["Z", "Zg===", "Z=g", "Zm9v!", "===="] {
            assert_eq!(unbase64(text.as_bytes()), None, "{text}");
        }
        assert_eq!(unbase64(b"-_-_"), unbase64(b"+/+/"));
    }

    #[test]
    fn base62_and_hexadecimal() {
        assert_eq!(&base62(0), b"000000");
        assert_eq!(&base62(61), b"00000z");
        assert_eq!(&base62(u32::MAX), b"4gfFC3");
        assert_eq!(unhex(b"00fF"), Some([0, 255]));
        assert_eq!(unhex::<2>(b"00f"), None);
        assert_eq!(unhex::<1>(b"+1"), None);
    }
}
