//! The vocabulary of images: digests, media types, documents, names, platforms. No I/O happens here.

mod config;
mod digest;
mod document;
mod image;
mod media_type;
mod platform;
mod reference;

pub use config::{Config, HistoryRow};
pub use digest::{DiffId, Digest};
pub use document::{Document, InvalidJson};
pub use image::{
    ANNOTATION_IMAGE_NAME, ANNOTATION_REF_NAME, Catalog, Entry, Image, ImageId, Item, Layer, Other, annotations,
    digest_of, size_of, unambiguous,
};
pub use media_type::{DOCKER_SCHEMA1, DocumentKind, LayerKind, document_kind, layer_kind};
pub use platform::Platform;
pub use reference::{InvalidReference, Reference};
