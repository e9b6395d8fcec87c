//! From the files of an archive to its images and their layers.

use super::document::Bounds;
use super::error::InputError;
use super::store::Store;
use super::{docker, layout};
use crate::budget::Budget;
use crate::layer::Source;
use crate::limits::Limits;
use crate::oci::{Catalog, Image, LayerKind};

/// All images of `store`.
pub fn read(store: &dyn Store, limits: &Limits, budget: &Budget) -> Result<Catalog, InputError> {
    let bounds = Bounds { limits, budget };
    if let Some(index) = store.file("index.json")? {
        return layout::read(store, &index, bounds);
    }
    if let Some(manifest) = store.file("manifest.json")? {
        return docker::read(store, &manifest, bounds);
    }
    if store.any(&|name| name == "repositories" || name.ends_with("/VERSION")) {
        return Err(InputError::NoImage("this was saved by Docker before 1.10; load it and save it again"));
    }
    if store.any(&|name| name.starts_with("etc/") || name.starts_with("usr/")) {
        return Err(InputError::NoImage("this looks like a root file system (docker export); use docker save instead"));
    }
    Err(InputError::NoImage(store.expected()))
}

/// The layers of `image`, oldest first, each found in `store`.
pub fn sources(store: &dyn Store, image: &Image, limits: &Limits) -> Result<Vec<Source>, InputError> {
    let platform = image.config.platform();
    if platform.os != "linux" {
        return Err(InputError::ForeignSystem(platform.to_string()));
    }
    let diff_ids = image.config.diff_ids().len();
    if diff_ids != image.layers.len() {
        return Err(InputError::LayerCount { diff_ids, layers: image.layers.len() });
    }
    if diff_ids > usize::from(limits.layers) {
        return Err(InputError::TooMuch { what: "the image's layers", limit: usize::from(limits.layers) });
    }
    let mut sources = Vec::with_capacity(diff_ids);
    for (layer, position) in image.layers.iter().zip(1..) {
        if let LayerKind::Other(media_type) = &layer.kind {
            return Err(InputError::NotALayer { position, media_type: media_type.clone() });
        }
        let Some(blob) = store.layer(layer)? else {
            return Err(match layer.kind {
                LayerKind::Foreign => InputError::ForeignLayer { position, name: layer.name.clone() },
                _ => InputError::Missing { what: format!("layer {position} ({})", layer.name) },
            });
        };
        sources.push(Source { layer: layer.clone(), blob });
    }
    Ok(sources)
}
