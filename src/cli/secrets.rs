//! What is done about secrets.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use imgsquash::request::{Baseline, SecretRules, SecretSearch};

use super::slim::read;

const SECRETS: &str = "Secrets";

#[derive(Debug, Args)]
pub(super) struct SecretArguments {
    /// Look for secrets in files, history, environment, labels and commands, and say which are gone and which remain
    #[arg(long, help_heading = SECRETS)]
    secrets: bool,

    /// Replace values of build arguments in the history that look like secrets
    #[arg(long, help_heading = SECRETS)]
    scrub_history: bool,

    /// Take out files with secrets in them
    #[arg(long, help_heading = SECRETS)]
    pub(super) drop_secrets: bool,

    /// Look for what the rules of this file find too
    #[arg(long, value_name = "FILE", help_heading = SECRETS)]
    pub(super) secret_rules: Option<PathBuf>,

    /// Accept the findings of this file: fingerprints, each with a reason and the last day on which it counts
    #[arg(long, value_name = "FILE", help_heading = SECRETS)]
    pub(super) baseline: Option<PathBuf>,
}

impl SecretArguments {
    /// The search, if one was asked for or is `needed`, or what is wrong with the wish.
    pub(super) fn search(&self, needed: bool) -> Result<Option<SecretSearch>, String> {
        let Self { secrets, scrub_history, drop_secrets, secret_rules: rules, baseline } = self;
        if !needed && !secrets && !scrub_history && !drop_secrets && rules.is_none() && baseline.is_none() {
            // Making the rules ready costs more than small images do.
            return Ok(None);
        }
        let search = search(rules.as_deref(), baseline.as_deref())?;
        Ok(Some(SecretSearch { scrub_history: *scrub_history, drop_files: *drop_secrets, ..search }))
    }
}

/// A search by the built-in rules and those of a file, which lets pass what another file accepts.
pub(super) fn search(rules: Option<&Path>, baseline: Option<&Path>) -> Result<SecretSearch, String> {
    let search = SecretSearch::new(&secret_rules(rules)?).map_err(|problem| problem.to_string())?;
    Ok(SecretSearch { baseline: baseline.map(accepted).transpose()?.unwrap_or_default(), ..search })
}

/// The built-in rules for secrets and those of `file`.
pub(super) fn secret_rules(file: Option<&Path>) -> Result<SecretRules, String> {
    let mut rules = SecretRules::built_in().map_err(|problem| problem.to_string())?;
    if let Some(path) = file {
        let text = read("--secret-rules", path)?;
        rules.add(&path.display().to_string(), &text).map_err(|problem| problem.to_string())?;
    }
    Ok(rules)
}

/// What the file at `path` accepts today.
fn accepted(path: &Path) -> Result<Baseline, String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let text = read("--baseline", path)?;
    Baseline::parse(&path.display().to_string(), &text, now).map_err(|problem| problem.to_string())
}
