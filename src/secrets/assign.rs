//! Reads `name = value` as configuration files, shells and languages write it.

use std::ops::Range;

use super::names::MAX_NAME;

/// A name that is given a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
    /// How the value is written.
    pub(super) form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In quotes, or between two tags.
    Quoted,
    /// `NAME=value` or `--name value` in a shell: up to a space.
    Shell,
    /// As it is: in a program it is the name of something.
    Bare,
}

/// Bytes that a value may have.
pub(super) const MAX_VALUE: usize = 512;
/// Spaces that may be before one.
const MAX_SPACE: usize = 64;

/// The name around `at`.
pub(super) fn name_around(text: &[u8], at: usize) -> Option<Range<usize>> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let before = text[..at].iter().rev().take(MAX_NAME + 1).take_while(|byte| is_name(byte)).count();
    let after = text[at..].iter().take(MAX_NAME + 1).take_while(|byte| is_name(byte)).count();
    // An escaped end of a line or a tabulator is no letter of the name.
    let escape = match text[..at - before].last() {
        Some(b'\\') if before > 0 && b"nrt".contains(&text[at - before]) => 1,
        _ => 0,
    };
    let name = at - before + escape..at + after;
    (!name.is_empty() && name.len() <= MAX_NAME).then_some(name)
}

/// What the name is given, if it is given something. Adds to `looked` how many bytes of the value were looked at.
pub(super) fn read(text: &[u8], name: Range<usize>, looked: &mut usize) -> Option<Assignment> {
    // What follows a colon is a part of a longer name: arn:…:secret:…
    if text[..name.start].ends_with(b":") {
        return None;
    }
    let mut reader = Reader { text, at: name.end, looked };
    let is_option = text[name.start..].starts_with(b"--");
    let is_quoted = reader.skip_closing();
    let spaces = reader.skip_spaces();
    let is_tag = name.start > 0 && text[name.start - 1] == b'<';
    let separator = if is_tag { reader.end_of_tag()? } else { reader.separator(is_quoted)? };
    let (value, form) = match separator {
        Separator::Tag => reader.tagged().map(|value| (value, Form::Quoted))?,
        Separator::Space if is_option && spaces => match reader.quoted() {
            Some(value) => (value, Form::Quoted),
            None => (reader.word(b"\"'`")?, Form::Shell),
        },
        Separator::Space => return None,
        Separator::Attribute => reader.quoted().map(|value| (value, Form::Quoted))?,
        Separator::Sign => {
            let is_loud = text[name.clone()].iter().all(|byte| !byte.is_ascii_lowercase());
            let is_shell = !spaces && text[reader.at - 1] == b'=' && (is_loud || is_option);
            let spaces = reader.skip_spaces();
            match reader.quoted() {
                Some(value) => (value, Form::Quoted),
                None if reader.is_at_quote() => return None,
                None if is_shell && !spaces && is_at_begin(text, name.start) => (reader.word(b"\"'`")?, Form::Shell),
                None => (reader.word(b"\"'`,;<>(){}[]|&")?, Form::Bare),
            }
        }
    };
    Some(Assignment { name, value, form })
}

enum Separator {
    /// `=`, `:`, `=>` and what else languages have.
    Sign,
    /// `name "value"`, or `--name value`.
    Space,
    /// `key="name" value="value"`.
    Attribute,
    /// `<name>value</name>`.
    Tag,
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    /// Bytes of values that were looked at.
    looked: &'t mut usize,
}

impl Reader<'_> {
    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, part: &[u8]) -> bool {
        let is_here = self.rest().starts_with(part);
        self.at += if is_here { part.len() } else { 0 };
        is_here
    }

    /// Skips spaces and tabulators, and says whether there were any.
    fn skip_spaces(&mut self) -> bool {
        let count = self.rest().iter().take(MAX_SPACE).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.at += count;
        count > 0
    }

    /// Skips what closes the name: quotes, brackets, an index; says whether it was in quotes.
    fn skip_closing(&mut self) -> bool {
        let is_quoted = self.skip(b"\\\"") || self.skip(b"\"") || self.skip(b"'") || self.skip(b"`");
        if !self.skip(b"]") && self.rest().first() == Some(&b'[') {
            let index = self.rest().iter().take(8).position(|byte| *byte == b']');
            self.at += index.map_or(0, |index| index + 1);
        }
        is_quoted
    }

    fn separator(&mut self, is_quoted: bool) -> Option<Separator> {
        if is_quoted && self.skip(b",") {
            return Some(Separator::Sign);
        }
        if is_quoted && (self.skip(b"value=") || self.skip(b"Value=")) {
            return Some(Separator::Attribute);
        }
        if let Some(word) = self.word_before_sign() {
            self.at += word;
        }
        // Everything that ends with = or :, or => or =.
        let is_sign = |byte: &&u8| b"=:?.+!|<-~".contains(byte);
        let sign = self.rest().iter().take(4).take_while(is_sign).count();
        let text = &self.rest()[..sign];
        let is_arrow = text.ends_with(b"=") && self.rest().get(sign) == Some(&b'>');
        if is_arrow || text.ends_with(b"<-") || (text.ends_with(b"=") || text == b":") && !text.starts_with(b"<") {
            self.at += sign + usize::from(is_arrow);
            return Some(Separator::Sign);
        }
        (sign == 0).then_some(Separator::Space)
    }

    /// Skips the attributes of a tag.
    fn end_of_tag(&mut self) -> Option<Separator> {
        let end = self.rest().iter().take(MAX_SPACE).position(|byte| b"<>".contains(byte))?;
        self.at += end;
        self.skip(b">").then_some(Separator::Tag)
    }

    /// The bytes of a type before the sign: `name: string = …`, `name string = …`.
    fn word_before_sign(&self) -> Option<usize> {
        let rest = self.rest();
        let colon = usize::from(rest.first() == Some(&b':'));
        let spaces = rest[colon..].iter().take(4).take_while(|byte| **byte == b' ').count();
        let word = rest[colon + spaces..]
            .iter()
            .take(24)
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        let end = colon + spaces + word;
        let after = rest.get(end..)?.iter().take(4).take_while(|byte| **byte == b' ').count();
        let is_typed = word > 0 && after > 0 && rest[end + after..].starts_with(b"= ");
        is_typed.then_some(end + after)
    }

    fn is_at_quote(&self) -> bool {
        self.rest().first().is_some_and(|byte| b"\"'`".contains(byte)) || self.rest().starts_with(b"\\\"")
    }

    /// What is in quotes here, to the same quote in the same line.
    fn quoted(&mut self) -> Option<Range<usize>> {
        // @"…" of C#, b'…' of Python.
        if self.rest().len() > 1 && b"@bru".contains(&self.rest()[0]) && b"\"'".contains(&self.rest()[1]) {
            self.at += 1;
        }
        let is_escaped = self.rest().starts_with(b"\\\"");
        let open = self.at + usize::from(is_escaped);
        let quote = *self.text.get(open)?;
        if !b"\"'`".contains(&quote) {
            return None;
        }
        let begin = open + 1;
        let mut at = begin;
        let is_closed = loop {
            let Some(byte) = self.text.get(at).copied().filter(|byte| *byte != b'\n' && at - begin <= MAX_VALUE) else {
                break false;
            };
            if is_escaped && self.text[at..].starts_with(b"\\\"") || !is_escaped && byte == quote {
                break true;
            }
            at += if byte == b'\\' { 2 } else { 1 };
        };
        *self.looked += at - begin;
        is_closed.then_some(begin..at)
    }

    /// What comes here up to a space or one of `ends`.
    fn word(&mut self, ends: &[u8]) -> Option<Range<usize>> {
        let is_end = |at: usize| {
            let byte = self.text[at];
            byte <= b' ' || byte == 0x7f || ends.contains(&byte) || byte == b'\\' && is_escape(&self.text[at..])
        };
        let end = (self.at..self.text.len()).take(MAX_VALUE + 1).find(|at| is_end(*at)).unwrap_or(self.text.len());
        let end = end.min(self.at + MAX_VALUE + 1);
        *self.looked += end - self.at;
        let is_fine = end > self.at && end - self.at <= MAX_VALUE;
        is_fine.then_some(self.at..end)
    }

    /// What comes up to the next tag, without the space around it.
    fn tagged(&mut self) -> Option<Range<usize>> {
        let is_space = |byte: &u8| byte.is_ascii_whitespace();
        let end = self.rest().iter().take(MAX_VALUE + 2 * MAX_SPACE).position(|byte| *byte == b'<');
        *self.looked += end.unwrap_or(MAX_VALUE + 2 * MAX_SPACE);
        let end = self.at + end?;
        if !self.text[end..].starts_with(b"</") {
            return None;
        }
        let value = &self.text[self.at..end];
        let begin = self.at + value.iter().take_while(|byte| is_space(byte)).count();
        let end = end - self.text[begin.min(end)..end].iter().rev().take_while(|byte| is_space(byte)).count();
        (begin < end).then_some(begin..end)
    }
}

fn is_escape(text: &[u8]) -> bool {
    text.get(1).is_some_and(|byte| b"nrt\"".contains(byte))
}

/// Whether a command or a line begins at `at`.
fn is_at_begin(text: &[u8], at: usize) -> bool {
    match at.checked_sub(1).map(|before| text[before]) {
        None | Some(b'\n' | b'\r' | b'\t' | b'"' | b'\'' | b'`' | b'|' | b';' | b'-') => true,
        Some(b' ') => true,
        _ => at >= 2 && text[at - 2] == b'\\' && b"nrt".contains(&text[at - 1]),
    }
}
