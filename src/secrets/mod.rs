//! Secrets: what looks like one, where it is, and never its value. Rules are data, the engine knows none of them.
//!
//! ```text
//! rules.toml, --secret-rules ──SecretRules──> Engine: one automaton over all keywords
//! layers, while they are read ──Survey (layer::Look)──> what is in the files of each, by diff_id
//! Survey, config, history, Fates ──in_image──> InImage: every Secret with its place and what hides it
//! config, history ──scrubbed──> the same without secrets in build arguments
//! ```
//!
//! What the rules can say, and what a value must be to be a secret, is written down at the head of `rules.toml`. Keys
//! are parsed (`key`), and those that everybody has are known by what they are made of (`known-keys.txt`), wherever
//! they lie.
//!
//! # Decisions
//! - A text goes by once, in pieces of any size, through 256 KiB of memory. Regexes look only around keywords, and only
//!   so far as a match can reach, which the rule has to say.
//! - What can only be made to take long is passed over and said so: every text pays for what is looked at of it.
//! - Nobody gets a value out of here. What is found is a rule, a place, a length, the prefix that tells a type, and a
//!   keyed hash; even `Debug` shows no more.
//! - A file is looked at as it is: what is compressed inside of it, or in UTF-16, is not opened.

mod arguments;
mod assign;
mod at;
mod base;
mod baseline;
mod check;
mod engine;
mod finder;
mod found;
mod image;
mod key;
mod names;
mod place;
mod rule;
#[cfg(test)]
mod samples;
mod scan;
mod scrub;
mod search;
mod settings;
mod steps;
mod survey;
#[cfg(test)]
mod tests;
mod value;

pub use baseline::Baseline;
pub use engine::Engine;
pub use finder::EngineError;
pub use found::{Fingerprint, Found, Looked};
pub use image::{At, InImage, Secret, in_documents, in_image};
pub use place::Place;
pub use rule::{SecretRule, SecretRules};
pub use scan::Scanner;
pub use scrub::scrubbed;
pub use search::SecretSearch;
pub use settings::Scrubbed;
pub use steps::Steps;
pub use survey::{InFile, InLayer, Seen, Survey};
