//! Text from strangers, made fit to be shown: the one door through which what an image says reaches a terminal.
//!
//! # Decisions
//! - What could move the cursor, begin a line, turn the direction of writing or hide is shown as what it is: control
//!   characters, line and paragraph separators, and Unicode's format characters (category Cf, which has the
//!   bidirectional overrides and the invisible ones). Everything else is shown as it stands.
//! - What is too long loses its middle: names differ at their ends, and a message has its reason there.

use std::fmt::{self, Write};

/// Characters that change how others are shown, or are not seen (Unicode 16, category Cf, and the separators Zl and
/// Zp).
const UNSEEN: [(char, char); 18] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e007f}'),
];

/// Whether a character is shown as it stands.
fn is_seen(c: char) -> bool {
    !c.is_control() && (c.is_ascii() || !UNSEEN.iter().any(|(first, last)| (*first..=*last).contains(&c)))
}

/// Text that is shown in one line, with nothing in it that does more than be seen.
pub struct Shown<'t>(pub &'t str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if is_seen(c) {
                f.write_char(c)?;
            } else {
                write!(f, "{}", c.escape_default())?;
            }
        }
        Ok(())
    }
}

/// Bytes that are text as a rule, shown likewise; what is no UTF-8 is shown as `\x` and two digits.
pub struct ShownBytes<'t>(pub &'t [u8]);

impl fmt::Display for ShownBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            Shown(chunk.valid()).fmt(f)?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Bytes as text from which [`bytes`] makes the same bytes: a backslash is doubled, and each byte of what is no text,
/// or does more than be seen, is `\x` and two digits.
pub fn exact(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let hidden = |text: &mut String, bytes: &[u8]| {
        for byte in bytes {
            let _ = write!(text, "\\x{byte:02x}");
        }
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                _ if is_seen(c) => text.push(c),
                _ => hidden(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        hidden(&mut text, chunk.invalid());
    }
    text
}

/// The bytes that [`exact`] made this text of; `None` when it did not.
pub fn bytes(exact: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(exact.len());
    let mut rest = exact;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        rest = match after.strip_prefix('\\') {
            Some(after) => {
                bytes.push(b'\\');
                after
            }
            None => {
                let digits = after.strip_prefix('x')?.get(..2)?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                &after[3..]
            }
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

/// `text` in one line of at most `most` characters, at least 3; what is too long loses its middle.
pub fn line(text: &str, most: usize) -> String {
    let shown = Shown(text).to_string();
    let count = shown.chars().count();
    if count <= most {
        return shown;
    }
    let left = most.saturating_sub(1);
    let (before, after) = (left - left / 2, left / 2);
    let begin: String = shown.chars().take(before).collect();
    let end: String = shown.chars().skip(count - after).collect();
    format!("{begin}…{end}")
}

/// A word as a shell reads it.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// JSON that means the same, with nothing in it that does more than be seen, wherever it is printed.
pub fn json(text: &str) -> String {
    let mut units = [0; 2];
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        // Control characters stand escaped in JSON but for the line breaks between its members.
        if c == '\n' || is_seen(c) {
            safe.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_more_than_be_seen_is_shown_as_what_it_is() {
        for (text, shown) in [
            ("plain é 漢字 e\u{301} 🙂", "plain é 漢字 e\u{301} 🙂"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("a\nb\r\tc\0", "a\\nb\\r\\tc\\u{0}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
            ("\u{2028}\u{2029}\u{2066}", "\\u{2028}\\u{2029}\\u{2066}"),
            ("a\u{200b}b\u{feff}\u{ad}\u{e0041}", "a\\u{200b}b\\u{feff}\\u{ad}\\u{e0041}"),
        ] {
            assert_eq!(Shown(text).to_string(), shown, "{text:?}");
        }
        assert_eq!(ShownBytes(b"a\xff\nb\xc3").to_string(), "a\\xff\\nb\\xc3");
    }

    #[test]
    fn json_means_the_same() {
        let value = serde_json::json!({"a\u{202e}": ["\u{9b}\u{e0041}é\n", 1]});
        let text = json(&serde_json::to_string_pretty(&value).unwrap());
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        assert!(
            text.contains(r"a\u202e") && text.contains(r"\u009b\udb40\udc41é\n") && text.lines().count() > 3,
            "{text}"
        );
    }

    #[test]
    fn exact_text_says_which_bytes_it_was() {
        for (raw, text) in [
            (&b"usr/lib"[..], "usr/lib"),
            (b"a\\x01", "a\\\\x01"),
            (b"a\x01\xff", "a\\x01\\xff"),
            ("é\u{202e}".as_bytes(), "é\\xe2\\x80\\xae"),
        ] {
            assert_eq!(exact(raw), text);
            assert_eq!(bytes(text).as_deref(), Some(raw));
        }
        for text in ["\\", "\\x", "\\x1", "\\y00", "\\xé"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_too_long_loses_its_middle() {
        assert_eq!(line("abcdefghij", 10), "abcdefghij");
        assert_eq!(line("abcdefghijk", 10), "abcde…hijk");
        assert_eq!(line("漢字漢字漢字", 3), "漢…字");
        assert_eq!(line("a\nb", 3), "a…b", "what is shown counts");
        assert_eq!(line("a\nb", 4), "a\\nb");
    }
}
