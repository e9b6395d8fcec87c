//! The command: what it prints, what it exits with, and what it leaves behind.

use std::io::Write;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Output, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::archive::{Codec, Form, Image, save};
use crate::support::case::parse;
use crate::support::layer::Layer;
use crate::support::node::Kind;
use crate::support::read::{self, entries, files, images};
use crate::support::run::{Place, command, interruptible, stderr};

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

/// An account without what the compressor decides.
fn without_sizes(text: &str) -> String {
    let cut = |line: &str| match (line.find(" > 1   "), line.find("wrote out.tar (")) {
        (Some(at), _) => format!("{}\n", &line[..at + 7]),
        (None, Some(_)) => "wrote out.tar (".to_owned(),
        (None, None) => format!("{line}\n"),
    };
    text.lines().map(cut).collect()
}

#[test]
fn the_account_says_what_was_saved_where_it_went_and_how_to_load_it() {
    let place = Place::new();
    let short = run(&place, &["in.tar", "-o", "out.tar"]);
    let expected = "\
app:1  linux/amd64   2 layers > 1   
    5.63 kB  deleted by a later layer
    5.63 kB  copied again to change metadata
    2.04 kB  archive ends and padding
    1.02 kB  overwritten by a later layer
      512 B  whiteouts
      512 B  directories declared again
wrote out.tar (";
    assert_eq!(without_sizes(&stderr(&short)), expected);
    let output = run(&place, &["in.tar", "-o", "out.tar", "-v"]);
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
fn the_account_tells_what_stays_what_is_new_what_was_pruned_and_what_is_equal() {
    let place = Place::new();
    let (cache, manual) = ("c".repeat(3000), "m".repeat(700));
    let text = format!(
        "case x\nlayer\n f etc/debian_version \"12\"\n f root/.npm/_cacache/below \"{cache}\"\nlayer\n \
         f srv/a \"equal\"\n f srv/b \"equal\"\n f root/.npm/_cacache/above \"{manual}\"\n \
         f tmp/start mode=0755 \"run\"\nlayer\n \
         f usr/share/man/man1/a.1 \"{manual}\"\n f usr/bin/tool \"program\"\n \
         f var/lib/dpkg/info/tool.list \"/usr/bin/tool\"\ntree\n"
    );
    let mut image = Image::new(parse(&text).remove(0).layers.iter().map(Layer::tar).collect());
    image.config["config"] = json!({"Entrypoint": ["/tmp/start"]});
    place.write("in.tar", &Image { codec: Codec::Plain, tags: vec!["app:1".to_owned()], ..image }.save(Form::Docker));
    let account = |options: &[&str]| {
        let output = run(&place, &[&["in.tar", "-v", "-o", "out.tar", "--compression", "none"], options].concat());
        let text = stderr(&output);
        assert_eq!(code(&output), 0, "{text}");
        let lines = text.lines().filter(|line| !line.starts_with("  image id ") && !line.starts_with("wrote "));
        lines.map(|line| line.to_owned() + "\n").collect::<String>()
    };
    let expected = "\
app:1  linux/amd64
  layers                 3 -> 3
  of the layers that were squashed:
  entries                7 -> 21
  uncompressed     10.2 kB -> 16.3 kB  (+60 %)
  compressed       10.2 kB -> 16.3 kB  (+60 %)
  reclaimed        3.58 kB
                 2.04 kB  archive ends and padding
                 1.53 kB  pruned
  pruned           3.70 kB  in 2 files (about 3.70 kB compressed)
                 3.70 kB  npm-cache: 2 files, download cache and logs of npm
                 3.00 kB  of it lie in kept layers: hidden by whiteouts, nothing is freed
    largest      3.00 kB  /root/.npm/_cacache/below
                   700 B  /root/.npm/_cacache/above
    kept 1 file from tmp-files: referenced by Entrypoint (/tmp/start)
  equal files          5 B  in 1 files that --hardlink-duplicates would link
  kept             5.63 kB  in 1 layer, byte for byte
  new layer        11.2 kB  packages, 16 entries
  new layer        5.12 kB  application, 5 entries
";
    assert_eq!(account(&["--keep-layers", "1", "--split", "2", "--prune"]), expected);
    let linked = account(&["--hardlink-duplicates"]);
    assert!(linked.ends_with("                 1.53 kB  equal files that became hard links\n"), "{linked}");
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
fn a_directory_does_not_go_to_standard_output() {
    let place = Place::new();
    for output in ["-", "/dev/stdout"] {
        let output = run(&place, &["in.tar", "-o", output, "--format", "oci-dir"]);
        let text = "--format oci-dir makes a directory, which cannot go to standard output: name one with --output";
        assert_eq!((code(&output), stderr(&output)), (2, format!("imgsquash: {text}\n")));
        assert!(output.stdout.is_empty() && place.names() == ["in.tar"]);
    }
    assert_eq!(code(&run(&place, &["-q", "in.tar", "-o", "-", "--format", "oci-dir", "--dry-run"])), 0);
}

#[test]
fn an_output_without_its_option_is_told_how_to_be_given() {
    let place = Place::new();
    run(&place, &["in.tar", "-o", "expected.tar"]);
    for (arguments, expected) in [
        (&["in.tar", "out.tar"][..], "give one archive, and where the new one goes as -o out.tar"),
        (&["-q", "in.tar", "--dry-run", "out.tar"], "give one archive, and where the new one goes as -o out.tar"),
        (&["in.tar", "out.tar", "-o", "other.tar"], "give one archive"),
        (&["in.tar", "out.tar", "--output=other.tar"], "give one archive"),
        (&["in.tar", "out.tar", "-qoother.tar"], "give one archive"),
    ] {
        let output = run(&place, arguments);
        let expected = format!("imgsquash: unexpected argument 'out.tar': {expected}\n");
        assert_eq!((code(&output), stderr(&output)), (2, expected), "{arguments:?}");
    }
    assert_eq!(code(&run(&place, &["in.tar", "-o", "out.tar"])), 0);
}

#[test]
fn the_name_of_a_directory_is_no_name_of_a_file() {
    let place = Place::new();
    for target in ["new/", "new/.", "new//"] {
        let output = run(&place, &["in.tar", "-o", target]);
        let text = format!("cannot write {target}: it is a directory: name a file, or use --format oci-dir");
        assert_eq!((code(&output), stderr(&output)), (3, format!("imgsquash: {text}\n")));
        let output = run(&place, &["in.tar", "--dry-run", "--report", target]);
        let text = format!("cannot write {target}: it is a directory: name a file");
        assert_eq!((code(&output), stderr(&output)), (3, format!("imgsquash: {text}\n")));
        assert_eq!(place.names(), ["in.tar"]);
    }
    assert_eq!(code(&run(&place, &["in.tar", "-o", "new/", "--format", "oci-dir"])), 0);
    assert!(place.path("new/index.json").exists());
}

#[test]
fn what_is_no_path_is_told_with_a_name_that_works() {
    let place = Place::new();
    run(&place, &["in.tar", "-o", "lay", "--format", "oci-dir"]);
    let name = "no-such-image-anywhere:1";
    let named = format!("an image is named docker-daemon:{name}, podman:{name} or docker://{name}");
    for (input, said, expected) in [
        (name, name, format!("there is no such file; {named}")),
        ("none.tar", "none.tar", "cannot read it: No such file or directory (os error 2)".to_owned()),
        (
            "docker-archive:none.tar:app:1",
            "none.tar",
            "cannot read it: No such file or directory (os error 2)".to_owned(),
        ),
        (
            "docker-deamon:app:1",
            "docker-deamon:app:1",
            "cannot read it: No such file or directory (os error 2); is docker-daemon: meant?".to_owned(),
        ),
        ("oci:lay:app:9", "lay", "no image is called \"app:9\"; there are: ".to_owned()),
    ] {
        for arguments in [&[input, "-o", "out.tar"][..], &["in.tar", "-o", "out.tar", "--keep-base", input]] {
            let output = run(&place, arguments);
            let expected = format!("imgsquash: {said}: {expected}");
            assert!(stderr(&output).starts_with(&expected), "{}", stderr(&output));
            assert_eq!(code(&output), if said == "lay" { 2 } else { 3 });
        }
    }
    for (input, expected) in [
        ("containers-storage:app:1", "the transport \"containers-storage:\" is not known here: say podman:NAME"),
        ("docker:app:1", "expected docker://REGISTRY/NAME, or docker-daemon:NAME for the daemon"),
    ] {
        let output = run(&place, &[input, "-o", "out.tar"]);
        assert!(stderr(&output).trim_end().ends_with(expected), "{}", stderr(&output));
        assert_eq!(code(&output), 2);
    }
}

#[test]
fn transports_of_the_disk_say_which_image_and_which_format() {
    let place = Place::new();
    let files = |name: &str| files(&std::fs::read(place.path(name)).unwrap());
    run(&place, &["in.tar", "-o", "lay", "--format", "oci-dir", "-t", "app:1"]);
    for (input, words) in [
        ("docker-archive:in.tar", &["in.tar"][..]),
        ("oci:lay:app:1", &["lay", "--ref", "app:1"]),
        ("oci-archive:lay", &["lay"]),
    ] {
        assert_eq!(code(&run(&place, &[input, "-o", "named.tar"])), 0, "{input}");
        assert_eq!(code(&run(&place, &[words, &["-o", "path.tar"]].concat())), 0);
        assert!(files("named.tar") == files("path.tar"), "{input}");
    }
    for (output, format) in [("docker-archive:out:app:2", "docker-archive"), ("oci-archive:out:app:2", "oci-archive")] {
        assert_eq!(code(&run(&place, &["in.tar", "-o", output])), 0, "{output}");
        assert_eq!(code(&run(&place, &["in.tar", "-o", "path", "--format", format, "-t", "app:2"])), 0);
        assert!(files("out") == files("path"), "{output}");
    }
    assert_eq!(code(&run(&place, &["in.tar", "-o", "oci:other:app:2"])), 0);
    assert!(place.path("other/index.json").exists());
    for (arguments, expected) in [
        (&["in.tar", "-o", "oci:other:app"][..], "say NAME:TAG after the path"),
        (&["in.tar", "-o", "oci:other:app:1", "-t", "app:2"], "--tag: the name oci:other:app:1 says what the image is"),
        (
            &["in.tar", "-o", "oci-archve:x:1"],
            "oci-archve:x:1: is oci-archive: meant? As a file it is named ./oci-archve:x",
        ),
        (&["in.tar", "-o", "oci:x", "--format", "universal"], "--format: the name oci:x says what is written"),
        (&["docker-archive:in.tar", "-o", "x", "--report", "in.tar"], "--report would replace the input"),
    ] {
        let output = run(&place, arguments);
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
        assert_eq!(code(&output), 2);
    }
}

#[test]
fn the_account_calls_an_image_what_its_layout_does() {
    let place = Place::new();
    run(&place, &["in.tar", "-o", "lay", "--format", "oci-dir"]);
    let index = std::fs::read(place.path("lay/index.json")).unwrap();
    let mut index: Value = serde_json::from_slice(&index).unwrap();
    let mut account = |annotations: Value| {
        index["manifests"][0]["annotations"] = annotations;
        place.write("lay/index.json", index.to_string().as_bytes());
        std::fs::remove_file(place.path("lay/manifest.json")).unwrap_or_default();
        let output = run(&place, &["lay", "-v", "-o", "out.tar", "--report", "report"]);
        let report: Value = serde_json::from_slice(&std::fs::read(place.path("report")).unwrap()).unwrap();
        (stderr(&output).lines().next().unwrap().to_owned(), report["images"][0]["names"].clone())
    };
    let name = "org.opencontainers.image.ref.name";
    for (annotations, expected) in [
        (json!({name: "latest"}), vec!["latest"]),
        (json!({name: "stable \u{1b}[1m"}), vec!["stable \u{1b}[1m"]),
        (json!({name: "1", "io.containerd.image.name": "host.example/app:1"}), vec!["host.example/app:1"]),
        (json!({name: "n".repeat(256)}), vec![]),
        (json!({}), vec![]),
    ] {
        let first = if expected.is_empty() { "(no name)" } else { &expected.join(", ").replace('\u{1b}', "\\u{1b}") };
        assert_eq!(account(annotations), (format!("{first}  linux/amd64"), json!(expected)));
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
            "imgsquash: bad.tar: expected an archive made by docker save, podman save or skopeo, found a text file\n",
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
        format!("(dd bs=1 count=700 2>/dev/null; cat) < in.tar | {binary} -q - -o piped.tar"),
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
    // More than a pipe holds.
    place.write("in.tar", &noise(&[1]));
    let binary = env!("CARGO_BIN_EXE_imgsquash");
    let script = format!("{binary} -q in.tar -o /dev/full");
    let output = std::process::Command::new("sh").arg("-c").arg(script).current_dir(place.path("")).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(stderr(&output), "imgsquash: cannot write /dev/full: No space left on device (os error 28)\n");
    let script = format!("({binary} -q in.tar -o -; echo $? >code) | true");
    let output = std::process::Command::new("sh").arg("-c").arg(script).current_dir(place.path("")).output().unwrap();
    assert_eq!(stderr(&output), "imgsquash: cannot write standard output: Broken pipe (os error 32)\n");
    assert_eq!(std::fs::read_to_string(place.path("code")).unwrap(), "3\n");
}

/// A docker archive whose layers hold as many megabytes of noise.
fn noise(megabytes: &[usize]) -> Vec<u8> {
    let mut state = 2_654_435_761_u32;
    let mut layer = |(at, megabytes): (usize, &usize)| {
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()
        };
        let noise: Vec<u8> = std::iter::repeat_with(&mut next).take(megabytes << 18).flatten().collect();
        let node = crate::support::node::Node::new(Kind::File(noise));
        [crate::support::layer::Entry { name: format!("f{at}").into_bytes(), node }.tar(), vec![0; 1024]].concat()
    };
    Image::new(megabytes.iter().enumerate().map(&mut layer).collect()).save(Form::Docker)
}

/// Signals that end a process, and their numbers.
const SIGNALS: [(&str, i32); 4] = [("INT", 2), ("TERM", 15), ("HUP", 1), ("KILL", 9)];

/// Sends a signal, and tells how the process ended; it must have said nothing.
fn ended_by(signal: &str, child: Child) -> ExitStatus {
    // The shell's own kill: the program is not on every machine.
    let kill = format!("kill -s {signal} {}", child.id());
    assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(stderr(&output), "", "{signal}");
    output.status
}

/// Waits until the process has a new file in the place, by whatever name or none. Whether it has; else it has ended.
fn is_writing(child: &mut Child, place: &Place) -> bool {
    let known = place.names();
    let files = format!("/proc/{}/fd", child.id());
    let unnamed = format!("{}/#", place.path("").canonicalize().unwrap().display());
    while child.try_wait().unwrap().is_none() {
        let open = std::fs::read_dir(&files).into_iter().flatten().flatten();
        let mut leads_to = open.filter_map(|file| std::fs::read_link(file.path()).ok());
        if place.names() != known || leads_to.any(|path| path.to_string_lossy().starts_with(&unnamed)) {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

/// Removes a file or a directory, if there is one.
fn remove(path: &Path) {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path).unwrap(),
        Ok(_) => std::fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

#[test]
fn an_interrupted_squash_leaves_nothing_behind() {
    let place = Place::new();
    place.write("in.tar", &noise(&[4, 4, 4]));
    for format in ["universal", "oci-dir"] {
        for (signal, number) in SIGNALS {
            // Slow, so that it is still at it; where it is not, once more.
            let status = std::iter::repeat_with(|| {
                let arguments = ["-q", "-j1", "in.tar", "-o", "out", "--format", format];
                let slow = ["--compression", "zstd", "--compression-level", "19"];
                remove(&place.path("out"));
                let mut command = interruptible();
                command.current_dir(place.path("")).args(arguments).args(slow);
                let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
                is_writing(&mut child, &place).then(|| ended_by(signal, child))
            });
            // It may have come when all was done: what is there then is whole.
            let is_done = || {
                let is_there = place.path("out").exists();
                assert!(!is_there || code(&run(&place, &["out", "--dry-run"])) == 0, "{signal}, {format}");
                is_there
            };
            let status = status.take(10).find_map(|ended| ended.filter(|status| !status.success() && !is_done()));
            let status = status.expect("it was interrupted once in ten times");
            assert_eq!(status.signal(), Some(number), "{signal}, {format}: the signal ended it");
            // A killed process cannot remove the directory it was filling; an unnamed file goes by itself.
            if signal != "KILL" || format != "oci-dir" {
                assert_eq!(place.names(), ["in.tar"], "{signal}, {format}");
            }
        }
    }
}

#[test]
fn an_interrupted_stream_leaves_nothing_behind() {
    let archive = noise(&[1]);
    for (signal, number) in SIGNALS {
        let place = Place::new();
        let mut command = interruptible();
        command.current_dir(place.path("")).args(["-q", "-", "-o", "out", "--tmp-dir", "."]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // What a pipe cannot hold was read, and the rest never comes.
        let mut input = child.stdin.take().unwrap();
        input.write_all(&archive[..archive.len() / 2]).unwrap();
        let status = ended_by(signal, child);
        drop(input);
        assert_eq!(status.signal(), Some(number), "{signal}: the signal ended it");
        assert!(place.names().is_empty(), "{signal}: {:?}", place.names());
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
    assert_eq!(code(&run(&one, &["in.tar", "-o", "out.tar", "-j", "1"])), 0);
    // Another day, another name, other threads.
    let input = std::fs::File::create(two.path("in.tar")).unwrap();
    (&input).write_all(&archive()).unwrap();
    input.set_modified(SystemTime::now() - Duration::from_secs(100_000)).unwrap();
    assert_eq!(code(&run(&two, &["in.tar", "-o", "other.tar", "-j", "7"])), 0);
    assert!(std::fs::read(one.path("out.tar")).unwrap() == std::fs::read(two.path("other.tar")).unwrap());
}

#[test]
fn what_is_squashed_already_stays_what_it_is() {
    for options in
        ["", "--split 2", "--timestamp 0 --prune", "--no-provenance --history single", "--compression zstd --label a=b"]
    {
        let place = Place::new();
        place.write("in.tar", &rich().save(Form::Oci));
        let squash = |from: &str, to: &str, options: &str| {
            let words = format!("{from} -o {to} --report report {options}");
            let output = run(&place, &words.split_whitespace().collect::<Vec<_>>());
            assert_eq!(code(&output), 0, "{}", stderr(&output));
            let report: Value = serde_json::from_slice(&std::fs::read(place.path("report")).unwrap()).unwrap();
            (stderr(&output), report["images"][0]["is_unchanged"].as_bool().unwrap())
        };
        assert!(!squash("in.tar", "one.tar", options).1, "{options}");
        let (said, is_unchanged) = squash("one.tar", "two.tar", options);
        assert!(
            is_unchanged && said.contains("nothing to do: it was squashed with these options before"),
            "{options}: {said}"
        );
        assert!(
            std::fs::read(place.path("one.tar")).unwrap() == std::fs::read(place.path("two.tar")).unwrap(),
            "{options}"
        );
        // Other options are something to do.
        assert!(!squash("one.tar", "three.tar", &format!("{options} --env X=y")).1, "{options}");
    }
}

#[test]
fn several_images_each_have_their_account() {
    let place = Place::new();
    let named = |name: &str| Image { tags: vec![name.to_owned()], ..Image::new(vec![vec![0; 1024]]) };
    place.write("in.tar", &save(&[named("one:1"), named("two:1")], Form::Docker));
    let text = stderr(&run(&place, &["in.tar", "-v", "-o", "out.tar"]));
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

/// An image of three layers, the first of which is its base, with something for every option.
fn rich() -> Image {
    let text = "case x\nlayer\n f base \"1\"\n f late mtime=2000000000 \"2\"\nlayer\n d app mtime=5\n f app/a \"equal\"\n \
                f app/b \"equal\"\nlayer\n f base \"1\"\n f root/.npm/_cacache/x \"cache\"\n f root/.npm/_cacache/y \"cache\"\n \
                f usr/share/man/man1/a.1 \"manual\"\n f usr/bin/man \"program\"\ntree\n";
    let mut image = Image::new(parse(text).remove(0).layers.iter().map(Layer::tar).collect());
    image.config["created"] = json!("2020-02-02T02:02:02Z");
    image.config["config"] = json!({
        "Cmd": ["old"], "Entrypoint": ["old"], "Env": ["PATH=/bin", "GONE=1"], "Labels": {"a": "1", "gone": "1"},
    });
    image.config["history"] = json!([
        {"created_by": "ADD base"}, {"created_by": "CMD [\"sh\"]", "empty_layer": true}, {"created_by": "COPY app"},
        {"created_by": "RUN npm"},
    ]);
    image.manifest = json!({"annotations": {"kept": "2", "gone": "1"}});
    image
}

/// A place with [`rich`] as `in.tar`.
fn rich_place() -> Place {
    let place = Place::new();
    place.write("in.tar", &rich().save(Form::Oci));
    place
}

/// The image that `in.tar` becomes with these arguments.
fn squashed(place: &Place, arguments: &[&str]) -> read::Image {
    let output = run(place, &[&["-q", "in.tar", "-o", "out.tar"], arguments].concat());
    assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
    images(&files(&std::fs::read(place.path("out.tar")).unwrap())).remove(0).1
}

/// The names of all layers' entries, sorted.
fn names(image: &read::Image) -> Vec<String> {
    let all = image.layers.iter().flat_map(|layer| entries(layer).0);
    let mut names: Vec<String> = all.map(|(name, _)| String::from_utf8(name).unwrap()).collect();
    names.sort();
    names
}

#[test]
fn options_for_config_and_manifest_do_what_they_say() {
    let place = rich_place();
    let found = squashed(
        &place,
        &[
            &["--label", "a=b=c", "--label", "d=", "--rm-label", "gone", "--env", "PATH=/usr/bin", "--env", "N=1"][..],
            &["--rm-env", "GONE", "--user", "7:7", "--workdir", "/app", "--entrypoint", r#"["/bin/app", "two words"]"#],
            &["--cmd", "echo $HOME", "--annotation", "x=y", "--rm-annotation", "gone", "--no-provenance"],
        ]
        .concat(),
    );
    let expected = json!({
        "Cmd": ["/bin/sh", "-c", "echo $HOME"], "Entrypoint": ["/bin/app", "two words"], "Env": ["PATH=/usr/bin", "N=1"],
        "Labels": {"a": "b=c", "d": ""}, "User": "7:7", "WorkingDir": "/app",
    });
    assert_eq!(found.config["config"], expected);
    assert_eq!(found.manifest["annotations"], json!({"kept": "2", "x": "y"}));
    let found = squashed(&place, &["--entrypoint", "", "--cmd", "[]"]).config;
    assert_eq!((found["config"].get("Entrypoint"), found["config"].get("Cmd")), (None, None));
    let rows = |found: read::Image| found.config["history"].as_array().map(Vec::len);
    assert_eq!(rows(squashed(&place, &["--history", "keep"])), Some(5));
    assert_eq!(rows(squashed(&place, &["--history", "none"])), None);
    let found = squashed(&place, &["--history", "single", "-m", "for release"]);
    assert_eq!(found.config["history"][0]["comment"], "for release");
    assert_eq!(rows(found), Some(1));
    let found = squashed(&place, &["--media-types", "docker"]);
    assert_eq!(found.manifest["mediaType"], "application/vnd.docker.distribution.manifest.v2+json");
}

#[test]
fn provenance_is_told_by_default_without_paths_and_values() {
    let place = rich_place();
    let source = images(&files(&std::fs::read(place.path("in.tar")).unwrap()))[0].0["digest"].clone();
    let version = env!("CARGO_PKG_VERSION");
    let own = json!({"kept": "2", "gone": "1"});
    let mut expected = own.clone();
    expected["imgsquash.source.digest"] = source;
    expected["imgsquash.version"] = json!(version);
    assert_eq!(squashed(&place, &[]).manifest["annotations"], expected);
    assert_eq!(squashed(&place, &["--no-provenance"]).manifest["annotations"], own);
    place.write("secret.toml", b"[[rule]]\nid = \"secret\"\ntake = [\"/secret\"]\n");
    place.write(
        "secret.tar",
        &Image { layers: rich().layers[..1].to_vec(), ..Image::new(Vec::new()) }.save(Form::Docker),
    );
    let found =
        squashed(
            &place,
            &[
                &[
                    "--keep-base",
                    "secret.tar",
                    "--exact",
                    "always",
                    "--compression",
                    "zstd",
                    "--compression-level",
                    "5",
                ][..],
                &[
                    "--split",
                    "auto",
                    "--prune=+man",
                    "--prune-path",
                    "/secret",
                    "--keep",
                    "/secret",
                    "--rules",
                    "secret.toml",
                ],
                &["--hardlink-duplicates", "--label", "secret=secret", "--env", "SECRET=secret", "--user", "secret"],
            ]
            .concat(),
        );
    let options = "keep-base exact=always compression=zstd split=auto prune=+man prune-path keep rules \
                   hardlink-duplicates compression-level=5 label env user";
    assert_eq!(found.manifest["annotations"]["imgsquash.options"], options);
    for (arguments, options) in [
        (&["--keep-base", "auto"][..], "keep-base=auto"),
        (&["--keep-layers", "1"], "keep-layers=1"),
        (&["--last", "1"], "last=1"),
        (&["--from", "2"], "from"),
        (&["--layers", "2..3"], "layers"),
        (&["--timestamp", "5"], "timestamp=5"),
        (
            &["--media-types", "docker", "--history", "single", "-m", "secret"],
            "history=single media-types=docker message",
        ),
        (&["--history", "none", "--rm-label", "secret", "--rm-env", "SECRET"], "history=none rm-label rm-env"),
        (&["--annotation", "secret=secret", "--rm-annotation", "other"], "annotation rm-annotation"),
        (&["--workdir", "/secret", "--entrypoint", "secret", "--cmd", "secret"], "workdir entrypoint cmd"),
    ] {
        assert_eq!(squashed(&place, arguments).manifest["annotations"]["imgsquash.options"], options);
    }
}

#[test]
fn options_for_layers_that_stay_do_what_they_say() {
    let place = rich_place();
    let base = Image { layers: rich().layers[..2].to_vec(), ..Image::new(Vec::new()) };
    place.write("base.tar", &base.save(Form::Docker));
    let diff_id = format!("sha256:{}", read::sha256(&rich().layers[2]));
    let hex = diff_id.replace("sha256:", "");
    for (arguments, kept) in [
        (&["--keep-base", "auto"][..], &[1_u64][..]),
        (&["--keep-base", "base.tar"], &[1, 2]),
        (&["--keep-layers", "1"], &[1]),
        (&["--keep-layers", "0"], &[]),
        (&["--last", "1"], &[1, 2]),
        (&["--last", "3"], &[]),
        (&["--from", "2"], &[1]),
        (&["--from", &diff_id], &[1, 2]),
        (&["--from", &hex], &[1, 2]),
        (&["--layers", "1..2"], &[3]),
        (&["--layers", "..2"], &[3]),
        (&["--layers", "2.."], &[1]),
        (&["--layers", "2..2"], &[1, 3]),
    ] {
        let found = squashed(&place, &[arguments, &["--report", "report.json"]].concat());
        assert_eq!(found.layers.len(), kept.len() + 1, "{arguments:?}");
        let report: Value = serde_json::from_slice(&std::fs::read(place.path("report.json")).unwrap()).unwrap();
        let positions: Vec<u64> = report["images"][0]["kept_layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| layer["position"].as_u64().unwrap())
            .collect();
        assert_eq!(positions, kept, "{arguments:?}");
    }
    let entries = |when: &str| names(&squashed(&place, &["--last", "1", "--exact", when]));
    let count = |when: &str| entries(when).iter().filter(|name| *name == "base").count();
    assert_eq!((count("always"), count("never")), (1, 2), "the file is the same in the base");
}

#[test]
fn options_for_new_layers_do_what_they_say() {
    let place = rich_place();
    for (arguments, magic) in [
        (&[][..], &[0x1f, 0x8b][..]),
        (&["--compression", "gzip", "--compression-level", "9"], &[0x1f, 0x8b]),
        (&["--compression", "gzip", "--compression-level", "1"], &[0x1f, 0x8b]),
        (&["--compression", "zstd"], &[0x28, 0xb5]),
        (&["--compression", "zstd", "--compression-level", "19"], &[0x28, 0xb5]),
        (&["--compression", "none"], b"app/"),
        (&["--compression", "keep"], &[0x1f, 0x8b]),
    ] {
        let found = squashed(&place, arguments);
        // The directory is what sorts first.
        assert!(found.blobs[0].starts_with(magic) || magic == b"app/" && found.blobs[0] == found.layers[0]);
    }
    for (split, layers) in [("auto", 2), ("2", 2), ("os,app", 2), ("app,os", 2)] {
        assert_eq!(squashed(&place, &["--split", split]).layers.len(), layers, "{split}");
    }
    let times = |epoch: Option<&str>, arguments: &[&str]| {
        let mut command = command();
        command.current_dir(place.path("")).args(["-q", "in.tar", "-o", "out.tar"]).args(arguments);
        if let Some(epoch) = epoch {
            command.env("SOURCE_DATE_EPOCH", epoch);
        }
        let output = command.output().unwrap();
        assert_eq!((code(&output), stderr(&output)), (0, String::new()), "{arguments:?}");
        let found = images(&files(&std::fs::read(place.path("out.tar")).unwrap())).remove(0).1;
        let of = |wanted: &[u8]| {
            let nodes = entries(&found.layers[0]).0;
            nodes.into_iter().find(|(name, _)| name == wanted).unwrap().1.mtime.0
        };
        (of(b"app"), of(b"late"), found.config["created"].as_str().unwrap().to_owned())
    };
    let result = |app: i64, late: i64, created: &str| (app, late, created.to_owned());
    let (limit, text) = (1_000_000_000, "2001-09-09T01:46:40Z");
    let before = result(5, 2_000_000_000, "2020-02-02T02:02:02Z");
    assert_eq!(times(None, &[]), before);
    assert_eq!(times(None, &["--timestamp", "keep"]), before);
    assert_eq!(times(Some("1000000000"), &["--timestamp", "keep"]), before);
    assert_eq!(times(Some("1000000000"), &[]), result(5, limit, text));
    assert_eq!(times(Some("1000000000"), &["--timestamp", "clamp"]), result(5, limit, text));
    assert_eq!(times(None, &["--timestamp", "1000000000"]), result(limit, limit, text));
    assert_eq!(times(Some("7"), &["--timestamp", "1000000000"]), result(limit, limit, text), "what is typed wins");
    assert_eq!(times(None, &["--timestamp", "0"]), result(0, 0, "1970-01-01T00:00:00Z"));
}

#[test]
fn options_for_slimming_do_what_they_say() {
    let place = rich_place();
    place.write("own.toml", b"[[rule]]\nid = \"mine\"\ntake = [\"/app/a\"]\n");
    let is_there = |arguments: &[&str]| {
        let found = names(&squashed(&place, arguments));
        ["app/a", "root/.npm/_cacache/x", "usr/share/man/man1/a.1"].map(|name| found.iter().any(|known| known == name))
    };
    for (arguments, expected) in [
        (&[][..], [true, true, true]),
        (&["--prune"], [true, false, true]),
        (&["--prune="], [true, false, true]),
        (&["--prune=safe"], [true, false, true]),
        (&["--prune=node"], [true, false, true]),
        (&["--prune=-npm-cache"], [true, true, true]),
        (&["--prune=+man"], [true, false, false]),
        (&["--prune=man"], [true, true, false]),
        (&["--prune=docs"], [true, false, false]),
        (&["--prune-path", "/app/*"], [false, true, true]),
        (&["--prune-path", "/app/*", "--prune-path", "!/app/a"], [true, true, true]),
        (&["--prune", "--keep", "~/.npm/**"], [true, true, true]),
        (&["--rules", "own.toml"], [false, true, true]),
        (&["--rules", "own.toml", "--prune=mine,man"], [false, true, false]),
        (&["--rules", "own.toml", "--prune=-mine"], [true, false, true]),
    ] {
        assert_eq!(is_there(arguments), expected, "{arguments:?}");
    }
    let links = |arguments: &[&str]| {
        let nodes = entries(&squashed(&place, arguments).layers[0]).0;
        nodes.iter().filter(|(_, node)| matches!(node.kind, Kind::Link(_))).count()
    };
    assert_eq!((links(&[]), links(&["--hardlink-duplicates"])), (0, 2));
}

#[test]
fn what_is_wrong_with_an_option_is_told_in_its_first_line() {
    let place = rich_place();
    place.write("empty.toml", b"[[rule]]\nid = \"bad\"\n");
    place.write("typo.toml", b"[[rule]]\nid = \"mine\"\ntakes = [\"/a\"]\n");
    place.write("broken.toml", b"[[rule]\n");
    place.write("twice.toml", b"[[rule]]\nid = \"npm-cache\"\ntake = [\"/a\"]\n");
    place.write("relative.toml", b"[[rule]]\nid = \"mine\"\ntake = [\"a\"]\n");
    let files = place.names();
    let zeros = format!("sha256:{}", "0".repeat(64));
    let unknown =
        format!("in.tar: the image has no layer {zeros}: its layers are told by their position, digest or diff_id");
    for (arguments, text) in [
        (&["--label", "key"][..], "invalid value 'key' for '--label <KEY=VALUE>': expected KEY=VALUE"),
        (&["--label", "=x"], "invalid value '=x' for '--label <KEY=VALUE>': expected KEY=VALUE"),
        (&["--env", "KEY"], "invalid value 'KEY' for '--env <KEY=VALUE>': expected KEY=VALUE"),
        (&["--annotation", "KEY"], "invalid value 'KEY' for '--annotation <KEY=VALUE>': expected KEY=VALUE"),
        (
            &["--entrypoint", "[1"],
            "invalid value '[1' for '--entrypoint <COMMAND>': what begins with [ is a JSON list of words, as in \
             [\"app\", \"--flag\"]: invalid type: integer `1`, expected a string at line 1 column 2",
        ),
        (
            &["--cmd", "[ -f x ] && y"],
            "invalid value '[ -f x ] && y' for '--cmd <COMMAND>': what begins with [ is a JSON list of words, as in \
             [\"app\", \"--flag\"]: invalid number at line 1 column 4",
        ),
        (&["--workdir", "app"], "invalid value 'app' for '--workdir <DIR>': expected an absolute path, as in /app"),
        (
            &["--timestamp", "yesterday"],
            "invalid value 'yesterday' for '--timestamp <keep|clamp|SECONDS>': expected keep, clamp or seconds since \
             1970, up to the year 9999",
        ),
        (
            &["--timestamp", "-5"],
            "invalid value '-5' for '--timestamp <keep|clamp|SECONDS>': expected keep, clamp or seconds since 1970, up \
             to the year 9999",
        ),
        (&["--timestamp", "clamp"], "--timestamp clamp needs SOURCE_DATE_EPOCH to be set"),
        (&["--compression-level", "0"], "--compression-level: gzip has the levels 1 to 9, not 0"),
        (&["--compression-level", "10"], "--compression-level: gzip has the levels 1 to 9, not 10"),
        (&["--compression-level", "20"], "--compression-level: gzip has the levels 1 to 9, not 20"),
        (
            &["--compression-level", "20", "--compression", "zstd"],
            "--compression-level: zstd has the levels 1 to 19, not 20",
        ),
        (
            &["--compression-level", "3", "--compression", "none"],
            "--compression-level: there are no levels with --compression none",
        ),
        (
            &["--compression-level", "3", "--compression", "keep"],
            "--compression-level: there are no levels with --compression keep",
        ),
        (
            &["--compression-level", "best"],
            "invalid value 'best' for '--compression-level <LEVEL>': expected a number, 1 to 9 for gzip and 1 to 19 for zstd",
        ),
        (&["--keep-layers", "1", "--last", "1"], "the argument '--keep-layers <N>' cannot be used with '--last <N>'"),
        (
            &["--layers", "3"],
            "invalid value '3' for '--layers <A..B>': expected a range of layers, as in 2..4 (both included)",
        ),
        (
            &["--layers", "a..b"],
            "invalid value 'a..b' for '--layers <A..B>': expected a position, counted from 1, or the digest or diff_id of \
             a layer, got \"a\"",
        ),
        (&["--layers", "3..2"], "in.tar: layer 3 comes after layer 2: name the older one first"),
        (&["--layers", "2..4"], "in.tar: the image has 3 layers, so layer 4 cannot be chosen"),
        (&["--last", "0"], "in.tar: all of the image's 3 layers would be kept, nothing is left to squash"),
        (&["--last", "4"], "in.tar: the image has 3 layers, so the last 4 layers cannot be chosen"),
        (&["--last", "-1"], "invalid value '-1' for '--last <N>': expected a number of layers"),
        (&["--keep-layers", "99"], "in.tar: the image has 3 layers, so the first 99 layers cannot be chosen"),
        (&["--keep-layers", "3"], "in.tar: all of the image's 3 layers would be kept, nothing is left to squash"),
        (&["--keep-layers", "all"], "invalid value 'all' for '--keep-layers <N>': expected a number of layers"),
        (
            &["--from", "nosuch"],
            "invalid value 'nosuch' for '--from <LAYER>': expected a position, counted from 1, or the digest or diff_id \
             of a layer, got \"nosuch\"",
        ),
        (&["--from", "0"], "invalid value '0' for '--from <LAYER>': layers are counted from 1, the oldest"),
        (&["--layers", "0..2"], "invalid value '0..2' for '--layers <A..B>': layers are counted from 1, the oldest"),
        (&["--from", &zeros], &unknown),
        (&["--split", "1"], "invalid value '1' for '--split <auto|N|LIST>': expected a number of layers from 2 to 100"),
        (&["--split", "0"], "invalid value '0' for '--split <auto|N|LIST>': expected a number of layers from 2 to 100"),
        (
            &["--split", "101"],
            "invalid value '101' for '--split <auto|N|LIST>': expected a number of layers from 2 to 100",
        ),
        (
            &["--split", "foo"],
            "invalid value 'foo' for '--split <auto|N|LIST>': expected auto, a number of layers, or a list of os, \
             packages, deps, app",
        ),
        (
            &["--split", "os"],
            "invalid value 'os' for '--split <auto|N|LIST>': expected at least two of os, packages, deps, app",
        ),
        (
            &["--split", "os,os"],
            "invalid value 'os,os' for '--split <auto|N|LIST>': expected at least two of os, packages, deps, app",
        ),
        (
            &["--split", "os,foo"],
            "invalid value 'os,foo' for '--split <auto|N|LIST>': \"foo\" is none of os, packages, deps, app",
        ),
        (
            &["--split", "3"],
            "in.tar: packages would be empty: there is content for 2 of 3 layers, ask for fewer with --split",
        ),
        (&["--split", "9"], "in.tar: there are 0 packages to deal out to 6 layers: ask for fewer with --split"),
        (
            &["--prune=npm-cach"],
            "there is no prune rule \"npm-cach\" (did you mean \"npm-cache\"?); imgsquash rules lists them",
        ),
        (&["--prune=-zzzz"], "there is no prune rule \"zzzz\"; imgsquash rules lists them"),
        (&["--prune", "docs"], "unexpected argument 'docs': give one archive, and what to prune as --prune=docs"),
        (
            &["--prune-path", "relative"],
            "--prune-path: the glob \"relative\" has no place to begin: write /…, ~/… or **/…",
        ),
        (&["--prune-path", "/a/../b"], "--prune-path: the glob \"/a/../b\" has \"..\" in it: write where the file is"),
        (&["--keep", "/a"], "--keep: nothing is pruned; add --prune, --prune-path, --rules or --minify"),
        (&["--keep", "/{a"], "--keep: the glob \"/{a\" leaves a brace open"),
        (&["--keep", "/[a"], "--keep: the glob \"/[a\" is not valid: unclosed character class; missing ']'"),
        (&["--rules", "none.toml"], "--rules: cannot read none.toml: No such file or directory (os error 2)"),
        (
            &["--rules", "empty.toml"],
            "empty.toml, line 2, rule \"bad\": it takes nothing: it needs \"take\" or \"truncate\"",
        ),
        (&["--rules", "twice.toml"], "twice.toml, line 2, rule \"npm-cache\": there is a rule of this name already"),
        (
            &["--rules", "relative.toml"],
            "relative.toml, line 3, rule \"mine\": the glob \"a\" has no place to begin: write /…, ~/… or **/…",
        ),
        (&["more.tar"], "unexpected argument 'more.tar': give one archive"),
        (
            &["--format", "zip"],
            "invalid value 'zip' for '--format <FORMAT>' [possible values: universal, oci-archive, docker-archive, oci-dir]",
        ),
        (
            &["--formt", "zip"],
            "unexpected argument '--formt' found; a similar argument exists: '--format'; see imgsquash --help",
        ),
        (&["--jobs", "0"], "invalid value '0' for '--jobs <N>': expected a number of threads, at least 1"),
    ] {
        let output = run(&place, &[&["in.tar", "-o", "out.tar"], arguments].concat());
        let message = stderr(&output);
        assert_eq!(code(&output), 2, "{arguments:?}: {message}");
        let first = message.lines().next().unwrap();
        assert_eq!((first.strip_prefix("imgsquash: "), message.lines().count()), (Some(text), 1), "{arguments:?}");
        assert!(output.stdout.is_empty() && place.names() == files, "{arguments:?}");
    }
    // The words of these are the parser's own.
    for (file, text) in
        [("typo.toml", "typo.toml, line 3: unknown field `takes`"), ("broken.toml", "broken.toml, line 1: ")]
    {
        let output = run(&place, &["in.tar", "-o", "out.tar", "--rules", file]);
        assert_eq!(code(&output), 2);
        assert!(stderr(&output).starts_with(&format!("imgsquash: {text}")), "{}", stderr(&output));
    }
}

#[test]
fn a_wrong_source_date_epoch_is_told_whatever_else_is_asked() {
    let place = rich_place();
    for (epoch, arguments) in
        [("abc", &[][..]), ("-1", &[]), ("1.5", &[]), ("253402300800", &[]), ("abc", &["--timestamp", "clamp"])]
    {
        let mut command = command();
        command.current_dir(place.path("")).args(["in.tar", "-o", "out.tar"]).args(arguments);
        let output = command.env("SOURCE_DATE_EPOCH", epoch).output().unwrap();
        assert_eq!(code(&output), 2);
        let expected =
            format!("imgsquash: SOURCE_DATE_EPOCH is \"{epoch}\", expected seconds since 1970, up to the year 9999\n");
        assert_eq!(stderr(&output), expected);
    }
}

#[test]
fn a_dry_run_writes_nothing_and_makes_the_same_layers() {
    let place = rich_place();
    let options = ["in.tar", "--prune", "--keep-layers", "1", "--split", "auto", "--label", "a=b"];
    let report = |more: &[&str]| -> Value {
        let output = run(&place, &[&options, more, &["-q", "--report", "-"]].concat());
        assert_eq!((code(&output), stderr(&output)), (0, String::new()));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let dry = report(&["--dry-run"]);
    assert_eq!(place.names(), ["in.tar"]);
    let real = report(&["-o", "out.tar"]);
    assert_eq!((&dry["output"], &real["output"]), (&Value::Null, &json!("out.tar")));
    assert_eq!(dry["images"], real["images"], "digests of layers, config and manifest");
    assert!(dry["output_bytes"].as_u64().unwrap() < real["output_bytes"].as_u64().unwrap(), "headers are not counted");
    for format in ["oci-archive", "docker-archive", "oci-dir"] {
        assert_eq!(report(&["--dry-run", "--format", format])["images"], dry["images"], "{format}");
    }
    assert_eq!(place.names(), ["in.tar", "out.tar"]);
    let before = std::fs::read(place.path("out.tar")).unwrap();
    assert_eq!(code(&run(&place, &["in.tar", "-o", "out.tar", "--dry-run", "-t", "other:1"])), 0);
    assert!(std::fs::read(place.path("out.tar")).unwrap() == before, "--dry-run may be added to any command");
    let output = run(&place, &["in.tar", "--dry-run"]);
    assert_eq!(code(&output), 0);
    let last = stderr(&output).lines().last().unwrap().to_owned();
    assert!(last.starts_with("nothing was written (dry run); the archive would have "), "{last}");
    std::fs::write(place.path("bad.tar"), b"bad").unwrap();
    assert_eq!(code(&run(&place, &["bad.tar", "--dry-run"])), 3, "everything is read as usual");
    let output = run(&place, &["in.tar"]);
    assert_eq!(code(&output), 2);
    assert_eq!(
        stderr(&output),
        "imgsquash: the following required arguments were not provided: --output <PATH>; see imgsquash --help\n"
    );
}

#[test]
fn a_report_does_not_replace_the_archives() {
    let place = rich_place();
    let before = std::fs::read(place.path("in.tar")).unwrap();
    for (arguments, name) in [
        (&["in.tar", "--dry-run", "--report", "in.tar"][..], "the input"),
        (&["in.tar", "-o", "out.tar", "--report", "./in.tar"], "the input"),
        (&["in.tar", "-o", "out.tar", "--report", "./out.tar"], "--output"),
    ] {
        let output = run(&place, arguments);
        assert_eq!(code(&output), 2);
        assert!(stderr(&output).contains(&format!("--report would replace {name}: name another file")));
    }
    assert!(std::fs::read(place.path("in.tar")).unwrap() == before && place.names() == ["in.tar"]);
}

#[test]
fn rules_are_listed_and_explained() {
    let place = Place::new();
    place.write(
        "own.toml",
        b"[[rule]]\nid = \"mine\"\ntitle = \"my files\"\ntake = [\"/a\", \"/b/**\"]\nkeep = [\"/b/c\"]\n",
    );
    let rules = |arguments: &[&str]| {
        let output = run(&place, &[&["rules"], arguments].concat());
        assert_eq!((code(&output), stderr(&output)), (0, String::new()), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let ids = |arguments: &[&str]| -> Vec<String> {
        rules(arguments).lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    let (all, docs, safe) = (ids(&[]), ids(&["docs"]), ids(&["safe"]));
    assert!(all.len() > docs.len() && docs.len() > safe.len() && safe.len() > 5);
    let has = |list: &[String], id: &str| list.iter().any(|known| known == id);
    assert!(has(&docs, "man") && has(&docs, "npm-cache") && !has(&safe, "man") && has(&safe, "npm-cache"));
    let secrets = ids(&["secrets"]);
    assert_eq!([ids(&["max"]), secrets.clone()].concat(), all);
    assert!(has(&secrets, "private-key") && has(&secrets, "npm-token"));
    assert!(ids(&["node"]).iter().all(|id| has(&all, id)) && has(&ids(&["node"]), "npm-cache"));
    assert!(rules(&[]).lines().all(|line| line.chars().count() <= 100), "a rule is a line");
    let expected = "\
npm-cache: download cache and logs of npm

class      safe
group      node
profiles   safe, max
takes      ~/.npm/{_cacache,_logs}/**
breaks     npm install downloads again
source     npm-cache; dockle
";
    assert_eq!(rules(&["npm-cache"]), expected);
    let expected = "\
pypirc: password of a package index

severity   critical
group      secrets
looks for  (?m)^\\s{0,10}password\\s{0,10}[=:]\\s{0,10}(?<value>\\S{1,300})
in         file
of         **/.pypirc
remedy     make a new one, and take the old one back: whoever had the image has it
source     Python Packaging, .pypirc
";
    assert_eq!(rules(&["pypirc"]), expected);
    let expected = "\
mine: my files

class      opt-in
group      own
profiles   max
takes      /a
           /b/**
keeps      /b/c
";
    assert_eq!(rules(&["--rules", "own.toml", "mine"]), expected);
    assert_eq!(ids(&["own", "--rules", "own.toml"]), ["mine"]);
    place.write(
        "secrets.toml",
        b"off = [\"jwt\"]\n[[rule]]\nid = \"ours\"\nregex = 'ours-[0-9]{8}'\nkeywords = [\"ours-\"]\n",
    );
    let own = ids(&["secrets", "--secret-rules", "secrets.toml"]);
    assert!(own.len() == secrets.len() && has(&own, "ours") && !has(&own, "jwt") && has(&secrets, "jwt"));
    assert_eq!(ids(&["--rules", "own.toml"]).len(), all.len() + 1);
    for (arguments, text) in [
        (&["rules", "nosuch"][..], "imgsquash: there is no rule \"nosuch\"; imgsquash rules lists them\n"),
        (
            &["rules", "npm-tokem"],
            "imgsquash: there is no rule \"npm-tokem\" (did you mean \"npm-token\"?); imgsquash rules lists them\n",
        ),
        (
            &["rules", "--secret-rules", "own.toml"],
            "imgsquash: own.toml, line 5: unknown field `keep`, expected one of",
        ),
        (
            &["rules", "npm-cach"],
            "imgsquash: there is no rule \"npm-cach\" (did you mean \"npm-cache\"?); imgsquash rules lists them\n",
        ),
        (
            &["rules", "--rules", "none.toml"],
            "imgsquash: --rules: cannot read none.toml: No such file or directory (os error 2)\n",
        ),
        (&["rules", "npm-cache", "man"], "imgsquash: unexpected argument 'man' found; see imgsquash rules --help\n"),
        (&["in.tar", "-o", "out.tar", "rules"], "imgsquash: the subcommand 'rules' cannot be used with: "),
    ] {
        let output = run(&place, arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(output.stdout.is_empty() && stderr(&output).starts_with(text), "{}", stderr(&output));
    }
    let script = format!("{} rules | true", env!("CARGO_BIN_EXE_imgsquash"));
    let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
    assert_eq!(stderr(&output), "", "whoever has read enough closes the pipe");
}

#[test]
fn an_archive_called_rules_is_reached_by_its_path() {
    let place = Place::new();
    place.write("rules", &archive());
    for arguments in [["./rules", "-o", "out.tar"], ["-o", "out.tar", "rules"]] {
        let output = run(&place, &arguments);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        std::fs::remove_file(place.path("out.tar")).unwrap();
    }
    let expected =
        "imgsquash: unexpected argument '-o' found; to pass '-o' as a value, use '-- -o'; see imgsquash rules --help\n";
    assert_eq!(stderr(&run(&place, &["rules", "-o", "out.tar"])), expected);
    let help = run(&place, &["rules", "--help"]);
    assert!(String::from_utf8(help.stdout).unwrap().contains("an archive of this name is ./rules"));
}
