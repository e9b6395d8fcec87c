//! Wrong usage, in one line: what was typed, what is wrong with it and what to type.

use std::ffi::OsString;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Arguments;

/// What `error` says of the arguments `given`.
pub(super) fn line(error: &clap::Error, given: &[OsString]) -> String {
    // clap takes every word too many for a subcommand.
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) {
        if Arguments::command().find_subcommand(word).is_none() {
            return too_many(error, word, given);
        }
    }
    let message = error.render().to_string();
    let line = joined(&message);
    match error.kind() {
        ErrorKind::UnknownArgument | ErrorKind::MissingRequiredArgument => {
            format!("{line}; see {} --help", command(&message))
        }
        _ => line,
    }
}

/// The words of the command that clap's message is about, with the verb if there is one.
fn command(message: &str) -> String {
    let usage = message.split_once("Usage: ").map_or("imgsquash", |(_, usage)| usage);
    let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase());
    usage.split(' ').take_while(is_word).collect::<Vec<&str>>().join(" ")
}

/// What is wrong with a word that is not the first archive.
fn too_many(error: &clap::Error, word: &str, given: &[OsString]) -> String {
    let has_prune = match error.get(ContextKind::PriorArg) {
        Some(ContextValue::Strings(known)) => known.iter().any(|name| name.starts_with("--prune[")),
        _ => false,
    };
    let is_output = |word: &OsString| {
        let word = word.as_encoded_bytes();
        word.starts_with(b"--output") || word.starts_with(b"-") && !word.starts_with(b"--") && word.contains(&b'o')
    };
    let what_to_do = if has_prune {
        format!("give one archive, and what to prune as --prune={word}")
    } else if given.iter().any(is_output) {
        "give one archive".to_owned()
    } else {
        format!("give one archive, and where the new one goes as -o {word}")
    };
    format!("unexpected argument '{word}': {what_to_do}")
}

/// The paragraphs of clap's message, but for the usage and the invitation to read more.
fn joined(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let paragraphs = message.split("\n\n").map(str::trim);
    let said = paragraphs.filter(|text| !text.starts_with("Usage:") && !text.starts_with("For more information"));
    let said = said.filter(|text| !text.is_empty()).map(|text| {
        let mut lines = text.lines().map(|line| line.trim().trim_start_matches("tip: "));
        let first = lines.next().unwrap_or_default();
        let rest: Vec<&str> = lines.collect();
        if rest.is_empty() { first.to_owned() } else { format!("{first} {}", rest.join(", ")) }
    });
    said.collect::<Vec<String>>().join("; ")
}
