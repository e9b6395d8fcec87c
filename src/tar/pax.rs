//! PAX records: `length key=value\n`, values of any bytes.
//!
//! # Decisions
//! - What Go's `archive/tar` refuses is refused here, because docker, podman and containerd read with it, and because
//!   headers that do not change go out as they came: a key or a name with a NUL byte, something behind the last record,
//!   NUL bytes too, a time or a number that is none, of times that nothing extracts too.

use thiserror::Error;

use crate::tree::{Records, Timestamp};

/// A PAX header that cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InvalidPax {
    /// Not `length key=value\n`.
    #[error(
        "a PAX record is malformed, expected its length, a space, KEY=VALUE and a newline, and nothing behind the last"
    )]
    Record,
    /// A key, or a name, with a NUL byte.
    #[error("the PAX record {key} has a NUL byte in it, which no reader takes")]
    Nul {
        /// The key.
        key: String,
    },
    /// A value that is not what its key wants.
    #[error("the PAX record {key} has the value \"{value}\"")]
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
}

/// A key and its value.
pub(super) type Record<'b> = (&'b [u8], &'b [u8]);

/// The records of a header block, in order.
pub(super) fn parse(mut bytes: &[u8]) -> Result<Vec<Record<'_>>, InvalidPax> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').ok_or(InvalidPax::Record)?;
        let length = decimal(&bytes[..space]).and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|length| *length > space + 1 && *length <= bytes.len()).ok_or(InvalidPax::Record)?;
        let (record, rest) = bytes.split_at(length);
        let record = record[space + 1..].strip_suffix(b"\n").ok_or(InvalidPax::Record)?;
        let equals = record.iter().position(|byte| *byte == b'=').filter(|at| *at > 0).ok_or(InvalidPax::Record)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        let is_text = matches!(key, b"path" | b"linkpath" | b"uname" | b"gname");
        if if is_text { value.contains(&0) } else { key.contains(&0) } {
            return Err(InvalidPax::Nul { key: shown(key) });
        }
        records.push((key, value));
        bytes = rest;
    }
    Ok(records)
}

/// The bytes of a header block with these records.
pub(super) fn format(records: &Records) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in records {
        // The length counts its own digits.
        let rest = key.len() + value.len() + 3;
        let mut length = rest + digits(rest);
        if digits(length) > digits(rest) {
            length = rest + digits(length);
        }
        bytes.extend_from_slice(format!("{length} ").as_bytes());
        bytes.extend_from_slice(key);
        bytes.push(b'=');
        bytes.extend_from_slice(value);
        bytes.push(b'\n');
    }
    bytes
}

fn digits(number: usize) -> usize {
    number.to_string().len()
}

/// Sorts records that were found one after the other; of equal keys the last counts. At once, because a header may have
/// a hundred thousand of them.
pub(super) fn put_in_order(records: &mut Records) {
    records.sort_by(|(a, _), (b, _)| a.cmp(b));
    records.reverse();
    records.dedup_by(|(later, _), (kept, _)| later == kept);
    records.reverse();
}

/// Sets a record, replacing one with the same key.
pub(super) fn set(records: &mut Records, key: &[u8], value: &[u8]) {
    match records.binary_search_by(|(known, _)| (**known).cmp(key)) {
        Ok(at) => records[at].1 = value.into(),
        Err(at) => records.insert(at, (key.into(), value.into())),
    }
}

/// Decimal digits and nothing else.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, digit| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// A value that must be a number.
pub(super) fn number(key: &[u8], value: &[u8]) -> Result<u64, InvalidPax> {
    decimal(value).ok_or_else(|| invalid(key, value))
}

/// A value that must be a time: seconds with an optional sign and fraction; digits after the ninth are cut off.
pub(super) fn time(key: &[u8], value: &[u8]) -> Result<Timestamp, InvalidPax> {
    let (negative, digits) = match value.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    let mut parts = digits.splitn(2, |byte| *byte == b'.');
    let (whole, fraction) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let parsed = || {
        let seconds = i64::try_from(decimal(whole)?).ok()?;
        let mut nanoseconds = 0_u32;
        for at in 0..9 {
            let digit = *fraction.get(at).unwrap_or(&b'0');
            nanoseconds = nanoseconds * 10 + u32::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        }
        fraction.iter().all(u8::is_ascii_digit).then_some(())?;
        Some(match (negative, nanoseconds) {
            (false, _) => Timestamp { seconds, nanoseconds },
            (true, 0) => Timestamp { seconds: -seconds, nanoseconds: 0 },
            (true, _) => Timestamp { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
        })
    };
    parsed().ok_or_else(|| invalid(key, value))
}

/// The value that [`time`] reads back.
pub(super) fn format_time(time: Timestamp) -> String {
    let Timestamp { seconds, nanoseconds } = time;
    if nanoseconds == 0 {
        return seconds.to_string();
    }
    let (sign, seconds, nanoseconds) =
        if seconds < 0 { ("-", -(seconds + 1), 1_000_000_000 - nanoseconds) } else { ("", seconds, nanoseconds) };
    format!("{sign}{seconds}.{}", format!("{nanoseconds:09}").trim_end_matches('0'))
}

/// An error that shows the value.
pub(super) fn invalid(key: &[u8], value: &[u8]) -> InvalidPax {
    InvalidPax::Value { key: shown(key), value: shown(value) }
}

fn shown(bytes: &[u8]) -> String {
    bytes.iter().take(64).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_any_bytes_come_back() {
        let mut records = Records::new();
        for length in [0, 1, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 980, 985, 990, 995] {
            set(&mut records, format!("k{length:04}").as_bytes(), &b"\n=\0\xff 7 "[..].repeat(200)[..length]);
        }
        let bytes = format(&records);
        let parsed = parse(&bytes).unwrap();
        assert_eq!(parsed.len(), records.len());
        for ((key, value), (k, v)) in records.iter().zip(parsed) {
            assert_eq!((&**key, &**value), (k, v));
        }
    }

    #[test]
    fn malformed_records_are_refused() {
        for text in [
            &b"5 a=b"[..],
            b"99 a=b\n",
            b"6 a=b\n\x01",
            b"x a=b\n",
            b"6 =ab\n",
            b"5 ab\n",
            b"3 \n",
            b"18446744073709551616 a=b\n",
            b"6 a=b\n\0\0",
            b"\0",
            b" 6 a=b\n",
            b"-6 a=b\n",
        ] {
            assert_eq!(parse(text), Err(InvalidPax::Record), "{text:?}");
        }
        for (text, key) in [(&b"9 path=\0\n"[..], "path"), (b"14 linkpath=\0\n", "linkpath"), (b"7 a\0=b\n", "a\\x00")]
        {
            assert_eq!(parse(text), Err(InvalidPax::Nul { key: key.to_owned() }), "{text:?}");
        }
        assert_eq!(parse(b"7 a=\0b\n").unwrap(), [(&b"a"[..], &b"\0b"[..])], "a value may have any bytes");
    }

    #[test]
    fn times_have_a_sign_and_nine_digits() {
        for (text, seconds, nanoseconds, back) in [
            ("0", 0, 0, "0"),
            ("1.5", 1, 500_000_000, "1.5"),
            ("-1.5", -2, 500_000_000, "-1.5"),
            ("-0.000000001", -1, 999_999_999, "-0.000000001"),
            ("253402300800.1234567899", 253_402_300_800, 123_456_789, "253402300800.123456789"),
            ("-7", -7, 0, "-7"),
        ] {
            let time = time(b"mtime", text.as_bytes()).unwrap();
            assert_eq!(time, Timestamp { seconds, nanoseconds }, "{text}");
            assert_eq!(format_time(time), back);
        }
        for text in ["", "-", "1.x", "1.0000000000x", "1e3", "+1", "99999999999999999999"] {
            assert!(time(b"mtime", text.as_bytes()).is_err(), "{text}");
        }
    }
}
