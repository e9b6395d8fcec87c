//! Looks through one text after another: files in pieces of any size, and the short texts of the config.
//!
//! Pieces are put into a buffer that is looked through whenever it is full, so that where they are cut changes nothing.
//! What begins too near to its end waits for what comes next: a match has at most as many bytes as are kept.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use regex_automata::meta::Cache;

use super::engine::Engine;
use super::finder::{Begins, Finder, Keyword};
use super::found::{Fingerprint, Found, Looked, Secret};
use super::key::{self, MAX_KEY};
use super::place::Place;
use super::rule::{MAX_BEFORE, Reads};
use crate::finding::Severity;

/// Bytes that are held at once.
const HELD: usize = 256 << 10;
/// Bytes that something can have that is found.
const LONGEST: usize = MAX_KEY;
/// Bytes before it that are looked at.
const BEFORE: usize = 2 * MAX_BEFORE;
/// Bytes of a file in which a zero byte makes it a binary.
const HEAD: usize = 8 << 10;
/// Findings of one text that are told.
const MAX_FOUND: usize = 1000;
/// Bytes that regexes and readers may look at of a short text, and for each byte of a longer one. Real files need a
/// tenth of it.
const FREE: u64 = 1 << 20;
const WORTH: u64 = 32;

/// What one thread needs to look. It is used again for the next text.
pub struct Scanner<'e> {
    pub(super) engine: &'e Engine,
    pub(super) caches: Vec<Option<Cache>>,
    pub(super) place: Place,
    name: Vec<u8>,
    /// The rules of some files only that look into this one.
    pub(super) here: Vec<usize>,
    buffer: Vec<u8>,
    /// Where the buffer begins in the text.
    pub(super) begins: u64,
    /// Ends of lines before the buffer.
    lines: u64,
    /// Up to where in the buffer they were counted, and how many there were.
    counted: (usize, u64),
    /// Bytes of the buffer that were looked at before.
    pub(super) done: usize,
    is_binary: Option<bool>,
    /// Up to where each rule has matched, so that it does not match inside.
    pub(super) matched: Vec<u64>,
    /// Up to where an assignment was read.
    pub(super) assigned: u64,
    hits: Vec<Keyword>,
    found: Vec<Hit>,
    /// What was found, so that it is told once.
    known: HashSet<(usize, Secret)>,
    more: u64,
    /// Bytes that came, and how many of them regexes and readers looked at.
    came: u64,
    work: u64,
    is_partial: bool,
}

/// What is found, before it is told.
struct Hit {
    rule: usize,
    value: Range<u64>,
    line: Option<u64>,
    redacted: String,
    secret: Secret,
    severity: Severity,
}

impl fmt::Debug for Scanner<'_> {
    /// Without what it holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner").field("place", &self.place).field("found", &self.found.len()).finish_non_exhaustive()
    }
}

impl<'e> Scanner<'e> {
    /// One that looks by the rules of `engine`.
    pub fn new(engine: &'e Engine) -> Self {
        let rules = engine.rules.len();
        Self {
            engine,
            caches: (0..rules).map(|_| None).collect(),
            place: Place::File,
            name: Vec::new(),
            here: Vec::new(),
            buffer: Vec::new(),
            begins: 0,
            lines: 0,
            counted: (0, 0),
            done: 0,
            is_binary: None,
            matched: vec![0; rules],
            assigned: 0,
            hits: Vec::new(),
            found: Vec::new(),
            known: HashSet::new(),
            more: 0,
            came: 0,
            work: 0,
            is_partial: false,
        }
    }

    /// Begins a file of a layer, of this path in it.
    pub fn file(&mut self, path: &[u8]) {
        let path = path.strip_prefix(b"./").or_else(|| path.strip_prefix(b"/")).unwrap_or(path);
        self.begin(Place::File, path);
        let mut here = std::mem::take(&mut self.here);
        self.engine.rules_of(path, &mut here);
        self.here = here;
    }

    fn begin(&mut self, place: Place, name: &[u8]) {
        self.place = place;
        self.name.clear();
        self.name.extend_from_slice(name);
        self.here.clear();
        self.buffer.clear();
        (self.begins, self.lines, self.done, self.is_binary) = (0, 0, 0, None);
        self.matched.fill(0);
        self.assigned = 0;
        self.found.clear();
        self.known.clear();
        (self.more, self.came, self.work, self.is_partial) = (0, 0, 0, false);
    }

    /// Counts bytes that are looked at once more. Says no when it were so many that the text can only be made to take
    /// long.
    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        let is_worth_it = self.work + to_u64(bytes) <= FREE + WORTH * self.came;
        self.work += if is_worth_it { to_u64(bytes) } else { 0 };
        self.is_partial |= !is_worth_it;
        is_worth_it
    }

    /// Counts bytes that were looked at once more: if they were too many, nothing more is.
    pub(super) fn pay(&mut self, bytes: usize) {
        self.work += to_u64(bytes);
    }

    /// Bytes of memory for what is looked at.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.buffer.capacity()
    }

    /// Bytes that were looked at once more.
    #[cfg(test)]
    pub(super) fn work(&self) -> u64 {
        self.work
    }

    /// Takes the next piece of the file.
    pub fn feed(&mut self, mut piece: &[u8]) {
        self.came += to_u64(piece.len());
        while !piece.is_empty() {
            let room = HELD - self.buffer.len();
            let (now, later) = piece.split_at(room.min(piece.len()));
            self.buffer.extend_from_slice(now);
            piece = later;
            if self.buffer.len() == HELD {
                self.look(false);
                self.shift();
            }
        }
    }

    /// Ends the text: what was found in it.
    pub fn finish(&mut self) -> Looked {
        self.look(true);
        self.tell()
    }

    /// Begins a text of the config.
    pub(super) fn begin_text(&mut self, place: Place, name: &[u8]) {
        self.begin(place, name);
        self.is_binary = Some(false);
    }

    /// Looks through a whole text of the config.
    pub(super) fn whole(&mut self, place: Place, name: &[u8], text: &[u8]) -> Looked {
        self.begin_text(place, name);
        self.feed(text);
        self.finish()
    }

    /// From here on, ranges are those of the whole text.
    pub(super) fn rewind(&mut self) {
        (self.begins, self.lines, self.counted) = (0, 0, (0, 0));
    }

    pub(super) fn engine(&self) -> &'e Engine {
        self.engine
    }

    /// Keeps what is looked at again with what comes next.
    fn shift(&mut self) {
        let gone = self.done.saturating_sub(BEFORE);
        if self.is_binary != Some(true) {
            self.lines += count_lines(&self.buffer[..gone]);
        }
        self.begins += to_u64(gone);
        self.buffer.drain(..gone);
        self.done -= gone;
    }

    /// Looks at all that begins before the last bytes, or before the end.
    pub(super) fn look(&mut self, is_last: bool) {
        let is_first = self.is_binary.is_none() && self.begins == 0;
        let binary = *self.is_binary.get_or_insert_with(|| self.buffer[..self.buffer.len().min(HEAD)].contains(&0));
        let limit = if is_last { self.buffer.len() } else { self.buffer.len() - LONGEST };
        let buffer = std::mem::take(&mut self.buffer);
        self.counted = (0, 0);
        if is_first && self.place == Place::File {
            self.whole_file(&buffer, is_last);
        }
        let finder = if binary { &self.engine.binary } else { &self.engine.text };
        self.keywords(&buffer, finder, limit);
        for at in 0..self.here.len() {
            self.search_through(&buffer, self.here[at], limit);
        }
        self.done = limit;
        self.buffer = buffer;
    }

    /// What a file is as a whole, or by what it begins with.
    fn whole_file(&mut self, buffer: &[u8], is_all: bool) {
        for at in 0..self.engine.rules.len() {
            let rule = &self.engine.rules[at];
            if !rule.paths.is_empty() && !self.here.contains(&at) || !rule.places.contains(&Place::File) {
                continue;
            }
            match &rule.reads {
                Reads::File if !buffer.is_empty() => {
                    self.found(
                        at,
                        rule.severity,
                        Secret::of(b""),
                        "the file itself".to_owned(),
                        (buffer, 0..buffer.len()),
                    );
                }
                Reads::PrivateKey if is_all && buffer.len() <= MAX_KEY => {
                    if let Some(key) = key::whole(buffer) {
                        self.key(at, buffer, 0..buffer.len(), &key);
                    }
                }
                Reads::KeyStore => {
                    if let Some(key) = key::stored(buffer) {
                        self.key(at, buffer, 0..buffer.len(), &key);
                    }
                }
                _ => {}
            }
        }
    }

    /// Looks at every keyword that begins before `limit`.
    fn keywords(&mut self, buffer: &[u8], finder: &'e Finder, limit: usize) {
        let mut hits = std::mem::take(&mut self.hits);
        finder.find(buffer, self.done..limit, &mut hits);
        for hit in hits.drain(..) {
            for begins in &finder.begins[hit.keyword] {
                match begins {
                    Begins::Match(rule) => self.at_keyword(buffer, *rule, hit.at, hit.length),
                    Begins::Name => self.at_name(buffer, hit.at),
                    Begins::Key => self.at_key(buffer, hit.at),
                }
            }
        }
        self.hits = hits;
    }

    /// That a value was found, unless everybody has it.
    pub(super) fn value(&mut self, rule: usize, buffer: &[u8], value: Range<usize>, redacted: String) {
        let secret = Secret::of(&buffer[value.clone()]);
        if !self.engine.known.has(&secret.identity()) {
            self.found(rule, self.engine.rules[rule].severity, secret, redacted, (buffer, value));
        }
    }

    pub(super) fn found(
        &mut self,
        rule: usize,
        severity: Severity,
        secret: Secret,
        redacted: String,
        (buffer, value): (&[u8], Range<usize>),
    ) {
        if self.found.len() == MAX_FOUND {
            self.more += u64::from(!self.known.contains(&(rule, secret)));
            return;
        }
        if !self.known.insert((rule, secret)) {
            return;
        }
        let line = (self.is_binary != Some(true)).then(|| 1 + self.lines + self.lines_before(buffer, value.start));
        let value = self.begins + to_u64(value.start)..self.begins + to_u64(value.end);
        self.found.push(Hit { rule, severity, secret, redacted, value, line });
    }

    /// Ends of lines in the buffer before `end`. Findings mostly come in the order of the text, so few bytes are
    /// counted twice.
    fn lines_before(&mut self, buffer: &[u8], end: usize) -> u64 {
        let (begin, before) = if self.counted.0 <= end { self.counted } else { (0, 0) };
        self.counted = (end, before + count_lines(&buffer[begin..end]));
        self.counted.1
    }

    /// What was found, without what another rule says better: the one that comes first.
    pub(super) fn tell(&mut self) -> Looked {
        let mut hits = std::mem::take(&mut self.found);
        hits.sort_by_key(|hit| (self.engine.rules[hit.rule].reads.is_general(), hit.rule));
        let mut told: Vec<Hit> = Vec::new();
        for hit in hits {
            let overlaps = |other: &Hit| hit.value.start < other.value.end && other.value.start < hit.value.end;
            if !told.iter().any(overlaps) {
                told.push(hit);
            }
        }
        told.sort_by_key(|hit| (hit.value.start, hit.rule));
        let found = told.into_iter().map(|hit| self.told(hit)).collect();
        Looked { found, more: std::mem::take(&mut self.more), is_partial: self.is_partial }
    }

    fn told(&self, hit: Hit) -> Found {
        let rule = &self.engine.rules[hit.rule];
        Found {
            rule: Arc::clone(rule),
            severity: hit.severity,
            redacted: hit.redacted,
            offset: hit.value.start,
            length: hit.value.end - hit.value.start,
            line: hit.line,
            fingerprint: Fingerprint::new(&rule.id, self.place, &self.name, &hit.secret),
        }
    }
}

/// The prefix that tells a type, and how long the value is.
pub(super) fn redacted(prefix: &[u8], length: usize) -> String {
    format!("{}… ({length} characters)", prefix.escape_ascii())
}

fn count_lines(text: &[u8]) -> u64 {
    to_u64(memchr::memchr_iter(b'\n', text).count())
}

pub(super) fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
