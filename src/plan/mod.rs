//! The layers of the new image: which of the old ones stay, what the others say together, and how that is divided. Pure, but
//! for contents that have to be compared.
//!
//! ```text
//! cut(image, keep)     ──> which layers are squashed, and which have to be read for it
//! stack(layers)        ──> the file systems below and with them, or what they say on whatever is below
//! difference(stack)    ──> one LayerDiff
//! split(diff)          ──> its parts, one for each new layer
//! Plan                 ──> the layers of the new image in order
//! ```

mod cut;
mod keep;
mod new_layers;
mod split;
mod stack;

pub use cut::{Cut, Exactness, cut};
pub use keep::{Base, Count, Keep, KeepError, Pick, base_of};
pub use new_layers::{Plan, Planned};
pub use split::{CannotSplit, Class, Division, Split, SplitError, split};
pub use stack::{DifferenceError, Stack, difference, retime, stack};
