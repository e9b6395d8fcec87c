//! Pruned images still do what they did: run, install, and tell scanners what is in them.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::real::{layer_tree, prepared, squash, squash_as, with_docker};
use super::runtime::{run, sh, unique};
use crate::support::node::{Kind, Tree};
use crate::support::run::Place;

/// What a command prints in a container, wrong or right.
fn printed(image: &str, script: &str) -> String {
    let arguments = ["run", "--rm", "--network", "host", "--entrypoint", "/bin/sh", image, "-c", script];
    let output = Command::new("docker").args(arguments).output().unwrap();
    format!("{} {}", output.status, String::from_utf8_lossy(&output.stdout))
}

/// What scanners read: the databases of packages and what identifies those of languages.
fn packages(tree: &Tree) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let is_one = |path: &[u8]| {
        let text = String::from_utf8_lossy(path);
        text.starts_with("var/lib/dpkg/info/")
            || text == "var/lib/dpkg/status"
            || text == "etc/os-release"
            || text.contains(".dist-info/")
            || text.ends_with("/package.json")
            || text.ends_with("/package-lock.json")
    };
    let files = tree.iter().filter(|(path, _)| is_one(path));
    files
        .filter_map(|(path, (node, _))| match &node.kind {
            Kind::File(contents) => Some((path.clone(), contents.clone())),
            _ => None,
        })
        .collect()
}

/// Prunes an image and shows that nothing else changed: neither what it prints nor what these commands do.
fn still_works(name: &str, commands: &[&str], profile: &str, reclaimed: u64) {
    let place = Place::new();
    let (whole, pruned, report) = (place.path("whole.tar"), place.path("pruned.tar"), place.path("report.json"));
    squash_as(&unique(), &prepared(name), &whole, &[]);
    squash_as(&unique(), &prepared(name), &pruned, &[profile, "--report", report.to_str().unwrap()]);
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let bytes = report["images"][0]["reclaimed_bytes"]["pruned"].as_u64().unwrap();
    assert!(bytes > reclaimed, "{name}: {bytes} bytes were pruned");
    let (before, after) = (packages(&layer_tree(&whole)), packages(&layer_tree(&pruned)));
    assert!(before.len() > 100, "{} files identify packages", before.len());
    assert!(before == after, "{name}: what identifies packages is the same byte for byte");
    let look = |image: &str| -> Vec<String> {
        let mut all = vec![sh("docker", &["run", "--rm", "--network", "none", image])];
        all.extend(commands.iter().map(|command| printed(image, command)));
        all
    };
    let (expected, found) = (with_docker(&whole, look), with_docker(&pruned, look));
    for ((expected, found), command) in expected.iter().zip(&found).zip(["its own command"].iter().chain(commands)) {
        assert_eq!(expected, found, "{name}: {command}");
    }
    with_docker(&pruned, |image| {
        let install = "apt-get update -qq && apt-get install -y -qq hello >/dev/null 2>&1 && hello";
        assert_eq!(printed(image, install), "exit status: 0 Hello, world!\n", "{name}: apt installs");
    });
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn a_pruned_python_image_still_works() {
    let commands = [
        "/opt/venv/bin/pip list",
        "dpkg --audit",
        "dpkg -V",
        "dpkg -l | wc -l",
        "python3 -c 'import ssl, json; print(1)'",
    ];
    still_works("slim-python.tar", &commands, "--prune", 200_000_000);
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn a_pruned_node_image_still_works() {
    let commands = ["npm ls --all", "npm ls -g", "dpkg --audit", "dpkg -V", "node --version"];
    still_works("slim-node.tar", &commands, "--prune", 200_000_000);
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn an_image_pruned_of_all_that_can_go_still_runs_and_installs() {
    // dpkg -V now names what is missing: that is what the documents of opt-in rules say.
    let commands = ["/opt/venv/bin/pip list", "dpkg --audit", "dpkg -l | wc -l"];
    still_works("slim-python.tar", &commands, "--prune=max", 210_000_000);
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn equal_files_that_became_links_are_the_same_files() {
    let place = Place::new();
    let (whole, linked) = (place.path("whole.tar"), place.path("linked.tar"));
    squash(&prepared("slim-python.tar"), &whole, &[]);
    squash_as(&unique(), &prepared("slim-python.tar"), &linked, &["--hardlink-duplicates"]);
    let (before, after) = (layer_tree(&whole), layer_tree(&linked));
    assert!(before.keys().eq(after.keys()));
    let differences = before.iter().filter(|(path, (node, _))| *node != after[*path].0).count();
    assert_eq!(differences, 0, "type, contents and metadata are the same");
    assert!(linked.metadata().unwrap().len() < whole.metadata().unwrap().len());
    with_docker(&linked, |image| assert_eq!(sh("docker", &["run", "--rm", "--network", "none", image]), "{'a': 6}\n"));
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn a_database_that_rpm_wrote_is_read() {
    let place = Place::new();
    let text = |name: &str| place.path(name).to_str().unwrap().to_owned();
    std::fs::create_dir(place.path("root")).unwrap();
    let spec = "Name: example\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n\
                %install\nmkdir -p %{buildroot}/opt/example %{buildroot}/tmp %{buildroot}/var/log\n\
                echo 1 > %{buildroot}/opt/example/file\necho 1 > %{buildroot}/tmp/owned\necho 1 > %{buildroot}/var/log/dpkg.log\n\
                %files\n/opt/example\n/tmp/owned\n%ghost /var/log/dpkg.log\n";
    let spec = place.write("example.spec", spec.as_bytes());
    let top = format!("_topdir {}", text("build"));
    run(Command::new("rpmbuild").args(["-bb", "--quiet", "--define", &top]).arg(spec)).unwrap();
    let package = place.path("build/RPMS/noarch/example-1-1.noarch.rpm");
    let root = text("root");
    run(Command::new("rpm").args(["--root", &root, "--dbpath", "/var/lib/rpm", "-i", "--nodeps"]).arg(package))
        .unwrap();
    for (name, contents) in [("tmp/free", "1"), ("var/log/dpkg.log", "1")] {
        std::fs::create_dir_all(place.path("root").join(name).parent().unwrap()).unwrap();
        std::fs::write(place.path("root").join(name), contents).unwrap();
    }
    sh("tar", &["-C", &root, "-cf", &text("layer.tar"), "."]);
    let layer = std::fs::read(place.path("layer.tar")).unwrap();
    let input = place
        .write("in.tar", &crate::support::archive::Image::new(vec![layer]).save(crate::support::archive::Form::Oci));
    let output = place.path("out.tar");
    squash(&input, &output, &["--prune"]);
    let found = layer_tree(&output);
    assert!(found.contains_key(&b"tmp/owned"[..]) && found.contains_key(&b"opt/example/file"[..]));
    assert!(!found.contains_key(&b"tmp/free"[..]), "no package has it");
    assert!(!found.contains_key(&b"var/log/dpkg.log"[..]), "a ghost is only known of");
}
