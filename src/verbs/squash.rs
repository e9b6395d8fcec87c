//! The page: one squash from archive to archive, in the order in which things happen.

mod made;
mod provenance;
mod request;
mod searching;
mod steps;

use self::made::Made;
pub use self::request::Squash;
use crate::error::{Error, Of};
use crate::finding::Findings;
use crate::image::{self, Archive, Host, Memory, Outcome, Shelf};
use crate::plan::{self, Plan};
use crate::progress::Progress;
use crate::report::{ImageReport, Report};
use crate::slim;

/// Squashes the chosen images of an archive into a new one. The target is either what it was before or the whole new
/// archive. Equal input and options make equal bytes, whatever the machine and the number of threads.
pub fn squash(request: &Squash, progress: &dyn Progress) -> Result<Report, Error> {
    squash_in(request, &mut Shelf::default(), request.host(&Memory::new(&request.resources), progress))
}

pub(crate) fn squash_in(request: &Squash, shelf: &mut Shelf, host: Host<'_>) -> Result<Report, Error> {
    let (search, mut findings) = (request.searching(), Findings::new(request.strict));
    let host = Host { look: search.look(), ..host };
    let Squash { keep, split, edits, format, .. } = request;
    let archive = Archive::open(&request.input, host)?;
    let name = &archive.name;
    let images = archive.choose(&request.selection, &request.tags, host, &mut findings)?;
    let bases = image::bases(keep, &images, host)?;
    let (mut output, mut made) = (request.output(name, &images, host)?, Made::default());
    shelf.expect(&images);
    for (id, image) in images.chosen() {
        let sources = archive.sources(image, host, &mut findings)?;
        let cut = request.cut(name, image, &sources, &bases, &mut findings)?;
        let (loaded, said) = image::read(name, sources, cut.read, shelf, host, &mut findings)?;
        let (mut stack, mut fates, before) = request.stack(&loaded, said, cut.squashed.start)?;
        let (pruned, found) = request.prune(name, image, (&mut stack, &loaded), &search, &mut fates, &mut findings)?;
        let (loaded, small) = request.minify(name, image, (loaded, &mut stack), &mut fates)?;
        let mut diff = plan::difference(stack, loaded.layers(), &mut fates).of(name)?;
        let equal = slim::link(&mut diff, loaded.layers(), request.link_equal_files, &mut fates).of(name)?;
        plan::retime(&mut diff, edits.times, loaded.layers());
        let parts =
            plan::split(&diff, split, image, &cut.squashed, pruned.owners.as_ref(), loaded.layers()).of(name)?;
        let plan = Plan::new(cut.squashed, image.layers.len(), diff, parts);
        let Outcome { written, ledger, pushed } = image::write(name, &plan, &loaded, &fates, host, &mut output)?;
        let finals = image::finals(&plan, &loaded, &written)?;
        let new = request.assemble(name, &search.scrub(image), &plan, &finals, &mut findings)?;
        output.add([&new.config, &new.manifest])?;
        let (bytes, slim) = ((&written[..], &ledger, &pushed), (&pruned, small, equal));
        let told = ImageReport::new((image, edits), loaded.layers(), &plan, bytes, &new, slim);
        let told = search.tell(name, told, found, (image, &new), &plan.squashed, &mut findings)?;
        made.insert(id, (new, told), (loaded, before));
    }
    let bytes = image::complete(&images, &made.images, *format, edits.media_types, &mut output)?;
    let report = made.checked(request, (&archive, &images), (&output, bytes), host)?;
    Ok(report.with(image::finish(output, findings)?))
}
