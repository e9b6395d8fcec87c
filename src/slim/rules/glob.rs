//! Patterns of paths.
//!
//! Absolute, or beginning with `**/` for any directory, or with `~/` for the homes `/root` and `/home/*`. `*` and `?`
//! stop at a slash; `**` stands for any number of directories and, at the end, for all that is below; `[a-c]` is one
//! of these bytes; `{a,b}` is either, slashes included.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use thiserror::Error;

/// One way through the directories.
#[derive(Clone, Debug)]
pub(in crate::slim) struct Glob {
    pub(in crate::slim) parts: Vec<Part>,
}

/// What a glob asks of one name.
#[derive(Clone)]
pub(in crate::slim) enum Part {
    /// Any number of directories; at the end, anything below.
    Any,
    Is(Box<[u8]>),
    BeginsWith(Box<[u8]>),
    EndsWith(Box<[u8]>),
    Matches(Box<GlobMatcher>),
}

/// A text that is no glob.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the glob \"{glob}\" {problem}")]
pub struct GlobError {
    /// The text.
    pub glob: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Bytes of a glob. Linux has no longer paths.
const MAX_LENGTH: usize = 4096;
/// Alternatives that one text may have.
const MAX_ALTERNATIVES: usize = 1000;

impl Part {
    pub(in crate::slim) fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Is(wanted) => **wanted == *name,
            Self::BeginsWith(prefix) => name.starts_with(prefix),
            Self::EndsWith(suffix) => name.ends_with(suffix),
            Self::Matches(matcher) => {
                use std::os::unix::ffi::OsStrExt;
                matcher.is_match(std::ffi::OsStr::from_bytes(name))
            }
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let is_plain = |text: &str| !text.contains(['*', '?', '[', ']', '{', '}', '\\']);
        match text {
            "**" => return Ok(Self::Any),
            _ if is_plain(text) => return Ok(Self::Is(text.as_bytes().into())),
            _ if text.contains("**") => return Err("has ** inside a name: it stands for whole directories".to_owned()),
            _ => {}
        }
        match (text.strip_suffix('*'), text.strip_prefix('*')) {
            (Some(prefix), _) if is_plain(prefix) => return Ok(Self::BeginsWith(prefix.as_bytes().into())),
            (_, Some(suffix)) if is_plain(suffix) => return Ok(Self::EndsWith(suffix.as_bytes().into())),
            _ => {}
        }
        let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
        let glob = glob.map_err(|error| format!("is not valid: {}", error.kind()))?;
        Ok(Self::Matches(Box::new(glob.compile_matcher())))
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("**"),
            Self::Is(name) => write!(f, "{}", name.escape_ascii()),
            Self::BeginsWith(prefix) => write!(f, "{}*", prefix.escape_ascii()),
            Self::EndsWith(suffix) => write!(f, "*{}", suffix.escape_ascii()),
            Self::Matches(matcher) => f.write_str(matcher.glob().glob()),
        }
    }
}

/// The globs that `text` stands for.
pub(in crate::slim) fn parse(text: &str) -> Result<Vec<Glob>, GlobError> {
    let fail = |problem: String| GlobError { glob: text.to_owned(), problem };
    if text.len() > MAX_LENGTH {
        let shown: String = text.chars().take(60).collect();
        return Err(GlobError { glob: format!("{shown}…"), problem: format!("is longer than {MAX_LENGTH} bytes") });
    }
    let mut globs = Vec::new();
    for alternative in alternatives(text).map_err(fail)? {
        let paths = match alternative.strip_prefix("~/") {
            Some(rest) => vec![format!("/root/{rest}"), format!("/home/*/{rest}")],
            None => vec![alternative],
        };
        for path in paths {
            globs.push(one(&path).map_err(fail)?);
        }
    }
    Ok(globs)
}

fn one(path: &str) -> Result<Glob, String> {
    let Some(names) = path.strip_prefix('/').or(path.starts_with("**/").then_some(path)) else {
        return Err("has no place to begin: write /…, ~/… or **/…".to_owned());
    };
    // A directory named with a slash at its end is meant with all in it.
    let names = names.strip_suffix('/').map_or(names.to_owned(), |names| format!("{names}/**"));
    let mut parts: Vec<Part> = Vec::new();
    for name in names.split('/') {
        match name {
            "" => return Err("has an empty name between two slashes".to_owned()),
            "." | ".." => return Err(format!("has \"{name}\" in it: write where the file is")),
            "**" if matches!(parts.last(), Some(Part::Any)) => {}
            _ => parts.push(Part::parse(name)?),
        }
    }
    Ok(Glob { parts })
}

/// What braces stand for: `a{b,c}` is `ab` and `ac`.
fn alternatives(text: &str) -> Result<Vec<String>, String> {
    let mut done = Vec::new();
    let mut todo = vec![text.to_owned()];
    while let Some(text) = todo.pop() {
        if todo.len() + done.len() > MAX_ALTERNATIVES {
            return Err(format!("has more than {MAX_ALTERNATIVES} alternatives"));
        }
        let Some((before, inside, after)) = braces(&text)? else {
            done.push(text);
            continue;
        };
        // The first is done first.
        todo.extend(inside.into_iter().rev().map(|inside| format!("{before}{inside}{after}")));
    }
    Ok(done)
}

/// What comes before the first braces, what is in them at the outermost commas, and what comes after.
#[allow(clippy::type_complexity)] // three parts of one text
fn braces(text: &str) -> Result<Option<(&str, Vec<&str>, &str)>, String> {
    let Some(open) = text.find('{') else {
        return if text.contains('}') { Err("closes a brace that is not open".to_owned()) } else { Ok(None) };
    };
    let (mut depth, mut begin, mut inside) = (0, open + 1, Vec::new());
    for (at, character) in text[open..].char_indices().map(|(at, character)| (open + at, character)) {
        match character {
            '{' => depth += 1,
            ',' if depth == 1 => {
                inside.push(&text[begin..at]);
                begin = at + 1;
            }
            '}' if depth == 1 => {
                inside.push(&text[begin..at]);
                return Ok(Some((&text[..open], inside, &text[at + 1..])));
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    Err("leaves a brace open".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<String> {
        parse(text).unwrap().into_iter().map(|glob| format!("{:?}", glob.parts)).collect()
    }

    #[test]
    fn braces_and_homes_stand_for_several() {
        assert_eq!(parts("/a/{b,c{d,e}}/f"), ["[a, b, f]", "[a, cd, f]", "[a, ce, f]"]);
        assert_eq!(parts("~/.x"), ["[root, .x]", "[home, *, .x]"]);
        assert_eq!(parts("{/a,**/b}/*.c"), ["[a, *.c]", "[**, b, *.c]"]);
        assert_eq!(parts("/a/"), ["[a, **]"]);
    }

    #[test]
    fn what_is_no_glob_says_why() {
        for (text, why) in [
            ("a", "has no place to begin"),
            ("", "has no place to begin"),
            ("/a//b", "an empty name"),
            ("/a/../b", "has \"..\" in it"),
            ("/a/b**", "has ** inside a name"),
            ("/a/[", "is not valid"),
            ("/a/{b", "leaves a brace open"),
            ("/a/b}", "closes a brace"),
            ("/{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "has more than 1000 alternatives"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains(&format!("\"{text}\"")), "{error}");
        }
    }

    #[test]
    fn names_match_to_the_slash() {
        for (text, name, expected) in [
            ("*.a", ".a", true),
            ("a*", "ab", true),
            ("a*c", "abbc", true),
            ("[ab]?", "bx", true),
            ("*", "x", true),
            ("a?", "a", false),
        ] {
            assert_eq!(Part::parse(text).unwrap().matches(name.as_bytes()), expected, "{text} {name}");
        }
    }
}
