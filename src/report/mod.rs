//! Receipts: what was done, as data, and what people see of them.

mod batch;
mod comparing;
mod diff;
pub mod diff_text;
mod gates;
pub mod html;
mod inspect;
pub mod inspect_text;
mod inspecting;
mod making;
pub mod markdown;
pub mod ncdu;
mod reasons;
pub mod sarif;
mod secrets;
mod squash;
mod step;
mod summary;
pub mod text;
mod units;

pub use crate::finding::{Finding, Severity};
pub use crate::inside::{FileKind, FileState, Folder, Link, ListedFile, Listing};

pub use crate::slim::MinifyOutcome;
pub(crate) use batch::Outcome;
pub use batch::{BATCH_SCHEMA_VERSION, BatchReport, BatchTotal, JobReport};
pub use diff::{
    AspectDifference, ConfigDifference, DIFF_SCHEMA_VERSION, Difference, FileDifference, ImageDifference, ImageTitle,
};
pub use gates::{FailOn, FailedGate, Gates, Hidden, Unknown, size};
pub use inspect::{
    HiddenBetween, HiddenCause, HiddenFile, INSPECT_SCHEMA_VERSION, InspectedImage, InspectedLayer, Inspection, Pushed,
    Saving, SecretReport, Settings,
};
pub use reasons::{ImageReason, REASONS_SCHEMA_VERSION, Reasons};
pub(crate) use secrets::SecretOutcome;
pub use secrets::SquashedSecret;
pub use squash::{
    Change, EqualFiles, GuardReport, ImageReport, KeptReport, NewLayer, PrunedFile, PrunedReport, PushedChange,
    Reclaimed, Report, SCHEMA_VERSION, SourceLayer, TimesReport,
};
