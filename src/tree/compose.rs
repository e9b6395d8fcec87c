//! Several layers as one, without looking at what is below them.
//!
//! Law: `apply(base, compose(layers)) == apply(… apply(base, layers[0]) …, layers[n])` for every base.
//!
//! # Decisions
//! - What is below is not known, so everything that the layers take away is taken away again, needed or not, and what
//!   equals the file below is written again. [`super::diff()`] knows better and has to read the layers below.
//! - A directory that is only implied stays so: only what is below knows its metadata.
//! - A hard link to a file below needs the layers below, because no runtime links across layers: those are never made
//!   one without them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::apply::Merge;
use super::builder::PutError;
use super::fate::{Fate, Fates};
use super::follow::Follow;
use super::layer_diff::{LayerDiff, Unresolved};
use super::links::resolve;
use super::names::{Gone, Tree};
use super::node::NodeId;
use super::path::TreePath;
use super::twins::Twins;

/// What is hidden of the tree below.
#[derive(Clone, Copy, Debug, Default)]
struct Hidden {
    /// The path itself and all below it.
    itself: bool,
    /// What is in it.
    children: bool,
}

/// The layers so far.
struct Composed {
    tree: Tree,
    /// By path; ordered, so that the result is.
    hidden: BTreeMap<NodeId, Hidden>,
}

/// Makes one layer of `layers`, each with its position, oldest first, and notes in `fates` what became of their
/// entries. A hard link to a file below them is an error; [`LayerDiff::links_below`] tells beforehand whether there may
/// be one. An error tells the layer by its position.
pub fn compose(
    layers: impl IntoIterator<Item = (u16, Arc<LayerDiff>)>,
    fates: &mut Fates,
) -> Result<LayerDiff, (u16, PutError)> {
    let mut composed = Composed { tree: Tree::new(), hidden: BTreeMap::new() };
    for (position, layer) in layers {
        composed.lay(&layer, position, fates).map_err(|problem| (position, problem))?;
    }
    Ok(composed.finish())
}

impl Composed {
    /// Lays a layer over those before.
    fn lay(&mut self, layer: &LayerDiff, position: u16, fates: &mut Fates) -> Result<(), PutError> {
        let mut note = |gone: Gone<'_>, fate| {
            if let Some(entry) = gone.entry {
                fates.note(entry, fate, position);
            }
        };
        let mut twins = Twins::of(&layer.upper);
        for id in &layer.opaque {
            let place = twins.intern(&layer.upper, *id, &mut self.tree)?;
            if self.tree.is_live(place) {
                self.tree.remove_children(place, &mut |gone| note(gone, Fate::Cleared));
            }
            self.hidden.entry(place).or_default().children = true;
        }
        for id in &layer.removed {
            let place = twins.intern(&layer.upper, *id, &mut self.tree)?;
            if self.tree.is_live(place) {
                self.tree.remove(place, &mut |gone| note(gone, Fate::Deleted));
            }
            self.hidden.entry(place).or_default().itself = true;
        }
        let mut merge = Merge::new(&mut self.tree, &layer.upper, position, fates);
        merge.run()?;
        let (nodes, inodes) = merge.finish();
        for id in layer.upper.nodes().filter(|id| !layer.upper.is_directory(*id)) {
            // Whatever is below this path, a directory with all that is in it too, is replaced.
            self.hidden.entry(nodes[id.0 as usize]).or_default().itself = true;
        }
        let links = layer
            .links
            .iter()
            .map(|link| Unresolved { link: nodes[link.link.0 as usize], inode: inodes[link.inode.0 as usize] });
        let follow = &mut Follow::new(layer.links.len());
        let (_, missing) = resolve(&mut self.tree, links.collect(), follow)?;
        missing.map_or(Ok(()), |problem| Err(problem.into()))
    }

    /// By path, whether something above it hides what is below it.
    fn covered(&self) -> Vec<bool> {
        let mut covered = vec![false; self.tree.node_count()];
        // Parents come before what is in them.
        for id in self.tree.ever().skip(1) {
            let parent = self.tree.parent(id);
            covered[id.index()] = covered[parent.index()] || self.hidden.contains_key(&parent);
        }
        covered
    }

    /// Leaves out what is hidden already because something above is.
    fn finish(mut self) -> LayerDiff {
        let (mut removed, mut opaque) = (Vec::new(), Vec::new());
        let covered = self.covered();
        for id in self.hidden.keys().filter(|id| !covered[id.index()]) {
            if !self.tree.is_live(*id) {
                removed.push((self.tree.path(*id), *id));
            } else if self.tree.is_directory(*id) {
                opaque.push((self.tree.path(*id), *id));
            }
        }
        // Where nothing below can be seen, the metadata of an implied directory is known.
        let hides = |id: &NodeId| self.hidden.get(id).is_some_and(|hidden| hidden.itself) || covered[id.index()];
        let known: Vec<NodeId> = self.tree.nodes().filter(|id| self.tree.is_implied(*id)).filter(hides).collect();
        for id in known {
            self.tree.set_implied(id, false);
        }
        removed.sort();
        opaque.sort();
        let ids = |paths: Vec<(TreePath, NodeId)>| paths.into_iter().map(|(_, id)| id).collect();
        LayerDiff {
            removed: ids(removed),
            opaque: ids(opaque),
            upper: self.tree,
            on_unknown: true,
            ..LayerDiff::default()
        }
    }
}
