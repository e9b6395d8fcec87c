//! The layers of the new image, in order.

use std::ops::Range;

use super::split::Division;
use crate::tree::{LayerDiff, Parts};

/// The layers of the new image, oldest first.
#[derive(Debug)]
pub struct Plan {
    /// What becomes of the image. One without layers stays without.
    pub layers: Vec<Planned>,
    /// The layers that are squashed, by position.
    pub squashed: Range<usize>,
    /// What the new layers say together, and how it is divided among them; `None` when there are no new ones.
    pub new: Option<(LayerDiff, Parts)>,
}

/// One layer of the new image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// The layer at this position, as it is.
    Keep(usize),
    /// A new one.
    Write {
        /// What is in it, when it is one of several.
        title: Option<String>,
    },
}

impl Plan {
    /// Of an image with `layers`, those outside `squashed` as they are, and in place of those inside new ones with these
    /// titles.
    pub fn new(squashed: Range<usize>, layers: usize, diff: LayerDiff, (parts, titles): Division) -> Self {
        let is_needed = squashed.start == 0 || !diff.is_empty();
        let new = (is_needed && !squashed.is_empty()).then_some((diff, parts));
        let keep = |range: Range<usize>| range.map(Planned::Keep);
        let titles = titles.into_iter().filter(|_| new.is_some()).map(|title| Planned::Write { title });
        let layers = keep(0..squashed.start).chain(titles).chain(keep(squashed.end..layers)).collect();
        Self { layers, squashed, new }
    }

    /// The layers that are kept, by position.
    pub fn kept(&self) -> impl Iterator<Item = usize> + '_ {
        self.layers.iter().filter_map(|layer| match layer {
            Planned::Keep(position) => Some(*position),
            Planned::Write { .. } => None,
        })
    }

    /// The titles of the new layers.
    pub fn titles(&self) -> impl Iterator<Item = Option<&str>> {
        self.layers.iter().filter_map(|layer| match layer {
            Planned::Keep(_) => None,
            Planned::Write { title } => Some(title.as_deref()),
        })
    }
}
