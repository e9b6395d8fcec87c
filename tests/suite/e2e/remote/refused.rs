//! What people type that cannot be done, against Debian's `docker-registry`: one line, an exit code, nothing tagged and
//! nothing left behind.

use std::path::PathBuf;

use super::command::{image, squash};
use crate::support::archive::{Form, collect};
use crate::support::distribution::{Distribution, Extra, certificates, sh};
use crate::support::run::{Place, alone, stderr};

/// The command must fail with this code and one line that has this in it.
#[track_caller]
fn refused(place: &Place, arguments: &[&str], code: i32, expected: &str) {
    let output = alone(place, arguments);
    let said = stderr(&output);
    assert!(said.contains(expected) && said.lines().count() == 1, "{arguments:?}: {said}");
    assert_eq!(output.status.code(), Some(code), "{said}");
}

/// The file in which a registry keeps the only layer, or the newest one, of an image.
fn kept(registry: &Distribution, name: &str, tag: &str) -> PathBuf {
    let fetched = super::plainly(registry, name).manifest(tag, 1 << 20).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&fetched.bytes).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    let hex = layers.last().unwrap()["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
    registry.data().join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
}

#[test]
#[ignore = "needs docker-registry"]
fn what_cannot_be_done_is_one_line_and_leaves_nothing() {
    let (registry, place) = (Distribution::start(), Place::new());
    place.write("in.tar", &collect(&[image("app:1")], Form::Oci).tar());
    let there = |rest: &str| format!("docker://{}", registry.name(rest));
    squash(&place, &["in.tar", "-o", &*there("team/app:1")]);
    squash(&place, &["in.tar", "-o", &*there("team/half:1"), "--message", "half"]);
    let none = "docker://127.0.0.1:1/app:1";
    for (arguments, code, expected) in [
        ([&*there("team/app:2"), "-o", "out.tar"], 3, "there is no tag 2 in the repository (404): is 1 meant?"),
        ([&*there("team/ap:1"), "-o", "out.tar"], 3, "(404)"),
        ([none, "-o", "out.tar"], 3, "cannot reach 127.0.0.1:1: connection refused"),
        (["in.tar", "-o", none], 3, "cannot reach 127.0.0.1:1: connection refused"),
        (["docker://nobody.invalid/app:1", "-o", "out.tar"], 3, "no host of this name is known: check the spelling"),
        ([&*there("team/app:1"), "-o", &*there("team/app:1")], 2, "is the input: name another"),
        ([&*there("Team/app:1"), "-o", "out.tar"], 2, "a repository has lower-case letters"),
        (["in.tar", "-o", &*there(&format!("team/app@sha256:{}", "0".repeat(64)))], 2, "say a tag"),
    ] {
        refused(&place, &arguments, code, expected);
    }
    let missing = ["--platform", "linux/s390x"];
    refused(
        &place,
        &[&[&*there("team/app:1"), "-o", "out.tar"], &missing[..]].concat(),
        2,
        "no image is for linux/s390x",
    );
    // One byte of a layer is another one.
    let (path, slim) = (kept(&registry, "team/app:1", "1"), there("team/app:slim"));
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    refused(&place, &[&*there("team/app:1"), "-o", &slim], 3, "digest mismatch: expected sha256:");
    // The image was pushed without it.
    std::fs::remove_file(&path).unwrap();
    refused(&place, &[&*there("team/half:1"), "-o", &slim], 3, "the image was pushed only in part; push it again");
    let problem = super::plainly(&registry, "team/app:1").manifest("slim", 1 << 20).unwrap_err().to_string();
    assert!(problem.contains("there is no tag slim in the repository (404)"), "{problem}");
    assert_eq!(place.names(), ["in.tar"]);
}

#[test]
#[ignore = "needs docker-registry and docker"]
fn a_registry_with_an_authority_of_its_own_and_passwords_is_used_as_docker_uses_it() {
    let registry = Distribution::with(|place| {
        let (root, entry) = (place.path(""), sh("htpasswd", &["-Bbn", "user", "hidden"]));
        certificates(&root, "server", "IP:127.0.0.1");
        let file = |name: &str| root.join(name).display().to_string();
        let passwords = place.write("htpasswd", &entry).display().to_string();
        let auth = format!("auth:\n  htpasswd:\n    realm: test\n    path: {passwords}\n");
        let tls = format!("  tls:\n    certificate: {}\n    key: {}\n", file("server.crt"), file("server.key"));
        Extra { auth, tls }
    });
    let place = Place::new();
    place.write("in.tar", &collect(&[image("app:1")], Form::Oci).tar());
    let there = |rest: &str| format!("docker://{}", registry.name(rest));
    let to = there("app:1");
    let push = ["in.tar", "-o", &to];
    refused(&place, &push, 3, "no authority known here signed its certificate: put its authority into ");
    let certs = place.path(".config/containers/certs.d").join(&registry.address);
    std::fs::create_dir_all(&certs).unwrap();
    std::fs::copy(registry.path("ca.crt"), certs.join("ca.crt")).unwrap();
    refused(&place, &push, 3, "wants a login (401) and no credentials for it were found: docker login ");
    std::fs::create_dir(place.path(".docker")).unwrap();
    let login = |password: &str| {
        let entry = format!(r#"{{"username": "user", "password": "{password}"}}"#);
        place.write(".docker/config.json", format!(r#"{{"auths": {{"{}": {entry}}}}}"#, registry.address).as_bytes());
    };
    login("wrong");
    refused(&place, &push, 3, "refused the credentials from ");
    login("hidden");
    squash(&place, &push);
    squash(&place, &[&*there("app:1"), "-o", &*there("app:1-slim"), "--last", "1"]);
    // As docker itself logs in, by its own command.
    std::fs::remove_file(place.path(".docker/config.json")).unwrap();
    let config = place.path(".docker").display().to_string();
    sh("docker", &["--config", &config, "login", "-u", "user", "-p", "hidden", &registry.address]);
    squash(&place, &[&*there("app:1-slim"), "-o", "out.tar"]);
    assert_eq!(place.names(), [".config", ".docker", "in.tar", "out.tar"]);
}
