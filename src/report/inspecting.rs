//! From what was found inside an image to what is told of it.

use std::collections::BTreeMap;

use super::inspect::{
    HiddenBetween, HiddenCause, HiddenFile, INSPECT_SCHEMA_VERSION, InspectedImage, InspectedLayer, Inspection, Pushed,
    Saving, Settings,
};
use crate::finding::Finding;
use crate::inside::{self, Densities, Group, Hidden, LayerBytes, Size};
use crate::layer::{Layers, Recipe};
use crate::oci::Image;
use crate::text;
use crate::tree::{Fate, TreePath};

/// Pairs of layers that are told of each cause.
const PAIRS: usize = 10;

impl Inspection {
    /// What is told of an archive.
    pub(crate) fn new(input: String, images: Vec<InspectedImage>, findings: Vec<Finding>) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self { schema_version: INSPECT_SCHEMA_VERSION, version, input, images, findings }
    }
}

impl InspectedImage {
    /// What is told of an image of these layers, of which the oldest `base` are its base image, and of its final file
    /// system, which has so many entries. Savings, secrets and findings are still missing.
    pub(crate) fn new(
        image: &Image,
        names: Vec<String>,
        (layers, base): (Layers<'_>, usize),
        (hidden, densities): (&Hidden, &Densities),
        settings: inside::Settings,
        entries: usize,
    ) -> Self {
        let steps = steps(image);
        let listed = hidden.layers.iter().enumerate().map(|(position, bytes)| {
            let step = steps.get(position).cloned();
            layer((layers, position), bytes, densities.layer(position), step, position < base)
        });
        let listed: Vec<InspectedLayer> = listed.collect();
        let sum = |of: fn(&LayerBytes) -> u64| hidden.layers.iter().map(of).sum::<u64>();
        let (live, unpacked) = (sum(|layer| layer.live), listed.iter().map(|layer| layer.unpacked_bytes).sum());
        Self {
            names,
            platform: image.config.platform().to_string(),
            image_id: image.id().to_string(),
            manifest_digest: image.digest.to_string(),
            created: image.config.created(),
            settings: settings.into(),
            unpacked_bytes: unpacked,
            pushed: (0..listed.len()).map(|position| densities.layer(position)).sum::<Size>().into(),
            live_bytes: live,
            hidden_bytes: sum(LayerBytes::hidden_bytes),
            overhead_bytes: sum(|layer| layer.overhead),
            efficiency: share(live, unpacked),
            entries: entries as u64,
            layers: listed,
            hidden: causes(&hidden.groups),
            hidden_files: hidden.files.iter().map(file).collect(),
            savings: Vec::new(),
            secrets: Vec::new(),
            findings: Vec::new(),
            listing: None,
        }
    }
}

impl InspectedImage {
    /// The same, whose list of files says in which of them secrets are.
    pub(crate) fn with_marked_secrets(mut self) -> Self {
        if let Some(listing) = &mut self.listing {
            let in_files = self.secrets.iter().filter(|secret| secret.place == "file");
            listing.mark_secrets(in_files.map(|secret| (&*secret.path, secret.layer)));
        }
        self
    }
}

/// How much of a whole it is, from 0 to 1; all of nothing.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// What made each layer, as the history tells; empty when it does not fit the layers.
fn steps(image: &Image) -> Vec<String> {
    let rows = image.config.history().unwrap_or_default().iter().filter(|row| !row.is_empty_layer());
    let steps: Vec<String> = rows.map(crate::oci::HistoryRow::created_by).collect();
    if steps.len() == image.layers.len() { steps } else { Vec::new() }
}

fn layer(
    (layers, position): (Layers<'_>, usize),
    bytes: &LayerBytes,
    pushed: Size,
    step: Option<String>,
    is_base: bool,
) -> InspectedLayer {
    let (index, source) = (&layers.indexes[position], &layers.sources[position]);
    InspectedLayer {
        position: position as u64 + 1,
        digest: index.digest.map_or_else(String::new, |digest| digest.to_string()),
        diff_id: source.layer.diff_id.to_string(),
        step: step.filter(|step| !step.is_empty()),
        is_base,
        unpacked_bytes: index.plain_size,
        pushed: pushed.into(),
        entries: bytes.entries,
        files: bytes.files,
        hidden_bytes: bytes.hidden_bytes(),
        hidden: bytes.hidden.iter().map(|(fate, bytes)| (fate.key(), *bytes)).collect(),
    }
}

fn causes(groups: &[Group]) -> Vec<HiddenCause> {
    let mut by_fate: BTreeMap<Fate, Vec<&Group>> = BTreeMap::new();
    for group in groups {
        by_fate.entry(group.fate).or_default().push(group);
    }
    let cause = |(fate, groups): (Fate, Vec<&Group>)| HiddenCause {
        cause: fate.key(),
        words: fate.words(),
        bytes: groups.iter().map(|group| group.bytes).sum(),
        entries: groups.iter().map(|group| group.entries).sum(),
        between: groups.into_iter().take(PAIRS).map(between).collect(),
    };
    let mut causes: Vec<HiddenCause> = by_fate.into_iter().map(cause).collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.bytes));
    causes
}

fn between(group: &Group) -> HiddenBetween {
    let (layer, by) = (group.layer as u64 + 1, group.by as u64 + 1);
    HiddenBetween { layer, by, bytes: group.bytes, below: shown(&group.below) }
}

fn file(file: &inside::HiddenFile) -> HiddenFile {
    let (layer, by) = (file.layer as u64 + 1, file.by as u64 + 1);
    HiddenFile { path: shown(&file.path), bytes: file.bytes, cause: file.fate.key(), layer, by }
}

/// A path from which others can tell exactly which it is.
fn shown(path: &TreePath) -> String {
    format!("/{}", text::exact(path.as_bytes()))
}

impl Saving {
    /// What `what` would make, which `options` ask for: it keeps some layers and makes new ones.
    pub(crate) fn new(
        (what, options): (&'static str, &'static str),
        (kept, new): (&[usize], &[Recipe]),
        layers: Layers<'_>,
        densities: &Densities,
    ) -> Self {
        let sizes = kept.iter().map(|position| densities.layer(*position));
        let kept_bytes: u64 = kept.iter().map(|position| layers.indexes[*position].plain_size).sum();
        Self {
            what,
            options,
            pushed: sizes.chain(new.iter().map(|recipe| densities.new_layer(recipe))).sum::<Size>().into(),
            unpacked_bytes: kept_bytes + new.iter().map(|recipe| recipe.plain_size).sum::<u64>(),
            layers: (kept.len() + new.len()) as u64,
        }
    }
}

impl From<Size> for Pushed {
    fn from(size: Size) -> Self {
        Self { bytes: size.bytes, is_estimated: size.is_estimated }
    }
}

impl From<inside::Settings> for Settings {
    fn from(found: inside::Settings) -> Self {
        Self {
            is_root: found.is_root(),
            user: found.user,
            uid: found.uid,
            ports: found.ports,
            volumes: found.volumes,
            healthcheck: found.healthcheck,
            entrypoint: found.entrypoint,
            cmd: found.cmd,
            working_dir: found.working_dir,
        }
    }
}
