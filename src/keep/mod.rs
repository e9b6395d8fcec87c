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

use std::ops::Range;

use thiserror::Error;

use self::base::{annotated, base, guess};
use crate::oci::{DiffId, Digest, Image, Platform};

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
    /// Those of a base image.
    Base,
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
        if let Ok(position) = text.parse() {
            return Ok(Self::Position(position));
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

/// The layers to squash, by position from 0, and how it was found out when nobody said so.
pub fn squashed(image: &Image, keep: &Keep, bases: &[Base]) -> Result<(Range<usize>, Option<String>), KeepError> {
    let layers = image.layers.len();
    let too_many = |wanted: String| KeepError::OutOfRange { wanted, layers: Count(layers) };
    let (range, why) = match keep {
        Keep::Nothing => return Ok((0..layers, None)),
        Keep::First(count) if *count > layers => return Err(too_many(format!("the first {}", Count(*count)))),
        Keep::First(count) => (*count..layers, None),
        Keep::AllButLast(count) if *count > layers => return Err(too_many(format!("the last {}", Count(*count)))),
        Keep::AllButLast(count) => (layers - count..layers, None),
        Keep::Below(pick) => (position(image, pick)?..layers, None),
        Keep::Around(from, to) => {
            let (begin, end) = (position(image, from)?, position(image, to)?);
            if begin > end {
                return Err(KeepError::Backward(from.clone(), to.clone()));
            }
            (begin..end + 1, None)
        }
        Keep::Base => (base(image, bases)?..layers, None),
        Keep::Guess => {
            let (count, why) = annotated(image, bases).map_or_else(|| guess(image), Ok)?;
            (count..layers, Some(why))
        }
    };
    if range.is_empty() {
        return Err(KeepError::NothingLeft(Count(layers)));
    }
    Ok((range, why))
}

fn position(image: &Image, pick: &Pick) -> Result<usize, KeepError> {
    match pick {
        Pick::Position(position) if (1..=image.layers.len()).contains(position) => Ok(position - 1),
        Pick::Position(_) => Err(KeepError::OutOfRange { wanted: pick.to_string(), layers: Count(image.layers.len()) }),
        Pick::Digest(digest) => image
            .layers
            .iter()
            .position(|layer| layer.digest == Some(*digest) || layer.diff_id == DiffId(*digest))
            .ok_or_else(|| KeepError::NoSuchLayer(pick.clone())),
    }
}

/// How many of the oldest layers are the base image, as far as the history tells.
pub fn base_of(image: &Image) -> Option<usize> {
    guess(image).ok().map(|(count, _)| count)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::oci::{Config, Document, Layer, LayerKind};

    /// An image of the layers 1, 2, … with these rows; those that begin with `#` stand for no layer.
    pub(super) fn image(rows: &[&str]) -> Image {
        let count = rows.iter().filter(|row| !row.starts_with('#')).count();
        let diff_id = |at: usize| Digest::of(&[u8::try_from(at).unwrap()]);
        let history: Vec<_> = rows
            .iter()
            .map(|row| serde_json::json!({"created_by": row.trim_start_matches('#'), "empty_layer": row.starts_with('#')}))
            .collect();
        let diff_ids: Vec<String> = (1..=count).map(|at| diff_id(at).to_string()).collect();
        let config = serde_json::json!({"os": "linux", "architecture": "amd64", "history": history,
            "rootfs": {"type": "layers", "diff_ids": diff_ids}});
        let layers = (1..=count).map(|at| Layer {
            name: format!("layer{at}"),
            digest: Some(Digest::of(format!("blob{at}").as_bytes())),
            size: None,
            diff_id: DiffId(diff_id(at)),
            kind: LayerKind::Tar,
            descriptor: Document::default(),
            estargz: false,
        });
        let config = Config::parse(config.to_string().as_bytes()).unwrap();
        let (manifest, digest) = (Document::default(), Digest::of(b"manifest"));
        Image { manifest, layers: layers.collect(), config, repo_tags: Vec::new(), digest }
    }

    fn range(image: &Image, keep: &Keep) -> Result<Range<usize>, String> {
        squashed(image, keep, &[]).map(|(range, _)| range).map_err(|error| error.to_string())
    }

    #[test]
    fn layers_are_chosen_by_number_position_and_digest() {
        let image = image(&["one", "two", "three", "four"]);
        let pick = |text: &str| text.parse::<Pick>().unwrap();
        let diff_id = image.layers[1].diff_id.to_string();
        let blob = image.layers[2].digest.unwrap().hex();
        for (keep, expected) in [
            (Keep::Nothing, 0..4),
            (Keep::First(1), 1..4),
            (Keep::AllButLast(1), 3..4),
            (Keep::Below(pick("3")), 2..4),
            (Keep::Below(pick(&diff_id)), 1..4),
            (Keep::Around(pick("2"), pick(&blob)), 1..3),
            (Keep::Around(pick("1"), pick("1")), 0..1),
        ] {
            assert_eq!(range(&image, &keep), Ok(expected), "{keep:?}");
        }
        for (keep, error) in [
            (Keep::First(5), "the image has 4 layers, so the first 5 layers cannot be chosen"),
            (Keep::First(4), "all of the image's 4 layers would be kept, nothing is left to squash"),
            (Keep::AllButLast(0), "all of the image's 4 layers would be kept, nothing is left to squash"),
            (Keep::Below(pick("0")), "the image has 4 layers, so layer 0 cannot be chosen"),
            (Keep::Around(pick("3"), pick("2")), "layer 3 comes after layer 2: name the older one first"),
        ] {
            assert_eq!(range(&image, &keep), Err(error.to_owned()), "{keep:?}");
        }
        let unknown = format!("sha256:{}", "0".repeat(64));
        let error =
            format!("the image has no layer {unknown}: its layers are told by their position, digest or diff_id");
        assert_eq!(range(&image, &Keep::Below(pick(&unknown))), Err(error));
    }
}
