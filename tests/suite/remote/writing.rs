//! Images that go to a registry: only what is missing is sent, the tag is the last, and what fails is not tagged.

use std::io;
use std::path::Path;
use std::sync::Arc;

use imgsquash::output::Sink;
use imgsquash::remote::{Remote, Settings};
use imgsquash::report::Report;
use imgsquash::request::{Dock, Format, Keep, Origin, Target};
use imgsquash::{Error, Squash};

use super::auth::password;
use super::reading::{image, publish};
use crate::support::archive::{Archive, Form, Image, collect};
use crate::support::registry::{Act, Asked, Registry, machine, refuse};
use crate::support::run::{Place, request};

/// Squashes from one registry to the tag 2 of the repository `slim` in another, or in the same one.
fn squash(
    from: &Registry,
    to: &Registry,
    settings: Settings,
    change: impl FnOnce(&mut Squash),
) -> Result<Report, Error> {
    let place = Place::new();
    let remote = Remote::new(settings);
    let input = format!("docker://{}", from.name("app:1")).parse().unwrap();
    let output = format!("docker://{}", to.name("slim:2")).parse().unwrap();
    let mut request = Squash {
        input: Origin::Door(remote.door(&input).unwrap()),
        target: Target::Dock(remote.dock(&output, &[input]).unwrap().unwrap()),
        format: Format::OciArchive,
        tags: vec![to.name("slim:2").parse().unwrap()],
        ..request(&place.path(""), &place.path(""))
    };
    request.resources.tmp_dir = place.path("");
    change(&mut request);
    let outcome = imgsquash::squash(&request, &());
    assert!(place.names().is_empty(), "{:?}", place.names());
    outcome
}

/// What is asked at a registry besides reading, without the sessions' numbers.
fn written(registry: &Registry) -> Vec<String> {
    let lines = registry.lines().into_iter().filter(|line| !line.starts_with("GET ") && !line.starts_with("HEAD "));
    lines.map(|line| line.split("?state").next().unwrap().to_owned()).collect()
}

#[track_caller]
fn said(registry: &Registry, result: Result<Report, Error>) -> String {
    let Err(problem) = result else { panic!("it succeeded") };
    problem.to_string().replace(&registry.address.to_string(), "HOST")
}

#[test]
fn the_tag_is_the_last_that_is_written() {
    let registry = Registry::good();
    publish(&registry, &collect(&[image()], Form::Oci));
    let report = squash(&registry, &registry, machine().0, |_| ()).unwrap();
    assert_eq!(report.next.unwrap(), format!("docker pull {}", registry.name("slim:2")));
    assert_eq!(report.output.unwrap(), format!("docker://{}", registry.name("slim:2")));
    let manifest = registry.manifest("slim", "2").unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let blob = |descriptor: &serde_json::Value| {
        registry.blob("slim", descriptor["digest"].as_str().unwrap().parse().unwrap()).is_some()
    };
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert!(blob(&manifest["layers"][0]) && blob(&manifest["config"]));
    let written = written(&registry);
    assert_eq!(written.last().unwrap(), "PUT /v2/slim/manifests/2");
    assert_eq!(written.iter().filter(|line| line.contains("/manifests/")).count(), 1, "{written:?}");
    // Once more: everything is there, so nothing is sent.
    let before = written.len();
    squash(&registry, &registry, machine().0, |_| ()).unwrap();
    let again: Vec<_> = self::written(&registry).split_off(before);
    assert!(again.iter().all(|line| !line.starts_with("PUT ")), "{again:?}");
}

#[test]
fn layers_that_stay_are_taken_from_the_repository_that_has_them_and_no_byte_of_them_moves() {
    let registry = Registry::good();
    publish(&registry, &collect(&[image()], Form::Oci));
    let keep = |request: &mut Squash| request.keep = Keep::AllButLast(2);
    squash(&registry, &registry, machine().0, keep).unwrap();
    let blobs = registry.lines().into_iter().filter(|line| line.starts_with("GET /v2/app/blobs/")).count();
    assert_eq!(blobs, 3, "the config and the two newest layers");
    let mounts = written(&registry).into_iter().filter(|line| line.contains("mount=")).count();
    assert_eq!(mounts, 1, "{:?}", written(&registry));
    // To another registry they are sent, each once.
    let other = Registry::good();
    squash(&registry, &other, machine().0, keep).unwrap();
    let sent = written(&other).into_iter().filter(|line| line.starts_with("PUT /v2/slim/blobs/")).count();
    assert_eq!(sent, 3, "two layers and a config: {:?}", written(&other));
    assert_eq!(registry.manifest("slim", "2"), other.manifest("slim", "2"));
}

#[test]
fn what_is_verified_or_has_to_pass_gates_is_sent_only_then() {
    let from = Registry::good();
    publish(&from, &collect(&[image()], Form::Oci));
    let (plain, looked_at) = (Registry::good(), Registry::good());
    for keep in [Keep::Nothing, Keep::AllButLast(2)] {
        squash(&from, &plain, machine().0, |request| request.keep = keep.clone()).unwrap();
        squash(&from, &looked_at, machine().0, |request| (request.keep, request.verify) = (keep, true)).unwrap();
        assert_eq!(plain.manifest("slim", "2"), looked_at.manifest("slim", "2"));
        assert_eq!(written(&looked_at).last().unwrap(), "PUT /v2/slim/manifests/2");
    }
    let to = Registry::good();
    let problem = said(&to, squash(&from, &to, machine().0, |request| request.gates.max_size = Some(1000)));
    assert!(problem.contains("max-size"), "{problem}");
    assert!(written(&to).iter().all(|line| !line.starts_with("PUT ")), "{:?}", written(&to));
}

/// An index of two platforms.
fn two_platforms() -> Archive {
    let mut archive = Archive::default();
    let platforms = ["amd64", "arm64"].map(|architecture| {
        let mut image = Image { layers: image().layers[..2].to_vec(), ..image() };
        image.config["architecture"] = architecture.into();
        let mut descriptor = archive.image(&image);
        descriptor["platform"] = serde_json::json!({"os": "linux", "architecture": architecture});
        descriptor
    });
    let index = archive.index(&platforms);
    archive.layout(&[index]);
    archive
}

/// A place that takes one platform, and that nothing may be written to.
#[derive(Debug)]
struct One;

impl Dock for One {
    fn name(&self) -> String {
        "one".to_owned()
    }

    fn open(&self, _: &Path) -> io::Result<Box<dyn Sink>> {
        Err(io::Error::other("opened"))
    }

    fn next(&self) -> String {
        String::new()
    }

    fn takes_one(&self) -> bool {
        true
    }
}

#[test]
fn what_takes_one_platform_is_not_given_two() {
    let registry = Registry::good();
    publish(&registry, &two_platforms());
    let to_one = |request: &mut Squash| request.target = Target::Dock(Arc::new(One));
    let problem = said(&registry, squash(&registry, &registry, machine().0, to_one));
    let expected = "docker://HOST/app:1: --tag, or the name to write to, names one image, and there are 2: choose one";
    assert!(problem.starts_with(expected), "{problem}");
    let problem = squash(&registry, &registry, machine().0, |request| {
        to_one(request);
        request.selection.platforms = vec!["linux/arm64".parse().unwrap()];
    });
    assert_eq!(said(&registry, problem), "cannot write one: opened");
}

#[test]
fn an_index_is_pushed_after_what_it_names() {
    let registry = Registry::good();
    publish(&registry, &two_platforms());
    let to = Registry::good();
    squash(&registry, &to, machine().0, |_| ()).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&to.manifest("slim", "2").unwrap()).unwrap();
    let named = index["manifests"].as_array().unwrap();
    assert_eq!(named.len(), 2);
    assert!(named.iter().all(|named| to.manifest("slim", named["digest"].as_str().unwrap()).is_some()));
    assert_eq!(written(&to).last().unwrap(), "PUT /v2/slim/manifests/2");
}

#[test]
fn what_cannot_be_pushed_is_told_before_the_work() {
    let from = Registry::good();
    publish(&from, &collect(&[image()], Form::Oci));
    let to = Registry::told(|asked, _| if asked.method == "POST" { refuse(403, "DENIED") } else { Act::Serve });
    let problem = said(&to, squash(&from, &to, machine().0, |_| ()));
    assert_eq!(problem, "cannot write docker://HOST/slim:2: HOST denied an upload (403): denied");
    assert!(from.lines().iter().all(|line| !line.contains("/blobs/") || line.matches("GET").count() <= 1));
    let to =
        Registry::told(|_, _| Act::Answer(401, vec![("www-authenticate", "Basic realm=\"x\"".to_owned())], Vec::new()));
    let mut settings = machine().0;
    settings.docker_auth_config = Some(password(&to, "user", "unseen"));
    let result = squash(&from, &to, settings, |request| assert!(!format!("{request:?}").contains("unseen")));
    let problem = said(&to, result);
    assert!(problem.contains("HOST refused the credentials from DOCKER_AUTH_CONFIG (401)"), "{problem}");
    assert!(!problem.contains("unseen"), "{problem}");
}

#[test]
fn what_fails_is_not_tagged() {
    let archive = collect(&[image()], Form::Oci);
    type Fault = fn(&Asked, usize) -> Act;
    let faults: [(Fault, &str); 5] = [
        (|asked, _| if is_blob(asked) { Act::Hang } else { Act::Serve }, "broke off"),
        (|asked, _| if is_blob(asked) { Act::Lose(100) } else { Act::Serve }, "digest_invalid"),
        (|asked, _| if is_blob(asked) { refuse(503, "DOWN") } else { Act::Serve }, "503"),
        (|asked, _| if is_tag(asked) { refuse(400, "TAG_INVALID") } else { Act::Serve }, "400"),
        (|asked, _| if is_tag(asked) { refuse(429, "LATER") } else { Act::Serve }, "429"),
    ];
    for (fault, expected) in faults {
        let from = Registry::good();
        publish(&from, &archive);
        let to = Registry::told(fault);
        let problem = said(&to, squash(&from, &to, machine().0, |_| ()));
        assert!(problem.starts_with("cannot write docker://HOST/slim:2: ") && problem.contains(expected), "{problem}");
        assert_eq!(to.manifest("slim", "2"), None, "{expected}");
    }
    // A layer that is kept and is not what it should be.
    let good = Registry::good();
    publish(&good, &archive);
    let from = Registry::told(move |asked, _| {
        let Some((_, digest)) = asked.target.split_once("/blobs/") else { return Act::Serve };
        let mut bytes = good.blob("app", digest.parse().unwrap()).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= u8::from(bytes.len() > 150_000);
        Act::Answer(200, Vec::new(), bytes)
    });
    publish(&from, &archive);
    let to = Registry::good();
    let problem = said(&from, squash(&from, &to, machine().0, |request| request.keep = Keep::AllButLast(1)));
    assert!(problem.contains("layer 1 of 3") && problem.contains("digest mismatch"), "{problem}");
    assert_eq!(to.manifest("slim", "2"), None);
}

fn is_blob(asked: &Asked) -> bool {
    asked.method == "PUT" && asked.target.contains("/blobs/")
}

fn is_tag(asked: &Asked) -> bool {
    asked.method == "PUT" && asked.target.contains("/manifests/2")
}

#[test]
fn a_tag_that_may_not_be_moved_is_told_plainly() {
    let from = Registry::good();
    publish(&from, &collect(&[image()], Form::Oci));
    let to = Registry::told(|asked, _| if is_tag(asked) { refuse(412, "DENIED") } else { Act::Serve });
    to.add_manifest("slim", "2", "application/vnd.oci.image.manifest.v1+json", b"{\"old\": 1}");
    let problem = said(&to, squash(&from, &to, machine().0, |_| ()));
    let expected = "the tag 2 is there already and immutable in this registry: choose another tag";
    assert!(problem.contains(expected), "{problem}");
    assert_eq!(to.manifest("slim", "2").unwrap(), b"{\"old\": 1}");
}
