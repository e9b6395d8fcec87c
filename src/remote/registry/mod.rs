//! Registries: what the distribution specification says, and what registries do.
//!
//! # Decisions
//! - A blob is sent as a whole (POST, then PUT): some registries lose what comes in pieces. A try that failed is not
//!   gone on with but begun anew, in a new session.
//! - Referrers (signatures, attestations) are left alone: they speak of other bytes.

mod answers;
mod auth;
mod challenge;
mod host;
mod pull;
mod push;
mod tags;

pub use self::host::{Open, Registries, Repository};
pub use self::pull::{Fetched, Into};
pub use self::push::Pushed;
