//! Whether a value can be a secret: judged by the value alone, never by where it stands.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use serde::Deserialize;

/// How much a value has to look like a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Level {
    /// It stands for itself: no variable, mask or example.
    Any,
    /// And a person may have chosen it: it is no number, path or address, nor made of words like `password`.
    Chosen,
    /// And it is more than letters.
    Strong,
    /// And a machine made it.
    Random,
}

/// Words that say that a value is none, as the file of rules has them.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// A value that has one of them in it is a placeholder.
    pub(super) placeholders: Vec<Vec<u8>>,
    /// The same, made ready.
    finder: OnceLock<Option<AhoCorasick>>,
    /// A value made of nothing else, but for a few digits, is a placeholder.
    pub(super) words: Vec<Vec<u8>>,
}

/// A byte that is repeated so often is a mask. Not `A`: zeroes are that in base64.
const MASKED: usize = 6;
/// A run like `1234567` or `gfedcba` is no chance.
const COUNTED: usize = 7;

impl Values {
    /// Whether `value` can be a secret of this kind.
    pub(super) fn accept(&self, value: &[u8], level: Level) -> bool {
        match level {
            Level::Any => !value.is_empty() && !self.is_placeholder(value),
            Level::Chosen => {
                value.len() >= 5 && !is_setting(value) && !self.is_placeholder(value) && !self.is_made_of_words(value)
            }
            Level::Strong => {
                value.len() >= 6
                    && is_mixed(value)
                    && !is_setting(value)
                    && !self.is_placeholder(value)
                    && !self.is_made_of_words(value)
            }
            Level::Random => looks_random(value) && !self.is_placeholder(value) && !self.is_made_of_words(value),
        }
    }

    /// Whether it stands for a value: a reference, a mask, an example, counted out.
    pub(super) fn is_placeholder(&self, value: &[u8]) -> bool {
        let make = || AhoCorasick::builder().ascii_case_insensitive(true).build(&self.placeholders).ok();
        let finder = self.finder.get_or_init(make);
        is_reference(value) || is_mask(value) || finder.as_ref().is_some_and(|finder| finder.is_match(value))
    }

    /// Whether all its letters are words that people write for want of a secret.
    pub(super) fn is_made_of_words(&self, value: &[u8]) -> bool {
        value.len() <= 64 && (self.is_all_words(value) || self.is_all_words(&unmasked(value)))
    }

    fn is_all_words(&self, value: &[u8]) -> bool {
        let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
        let mut runs = value.split(|byte| !byte.is_ascii_alphabetic()).filter(|run| !run.is_empty()).peekable();
        runs.peek().is_some() && digits <= 4 && value.is_ascii() && runs.all(|run| self.is_words(run))
    }

    /// Whether it is one or more of the words, one after another.
    fn is_words(&self, run: &[u8]) -> bool {
        // Which beginnings of it are words.
        let mut begun = [false; 65];
        begun[0] = true;
        for at in 0..run.len() {
            if begun[at] {
                for word in &self.words {
                    if run[at..].get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word)) {
                        begun[at + word.len()] = true;
                    }
                }
            }
        }
        begun[run.len()]
    }
}

/// Whether it is what another place has: a variable, a template, a call.
fn is_reference(value: &[u8]) -> bool {
    let is_name =
        |text: &[u8]| !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.:".contains(byte));
    let is_variable =
        |text: &[u8]| is_name(text) && (text.len() < 2 || !text.iter().any(u8::is_ascii_digit) || text.contains(&b'_'));
    let inside = |open: &[u8], close: &[u8]| {
        value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some_and(|rest| !rest.is_empty())
    };
    match value {
        [b'$', rest @ ..] if is_variable(rest) || rest.starts_with(b"(") => return true,
        [b'%' | b'@', rest @ .., last] if *last == value[0] && is_name(rest) => return true,
        [b'%', rest @ ..] if rest.len() <= 3 || rest.starts_with(b"(") => return true,
        [b'!' | b'&' | b'*', rest @ ..] if is_name(rest) && rest.iter().all(|byte| !byte.is_ascii_digit()) => {
            return true;
        }
        _ => {}
    }
    let templates: [(&[u8], &[u8]); 6] =
        [(b"${", b"}"), (b"{{", b"}}"), (b"<%", b"%>"), (b"#{", b"}"), (b"$(", b")"), (b"{%", b"%}")];
    let has_template = templates.iter().any(|(open, close)| {
        position(value, open).is_some_and(|at| position(&value[at..], close).is_some() || at == 0)
    });
    has_template || inside(b"<", b">") || inside(b"[", b"]") || inside(b"{", b"}") || inside(b"__", b"__")
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Whether something was put over it, or it was counted out.
fn is_mask(value: &[u8]) -> bool {
    let mut seen = [false; 256];
    value.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    if seen.iter().filter(|seen| **seen).count() <= 2 {
        return true;
    }
    if value.ends_with(b"...") || value.ends_with("…".as_bytes()) {
        return true;
    }
    let (mut same, mut up, mut down) = (1, 1, 1);
    for pair in value.windows(2) {
        let (before, after) = (pair[0].to_ascii_lowercase(), pair[1].to_ascii_lowercase());
        let next = |run: usize, goes_on: bool| if goes_on { run + 1 } else { 1 };
        same = next(same, before == after && pair[1] != b'A');
        up = next(up, is_next(before, after));
        down = next(down, is_next(after, before));
        if same >= MASKED || up >= COUNTED || down >= COUNTED {
            return true;
        }
    }
    false
}

fn is_next(before: u8, after: u8) -> bool {
    (before.is_ascii_alphanumeric() && after.is_ascii_alphanumeric() && after == before.wrapping_add(1))
        || (before == b'9' && (after == b'0' || after == b'a'))
        || (before == b'z' && after == b'0')
}

/// Whether it is a number, a path, an address or a word of a language: a setting, that is.
fn is_setting(value: &[u8]) -> bool {
    let all = |is: fn(&u8) -> bool| value.iter().all(is);
    let is_number = all(|byte| byte.is_ascii_digit() || b"._-+:, ".contains(byte)) && value.len() < 12;
    let is_path =
        value.first().is_some_and(|byte| b"/~.".contains(byte)) && value.contains(&b'/') && !looks_random(value);
    let is_address = position(value, b"://").is_some();
    let is_code = value.contains(&b'(') && value.ends_with(b")");
    is_number || is_path || is_address || is_code || value.contains(&b' ') && is_sentence(value)
}

/// Whether it is words with spaces between them.
fn is_sentence(value: &[u8]) -> bool {
    let mut words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    words.all(|word| {
        word.iter().all(|byte| byte.is_ascii_alphabetic() || b".,:;!?'\"()-/".contains(byte) || !byte.is_ascii())
    })
}

/// Whether it has two kinds of characters at least, so that it is not a word; a capital at the beginning of one does
/// not count, and neither does a number at the end of one that is not much longer.
fn is_mixed(value: &[u8]) -> bool {
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let others = value.iter().filter(|byte| !byte.is_ascii_alphabetic() && !b"-_. /:".contains(byte)).count();
    letters > 0 && others > 0 && value.iter().all(u8::is_ascii_graphic)
}

/// Bits for a byte of it, as often as each occurs.
pub(super) fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    value.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let total = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

/// Whether a machine made it: long, spread out, and changing its kind of character as names and words do not.
fn looks_random(value: &[u8]) -> bool {
    if value.len() < 16 || value.len() > 512 || !value.iter().all(u8::is_ascii_graphic) {
        return false;
    }
    let is_hex = value.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    if is_hex && value.len() < 20 {
        return false;
    }
    let least = if is_hex {
        2.8
    } else if value.len() < 20 {
        3.2
    } else {
        3.5
    };
    let has = |is: fn(&u8) -> bool| value.iter().any(is);
    has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && entropy(value) >= least
        && changes(value) * 7 >= value.len()
}

/// How often a letter follows a digit or a digit a letter, and a capital letter a small one where no word begins.
fn changes(value: &[u8]) -> usize {
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let is_change = |at: usize| {
        let (before, after) = (kind(value[at - 1]), kind(value[at]));
        match (before, after) {
            (3, _) | (_, 3) | (1, 0) => false,
            (0, 1) => value.get(at + 1).is_none_or(|next| kind(*next) != 0),
            _ => before != after,
        }
    };
    (1..value.len()).filter(|at| is_change(*at)).count()
}

/// The letters that figures stand for in words like `p4ssw0rd`.
fn unmasked(value: &[u8]) -> Vec<u8> {
    let letter = |byte: &u8| match byte {
        b'0' => b'o',
        b'1' | b'!' => b'i',
        b'3' => b'e',
        b'4' | b'@' => b'a',
        b'5' | b'$' => b's',
        b'7' => b't',
        byte => *byte,
    };
    value.iter().map(letter).collect()
}
