//! From layers to the difference that they make.

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;

use crate::layer::{Layers, WriteError};
use crate::oci::Digest;
use crate::times::Times;
use crate::tree::{EntryRef, Fates, Full, LayerDiff, PutError, Tree, apply, candidates, compose, diff};

/// What layers make together.
#[derive(Debug)]
pub enum Stack {
    /// The file systems below the squashed layers and with them.
    Whole {
        /// What is below.
        base: Tree,
        /// What there is with them.
        tree: Tree,
    },
    /// What the squashed layers say, on whatever is below.
    Above(LayerDiff),
}

/// Why there is no difference.
#[derive(Debug, Error)]
pub enum DifferenceError {
    /// There are too many paths.
    #[error(transparent)]
    Full(#[from] Full),
    /// Contents that have to be compared cannot be read.
    #[error(transparent)]
    Read(#[from] WriteError),
}

impl Stack {
    /// The file system with all layers; `None` when not all of them are there.
    pub fn tree_mut(&mut self) -> Option<&mut Tree> {
        match self {
            Self::Whole { tree, .. } => Some(tree),
            Self::Above(_) => None,
        }
    }
}

/// Lays `layers`, each with its position, oldest first, over each other; those below the position `kept` are the base. When
/// they do not begin with the oldest, they make one layer. An error tells the layer by its position.
pub fn stack(layers: Vec<(u16, Arc<LayerDiff>)>, kept: usize, fates: &mut Fates) -> Result<Stack, (u16, PutError)> {
    if layers.first().is_some_and(|(position, _)| *position > 0) {
        return compose(layers, fates).map(Stack::Above);
    }
    let mut tree = Tree::new();
    let mut base = Tree::new();
    for (position, layer) in layers {
        if usize::from(position) == kept && kept > 0 {
            base = tree.clone();
        }
        apply(&mut tree, layer, position, fates).map_err(|problem| (position, problem))?;
    }
    Ok(Stack::Whole { base, tree })
}

/// The one layer that does what the squashed ones of `stack` do. Files with equal fingerprints are compared.
pub fn difference(stack: Stack, layers: Layers<'_>, fates: &mut Fates) -> Result<LayerDiff, DifferenceError> {
    match stack {
        Stack::Above(diff) => Ok(diff),
        Stack::Whole { base, tree } => {
            let pairs = candidates(&base, &tree);
            let entries: Vec<EntryRef> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
            let digests: HashMap<EntryRef, Digest> = layers.digests(&entries)?;
            let same = |a: EntryRef, b: EntryRef| digests.contains_key(&a) && digests.get(&a) == digests.get(&b);
            Ok(diff(&base, tree, &same, fates)?)
        }
    }
}

/// Has the times of everything that `diff` puts become what `times` says.
pub fn retime(diff: &mut LayerDiff, times: Times, layers: Layers<'_>) {
    diff.map_times(|time| times.apply(time));
    // Those of access and change would still tell when the image was made.
    if times != Times::Keep && layers.indexes.iter().any(|layer| layer.other_times) {
        diff.rewrite_headers();
    }
}
