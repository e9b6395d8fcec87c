//! The page of an inspection.

use std::collections::BTreeMap;

use serde::Serialize;

use super::fit::{Fitted, Row, fit};
use super::{Folders, IMAGES, ROOM, page, shown};
use crate::finding::{Finding, Severity};
use crate::inside::{FileKind, FileState, ListedFile, Listing, title};
use crate::report::inspect::{HiddenCause, InspectedImage, InspectedLayer, Inspection, Pushed, SecretReport};
use crate::report::step::{shortened, without_arguments};
use crate::report::units::together;
use crate::text::{line, quoted};

/// Characters of what is shown of each thing, and of all steps of a page together.
const WIDE: usize = 400;
const STEPS: usize = 400_000;
/// Secrets and findings of an image.
const FINDINGS: usize = 1_000;

/// What is inside, as a page. The images have to have been inspected with their files.
pub fn inspection(found: &Inspection) -> String {
    let images: Vec<&InspectedImage> = found.images.iter().take(IMAGES).collect();
    let room = ROOM / images.len().max(1);
    let mut left_out: Vec<String> = Vec::new();
    if found.images.len() > images.len() {
        left_out.push(format!("Only the first {IMAGES} of {} images are shown.", found.images.len()));
    }
    let input = line(&found.input, WIDE);
    let shown: Vec<Image<'_>> = images
        .iter()
        .map(|image| Image::new(image, &found.input, (room, STEPS / images.len()), &mut left_out))
        .collect();
    let names = images.first().map_or(String::new(), |image| together(image.names.get(..1).unwrap_or_default()));
    let data = Data {
        version: found.version,
        about: format!("What is inside {input}"),
        images: shown,
        findings: found.findings.iter().take(FINDINGS).map(Told::plain).collect(),
        left_out,
    };
    page(&format!("{names} · inside the image"), include_str!("inspect.js"), &data)
}

#[derive(Serialize)]
struct Data<'i> {
    version: &'static str,
    about: String,
    images: Vec<Image<'i>>,
    findings: Vec<Told>,
    left_out: Vec<String>,
}

#[derive(Serialize)]
struct Image<'i> {
    names: Vec<String>,
    platform: String,
    created: Option<String>,
    settings: Who,
    unpacked_bytes: u64,
    live_bytes: u64,
    hidden_bytes: u64,
    pushed: Pushed,
    layers: Vec<Layer<'i>>,
    hidden: &'i [HiddenCause],
    savings: Vec<Saving>,
    secrets: Vec<Told>,
    findings: Vec<Told>,
    files: Files<'i>,
}

#[derive(Serialize)]
struct Who {
    user: String,
    uid: Option<u64>,
    is_root: bool,
}

#[derive(Serialize)]
struct Layer<'i> {
    position: u64,
    pushed: Pushed,
    unpacked_bytes: u64,
    hidden_bytes: u64,
    hidden: &'i BTreeMap<&'static str, u64>,
    files: u64,
    entries: u64,
    /// The step in a line, and as it is written.
    short: Option<String>,
    step: Option<String>,
    is_base: bool,
    digest: &'i str,
}

#[derive(Serialize)]
struct Saving {
    what: &'static str,
    pushed: Pushed,
    layers: u64,
    command: String,
}

/// A finding or a secret.
#[derive(Serialize)]
struct Told {
    severity: Severity,
    title: String,
    subject: String,
    /// Where it is, for secrets.
    state: String,
    layer: Option<u64>,
    message: String,
    remedy: Option<String>,
    accepted: Option<String>,
}

impl<'i> Image<'i> {
    fn new(image: &'i InspectedImage, input: &str, (room, steps): (usize, usize), left_out: &mut Vec<String>) -> Self {
        static NOTHING: Listing = Listing { folders: Vec::new(), files: Vec::new(), packages: Vec::new() };
        let (files, together) = Files::new(image.listing.as_ref().unwrap_or(&NOTHING), room);
        left_out.extend(super::left_out(together));
        let count = image.secrets.len().max(image.findings.len());
        if count > FINDINGS {
            left_out.push(format!("Only the first {FINDINGS} of {count} findings are shown."));
        }
        // Steps may be as long as a script.
        let step_room = (steps / image.layers.len().max(1)).clamp(20, 4_000);
        let settings = &image.settings;
        Self {
            names: image.names.iter().take(FINDINGS).map(|name| line(name, WIDE)).collect(),
            platform: line(&image.platform, WIDE),
            created: image.created.as_deref().map(|created| line(created, 40)),
            settings: Who { user: line(&settings.user, WIDE), uid: settings.uid, is_root: settings.is_root },
            unpacked_bytes: image.unpacked_bytes,
            live_bytes: image.live_bytes,
            hidden_bytes: image.hidden_bytes,
            pushed: image.pushed,
            layers: image.layers.iter().map(|layer| Layer::new(layer, step_room)).collect(),
            hidden: &image.hidden,
            savings: image.savings.iter().map(|saving| Saving::new(saving, input)).collect(),
            secrets: image.secrets.iter().take(FINDINGS).map(Told::secret).collect(),
            findings: image.findings.iter().take(FINDINGS).map(Told::plain).collect(),
            files,
        }
    }
}

impl<'i> Layer<'i> {
    fn new(layer: &'i InspectedLayer, room: usize) -> Self {
        let step = layer.step.as_deref();
        Self {
            position: layer.position,
            pushed: layer.pushed,
            unpacked_bytes: layer.unpacked_bytes,
            hidden_bytes: layer.hidden_bytes,
            hidden: &layer.hidden,
            files: layer.files,
            entries: layer.entries,
            short: step.map(|step| line(&shortened(step), room.min(160))),
            step: step.map(|step| line(&without_arguments(step), room)),
            is_base: layer.is_base,
            digest: &layer.digest,
        }
    }
}

impl Saving {
    fn new(saving: &crate::report::inspect::Saving, input: &str) -> Self {
        let options = if saving.options.is_empty() { String::new() } else { format!(" {}", saving.options) };
        let command = format!("imgsquash {} -o small.tar{options}", quoted(input));
        Self { what: saving.what, pushed: saving.pushed, layers: saving.layers, command: shown(&command) }
    }
}

impl Told {
    fn plain(finding: &Finding) -> Self {
        Self {
            severity: finding.severity,
            title: title(finding.id),
            subject: line(&finding.subject, WIDE),
            state: String::new(),
            layer: None,
            message: line(&finding.message, WIDE),
            remedy: finding.remedy.as_deref().map(|remedy| line(remedy, WIDE)),
            accepted: None,
        }
    }

    fn secret(secret: &SecretReport) -> Self {
        let SecretReport { rule, place, path, layer, state, hidden_by, removed_by_squash, .. } = secret;
        let at = secret.line.map_or(String::new(), |line| format!(":{line}"));
        let subject = match *place {
            "file" => format!("/{}{at}", path.trim_start_matches('/')),
            "history" => format!("history, {path}"),
            "env" => format!("variable {path}"),
            "cmd" => format!("command {path}"),
            place => format!("{place} {path}"),
        };
        let layer_words = layer.map_or(String::new(), |layer| format!(", layer {layer}"));
        let hidden = hidden_by.map_or(String::new(), |by| format!(", hidden by {by}"));
        let remedy =
            if *removed_by_squash { "A squash removes it; rotate it." } else { "A squash keeps it; rotate it." };
        Self {
            severity: secret.severity,
            title: format!("Secret: {}", line(rule, WIDE)),
            subject: line(&subject, WIDE),
            state: format!("{state}{layer_words}{hidden}"),
            layer: *layer,
            message: line(&secret.redacted, WIDE),
            remedy: Some(remedy.to_owned()),
            accepted: secret.accepted.as_deref().map(|why| line(why, WIDE)),
        }
    }
}

/// Files as columns.
#[derive(Serialize)]
struct Files<'i> {
    #[serde(flatten)]
    folders: Folders,
    bytes: Vec<u64>,
    layer: Vec<u64>,
    /// Places in the lists that follow.
    state: Vec<usize>,
    states: Vec<Option<Hidden>>,
    kind: Vec<usize>,
    kinds: Vec<&'static str>,
    package: Vec<usize>,
    packages: Vec<&'i str>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Hidden {
    cause: &'static str,
    /// The layer that hides it; 0 for several.
    by: u64,
}

/// What files have in common that are shown together; a row of one file has its package too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    layer: u64,
    state: Option<Hidden>,
    kind: FileKind,
    package: Option<usize>,
}

impl<'i> Files<'i> {
    /// The regular files of `listing` in so many bytes, and how many of them have no row of their own.
    fn new(listing: &'i Listing, room: usize) -> (Self, u64) {
        let folders: Vec<(&str, usize)> = listing.folders.iter().map(|folder| (&*folder.name, folder.up)).collect();
        let rows = listing.files.iter().filter(|file| file.is_regular).map(row).collect();
        let coarser = |key: Key| Key { layer: 0, state: key.state.map(|hidden| Hidden { by: 0, ..hidden }), ..key };
        let fitted: Fitted<'i, Key> = fit(&folders, rows, room, |key| Key { package: None, ..coarser(key) });
        let mut places = BTreeMap::from([(None, 0)]);
        let mut package_places = BTreeMap::from([(None, 0)]);
        let mut files = Self {
            folders: Folders::new(&fitted),
            bytes: fitted.rows.iter().map(|row| row.bytes[0]).collect(),
            layer: fitted.rows.iter().map(|row| row.key.layer).collect(),
            state: Vec::new(),
            states: vec![None],
            kind: Vec::new(),
            kinds: FileKind::ALL.iter().map(|kind| kind.name()).collect(),
            package: Vec::new(),
            packages: vec![""],
        };
        for Key { state, kind, package, .. } in fitted.rows.iter().map(|row| row.key) {
            let place = *places.entry(state).or_insert_with(|| {
                files.states.push(state);
                files.states.len() - 1
            });
            files.state.push(place);
            files.kind.push(FileKind::ALL.iter().position(|known| *known == kind).unwrap_or_default());
            let place = *package_places.entry(package).or_insert_with(|| {
                files.packages.push(package.and_then(|package| listing.packages.get(package)).map_or("", |name| name));
                files.packages.len() - 1
            });
            files.package.push(place);
        }
        (files, fitted.together)
    }
}

fn row(file: &ListedFile) -> Row<'_, Key> {
    let state = match file.state {
        FileState::Live => None,
        FileState::Hidden { cause, by } => Some(Hidden { cause, by }),
    };
    let bytes = file.own_bytes();
    Row {
        folder: file.folder,
        name: &file.name,
        weight: bytes,
        bytes: [bytes, 0],
        key: Key { layer: file.layer, state, kind: file.kind, package: file.package },
    }
}
