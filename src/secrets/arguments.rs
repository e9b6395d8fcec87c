//! Build arguments as builders write them into the history.
//!
//! | row | by |
//! |---|---|
//! | `\|2 A=1 B=2 /bin/sh -c cmd` | the classic builder, sorted; buildah |
//! | `RUN \|2 B=2 A=1 /bin/sh -c cmd # buildkit` | BuildKit, in the order of the Dockerfile |
//! | `ARG A=1`, `ARG A=1 B=2`, `/bin/sh -c #(nop) ARG A=1` | defaults |
//!
//! Values are not quoted and may have spaces in them. The number tells how many there are; when more could begin, a
//! value is taken to be as long as it can be, so that nothing of it is left.

use std::ops::Range;

/// An argument and its value, as bytes of the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
}

/// Arguments that a row may have.
const MAX: usize = 10_000;

/// The build arguments of a row, in its order.
pub(super) fn arguments(row: &str) -> Vec<Argument> {
    let Some((begin, count)) = begin(row) else { return Vec::new() };
    let end = match count {
        Some(_) => end_of_arguments(row, begin),
        None => row.len(),
    };
    let names = names(row, begin..end);
    // So many that could begin are in the values of others.
    let spare = count.map_or(0, |count| names.len().saturating_sub(count));
    let last = names.len().saturating_sub(1);
    let value_of = |at: usize| {
        let name = &names[at];
        let next = at + 1 + spare;
        let value_end = if at < last && next <= last { names[next].start - 1 } else { end };
        Argument { name: name.clone(), value: name.end + 1..value_end }
    };
    (0..names.len()).map(value_of).collect()
}

/// Where the arguments begin, and how many there are if that is said.
fn begin(row: &str) -> Option<(usize, Option<usize>)> {
    let rest = row.strip_prefix("RUN ").unwrap_or(row);
    let skipped = row.len() - rest.len();
    if let Some(numbered) = rest.strip_prefix('|') {
        let digits = numbered.bytes().take_while(u8::is_ascii_digit).count();
        let count: usize = numbered[..digits].parse().ok()?;
        return numbered[digits..].starts_with(' ').then_some((skipped + 1 + digits + 1, Some(count)));
    }
    let rest = rest.strip_prefix("/bin/sh -c #(nop)").unwrap_or(rest).trim_start();
    let rest = rest.strip_prefix("ARG ")?.trim_start();
    Some((row.len() - rest.len(), None))
}

/// Where the command begins that comes behind the arguments: at a shell with its option, else at the first word that is
/// no argument.
fn end_of_arguments(row: &str, begin: usize) -> usize {
    const SHELLS: [&str; 10] = ["sh", "bash", "ash", "dash", "zsh", "ksh", "fish", "cmd", "powershell", "pwsh"];
    let words = words(row, begin);
    for (at, word) in words.iter().enumerate() {
        let name = row[word.clone()].rsplit(['/', '\\']).next().unwrap_or("");
        let name = name.strip_suffix(".exe").unwrap_or(name).to_ascii_lowercase();
        let options = words[at + 1..].iter().take(6).map(|word| &row[word.clone()]);
        let is_shell = SHELLS.contains(&name.as_str()) && options.clone().any(is_command_option);
        if is_shell {
            return word.start.saturating_sub(1).max(begin);
        }
    }
    words
        .iter()
        .find(|word| !is_argument(&row[(*word).clone()]))
        .map_or(row.len(), |word| word.start.saturating_sub(1).max(begin))
}

fn is_command_option(word: &str) -> bool {
    let is_short = word.starts_with('-') && !word.starts_with("--") && word.ends_with('c');
    is_short || word.eq_ignore_ascii_case("/c") || word.eq_ignore_ascii_case("-command")
}

fn is_argument(word: &str) -> bool {
    name_length(word).is_some()
}

/// Bytes of the name of `NAME=…`.
fn name_length(word: &str) -> Option<usize> {
    let length = word.find('=')?;
    let name = &word.as_bytes()[..length];
    let is_name = name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    is_name.then_some(length)
}

/// The words between single spaces.
fn words(row: &str, begin: usize) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut at = begin;
    for word in row[begin..].split(' ') {
        words.push(at..at + word.len());
        at += word.len() + 1;
    }
    words
}

/// The names of what could be arguments in a part of the row.
fn names(row: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let words = words(&row[..range.end], range.start);
    words
        .into_iter()
        .filter_map(|word| name_length(&row[word.clone()]).map(|length| word.start..word.start + length))
        .take(MAX)
        .collect()
}
