//! The command between registries, daemons and files, as a person runs it.

use crate::e2e::runtime::{Runtime, sh, unique};
use crate::support::archive::{Form, Image, collect};
use crate::support::distribution::Distribution;
use crate::support::layer::{Entry, Layer};
use crate::support::node::{Kind, Node, assert_same};
use crate::support::run::{Place, alone, stderr};

const DAEMONS: [(Runtime, &str, &str); 2] =
    [(Runtime::Docker, "docker", "docker-daemon"), (Runtime::Podman, "podman", "podman")];

/// A layer with these files.
fn layer(files: &[(&str, usize)]) -> Vec<u8> {
    let entry = |(name, bytes): &(&str, usize)| {
        let noise = (0..*bytes).map(|at| (at * at / 7 + at / 251).to_le_bytes()[0]).collect();
        Entry { name: name.as_bytes().to_vec(), node: Node::new(Kind::File(noise)) }
    };
    Layer { entries: files.iter().map(entry).collect(), ..Layer::default() }.tar()
}

/// An image of a base and two layers, one of which deletes what the other has, called `name`.
pub(super) fn image(name: &str) -> Image {
    let layers =
        vec![layer(&[("base", 2 << 20)]), layer(&[("app", 100_000), ("gone", 500_000)]), layer(&[(".wh.gone", 0)])];
    Image { tags: vec![name.to_owned()], ..Image::new(layers) }
}

/// Runs the command, which must succeed; what it says.
#[track_caller]
pub(super) fn squash(place: &Place, arguments: &[&str]) -> String {
    let output = alone(place, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stderr(&output)
}

/// Removes an image at the end.
struct Removed(&'static str, String);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::process::Command::new(self.0).args(["rmi", "-f", &self.1]).output();
    }
}

#[test]
#[ignore = "needs docker and podman"]
fn an_image_of_a_daemon_is_squashed_where_it_is() {
    for (runtime, program, transport) in DAEMONS {
        let place = Place::new();
        let (name, slim) = (format!("{}:1", unique()), format!("{}:1-slim", unique()));
        let _removed = (Removed(program, name.clone()), Removed(program, slim.clone()));
        let archive = place.write("in.tar", &collect(&[image(&name)], Form::Both).tar());
        sh(program, &["load", "-q", "-i", archive.to_str().unwrap()]);
        let before = runtime.tree_of(&name).unwrap();
        let said = squash(&place, &[&format!("{transport}:{name}"), "-o", &format!("{transport}:{slim}")]);
        assert!(said.contains(&format!("run it with: {program} run --rm {slim}")), "{said}");
        assert_same(&before, &runtime.tree_of(&slim).unwrap(), &slim);
        let layers = sh(program, &["image", "inspect", "--format", "{{len .RootFS.Layers}}", &slim]);
        assert_eq!(layers.trim(), "1", "{program}");
        assert_eq!(place.names(), ["in.tar"], "nothing is left behind");
        // The base is kept, and told by its name.
        let base = format!("{}:1", unique());
        let _removed = Removed(program, base.clone());
        let kept = Image { layers: image(&base).layers[..1].to_vec(), ..image(&base) };
        let archive = place.write("base.tar", &collect(&[kept], Form::Both).tar());
        sh(program, &["load", "-q", "-i", archive.to_str().unwrap()]);
        let (from, to) = (format!("{transport}:{name}"), format!("{transport}:{slim}"));
        squash(&place, &[&from, "-o", &to, "--keep-base", &format!("{transport}:{base}")]);
        assert_same(&before, &runtime.tree_of(&slim).unwrap(), &slim);
        let layers = sh(program, &["image", "inspect", "--format", "{{len .RootFS.Layers}}", &slim]);
        assert_eq!(layers.trim(), "2", "{program}");
    }
}

#[test]
#[ignore = "needs docker-registry, docker, podman and skopeo"]
fn an_image_goes_from_anywhere_to_anywhere() {
    let (registry, place) = (Distribution::start(), Place::new());
    place.write("in.tar", &collect(&[image(&format!("{}:1", unique()))], Form::Both).tar());
    let there = |rest: &str| format!("docker://{}", registry.name(rest));
    // A file goes to a registry, which nobody changes any more.
    squash(&place, &["in.tar", "-o", &there("team/app:flat")]);
    squash(&place, &["in.tar", "-o", &there("team/app:1"), "--last", "1"]);
    let said = squash(&place, &[&there("team/app:1"), "-o", &there("team/app:1-slim")]);
    assert!(said.contains(&format!("pull it with: docker pull {}", registry.name("team/app:1-slim"))), "{said}");
    // What was pulled and pushed is what a file makes of it.
    let digest = |name: &str| {
        let from = there(name);
        let raw = sh("skopeo", &["inspect", "--tls-verify=false", "--raw", &from]);
        let manifest: serde_json::Value = serde_json::from_str(&raw).unwrap();
        manifest["layers"].to_string()
    };
    assert_eq!(digest("team/app:flat"), digest("team/app:1-slim"));
    // Others read it.
    let expected = Runtime::Docker.tree(&place.path("in.tar")).unwrap();
    let from = registry.name("team/app:1-slim");
    let _removed = (Removed("docker", from.clone()), Removed("podman", from.clone()));
    sh("docker", &["pull", "-q", &from]);
    sh("podman", &["pull", "-q", "--tls-verify=false", &from]);
    assert_same(&expected, &Runtime::Docker.tree_of(&from).unwrap(), "docker");
    assert_same(&expected, &Runtime::Podman.tree_of(&from).unwrap(), "podman");
    // And to archives and layouts, whose names say what they are.
    squash(&place, &[&there("team/app:1-slim"), "-o", "docker-archive:out.tar:app:1"]);
    squash(&place, &[&there("team/app:1-slim"), "-o", "oci:layout:app:1"]);
    squash(&place, &["oci:layout:app:1", "-o", "oci-archive:out.oci.tar:app:2"]);
    let names =
        sh("skopeo", &["inspect", "--format", "{{.Digest}}", &format!("oci:{}:app:1", place.path("layout").display())]);
    assert!(names.starts_with("sha256:"), "{names}");
    let archive = format!("docker-archive:{}", place.path("out.tar").display());
    sh("skopeo", &["inspect", &archive]);
    let output = alone(&place, &["oci:layout:app:9", "-o", "x.tar"]);
    assert!(stderr(&output).contains("no image is called \"app:9\"; there are: "), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
#[ignore = "needs docker-registry"]
fn layers_that_stay_are_mounted_and_not_moved() {
    let (registry, place) = (Distribution::start(), Place::new());
    place.write("in.tar", &collect(&[image("app:1")], Form::Oci).tar());
    let there = |rest: &str| format!("docker://{}", registry.name(rest));
    squash(&place, &["in.tar", "-o", &there("app:1"), "--last", "1"]);
    // The base goes away after it was pushed: who wants a byte of it fails.
    let named = super::plainly(&registry, "app:1");
    let manifest: serde_json::Value = serde_json::from_slice(&named.manifest("1", 1 << 20).unwrap().bytes).unwrap();
    let base = manifest["layers"][0]["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
    let data = registry.data().join("docker/registry/v2/blobs/sha256").join(&base[..2]).join(&base).join("data");
    let size = std::fs::metadata(&data).unwrap().len();
    std::fs::write(&data, vec![0; usize::try_from(size).unwrap()]).unwrap();
    squash(&place, &[&there("app:1"), "-o", &there("other/app:slim"), "--keep-layers", "1"]);
    let slim = super::plainly(&registry, "other/app:slim").manifest("slim", 1 << 20).unwrap();
    let slim: serde_json::Value = serde_json::from_slice(&slim.bytes).unwrap();
    assert_eq!(slim["layers"].as_array().unwrap().len(), 2);
    assert_eq!(slim["layers"][0], manifest["layers"][0]);
    // Whoever copies it sees that it is another one.
    let output = alone(&place, &[&there("app:1"), "-o", "out.tar", "--keep-layers", "1"]);
    assert!(stderr(&output).contains("digest mismatch"), "{}", stderr(&output));
    assert_eq!((output.status.code(), place.names()), (Some(3), vec!["in.tar".to_owned()]));
}

#[test]
#[ignore = "needs docker and podman"]
fn a_bare_name_is_told_with_the_command_that_works() {
    let place = Place::new();
    let name = format!("{}:1", unique());
    let _removed = Removed("docker", name.clone());
    let archive = place.write("in.tar", &collect(&[image(&name)], Form::Both).tar());
    sh("docker", &["load", "-q", "-i", archive.to_str().unwrap()]);
    let output = alone(&place, &[&name, "-o", "out.tar"]);
    let said = stderr(&output);
    let command = format!("; it is there: imgsquash docker-daemon:{name} -o out.tar\n");
    assert!(said.ends_with(&command), "{said}");
    assert_eq!(output.status.code(), Some(3));
    let output = alone(&place, &["diff", "in.tar", &name]);
    assert!(stderr(&output).ends_with(&format!("; it is there: say docker-daemon:{name}\n")), "{}", stderr(&output));
    let output = alone(&place, &[&format!("docker-deamon:{name}"), "-o", "out.tar"]);
    assert!(stderr(&output).contains("is docker-daemon: meant?"), "{}", stderr(&output));
    for (arguments, expected) in [
        (["docker-daemon:app:1", "-o", "docker-daemon:app:1"], "the output docker-daemon:app:1 is the input"),
        (["in.tar", "-o", "docker-daemon:sha256:00"], "is not a digest"),
        (["in.tar", "-o", "docker:app"], "expected docker://REGISTRY/NAME, or docker-daemon:NAME for the daemon"),
        (["containers-storage:app", "-o", "out.tar"], "say podman:NAME"),
    ] {
        let output = alone(&place, &arguments);
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(2));
    }
    assert_eq!(place.names(), ["in.tar"]);
}
