//! The image config: read typed where squashing needs it, edited only where squashing owns it.
//!
//! # Decisions
//! - The typed config of `oci-spec` drops Docker's keys (Healthcheck, OnBuild, Shell, `moby.*`), so the document itself
//!   is edited and everything else keeps its text.
//! - Go reads keys without regard to case. A second spelling of a key that squashing reads or writes (`RootFS`) would
//!   then win in every consumer, so it is refused; of what only a person edits, when one does.

use super::digest::{DiffId, Digest};
use super::document::{Document, InvalidJson};
use super::platform::Platform;

/// The keys that squashing reads or writes.
const KEYS: [&str; 6] = ["rootfs", "history", "created", "os", "architecture", "variant"];
/// Those of `rootfs`, and of a row of the history.
const ROOTFS_KEYS: [&str; 2] = ["type", "diff_ids"];
const ROW_KEYS: [&str; 3] = ["created", "created_by", "empty_layer"];

/// An image config and what squashing reads of it.
#[derive(Clone, Debug)]
pub struct Config {
    document: Document,
    diff_ids: Vec<DiffId>,
    history: Option<Vec<HistoryRow>>,
    platform: Platform,
}

/// One row of `history`, oldest first, with every key it came with.
#[derive(Clone, Debug)]
pub struct HistoryRow(Document);

impl HistoryRow {
    /// A row from its members.
    pub fn new(members: &[(&str, &str)]) -> Self {
        let mut row = Document::default();
        for (key, value) in members {
            row.set(key, value);
        }
        Self(row)
    }

    /// Whether the row stands for no layer.
    pub fn is_empty_layer(&self) -> bool {
        self.0.raw("empty_layer") == Some("true")
    }

    /// The command that made it; empty when the row does not say.
    pub fn created_by(&self) -> String {
        self.0.get("created_by", "").ok().flatten().unwrap_or_default()
    }

    /// What is said of it besides; empty when nothing is.
    pub fn comment(&self) -> String {
        self.0.get("comment", "").ok().flatten().unwrap_or_default()
    }

    /// The same row, made by `created_by`.
    #[must_use]
    pub fn with_created_by(mut self, created_by: &str) -> Self {
        self.0.set("created_by", created_by);
        self
    }

    /// The same row with another time, if that is another.
    #[must_use]
    pub fn with_created(mut self, change: impl FnOnce(Option<String>) -> Option<String>) -> Self {
        let before: Option<String> = self.0.get("created", "").ok().flatten();
        if let Some(after) = change(before.clone()).filter(|after| before.as_ref() != Some(after)) {
            self.0.set("created", &after);
        }
        self
    }

    /// The same row, standing for no layer.
    #[must_use]
    pub fn without_layer(mut self) -> Self {
        if !self.is_empty_layer() {
            self.0.set("empty_layer", &true);
        }
        self
    }
}

impl Config {
    /// Reads a config.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidJson> {
        const WHAT: &str = "the image config";
        let document = Document::parse(bytes, WHAT)?;
        document.only_spellings(&KEYS, WHAT)?;
        let Some(rootfs) = document.get::<Document>("rootfs", WHAT)? else {
            return Err(invalid("it has no \"rootfs\": is this an image config?".to_owned()));
        };
        rootfs.only_spellings(&ROOTFS_KEYS, "rootfs of the image config")?;
        match rootfs.get::<String>("type", "its rootfs")?.as_deref() {
            None | Some("layers") => {}
            Some(other) => return Err(invalid(format!("its rootfs is of type \"{other}\", expected \"layers\""))),
        }
        let diff_ids = rootfs
            .get::<Vec<String>>("diff_ids", "its rootfs")?
            .unwrap_or_default()
            .iter()
            .map(|text| text.parse::<Digest>().map(DiffId).map_err(|error| invalid(format!("a diff_id: {error}"))))
            .collect::<Result<_, _>>()?;
        let history: Option<Vec<Document>> = document.get("history", WHAT)?;
        for row in history.iter().flatten() {
            row.only_spellings(&ROW_KEYS, "a row of the history")?;
        }
        let history = history.map(|rows| rows.into_iter().map(HistoryRow).collect());
        let word = |key| document.get::<String>(key, WHAT).map(|word| word.filter(|word| !word.is_empty()));
        let platform = Platform {
            os: word("os")?.unwrap_or_else(|| "linux".to_owned()),
            architecture: word("architecture")?.unwrap_or_else(|| "unknown".to_owned()),
            variant: word("variant")?,
        };
        if history.as_ref().is_some_and(|rows: &Vec<HistoryRow>| rows.len() > MAX_ROWS) {
            return Err(invalid(format!("its history has more than {MAX_ROWS} rows")));
        }
        Ok(Self { diff_ids, history, platform, document })
    }

    /// The digests of the uncompressed layers, oldest first.
    pub fn diff_ids(&self) -> &[DiffId] {
        &self.diff_ids
    }

    /// The history, oldest first; `None` when the config has none.
    pub fn history(&self) -> Option<&[HistoryRow]> {
        self.history.as_deref()
    }

    /// What the image runs on. A config that does not say is for linux on an unknown architecture.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// When the image was made, as the config spells it.
    pub fn created(&self) -> Option<String> {
        self.document.get("created", "").ok().flatten()
    }

    /// Sets when the image was made: an RFC 3339 date and time.
    pub fn set_created(&mut self, created: &str) {
        if self.created().as_deref() != Some(created) {
            self.document.set("created", created);
        }
    }

    /// What containers of the image run by: its `config` member, empty when there is none.
    pub fn container(&self) -> Result<Document, InvalidJson> {
        Ok(self.document.get("config", "the image config")?.unwrap_or_default())
    }

    /// What the container ran by that the last step was made in, as Docker's classic builder notes it.
    pub fn build_container(&self) -> Option<Document> {
        self.document.get("container_config", "the image config").ok().flatten()
    }

    /// Replaces that.
    pub fn set_build_container(&mut self, container: &Document) {
        self.document.set("container_config", container);
    }

    /// Edits what containers run by.
    pub fn edit_container(
        &mut self,
        edit: impl FnOnce(&mut Document) -> Result<(), InvalidJson>,
    ) -> Result<(), InvalidJson> {
        self.document.only_spellings(&["config"], "the image config")?;
        let mut container = self.container()?;
        edit(&mut container)?;
        // What is absent stays so when nothing came into it.
        if container.keys().next().is_some() || self.document.raw("config").is_some_and(|text| text != "null") {
            self.document.set("config", &container);
        }
        Ok(())
    }

    /// Drops what Docker's classic builder notes of the container and the image it built from: they are others with
    /// every build of the same content, and no runtime reads them.
    pub fn forget_build(&mut self) -> Result<(), InvalidJson> {
        self.document.remove("container");
        self.document.remove("container_config");
        if self.container()?.raw("Image").is_none() {
            return Ok(());
        }
        self.edit_container(|container| {
            container.remove("Image");
            Ok(())
        })
    }

    /// Replaces the layers, keeping other members of `rootfs`.
    pub fn set_diff_ids(&mut self, diff_ids: &[DiffId]) {
        let mut rootfs = self.document.get::<Document>("rootfs", "").ok().flatten().unwrap_or_default();
        let texts: Vec<String> = diff_ids.iter().map(DiffId::to_string).collect();
        rootfs.set("diff_ids", &texts);
        self.document.set("rootfs", &rootfs);
        self.diff_ids = diff_ids.to_vec();
    }

    /// Replaces the history; `None` removes it.
    pub fn set_history(&mut self, rows: Option<Vec<HistoryRow>>) {
        match &rows {
            Some(rows) => self.document.set("history", &rows.iter().map(|row| &row.0).collect::<Vec<_>>()),
            None => self.document.remove("history"),
        }
        self.history = rows;
    }

    /// The document with its edits.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.document.to_bytes()
    }
}

/// Rows of a history. Real ones have some hundreds.
const MAX_ROWS: usize = 65536;

fn invalid(detail: String) -> InvalidJson {
    InvalidJson { what: "the image config".to_owned(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF_ID: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn only_rootfs_and_history_change() {
        let text = format!(
            r#"{{"architecture":"arm64","os":"linux","config":{{"Healthcheck":{{"StartInterval":5e9}},"OnBuild":["RUN x"]}},"moby.buildkit.cache.v0":"eyJ9","rootfs":{{"type":"layers","diff_ids":["{DIFF_ID}","{DIFF_ID}"],"x":1}},"history":[{{"created_by":"a"}},{{"created_by":"b","empty_layer":true}}]}}"#
        );
        let mut config = Config::parse(text.as_bytes()).unwrap();
        config.set_diff_ids(&[config.diff_ids()[0]]);
        let rows = config.history().unwrap().iter().cloned().map(HistoryRow::without_layer).collect();
        config.set_history(Some(rows));
        let expected = format!(
            r#"{{"architecture":"arm64","os":"linux","config":{{"Healthcheck":{{"StartInterval":5e9}},"OnBuild":["RUN x"]}},"moby.buildkit.cache.v0":"eyJ9","rootfs":{{"type":"layers","diff_ids":["{DIFF_ID}"],"x":1}},"history":[{{"created_by":"a","empty_layer":true}},{{"created_by":"b","empty_layer":true}}]}}"#
        );
        assert_eq!(String::from_utf8(config.to_bytes()).unwrap(), expected);
    }

    #[test]
    fn configs_that_cannot_be_squashed_are_refused_with_the_reason() {
        for (text, why) in [
            (r#"{"rootfs":{},"OS":"windows"}"#, "it has \"OS\", which readers take for \"os\""),
            ("{}", "it has no \"rootfs\": is this an image config?"),
            (r#"{"rootfs":{"type":"tarsplit"}}"#, "its rootfs is of type \"tarsplit\", expected \"layers\""),
            (r#"{"rootfs":{},"History":[]}"#, "it has \"History\", which readers take for \"history\""),
        ] {
            let error = Config::parse(text.as_bytes()).unwrap_err().to_string();
            assert_eq!(error, format!("the image config is not valid: {why}"));
        }
        let error = Config::parse(br#"{"rootfs":{"Diff_IDs":[]}}"#).unwrap_err().to_string();
        let why = "it has \"Diff_IDs\", which readers take for \"diff_ids\"";
        assert_eq!(error, format!("rootfs of the image config is not valid: {why}"));
        let error = Config::parse(br#"{"rootfs":{},"history":[{},{"Empty_Layer":true}]}"#).unwrap_err().to_string();
        let why = "it has \"Empty_Layer\", which readers take for \"empty_layer\"";
        assert_eq!(error, format!("a row of the history is not valid: {why}"));
    }
}
