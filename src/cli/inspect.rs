//! `imgsquash inspect`: what was typed, and what is printed.

use std::path::{Path, PathBuf};

use clap::Args;
use imgsquash::progress::Progress;
use imgsquash::report::inspect_text;
use imgsquash::request::Gates;
use imgsquash::{Error, Inspect};

use super::gates::GateArguments;
use super::machine::MachineArguments;
use super::render::{Files, RenderArguments};
use super::secrets::search;
use super::select::SelectArguments;
use super::shown::{Shown, json};

/// What an image that does not pass a gate ends with.
pub(crate) const GATE_FAILED: u8 = 1;

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// The archive, layout directory, name of an image, or - for standard input
    input: PathBuf,

    #[command(flatten)]
    select: SelectArguments,

    /// Write everything as JSON to standard output
    #[arg(long)]
    json: bool,

    /// Show everything
    #[arg(short, long)]
    verbose: bool,

    /// No progress bar and nothing on standard output: the exit code tells
    #[arg(short, long)]
    quiet: bool,

    /// Do not look for secrets
    #[arg(long, conflicts_with_all = ["secret_rules", "baseline"])]
    no_secrets: bool,

    /// Look for what the rules of this file find too
    #[arg(long, value_name = "FILE")]
    secret_rules: Option<PathBuf>,

    /// Accept the findings of this file: fingerprints, each with a reason and the last day on which it counts
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

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
        let selection = self.select.selection(given.called);
        let gates = self.gates.gates(self.secret_rules.as_deref())?;
        if self.no_secrets && gates.need_secrets() {
            return Err("--no-secrets: a gate asks for secrets".to_owned());
        }
        let secrets = match self.no_secrets {
            true => None,
            false => Some(search(self.secret_rules.as_deref(), self.baseline.as_deref())?),
        };
        let (lists_files, resources) = (self.render.lists_files(), self.machine.resources());
        let inspect = Inspect { selection, secrets, lists_files, resources, ..Inspect::new(given.origin) };
        Ok((inspect, gates))
    }

    /// The files that are written.
    pub(crate) fn files(&self) -> Result<Files, String> {
        let config = self.gates.config_file();
        let read = [
            ("the input", Some(&*self.input)),
            ("the config file", config.as_deref()),
            ("the rules for secrets", self.secret_rules.as_deref()),
            ("the baseline", self.baseline.as_deref()),
        ];
        let inputs: Vec<(&str, &Path)> = read.into_iter().filter_map(|(name, path)| Some((name, path?))).collect();
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
