//! What the manifest of a squashed image tells of how it was made.

use super::request::Squash;
use crate::assemble::{ConfigEdits, Edits, HistoryMode, MediaTypes, Provenance};
use crate::layer::Compression;
use crate::plan::{Exactness, Keep, Split};
use crate::secrets::SecretSearch;
use crate::slim::Minify;
use crate::slim::closure::Grain;
use crate::times::Times;

impl Squash {
    /// What is told; `None` when nothing shall be.
    pub(super) fn provenance(&self) -> Option<Provenance> {
        let options = self.made_with().join(" ");
        self.tells_provenance.then_some(Provenance { version: env!("CARGO_PKG_VERSION"), options })
    }

    /// The options that make another image, as they are written on the command line, without what is nobody's business:
    /// paths and values.
    fn made_with(&self) -> Vec<String> {
        let mut said = Vec::new();
        match &self.keep {
            Keep::Nothing => {}
            Keep::Guess => said.push("keep-base=auto".to_owned()),
            Keep::Base(..) => said.push("keep-base".to_owned()),
            Keep::First(count) => said.push(format!("keep-layers={count}")),
            Keep::AllButLast(count) => said.push(format!("last={count}")),
            Keep::Below(_) => said.push("from".to_owned()),
            Keep::Around(..) => said.push("layers".to_owned()),
        }
        match self.exactness {
            Exactness::Auto => {}
            Exactness::Always => said.push("exact=always".to_owned()),
            Exactness::Never => said.push("exact=never".to_owned()),
        }
        let (compression, level) = match self.compression {
            None => (Some("keep"), None),
            Some(Compression::None) => (Some("none"), None),
            Some(Compression::Gzip(level)) => (None, level),
            Some(Compression::Zstd(3)) => (Some("zstd"), None),
            Some(Compression::Zstd(level)) => (Some("zstd"), Some(level.unsigned_abs())),
        };
        said.extend(compression.map(|name| format!("compression={name}")));
        if self.split != Split::No {
            said.push(format!("split={}", self.split));
        }
        said.extend(self.prune.made_with());
        said.extend(self.search_made_with().map(str::to_owned));
        said.extend(self.minify.iter().flat_map(minified));
        if self.link_equal_files {
            said.push("hardlink-duplicates".to_owned());
        }
        said.extend(level.map(|level| format!("compression-level={level}")));
        match self.edits.times {
            Times::Keep => {}
            Times::Clamp(_) => said.push("timestamp=clamp".to_owned()),
            Times::Set(time) => said.push(format!("timestamp={}", time.seconds)),
        }
        said.extend(edited(&self.edits));
        said
    }
}

impl Squash {
    /// What of a search makes another image. Looking alone does where layers are kept, because all of them are read for
    /// it.
    fn search_made_with(&self) -> impl Iterator<Item = &'static str> {
        let search = self.secrets.as_ref();
        let is = |of: fn(&SecretSearch) -> bool| search.is_some_and(of);
        let asked = [
            (search.is_some() && self.keep != Keep::Nothing, "secrets"),
            (is(|search| search.scrub_history), "scrub-history"),
            (is(|search| search.drop_files), "drop-secrets"),
            (is(|search| search.changes_images() && search.engine.has_own_rules()), "secret-rules"),
            (is(|search| search.drop_files && !search.baseline.is_empty()), "baseline"),
        ];
        asked.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, name)| name)
    }
}

/// The options that edit documents.
fn edited(edits: &Edits) -> Vec<String> {
    let Edits { history, message, times: _, config, annotations, removed_annotations, media_types } = edits;
    let ConfigEdits { labels, removed_labels, env, removed_env, user, working_dir, entrypoint, cmd } = config;
    let history = match history {
        HistoryMode::Keep => None,
        HistoryMode::Single => Some("history=single"),
        HistoryMode::None => Some("history=none"),
    };
    let asked = [
        (*media_types == MediaTypes::Docker, "media-types=docker"),
        (message.is_some(), "message"),
        (!labels.is_empty(), "label"),
        (!removed_labels.is_empty(), "rm-label"),
        (!annotations.is_empty(), "annotation"),
        (!removed_annotations.is_empty(), "rm-annotation"),
        (!env.is_empty(), "env"),
        (!removed_env.is_empty(), "rm-env"),
        (user.is_some(), "user"),
        (working_dir.is_some(), "workdir"),
        (entrypoint.is_some(), "entrypoint"),
        (cmd.is_some(), "cmd"),
    ];
    let asked = asked.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, name)| name);
    history.into_iter().chain(asked).map(str::to_owned).collect()
}

/// The options that say what stays of the system.
fn minified(minify: &Minify) -> Vec<String> {
    let grain = if minify.grain == Grain::Files { "minify=files" } else { "minify" };
    let asked = [
        (true, grain),
        (!minify.with.is_empty(), "with"),
        (!minify.with_packages.is_empty(), "with-package"),
        (minify.recommends, "minify-recommends"),
    ];
    asked.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, name)| name.to_owned()).collect()
}
