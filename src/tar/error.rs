//! Why a tar cannot be read.

use std::io;

use thiserror::Error;

use super::header::InvalidHeader;
use super::pax::InvalidPax;
use super::sparse::InvalidSparse;

/// A tar that cannot be read, and where.
#[derive(Debug, Error)]
#[error("{problem}{}", self.place())]
pub struct InvalidTar {
    /// What is wrong.
    pub problem: TarProblem,
    /// Offset of the header, in bytes.
    pub offset: u64,
    /// The member's name, when it is known.
    pub name: Option<String>,
}

impl InvalidTar {
    /// Where it is. What cannot be read is read ahead, so it has no place in the tar.
    fn place(&self) -> String {
        let name = self.name.as_ref().map_or(String::new(), |name| format!(", entry \"{name}\""));
        match self.problem {
            TarProblem::Read(_) => String::new(),
            _ => format!(" (at byte {} of the tar{name})", self.offset),
        }
    }
}

/// What is wrong with a tar.
#[derive(Debug, Error)]
pub enum TarProblem {
    /// The bytes cannot be had.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// The tar ends inside an entry.
    #[error("the tar ends inside an entry")]
    Cut,
    /// The header is malformed.
    #[error(transparent)]
    Header(#[from] InvalidHeader),
    /// A PAX record is malformed.
    #[error(transparent)]
    Pax(#[from] InvalidPax),
    /// A sparse map is malformed.
    #[error(transparent)]
    Sparse(#[from] InvalidSparse),
    /// A number that no file system takes.
    #[error("{field} is {value}, expected {expected}")]
    Range {
        /// The field.
        field: &'static str,
        /// Its value.
        value: i64,
        /// What would do.
        expected: &'static str,
    },
    /// Extended headers are small; this one is not.
    #[error("an extended header has {0} bytes, more than 1 MiB")]
    HugeExtension(u64),
    /// A type that runtimes do not extract either.
    #[error("unknown entry type '{}'", .0.escape_ascii())]
    UnknownType(u8),
}
