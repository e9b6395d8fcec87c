//! What is at a keyword: a match of a rule, a name that is given a value, a private key.

use std::ops::Range;

use regex_automata::{Anchored, Input};

use super::assign::{self, Form};
use super::found::Secret;
use super::key::{self, Key};
use super::names::{MAX_NAME, Means};
use super::rule::{Pattern, Reads, SecretRule};
use super::scan::{Scanner, redacted, to_u64};
use super::value::{Level, entropy};
use crate::finding::Severity;

impl Scanner<'_> {
    pub(super) fn is_on(&self, at: usize, rule: &SecretRule) -> bool {
        rule.places.contains(&self.place) && (rule.paths.is_empty() || self.here.contains(&at))
    }

    /// Looks for a match of a rule around a keyword of it.
    pub(super) fn at_keyword(&mut self, buffer: &[u8], at: usize, keyword: usize, length: usize) {
        let rule = &self.engine.rules[at];
        let Reads::Regex(pattern) = &rule.reads else { return };
        let absolute = self.begins + to_u64(keyword);
        if absolute < self.matched[at] || !self.is_on(at, rule) {
            return;
        }
        let begins_word = pattern.before > 0 || pattern.within || !is_inside(buffer, keyword);
        if !begins_word {
            return;
        }
        let begin = keyword.saturating_sub(pattern.before);
        let end = (keyword + pattern.longest).min(buffer.len());
        let anchored = if pattern.before == 0 { Anchored::Yes } else { Anchored::No };
        if !self.spend(end - begin) {
            return;
        }
        let input = Input::new(buffer).range(begin..end).anchored(anchored);
        if let Some(found) = self.search(at, pattern, &input) {
            if found.end >= keyword + length && found.start <= keyword {
                self.matches(at, pattern, buffer, found);
            }
        }
    }

    fn search(&mut self, at: usize, pattern: &Pattern, input: &Input<'_>) -> Option<Range<usize>> {
        let regex = pattern.regex()?;
        let cache = self.caches[at].get_or_insert_with(|| regex.create_cache());
        regex.search_with(cache, input).map(|found| found.range())
    }

    /// Looks for every match of a rule that looks into this file, with or without keywords.
    pub(super) fn search_through(&mut self, buffer: &[u8], at: usize, limit: usize) {
        let rule = &self.engine.rules[at];
        let Reads::Regex(pattern) = &rule.reads else { return };
        if !pattern.keywords.is_empty() {
            return;
        }
        let mut begin = self.done.max(usize::try_from(self.matched[at].saturating_sub(self.begins)).unwrap_or(0));
        while begin < limit && self.spend(0) {
            let input = Input::new(buffer).range(begin..buffer.len());
            let Some(found) = self.search(at, pattern, &input).filter(|found| found.start < limit) else { return };
            self.pay(found.end - begin);
            begin = found.end.max(found.start + 1);
            self.matches(at, pattern, buffer, found);
        }
    }

    /// Whether the value of a match can be one, and if so, that it was found.
    fn matches(&mut self, at: usize, pattern: &Pattern, buffer: &[u8], found: Range<usize>) {
        if !pattern.within && (is_inside(buffer, found.start) || is_before_word(buffer, found.end)) {
            return;
        }
        let end = self.begins + to_u64(found.end);
        if end <= self.matched[at] {
            return;
        }
        self.matched[at] = end;
        let value = self.value_of(at, pattern, buffer, found);
        let rule = &self.engine.rules[at];
        // A keyword that the value begins with tells its type.
        let begins = |keyword: &&String| {
            let begin = buffer[value.clone()].get(..keyword.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(keyword.as_bytes()))
        };
        let prefix = pattern.keywords.iter().filter(begins).map(String::len).max().unwrap_or(0);
        let secret = &buffer[value.clone()];
        let values = &self.engine.values;
        let can_be = values.accept(&secret[prefix..], rule.level)
            && entropy(&secret[prefix..]) >= rule.entropy
            && rule.check.is_none_or(|check| check.passes(secret, values));
        if can_be {
            // A rule may have all of a secret as its keyword.
            let redacted = redacted(&secret[..prefix.min(secret.len() / 2)], secret.len());
            self.value(at, buffer, value, redacted);
        }
    }

    /// The group called `value` or `value2` of a match, or all of it.
    fn value_of(&mut self, at: usize, pattern: &Pattern, buffer: &[u8], found: Range<usize>) -> Range<usize> {
        let Some(regex) = pattern.regex() else { return found };
        let mut groups = regex.create_captures();
        let input = Input::new(buffer).range(found.clone()).anchored(Anchored::Yes);
        let cache = self.caches[at].get_or_insert_with(|| regex.create_cache());
        regex.search_captures_with(cache, &input, &mut groups);
        let value = ["value", "value2"].iter().find_map(|name| groups.get_group_by_name(name));
        value.map_or(found, |group| group.range())
    }

    /// Looks at a private key.
    pub(super) fn at_key(&mut self, buffer: &[u8], at: usize) {
        let Some(rule) = self.rule_that(|reads| matches!(reads, Reads::PrivateKey)) else { return };
        let is_encoded = buffer[at..].starts_with(key::ENCODED);
        if self.begins + to_u64(at) < self.matched[rule] || is_encoded && is_inside(buffer, at) {
            return;
        }
        if !self.spend(0) {
            return;
        }
        let mut read = 0;
        let written = key::written(&buffer[at..], &mut read);
        self.pay(read);
        if let Some((key, length)) = written {
            self.matched[rule] = self.begins + to_u64(at + length);
            self.key(rule, buffer, at..at + length, &key);
        }
    }

    pub(super) fn rule_that(&self, is: fn(&Reads) -> bool) -> Option<usize> {
        self.engine.rules.iter().position(|rule| is(&rule.reads)).filter(|at| self.is_on(*at, &self.engine.rules[*at]))
    }

    pub(super) fn key(&mut self, rule: usize, buffer: &[u8], range: Range<usize>, key: &Key) {
        if self.engine.known.has(&key.identity) {
            return;
        }
        let bits = if key.bits == 0 { String::new() } else { format!(", {} bits", key.bits) };
        let encrypted = if key.encrypted { ", encrypted" } else { "" };
        let redacted = format!("{} key{bits}{encrypted}", key.kind);
        let severity = if key.encrypted { Severity::Low } else { self.engine.rules[rule].severity };
        self.found(rule, severity, Secret::of(&key.identity), redacted, (buffer, range));
    }

    /// Looks at what a name is given.
    pub(super) fn at_name(&mut self, buffer: &[u8], at: usize) {
        if self.begins + to_u64(at) < self.assigned {
            return;
        }
        let Some(name) = assign::name_around(buffer, at) else {
            // Of a name that is too long, each byte is looked at a few times at most.
            self.assigned = self.begins + to_u64(at + MAX_NAME / 2);
            return;
        };
        // The name has been looked at whole.
        self.assigned = self.begins + to_u64(name.end);
        if !self.spend(0) {
            return;
        }
        let mut looked = name.len();
        let read = assign::read(buffer, name.clone(), &mut looked);
        self.pay(looked);
        let Some(read) = read else { return };
        let Some(means) = self.engine.names.judge(&buffer[name.clone()]) else { return };
        if read.form != Form::Quoted {
            self.assigned = self.begins + to_u64(read.value.end);
        }
        self.assignment(buffer, means, &read);
    }

    /// Tells of an assignment by the first rule that takes it for a secret.
    fn assignment(&mut self, buffer: &[u8], means: Means, read: &assign::Assignment) {
        for (at, rule) in self.engine.rules.iter().enumerate() {
            let Reads::Assignment { bare } = rule.reads else { continue };
            if !self.is_on(at, rule) || read.form == Form::Bare && !bare {
                continue;
            }
            let value = &buffer[read.value.clone()];
            if self.engine.values.accept(value, level_for(rule, means)) && entropy(value) >= rule.entropy {
                return self.value(at, buffer, read.value.clone(), redacted(b"", value.len()));
            }
        }
    }
}

/// What a person may have chosen has to look less like a secret than what a machine makes.
pub(super) fn level_for(rule: &SecretRule, means: Means) -> Level {
    if means == Means::Made { Level::Random } else { rule.level }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a word goes on at `at`, so that what begins there is a part of something else. An escape before it, `\n` in
/// a string or `%3D` in an address, is no part of it.
fn is_inside(buffer: &[u8], at: usize) -> bool {
    match &buffer[..at] {
        [.., b'\\', b'n' | b'r' | b't'] => false,
        [.., b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => false,
        [.., before] => is_word(*before) && buffer.get(at).is_some_and(|byte| is_word(*byte)),
        [] => false,
    }
}

/// Whether a word ends at `end` only because the match does.
fn is_before_word(buffer: &[u8], end: usize) -> bool {
    let before = end.checked_sub(1).and_then(|at| buffer.get(at));
    before.is_some_and(|byte| is_word(*byte)) && buffer.get(end).is_some_and(|byte| is_word(*byte))
}
