//! Where an image is cut into layers that stay and layers that are squashed, and which of them have to be read for it.

use std::ops::Range;

use super::keep::{Base, Keep, KeepError, squashed};
use crate::codec::Codec;
use crate::finding::Finding;
use crate::layer::Source;
use crate::oci::Image;

/// Whether the layers below the squashed ones are read too. They never have to be; but only who has read them knows
/// what of the squashed ones is not needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exactness {
    /// When it costs little: plain layers, up to 32 MB of others, or as much as is squashed. Never for layers that are
    /// elsewhere.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never, unless a squashed layer has a hard link to a file below.
    Never,
}

/// Which layers are squashed, by position from 0, and which are read for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The layers that become new ones.
    pub squashed: Range<usize>,
    /// The layers that are read: the squashed ones, and maybe those below.
    pub read: Range<usize>,
}

/// Compressed bytes of kept layers that are always worth reading.
const CHEAP: u64 = 32 << 20;

/// Cuts `image` as `keep` says. What is found is how it was found out when nobody said so.
pub fn cut(
    image: &Image,
    sources: &[Source],
    keep: &Keep,
    bases: &[Base],
    exactness: Exactness,
) -> Result<(Cut, Option<Finding>), KeepError> {
    let (squashed, why) = squashed(image, keep, bases)?;
    let reads_below = match exactness {
        Exactness::Always => true,
        Exactness::Never => false,
        Exactness::Auto => is_cheap(sources, &squashed),
    };
    let begin = if reads_below { 0 } else { squashed.start };
    Ok((Cut { read: begin..squashed.end, squashed }, why))
}

/// Whether reading the layers below the squashed ones costs little: they have to be read to the end anyway, or they are
/// small, or no larger than what is squashed.
fn is_cheap(sources: &[Source], squashed: &Range<usize>) -> bool {
    let is_plain = |source: &Source| matches!(source.codec(), Ok(Ok(Codec::Plain)));
    let bytes = |range: Range<usize>| sources[range].iter().map(|source| source.blob.len()).sum::<u64>();
    let kept = &sources[..squashed.start];
    if kept.iter().any(|source| source.blob.is_distant()) {
        return false;
    }
    kept.iter().all(is_plain) || bytes(0..squashed.start) <= bytes(squashed.clone()).max(CHEAP)
}
