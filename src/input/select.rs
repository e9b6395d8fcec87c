//! Choosing images: all of them, or those of some names and platforms. Pure.
//!
//! # Decisions
//! - What cannot be read is an error where it was asked for, which everything is when nobody asks for anything.
//! - Of images for several systems, those for linux are taken and the others left out aloud; asked for by a name or a
//!   platform, another system is an error.

use std::collections::HashMap;

use thiserror::Error;

use super::note::InputNote;
use crate::oci::{
    ANNOTATION_IMAGE_NAME, ANNOTATION_REF_NAME, Catalog, Entry, Image, ImageId, Item, Other, Platform, Reference,
    annotations,
};

/// What a person asked for.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Names, any of which will do; empty means all.
    pub refs: Vec<String>,
    /// Platforms, any of which will do; empty means all.
    pub platforms: Vec<Platform>,
}

/// Nothing is left to squash.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SelectError {
    /// No image has the name.
    #[error("no image is called \"{wanted}\"; there are: {found}")]
    NoSuchName {
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// No image is for the platform.
    #[error("no image is for {wanted}; there are: {found}")]
    NoSuchPlatform {
        /// What was asked for.
        wanted: Platform,
        /// What there is.
        found: String,
    },
    /// One name cannot be given to several images.
    #[error("--tag, or the name to write to, names one image, and there are {0}: choose one with --ref or --platform")]
    SeveralImages(usize),
    /// What there is, is not an image, or cannot be read.
    #[error("{0}")]
    NotAnImage(String),
}

/// Keeps what `wanted` asks for, and images only; what else there was is told in the notes. Images keep their ids.
pub fn select(mut catalog: Catalog, wanted: &Selection) -> Result<(Catalog, Vec<InputNote>), SelectError> {
    for name in &wanted.refs {
        called(&catalog, name)?;
    }
    for platform in &wanted.platforms {
        let found = platforms(&catalog.entries, &catalog.images);
        if !found.iter().any(|found| found.matches(platform)) {
            let mut found: Vec<String> = found.iter().map(Platform::to_string).collect();
            found.sort();
            found.dedup();
            return Err(SelectError::NoSuchPlatform { wanted: platform.clone(), found: list(&found) });
        }
    }
    let images = &catalog.images;
    catalog
        .entries
        .retain(|entry| wanted.refs.is_empty() || wanted.refs.iter().any(|name| is_called(entry, images, name)));
    let mut notes = Vec::new();
    if wanted.platforms.is_empty() {
        let groups = if wanted.refs.is_empty() { catalog.entries.len() } else { 1 };
        for group in catalog.entries.chunks_mut(groups.max(1)) {
            leave_out_foreign(group, images, &mut notes);
        }
    } else {
        keep_platforms(&mut catalog.entries, images, &wanted.platforms, &mut notes);
    }
    let mut dropped = Vec::new();
    keep_images(&mut catalog.entries, &mut dropped);
    let broken = dropped.iter().find_map(|(other, _)| match other {
        Other::Broken(problem) => Some(problem.clone()),
        _ => None,
    });
    if let Some(problem) = broken {
        let others = if catalog.entries.is_empty() { "" } else { "; choose others with --ref or --platform" };
        return Err(SelectError::NotAnImage(format!("{problem}{others}")));
    }
    if catalog.entries.is_empty() {
        return Err(SelectError::NotAnImage(nothing_left(&dropped)));
    }
    catalog.entries = catalog.entries.into_iter().map(simplest).collect();
    notes.extend(told(dropped));
    Ok((catalog, notes))
}

/// The images that are called `name`; an error when nothing is.
pub fn called(catalog: &Catalog, name: &str) -> Result<Vec<ImageId>, SelectError> {
    let mut entries = catalog.entries.iter().filter(|entry| is_called(entry, &catalog.images, name)).peekable();
    if entries.peek().is_none() {
        let mut found: Vec<String> = catalog.entries.iter().flat_map(|entry| names(entry, &catalog.images)).collect();
        found.dedup();
        return Err(SelectError::NoSuchName { wanted: name.to_owned(), found: list(&found) });
    }
    Ok(entries.flat_map(Entry::images).collect())
}

/// Whether `name` means this entry, in any of the ways it can be spelled.
fn is_called(entry: &Entry, images: &[Image], name: &str) -> bool {
    let reference: Option<Reference> = name.parse().ok();
    names(entry, images)
        .iter()
        .any(|known| known == name || (reference.is_some() && known.contains(':') && known.parse().ok() == reference))
}

/// The names of an entry; those of `manifest.json` only count when the index gives none.
fn names(entry: &Entry, images: &[Image]) -> Vec<String> {
    let names = entry.names();
    if !names.is_empty() {
        return names;
    }
    let tags = |id: ImageId| images[id.0].repo_tags.iter().map(Reference::familiar);
    entry.images().into_iter().flat_map(tags).collect()
}

fn platforms(entries: &[Entry], images: &[Image]) -> Vec<Platform> {
    entries
        .iter()
        .flat_map(|entry| match &entry.item {
            Item::Index { entries, .. } => platforms(entries, images),
            Item::Image(id) => vec![entry.platform().unwrap_or_else(|| images[id.0].config.platform().clone())],
            Item::Other(Other::Broken(_)) => entry.platform().into_iter().collect(),
            Item::Other(_) => Vec::new(),
        })
        .collect()
}

/// Keeps what is for one of the `wanted` platforms. What cannot be read and does not say what it is for is not.
fn keep_platforms(entries: &mut Vec<Entry>, images: &[Image], wanted: &[Platform], notes: &mut Vec<InputNote>) {
    entries.retain_mut(|entry| {
        let platform = entry.platform();
        let matches = |platform: &Platform| wanted.iter().any(|wanted| platform.matches(wanted));
        match &mut entry.item {
            Item::Index { entries, .. } => {
                keep_platforms(entries, images, wanted, notes);
                !entries.is_empty()
            }
            Item::Image(id) => matches(&platform.unwrap_or_else(|| images[id.0].config.platform().clone())),
            Item::Other(Other::Attestation) => true,
            Item::Other(Other::Broken(problem)) if platform.is_none() => {
                notes.push(InputNote::Broken(problem.clone()));
                false
            }
            Item::Other(_) => platform.as_ref().is_some_and(matches),
        }
    });
}

/// Takes out images for other systems where there are linux images beside them. Alone, or asked for, they are an error.
fn leave_out_foreign(entries: &mut [Entry], images: &[Image], notes: &mut Vec<InputNote>) {
    let platform = |id: ImageId| images[id.0].config.platform();
    let is_linux = |id: &ImageId| platform(*id).os == "linux";
    let mut all: Vec<ImageId> = entries.iter().flat_map(Entry::images).collect();
    all.sort_unstable();
    all.dedup();
    if !all.iter().any(is_linux) {
        return;
    }
    notes.extend(all.iter().filter(|id| !is_linux(id)).map(|id| InputNote::ForeignSystem(platform(*id).clone())));
    let mut todo: Vec<&mut Entry> = entries.iter_mut().collect();
    while let Some(entry) = todo.pop() {
        if matches!(&entry.item, Item::Image(id) if !is_linux(id)) {
            entry.item = Item::Other(Other::Foreign);
        } else if let Item::Index { entries, .. } = &mut entry.item {
            todo.extend(entries);
        }
    }
}

/// Takes out what is no image.
fn keep_images(entries: &mut Vec<Entry>, dropped: &mut Vec<(Other, String)>) {
    entries.retain_mut(|entry| {
        let platform = entry.platform().map(|platform| platform.to_string());
        match &mut entry.item {
            Item::Image(_) => true,
            Item::Index { entries, .. } => {
                keep_images(entries, dropped);
                !entries.is_empty()
            }
            Item::Other(other) => {
                dropped.push((other.clone(), platform.unwrap_or_default()));
                false
            }
        }
    });
}

/// What a person is told of what was taken out.
fn told(dropped: Vec<(Other, String)>) -> Vec<InputNote> {
    let mut notes = Vec::new();
    let mut artifacts: Vec<(String, usize)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut attestations = 0;
    for (other, platform) in dropped {
        match other {
            Other::Attestation => attestations += 1,
            Other::Artifact(kind) => {
                let place = *places.entry(kind.clone()).or_insert(artifacts.len());
                if place == artifacts.len() {
                    artifacts.push((kind, 0));
                }
                artifacts[place].1 += 1;
            }
            Other::Schema1 => notes.push(InputNote::Schema1),
            Other::Absent(digest) if platform.is_empty() => {
                notes.push(InputNote::Absent { platform: digest.to_string() })
            }
            Other::Absent(_) => notes.push(InputNote::Absent { platform }),
            // Told where they were found.
            Other::Foreign | Other::Broken(_) => {}
        }
    }
    notes.extend(artifacts.into_iter().map(|(kind, count)| InputNote::Artifact { kind, count }));
    (attestations > 0).then_some(InputNote::Attestations(attestations)).into_iter().chain(notes).collect()
}

fn nothing_left(dropped: &[(Other, String)]) -> String {
    match dropped.first() {
        None => "the archive holds no image".to_owned(),
        Some((Other::Attestation, _)) => "the archive holds attestations only, no image".to_owned(),
        Some((Other::Artifact(kind), _)) => {
            format!("the archive holds an artifact of type {kind}, expected a container image")
        }
        Some((Other::Schema1, _)) => {
            "the image has a Docker schema 1 manifest, which has no config: pull and save it with a current tool"
                .to_owned()
        }
        Some((Other::Absent(digest), _)) => format!("manifest {digest} is missing from the archive"),
        Some((Other::Broken(problem), _)) => problem.clone(),
        Some((Other::Foreign, _)) => "only linux images can be squashed".to_owned(),
    }
}

/// An index that only led to one image, and says nothing of its own, is left out: not every consumer follows it.
fn simplest(entry: Entry) -> Entry {
    let Item::Index { document, mut entries } = entry.item else { return entry };
    match entries.pop() {
        Some(only) if entries.is_empty() && document.raw("annotations").is_none() => {
            let mut inner = simplest(only);
            let mut said = annotations(&inner.descriptor).unwrap_or_default();
            said.extend(annotations(&entry.descriptor).unwrap_or_default());
            if !said.is_empty() {
                inner.descriptor.set("annotations", &said);
            }
            inner
        }
        last => {
            entries.extend(last);
            Entry { item: Item::Index { document, entries }, ..entry }
        }
    }
}

/// Gives the one image (or the one index of platforms) of the catalog the names `tags` and no other.
pub fn rename(mut catalog: Catalog, tags: &[Reference]) -> Result<Catalog, SelectError> {
    let mut groups: Vec<Vec<ImageId>> = catalog.entries.iter().map(Entry::images).collect();
    groups.dedup();
    let [_] = groups[..] else { return Err(SelectError::SeveralImages(groups.len())) };
    let entry = catalog.entries.swap_remove(0);
    catalog.entries.clear();
    for tag in tags {
        let mut said = annotations(&entry.descriptor).unwrap_or_default();
        said.insert(ANNOTATION_IMAGE_NAME.to_owned(), tag.normalized());
        said.insert(ANNOTATION_REF_NAME.to_owned(), tag.familiar());
        let mut descriptor = entry.descriptor.clone();
        descriptor.set("annotations", &said);
        catalog.entries.push(Entry { descriptor, item: entry.item.clone() });
    }
    for image in &mut catalog.images {
        image.repo_tags.clear();
    }
    Ok(catalog)
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none with a name".to_owned() } else { names.join(", ") }
}
