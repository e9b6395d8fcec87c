//! The short texts of an image's config: variables, labels, commands, and the rows of its history.

use std::ops::Range;

use super::arguments::{Argument, arguments};
use super::at::level_for;
use super::found::{Found, Looked};
use super::names::Means;
use super::place::Place;
use super::rule::Reads;
use super::scan::{Scanner, redacted};

/// A row of the history without secrets in its build arguments.
#[derive(Clone, Debug)]
pub struct Scrubbed {
    /// What the row says now: with `***` for each value that was replaced, and nothing else changed.
    pub text: String,
    /// What was replaced: the name of each argument, and what it was.
    pub replaced: Vec<(String, Found)>,
    /// What is still in it: in the command itself, which nobody may change without changing what it says was done.
    pub remains: Vec<Found>,
}

/// What is in the place of a value that was replaced.
const REPLACED: &str = "***";

impl Scanner<'_> {
    /// Looks at a variable of the environment, `NAME=value`.
    pub fn env(&mut self, variable: &str) -> Looked {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        self.setting(Place::Env, name, value, variable.len() - value.len())
    }

    /// Looks at a label. Offsets are those in the value.
    pub fn label(&mut self, name: &str, value: &str) -> Looked {
        self.setting(Place::Label, name, value, 0)
    }

    /// Looks at Entrypoint, Cmd or another command. Offsets are those in its words with a space between them.
    pub fn command(&mut self, words: &[String]) -> Looked {
        self.whole(Place::Cmd, b"", words.join(" ").as_bytes())
    }

    /// Looks at what a row of the history says it was created by.
    pub fn history(&mut self, created_by: &str) -> Looked {
        self.begin_text(Place::History, b"");
        self.feed(created_by.as_bytes());
        self.look(true);
        self.rewind();
        for argument in arguments(created_by) {
            self.argument(created_by, &argument);
        }
        self.tell()
    }

    /// The row without what looks like a secret in its build arguments.
    pub fn scrub(&mut self, created_by: &str) -> Scrubbed {
        let all = self.history(created_by).found;
        let arguments = arguments(created_by);
        let mut text = String::with_capacity(created_by.len());
        let mut replaced = Vec::new();
        let mut copied = 0;
        for Argument { name, value } in arguments {
            let is_in = |found: &&Found| overlaps(found, &value);
            let Some(found) = all.iter().find(is_in) else { continue };
            // A value that could end later has been replaced with what it could have.
            if value.start >= copied {
                text.push_str(&created_by[copied..value.start]);
                text.push_str(REPLACED);
            }
            replaced.push((created_by[name].to_owned(), found.clone()));
            copied = copied.max(value.end);
        }
        text.push_str(&created_by[copied..]);
        let remains = if replaced.is_empty() { all } else { self.history(&text).found };
        Scrubbed { text, replaced, remains }
    }

    /// The row without any secret: what may be shown to a person. It does not say any more what was done.
    pub fn conceal(&mut self, created_by: &str) -> String {
        let found = self.history(created_by).found;
        without(created_by, 0, &found)
    }

    /// The words of a command without any secret.
    pub fn conceal_words(&mut self, words: &[String]) -> Vec<String> {
        let found = self.command(words).found;
        let mut begin = 0;
        let concealed = |word: &String| {
            let text = without(word, begin, &found);
            begin += word.len() + 1;
            text
        };
        words.iter().map(concealed).collect()
    }

    /// The value as a text of its own, and what its name makes of it.
    fn setting(&mut self, place: Place, name: &str, value: &str, shift: usize) -> Looked {
        self.begin_text(place, name.as_bytes());
        self.feed(value.as_bytes());
        self.look(true);
        self.rewind();
        if let Some(means) = self.engine().names.judge(name.as_bytes()) {
            self.named(|reads| matches!(reads, Reads::Setting), means, value.as_bytes(), 0..value.len());
        }
        let mut looked = self.tell();
        for found in &mut looked.found {
            found.offset += u64::try_from(shift).unwrap_or(0);
        }
        looked
    }

    fn argument(&mut self, text: &str, argument: &Argument) {
        if let Some(means) = self.engine().names.judge(text[argument.name.clone()].as_bytes()) {
            self.named(|reads| matches!(reads, Reads::Argument), means, text.as_bytes(), argument.value.clone());
        }
    }

    /// A value with a name that is one of a secret.
    fn named(&mut self, is: fn(&Reads) -> bool, means: Means, text: &[u8], value: Range<usize>) {
        let Some(at) = self.rule_that(is) else { return };
        let rule = &self.engine().rules[at];
        let secret = &text[value.clone()];
        if self.engine().values.accept(secret, level_for(rule, means)) {
            let redacted = redacted(b"", secret.len());
            self.value(at, text, value, redacted);
        }
    }
}

/// A part of a text that begins at `begin` of it, with `***` for each secret.
fn without(part: &str, begin: usize, found: &[Found]) -> String {
    let mut text = String::with_capacity(part.len());
    let mut copied = 0;
    let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).saturating_sub(begin).min(part.len());
    for secret in found {
        let (from, to) = (place(secret.offset), place(secret.offset + secret.length));
        if from >= to {
            continue;
        }
        if let Some(between) = part.get(copied..from) {
            text.push_str(between);
        }
        text.push_str(REPLACED);
        copied = copied.max(to);
    }
    // A secret may end inside of a letter: the rest of it is none.
    while !part.is_char_boundary(copied) {
        copied += 1;
    }
    text.push_str(&part[copied..]);
    text
}

fn overlaps(found: &Found, value: &Range<usize>) -> bool {
    let (begin, end) = (u64::try_from(value.start).unwrap_or(u64::MAX), u64::try_from(value.end).unwrap_or(u64::MAX));
    found.offset < end && begin < found.offset + found.length
}
