//! The command: what it prints, what it exits with, and what it leaves behind.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::archive::{Form, Image, save};
use crate::support::case::parse;
use crate::support::layer::Layer;
use crate::support::read::{files, images};
use crate::support::run::{Place, command, stderr};

/// An image in which a later layer deletes, replaces and only touches files.
fn archive() -> Vec<u8> {
    let big = "0123456789".repeat(500);
    let text = format!(
        "case x\nlayer\n d d\n f d/gone \"{big}\"\n f d/new \"old\"\n f d/touched \"{big}\"\nlayer\n d d mode=0700\n f d/.wh.gone\n f d/new \"new\"\n f d/touched mode=0600 \"{big}\"\ntree\n"
    );
    let layers = parse(&text).remove(0).layers;
    Image { tags: vec!["app:1".to_owned()], ..Image::new(layers.iter().map(Layer::tar).collect()) }.save(Form::Both)
}

/// Runs the command in a place with `in.tar`.
fn run(place: &Place, arguments: &[&str]) -> Output {
    if !place.path("in.tar").exists() {
        place.write("in.tar", &archive());
    }
    command().current_dir(place.path("")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn the_account_says_what_was_saved_where_it_went_and_how_to_load_it() {
    let place = Place::new();
    let output = run(&place, &["in.tar", "-o", "out.tar"]);
    assert_eq!(code(&output), 0);
    assert!(output.stdout.is_empty());
    let text = stderr(&output);
    let image_id = images(&files(&std::fs::read(place.path("out.tar")).unwrap()))[0].1.config_bytes.clone();
    let image_id = crate::support::read::sha256(&image_id);
    let size = std::fs::metadata(place.path("out.tar")).unwrap().len();
    let expected = format!(
        "\
app:1  linux/amd64
  layers                 2 -> 1
  entries                8 -> 3
  uncompressed     22.5 kB -> 8.19 kB  (-64 %)
  reclaimed        15.3 kB
                 5.63 kB  deleted by a later layer
                 5.63 kB  copied again to change metadata
                 2.04 kB  archive ends and padding
                 1.02 kB  overwritten by a later layer
                   512 B  whiteouts
                   512 B  directories declared again
  image id      sha256:{image_id}
wrote out.tar ({}.{:02} kB); load it with: docker load -i out.tar",
        size / 1000,
        size % 1000 / 10,
    );
    // How well the compressor does is not this test's business.
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("  compressed ")).collect();
    assert_eq!(without.join("\n"), expected);
    assert!(text.lines().any(|line| line.starts_with("  compressed ")), "{text}");
    assert!(!text.contains('\x1b') && !text.contains('\r'), "no bar where no one looks");
}

#[test]
fn quiet_says_nothing_but_notes() {
    let place = Place::new();
    let output = run(&place, &["-q", "in.tar", "-o", "out.tar"]);
    assert_eq!((code(&output), stderr(&output)), (0, String::new()));
    let mut image = Image::new(vec![vec![0; 1024]]);
    image.config["history"] = serde_json::json!([{}, {}]);
    place.write("odd.tar", &image.save(Form::Oci));
    let output = run(&place, &["-q", "odd.tar", "-o", "out.tar"]);
    assert_eq!(stderr(&output), "note: repaired the history: 2 rows stood for layers, there are 1 layers\n");
    let output = run(&place, &["-q", "--strict", "odd.tar", "-o", "strict.tar"]);
    assert_eq!(code(&output), 3);
    assert!(!place.path("strict.tar").exists());
}

#[test]
fn the_report_is_the_account_as_json() {
    let place = Place::new();
    let output = run(&place, &["-q", "in.tar", "-o", "out.tar", "--report", "report.json"]);
    assert_eq!(code(&output), 0);
    let report: Value = serde_json::from_slice(&std::fs::read(place.path("report.json")).unwrap()).unwrap();
    assert_eq!(report["schema_version"], 1);
    assert_eq!((&report["input"], &report["output"]), (&"in.tar".into(), &"out.tar".into()));
    assert_eq!(report["output_bytes"], std::fs::metadata(place.path("out.tar")).unwrap().len());
    let image = &report["images"][0];
    assert_eq!(image["names"], serde_json::json!(["app:1"]));
    assert_eq!(image["layers"], serde_json::json!({"before": 2, "after": 1}));
    let reclaimed = image["reclaimed_bytes"].as_object().unwrap();
    let causes: u64 =
        reclaimed.iter().filter(|(cause, _)| *cause != "total").map(|(_, bytes)| bytes.as_u64().unwrap()).sum();
    assert_eq!(reclaimed["total"], causes);
    assert_eq!(reclaimed["deleted"], 5632);
    let files = files(&std::fs::read(place.path("out.tar")).unwrap());
    assert!(
        files.contains_key(&image["new_layers"][0]["digest"].as_str().unwrap().replace("sha256:", "blobs/sha256/"))
    );
    let output = run(&place, &["-q", "in.tar", "-o", "out.tar", "--report", "-"]);
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), report);
}

#[test]
fn wrong_usage_is_told_with_code_2() {
    let place = Place::new();
    for (arguments, text) in [
        (&["in.tar"][..], "--output <PATH>"),
        (&[][..], "<INPUT>"),
        (&["in.tar", "-o", "out.tar", "--platform", "linux"], "expected os/arch"),
        (&["in.tar", "-o", "out.tar", "-t", "App"], "\"App\" is not an image name"),
        (&["in.tar", "-o", "out.tar", "-t", "app@sha256:0"], "give a tag"),
        (&["in.tar", "-o", "out.tar", "--jobs", "0"], "--jobs"),
        (&["in.tar", "-o", "out.tar", "--compression-level", "10"], "--compression-level"),
        (&["in.tar", "-o", "out.tar", "--format", "zip"], "universal"),
        (&["in.tar", "-o", "out.tar", "--max-layer-size", "1X"], "as in 16G"),
        (&["in.tar", "-o", "-", "--report", "-"], "cannot both go to standard output"),
        (&["in.tar", "-o", "out.tar", "--ref", "other"], "no image is called \"other\"; there are: "),
        (
            &["in.tar", "-o", "out.tar", "--platform", "linux/arm64"],
            "no image is for linux/arm64; there are: linux/amd64",
        ),
    ] {
        let output = run(&place, arguments);
        let message = stderr(&output);
        assert_eq!(code(&output), 2, "{arguments:?}: {message}");
        assert!(message.contains(text), "{arguments:?}: {message}");
        assert!(!place.path("out.tar").exists());
    }
}

#[test]
fn failed_input_and_output_are_told_in_one_line_with_code_3() {
    let place = Place::new();
    place.write("bad.tar", b"bad");
    std::fs::create_dir(place.path("directory")).unwrap();
    for (arguments, expected) in [
        (
            ["absent.tar", "-o", "out.tar"],
            "imgsquash: absent.tar: cannot read it: No such file or directory (os error 2)\n",
        ),
        (
            ["bad.tar", "-o", "out.tar"],
            "imgsquash: bad.tar: it is not a readable tar archive: the tar ends inside an entry (at byte 0 of the tar)\n",
        ),
        (["in.tar", "-o", "none/out.tar"], "imgsquash: cannot write none/out.tar: the directory none does not exist\n"),
        (
            ["in.tar", "-o", "directory"],
            "imgsquash: cannot write directory: it is a directory: name a file, or use --format oci-dir\n",
        ),
        (
            ["directory", "-o", "out.tar"],
            "imgsquash: directory: no manifest.json and no index.json in it: expected an OCI image layout\n",
        ),
    ] {
        let output = run(&place, &arguments);
        assert_eq!((code(&output), stderr(&output).as_str()), (3, expected));
        assert!(!place.path("out.tar").exists());
    }
}

#[test]
fn a_failure_leaves_the_old_target_and_nothing_else() {
    let place = Place::new();
    place.write("in.tar", &archive());
    place.write("out.tar", b"old");
    let archive = archive();
    place.write("bad.tar", &archive[..archive.len() / 2]);
    let output = run(&place, &["bad.tar", "-o", "out.tar"]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert_eq!(std::fs::read(place.path("out.tar")).unwrap(), b"old");
    assert_eq!(place.names(), ["bad.tar", "in.tar", "out.tar"]);
    let output = run(&place, &["in.tar", "-o", "out.tar"]);
    assert_eq!(code(&output), 0);
    assert_eq!(place.names(), ["bad.tar", "in.tar", "out.tar"]);
    let mode = std::fs::metadata(place.path("out.tar")).unwrap().permissions().mode();
    assert_eq!(mode & 0o600, 0o600);
}

#[test]
fn the_target_gets_the_permissions_of_any_new_file() {
    let place = Place::new();
    place.write("in.tar", &archive());
    for (format, name) in [("universal", "out.tar"), ("oci-dir", "out")] {
        for _ in 0..2 {
            let script =
                format!("umask 027; exec {} -q in.tar -o {name} --format {format}", env!("CARGO_BIN_EXE_imgsquash"));
            let status = std::process::Command::new("sh").arg("-c").arg(script).current_dir(place.path("")).status();
            assert!(status.unwrap().success());
            let mode = std::fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, if format == "oci-dir" { 0o750 } else { 0o640 }, "{format}");
        }
    }
}

#[test]
fn the_input_may_be_the_target() {
    let place = Place::new();
    run(&place, &["in.tar", "-o", "other.tar"]);
    let output = run(&place, &["in.tar", "-o", "in.tar"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(std::fs::read(place.path("in.tar")).unwrap() == std::fs::read(place.path("other.tar")).unwrap());
}

#[test]
fn a_link_keeps_leading_to_the_new_file() {
    let place = Place::new();
    place.write("real.tar", b"old");
    std::os::unix::fs::symlink("real.tar", place.path("link.tar")).unwrap();
    assert_eq!(code(&run(&place, &["in.tar", "-o", "link.tar"])), 0);
    assert!(place.path("link.tar").is_symlink());
    assert!(std::fs::metadata(place.path("real.tar")).unwrap().len() > 1000);
}

#[test]
fn streams_and_devices_are_written_not_replaced() {
    let place = Place::new();
    run(&place, &["in.tar", "-o", "out.tar"]);
    let expected = std::fs::read(place.path("out.tar")).unwrap();
    let output = run(&place, &["in.tar", "-o", "-"]);
    assert!(output.stdout == expected);
    assert!(stderr(&output).contains("to standard output"));
    let output = run(&place, &["in.tar", "-o", "/dev/stdout"]);
    assert!(output.stdout == expected);
    assert_eq!(code(&run(&place, &["in.tar", "-o", "/dev/null"])), 0);
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    let fifo = place.path("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || std::fs::read(fifo).unwrap()
    });
    assert_eq!(code(&run(&place, &["in.tar", "-o", "fifo"])), 0);
    assert!(reader.join().unwrap() == expected);
    assert!(std::fs::metadata(fifo).unwrap().file_type().is_fifo());
}

#[test]
fn standard_input_is_read_as_a_file_or_as_a_pipe() {
    let place = Place::new();
    run(&place, &["in.tar", "-o", "out.tar"]);
    let expected = std::fs::read(place.path("out.tar")).unwrap();
    let binary = env!("CARGO_BIN_EXE_imgsquash");
    for script in [
        format!("{binary} -q - -o piped.tar < in.tar"),
        format!("cat in.tar | {binary} -q - -o piped.tar"),
        format!("gzip -c in.tar | {binary} -q - -o piped.tar --tmp-dir ."),
        format!("(dd bs=1 count=700 2>/dev/null; sleep 0.2; cat) < in.tar | {binary} -q - -o piped.tar"),
        format!("bash -c '{binary} -q <(zstd -qc in.tar) -o piped.tar'"),
    ] {
        let output =
            std::process::Command::new("sh").arg("-c").arg(&script).current_dir(place.path("")).output().unwrap();
        assert!(output.status.success(), "{script}: {}", stderr(&output));
        assert!(std::fs::read(place.path("piped.tar")).unwrap() == expected, "{script}");
        assert_eq!(place.names(), ["in.tar", "out.tar", "piped.tar"], "{script}");
        std::fs::remove_file(place.path("piped.tar")).unwrap();
    }
}

#[test]
fn a_closed_pipe_and_a_full_disk_are_errors_of_output() {
    let place = Place::new();
    place.write("in.tar", &archive());
    let binary = env!("CARGO_BIN_EXE_imgsquash");
    let script = format!("{binary} -q in.tar -o /dev/full");
    let output = std::process::Command::new("sh").arg("-c").arg(script).current_dir(place.path("")).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(stderr(&output), "imgsquash: cannot write /dev/full: No space left on device (os error 28)\n");
    let script = format!("({binary} -q in.tar -o -; echo $? >code) | true");
    std::process::Command::new("sh").arg("-c").arg(script).current_dir(place.path("")).output().unwrap();
    let code = std::fs::read_to_string(place.path("code")).unwrap();
    assert!(matches!(code.trim(), "0" | "3"), "{code}");
}

#[test]
fn an_interrupted_squash_leaves_nothing_behind() {
    let layer = |seed: u32| -> Vec<u8> {
        let noise: Vec<u8> =
            (0..4_000_000_u32).flat_map(|n| (n.wrapping_mul(seed)).wrapping_mul(n).to_le_bytes()).collect();
        let name = format!("f{seed}").into_bytes();
        let node = crate::support::node::Node::new(crate::support::node::Kind::File(noise));
        [crate::support::layer::Entry { name, node }.tar(), vec![0; 1024]].concat()
    };
    let archive = Image::new(vec![layer(2_654_435_761), layer(40_503), layer(69_069)]).save(Form::Docker);
    for format in ["universal", "oci-dir"] {
        for signal in ["INT", "TERM", "HUP", "KILL"] {
            let place = Place::new();
            place.write("in.tar", &archive);
            let child = command()
                .current_dir(place.path(""))
                .args(["-q", "in.tar", "-o", "out", "--format", format])
                .stdin(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(150));
            // The shell's own kill: the program is not on every machine.
            let kill = format!("kill -s {signal} {}", child.id());
            std::process::Command::new("sh").args(["-c", &kill]).status().unwrap();
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), None, "it was ended by the signal, and in time");
            assert_eq!(stderr(&output), "");
            let left = place.names();
            // A killed process cannot remove the directory it was filling; an unnamed file goes by itself.
            if !(signal == "KILL" && format == "oci-dir") {
                assert_eq!(left, ["in.tar"], "{signal}, {format}");
            }
        }
    }
}

#[test]
fn source_date_epoch_is_the_time_of_creation() {
    let place = Place::new();
    place.write("in.tar", &archive());
    let created = |epoch: &str| {
        let mut command = command();
        command.current_dir(place.path("")).args(["-q", "in.tar", "-o", "out.tar"]);
        command.env("SOURCE_DATE_EPOCH", epoch).output().unwrap()
    };
    assert_eq!(code(&created("1000000000")), 0);
    let image = images(&files(&std::fs::read(place.path("out.tar")).unwrap())).remove(0).1;
    assert_eq!(image.config["created"], "2001-09-09T01:46:40Z");
    let output = created("yesterday");
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("SOURCE_DATE_EPOCH is \"yesterday\", expected seconds since 1970"));
    assert_eq!(code(&created("")), 0, "an empty one is none");
}

#[test]
fn equal_input_makes_equal_files_wherever_they_lie() {
    let (one, two) = (Place::new(), Place::new());
    run(&one, &["in.tar", "-o", "out.tar", "-j", "1"]);
    std::thread::sleep(Duration::from_millis(1100));
    run(&two, &["in.tar", "-o", "other.tar", "-j", "7"]);
    assert!(std::fs::read(one.path("out.tar")).unwrap() == std::fs::read(two.path("other.tar")).unwrap());
    assert_ne!(
        std::fs::metadata(one.path("out.tar")).unwrap().mtime(),
        std::fs::metadata(two.path("other.tar")).unwrap().mtime()
    );
}

#[test]
fn several_images_each_have_their_account() {
    let place = Place::new();
    let named = |name: &str| Image { tags: vec![name.to_owned()], ..Image::new(vec![vec![0; 1024]]) };
    place.write("in.tar", &save(&[named("one:1"), named("two:1")], Form::Docker));
    let text = stderr(&run(&place, &["in.tar", "-o", "out.tar"]));
    assert!(text.contains("one:1  linux/amd64\n") && text.contains("two:1  linux/amd64\n"), "{text}");
}

#[test]
fn help_and_version_go_to_standard_output() {
    let place = Place::new();
    for arguments in [["--help"], ["--version"]] {
        let output = run(&place, &arguments);
        assert_eq!(code(&output), 0);
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
    let help = String::from_utf8(run(&place, &["--help"]).stdout).unwrap();
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md").exists());
}
