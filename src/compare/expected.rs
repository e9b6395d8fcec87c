//! What becomes of an image on purpose, so that only what else became of it is a difference.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::config::ConfigChange;
use crate::oci::Digest;
use crate::times::Times;
use crate::tree::TreePath;

/// What was done on purpose; by default nothing.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Paths that were taken out.
    pub gone: HashSet<TreePath>,
    /// Files that were emptied.
    pub emptied: HashSet<TreePath>,
    /// Files that got other contents, and the digests of these.
    pub rewritten: HashMap<TreePath, Digest>,
    /// What became of times. Files of layers that were kept have the time that they had.
    pub times: Times,
    /// Whether files that were equal became hard links of one.
    pub linked: bool,
    /// Members of the config that were edited, and what they should be; null for nothing.
    pub config: BTreeMap<String, Value>,
}

impl Expected {
    /// The changes of a config that nobody asked for, and the edits that were not done.
    pub fn unexplained(&self, changes: Vec<ConfigChange>) -> Vec<ConfigChange> {
        let is_meant = |change: &ConfigChange| {
            let found = change.new.as_ref().unwrap_or(&Value::Null);
            self.config.get(&change.member) == Some(found)
        };
        changes.into_iter().filter(|change| !is_meant(change)).collect()
    }
}
