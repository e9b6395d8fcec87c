//! Which layers are squashed.

use std::ops::Range;

use super::base::{annotated, base, guess};
use super::wish::{Base, Count, Keep, KeepError, Pick};
use crate::finding::Finding;
use crate::oci::{DiffId, Image};

/// The layers to squash, by position from 0, and how it was found out when nobody said so.
pub(in crate::plan) fn squashed(
    image: &Image,
    keep: &Keep,
    bases: &[Base],
) -> Result<(Range<usize>, Option<Finding>), KeepError> {
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
        Keep::Base(..) => (base(image, bases)?..layers, None),
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::oci::{Config, Digest, Document, Layer, LayerKind};

    /// An image of the layers 1, 2, … with these rows; those that begin with `#` stand for no layer.
    pub(in super::super) fn image(rows: &[&str]) -> Image {
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
            (Keep::Below(Pick::Position(0)), "the image has 4 layers, so layer 0 cannot be chosen"),
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
