//! Receipts: what was done, as data. Rendering them is somebody else's business.

mod making;
mod squash;

pub use crate::finding::{Finding, Severity};

pub use squash::{
    Change, EqualFiles, GuardReport, ImageReport, KeptReport, NewLayer, PrunedFile, PrunedReport, Reclaimed, Report,
    SCHEMA_VERSION,
};
