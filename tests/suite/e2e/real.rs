//! Real images, made by real builders and saved by real tools: the squashed one is the same image everywhere.
//!
//! `tests/e2e/prepare` builds them into `target/e2e`, and leaves them in docker and podman, where tests only look at
//! them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::runtime::{Loaded, Namespace, Runtime, run, sh, unique, walk};
use crate::support::archive::{Archive, Image};
use crate::support::node::{Tree, assert_same, tree};
use crate::support::read::{extract, files, images};
use crate::support::run::{Place, command};

/// An image that was prepared, in one of its forms.
pub(super) fn prepared(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/e2e").join(name);
    assert!(path.exists(), "{} is missing: run tests/e2e/prepare", path.display());
    path
}

/// What an image that was prepared is called, in its archives and in docker and podman: its tag is of this checkout.
pub(super) fn original(name: &str) -> String {
    format!("imgsquash-{name}:{}", std::fs::read_to_string(prepared("tag")).unwrap().trim())
}

/// What a runtime shows of an image that was prepared.
pub(super) fn original_tree(runtime: Runtime, name: &str) -> Tree {
    match runtime {
        Runtime::Docker | Runtime::Podman => runtime.tree_of(&original(name)),
        Runtime::Containerd => runtime.tree(&prepared(&format!("{name}.tar"))),
    }
    .unwrap()
}

/// Squashes with the command itself, to an image that no other is equal to: called `name`, which its history tells too.
pub(super) fn squash_as(name: &str, input: &Path, output: &Path, more: &[&str]) {
    squash(input, output, &[&["-t", &format!("{name}:1"), "-m", name], more].concat());
}

/// Squashes with the command itself.
pub(super) fn squash(input: &Path, output: &Path, more: &[&str]) {
    sh(
        command().get_program().to_str().unwrap(),
        &[&["-q", input.to_str().unwrap(), "-o", output.to_str().unwrap()][..], more].concat(),
    );
}

/// The tree of the only layer of an archive.
pub(super) fn layer_tree(archive: &Path) -> Tree {
    let files = files(&std::fs::read(archive).unwrap());
    let images = images(&files);
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].1.layers.len(), 1, "one layer");
    extract(&images[0].1.layers[0])
}

/// Runs `look` on a docker image that `archive` is loaded as: [`squash_as`].
pub(super) fn with_docker<T>(archive: &Path, look: impl FnOnce(&str) -> T) -> T {
    look(Loaded::new(Runtime::Docker, archive).unwrap().name())
}

fn inspect(image: &str) -> Value {
    serde_json::from_str(&sh("docker", &["inspect", image])).unwrap()
}

/// `docker export` of original and squashed are the same, and so are config and what the container prints.
fn same_in_docker(name: &str, squashed: &Path) {
    let before = original_tree(Runtime::Docker, name);
    let squashed = Loaded::new(Runtime::Docker, squashed).unwrap();
    let after = Runtime::Docker.tree_of(squashed.name()).unwrap();
    assert!(before.len() > 200, "{} files", before.len());
    assert_same(&before, &after, "docker export");
    let look = |image: &str| {
        let found = inspect(image);
        let printed = sh("docker", &["run", "--rm", "--network", "none", image]);
        let history = sh("docker", &["history", "--no-trunc", "-q", image]);
        (found[0]["Config"].clone(), found[0]["Created"].clone(), printed, history.lines().count())
    };
    let (config, created, printed, rows) = look(&original(name));
    let (new_config, new_created, new_printed, new_rows) = look(squashed.name());
    assert_eq!(config, new_config, "docker inspect");
    assert_eq!(created, new_created);
    assert_eq!(printed, new_printed, "what the container prints");
    assert!(!printed.is_empty());
    assert_eq!(rows + 1, new_rows, "docker history tells how it was made, and of the squash");
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn debian_saved_by_docker_is_the_same_in_docker_and_podman() {
    let place = Place::new();
    let output = place.path("out.tar");
    squash_as(&unique(), &prepared("debian.tar"), &output, &[]);
    same_in_docker("debian", &output);
    let after = Runtime::Podman.tree(&output).unwrap();
    assert_same(&original_tree(Runtime::Podman, "debian"), &after, "podman export");
    let capabilities = after[&b"usr/bin/python3.11"[..]].0.xattrs.contains_key(&b"security.capability"[..]);
    assert!(capabilities, "the capability is there");
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn debian_in_every_form_makes_the_same_layer() {
    let place = Place::new();
    let reference = place.path("reference.tar");
    squash(&prepared("debian.tar"), &reference, &[]);
    let expected = layer_tree(&reference);
    let forms = [prepared("debian.oci.tar"), prepared("debian.zstd.oci.tar"), prepared("debian.layout")];
    for form in forms {
        let output = place.path("out.tar");
        squash(&form, &output, &[]);
        assert_same(&expected, &layer_tree(&output), &form.display().to_string());
    }
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn debian_as_an_oci_archive_is_the_same_in_docker() {
    let place = Place::new();
    let before = original_tree(Runtime::Docker, "debian");
    for form in ["debian.oci.tar", "debian.zstd.oci.tar"] {
        let output = place.path("out.tar");
        squash_as(&unique(), &prepared(form), &output, &[]);
        assert_same(&before, &Runtime::Docker.tree(&output).unwrap(), form);
    }
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn later_layers_change_earlier_ones_as_overlay_shows_it() {
    let place = Place::new();
    let output = place.path("out.tar");
    squash_as(&unique(), &prepared("overlay.tar"), &output, &[]);
    same_in_docker("overlay", &output);
    for runtime in [Runtime::Podman, Runtime::Containerd] {
        assert_same(&original_tree(runtime, "overlay"), &runtime.tree(&output).unwrap(), runtime.name());
    }
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn archives_compressed_as_a_whole_and_streams_make_the_same_bytes() {
    let place = Place::new();
    let input = prepared("overlay.tar");
    let reference = place.path("reference.tar");
    squash(&input, &reference, &[]);
    let expected = std::fs::read(&reference).unwrap();
    for (program, arguments) in [("gzip", vec!["-c"]), ("pigz", vec!["-c"]), ("zstd", vec!["-q", "-c"])] {
        let packed = place.path("in.packed");
        let output = Command::new(program).args(&arguments).arg(&input).output().unwrap();
        std::fs::write(&packed, output.stdout).unwrap();
        let output = place.path("out.tar");
        squash(&packed, &output, &[]);
        assert!(std::fs::read(&output).unwrap() == expected, "{program}");
    }
    let piped = run(Command::new("sh").arg("-c").arg(format!(
        "cat {} | {} -q - -o - > {}",
        input.display(),
        command().get_program().to_str().unwrap(),
        place.path("piped.tar").display()
    )));
    piped.unwrap();
    assert!(std::fs::read(place.path("piped.tar")).unwrap() == expected, "a stream to a stream");
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn every_format_is_taken_by_its_consumers() {
    let place = Place::new();
    let input = prepared("overlay.tar");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let before = original_tree(Runtime::Podman, "overlay");
    for (format, transports) in [
        ("universal", vec!["oci-archive:", "docker-archive:"]),
        ("oci-archive", vec!["oci-archive:"]),
        ("docker-archive", vec!["docker-archive:"]),
        ("oci-dir", vec!["oci:"]),
    ] {
        let (output, name) = (place.path(format), unique());
        squash_as(&name, &input, &output, &["--format", format]);
        for transport in transports {
            let copied = place.path("copied");
            let source = format!("{transport}{}:{name}:1", text(&output));
            sh("skopeo", &["copy", "-q", &source, &format!("dir:{}", text(&copied))]);
            std::fs::remove_dir_all(copied).unwrap();
        }
        if format != "oci-dir" {
            assert_same(&before, &Runtime::Podman.tree(&output).unwrap(), format);
        }
    }
    let after = Runtime::Docker.tree(&place.path("docker-archive")).unwrap();
    assert_same(&original_tree(Runtime::Docker, "overlay"), &after, "docker-archive in docker");
    let buildah = format!("oci-archive:{}", text(&place.path("universal")));
    let image = sh("buildah", &["pull", "-q", &buildah]);
    sh("buildah", &["rmi", "-f", image.trim()]);
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn umoci_and_containerd_unpack_the_same_files() {
    let place = Place::new();
    let layout = place.path("layout");
    squash(&prepared("debian.tar"), &layout, &["--format", "oci-dir"]);
    let bundle = place.path("bundle");
    let image = format!("{}:{}", layout.to_str().unwrap(), original("debian"));
    sh("umoci", &["unpack", "--image", &image, bundle.to_str().unwrap()]);
    let unpacked = tree(&walk(&bundle.join("rootfs")));
    let archive = place.path("out.tar");
    squash(&prepared("debian.tar"), &archive, &[]);
    let mut expected = layer_tree(&archive);
    let mut mounted = Runtime::Containerd.tree(&archive).unwrap();
    let mut unpacked: Tree = unpacked.into_iter().filter(|(path, _)| !path.is_empty()).collect();
    for tree in [&mut expected, &mut mounted, &mut unpacked] {
        tree.retain(|path, _| !path.is_empty() && !is_runtime_file(path));
        for (node, _) in tree.values_mut() {
            (node.uname, node.gname) = (Vec::new(), Vec::new());
            node.pax.clear();
            node.xattrs.retain(|name, _| name != b"user.rootlesscontainers");
        }
    }
    assert_same(&expected, &unpacked, "umoci unpack");
    assert_same(&expected, &mounted, "containerd mount");
}

/// What the reader of containerd's mounts leaves out.
fn is_runtime_file(path: &[u8]) -> bool {
    let first = path.split(|byte| *byte == b'/').next().unwrap();
    matches!(first, b"dev" | b"proc" | b"sys" | b".dockerenv")
        || matches!(path, b"etc" | b"run" | b"etc/mtab" | b"etc/hostname" | b"etc/hosts" | b"etc/resolv.conf")
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn a_file_added_and_removed_leaves_nothing() {
    let place = Place::new();
    let size = |name: &str| {
        let output = place.path("out.tar");
        squash(&prepared(name), &output, &[]);
        std::fs::metadata(output).unwrap().len()
    };
    let before = std::fs::metadata(prepared("fat.tar")).unwrap().len();
    let (lean, fat) = (size("lean.tar"), size("fat.tar"));
    assert!(before > 100_000_000, "the file travels with the original");
    assert!(fat.abs_diff(lean) < lean / 100, "squashed, it is as small as if it had never been: {fat}, {lean}");
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn containerd_finds_the_image_by_its_name() {
    let place = Place::new();
    let output = place.path("out.tar");
    let name = format!("registry.example/team/{}", unique());
    squash_as(&name, &prepared("lean.tar"), &output, &[]);
    let namespace = Namespace::new();
    run(namespace.ctr().args(["images", "import"]).arg(&output)).unwrap();
    assert_eq!(namespace.images().unwrap(), [format!("{name}:1")]);
    assert_eq!(Loaded::new(Runtime::Podman, &output).unwrap().name(), format!("{name}:1"));
}

/// The plain layers of an archive made by docker save.
fn plain_layers(archive: &Path) -> Vec<Vec<u8>> {
    let files = files(&std::fs::read(archive).unwrap());
    let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let names = manifest[0]["Layers"].as_array().unwrap();
    names.iter().map(|name| files[name.as_str().unwrap()].clone()).collect()
}

/// What a shell command makes of standard input.
fn filter(command: &str, input: &[u8]) -> Vec<u8> {
    let mut child =
        Command::new("sh").args(["-c", command]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{command}");
        output.stdout
    })
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn layers_of_real_compressors_are_spliced_to_what_every_decoder_reads() {
    let place = Place::new();
    let layers = plain_layers(&prepared("debian.tar"));
    let planned = place.path("planned.tar");
    squash(&prepared("debian.tar"), &planned, &["--compression", "none"]);
    let planned = images(&files(&std::fs::read(planned).unwrap())).remove(0).1.layers.remove(0);
    for compressor in ["gzip -1", "pigz -1", "pigz -1 -i", "igzip -1"] {
        let blobs: Vec<Vec<u8>> = layers.iter().map(|layer| filter(compressor, layer)).collect();
        let mut archive = Archive::default();
        let manifest = archive.packed(&Image::new(layers.clone()), "+gzip", blobs);
        archive.layout(&[manifest]);
        let input = place.write("in.tar", &archive.tar());
        let output = place.path("out.tar");
        squash(&input, &output, &[]);
        let blob = images(&files(&std::fs::read(&output).unwrap())).remove(0).1.blobs.remove(0);
        for decoder in ["gzip -dc", "pigz -dc", "igzip -dc", "python3 -m gzip -d -", "zstd -q -dc"] {
            assert!(filter(decoder, &blob) == planned, "{compressor}, decoded with {decoder}");
        }
    }
}

/// The most memory a squash took, in bytes.
fn peak_memory(arguments: &[&str]) -> u64 {
    let mut child = command().args(arguments).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let found = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(found.unwrap_or_default() * 1024);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    peak
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn memory_depends_on_the_number_of_entries_and_not_on_bytes() {
    let place = Place::new();
    let (output, report) = (place.path("out.tar"), place.path("report.json"));
    for input in ["debian.tar", "debian.oci.tar", "debian.zstd.oci.tar", "fat.tar"] {
        for compression in ["gzip", "zstd", "none"] {
            let input = prepared(input);
            let text = |path: &Path| path.to_str().unwrap().to_owned();
            let (input, output, report) = (text(&input), text(&output), text(&report));
            let options = ["-q", "-j2", &input, "-o", &output, "--compression", compression, "--report", &report];
            let peak = peak_memory(&options);
            let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
            let entries = report["images"][0]["entries"]["before"].as_u64().unwrap();
            // Two zstd layers that are read at once need the window that their frames ask for: 8 MiB each.
            let windows = if input.contains("zstd") { 16 << 20 } else { 0 };
            let bar = (64 << 20) + 200 * entries + windows;
            assert!(peak < bar, "{input} to {compression}: {peak} bytes for {entries} entries");
            assert!(peak > 1 << 20, "it was measured");
        }
    }
}
