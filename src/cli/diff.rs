//! `imgsquash diff` and `imgsquash verify`: what was typed, and what is printed.

use std::path::{Path, PathBuf};

use clap::Args;
use imgsquash::progress::Progress;
use imgsquash::report::{Difference, diff_text, html};
use imgsquash::request::{Aspect, Aspects, Platform, Selection};
use imgsquash::{Diff, Error, Receipt, Verify};

use super::elsewhere::Given;
use super::machine::MachineArguments;
use super::render::{Asked, Files};
use super::shown::{Shown, json};

/// What a difference ends with.
const DIFFERENT: u8 = 1;
/// What a broken promise ends with.
const NOT_THE_SAME: u8 = 4;

#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// The first archive, layout directory, name of an image, or - for standard input
    old: PathBuf,

    /// The second
    new: PathBuf,

    /// Only the image called NAME; given twice, the first is of the first archive and the second of the second
    #[arg(long = "ref", value_name = "NAME")]
    refs: Vec<String>,

    /// Only images for OS/ARCH[/VARIANT]; may be repeated
    #[arg(long = "platform", value_name = "PLATFORM")]
    platforms: Vec<Platform>,

    /// In what files may differ: type, mode, owner, names, size, content, link, hard-link, xattr, device, mtime, pax
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    ignore: Vec<Aspect>,

    /// Write a page that shows what grew, shrank, came and went: one file for a browser; - for standard output
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    #[command(flatten)]
    show: ShowArguments,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// What a squash wrote: an archive, layout directory, name of an image, or - for standard input
    output: PathBuf,

    /// What it was made from
    #[arg(long, value_name = "IN")]
    against: PathBuf,

    /// The report of the squash: what it says was pruned or edited is no difference
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Only the image of the input called NAME; may be repeated
    #[arg(long = "ref", value_name = "NAME")]
    refs: Vec<String>,

    /// Only images of the input for OS/ARCH[/VARIANT]; may be repeated
    #[arg(long = "platform", value_name = "PLATFORM")]
    platforms: Vec<Platform>,

    #[command(flatten)]
    show: ShowArguments,
}

/// How a difference is shown.
#[derive(Debug, Args)]
struct ShowArguments {
    /// Write everything as JSON to standard output
    #[arg(long)]
    json: bool,

    /// Show every path
    #[arg(short, long)]
    verbose: bool,

    /// No progress bar and nothing on standard output: the exit code tells
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    machine: MachineArguments,
}

impl ShowArguments {
    /// What is printed; nothing but JSON when `is_silent`.
    fn shown(&self, difference: &Difference, if_different: u8, is_silent: bool) -> Shown {
        let out = match (self.json, self.quiet || is_silent) {
            (true, _) => json(difference),
            (false, true) => Vec::new(),
            (false, false) => diff_text::lines(difference, self.verbose),
        };
        let code = if difference.is_equal { 0 } else { if_different };
        Shown { out, is_json: self.json, failed: Vec::new(), code, texts: Ok(Vec::new()) }
    }
}

fn only_one_from_stdin(one: &Path, other: &Path) -> Result<(), String> {
    match one.as_os_str() == "-" && one == other {
        true => Err("only one archive can come from standard input".to_owned()),
        false => Ok(()),
    }
}

impl DiffArguments {
    pub(super) fn is_quiet(&self) -> bool {
        self.show.quiet
    }

    /// What the arguments mean, or what is wrong with them.
    pub(crate) fn request(&self) -> Result<Diff, String> {
        let elsewhere = self.show.machine.elsewhere();
        let (old, new) = (elsewhere.given(&self.old)?, elsewhere.given(&self.new)?);
        let select = |refs: Option<&String>, given: &Given| Selection {
            refs: refs.into_iter().chain(&given.called).cloned().collect(),
            platforms: self.platforms.clone(),
        };
        let (old_selection, new_selection) = match &self.refs[..] {
            [] => (select(None, &old), select(None, &new)),
            [both] => (select(Some(both), &old), select(Some(both), &new)),
            [one, other] => (select(Some(one), &old), select(Some(other), &new)),
            _ => return Err("--ref: name one image, or one of each archive".to_owned()),
        };
        only_one_from_stdin(&self.old, &self.new)?;
        let ignored: Aspects = self.ignore.iter().copied().collect();
        let resources = self.show.machine.resources();
        let between = Diff::new(old.origin, new.origin);
        Ok(Diff { old_selection, new_selection, ignored, resources, ..between })
    }

    /// The file that is written.
    pub(crate) fn files(&self) -> Result<Files, String> {
        let asked: Option<Asked<'_>> = self.html.as_deref().map(|path| ("--html", path));
        let inputs = [("the first archive", &*self.old), ("the second archive", &*self.new)];
        Files::check(asked.as_slice(), &inputs, self.show.json.then_some("--json"))
    }

    /// Compares, and says what is to be printed and written. `is_silent` when standard output has the file.
    pub(crate) fn run(&self, request: &Diff, progress: &dyn Progress, is_silent: bool) -> Result<Shown, Error> {
        let found = imgsquash::diff(request, progress)?;
        let texts = self.html.iter().map(|_| html::difference(&found)).collect();
        Ok(Shown { texts: Ok(texts), ..self.show.shown(&found, DIFFERENT, is_silent) })
    }
}

impl VerifyArguments {
    pub(super) fn is_quiet(&self) -> bool {
        self.show.quiet
    }

    /// What the arguments mean, or what is wrong with them.
    pub(crate) fn request(&self) -> Result<Verify, String> {
        only_one_from_stdin(&self.output, &self.against)?;
        let receipt = match &self.report {
            None => Receipt::default(),
            Some(path) => {
                let name = path.display();
                let text = std::fs::read(path).map_err(|problem| format!("--report: cannot read {name}: {problem}"))?;
                Receipt::parse(&text).map_err(|problem| format!("--report: {name}: {problem}"))?
            }
        };
        let elsewhere = self.show.machine.elsewhere();
        let (output, against) = (elsewhere.given(&self.output)?, elsewhere.given(&self.against)?);
        if let Some(name) = output.called {
            return Err(format!("all images of what a squash wrote are verified: leave out :{name}"));
        }
        let refs = self.refs.iter().cloned().chain(against.called).collect();
        let selection = Selection { refs, platforms: self.platforms.clone() };
        let resources = self.show.machine.resources();
        let between = Verify::new(output.origin, against.origin);
        Ok(Verify { selection, receipt, resources, ..between })
    }

    /// Verifies, and says what is to be printed.
    pub(crate) fn run(&self, request: &Verify, progress: &dyn Progress) -> Result<Shown, Error> {
        Ok(self.show.shown(&imgsquash::verify(request, progress)?, NOT_THE_SAME, false))
    }
}
