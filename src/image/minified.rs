//! An image in hand that is minified: its layers, and one more that holds the records that were written anew.

use super::read::Loaded;
use crate::error::{Error, Of};
use crate::oci::Document;
use crate::slim::{self, Minified, Minify, MinifyOutcome};
use crate::tree::{Fates, Tree};

/// Takes out of `tree`, which `loaded` makes, what `wish` does not need, as [`slim::minify`] does; nothing without a
/// wish.
pub fn minify<'h>(
    loaded: Loaded<'h>,
    tree: Option<&mut Tree>,
    wish: &Option<Minify>,
    config: &Document,
    fates: &mut Fates,
) -> Result<(Loaded<'h>, Option<MinifyOutcome>), Error> {
    let minified = slim::minify(tree, wish.as_ref(), config, loaded.layers(), fates);
    let Minified { outcome, contents } = minified.of(&loaded.input)?;
    Ok((loaded.with(&contents)?, outcome))
}
