//! Taking out what nobody needs: rules as data, and guards that no rule can pass. Pure.
//!
//! `rules.toml` says what goes, `never.toml` what stays whatever a rule says. A new rule is a new paragraph of
//! `rules.toml` and a file of cases in `fixtures/prune`.
//!
//! # Guards, for every rule (each has a test that names the bug it prevents)
//! - Paths are matched where they lie in the merged tree: symlinked directories on the way are followed.
//! - Directories stay, with their own metadata; of other files only regular ones go, unless a rule says so.
//! - What Entrypoint, Cmd, Healthcheck, Shell, WorkingDir or Env name stays, with all below it, and so does what is
//!   under a volume.
//! - A safe rule takes nothing that a package owns.
//! - Nothing of `never.toml` goes; afterwards the package databases are compared with what they were.
//!
//! One more comes from the tree: when a name of a hard-linked file goes, another one carries the contents.

mod choose;
mod conditions;
mod databases;
mod engine;
mod entries;
mod error;
pub(in crate::slim) mod facts;
pub(in crate::slim) mod glob;
pub(in crate::slim) mod guards;
mod matches;
mod outcome;
mod rule;
pub(in crate::slim) mod special;
pub(in crate::slim) mod walk;

pub use choose::{Choice, ChoiceError, Named};
pub use engine::prune;
pub use entries::{Meant, take_entries};
pub use error::PruneError;
pub use facts::PruneFacts;
pub use glob::GlobError;
pub use outcome::{Outcome, RuleOutcome, Taken};
pub use rule::{Rule, Rules, Safety};
