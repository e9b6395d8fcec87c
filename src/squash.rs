//! The page: one squash from archive to archive, one call a stage.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::options::Options;
use crate::progress::Progress;
use crate::report::Report;
use crate::stage::Job;

/// Squashes the chosen images of an archive and writes a new archive.
///
/// The target is either what it was before or the whole new archive. Equal input and options make equal bytes, whatever
/// the machine and the number of threads.
pub fn squash(options: &Options, progress: &dyn Progress) -> Result<Report, Error> {
    let mut job = Job::new(options, progress);
    let store = job.open()?;
    let catalog = job.choose(&store)?;
    let bases = job.bases(&catalog)?;
    let mut sink = job.create()?;
    let mut images = BTreeMap::new();
    for id in catalog.chosen() {
        let image = &catalog.images[id.0];
        let sources = job.sources(&store, image)?;
        let cut = job.cut(image, &sources, &bases)?;
        let read = job.read(image, &sources, cut)?;
        let (plan, found) = job.plan(image, &sources, read)?;
        let outcome = job.write(&plan, &sources, &found, &mut *sink)?;
        let made = job.assemble(image, plan, sources, found, outcome, &mut *sink)?;
        images.insert(id, made);
    }
    let output_bytes = job.finish(&catalog, &images, sink)?;
    Ok(job.report(&catalog, &images, output_bytes))
}
