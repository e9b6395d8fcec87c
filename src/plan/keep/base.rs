//! Where a base image ends.

use std::collections::BTreeMap;

use super::wish::{Base, Count, KeepError};
use crate::finding::{Finding, Severity};
use crate::oci::{Digest, Image, annotations};

/// How many layers the base has.
pub(super) fn base(image: &Image, bases: &[Base]) -> Result<usize, KeepError> {
    let wanted = image.config.platform();
    let Some(base) = bases.iter().find(|base| base.platform.matches(wanted)) else {
        let mut found: Vec<String> = bases.iter().map(|base| base.platform.to_string()).collect();
        found.sort();
        found.dedup();
        return Err(KeepError::BasePlatform { wanted: wanted.clone(), found: found.join(", ") });
    };
    for (at, theirs) in base.diff_ids.iter().enumerate() {
        let ours = image.layers.get(at).map(|layer| layer.diff_id);
        if ours != Some(*theirs) {
            let image = ours.map_or("none".to_owned(), |ours| ours.to_string());
            return Err(KeepError::NotTheBase { position: at + 1, base: *theirs, image });
        }
    }
    Ok(base.diff_ids.len())
}

const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
const BASE_NAME: &str = "org.opencontainers.image.base.name";

/// What an annotation of the manifest, or a label, says.
fn said(image: &Image, key: &str) -> Option<String> {
    let annotation = annotations(&image.manifest).ok().and_then(|found| found.get(key).cloned());
    let label = || -> Option<String> {
        let container = image.config.container().ok()?;
        let labels: Option<BTreeMap<String, String>> = container.get("Labels", "").ok()?;
        labels?.get(key).cloned()
    };
    annotation.or_else(label).filter(|text| !text.is_empty())
}

/// How many layers the base has that an annotation names, when it is one of `bases`, and that it was so found.
pub(super) fn annotated(image: &Image, bases: &[Base]) -> Option<(usize, Finding)> {
    let digest: Digest = said(image, BASE_DIGEST)?.parse().ok()?;
    let named = bases.iter().find(|base| base.digest == digest)?;
    let count = base(image, std::slice::from_ref(named)).ok()?;
    let name = said(image, BASE_NAME).unwrap_or_else(|| digest.to_string());
    let kept = format!("kept {} as the base image {name}, which {BASE_DIGEST} names and the archive has", Count(count));
    Some((count, Finding::new("base-named", Severity::Info, kept)))
}

/// How many layers the base has by what the history says, and what it says.
pub(super) fn guess(image: &Image) -> Result<(usize, Finding), KeepError> {
    let history = image.config.history().unwrap_or_default();
    let rows = history.iter().filter(|row| !row.is_empty_layer()).count();
    if history.is_empty() {
        return Err(KeepError::NoBase("the image has no history"));
    }
    if rows != image.layers.len() {
        return Err(KeepError::NoBase("its history does not fit its layers"));
    }
    // Settings after the newest layer are the image's own.
    let own = history.iter().rposition(|row| !row.is_empty_layer()).unwrap_or_default();
    let ends = |at: &usize| history[*at].is_empty_layer() && sets_command(&history[*at].created_by());
    let Some(end) = (0..own).rev().find(ends) else {
        return Err(KeepError::NoBase("no row of its history before the newest layer sets CMD or ENTRYPOINT"));
    };
    let count = history[..end].iter().filter(|row| !row.is_empty_layer()).count();
    if count == 0 {
        return Err(KeepError::NoBase("the only CMD or ENTRYPOINT comes before the first layer"));
    }
    let text = history[end].created_by();
    let text = text.trim_start_matches("/bin/sh -c #(nop)").trim();
    let short: String = text.chars().take(60).collect();
    let name = said(image, BASE_NAME).map_or(String::new(), |name| format!(" {name}"));
    let kept = format!("kept {} as the base image{name}", Count(count));
    let kept = format!("{kept}, which ends with row {} of the history: {short}", end + 1);
    Ok((count, Finding::new("base-guessed", Severity::Low, kept)))
}

/// How many of the oldest layers are the base image, as far as the history tells.
pub fn base_of(image: &Image) -> Option<usize> {
    guess(image).ok().map(|(count, _)| count)
}

/// Whether a row of the history sets what a container runs, as the classic builder, BuildKit and buildah write it.
fn sets_command(created_by: &str) -> bool {
    let text = created_by.trim_start_matches("/bin/sh -c #(nop)").trim_start();
    text.starts_with("CMD") || text.starts_with("ENTRYPOINT")
}

#[cfg(test)]
mod tests {
    use super::super::squashed::squashed;
    use super::super::squashed::tests::image;
    use super::super::wish::Keep;
    use super::*;
    use crate::input::Origin;
    use crate::oci::DiffId;

    #[test]
    fn a_base_is_all_of_its_layers_or_none() {
        let image = image(&["one", "two", "three"]);
        let base = |platform: &str, layers: &[u8]| Base {
            digest: Digest::of(b"base"),
            platform: platform.parse().unwrap(),
            diff_ids: layers.iter().map(|at| DiffId(Digest::of(&[*at]))).collect(),
        };
        let with = |bases: &[Base]| squashed(&image, &Keep::Base(Origin::Stdin, None), bases).map(|(range, _)| range);
        assert_eq!(with(&[base("linux/arm64", &[9]), base("linux/amd64", &[1, 2])]), Ok(2..3));
        let error = with(&[base("linux/amd64", &[1, 9])]).unwrap_err().to_string();
        assert!(error.contains("they part at layer 2, where the base has sha256:"), "{error}");
        let error = with(&[base("linux/amd64", &[1, 2, 3, 4])]).unwrap_err().to_string();
        assert!(error.contains("they part at layer 4") && error.ends_with("and the image none"), "{error}");
        let error = with(&[base("linux/arm/v7", &[1])]).unwrap_err().to_string();
        assert_eq!(error, "the base has no image for linux/amd64; there are: linux/arm/v7");
    }

    #[test]
    fn a_base_that_an_annotation_names_is_told_by_its_layers_when_it_is_there() {
        let mut image = image(&["one", "two", "#CMD x", "three"]);
        let digest = Digest::of(b"base");
        let names = BTreeMap::from([(BASE_DIGEST, digest.to_string()), (BASE_NAME, "example/base:1".to_owned())]);
        image.manifest.set("annotations", &names);
        let diff_ids = vec![DiffId(Digest::of(&[1]))];
        let bases = [Base { digest, platform: image.config.platform().clone(), diff_ids }];
        let (range, why) = squashed(&image, &Keep::Guess, &bases).unwrap();
        assert_eq!(range, 1..3);
        let expected =
            "kept 1 layer as the base image example/base:1, which org.opencontainers.image.base.digest names";
        assert!(why.unwrap().message.starts_with(expected));
        let (range, why) = squashed(&image, &Keep::Guess, &[]).unwrap();
        assert_eq!(range, 2..3, "the digest alone does not tell the layers, the history does");
        assert!(
            why.unwrap().message.starts_with("kept 2 layers as the base image example/base:1, which ends with row 3")
        );
    }

    #[test]
    fn a_base_is_guessed_by_the_command_that_ends_it() {
        for (rows, expected) in [
            (&["ADD rootfs", "#CMD [\"bash\"]", "RUN apt", "COPY app", "#CMD [\"app\"]"][..], Ok(1)),
            (&["ADD", "#/bin/sh -c #(nop)  CMD [\"bash\"]", "RUN python", "#ENTRYPOINT [\"x\"]", "COPY app"], Ok(2)),
            (&["ADD", "RUN", "#CMD [\"app\"]"], Err("no row")),
            (&["#CMD [\"x\"]", "ADD", "RUN"], Err("the only CMD")),
            (&[], Err("no history")),
        ] {
            match (guess(&image(rows)), expected) {
                (Ok((count, why)), Ok(expected)) => {
                    assert_eq!(count, expected, "{rows:?}");
                    assert!(why.message.contains("as the base image, which ends with row"), "{why}");
                }
                (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
                (found, _) => panic!("{rows:?}: {found:?}"),
            }
        }
    }
}
