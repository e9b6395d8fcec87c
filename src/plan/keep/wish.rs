//! What can be asked to be kept, and why it may not be possible.

use thiserror::Error;

use crate::input::Origin;
use crate::oci::{DiffId, Digest, Platform};

/// What a person asked to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: all layers are squashed.
    #[default]
    Nothing,
    /// The oldest ones, so many.
    First(usize),
    /// All but the newest ones, so many.
    AllButLast(usize),
    /// Those below this one.
    Below(Pick),
    /// Those below the first and above the last of these, which are squashed.
    Around(Pick, Pick),
    /// Those of the base image that is there: of all images, or of the one that is called so.
    Base(Origin, Option<String>),
    /// Those of the base image that the history tells of.
    Guess,
}

/// A layer as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// By position, oldest 1.
    Position(usize),
    /// By the digest of its blob, or its diff_id.
    Digest(Digest),
}

impl std::str::FromStr for Pick {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(0) => return Err("layers are counted from 1, the oldest".to_owned()),
            Ok(position) => return Ok(Self::Position(position)),
            Err(_) => {}
        }
        let digest = text.parse().or_else(|_| Digest::from_hex(text).ok_or(()));
        digest.map(Self::Digest).map_err(|()| {
            format!("expected a position, counted from 1, or the digest or diff_id of a layer, got \"{text}\"")
        })
    }
}

impl std::fmt::Display for Pick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Position(position) => write!(f, "layer {position}"),
            Self::Digest(digest) => write!(f, "layer {digest}"),
        }
    }
}

/// A base image: what it runs on and the layers it has.
#[derive(Clone, Debug)]
pub struct Base {
    /// The digest of its manifest.
    pub digest: Digest,
    /// The platform.
    pub platform: Platform,
    /// The layers, oldest first.
    pub diff_ids: Vec<DiffId>,
}

/// A wish that the image does not fit.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeepError {
    /// There are not so many layers.
    #[error("the image has {layers}, so {wanted} cannot be chosen")]
    OutOfRange {
        /// What was asked for.
        wanted: String,
        /// Layers of the image.
        layers: Count,
    },
    /// No layer has that digest.
    #[error("the image has no {0}: its layers are told by their position, digest or diff_id")]
    NoSuchLayer(Pick),
    /// The first layer comes after the last.
    #[error("{0} comes after {1}: name the older one first")]
    Backward(Pick, Pick),
    /// All layers would be kept.
    #[error("all of the image's {0} would be kept, nothing is left to squash")]
    NothingLeft(Count),
    /// The image is not built on the base.
    #[error(
        "the image is not built on this base: they part at layer {position}, where the base has {base} and the image {image}"
    )]
    NotTheBase {
        /// The first layer that differs, oldest 1.
        position: usize,
        /// What the base has there.
        base: DiffId,
        /// What the image has there.
        image: String,
    },
    /// The base is for other platforms.
    #[error("the base has no image for {wanted}; there are: {found}")]
    BasePlatform {
        /// The platform of the image.
        wanted: Platform,
        /// Those of the base.
        found: String,
    },
    /// Nothing tells where the base ends.
    #[error("nothing tells where the base ends: {0}; name the base image, or use --keep-layers")]
    NoBase(&'static str),
}

/// A number of layers, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub usize);

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} layer{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}
