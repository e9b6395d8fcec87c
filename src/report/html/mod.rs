//! Pages that are one file: no network, no framework, drawn by the browser from data that they carry.
//!
//! # Decisions
//! - Data is one block of JSON, of which the page makes text and never markup. What could end the block is escaped, and
//!   a policy (CSP) lets run only the script whose hash it has.
//! - Files are columns of numbers, and names stand apart: 100,000 files have less than 8 MB. Beyond that the smallest
//!   are shown together.

mod diff;
mod fit;
mod inspect;

use std::fmt::Write;

use serde::Serialize;
use sha2::{Digest, Sha256};

pub use self::diff::difference;
pub use self::inspect::inspection;
use crate::text::Shown;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const BASE: [&str; 6] = [
    include_str!("base.js"),
    include_str!("files.js"),
    include_str!("query.js"),
    include_str!("squarify.js"),
    include_str!("treemap.js"),
    include_str!("table.js"),
];

/// Bytes for the files of all images of a page.
const ROOM: usize = 6_800_000;
/// Images of a page.
const IMAGES: usize = 50;

/// A page with this title, that `script` draws from `data`.
fn page(title: &str, script: &str, data: &impl Serialize) -> String {
    let script = [&BASE.concat(), script].concat();
    let data = serde_json::to_string(data).unwrap_or_default().replace('<', "\\u003c");
    let parts = [
        ("SCRIPT_HASH", hash(&script)),
        ("STYLE_HASH", hash(STYLE)),
        ("TITLE", escaped(&shown(title))),
        ("STYLE", STYLE.to_owned()),
        ("DATA", crate::text::json(&data)),
        ("SCRIPT", script),
    ];
    let mut page = String::with_capacity(parts.iter().map(|(_, part)| part.len()).sum::<usize>() + PAGE.len());
    let mut rest = PAGE;
    // What is put in is not looked at again: it may have the marks in it.
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        page.push_str(before);
        page.push_str(parts.iter().find(|(part, _)| *part == name).map_or("", |(_, text)| text));
        rest = after;
    }
    page + rest
}

/// The hash of a script or style as a policy names it.
fn hash(text: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(text.as_bytes())))
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number =
            three.iter().fold(0, |number: usize, byte| number << 8 | usize::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let is_there = at <= three.len();
            text.push(if is_there { char::from(LETTERS[number >> (18 - 6 * at) & 63]) } else { '=' });
        }
    }
    text
}

/// Text of a stranger with nothing in it that does more than be seen.
fn shown(text: &str) -> String {
    Shown(text).to_string()
}

/// Text in HTML.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '"' | '\'' => {
                let _ = write!(safe, "&#{};", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

/// Folders as the page has them.
#[derive(Serialize)]
struct Folders {
    /// The names of all but the root, with slashes between them.
    folders: String,
    /// The place of the folder that each is in.
    up: Vec<usize>,
    /// How many rows each has.
    count: Vec<usize>,
    /// The names of the files, with slashes between them; empty for rows of several.
    names: String,
    /// Rows of several files: their places, and how many files.
    many: Vec<(usize, u64)>,
}

impl Folders {
    fn new<K>(fitted: &fit::Fitted<'_, K>) -> Self {
        let mut count = vec![0; fitted.folders.len()];
        for row in &fitted.rows {
            count[row.folder] += 1;
        }
        let names: Vec<&str> = fitted.rows.iter().map(|row| row.name).collect();
        let folders: Vec<&str> = fitted.folders.iter().skip(1).map(|(name, _)| *name).collect();
        let many = fitted.rows.iter().enumerate().filter(|(_, row)| row.name.is_empty());
        Self {
            folders: folders.join("/"),
            up: fitted.folders.iter().map(|(_, up)| *up).collect(),
            count,
            names: names.join("/"),
            many: many.map(|(at, row)| (at, row.many)).collect(),
        }
    }
}

/// What is told when files have no room by themselves.
fn left_out(together: u64) -> Option<String> {
    let words = if together == 1 { "file has" } else { "files have" };
    (together > 0)
        .then(|| format!("{together} small {words} no row of their own here: they are together in their folders."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_written_as_policies_have_them() {
        for (bytes, text) in
            [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"\xff\xfe\xfdb", "//79Yg==")]
        {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn data_cannot_leave_its_place() {
        let hostile = "</script><!--<script>{{SCRIPT}}\u{2028}\u{202e}";
        let page = page(hostile, "// the end", &[hostile]);
        assert_eq!(page.matches("<script").count(), 2, "{page}");
        assert_eq!(page.matches("</script>").count(), 2);
        assert_eq!(page.matches("// the end").count(), 1);
        assert!(!page.contains('\u{202e}') && !page.contains("<!--"));
        let data = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
        assert_eq!(serde_json::from_str::<Vec<String>>(data).unwrap(), [hostile]);
        assert!(page.contains("<title>&#60;/script&#62;&#60;!--"));
        assert!(page.contains(&format!("script-src '{}'", hash(&[&BASE.concat(), "// the end"].concat()))));
    }
}
