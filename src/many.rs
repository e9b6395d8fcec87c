//! A batch as a person sees it: a line when a job ends, and all together at the end.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use imgsquash::output::{SideFile, Taken};
use imgsquash::progress::Progress;
use imgsquash::report::{BatchReport, JobReport};
use imgsquash::{Jobs, batch};

use crate::cli::{Arguments, BatchArguments, BatchAsked};
use crate::{FAILED, ending, fail, say, with_progress};

/// What a batch ends with of which some jobs failed.
const SOME_FAILED: u8 = 1;

/// Tells of each job when it ends, and again and again writes what became of those so far: whoever is interrupted can
/// go on from there.
struct Told<'t> {
    is_quiet: bool,
    count: usize,
    report: Option<&'t PathBuf>,
    taken: &'t Taken,
    ended: RefCell<Vec<JobReport>>,
    /// How many had ended when the report was written last.
    written: Cell<usize>,
    problem: RefCell<Option<String>>,
}

impl Jobs for Told<'_> {
    fn begin(&self, _: usize) {}

    fn end(&self, at: usize, report: &JobReport) {
        for note in report.report.iter().flat_map(|report| &report.notes) {
            say(&[format!("note: {}: {note}", report.input)]);
        }
        if !self.is_quiet || report.error.is_some() {
            say(&[format!("{:>3}/{}{}", at + 1, self.count, report.line())]);
        }
        let Some(path) = self.report else { return };
        let mut ended = self.ended.borrow_mut();
        ended.push(report.clone());
        // Every time it is written whole: more seldom when there are many, so that this takes no longer than they do.
        if ended.len() == self.count || ended.len() - self.written.get() > ended.len() / 16 {
            self.written.set(ended.len());
            *self.problem.borrow_mut() = write(path, &BatchReport::new(ended.clone()), self.taken).err();
        }
    }
}

/// Does a batch.
pub(crate) fn run(all: &Arguments, arguments: &BatchArguments, asked: BatchAsked) -> Result<ExitCode, String> {
    let BatchAsked { batch: request, taken } = asked;
    if let Err(problem) = arguments.make_out_dir() {
        return Ok(fail(&problem, FAILED));
    }
    let told = Told {
        is_quiet: arguments.quiet,
        count: request.jobs.len(),
        report: arguments.report.as_ref(),
        taken: &taken,
        ended: RefCell::default(),
        written: Cell::new(0),
        problem: RefCell::default(),
    };
    Ok(with_progress(
        all,
        |progress: &dyn Progress| Ok(batch(&request, &told, progress)),
        |report| {
            if !arguments.quiet {
                say(&report.summary());
            }
            if let Some(problem) = told.problem.borrow().as_ref() {
                return fail(problem, FAILED);
            }
            ending::with(if report.total.failed > 0 { SOME_FAILED } else { 0 })
        },
    ))
}

fn write(path: &Path, report: &BatchReport, taken: &Taken) -> Result<(), String> {
    let failed = |problem: std::io::Error| format!("cannot write {}: {problem}", path.display());
    let text = serde_json::to_string_pretty(report).map_err(|problem| failed(problem.into()))?;
    let file = SideFile::create(crate::cli::target(path)).map_err(failed)?;
    file.finish((imgsquash::text::json(&text) + "\n").as_bytes(), taken).map_err(failed)
}
