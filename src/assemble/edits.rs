//! What the new documents say that the old ones do not.

use crate::codec::Codec;
use crate::oci::{Config, Document, InvalidJson, annotations};
use crate::times::Times;

/// What a person asked to be said otherwise.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// What becomes of the history.
    pub history: HistoryMode,
    /// The comment of the rows for the new layers; the default tells how many layers there were.
    pub message: Option<String>,
    /// What becomes of times: when the image and its rows were made. Those of files are the tree's business.
    pub times: Times,
    /// What containers are told.
    pub config: ConfigEdits,
    /// Annotations of the manifest to set, by key.
    pub annotations: Vec<(String, String)>,
    /// Annotations of the manifest to remove.
    pub removed_annotations: Vec<String>,
    /// In whose words the documents are typed.
    pub media_types: MediaTypes,
}

/// What becomes of the history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryMode {
    /// Every row stays, and one for each new layer is added.
    #[default]
    Keep,
    /// Only rows of layers that are kept, and one for each new layer.
    Single,
    /// None at all.
    None,
}

/// What the manifest tells of how it was made. Equal input and options say the same.
#[derive(Clone, Debug)]
pub struct Provenance {
    /// The version of the tool.
    pub version: &'static str,
    /// The options that changed the outcome, as they are written.
    pub options: String,
}

/// Edits of `config.config`, which containers run by.
#[derive(Clone, Debug, Default)]
pub struct ConfigEdits {
    /// Labels to set.
    pub labels: Vec<(String, String)>,
    /// Labels to remove.
    pub removed_labels: Vec<String>,
    /// Environment variables to set.
    pub env: Vec<(String, String)>,
    /// Environment variables to remove.
    pub removed_env: Vec<String>,
    /// The user, and the group after a colon.
    pub user: Option<String>,
    /// The directory that containers begin in.
    pub working_dir: Option<String>,
    /// The entrypoint; empty for none.
    pub entrypoint: Option<Vec<String>>,
    /// The command; empty for none.
    pub cmd: Option<Vec<String>>,
}

/// In whose words documents and layers are typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaTypes {
    /// `application/vnd.oci.image.…`
    #[default]
    Oci,
    /// `application/vnd.docker.…`
    Docker,
}

impl MediaTypes {
    /// The type of an image manifest.
    pub(super) fn manifest(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }

    /// The type of a nested index. The layout's own `index.json` is OCI's in any case.
    pub(super) fn index(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.index.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
        }
    }

    /// The type of a config.
    pub(super) fn config(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.config.v1+json",
            Self::Docker => "application/vnd.docker.container.image.v1+json",
        }
    }

    /// The type of a layer.
    pub(super) fn layer(self, codec: Codec) -> &'static str {
        match (self, codec) {
            (Self::Oci, Codec::Plain) => "application/vnd.oci.image.layer.v1.tar",
            (Self::Oci, Codec::Gzip) => "application/vnd.oci.image.layer.v1.tar+gzip",
            (Self::Oci, Codec::Zstd) => "application/vnd.oci.image.layer.v1.tar+zstd",
            (Self::Docker, Codec::Plain) => "application/vnd.docker.image.rootfs.diff.tar",
            (Self::Docker, Codec::Gzip) => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            // Not of Docker's specification: what BuildKit writes, and containerd and containers/image read.
            (Self::Docker, Codec::Zstd) => "application/vnd.docker.image.rootfs.diff.tar.zstd",
        }
    }
}

impl ConfigEdits {
    /// Edits `config`, touching only what was asked for.
    pub(super) fn apply(&self, config: &mut Document) -> Result<(), InvalidJson> {
        for key in self.keys() {
            config.only_spellings(&[key], WHAT)?;
            match key {
                "Labels" => self.edit_labels(config)?,
                "Env" => self.edit_env(config)?,
                _ => {}
            }
        }
        for (key, value) in [("User", &self.user), ("WorkingDir", &self.working_dir)] {
            if let Some(value) = value {
                config.set(key, value);
            }
        }
        for (key, words) in [("Entrypoint", &self.entrypoint), ("Cmd", &self.cmd)] {
            match words.as_deref() {
                None => {}
                Some([]) => config.remove(key),
                Some(words) => config.set(key, words),
            }
        }
        Ok(())
    }

    fn edit_labels(&self, config: &mut Document) -> Result<(), InvalidJson> {
        // A document keeps the order of what was there.
        let known: Option<Document> = config.get("Labels", WHAT)?;
        let mut labels = known.unwrap_or_default();
        if self.labels.is_empty() && !labels.keys().any(|key| self.removed_labels.iter().any(|gone| gone == key)) {
            return Ok(());
        }
        self.removed_labels.iter().for_each(|key| labels.remove(key));
        self.labels.iter().for_each(|(key, value)| labels.set(key, value));
        config.set("Labels", &labels);
        Ok(())
    }

    fn edit_env(&self, config: &mut Document) -> Result<(), InvalidJson> {
        let mut env: Vec<String> = config.get("Env", WHAT)?.unwrap_or_default();
        let is = |row: &str, key: &str| row.split('=').next() == Some(key);
        let is_removed = |row: &String| self.removed_env.iter().any(|key| is(row, key));
        if self.env.is_empty() && !env.iter().any(is_removed) {
            return Ok(());
        }
        env.retain(|row| !is_removed(row));
        for (key, value) in &self.env {
            let place = env.iter().position(|row| is(row, key)).unwrap_or(env.len());
            // Programs differ on which of several rows counts.
            env.retain(|row| !is(row, key));
            env.insert(place, format!("{key}={value}"));
        }
        config.set("Env", &env);
        Ok(())
    }

    /// The members that are edited.
    fn keys(&self) -> impl Iterator<Item = &'static str> {
        let Self { labels, removed_labels, env, removed_env, user, working_dir, entrypoint, cmd } = self;
        let edited = [
            ("Labels", !labels.is_empty() || !removed_labels.is_empty()),
            ("Env", !env.is_empty() || !removed_env.is_empty()),
            ("User", user.is_some()),
            ("WorkingDir", working_dir.is_some()),
            ("Entrypoint", entrypoint.is_some()),
            ("Cmd", cmd.is_some()),
        ];
        edited.into_iter().filter(|(_, is_edited)| *is_edited).map(|(key, _)| key)
    }
}

const WHAT: &str = "the image config";

impl Edits {
    /// What containers of the new image will run by.
    pub fn container(&self, config: &Config) -> Result<Document, InvalidJson> {
        let mut config = config.clone();
        self.edit_config(&mut config)?;
        config.container()
    }

    /// Edits what containers run by.
    pub(super) fn edit_config(&self, config: &mut Config) -> Result<(), InvalidJson> {
        if self.config.keys().next().is_none() {
            return Ok(());
        }
        config.edit_container(|container| self.config.apply(container))
    }

    /// Whether `manifest` says that it was made so, and nothing in it is to be edited.
    pub(super) fn made(&self, manifest: &Document, provenance: Option<&Provenance>) -> bool {
        let Ok(said) = annotations(manifest) else { return false };
        let media_type: Option<String> = manifest.get("mediaType", "the manifest").ok().flatten();
        let as_asked = self.annotations.iter().all(|(key, value)| said.get(key) == Some(value));
        let is_gone = |key: &String| !said.contains_key(key) || self.annotations.iter().any(|(set, _)| set == key);
        let as_told = match provenance {
            Some(Provenance { version, options }) => {
                said.get(VERSION).map(String::as_str) == Some(version)
                    && said.get(OPTIONS).map_or("", String::as_str) == options
                    && said.contains_key(SOURCE) == (self.times == Times::Keep)
            }
            None => [SOURCE, VERSION, OPTIONS].iter().all(|key| !said.contains_key(*key)),
        };
        media_type.as_deref() == Some(self.media_types.manifest())
            && as_asked
            && self.removed_annotations.iter().all(is_gone)
            && as_told
    }

    /// Edits the annotations of a manifest made from `source`; `provenance` is what is told of that, if anything is.
    pub(super) fn edit_annotations(
        &self,
        manifest: &mut Document,
        source: &str,
        provenance: Option<&Provenance>,
    ) -> Result<(), InvalidJson> {
        let mut said: Document = manifest.get("annotations", "the manifest")?.unwrap_or_default();
        self.removed_annotations.iter().for_each(|key| said.remove(key));
        // What an earlier squash said of itself is not so any more.
        for key in [SOURCE, VERSION, OPTIONS] {
            said.remove(key);
        }
        if let Some(Provenance { version, options }) = provenance {
            // Who sets times wants equal images from inputs that only differ in theirs.
            if self.times == Times::Keep {
                said.set(SOURCE, source);
            }
            said.set(VERSION, version);
            if !options.is_empty() {
                said.set(OPTIONS, options);
            }
        }
        self.annotations.iter().for_each(|(key, value)| said.set(key, value));
        if said.keys().next().is_some() {
            manifest.set("annotations", &said);
        } else {
            manifest.remove("annotations");
        }
        Ok(())
    }
}

/// What the image was made from: the digest of its manifest, or of its config where it has none.
const SOURCE: &str = "imgsquash.source.digest";
/// The version that made it.
const VERSION: &str = "imgsquash.version";
/// The options it was made with.
const OPTIONS: &str = "imgsquash.options";
