//! All secrets of an image: in the files of its layers, in what its containers run by, and in its history.
//!
//! # Decisions
//! - What Docker's classic builder notes of the last step (`container_config`) is part of every config that it writes
//!   and says the same as the history, or more. It is looked at too; what is found there and in the config is told
//!   once.
//! - A setting that is not what it should be is no reason to fail: whoever needs it says so. It is not looked at.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::de::DeserializeOwned;

use super::engine::Engine;
use super::found::{Fingerprint, Found, Looked};
use super::place::Place;
use super::scan::Scanner;
use super::survey::Survey;
use crate::finding::{Finding, Severity};
use crate::oci::{Config, Document, Image, annotations};
use crate::tree::{EntryRef, Fate, Fated, Fates, Kind, NodeId, Tree, TreePath};

/// A secret of an image, without its value.
#[derive(Clone, Debug)]
pub struct Secret {
    /// What was found.
    pub found: Found,
    /// Where it is.
    pub at: At,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// In a file of a layer.
    File {
        /// The position of the layer, oldest 0.
        layer: usize,
        /// The entry of it.
        entry: usize,
        /// The path that the layer calls it by; of what lives on under another name, that name.
        path: TreePath,
        /// What became of it.
        fated: Fated,
    },
    /// In a row of the history, oldest 0.
    Row(usize),
    /// In the variable of this name.
    Env(String),
    /// In the label or annotation of this name.
    Label(String),
    /// In the command that this member of the config has.
    Command(&'static str),
}

impl At {
    /// What it is in words: an absolute path, the name of a variable, label or member, a row of the history from 1.
    pub fn name(&self) -> String {
        match self {
            Self::File { path, .. } => format!("/{path}"),
            Self::Row(row) => format!("row {}", row + 1),
            Self::Env(name) | Self::Label(name) => name.clone(),
            Self::Command(member) => (*member).to_owned(),
        }
    }
}

impl Secret {
    /// Where it is, in a word.
    pub fn place(&self) -> Place {
        match self.at {
            At::File { .. } => Place::File,
            At::Row(_) => Place::History,
            At::Env(_) => Place::Env,
            At::Label(_) => Place::Label,
            At::Command(_) => Place::Cmd,
        }
    }

    /// What has it there, as [`At::name`] says it.
    pub fn name(&self) -> String {
        self.at.name()
    }

    /// The entry that has it, if a file does.
    pub fn entry(&self) -> Option<EntryRef> {
        match self.at {
            At::File { layer, entry, .. } => {
                Some(EntryRef { layer: u16::try_from(layer).ok()?, index: u32::try_from(entry).ok()? })
            }
            _ => None,
        }
    }

    /// The layer that hides it from containers, by position, if one does. What became a hard link is seen all the same,
    /// and what is pruned was seen.
    pub fn hidden_by(&self) -> Option<usize> {
        match self.at {
            At::File { fated: Fated { fate: Fate::Kept | Fate::Linked | Fate::Pruned, .. }, .. } => None,
            At::File { fated, .. } => Some(usize::from(fated.by)),
            _ => None,
        }
    }
}

/// What was found in an image.
#[derive(Clone, Debug, Default)]
pub struct InImage {
    /// Files by layer, oldest first, and by entry; then variables, labels, commands, history.
    pub secrets: Vec<Secret>,
    /// How many more there were than are told.
    pub more: u64,
    /// What seems to be made to take long, so that some of it was passed over.
    pub partial: Vec<String>,
}

/// Secrets that the documents of an image may have: beyond these they are only counted.
const MAX_IN_DOCUMENTS: usize = 10_000;

impl InImage {
    /// What was not looked at, or not told.
    pub fn passed_over(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(first) = self.partial.first() {
            let others = self.partial.len() - 1;
            let and = if others > 0 { format!(" (and {others} more)") } else { String::new() };
            let message = format!("some of it was not searched for secrets, because it seems made to take long{and}");
            findings.push(Finding::new("secrets-not-searched", Severity::Low, message).about(first));
        }
        if self.more > 0 {
            let message = format!("{} more secrets were found than are told", self.more);
            findings.push(Finding::new("secrets-not-told", Severity::Low, message));
        }
        findings
    }

    fn take(&mut self, looked: Looked, at: &At) {
        self.more += looked.more;
        if looked.is_partial {
            self.partial.push(at.name());
        }
        let room = MAX_IN_DOCUMENTS.saturating_sub(self.secrets.len());
        self.more += looked.found.len().saturating_sub(room) as u64;
        self.secrets.extend(looked.found.into_iter().take(room).map(|found| Secret { found, at: at.clone() }));
    }
}

/// All secrets of `image`: in its layers as far as `survey` saw them, of whose entries `fates` tells what became, and
/// in its documents. `tree` is what the layers make together: a name that is gone hides nothing that has another one
/// there.
pub fn in_image(image: &Image, survey: &Survey<'_>, fates: &Fates, tree: Option<&Tree>) -> InImage {
    let mut all = InImage::default();
    for (position, layer) in image.layers.iter().enumerate() {
        let in_layer = survey.of(layer.diff_id);
        all.more += in_layer.more;
        all.partial.extend(in_layer.partial.iter().map(|path| format!("/{path}")));
        for file in &in_layer.files {
            let fated = fates.of(position).get(file.entry).copied().unwrap_or_default();
            let at = At::File { layer: position, entry: file.entry, path: file.path.clone(), fated };
            all.secrets.push(Secret { found: file.found.clone(), at });
        }
    }
    if let Some(tree) = tree {
        revive(tree, &mut all.secrets);
    }
    let said = in_documents(&image.config, &image.manifest, survey.engine());
    all.secrets.extend(said.secrets);
    all.partial.extend(said.partial);
    all.more += said.more;
    all
}

/// Tells of files whose name is gone under the one that they still have in `tree`.
fn revive(tree: &Tree, secrets: &mut [Secret]) {
    let gone: HashSet<EntryRef> =
        secrets.iter().filter(|secret| secret.hidden_by().is_some()).filter_map(Secret::entry).collect();
    if gone.is_empty() {
        return;
    }
    let mut names: HashMap<EntryRef, NodeId> = HashMap::new();
    for id in tree.nodes() {
        let inode = tree.inode(id);
        // A directory that nothing declares has the entry of what is in it.
        if matches!(inode.kind, Kind::File { .. }) && gone.contains(&inode.source) {
            names.entry(inode.source).or_insert(id);
        }
    }
    for secret in secrets {
        let name = secret.entry().and_then(|entry| names.get(&entry));
        if let (Some(name), At::File { layer, path, fated, .. }) = (name, &mut secret.at) {
            *path = tree.path(*name);
            *fated = Fated { fate: Fate::Linked, by: u16::try_from(*layer).unwrap_or(u16::MAX) };
        }
    }
}

/// All secrets of what an image says of itself: variables, labels, annotations, commands and history.
pub fn in_documents(config: &Config, manifest: &Document, engine: &Engine) -> InImage {
    let mut all = InImage::default();
    let mut scanner = Scanner::new(engine);
    let container = config.container().unwrap_or_default();
    let build = config.build_container();
    let mut told: HashSet<Fingerprint> = HashSet::new();
    for config in std::iter::once(&container).chain(&build) {
        for variable in value::<Vec<String>>(config, "Env").unwrap_or_default() {
            let name = variable.split('=').next().unwrap_or_default().to_owned();
            all.take(scanner.env(&variable), &At::Env(name));
        }
        for (name, text) in value::<BTreeMap<String, String>>(config, "Labels").unwrap_or_default() {
            let looked = scanner.label(&name, &text);
            all.take(looked, &At::Label(name));
        }
        for (member, words) in commands(config) {
            all.take(scanner.command(&words), &At::Command(member));
        }
    }
    for (name, text) in annotations(manifest).unwrap_or_default() {
        let looked = scanner.label(&name, &text);
        all.take(looked, &At::Label(name));
    }
    all.secrets.retain(|secret| told.insert(secret.found.fingerprint));
    for (row, said) in config.history().unwrap_or_default().iter().enumerate() {
        for text in [said.created_by(), said.comment()] {
            all.take(scanner.history(&text), &At::Row(row));
        }
    }
    all
}

/// The words of everything that containers of the image run, by the member that has them.
pub(super) fn commands(config: &Document) -> Vec<(&'static str, Vec<String>)> {
    let words = |key| match value::<serde_json::Value>(config, key) {
        // Docker takes a text for a list of one.
        Some(serde_json::Value::String(text)) => vec![text],
        Some(serde_json::Value::Array(words)) => {
            words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    };
    let check: Option<Document> = value(config, "Healthcheck");
    let test: Vec<String> = check.and_then(|check| value(&check, "Test")).unwrap_or_default();
    let mut all = vec![("Entrypoint", words("Entrypoint")), ("Cmd", words("Cmd")), ("Healthcheck", test)];
    all.push(("Shell", words("Shell")));
    all.extend(words("OnBuild").into_iter().map(|line| ("OnBuild", vec![line])));
    all.retain(|(_, words)| !words.is_empty());
    all
}

fn value<T: DeserializeOwned>(config: &Document, key: &str) -> Option<T> {
    config.get(key, "").ok().flatten()
}
