//! The page: what is inside an image, and what squashing it would save.

mod forecasts;
mod request;
mod secrets;

pub use self::request::Inspect;
use self::secrets::Searching;
use crate::error::{Error, Of};
use crate::finding::Findings;
use crate::image::{Apart, Archive, Host, Memory, Shelf};
use crate::inside::{self, Accounts, Densities, Facts, Samples, Settings};
use crate::plan;
use crate::progress::Progress;
use crate::report::{InspectedImage, Inspection};

/// Looks into the chosen images of an archive. Everything is read, verified, and counted exactly; what a registry would
/// hold of layers that are not compressed is estimated, and says so.
pub fn inspect(request: &Inspect, progress: &dyn Progress) -> Result<Inspection, Error> {
    let memory = Memory::new(&request.resources);
    let search = Searching::new(request.secrets.as_ref());
    let host = Host { look: search.look(), ..Host::new(&request.resources, &memory, progress) };
    let mut found = Findings::new(false);
    let archive = Archive::open(&request.input, host)?;
    let name = &archive.name;
    let images = archive.choose(&request.selection, &[], host, &mut found)?;
    let (mut shelf, mut names, mut inspected) = (Shelf::for_images(&images), images.called(), Vec::new());
    for (id, image) in images.chosen() {
        let apart = Apart::read(&archive, image, &mut shelf, host, &mut found)?;
        let (layers, tree) = (apart.loaded.layers(), &apart.tree);
        let base = plan::base_of(image).unwrap_or(0);
        let hidden = inside::hidden(&apart.diffs, layers, &apart.fates, tree);
        let densities = Densities::of(layers, Samples::Many, request.resources.jobs).of(name)?;
        let accounts = Accounts::read(tree, layers).of(name)?;
        let settings = Settings::of(&image.config.container().of(name)?, &accounts).of(name)?;
        let extracted = inside::extracted(tree, layers).of(name)?;
        let forecasts = forecasts::all(&apart, image, base, &densities, host)?;
        let (prunable, extracted) = (&forecasts.prunable, &extracted);
        let listing = || inside::listing(&apart.diffs, layers, &apart.fates, tree, prunable);
        let listing = request.lists_files.then(listing).transpose().of(name)?;
        let facts = Facts { image, base, tree, settings: &settings, accounts: &accounts, prunable, extracted };
        let findings = inside::findings(&facts).into_iter().chain(forecasts.findings).collect();
        let names = names.remove(&id).unwrap_or_default();
        let shown = (&hidden, &densities);
        let told = InspectedImage::new(image, names, (layers, base), shown, settings, tree.len());
        let told = InspectedImage { findings, savings: forecasts.savings, listing, ..told };
        inspected.push(search.tell(image, (&apart.fates, tree), told).with_marked_secrets());
    }
    Ok(Inspection::new(archive.given(), inspected, found.into_vec()))
}
