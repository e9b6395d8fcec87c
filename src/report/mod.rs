//! Receipts: what was done, as data, and what people see of them.

mod making;
mod squash;
pub mod text;
mod units;

pub use crate::finding::{Finding, Severity};

pub use squash::{
    Change, EqualFiles, GuardReport, ImageReport, KeptReport, NewLayer, PrunedFile, PrunedReport, Reclaimed, Report,
    SCHEMA_VERSION,
};
