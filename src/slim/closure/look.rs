//! Looking into a file as it goes by: what kind it is of, and what it names. Bounded in memory, whatever the file says.

use std::collections::BTreeSet;

use super::elf::{self, Bytes, Elf};
use super::ground::Ground;
use super::interned::{Interned, Texts};
use super::names::Names;
use super::rule::Rules;
use super::script::{Hear, Shebang, Words};

/// What is known of a file by its contents.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) kind: What,
    /// Paths in it that lead to something of the image.
    pub(super) paths: Texts,
    /// Words in it that are programs of the image.
    pub(super) programs: Texts,
    /// Words in it that are libraries of the image.
    pub(super) libraries: Texts,
    /// Whether commands are computed while it runs.
    pub(super) computes: bool,
    /// Whether it names more than was looked at.
    pub(super) is_full: bool,
}

/// What the words of a text that is no script may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Says {
    /// Commands where they are quoted and the text starts programs.
    #[default]
    Anything,
    /// The same, and what stands in backquotes is a command (Ruby, Perl, PHP).
    Backquotes,
    /// JSON whose `scripts` are commands (package.json); other members name modules.
    Manifest,
    /// Commands everywhere, if the text starts programs.
    Settings,
    /// Commands everywhere.
    Commands,
}

/// What kind a file is of.
#[derive(Clone, Debug, Default)]
pub(super) enum What {
    /// It cannot run, and names nothing.
    #[default]
    Data,
    Elf(Box<Elf>),
    /// A script, and whether its words are commands.
    Script(Shebang),
    /// Text that is no script.
    Text,
}

/// Bytes that are kept of the beginning and of the end of an ELF file.
const HEAD: usize = 12 << 20;
const TAIL: usize = 4 << 20;
/// Bytes of a text that is no script that are looked at.
const MAX_TEXT: u64 = 4 << 20;
/// Bytes of a manifest.
const MAX_MANIFEST: usize = 1 << 20;
/// Words that are kept of one text.
const MAX_WORDS: usize = 4096;
/// Bytes by which it is told what a file is.
const SNIFF: usize = 512;

/// Looks at one file.
pub(super) struct Look<'g> {
    ground: &'g Ground<'g>,
    rules: &'g Rules,
    head: Vec<u8>,
    size: u64,
    state: State,
}

enum State {
    Sniffing,
    Binary { names: Box<Names>, tail: Vec<u8> },
    Text { words: Words, heard: Box<Heard>, markers: Markers },
    Manifest(Vec<u8>),
    Nothing,
}

/// Words of a text that mean something in the image.
#[derive(Default)]
struct Heard {
    says: Says,
    paths: BTreeSet<Box<[u8]>>,
    programs: BTreeSet<Box<[u8]>>,
    quoted: BTreeSet<Box<[u8]>>,
    libraries: BTreeSet<Box<[u8]>>,
    named_libraries: BTreeSet<Box<[u8]>>,
    is_full: bool,
}

/// Whether texts that mean something were seen.
#[derive(Default)]
struct Markers {
    carry: Vec<u8>,
    spawns: bool,
    opens: bool,
}

impl Markers {
    fn feed(&mut self, piece: &[u8], rules: &Rules) {
        const LONGEST: usize = 32;
        if self.spawns && self.opens {
            return;
        }
        let mut edge = std::mem::take(&mut self.carry);
        edge.extend_from_slice(&piece[..piece.len().min(LONGEST)]);
        for text in [&edge[..], piece] {
            self.spawns = self.spawns || rules.spawns.is_in(text);
            self.opens = self.opens || rules.opens.is_in(text);
        }
        self.carry = piece[piece.len().saturating_sub(LONGEST)..].to_vec();
    }
}

impl<'g> Look<'g> {
    pub(super) fn new(ground: &'g Ground<'g>, rules: &'g Rules) -> Self {
        Self { ground, rules, head: Vec::new(), size: 0, state: State::Sniffing }
    }

    /// Looks at the next piece.
    pub(super) fn feed(&mut self, piece: &[u8], says: Says) {
        self.size += piece.len() as u64;
        if matches!(self.state, State::Sniffing) {
            self.head.extend_from_slice(piece);
            if self.head.len() >= SNIFF {
                self.begin(says);
            }
            return;
        }
        self.pass(piece);
    }

    /// Decides what the file is by its first bytes.
    fn begin(&mut self, says: Says) {
        let head = std::mem::take(&mut self.head);
        let sniffed = &head[..head.len().min(SNIFF)];
        let shebang = Shebang::parse(sniffed);
        self.state = if sniffed.starts_with(elf::MAGIC) {
            State::Binary { names: Box::new(Names::new()), tail: Vec::new() }
        } else if says == Says::Manifest {
            State::Manifest(Vec::new())
        } else if shebang.is_some() || !sniffed.contains(&0) {
            let is_shell = shebang.as_ref().is_some_and(Shebang::is_shell);
            let says = if is_shell { Says::Commands } else { says };
            let heard = Box::new(Heard { says, ..Heard::default() });
            State::Text { words: Words::new(true), heard, markers: Markers::default() }
        } else {
            State::Nothing
        };
        self.pass(&head);
        if !matches!(self.state, State::Binary { .. }) {
            self.head = sniffed.to_vec();
        }
    }

    fn pass(&mut self, piece: &[u8]) {
        match &mut self.state {
            State::Binary { names, tail } => {
                names.feed(piece);
                let room = HEAD.saturating_sub(self.head.len()).min(piece.len());
                self.head.extend_from_slice(&piece[..room]);
                tail.extend_from_slice(&piece[room..]);
                if tail.len() > 2 * TAIL {
                    tail.drain(..tail.len() - TAIL);
                }
            }
            State::Text { words, heard, markers } => {
                let is_script = self.head.starts_with(b"#!") || piece.starts_with(b"#!");
                if self.size <= MAX_TEXT || is_script {
                    words.feed(piece, &mut Hearing { ground: self.ground, heard });
                    markers.feed(piece, self.rules);
                } else {
                    heard.is_full = true;
                }
            }
            State::Manifest(text) => {
                let room = (MAX_MANIFEST + 1).saturating_sub(text.len()).min(piece.len());
                text.extend_from_slice(&piece[..room]);
            }
            State::Sniffing | State::Nothing => {}
        }
    }

    /// What was seen.
    pub(super) fn finish(mut self, says: Says, interned: &mut Interned) -> Facts {
        if matches!(self.state, State::Sniffing) {
            self.begin(says);
        }
        match self.state {
            State::Sniffing | State::Nothing => Facts::default(),
            State::Manifest(text) => manifest(self.ground, &text, interned),
            State::Binary { mut names, tail } => {
                names.finish();
                let begin = self.size - tail.len() as u64;
                let Some(elf) = elf::parse(Bytes { head: &self.head, tail: (&tail, begin) }) else {
                    return Facts::default();
                };
                names.libraries.retain(|name| self.ground.has_library(name));
                names.paths.retain(|path| self.ground.way(path).end.is_some());
                interned.count(elf.weight());
                Facts {
                    kind: What::Elf(Box::new(elf)),
                    libraries: interned.take(names.libraries),
                    paths: interned.take(names.paths),
                    is_full: names.is_full,
                    ..Facts::default()
                }
            }
            State::Text { mut words, mut heard, markers } => {
                words.finish(&mut Hearing { ground: self.ground, heard: &mut heard });
                let Heard { says, paths, mut programs, quoted, mut libraries, named_libraries, is_full } = *heard;
                if markers.spawns {
                    programs.extend(quoted);
                }
                if markers.opens {
                    libraries.extend(named_libraries);
                }
                let kind = Shebang::parse(&self.head).map_or(What::Text, What::Script);
                Facts {
                    kind,
                    paths: interned.take(paths),
                    programs: interned.take(programs),
                    libraries: interned.take(libraries),
                    computes: says == Says::Commands && words.computes,
                    is_full,
                }
            }
        }
    }
}

/// What the scripts of a manifest call.
fn manifest(ground: &Ground<'_>, text: &[u8], interned: &mut Interned) -> Facts {
    let parsed: Option<serde_json::Value> =
        (text.len() <= MAX_MANIFEST).then(|| serde_json::from_slice(text).ok()).flatten();
    let mut heard = Box::new(Heard { says: Says::Commands, ..Heard::default() });
    let scripts = parsed.as_ref().and_then(|manifest| manifest.get("scripts")?.as_object());
    for line in scripts.into_iter().flat_map(|scripts| scripts.values()).filter_map(|script| script.as_str()) {
        let mut words = Words::new(false);
        let mut hearing = Hearing { ground, heard: &mut heard };
        words.feed(line.as_bytes(), &mut hearing);
        words.finish(&mut hearing);
    }
    Facts {
        kind: What::Text,
        paths: interned.take(heard.paths),
        programs: interned.take(heard.programs),
        is_full: heard.is_full || parsed.is_none(),
        ..Facts::default()
    }
}

struct Hearing<'h, 'g> {
    ground: &'g Ground<'g>,
    heard: &'h mut Heard,
}

impl Hear for Hearing<'_, '_> {
    fn word(&mut self, word: &[u8], quote: Option<u8>) {
        let Self { ground, heard } = self;
        let name = word.rsplit(|byte| *byte == b'/').next().unwrap_or(word);
        let is_path = word.starts_with(b"/") && !word.starts_with(b"//") && word.len() < MAX_PATH;
        if is_path && ground.way(word).end.is_some() {
            heard.add(|heard| &mut heard.paths, word);
        }
        if name.is_empty() || name.len() > 255 {
            return;
        }
        if memchr::memmem::find(name, b".so").is_some() && ground.has_library(name) {
            heard.add(|heard| &mut heard.libraries, name);
        }
        if !ground.programs(name).is_empty() {
            if heard.says == Says::Commands || heard.says == Says::Backquotes && quote == Some(b'`') {
                heard.add(|heard| &mut heard.programs, name);
            } else if heard.says == Says::Settings || quote.is_some() && name.len() == word.len() {
                heard.add(|heard| &mut heard.quoted, name);
            }
        }
        if quote.is_some() && name.len() == word.len() {
            for library in ground.libraries_by_stem(name) {
                heard.add(|heard| &mut heard.named_libraries, library);
            }
        }
    }
}

const MAX_PATH: usize = 4096;

impl Heard {
    fn add(&mut self, set: impl Fn(&mut Self) -> &mut BTreeSet<Box<[u8]>>, word: &[u8]) {
        let known = set(self);
        if known.contains(word) {
            return;
        }
        if known.len() < MAX_WORDS {
            known.insert(word.into());
        } else {
            self.is_full = true;
        }
    }
}
