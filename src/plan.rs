//! The layers of the new image. Pure.

use std::ops::Range;
use std::sync::Arc;

use crate::tree::{Fates, Full, LayerDiff, Parts, PutError, SameContents, Tree, apply, diff};

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
    pub fn new(
        squashed: Range<usize>,
        layers: usize,
        diff: LayerDiff,
        (parts, titles): (Parts, Vec<Option<String>>),
    ) -> Self {
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

/// The file systems below and with the layers that are squashed.
#[derive(Debug)]
pub struct Trees {
    /// What is below.
    pub base: Tree,
    /// What there is with them.
    pub tree: Tree,
}

/// Applies `layers`, each with its position, from the oldest on; the first `kept` of them are the base. An error tells the
/// layer by its position.
pub fn stack(
    layers: impl IntoIterator<Item = (u16, Arc<LayerDiff>)>,
    kept: usize,
    fates: &mut Fates,
) -> Result<Trees, (u16, PutError)> {
    let mut tree = Tree::new();
    let mut base = Tree::new();
    for (position, layer) in layers {
        if usize::from(position) == kept && kept > 0 {
            base = tree.clone();
        }
        apply(&mut tree, layer, position, fates).map_err(|problem| (position, problem))?;
    }
    Ok(Trees { base, tree })
}

/// The layer that makes `trees.tree` out of `trees.base`.
pub fn difference(trees: Trees, same: SameContents<'_>, fates: &mut Fates) -> Result<LayerDiff, Full> {
    diff(&trees.base, trees.tree, same, fates)
}
