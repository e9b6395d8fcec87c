//! Making the file system of an image smaller: rules take out what nobody needs, and files that are equal become one.

pub mod closure;
mod equal;
mod prune;
pub mod rules;

pub use closure::{Minified, Minify, MinifyError, MinifyOutcome, minify};
pub use equal::{Equal, link};
pub use prune::{CannotPrune, Pruned, drop_secrets, prune};
pub use rules::{
    Choice, ChoiceError, GlobError, Named, Outcome, PruneError, PruneFacts, Rule, RuleOutcome, Rules, Safety, Taken,
};
