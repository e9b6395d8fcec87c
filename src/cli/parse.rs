//! What single arguments mean.

use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime};

use imgsquash::request::Times;
use imgsquash::request::Timestamp;
use imgsquash::request::{Class, Pick, Split};

/// Reads a number of bytes: 1048576, 500M, 16GiB. Units are powers of 1024.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text[digits.len()..].to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err("expected a number of bytes with K, M, G or T, as in 16G".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "expected a number of bytes, as in 16G".to_owned())?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).ok_or_else(|| "it is out of range".to_owned())
}

/// Reads `KEY=VALUE`; the value may be empty and may hold more equals signs.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// Reads a command: a JSON list of words, or a line for the shell, as in a Dockerfile. Empty means none.
pub(super) fn words(text: &str) -> Result<Words, String> {
    if text.trim().is_empty() {
        return Ok(Words(Vec::new()));
    }
    if text.trim_start().starts_with('[') {
        let words = serde_json::from_str(text);
        let expected = "what begins with [ is a JSON list of words, as in [\"app\", \"--flag\"]";
        return words.map(Words).map_err(|error| format!("{expected}: {error}"));
    }
    Ok(Words(["/bin/sh", "-c", text].map(str::to_owned).to_vec()))
}

/// Reads an absolute path in the image, because runtimes begin in no other; empty means the root.
pub(super) fn directory(text: &str) -> Result<String, String> {
    match text.is_empty() || text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err("expected an absolute path, as in /app".to_owned()),
    }
}

/// Reads a number of layers.
pub(super) fn count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "expected a number of layers".to_owned())
}

/// Reads a number of threads.
pub(super) fn threads(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a number of threads, at least 1".to_owned())
}

/// Reads a level of compression; which ones there are depends on the compression.
pub(super) fn level(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "expected a number, 1 to 9 for gzip and 1 to 19 for zstd".to_owned())
}

/// The words of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words(pub(super) Vec<String>);

/// Reads `A..B`, both ends included; an end may be left out.
pub(super) fn range(text: &str) -> Result<(Pick, Option<Pick>), String> {
    let Some((from, to)) = text.split_once("..") else {
        return Err("expected a range of layers, as in 2..4 (both included)".to_owned());
    };
    let from = if from.is_empty() { Pick::Position(1) } else { from.parse()? };
    let to = if to.is_empty() { None } else { Some(to.parse()?) };
    Ok((from, to))
}

/// Reads `auto`, a number of layers, or a list of classes.
pub(super) fn split(text: &str) -> Result<Split, String> {
    if text == "auto" {
        return Ok(Split::Auto);
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        let count = text.parse().ok().filter(|count| (2..=100).contains(count));
        return count.map(Split::Count).ok_or_else(|| "expected a number of layers from 2 to 100".to_owned());
    }
    let classes: Result<Vec<Class>, String> = text.split(',').map(str::parse).collect();
    match classes {
        Ok(classes) if classes.iter().any(|class| *class != classes[0]) => Ok(Split::Classes(classes)),
        Ok(_) => Err("expected at least two of os, packages, deps, app".to_owned()),
        Err(problem) if text.contains(',') => Err(problem),
        Err(_) => Err("expected auto, a number of layers, or a list of os, packages, deps, app".to_owned()),
    }
}

/// What `--timestamp` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    Keep,
    Clamp,
    Set(Timestamp),
}

/// Reads `keep`, `clamp` or seconds since 1970.
pub(super) fn stamp(text: &str) -> Result<Stamp, String> {
    match text {
        "keep" => Ok(Stamp::Keep),
        "clamp" => Ok(Stamp::Clamp),
        _ => epoch(text).map(Stamp::Set).ok_or_else(|| format!("expected keep, clamp or {EPOCH}")),
    }
}

/// What [`epoch`] reads.
pub(super) const EPOCH: &str = "seconds since 1970, up to the year 9999";

/// What becomes of times.
pub(super) fn times(timestamp: Option<Stamp>) -> Result<Times, String> {
    let named = std::env::var_os("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty());
    let limit = match &named {
        None => None,
        Some(text) => Some(
            text.to_str()
                .and_then(epoch)
                .ok_or_else(|| format!("SOURCE_DATE_EPOCH is \"{}\", expected {EPOCH}", text.to_string_lossy()))?,
        ),
    };
    match (timestamp, limit) {
        (Some(Stamp::Set(time)), _) => Ok(Times::Set(time)),
        (Some(Stamp::Clamp), None) => Err("--timestamp clamp needs SOURCE_DATE_EPOCH to be set".to_owned()),
        (Some(Stamp::Keep), _) | (None, None) => Ok(Times::Keep),
        (Some(Stamp::Clamp) | None, Some(limit)) => Ok(Times::Clamp(limit)),
    }
}

/// Seconds since 1970 that RFC 3339 can spell, which ends with the year 9999.
pub(super) fn epoch(text: &str) -> Option<Timestamp> {
    let seconds: u64 = text.parse().ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    let seconds = i64::try_from(seconds).ok().filter(|seconds| *seconds < 253_402_300_800)?;
    Some(Timestamp { seconds, nanoseconds: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in
            [("1", 1), ("5k", 5 << 10), ("16G", 16 << 30), ("2GiB", 2 << 30), ("3MB", 3 << 20), ("1T", 1 << 40)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "0", "1X", "-1", "99999999999T", "1.5G"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn commands_are_lists_or_lines() {
        let found = |text: &str| words(text).map(|words| words.0);
        assert_eq!(found(r#"["a", "b c"]"#), Ok(vec!["a".to_owned(), "b c".to_owned()]));
        assert_eq!(found("echo $HOME"), Ok(vec!["/bin/sh".to_owned(), "-c".to_owned(), "echo $HOME".to_owned()]));
        assert_eq!(found(""), Ok(Vec::new()));
        assert!(found("[1]").is_err());
    }

    #[test]
    fn ranges_have_ends_that_may_be_left_out() {
        assert_eq!(range("2..4"), Ok((Pick::Position(2), Some(Pick::Position(4)))));
        assert_eq!(range("..4"), Ok((Pick::Position(1), Some(Pick::Position(4)))));
        assert_eq!(range("2.."), Ok((Pick::Position(2), None)));
        assert!(range("2").is_err() && range("a..b").is_err());
    }

    #[test]
    fn a_split_has_at_least_two_layers() {
        assert_eq!(split("auto"), Ok(Split::Auto));
        assert_eq!(split("2"), Ok(Split::Count(2)));
        assert_eq!(split("app,os"), Ok(Split::Classes(vec![Class::App, Class::Os])));
        for text in ["", "1", "101", "300", "2x", "os", "os,os", "os,", "os,foo", "auto,os", "OS,app"] {
            assert!(split(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pairs_may_have_an_empty_value() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        assert!(pair("a").is_err() && pair("=a").is_err());
    }

    #[test]
    fn times_are_seconds_or_words() {
        assert_eq!(stamp("keep"), Ok(Stamp::Keep));
        assert_eq!(stamp("5"), Ok(Stamp::Set(Timestamp { seconds: 5, nanoseconds: 0 })));
        assert!(stamp("yesterday").is_err() && stamp("253402300800").is_err() && stamp("-1").is_err());
    }
}
