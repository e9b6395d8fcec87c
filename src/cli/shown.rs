//! What a verb prints and writes, and what it ends with.

use serde::Serialize;

/// What is printed.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Lines for standard output.
    pub(crate) out: Vec<String>,
    /// Whether these are JSON, which is printed as it is.
    pub(crate) is_json: bool,
    /// Lines for standard error, after these.
    pub(crate) failed: Vec<String>,
    /// The exit code.
    pub(crate) code: u8,
    /// What goes into files, or what is wrong with what was asked of them.
    pub(crate) texts: Result<Vec<String>, String>,
}

/// A document as lines that are fit to be printed.
pub(crate) fn json(document: &impl Serialize) -> Vec<String> {
    let text = serde_json::to_string_pretty(document).unwrap_or_default();
    vec![imgsquash::text::json(&text)]
}
