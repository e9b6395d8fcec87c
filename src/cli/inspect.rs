//! `imgsquash inspect`: what was typed, and what is printed.

use std::path::PathBuf;

use clap::Args;
use imgsquash::progress::Progress;
use imgsquash::report::inspect_text;
use imgsquash::request::{Platform, Selection};
use imgsquash::{Error, Inspect};

use super::machine::MachineArguments;
use super::parse::origin;
use super::shown::{Shown, json};

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// The archive, layout directory, or - for standard input
    input: PathBuf,

    /// Only the image called NAME; may be repeated
    #[arg(long = "ref", value_name = "NAME")]
    refs: Vec<String>,

    /// Only images for OS/ARCH[/VARIANT]; may be repeated
    #[arg(long = "platform", value_name = "PLATFORM")]
    platforms: Vec<Platform>,

    /// Write everything as JSON to standard output
    #[arg(long)]
    json: bool,

    /// Show everything
    #[arg(short, long)]
    verbose: bool,

    /// No progress bar and nothing on standard output: the exit code tells
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    machine: MachineArguments,
}

impl InspectArguments {
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// What the arguments mean, or what is wrong with them.
    pub(crate) fn request(&self) -> Result<Inspect, String> {
        let selection = Selection { refs: self.refs.clone(), platforms: self.platforms.clone() };
        Ok(Inspect { selection, resources: self.machine.resources(), ..Inspect::new(origin(&self.input)) })
    }

    /// Inspects, and says what is to be printed.
    pub(crate) fn run(&self, request: &Inspect, progress: &dyn Progress) -> Result<Shown, Error> {
        let found = imgsquash::inspect(request, progress)?;
        let out = match (self.json, self.quiet) {
            (true, _) => json(&found),
            (false, true) => Vec::new(),
            (false, false) => inspect_text::lines(&found, self.verbose),
        };
        Ok(Shown { out, is_json: self.json, code: 0 })
    }
}
