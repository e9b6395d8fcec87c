//! Where everything begins: what containers of the image run by themselves.
//!
//! # Decisions
//! - A program is looked for as a runtime does: with a slash from the working directory on, otherwise in the
//!   directories of PATH. What `sh -c` or a shell form is given is text whose words may be programs.
//! - Every further word that names a file or a program of the image counts too.

use super::ground::{Ground, Way};
use super::rule::Rules;
use super::script::{Hear, Shebang, Words};
use crate::oci::Document;
use crate::slim::rules::guards::commands;

/// Words of a command that are looked at; real ones have a few.
const MAX_WORDS: usize = 1000;

/// A command that cannot be followed, or that installs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The program is not in the image.
    NoProgram { setting: &'static str, word: String },
    /// There is nothing to begin with.
    NoCommand,
    /// The program installs packages.
    Installs { setting: &'static str, program: String },
    /// The program starts a whole system.
    Boots { setting: &'static str, program: String },
}

/// What a command leads to, and which setting it is of.
pub(super) type Root = (Way, &'static str);

/// What Entrypoint, Cmd and Healthcheck run.
pub(super) fn roots(ground: &Ground<'_>, rules: &Rules, config: &Document) -> Result<Vec<Root>, Refusal> {
    let mut found = Vec::new();
    let mut has_program = false;
    for (setting, words) in commands(config) {
        let words: Vec<&str> = words.iter().map(String::as_str).take(MAX_WORDS).collect();
        let (is_text, words) = match (setting, &words[..]) {
            ("Shell", _) => continue,
            ("Healthcheck", ["NONE", ..] | []) => continue,
            ("Healthcheck", ["CMD-SHELL", rest @ ..]) => (true, rest),
            ("Healthcheck", ["CMD", rest @ ..]) => (false, rest),
            (_, rest) => (false, rest),
        };
        let Some(first) = words.first() else { continue };
        // With an entry point, what Cmd has are arguments.
        let is_program = !(is_text || setting == "Cmd" && has_program);
        if is_text {
            let shell = shell(config);
            found.extend(shell.iter().filter_map(|word| program(ground, word)).map(|way| (way, setting)));
        }
        if is_program {
            let Some(way) = program(ground, first) else {
                return Err(Refusal::NoProgram { setting, word: (*first).to_owned() });
            };
            refuse(ground, rules, &way, first, setting)?;
            found.push((way, setting));
            has_program = true;
        }
        let is_shell = is_text || Shebang::is_name_of_shell(first.as_bytes());
        for word in words {
            if is_shell {
                installs(ground, rules, word, setting)?;
            }
            let mut heard = Heard { ground, found: &mut found, setting };
            heard.word(word.as_bytes(), None);
            let mut split = Words::new(false);
            split.feed(word.as_bytes(), &mut heard);
            split.finish(&mut heard);
        }
    }
    if has_program { Ok(found) } else { Err(Refusal::NoCommand) }
}

/// The shell that texts are given to.
fn shell(config: &Document) -> Vec<String> {
    let given = commands(config).into_iter().find(|(setting, _)| *setting == "Shell").map(|(_, words)| words);
    given.filter(|words| !words.is_empty()).unwrap_or_else(|| vec!["/bin/sh".to_owned()])
}

/// What a runtime starts for a word.
pub(super) fn program(ground: &Ground<'_>, word: &str) -> Option<Way> {
    let at = |path: &[u8]| {
        let way = ground.way(path);
        way.end.filter(|end| ground.is_file(*end)).map(|_| way)
    };
    if word.starts_with('/') {
        return at(word.as_bytes());
    }
    if word.contains('/') {
        return at(&[&ground.directory[..], b"/", word.as_bytes()].concat());
    }
    let places = &ground.places[..ground.on_path];
    let on_path = |place: &Vec<u8>| {
        at(&[&place[..], b"/", word.as_bytes()].concat())
            .filter(|way| way.end.is_some_and(|end| ground.is_executable(end)))
    };
    places.iter().find_map(on_path)
}

fn refuse(ground: &Ground<'_>, rules: &Rules, way: &Way, word: &str, setting: &'static str) -> Result<(), Refusal> {
    let of = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let called = word.rsplit('/').next().unwrap_or(word).to_owned();
    let names: Vec<String> = way.end.map(|end| of(ground.tree.name(end))).into_iter().chain([called]).collect();
    for program in names {
        // pip of a virtual environment is the user's.
        let is_system = way.end.is_none_or(|end| !ground.inventory.is_free(end));
        if is_system && rules.installers.has(program.as_bytes()) {
            return Err(Refusal::Installs { setting, program });
        }
        if is_system && rules.boots.has(program.as_bytes()) {
            return Err(Refusal::Boots { setting, program });
        }
    }
    Ok(())
}

/// Refuses a line of a shell on which the system's installer is told to install.
fn installs(ground: &Ground<'_>, rules: &Rules, line: &str, setting: &'static str) -> Result<(), Refusal> {
    for command in line.split([';', '&', '|', '(', ')', '\n']) {
        let mut words = command.split_ascii_whitespace().map(|word| word.trim_matches(['"', '\'']));
        let is_it = |word: &&str| {
            let name = word.rsplit('/').next().unwrap_or(word);
            let is_system =
                program(ground, word).is_some_and(|way| way.end.is_some_and(|end| !ground.inventory.is_free(end)));
            rules.installers.has(name.as_bytes()) && is_system
        };
        let Some(installer) = words.find(is_it) else { continue };
        if words.any(|word| rules.installs.has(word.as_bytes())) {
            return Err(Refusal::Installs { setting, program: installer.to_owned() });
        }
    }
    Ok(())
}

struct Heard<'h, 'g> {
    ground: &'h Ground<'g>,
    found: &'h mut Vec<Root>,
    setting: &'static str,
}

impl Hear for Heard<'_, '_> {
    fn word(&mut self, word: &[u8], _: Option<u8>) {
        let ground = self.ground;
        let mut add = |way: Way| {
            if way.end.is_some_and(|end| !ground.is_directory(end)) {
                self.found.push((way, self.setting));
            }
        };
        if word.starts_with(b"/") {
            add(ground.way(word));
        } else if !word.is_empty() && word.len() < 4096 {
            add(ground.way(&[&ground.directory[..], b"/", word].concat()));
            if !word.contains(&b'/') {
                ground.programs(word).iter().for_each(|id| add(ground.way(&ground.path(*id))));
            }
        }
    }
}
