//! Which layers of an image stay as they are. Pure.
//!
//! # Decisions
//! - Layers are counted from 1, the oldest first, as `docker history` and manifests list them, rows without a layer not
//!   counted.
//! - A base image is all of its layers or none: a base that is only partly below the image is an error.
//! - `org.opencontainers.image.base.digest` (image-spec, annotations.md) names the base; when the archive has it too, its
//!   layers tell. A digest alone does not.
//! - Else it is guessed as vulnerability scanners do: base images end with a CMD or an ENTRYPOINT, and images built on
//!   them go on after it. The last one that is not the image's own ends the base.

mod base;
mod squashed;
mod wish;

pub use base::base_of;
pub(super) use squashed::squashed;
pub use wish::{Base, Count, Keep, KeepError, Pick};
