//! Secrets along a squash: looked for while layers are read, taken out, and told of. Without a search nothing is done.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::request::Squash;
use crate::assemble::Assembled;
use crate::error::{Error, Of};
use crate::finding::{Finding, Findings, Severity};
use crate::layer::{Layers, Look};
use crate::oci::{Config, Document, Image};
use crate::plan::Stack;
use crate::report::{ImageReport, SecretOutcome, SquashedSecret};
use crate::secrets::{self, InImage, Place, Secret, SecretSearch, Steps, Survey};
use crate::slim::{self, Pruned};
use crate::tree::{EntryRef, Fates, Kind};

/// A search, if one was asked for.
pub(super) struct Searching<'r> {
    request: &'r Squash,
    search: Option<(&'r SecretSearch, Survey<'r>)>,
    /// Secrets that may still be told.
    room: Cell<usize>,
}

/// Secrets that the report of a squash tells, of all images together: beyond these they are only counted.
const MAX_TOLD: usize = 20_000;

/// What was found in one image.
#[derive(Default)]
pub(super) struct Found {
    all: InImage,
    /// Whether it is known which files are in the new file system.
    is_settled: bool,
    /// Those of files that are in the new file system.
    live: HashSet<EntryRef>,
    /// Those of files that were taken out.
    dropped: HashSet<EntryRef>,
    /// Why files that were to be taken out are still there.
    kept: HashMap<EntryRef, String>,
}

impl Squash {
    /// The search, ready to look.
    pub(super) fn searching(&self) -> Searching<'_> {
        let search = self.secrets.as_ref().map(|search| (search, Survey::with(&search.engine, search.seen.clone())));
        Searching { request: self, search, room: Cell::new(MAX_TOLD) }
    }
}

impl Searching<'_> {
    /// What looks at layers while they are read.
    pub(super) fn look(&self) -> Option<&dyn Look> {
        self.search.as_ref().map(|(_, survey)| survey as &dyn Look)
    }

    /// Finds the secrets of `image`, whose layers make `stack`, and takes files that have some out of it when that is
    /// asked for; `config` is what containers will run by. What went is told with what was pruned.
    pub(super) fn take_out(
        &self,
        (name, image): (&str, &Image),
        config: &Document,
        (stack, layers): (&mut Stack, Layers<'_>),
        pruned: &mut Pruned,
        fates: &mut Fates,
    ) -> Result<Found, Error> {
        let Some((search, survey)) = &self.search else { return Ok(Found::default()) };
        let mut found =
            Found { all: secrets::in_image(image, survey, fates, stack.tree_mut().as_deref()), ..Found::default() };
        let Some(tree) = stack.tree_mut() else { return Ok(found) };
        let is_wanted = |secret: &&Secret| {
            secret.hidden_by().is_none() && search.baseline.accepts(&secret.found.fingerprint).is_none()
        };
        if search.drop_files {
            found.dropped = found.all.secrets.iter().filter(is_wanted).filter_map(Secret::entry).collect();
            let meant = (&found.dropped, &self.request.prune);
            let dropped = slim::drop_secrets((tree, layers), meant, config, pruned, fates);
            found.kept = dropped.of(name)?;
        }
        let in_files: HashSet<EntryRef> = found.all.secrets.iter().filter_map(Secret::entry).collect();
        let files = tree.nodes().map(|id| tree.inode(id)).filter(|inode| matches!(inode.kind, Kind::File { .. }));
        found.live = files.map(|inode| inode.source).filter(|entry| in_files.contains(entry)).collect();
        found.dropped.retain(|entry| !found.live.contains(entry));
        found.is_settled = true;
        Ok(found)
    }

    /// The image, its history scrubbed if that is asked for.
    pub(super) fn scrub<'i>(&self, image: &'i Image) -> Cow<'i, Image> {
        let search = self.search.as_ref().map(|(search, _)| search).filter(|search| search.scrub_history);
        let scrubbed = search.and_then(|search| secrets::scrubbed(image, &search.engine));
        scrubbed.map_or(Cow::Borrowed(image), Cow::Owned)
    }

    /// Tells in `report` what became of what was found in `image`, of which the layers at the positions `squashed` were
    /// squashed, and in `findings` what was not looked at.
    pub(super) fn tell(
        &self,
        name: &str,
        mut report: ImageReport,
        mut found: Found,
        (image, new): (&Image, &Assembled),
        squashed: &Range<usize>,
        findings: &mut Findings,
    ) -> Result<ImageReport, Error> {
        let Some((search, survey)) = &self.search else { return Ok(report) };
        findings.extend(not_searched(image, survey)).of(name)?;
        let told = found.all.secrets.len().min(self.room.get());
        self.room.set(self.room.get() - told);
        found.all.more += found.all.secrets.drain(told..).len() as u64;
        findings.extend(found.all.passed_over()).of(name)?;
        let config = Config::parse(&new.config.bytes).of(name)?;
        let manifest = Document::parse(&new.manifest.bytes, "the manifest").of(name)?;
        let said = secrets::in_documents(&config, &manifest, survey.engine());
        let said: HashSet<_> = said.secrets.iter().map(|secret| secret.found.fingerprint).collect();
        let steps = Steps::new(image, survey.engine());
        let outcome = |secret: &Secret| match secret.entry() {
            None if said.contains(&secret.found.fingerprint) => SecretOutcome::Remains(None),
            None if search.scrub_history && secret.place() == Place::History => SecretOutcome::Scrubbed,
            None => SecretOutcome::Gone,
            Some(entry) => found.outcome(entry, squashed),
        };
        let told = |secret: &Secret| SquashedSecret::new(secret, outcome(secret), &steps, &search.baseline);
        report.secrets = Some(found.all.secrets.iter().map(told).collect());
        Ok(report)
    }
}

impl Found {
    fn outcome(&self, entry: EntryRef, squashed: &Range<usize>) -> SecretOutcome {
        if !squashed.contains(&usize::from(entry.layer)) {
            return SecretOutcome::Remains(Some("its layer is kept".to_owned()));
        }
        match self.live.contains(&entry) || !self.is_settled {
            true => SecretOutcome::Remains(self.kept.get(&entry).cloned()),
            false if self.dropped.contains(&entry) => SecretOutcome::Dropped,
            false => SecretOutcome::Gone,
        }
    }
}

/// Layers that nobody read: those above the squashed ones, which are copied.
fn not_searched(image: &Image, survey: &Survey<'_>) -> Option<Finding> {
    let mut layers = (1_usize..).zip(&image.layers).filter(|(_, layer)| !survey.knows(layer.diff_id));
    let (first, _) = layers.next()?;
    let all = layers.last().map_or(format!("layer {first}"), |(last, _)| format!("layers {first} to {last}"));
    let message = "not searched for secrets: only layers that are read are, and those above the squashed ones are not";
    Some(Finding::new("secrets-not-searched", Severity::Low, message).about(all))
}
