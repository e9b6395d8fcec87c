//! What a person wants to know of secrets, and what to do about them.

use std::sync::Arc;

use super::baseline::Baseline;
use super::engine::Engine;
use super::finder::EngineError;
use super::rule::SecretRules;
use super::survey::Seen;

/// A search for secrets, and what becomes of what is found.
#[derive(Clone, Debug)]
pub struct SecretSearch {
    /// What is a secret.
    pub engine: Arc<Engine>,
    /// What was looked at and is accepted; the default is nothing.
    pub baseline: Baseline,
    /// What was found in layers that were read before; clones of the search share it.
    pub seen: Seen,
    /// Whether values of build arguments in the history that look like secrets are replaced; the default is no.
    pub scrub_history: bool,
    /// Whether files go that containers would see and that have secrets in them; the default is no.
    pub drop_files: bool,
}

impl SecretSearch {
    /// A search by `rules` that changes nothing.
    pub fn new(rules: &SecretRules) -> Result<Self, EngineError> {
        let engine = Arc::new(Engine::new(rules)?);
        let (baseline, seen) = (Baseline::default(), Seen::default());
        Ok(Self { engine, baseline, seen, scrub_history: false, drop_files: false })
    }

    /// Whether something is done about what is found.
    pub fn changes_images(&self) -> bool {
        self.scrub_history || self.drop_files
    }
}
