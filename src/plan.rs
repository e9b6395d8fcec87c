//! What will be kept and written. Pure.

use crate::tree::{Full, LayerDiff, Tree, diff};

/// The layers of the new image.
#[derive(Debug)]
pub struct Plan {
    /// Layers to write, oldest first. An image without layers stays without.
    pub layers: Vec<LayerDiff>,
}

/// One layer with all that is in `tree`. An image of `layers_in` layers had it.
pub fn squash_all(tree: Tree, layers_in: usize) -> Result<Plan, Full> {
    let layers = if layers_in == 0 { Vec::new() } else { vec![diff(&Tree::new(), tree)?] };
    Ok(Plan { layers })
}
