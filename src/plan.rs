//! The layers of the new image. Pure.

use std::ops::Range;

use crate::tree::{Fates, Full, LayerDiff, PutError, SameContents, Tree, apply, compose, diff};

/// The layers of the new image, oldest first.
#[derive(Debug)]
pub struct Plan {
    /// What becomes of the image. One without layers stays without.
    pub layers: Vec<Planned>,
    /// The layers that are squashed, by position.
    pub squashed: Range<usize>,
}

/// One layer of the new image.
#[derive(Debug)]
pub enum Planned {
    /// The layer at this position, as it is.
    Keep(usize),
    /// A new one.
    Write(Box<New>),
}

/// A new layer.
#[derive(Debug)]
pub struct New {
    /// What it says.
    pub diff: LayerDiff,
    /// What is in it, when it is one of several.
    pub title: Option<String>,
}

impl Plan {
    /// The layers outside `squashed` as they are, and `new` ones in place of those inside.
    pub fn new(squashed: Range<usize>, layers: usize, new: Vec<New>) -> Self {
        let keep = |range: Range<usize>| range.map(Planned::Keep);
        let new = new.into_iter().map(|new| Planned::Write(Box::new(new)));
        let layers = keep(0..squashed.start).chain(new).chain(keep(squashed.end..layers)).collect();
        Self { layers, squashed }
    }

    /// The new layers.
    pub fn new_layers(&self) -> impl Iterator<Item = &LayerDiff> {
        self.layers.iter().filter_map(|layer| match layer {
            Planned::Keep(_) => None,
            Planned::Write(new) => Some(&new.diff),
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

/// Applies `layers`, oldest first; the first `kept` of them are the base. An error tells the layer by its place.
pub fn stack(layers: Vec<LayerDiff>, kept: usize, fates: &mut Fates) -> Result<Trees, (usize, PutError)> {
    let mut tree = Tree::new();
    let mut base = Tree::new();
    for (position, layer) in layers.into_iter().enumerate() {
        if position == kept && kept > 0 {
            base = tree.clone();
        }
        apply(&mut tree, layer, fates).map_err(|problem| (position, problem))?;
    }
    Ok(Trees { base, tree })
}

/// The layer that makes `trees.tree` out of `trees.base`.
pub fn difference(trees: Trees, same: SameContents<'_>, fates: &mut Fates) -> Result<LayerDiff, Full> {
    diff(&trees.base, trees.tree, same, fates)
}

/// The layer that does what `layers`, of which the first is at the position `begin`, do on whatever is below. `None` when
/// that cannot be told without what is below.
pub fn together(
    layers: Vec<LayerDiff>,
    begin: usize,
    fates: &mut Fates,
) -> Result<Option<LayerDiff>, (usize, PutError)> {
    compose(layers, fates).map_err(|(place, problem)| (begin + place, problem))
}
