//! `manifest.json` and `repositories`, by which Docker finds images in an archive.
//!
//! # Decisions
//! - `manifest.json` has one entry for each image. Docker's classic store keeps one image for a name, so of several
//!   platforms the first has the names there.

use std::collections::{BTreeMap, HashSet};

use serde_json::json;

use super::image::Assembled;
use crate::oci::{Catalog, Digest, ImageId, Reference};

/// `manifest.json` and `repositories`.
pub struct DockerFiles {
    /// `manifest.json`.
    pub manifest: Vec<u8>,
    /// `repositories`; `None` when no image has a name.
    pub repositories: Option<Vec<u8>>,
}

/// Docker's files for the images in `assembled`.
pub fn docker_files(catalog: &Catalog, assembled: &BTreeMap<ImageId, Assembled>) -> DockerFiles {
    let names = names(catalog);
    let mut saved = Vec::new();
    let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (id, image) in assembled {
        let tags = names.get(id).map(Vec::as_slice).unwrap_or_default();
        let familiar: Vec<String> = tags.iter().map(Reference::familiar).collect();
        saved.push(json!({
            "Config": image.config.digest.blob_path(),
            "RepoTags": if familiar.is_empty() { None } else { Some(familiar) },
            "Layers": image.layers.iter().map(Digest::blob_path).collect::<Vec<_>>(),
        }));
        for (tag, layer) in tags.iter().zip(image.layers.last().into_iter().cycle()) {
            repositories.entry(tag.repository()).or_default().insert(tag.tag().to_owned(), layer.hex());
        }
    }
    let bytes = |value: &serde_json::Value| value.to_string().into_bytes();
    DockerFiles {
        manifest: bytes(&json!(saved)),
        repositories: (!repositories.is_empty()).then(|| bytes(&json!(repositories))),
    }
}

/// The names each image has in `manifest.json`.
pub fn names(catalog: &Catalog) -> BTreeMap<ImageId, Vec<Reference>> {
    let mut names: BTreeMap<ImageId, Vec<Reference>> = BTreeMap::new();
    let mut seen: HashSet<(ImageId, String)> = HashSet::new();
    for entry in &catalog.entries {
        let Some(first) = entry.images().first().copied() else { continue };
        let is_new = !names.contains_key(&first);
        let known = names.entry(first).or_default();
        let own = if is_new { catalog.images[first.0].repo_tags.as_slice() } else { &[] };
        for name in entry.references().iter().chain(own) {
            if seen.insert((first, name.to_string())) {
                known.push(name.clone());
            }
        }
    }
    names
}
