//! What is inside an image: what nobody sees of it, what a registry holds, who it runs as, and what a person should
//! know.

mod archives;
mod findings;
mod hidden;
mod kinds;
mod listing;
mod pushed;
mod settings;

pub use archives::{Extracted, extracted};
pub use findings::{Facts, findings};
pub use hidden::{Group, Hidden, HiddenFile, LayerBytes, hidden, is_hidden};
pub use kinds::{kinds, title, words};
pub use listing::{FileKind, FileState, Folder, Link, ListedFile, Listing, listing};
pub use pushed::{Densities, Samples, Size};
pub use settings::{Accounts, Settings};
