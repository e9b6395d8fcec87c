//! Images of a registry as input: the same image comes of it as of a file, and no byte moves that nobody needs.

use std::sync::Arc;

use imgsquash::remote::{Remote, Settings};
use imgsquash::request::{Keep, Origin, Target};
use imgsquash::{Error, Squash};

use super::auth::password;
use crate::support::archive::{Archive, Codec, Form, Image, collect};
use crate::support::layer::{Entry, Layer};
use crate::support::node::{Kind, Node};
use crate::support::read::{files, images};
use crate::support::registry::{Act, Registry, machine, refuse};
use crate::support::run::{Place, request, squash_with};

/// A layer with a file of its own.
fn layer(name: &str, bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut byte = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    let noise = (0..bytes).map(&mut byte).collect();
    let entry = Entry { name: name.as_bytes().to_vec(), node: Node::new(Kind::File(noise)) };
    Layer { entries: vec![entry], ..Layer::default() }.tar()
}

/// An image of three layers.
pub(super) fn image() -> Image {
    Image::new(vec![layer("base", 200_000), layer("middle", 100_000), layer("top", 50_000)])
}

/// Puts everything of an OCI archive into the repository `app`, its first image under the tag 1.
pub(super) fn publish(registry: &Registry, archive: &Archive) {
    let files = files(&archive.tar());
    let index: serde_json::Value = serde_json::from_slice(&files["index.json"]).unwrap();
    for (_, bytes) in files.iter().filter(|(name, _)| name.starts_with("blobs/")) {
        match serde_json::from_slice::<serde_json::Value>(bytes) {
            Ok(document) if document.get("mediaType").is_some() => {
                let media_type = document["mediaType"].as_str().unwrap();
                registry.add_manifest("app", "other", media_type, bytes);
            }
            _ => _ = registry.add_blob("app", bytes),
        }
    }
    let first = &index["manifests"][0];
    let digest = first["digest"].as_str().unwrap();
    let name = format!("blobs/{}", digest.replace(':', "/"));
    registry.add_manifest("app", "1", first["mediaType"].as_str().unwrap(), &files[&name]);
}

/// What leads to an image of a registry.
pub(super) fn origin(registry: &Registry, rest: &str, settings: Settings) -> Origin {
    let address = format!("docker://{}", registry.name(rest)).parse().unwrap();
    Origin::Door(Remote::new(settings).door(&address).unwrap())
}

/// Squashes what is in a registry to a file; its bytes.
fn squash(registry: &Registry, settings: Settings, change: impl FnOnce(&mut Squash)) -> Result<Vec<u8>, Error> {
    let place = Place::new();
    let output = place.path("out.tar");
    let mut request = Squash { input: origin(registry, "app:1", settings), ..request(&output, &output) };
    request.resources.tmp_dir = place.path("");
    change(&mut request);
    let outcome = imgsquash::squash(&request, &());
    let names = place.names();
    match outcome {
        Ok(_) => {
            assert!(names.iter().all(|name| name == "out.tar"), "{names:?}");
            Ok(std::fs::read(output).unwrap_or_default())
        }
        Err(error) => {
            assert!(names.is_empty(), "{names:?}");
            Err(error)
        }
    }
}

/// Gives the image a name that it has wherever it comes from.
fn called(request: &mut Squash) {
    request.tags = vec!["app:1".parse().unwrap()];
}

#[track_caller]
fn said(registry: &Registry, result: Result<Vec<u8>, Error>) -> String {
    let Err(problem) = result else { panic!("it succeeded") };
    problem.to_string().replace(&registry.address.to_string(), "HOST")
}

/// The blobs that were asked for.
fn fetched(registry: &Registry) -> Vec<String> {
    let mut lines: Vec<String> = registry.lines().into_iter().filter(|line| line.contains("/blobs/")).collect();
    lines.sort();
    lines.dedup();
    lines
}

#[test]
fn the_same_image_comes_of_a_registry_as_of_a_file() {
    for codec in [Codec::Plain, Codec::Gzip, Codec::Zstd] {
        let registry = Registry::good();
        let archive = collect(&[Image { codec, ..image() }], Form::Oci);
        publish(&registry, &archive);
        let (expected, _) = squash_with(&archive.tar(), called).unwrap();
        let found = squash(&registry, machine().0, called).unwrap();
        // All but the index at the top, which keeps what an archive's own says.
        let blobs = |archive: &[u8]| {
            let mut files = files(archive);
            files.remove("index.json");
            files
        };
        assert!(blobs(&found) == blobs(&expected), "{codec:?}");
        assert_eq!(fetched(&registry).len(), 4, "three layers and a config, each once: {:?}", registry.lines());
    }
}

#[test]
fn what_is_kept_stays_where_it_is_unless_it_is_copied() {
    let registry = Registry::good();
    publish(&registry, &collect(&[image()], Form::Oci));
    let all = squash(&registry, machine().0, |request| request.keep = Keep::AllButLast(1)).unwrap();
    let files = files(&all);
    let (_, written) = &images(&files)[0];
    assert_eq!(written.layers.len(), 3);
    let registry = Registry::good();
    publish(&registry, &collect(&[image()], Form::Oci));
    let nothing = squash(&registry, machine().0, |request| {
        request.keep = Keep::AllButLast(1);
        request.target = Target::Nowhere;
    });
    assert!(nothing.unwrap().is_empty());
    assert_eq!(fetched(&registry).len(), 2, "the newest layer and the config: {:?}", registry.lines());
}

#[test]
fn a_base_is_told_by_its_documents_alone() {
    let registry = Registry::good();
    let image = image();
    publish(&registry, &collect(std::slice::from_ref(&image), Form::Oci));
    let bases = Registry::good();
    publish(&bases, &collect(&[Image { layers: image.layers[..2].to_vec(), ..image }], Form::Oci));
    let base = origin(&bases, "app:1", machine().0);
    squash(&registry, machine().0, |request| request.keep = Keep::Base(base, None)).unwrap();
    assert_eq!(fetched(&bases).len(), 1, "the config: {:?}", bases.lines());
}

#[test]
fn a_platform_is_chosen_from_an_index_and_one_that_is_missing_is_told() {
    let registry = Registry::good();
    let mut archive = Archive::default();
    let platforms: Vec<_> = ["amd64", "arm64"]
        .map(|architecture| {
            let mut image = image();
            image.layers = vec![layer(architecture, 1000)];
            image.config["architecture"] = architecture.into();
            let mut descriptor = archive.image(&image);
            descriptor["platform"] = serde_json::json!({"os": "linux", "architecture": architecture});
            descriptor
        })
        .into();
    let index = archive.index(&platforms);
    archive.layout(&[index]);
    publish(&registry, &archive);
    let all = squash(&registry, machine().0, |_| ()).unwrap();
    assert_eq!(images(&files(&all)).len(), 2);
    let one = squash(&registry, machine().0, |request| {
        request.selection.platforms = vec!["linux/arm64".parse().unwrap()];
    });
    assert_eq!(images(&files(&one.unwrap())).len(), 1);
    let problem = squash(&registry, machine().0, |request| {
        request.selection.platforms = vec!["linux/s390x".parse().unwrap()];
    });
    assert_eq!(
        said(&registry, problem),
        "docker://HOST/app:1: no image is for linux/s390x; there are: linux/amd64, linux/arm64"
    );
}

#[test]
fn transfers_that_break_are_gone_on_with_and_the_bytes_are_the_same() {
    let image = image();
    let archive = collect(std::slice::from_ref(&image), Form::Oci);
    for is_reset in [false, true] {
        let registry = Registry::told(move |asked, before| match asked.target.contains("/blobs/") && before < 3 {
            true => Act::Cut { after: 10_000 * before, is_reset },
            false => Act::Serve,
        });
        publish(&registry, &archive);
        let good = Registry::good();
        publish(&good, &archive);
        let expected = squash(&good, machine().0, called).unwrap();
        assert!(squash(&registry, machine().0, called).unwrap() == expected);
    }
}

#[test]
fn blobs_that_are_not_what_their_digest_says_are_refused() {
    let archive = collect(&[image()], Form::Oci);
    for kept in [false, true] {
        let registry = Registry::told(move |asked, _| match asked.target.contains("/blobs/") {
            true => Act::Answer(200, Vec::new(), vec![7; 12]),
            false => Act::Serve,
        });
        publish(&registry, &archive);
        let problem = said(
            &registry,
            squash(&registry, machine().0, |request| {
                request.keep = if kept { Keep::AllButLast(1) } else { Keep::Nothing };
            }),
        );
        assert!(problem.contains("config sha256:") && problem.contains("12"), "{problem}");
    }
    // Right in length, wrong in one byte: of a layer that is read, and of one that is only copied.
    for keep in [Keep::Nothing, Keep::AllButLast(1)] {
        let registry = Registry::good();
        publish(&registry, &archive);
        let served = Arc::new(registry);
        let inner = served.clone();
        let lying = Registry::told(move |asked, _| {
            let Some((_, digest)) = asked.target.split_once("/blobs/") else { return Act::Serve };
            let mut bytes = inner.blob("app", digest.parse().unwrap()).unwrap();
            if bytes.len() > 150_000 {
                let at = bytes.len() / 2;
                bytes[at] ^= 1;
            }
            Act::Answer(200, Vec::new(), bytes)
        });
        publish(&lying, &archive);
        let problem = said(&lying, squash(&lying, machine().0, |request| request.keep = keep));
        assert!(problem.starts_with("docker://HOST/app:1: layer 1 of 3 (blobs/sha256/"), "{problem}");
        assert!(problem.contains("digest mismatch: expected sha256:"), "{problem}");
    }
}

#[test]
fn every_failure_is_one_line_that_names_the_layer_and_leaves_nothing() {
    let archive = collect(&[image()], Form::Oci);
    let layers: Vec<String> = files(&archive.tar())
        .iter()
        .filter(|(name, bytes)| name.starts_with("blobs/") && bytes.len() > 10_000)
        .map(|(name, _)| name.rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(layers.len(), 3);
    for (status, expected) in [
        (403, "HOST denied the request for the blob (403): denied"),
        (404, "is not in the registry (404): the image was pushed only in part; push it again"),
        (429, "HOST limits requests (429): come back later, or log in"),
        (500, "HOST failed with status 500: denied"),
        (302, "HOST does not answer as a registry does: it leads to an address that is none"),
    ] {
        let layers = layers.clone();
        let registry = Registry::told(move |asked, _| match layers.iter().any(|layer| asked.target.ends_with(layer)) {
            true => refuse(status, "DENIED"),
            false => Act::Serve,
        });
        publish(&registry, &archive);
        let problem = said(&registry, squash(&registry, machine().0, |_| ()));
        assert!(problem.starts_with("docker://HOST/app:1: layer 1 of 3 (blobs/sha256/"), "{problem}");
        assert!(problem.contains("): cannot read it: ") && problem.ends_with(expected), "{problem}");
    }
}

#[test]
fn a_login_is_shown_nowhere() {
    let registry =
        Registry::told(|_, _| Act::Answer(401, vec![("www-authenticate", "Basic realm=\"x\"".to_owned())], Vec::new()));
    let mut settings = machine().0;
    settings.docker_auth_config = Some(password(&registry, "user", "hidden"));
    let origin = origin(&registry, "app:1", settings.clone());
    assert!(!format!("{origin:?}").contains("hidden"));
    let problem = said(&registry, squash(&registry, settings, |_| ()));
    assert_eq!(
        problem,
        "docker://HOST/app:1: HOST refused the credentials from DOCKER_AUTH_CONFIG (401), which are wrong or have \
         expired: docker login HOST"
    );
}
