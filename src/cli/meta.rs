//! What the new config and manifest say.

use clap::Args;
use imgsquash::request::Times;
use imgsquash::request::{ConfigEdits, Edits};

use super::choices::{HistoryChoice, MediaTypesChoice};
use super::parse::{Words, directory, pair, words};

const META: &str = "Config and manifest";

#[derive(Debug, Args)]
pub(super) struct MetaArguments {
    /// In whose words documents are typed
    #[arg(long, value_enum, default_value_t = MediaTypesChoice::Oci, help_heading = META)]
    media_types: MediaTypesChoice,

    /// What becomes of the history
    #[arg(long, value_enum, default_value_t = HistoryChoice::Keep, help_heading = META)]
    history: HistoryChoice,

    /// The comment of the new history row
    #[arg(short, long, value_name = "TEXT", help_heading = META)]
    message: Option<String>,

    /// Set a label; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair, help_heading = META)]
    labels: Vec<(String, String)>,

    /// Remove a label; may be repeated
    #[arg(long = "rm-label", value_name = "KEY", help_heading = META)]
    removed_labels: Vec<String>,

    /// Set an annotation of the manifest; may be repeated
    #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = pair, help_heading = META)]
    annotations: Vec<(String, String)>,

    /// Remove an annotation of the manifest; may be repeated
    #[arg(long = "rm-annotation", value_name = "KEY", help_heading = META)]
    removed_annotations: Vec<String>,

    /// Set an environment variable; may be repeated
    #[arg(long = "env", value_name = "KEY=VALUE", value_parser = pair, help_heading = META)]
    env: Vec<(String, String)>,

    /// Remove an environment variable; may be repeated
    #[arg(long = "rm-env", value_name = "KEY", help_heading = META)]
    removed_env: Vec<String>,

    /// Set the user that containers run as
    #[arg(long, value_name = "USER[:GROUP]", help_heading = META)]
    user: Option<String>,

    /// Set the directory that containers begin in
    #[arg(long, value_name = "DIR", value_parser = directory, help_heading = META)]
    workdir: Option<String>,

    /// Set the entrypoint: a JSON list of words or a line for the shell; empty for none
    #[arg(long, value_name = "COMMAND", value_parser = words, help_heading = META)]
    entrypoint: Option<Words>,

    /// Set the command: a JSON list of words or a line for the shell; empty for none
    #[arg(long, value_name = "COMMAND", value_parser = words, help_heading = META)]
    cmd: Option<Words>,

    /// Do not annotate what the image was made from
    #[arg(long, help_heading = META)]
    pub(super) no_provenance: bool,
}

impl MetaArguments {
    /// What the new documents say that the old ones do not.
    pub(super) fn edits(&self, times: Times) -> Edits {
        let list = |words: &Option<Words>| words.as_ref().map(|words| words.0.clone());
        Edits {
            history: self.history.into(),
            message: self.message.clone(),
            times,
            config: ConfigEdits {
                labels: self.labels.clone(),
                removed_labels: self.removed_labels.clone(),
                env: self.env.clone(),
                removed_env: self.removed_env.clone(),
                user: self.user.clone(),
                working_dir: self.workdir.clone(),
                entrypoint: list(&self.entrypoint),
                cmd: list(&self.cmd),
            },
            annotations: self.annotations.clone(),
            removed_annotations: self.removed_annotations.clone(),
            media_types: self.media_types.into(),
        }
    }
}
