//! What an image says reaches a terminal as text and as nothing else.

use serde_json::{Value, json};

use crate::support::archive::{Archive, Codec, Form, Image, named};
use crate::support::layer::{Entry, Layer};
use crate::support::node::{Kind, Node};
use crate::support::run::{Place, command};

/// Clears a screen, begins a line that looks like ours, turns the direction of writing, and hides.
const BAIT: &str = "x\u{1b}[2J\u{9b}2J\nimgsquash: all is well\r\u{202e}\u{2066}\u{200b}\u{2028}y";

/// Runs the command with everything it could say and checks what it says. Returns that.
fn said(archive: &[u8], arguments: &[&str]) -> String {
    let place = Place::new();
    place.write("in.tar", archive);
    let mut command = command();
    command.current_dir(place.path("")).args(["in.tar", "-o", "out.tar", "--report", "-"]).args(arguments);
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr).expect("text");
    for (stream, text) in [("errors", &errors), ("report", &String::from_utf8(output.stdout).expect("text"))] {
        for c in text.chars() {
            let is_harmless = c == '\n' || !(c.is_control() || "\u{202e}\u{2066}\u{200b}\u{2028}".contains(c));
            assert!(is_harmless, "{stream}: {text:?}");
        }
        assert!(!text.lines().any(|line| line.starts_with("imgsquash: all is well")), "{stream}: {text}");
    }
    errors
}

fn image() -> Image {
    let file = |name: &str| Entry { name: name.as_bytes().to_vec(), node: Node::new(Kind::File(vec![b'x'; 2000])) };
    let entries = vec![file("etc/x"), file(&format!("tmp/{}", BAIT.replace('/', "_"))), file("var/log/dpkg.log")];
    let layer = Layer { entries, ..Layer::default() }.tar();
    Image { codec: Codec::Gzip, ..Image::new(vec![layer.clone(), layer]) }
}

#[test]
fn every_string_of_a_config_is_shown_as_it_is() {
    for (change, arguments) in [
        (json!({"architecture": BAIT}), &[][..]),
        (json!({"variant": BAIT}), &[]),
        (json!({"os": BAIT}), &[]),
        (json!({"architecture": BAIT}), &["--platform", "linux/arm64"]),
        (json!({"created": BAIT, "author": BAIT}), &["--timestamp", "5"]),
        (json!({"config": {"Env": [format!("{BAIT}=/tmp/x")], "Cmd": [BAIT], "WorkingDir": BAIT}}), &["--prune"]),
        (json!({"config": {"Volumes": {format!("/tmp/{BAIT}"): {}}}}), &["--prune"]),
        (json!({"rootfs": {"type": BAIT}}), &[]),
        (json!({"rootfs": {"type": "layers", "diff_ids": [BAIT]}}), &[]),
        (
            json!({"history": [{"created_by": "a"}, {"created_by": format!("CMD {BAIT}"), "empty_layer": true},
            {"created_by": BAIT}]}),
            &["--keep-base", "auto"],
        ),
        (json!({"history": [{"created_by": BAIT}]}), &[]),
    ] {
        let mut image = image();
        for (key, value) in change.as_object().unwrap() {
            image.config[key] = value.clone();
        }
        for form in [Form::Oci, Form::Docker] {
            let text = said(&image.save(form), arguments);
            assert!(!text.is_empty(), "{change}");
        }
    }
}

#[test]
fn every_string_of_an_index_and_a_manifest_is_shown_as_it_is() {
    let archive = |change: &dyn Fn(&mut Archive, &mut Value)| {
        let mut archive = Archive::default();
        let mut descriptor = archive.image(&image());
        change(&mut archive, &mut descriptor);
        archive.layout(&[descriptor]);
        archive.tar()
    };
    for arguments in [&[][..], &["--ref", "other"], &["--platform", "linux/arm64"]] {
        said(&archive(&|_, descriptor| *descriptor = named(descriptor.clone(), BAIT)), arguments);
        said(&archive(&|_, descriptor| descriptor["platform"] = json!({"os": BAIT, "architecture": BAIT})), arguments);
        said(&archive(&|_, descriptor| descriptor["mediaType"] = json!(BAIT)), arguments);
        said(&archive(&|_, descriptor| descriptor["digest"] = json!(BAIT)), arguments);
        said(
            &archive(&|archive, descriptor| {
                let config = archive.blob(BAIT, b"{}".to_vec());
                let manifest = json!({"schemaVersion": 2, "config": config, "layers": [config]});
                *descriptor =
                    archive.blob("application/vnd.oci.image.manifest.v1+json", manifest.to_string().into_bytes());
            }),
            arguments,
        );
    }
}

#[test]
fn names_of_files_are_shown_as_they_are() {
    said(&image().save(Form::Oci), &["--prune", "--prune-path", "/etc/**"]);
    for name in [format!("../{BAIT}"), format!("{}/{BAIT}", "d".repeat(256)), format!("{BAIT}\0z")] {
        let entry = Entry { name: name.into_bytes(), node: Node::new(Kind::Directory) };
        let layer = Layer { entries: vec![entry], ..Layer::default() }.tar();
        said(&Image::new(vec![layer]).save(Form::Docker), &[]);
    }
    let link = Entry { name: b"link".to_vec(), node: Node::new(Kind::Link(BAIT.as_bytes().to_vec())) };
    let layer = Layer { entries: vec![link], ..Layer::default() }.tar();
    let text = said(&Image::new(vec![layer]).save(Form::Docker), &[]);
    assert!(text.contains("no layer up to this one has the target"), "{text}");
}

#[test]
fn a_long_name_does_not_push_the_reason_out_of_a_message() {
    let name = format!("{}/../../../..", vec!["d".repeat(250); 15].join("/"));
    let target = [b"t".repeat(250).as_slice(), b"/"].concat().repeat(15);
    for node in [Node::new(Kind::Link(target)), Node::new(Kind::Fifo)] {
        let is_link = matches!(node.kind, Kind::Link(_));
        let long = if is_link { "n/".repeat(1900) + "x" } else { name.clone() + &"/..".repeat(20) };
        let entry = Entry { name: long.into_bytes(), node };
        let layer = Layer { entries: vec![entry], ..Layer::default() }.tar();
        let text = said(&Image::new(vec![layer]).save(Form::Docker), &[]);
        let reason = if is_link { "no layer up to this one has the target" } else { "it leaves the root" };
        assert!(text.trim_end().ends_with(reason) && text.starts_with("imgsquash: in.tar: layer 1 of 1"), "{text}");
        assert_eq!(text.lines().count(), 1);
    }
}

#[test]
fn what_is_no_archive_is_told_by_its_name() {
    let place = Place::new();
    let layout = |name: &str, files: &[(&str, &str)]| {
        std::fs::create_dir(place.path(name)).unwrap();
        files.iter().for_each(|(file, text)| std::fs::write(place.path(name).join(file), text).unwrap());
    };
    place.write("app.zip", b"PK\x03\x04\x14\0\0\0\x08\0");
    place.write("Dockerfile", b"# syntax=docker/dockerfile:1\nFROM debian:12\nRUN true\n");
    place.write("notes", &b"words ".repeat(200));
    layout("dir", &[("version", "Directory Transport Version: 1.1\n"), ("manifest.json", r#"{"schemaVersion": 2}"#)]);
    layout("empty", &[]);
    for (input, said) in [
        ("app.zip", "expected an archive made by docker save, podman save or skopeo, found a zip archive"),
        ("Dockerfile", "found a Dockerfile; build it, save the image, and give what was saved"),
        ("notes", "found a text file"),
        ("dir", "the manifest of one image (skopeo's dir:, podman's docker-dir)"),
        ("empty", "no manifest.json and no index.json in it: expected an OCI image layout"),
    ] {
        let output = command().current_dir(place.path("")).args([input, "-o", "out.tar"]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.starts_with(&format!("imgsquash: {input}: ")) && text.contains(said), "{text}");
        assert_eq!((text.lines().count(), output.status.code()), (1, Some(3)), "{text}");
    }
}
