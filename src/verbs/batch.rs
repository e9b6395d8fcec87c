//! The page: many squashes, one after the other, that share what they have in common.

mod announced;
mod request;

use self::announced::{Announced, Expected};
pub use self::request::{Batch, Done, Job};
use super::squash::squash_in;
use crate::error::Error;
use crate::image::{self, Host, Memory, Shelf};
use crate::progress::Progress;
use crate::report::{BatchReport, JobReport, Outcome};

/// Is told of a batch, job by job.
pub trait Jobs {
    /// The job at a place from 0 begins.
    fn begin(&self, at: usize);
    /// It ended.
    fn end(&self, at: usize, report: &JobReport);
}

/// Squashes archives, each by its own request, in their order. One that fails leaves the others alone. A layer that
/// several images have is read once, and every output is, byte for byte, what its request makes by itself.
pub fn batch(request: &Batch, jobs: &dyn Jobs, progress: &dyn Progress) -> BatchReport {
    let seed = if request.jobs.iter().any(|job| job.squash.verify) { image::seed() } else { 0 };
    let mut shelf = Shelf::default();
    let mut announced = Announced::new(request, &mut shelf, progress);
    let mut reports = Vec::new();
    for (at, job) in request.jobs.iter().enumerate() {
        jobs.begin(at);
        let (outcome, made_from) = match announced.take(at) {
            Expected::Broken(problem) => (failed(&problem), None),
            Expected::Done(made_from) => {
                let bytes = job.done.as_ref().map(|done| done.output_bytes);
                (Outcome::Skipped(bytes), Some(made_from))
            }
            Expected::Images(_, made_from) => {
                // One image that asks for too much takes nothing from the others.
                let memory = Memory::new(&request.resources);
                let host = Host { seed, ..Host::new(&request.resources, &memory, progress) };
                let outcome = squash_in(&job.squash, &mut shelf, host);
                if outcome.is_err() {
                    shelf.expect_only(announced.left());
                }
                (outcome.map_or_else(|problem| failed(&problem), Outcome::done), Some(made_from))
            }
        };
        let report = JobReport::new(&job.squash.input.to_string(), &job.squash.target, outcome, made_from);
        jobs.end(at, &report);
        reports.push(report);
    }
    BatchReport::new(reports)
}

fn failed(problem: &Error) -> Outcome {
    Outcome::Failed { said: problem.lines().join("; "), exit_code: problem.exit_code() }
}
