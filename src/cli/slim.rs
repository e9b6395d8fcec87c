//! What is taken out.

use std::path::{Path, PathBuf};

use clap::Args;
use imgsquash::request::{Choice, Minify, Named, Rules};

use super::choices::GrainChoice;

const SLIM: &str = "Slimming";

#[derive(Debug, Args)]
pub(super) struct SlimArguments {
    /// Prune what no image needs: every safe rule, or a list of rules, groups and profiles (safe, docs, build, max);
    /// +NAME and -NAME change the safe set. imgsquash rules lists them
    #[arg(long, value_name = "LIST", num_args = 0..=1, require_equals = true, default_missing_value = "safe")]
    #[arg(help_heading = SLIM)]
    prune: Option<String>,

    /// Prune files that match (/…, ~/… or **/…; a directory means all in it); !GLOB takes back; may be repeated
    #[arg(long = "prune-path", value_name = "GLOB", help_heading = SLIM)]
    paths: Vec<String>,

    /// Keep files that match, whatever prunes them; !GLOB takes back; may be repeated
    #[arg(long = "keep", value_name = "GLOB", help_heading = SLIM)]
    keep: Vec<String>,

    /// Apply the prune rules of this file too
    #[arg(long, value_name = "FILE", help_heading = SLIM)]
    pub(super) rules: Option<PathBuf>,

    /// Keep what no package owns, and of the packages only what that and the program of the image need; =files keeps of
    /// these packages only the files that are needed
    #[arg(long, value_enum, value_name = "GRAIN", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "packages", help_heading = SLIM)]
    minify: Option<GrainChoice>,

    /// With --minify, keep these programs and all that they need, as in --with sh,curl; may be repeated
    #[arg(long, value_name = "PROGRAM", value_delimiter = ',', requires = "minify", help_heading = SLIM)]
    with: Vec<String>,

    /// With --minify, keep this package and all that it needs; may be repeated
    #[arg(long = "with-package", value_name = "NAME", value_delimiter = ',', requires = "minify", help_heading = SLIM)]
    with_packages: Vec<String>,

    /// With --minify, packages keep what they recommend, too
    #[arg(long, requires = "minify", help_heading = SLIM)]
    minify_recommends: bool,

    /// Make files that are equal, metadata included, hard links of one
    #[arg(long, help_heading = SLIM)]
    pub(super) hardlink_duplicates: bool,
}

impl SlimArguments {
    /// What stays of the system, or what is wrong with the wish.
    pub(super) fn minify(&self) -> Result<Option<Minify>, String> {
        let Some(grain) = self.minify else { return Ok(None) };
        let keep = Named::parse(&self.keep).map_err(|problem| format!("--keep: {problem}"))?;
        Ok(Some(Minify {
            grain: grain.into(),
            with: self.with.clone(),
            with_packages: self.with_packages.clone(),
            recommends: self.minify_recommends,
            keep,
        }))
    }

    /// What is pruned, or what is wrong with the wish. With `drops_secrets`, files go that no rule names.
    pub(super) fn choice(&self, drops_secrets: bool) -> Result<Choice, String> {
        let paths = Named::parse(&self.paths).map_err(|problem| format!("--prune-path: {problem}"))?;
        let keep = Named::parse(&self.keep).map_err(|problem| format!("--keep: {problem}"))?;
        if self.prune.is_none() && self.rules.is_none() && self.paths.is_empty() {
            // Reading the rules costs more than small images do.
            match (self.keep.is_empty() || self.minify.is_some(), drops_secrets) {
                (true, _) => return Ok(Choice::default()),
                (false, false) => {
                    return Err("--keep: nothing is pruned; add --prune, --prune-path, --rules or --minify".to_owned());
                }
                (false, true) => {}
            }
        }
        let rules = all_rules(self.rules.as_deref())?;
        Choice::new(&rules, self.prune.as_deref(), paths, keep).map_err(|problem| problem.to_string())
    }
}

/// The built-in rules and those of `file`.
pub(super) fn all_rules(file: Option<&Path>) -> Result<Rules, String> {
    let mut rules = Rules::built_in().map_err(|problem| problem.to_string())?;
    if let Some(path) = file {
        let text = read("--rules", path)?;
        rules.add(&path.display().to_string(), &text).map_err(|problem| problem.to_string())?;
    }
    Ok(rules)
}

/// The text of a file that a person wrote, as `option` names it.
pub(super) fn read(option: &str, path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|problem| format!("{option}: cannot read {}: {problem}", path.display()))
}
