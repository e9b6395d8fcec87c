//! `imgsquash why`: why a file or a package stays in a minified image.

use std::path::PathBuf;

use clap::Args;
use imgsquash::progress::Progress;
use imgsquash::request::{Choice, Minify, Named, Rules, Subject};
use imgsquash::{Error, Why};

use super::choices::GrainChoice;
use super::machine::MachineArguments;
use super::select::SelectArguments;
use super::shown::{Shown, json};

/// What it ends with when the subject goes from every image.
const GOES: u8 = 1;

#[derive(Debug, Args)]
pub(crate) struct WhyArguments {
    /// The archive, layout directory, name of an image, or - for standard input
    input: PathBuf,

    /// A path, which has a slash in it, or the name of a package
    subject: String,

    /// As --minify=GRAIN would keep it
    #[arg(long, value_enum, value_name = "GRAIN", default_value = "packages")]
    minify: GrainChoice,

    /// As with --with
    #[arg(long, value_name = "PROGRAM", value_delimiter = ',')]
    with: Vec<String>,

    /// As with --with-package
    #[arg(long = "with-package", value_name = "NAME", value_delimiter = ',')]
    with_packages: Vec<String>,

    /// As with --minify-recommends
    #[arg(long)]
    minify_recommends: bool,

    /// As with --keep
    #[arg(long, value_name = "GLOB")]
    keep: Vec<String>,

    /// As after --prune[=LIST]
    #[arg(long, value_name = "LIST", num_args = 0..=1, require_equals = true, default_missing_value = "safe")]
    prune: Option<String>,

    #[command(flatten)]
    select: SelectArguments,

    /// Write the answer as JSON to standard output
    #[arg(long)]
    json: bool,

    /// No progress bar
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    machine: MachineArguments,
}

impl WhyArguments {
    /// What is asked, or what is wrong with it.
    pub(crate) fn request(&self) -> Result<Why, String> {
        let keep = Named::parse(&self.keep).map_err(|problem| format!("--keep: {problem}"))?;
        let prune = match &self.prune {
            None => Choice::default(),
            Some(list) => {
                let rules = Rules::built_in().map_err(|problem| problem.to_string())?;
                let choice = Choice::new(&rules, Some(list), Named::default(), keep.clone());
                choice.map_err(|problem| problem.to_string())?
            }
        };
        let given = self.machine.elsewhere().given(&self.input)?;
        Ok(Why {
            input: given.origin,
            selection: self.select.selection(given.called),
            subject: Subject::parse(&self.subject),
            prune,
            minify: Minify {
                grain: self.minify.into(),
                with: self.with.clone(),
                with_packages: self.with_packages.clone(),
                recommends: self.minify_recommends,
                keep,
            },
            resources: self.machine.resources(),
        })
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Asks, and says what is to be printed.
    pub(crate) fn run(&self, request: &Why, progress: &dyn Progress) -> Result<Shown, Error> {
        let reasons = imgsquash::why(request, progress)?;
        let out = if self.json { json(&reasons) } else { reasons.lines() };
        let stays = reasons.images.iter().any(|image| image.verdict == "stays");
        let code = if stays { 0 } else { GOES };
        Ok(Shown { out, is_json: self.json, failed: Vec::new(), code, texts: Ok(Vec::new()) })
    }
}
