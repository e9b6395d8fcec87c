//! Why something stays in images that are minified, as data and as lines.

use serde::Serialize;

use super::diff::ImageTitle;
use crate::slim::closure::{Reason, Subject};

/// The version of the JSON form. It grows when a member changes its meaning or goes away; new members do not change it.
pub const REASONS_SCHEMA_VERSION: u32 = 1;

/// Why a file or a package stays, or that it goes.
#[derive(Clone, Debug, Serialize)]
pub struct Reasons {
    /// [`REASONS_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The version of imgsquash.
    pub version: &'static str,
    /// The input, as it was given.
    pub input: String,
    /// What was asked about, as it was typed.
    pub subject: String,
    /// One for each image, in the order of the input.
    pub images: Vec<ImageReason>,
}

/// Why it stays in one image.
#[derive(Clone, Debug, Serialize)]
pub struct ImageReason {
    /// What the image is called.
    #[serde(flatten)]
    pub title: ImageTitle,
    /// `stays`, `goes`, or `absent` when the image has it not.
    pub verdict: &'static str,
    /// What it is, and then what needs it, from the nearest to the root; of what goes only the first.
    pub chain: Vec<String>,
}

impl ImageReason {
    /// The reason in the image that is called so.
    pub(crate) fn new(title: ImageTitle, reason: Reason) -> Self {
        let (verdict, chain) = match reason {
            Reason::Stays(chain) => ("stays", chain),
            Reason::Goes(what) => ("goes", vec![what]),
            Reason::Unknown => ("absent", Vec::new()),
        };
        Self { title, verdict, chain }
    }

    fn line(&self) -> String {
        match self.verdict {
            "stays" => self.chain.join(": "),
            "goes" => format!("{}: goes, because nothing that stays needs it", self.chain.concat()),
            _ => "is not in it".to_owned(),
        }
    }
}

impl Reasons {
    /// The reasons of all images of an input.
    pub(crate) fn new(input: String, subject: &Subject, images: Vec<ImageReason>) -> Self {
        let (schema_version, version) = (REASONS_SCHEMA_VERSION, env!("CARGO_PKG_VERSION"));
        Self { schema_version, version, input, subject: subject.to_string(), images }
    }

    /// A line for each image, with its name before it when there are several. Whoever prints them makes them fit to be
    /// shown.
    pub fn lines(&self) -> Vec<String> {
        match &self.images[..] {
            [one] => vec![one.line()],
            all => all.iter().map(|image| format!("{}: {}", called(&image.title), image.line())).collect(),
        }
    }
}

/// What an image is called.
pub(super) fn called(title: &ImageTitle) -> String {
    format!("{}  {}", super::units::together(&title.names), title.platform)
}
