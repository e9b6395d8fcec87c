//! The page: one squash from archive to archive, in the order in which things happen.

mod provenance;
mod request;

use std::collections::BTreeMap;

pub use self::request::Squash;
use crate::assemble;
use crate::buffers::Buffers;
use crate::error::{Error, Of};
use crate::finding::Findings;
use crate::image::{self, Archive, Host, Outcome, Output, Shelf};
use crate::plan::{self, Plan};
use crate::progress::Progress;
use crate::report::{ImageReport, Report};
use crate::slim;

/// Squashes the chosen images of an archive and writes a new archive.
///
/// The target is either what it was before or the whole new archive. Equal input and options make equal bytes, whatever
/// the machine and the number of threads.
pub fn squash(request: &Squash, progress: &dyn Progress) -> Result<Report, Error> {
    let buffers = Buffers::new();
    let host = Host::new(&request.resources, &buffers, progress);
    let Squash { keep, split, edits, format, .. } = request;
    let mut findings = Findings::new(request.strict);
    let archive = Archive::open(&request.input, host)?;
    let name = &archive.name;
    let images = archive.choose(&request.selection, &request.tags, host, &mut findings)?;
    let bases = image::bases(keep, &images, host)?;
    let mut output = Output::create(&request.target, *format, request.compression, request.splices(), host)?;
    let (mut shelf, mut assembled, mut made) = (Shelf::for_images(&images), BTreeMap::new(), BTreeMap::new());
    for (id, image) in images.chosen() {
        let sources = archive.sources(image, host, &mut findings)?;
        let (cut, why) = plan::cut(image, &sources, keep, &bases, request.exactness()).of(name)?;
        findings.extend(why).of(name)?;
        let (loaded, said) = image::read(name, sources, cut.read, &mut shelf, host, &mut findings)?;
        let (layers, mut fates) = (loaded.layers(), said.fates);
        let stack = plan::stack(said.diffs, cut.squashed.start, &mut fates);
        let mut stack = stack.map_err(|problem| loaded.apply_error(problem))?;
        let config = edits.container(&image.config).of(name)?;
        let pruned = slim::prune(stack.tree_mut(), &request.prune, &config, layers, &mut fates).of(name)?;
        findings.extend(pruned.finding.clone()).of(name)?;
        let mut diff = plan::difference(stack, layers, &mut fates).of(name)?;
        let equal = slim::link(&mut diff, layers, request.link_equal_files, &mut fates).of(name)?;
        plan::retime(&mut diff, edits.times, layers);
        let parts = plan::split(&diff, split, image, &cut.squashed, pruned.owners.as_ref(), layers).of(name)?;
        let plan = Plan::new(cut.squashed, image.layers.len(), diff, parts);
        let Outcome { written, ledger } = image::write(name, &plan, &loaded, &fates, host, &mut output)?;
        let finals = image::finals(&plan, &loaded, &written)?;
        let new = assemble::image(image, &plan.squashed, &finals, edits, request.provenance().as_ref()).of(name)?;
        findings.extend(assemble::healthcheck(image, edits.media_types, format.has_index())).of(name)?;
        output.add([&new.config, &new.manifest])?;
        made.insert(id, ImageReport::new((image, edits), layers, &plan, (&written, &ledger), &new, &pruned, equal));
        assembled.insert(id, new);
    }
    let bytes = image::finish(&images, &assembled, *format, edits.media_types, output, &mut findings)?;
    Ok(Report::new(archive.given(), (&request.target, *format), bytes, &images, made, findings))
}
