//! The documents of the new image. Pure.
//!
//! # Decisions
//! - Documents are the input's own with only these members edited: config `rootfs.diff_ids`, `history`, `created`, and
//!   what a person asked to edit (and, when times are set, what the classic builder notes of one build); manifest
//!   `mediaType`, `config`, `layers`, `annotations`; descriptors `mediaType`, `digest`, `size`. An embedded copy
//!   (`data`) or other places (`urls`) of what they described are dropped.
//! - Of an image that imgsquash made with the same options, and that has the same layers after, nothing is edited: it
//!   is what it would become, and a row or an annotation more each time would be all that changed.

mod blob;
mod docker;
mod edits;
mod history;
mod image;
mod index;
mod layers;

pub use blob::Blob;
pub use docker::{DockerFiles, docker_files, names};
pub use edits::{ConfigEdits, Edits, HistoryMode, MediaTypes, Provenance};
pub use image::{Assembled, healthcheck, image};
pub use index::{Index, index};
pub use layers::Final;
