//! Kept and divided layers in real runtimes: the same file system, whatever layers it comes in.

use std::path::Path;

use serde_json::Value;

use super::real::{original, original_tree, prepared, squash, squash_as, with_docker};
use super::runtime::{ALL, Runtime, run, sh, unique, walk};
use crate::support::node::{Tree, assert_same, tree};
use crate::support::read::{files, images};
use crate::support::run::Place;

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn kept_layers_and_the_difference_are_the_image_in_every_runtime() {
    let place = Place::new();
    let output = place.path("out.tar");
    let originals = ALL.map(|runtime| (runtime, original_tree(runtime, "overlay")));
    for options in [
        &["--last", "2"][..],
        &["--last", "2", "--exact", "never"],
        &["--keep-layers", "3", "--exact", "always"],
        &["--layers", "4..9", "--compression", "none"],
        &["--from", "6", "--media-types", "docker"],
    ] {
        for input in ["overlay.tar", "overlay.oci.tar"] {
            squash_as(&unique(), &prepared(input), &output, options);
            for (runtime, before) in &originals {
                let what = format!("{input} {options:?} in {}", runtime.name());
                assert_same(before, &runtime.tree(&output).unwrap(), &what);
            }
        }
    }
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn a_divided_debian_is_the_image_in_every_runtime() {
    let place = Place::new();
    let output = place.path("out.tar");
    let originals = ALL.map(|runtime| original_tree(runtime, "debian"));
    for (options, runtimes) in [
        (&["--split", "auto"][..], &ALL[..]),
        (&["--split", "6", "--compression", "zstd"], &[Runtime::Podman, Runtime::Containerd]),
        (&["--split", "2", "--keep-layers", "1"], &[Runtime::Docker]),
    ] {
        squash_as(&unique(), &prepared("debian.oci.tar"), &output, options);
        for (runtime, before) in ALL.iter().zip(&originals).filter(|(runtime, _)| runtimes.contains(runtime)) {
            let what = format!("{options:?} in {}", runtime.name());
            assert_same(before, &runtime.tree(&output).unwrap(), &what);
        }
    }
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn every_form_of_several_layers_is_copied_by_skopeo_and_unpacked_by_umoci() {
    let place = Place::new();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let expected = {
        let output = place.path("one.tar");
        squash(&prepared("overlay.tar"), &output, &[]);
        let found = images(&files(&std::fs::read(output).unwrap())).remove(0).1;
        crate::support::read::extract(&found.layers[0])
    };
    for (format, transport, more) in [
        ("universal", "oci-archive:", &["--split", "auto"][..]),
        ("universal", "docker-archive:", &["--split", "auto"]),
        ("oci-archive", "oci-archive:", &["--last", "3", "--exact", "always"]),
        ("docker-archive", "docker-archive:", &["--last", "3"]),
        ("oci-dir", "oci:", &["--keep-layers", "2"]),
    ] {
        let (output, copied) = (place.path("packed"), place.path("copied"));
        squash(&prepared("overlay.oci.tar"), &output, &[&["--format", format][..], more].concat());
        let source = format!("{transport}{}:{}", text(&output), original("overlay"));
        sh("skopeo", &["copy", "-q", &source, &format!("oci:{}:x", text(&copied))]);
        let bundle = place.path("bundle");
        sh("umoci", &["unpack", "--image", &format!("{}:x", text(&copied)), &text(&bundle)]);
        let mut found: Tree = tree(&walk(&bundle.join("rootfs")));
        let mut wanted = expected.clone();
        for tree in [&mut found, &mut wanted] {
            tree.retain(|path, _| !path.is_empty());
            for (node, _) in tree.values_mut() {
                (node.uname, node.gname) = (Vec::new(), Vec::new());
                node.pax.clear();
                node.xattrs.retain(|name, _| name != b"user.rootlesscontainers");
            }
        }
        assert_same(&wanted, &found, &format!("{format} by {transport}"));
        for path in [&output, &copied, &bundle] {
            let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        }
    }
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn kept_layers_have_the_digests_that_a_registry_knows() {
    let place = Place::new();
    let (output, report) = (place.path("out.tar"), place.path("report.json"));
    squash(&prepared("debian.oci.tar"), &output, &["--last", "2", "--report", report.to_str().unwrap()]);
    let digests = |archive: &Path| -> Vec<String> {
        let found = run(std::process::Command::new("skopeo").args(["inspect", "--raw"]).arg(format!(
            "oci-archive:{}:{}",
            archive.display(),
            original("debian")
        )))
        .unwrap();
        let manifest: Value = serde_json::from_str(&found).unwrap();
        let layers = manifest["layers"].as_array().unwrap();
        layers.iter().map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect()
    };
    let (before, after) = (digests(&prepared("debian.oci.tar")), digests(&output));
    assert_eq!(after.len(), before.len() - 1);
    assert_eq!(before[..before.len() - 2], after[..after.len() - 1]);
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(report["images"][0]["kept_layers"].as_array().unwrap().len(), before.len() - 2);
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn edits_are_what_docker_shows() {
    let place = Place::new();
    let output = place.path("out.tar");
    let edits = [
        "--label",
        "team=app",
        "--env",
        "MODE=fast",
        "--user",
        "0",
        "--entrypoint",
        "[]",
        "--cmd",
        r#"["/bin/echo","edited"]"#,
    ];
    squash_as(&unique(), &prepared("overlay.tar"), &output, &edits);
    with_docker(&output, |image| {
        let found: Value = serde_json::from_str(&sh("docker", &["inspect", image])).unwrap();
        let config = &found[0]["Config"];
        assert_eq!(config["Labels"]["team"], "app");
        assert!(config["Env"].as_array().unwrap().contains(&"MODE=fast".into()));
        assert_eq!(config["User"], "0");
        assert_eq!(sh("docker", &["run", "--rm", "--network", "none", image]), "edited\n");
    });
}
