//! `imgsquash inspect`: what was typed, and what is printed.

use std::path::{Path, PathBuf};

use clap::Args;
use imgsquash::progress::Progress;
use imgsquash::report::inspect_text;
use imgsquash::request::{Gates, Platform, Selection};
use imgsquash::{Error, Inspect};

use super::gates::GateArguments;
use super::machine::MachineArguments;
use super::render::{Files, RenderArguments};
use super::shown::{Shown, json};

/// What an image that does not pass a gate ends with.
pub(crate) const GATE_FAILED: u8 = 1;

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// The archive, layout directory, name of an image, or - for standard input
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
    gates: GateArguments,

    #[command(flatten)]
    render: RenderArguments,

    #[command(flatten)]
    machine: MachineArguments,
}

impl InspectArguments {
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// What the arguments mean, or what is wrong with them.
    pub(crate) fn request(&self) -> Result<(Inspect, Gates), String> {
        let given = self.machine.elsewhere().given(&self.input)?;
        let refs = self.refs.iter().cloned().chain(given.called).collect();
        let selection = Selection { refs, platforms: self.platforms.clone() };
        let (lists_files, resources) = (self.render.lists_files(), self.machine.resources());
        let inspect = Inspect { selection, lists_files, resources, ..Inspect::new(given.origin) };
        Ok((inspect, self.gates.gates()?))
    }

    /// The files that are written.
    pub(crate) fn files(&self) -> Result<Files, String> {
        let config = self.gates.config_file();
        let config = config.as_deref().map(|path| ("the config file", path));
        let inputs: Vec<(&str, &Path)> = [("the input", &*self.input)].into_iter().chain(config).collect();
        Files::check(&self.render.asked(), &inputs, self.json.then_some("--json"))
    }

    /// Inspects, and says what is to be printed and written. `is_silent` when standard output has one of the files.
    pub(crate) fn run(
        &self,
        (request, gates): &(Inspect, Gates),
        progress: &dyn Progress,
        is_silent: bool,
    ) -> Result<Shown, Error> {
        let found = imgsquash::inspect(request, progress)?;
        let failed = gates.failed(&found)?;
        let out = match (self.json, self.quiet || is_silent) {
            (true, _) => json(&found),
            (false, true) => Vec::new(),
            (false, false) => inspect_text::lines(&found, self.verbose),
        };
        let code = if failed.is_empty() { 0 } else { GATE_FAILED };
        let failed = failed.iter().map(|gate| format!("imgsquash: gate not passed: {gate}")).collect();
        let texts = self.render.texts(&found);
        Ok(Shown { out, is_json: self.json, failed, code, texts })
    }
}
