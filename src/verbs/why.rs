//! The page: why a file or a package stays when an image is minified.

mod request;

pub use self::request::Why;
use crate::assemble::Edits;
use crate::error::{Error, Of};
use crate::image::{Host, Memory, Side, Whole};
use crate::progress::Progress;
use crate::report::{ImageReason, ImageTitle, Reasons};
use crate::slim;
use crate::slim::closure::{self, MinifyError, Reason};
use crate::tree::Fates;

/// Tells for each image why the subject stays in it, or that it goes. Nothing is written. An error when none has it.
pub fn why(request: &Why, progress: &dyn Progress) -> Result<Reasons, Error> {
    let memory = Memory::new(&request.resources);
    let host = Host::new(&request.resources, &memory, progress);
    let mut side = Side::open(&request.input, &request.selection, host)?;
    let (name, mut images) = (side.name().to_owned(), Vec::new());
    for id in side.ids() {
        let Whole { loaded, mut tree } = side.whole(id, host)?;
        let (image, layers) = (side.image(id), loaded.layers());
        let config = Edits::default().container(&image.config).of(&name)?;
        slim::prune(Some(&mut tree), &request.prune, &config, layers, &mut Fates::default()).of(&name)?;
        let reason = closure::why(&tree, &request.minify, &config, layers, &request.subject).of(&name)?;
        images.push((ImageTitle::new(side.names(id), image), reason));
    }
    if images.iter().all(|(_, reason)| *reason == Reason::Unknown) {
        return Err(Error::of(&name, MinifyError::NoSuchSubject(request.subject.clone())));
    }
    let images = images.into_iter().map(|(title, reason)| ImageReason::new(title, reason)).collect();
    Ok(Reasons::new(side.given(), &request.subject, images))
}
