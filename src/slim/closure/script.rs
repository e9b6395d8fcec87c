//! What a text names: the program that runs it, the words in it, and the paths. Pure, and safe on any bytes.
//!
//! # Decisions
//! - In a script for a shell every word counts as a command, wherever it stands: too much is kept rather than too
//!   little. Only lines that are comments say nothing.
//! - In other texts only what is quoted can be a command, and only where the text starts programs at all.
//! - A `#!` line is read as Linux does: 256 bytes, one argument (fs/binfmt_script.c); `env -S` splits it.

/// What looks at the words of a text.
pub(super) trait Hear {
    /// A word with or without slashes. `quote` is the character before it, when that is a quotation mark.
    fn word(&mut self, word: &[u8], quote: Option<u8>);
}

/// Bytes of a word that is looked at.
const MAX_WORD: usize = 4096;
/// Bytes that Linux reads of a script to find its program.
const MAX_LINE: usize = 256;

/// The first line of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shebang {
    /// The program that Linux starts.
    pub program: Box<[u8]>,
    /// What `env` is told to start.
    pub through_env: Option<Box<[u8]>>,
}

impl Shebang {
    /// Reads the first bytes of a file; `None` when it is no script.
    pub fn parse(head: &[u8]) -> Option<Self> {
        let line = head[..head.len().min(MAX_LINE)].strip_prefix(b"#!")?;
        let line = line.split(|byte| *byte == b'\n').next()?.trim_ascii();
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let program = words.next()?;
        let is_env = program.rsplit(|byte| *byte == b'/').next() == Some(b"env");
        // Options and settings of env come before the program.
        let is_program = |word: &&[u8]| !word.starts_with(b"-") && !word.contains(&b'=');
        let through_env = words.map(|word| word.strip_prefix(b"-S").unwrap_or(word)).filter(|word| !word.is_empty());
        let through_env = through_env.filter(|_| is_env).find(is_program);
        Some(Self { program: program.into(), through_env: through_env.map(Box::from) })
    }

    /// The name of what runs the script, without directories and versions: `sh`, `python`.
    pub fn language(&self) -> &[u8] {
        language(self.through_env.as_deref().unwrap_or(&self.program))
    }

    /// Whether every word of it may be a command.
    pub fn is_shell(&self) -> bool {
        is_shell(self.language()) || matches!(self.language(), b"execlineb" | b"make" | b"with-contenv")
    }

    /// Whether a program is a shell, by its name.
    pub(super) fn is_name_of_shell(program: &[u8]) -> bool {
        is_shell(language(program))
    }
}

/// A name without directories and versions.
fn language(program: &[u8]) -> &[u8] {
    let name = program.rsplit(|byte| *byte == b'/').next().unwrap_or(program);
    let end = name.iter().rposition(|byte| !(byte.is_ascii_digit() || *byte == b'.')).map_or(0, |at| at + 1);
    &name[..end]
}

fn is_shell(name: &[u8]) -> bool {
    matches!(name, b"sh" | b"bash" | b"dash" | b"ash" | b"ksh" | b"mksh" | b"zsh" | b"busybox")
}

/// Splits a text that comes in pieces into words.
#[derive(Debug)]
pub(super) struct Words {
    word: Vec<u8>,
    /// The byte before the word.
    before: u8,
    /// The byte that ended the word before.
    last: u8,
    is_too_long: bool,
    at_line_start: bool,
    in_comment: bool,
    skips_comments: bool,
    /// Whether a command is computed when the script runs.
    pub(super) computes: bool,
}

impl Words {
    pub(super) fn new(skips_comments: bool) -> Self {
        Self {
            word: Vec::new(),
            before: b'\n',
            last: b'\n',
            is_too_long: false,
            at_line_start: true,
            in_comment: false,
            skips_comments,
            computes: false,
        }
    }

    pub(super) fn feed(&mut self, piece: &[u8], hear: &mut dyn Hear) {
        for byte in piece {
            self.byte(*byte, hear);
        }
    }

    pub(super) fn finish(&mut self, hear: &mut dyn Hear) {
        self.end(hear);
    }

    fn byte(&mut self, byte: u8, hear: &mut dyn Hear) {
        if byte == b'\n' {
            self.end(hear);
            (self.at_line_start, self.in_comment, self.last) = (true, false, byte);
            return;
        }
        if self.in_comment {
            return;
        }
        if self.at_line_start && !matches!(byte, b' ' | b'\t') {
            self.at_line_start = false;
            if byte == b'#' && self.skips_comments {
                self.in_comment = true;
                return;
            }
            self.computes |= byte == b'$';
        }
        if is_of_word(byte) {
            if self.word.is_empty() {
                self.before = self.last;
            }
            if self.word.len() < MAX_WORD {
                self.word.push(byte);
            } else {
                self.is_too_long = true;
            }
        } else {
            self.end(hear);
            self.last = byte;
        }
    }

    fn end(&mut self, hear: &mut dyn Hear) {
        if !self.word.is_empty() && !self.is_too_long {
            let quote = matches!(self.before, b'"' | b'\'' | b'`').then_some(self.before);
            // A sentence ends with a dot; so does no command.
            let word = self.word.trim_ascii();
            let end = word.iter().rposition(|byte| *byte != b'.').map_or(0, |at| at + 1);
            self.computes |= word == b"eval";
            if end > 0 {
                hear.word(&word[..end], quote);
            }
        }
        if !self.word.is_empty() {
            self.last = 0;
        }
        self.word.clear();
        self.is_too_long = false;
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+-./@~%".contains(&byte) || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Heard(Vec<String>);

    impl Hear for Heard {
        fn word(&mut self, word: &[u8], quote: Option<u8>) {
            let mark = quote.map_or("", |_| "\"");
            self.0.push(format!("{mark}{}", String::from_utf8_lossy(word)));
        }
    }

    fn heard(text: &str, pieces: usize) -> Vec<String> {
        let (mut words, mut heard) = (Words::new(true), Heard(Vec::new()));
        text.as_bytes().chunks(pieces).for_each(|piece| words.feed(piece, &mut heard));
        words.finish(&mut heard);
        heard.0
    }

    #[test]
    fn words_are_found_in_every_place() {
        let text =
            "#!/bin/sh\n  # comment find\nX=$(cat /etc/x|sed s/a/b/);\"$D/jq\" && exec /usr/bin/app\nrun('awk x.')";
        let expected = ["X", "cat", "/etc/x", "sed", "s/a/b/", "D/jq", "exec", "/usr/bin/app", "run", "\"awk", "x"];
        assert_eq!(heard(text, 4096), expected);
        assert_eq!(heard(text, 1), expected);
    }

    #[test]
    fn the_program_of_a_script_is_found_as_linux_and_env_do() {
        let of = |text: &str| {
            Shebang::parse(text.as_bytes()).map(|found| {
                let env = found.through_env.as_deref().map(|name| String::from_utf8_lossy(name).into_owned());
                (
                    String::from_utf8_lossy(&found.program).into_owned(),
                    env,
                    String::from_utf8_lossy(found.language()).into_owned(),
                )
            })
        };
        let some = |a: &str, b: Option<&str>, c: &str| Some((a.to_owned(), b.map(str::to_owned), c.to_owned()));
        assert_eq!(of("#! /bin/sh -e\n"), some("/bin/sh", None, "sh"));
        assert_eq!(of("#!/usr/bin/env python3.11\n"), some("/usr/bin/env", Some("python3.11"), "python"));
        assert_eq!(of("#!/usr/bin/env -S A=1 perl -w"), some("/usr/bin/env", Some("perl"), "perl"));
        assert_eq!(of("#!/usr/bin/env -Sdeno run"), some("/usr/bin/env", Some("deno"), "deno"));
        assert_eq!(of("#!\n/bin/sh"), None);
        assert_eq!(of("echo"), None);
        assert_eq!(of(&format!("#!/bin/sh{}x", " ".repeat(300))), some("/bin/sh", None, "sh"));
    }
}
