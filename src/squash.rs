//! The page: one squash from archive to archive, one call a stage.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::options::Options;
use crate::progress::Progress;
use crate::report::Report;
use crate::stage::{Job, Made};

/// Squashes the chosen images of an archive into one layer each and writes a new archive.
///
/// The target is either what it was before or the whole new archive. Equal input and options make equal bytes, whatever
/// the machine and the number of threads.
pub fn squash(options: &Options, progress: &dyn Progress) -> Result<Report, Error> {
    let mut job = Job::new(options, progress);
    let store = job.open()?;
    let catalog = job.choose(&store)?;
    let mut sink = job.create()?;
    let mut images = BTreeMap::new();
    for id in catalog.chosen() {
        let image = &catalog.images[id.0];
        let sources = job.sources(&store, image)?;
        let indexed = job.index(&sources)?;
        let (tree, layers) = job.stack(&sources, indexed)?;
        let plan = job.plan(tree, layers.len())?;
        let written = job.write(&plan, &sources, &layers, &mut *sink)?;
        let assembled = job.assemble(image, &written, &mut *sink)?;
        images.insert(id, Made { assembled, written, sources, layers });
    }
    let output_bytes = job.finish(&catalog, &images, sink)?;
    Ok(job.report(&catalog, &images, output_bytes))
}
