//! Files that people write for the tool, in TOML: what is wrong in one names the file and the line.

use thiserror::Error;

/// A file that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{file}, line {line}{}: {problem}", .rule.as_ref().map_or(String::new(), |rule| format!(", rule \"{rule}\"")))]
pub struct WrittenError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The rule, once it has a name.
    pub rule: Option<String>,
    /// What is wrong.
    pub problem: String,
}

/// A text with the name of its file.
#[derive(Clone, Copy, Debug)]
pub struct Written<'s> {
    /// The file, for errors only.
    pub file: &'s str,
    /// What is in it.
    pub text: &'s str,
}

impl Written<'_> {
    /// What is wrong at a byte of the text.
    pub fn error(&self, at: usize, rule: Option<&str>, problem: impl Into<String>) -> WrittenError {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        WrittenError { file: self.file.to_owned(), line, rule: rule.map(str::to_owned), problem: problem.into() }
    }

    /// The text as TOML.
    pub fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, WrittenError> {
        toml::from_str(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.error(at, None, error.message().replace('\n', " "))
        })
    }

    /// That `id` is a name for a rule.
    pub fn check_id(&self, at: usize, id: &str) -> Result<(), WrittenError> {
        let is_fine = id.starts_with(|c: char| c.is_ascii_alphanumeric())
            && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if is_fine {
            Ok(())
        } else {
            Err(self.error(at, None, format!("\"{id}\" is no id: use letters, digits, -, _ and .")))
        }
    }
}
