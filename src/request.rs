//! What can be asked: the words of which requests are made.

pub use crate::assemble::{ConfigEdits, Edits, HistoryMode, MediaTypes};
pub use crate::compare::{Aspect, Aspects};
pub use crate::finding::Severity;
pub use crate::image::Resources;
pub use crate::input::{Door, Origin, Selection};
pub use crate::layer::Compression;
pub use crate::limits::Limits;
pub use crate::oci::{Platform, Reference};
pub use crate::output::{Dock, Format, Target};
pub use crate::plan::{Class, Exactness, Keep, Pick, Split};
pub use crate::report::{FailOn, Gates, Hidden, size as gate_size};
pub use crate::secrets::{Baseline, EngineError, SecretRule, SecretRules, SecretSearch};
pub use crate::slim::closure::{Grain, Reason, Subject};
pub use crate::slim::{Choice, ChoiceError, GlobError, Minify, Named, Rule, Rules, Safety};
pub use crate::times::Times;
pub use crate::tree::Timestamp;
pub use crate::written::WrittenError;

pub use crate::inside::kinds as finding_kinds;
