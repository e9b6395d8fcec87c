//! What the report of a squash tells of what was done on purpose.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::compare::Expected;
use crate::oci::Digest;
use crate::report::SCHEMA_VERSION;
use crate::text;
use crate::times::Times;
use crate::tree::{Timestamp, TreePath};

/// What was done on purpose, by the image that came of it.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    images: HashMap<String, Expected>,
    nothing: Expected,
}

/// A report that does not tell what was done.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidReceipt {
    /// It is no report of a squash.
    #[error("it is no report of a squash: {0}")]
    Json(String),
    /// It is of another form.
    #[error("it has schema version {0}, expected {SCHEMA_VERSION}")]
    Version(u32),
    /// A path that is none.
    #[error("\"{0}\" is no path")]
    Path(String),
    /// A digest that is none.
    #[error("\"{0}\" is no digest")]
    Digest(String),
}

/// The members of a report that tell what was done.
#[derive(Deserialize)]
struct Told {
    schema_version: u32,
    images: Vec<ToldImage>,
}

#[derive(Deserialize)]
struct ToldImage {
    image_id: String,
    #[serde(default)]
    pruned: Option<Vec<ToldRule>>,
    #[serde(default)]
    minified: Option<ToldMinified>,
    equal_files: ToldEqual,
    edited_config: BTreeMap<String, Value>,
    #[serde(default)]
    timestamp: Option<ToldTime>,
}

#[derive(Deserialize)]
struct ToldRule {
    gone: Vec<String>,
    emptied: Vec<String>,
}

#[derive(Default, Deserialize)]
struct ToldMinified {
    gone: Vec<String>,
    rewritten: Vec<ToldRewritten>,
}

#[derive(Deserialize)]
struct ToldRewritten {
    path: String,
    digest: String,
}

#[derive(Deserialize)]
struct ToldEqual {
    linked: bool,
}

#[derive(Deserialize)]
struct ToldTime {
    mode: Mode,
    seconds: i64,
    nanoseconds: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Clamp,
    Set,
}

impl Receipt {
    /// Reads a report, as [`crate::report::Report`] is written.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidReceipt> {
        let told: Told = serde_json::from_slice(json).map_err(|problem| InvalidReceipt::Json(problem.to_string()))?;
        if told.schema_version != SCHEMA_VERSION {
            return Err(InvalidReceipt::Version(told.schema_version));
        }
        let images = told.images.into_iter().map(|image| Ok((image.image_id.clone(), expected(image)?)));
        Ok(Self { images: images.collect::<Result<_, InvalidReceipt>>()?, nothing: Expected::default() })
    }

    /// What was done to make the image with this id.
    pub(crate) fn of(&self, image_id: &str) -> &Expected {
        self.images.get(image_id).unwrap_or(&self.nothing)
    }
}

fn expected(image: ToldImage) -> Result<Expected, InvalidReceipt> {
    let times = image.timestamp.map_or(Times::Keep, |ToldTime { mode, seconds, nanoseconds }| {
        let time = Timestamp { seconds, nanoseconds };
        match mode {
            Mode::Clamp => Times::Clamp(time),
            Mode::Set => Times::Set(time),
        }
    });
    let rules = image.pruned.unwrap_or_default();
    let minified = image.minified.unwrap_or_default();
    let gone = rules.iter().flat_map(|rule| &rule.gone).chain(&minified.gone);
    let emptied = rules.iter().flat_map(|rule| &rule.emptied);
    let rewritten = minified.rewritten.iter().map(|file| Ok((path(&file.path)?, digest(&file.digest)?)));
    Ok(Expected {
        gone: paths(gone)?,
        emptied: paths(emptied)?,
        rewritten: rewritten.collect::<Result<_, InvalidReceipt>>()?,
        times,
        linked: image.equal_files.linked,
        config: image.edited_config,
    })
}

fn paths<'t>(texts: impl IntoIterator<Item = &'t String>) -> Result<HashSet<TreePath>, InvalidReceipt> {
    texts.into_iter().map(|text| path(text)).collect()
}

fn digest(text: &str) -> Result<Digest, InvalidReceipt> {
    text.parse().map_err(|_| InvalidReceipt::Digest(text.to_owned()))
}

fn path(exact: &str) -> Result<TreePath, InvalidReceipt> {
    let path = text::bytes(exact).and_then(|bytes| TreePath::parse(&bytes).ok());
    path.ok_or_else(|| InvalidReceipt::Path(exact.to_owned()))
}
