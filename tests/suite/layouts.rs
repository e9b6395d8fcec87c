//! Layouts as tools leave them: images beside what is no image, links and pipes among the files, documents that others
//! would read otherwise.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use imgsquash::{Error, Squash};
use serde_json::{Value, json};

use crate::support::archive::{Archive, Form, Image, collect};
use crate::support::layer::{Entry, Layer};
use crate::support::node::{Kind, Node};
use crate::support::read::{Files, extract, files, images};
use crate::support::run::{Place, request, squash_with};

fn layer(name: &str) -> Vec<u8> {
    let node = Node::new(Kind::File(name.into()));
    Layer { entries: vec![Entry { name: b"a".to_vec(), node }], ..Layer::default() }.tar()
}

/// An image of two layers whose file `a` says which it is.
fn image(name: &str) -> Image {
    Image { tags: vec![name.to_owned()], ..Image::new(vec![layer("below"), layer(name)]) }
}

fn bytes(document: &Value) -> Vec<u8> {
    serde_json::to_vec(document).unwrap()
}

/// The images that came out, told apart by their file `a`.
fn told_apart(files: &Files) -> Vec<String> {
    let contents = |layer: &[u8]| match &extract(layer)[&b"a"[..]].0.kind {
        Kind::File(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        other => panic!("{other:?}"),
    };
    images(files).iter().map(|(_, image)| contents(&image.layers[0])).collect()
}

#[track_caller]
fn refused(archive: &[u8], change: impl FnOnce(&mut Squash), text: &str) {
    let error = squash_with(archive, change).expect_err("it must be refused");
    assert!(error.to_string().contains(text), "expected \"{text}\" in \"{error}\"");
    assert!(!error.to_string().contains('\n'), "one line");
    assert_eq!(error.exit_code(), 3, "{error}");
}

// Directories.

/// A directory with an image, and the names of the documents and blobs that are read.
fn directory(place: &Place, form: Form) -> Vec<String> {
    let archive = collect(&[image("one:1")], form);
    archive.write_to(&place.path("in"));
    let mut names: Vec<String> = files(&archive.tar()).into_keys().collect();
    names.retain(|name| name != "oci-layout");
    names
}

fn squash_directory(place: &Place) -> Result<Vec<String>, Error> {
    let out = place.path("out.tar");
    imgsquash::squash(&request(&place.path("in"), &out), &())?;
    Ok(told_apart(&files(&std::fs::read(out).unwrap())))
}

#[track_caller]
fn directory_refused(place: &Place, text: &str) {
    let error = squash_directory(place).expect_err("it must be refused");
    assert!(error.to_string().contains(text), "expected \"{text}\" in \"{error}\"");
    assert!(!error.to_string().contains('\n'), "one line");
    assert_eq!(error.exit_code(), 3);
    assert!(!place.path("out.tar").exists());
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Something that is no regular file, and what makes it.
type Odd<'m> = (&'m str, &'m dyn Fn(&Path));

#[test]
fn only_regular_files_count_and_nothing_is_waited_for() {
    for form in [Form::Oci, Form::Docker] {
        for name in directory(&Place::new(), form) {
            let make: [Odd; 5] = [
                ("named pipe", &fifo),
                ("socket", &|path| drop(std::os::unix::net::UnixListener::bind(path).unwrap())),
                ("directory", &|path| std::fs::create_dir(path).unwrap()),
                ("device", &|path| symlink("/dev/zero", path).unwrap()),
                ("named pipe", &|path| {
                    fifo(&path.with_extension("pipe"));
                    symlink(path.with_extension("pipe"), path).unwrap();
                }),
            ];
            for (called, make) in make {
                let place = Place::new();
                directory(&place, form);
                let path = place.path("in").join(&name);
                std::fs::remove_file(&path).unwrap();
                // The name of a socket may not be long.
                let short = place.path("x");
                make(&short);
                std::fs::rename(&short, &path).unwrap();
                directory_refused(&place, &format!("{name} is a {called}, expected a regular file"));
            }
        }
    }
}

#[test]
fn documents_do_not_lead_outside_the_directory() {
    let secret = image("secret").config_bytes();
    for config in ["../secret.json", "/secret.json", "x/../../secret.json", "link.json", "inner/secret.json"] {
        let place = Place::new();
        let secret = place.write("secret.json", &secret);
        std::fs::create_dir_all(place.path("in/x")).unwrap();
        symlink("../secret.json", place.path("in/link.json")).unwrap();
        symlink("..", place.path("in/inner")).unwrap();
        let config = if config.starts_with('/') { secret.to_str().unwrap() } else { config };
        for (name, layer) in [("l/layer.tar", layer("below")), ("m/layer.tar", layer("secret"))] {
            std::fs::create_dir_all(place.path("in").join(name).parent().unwrap()).unwrap();
            std::fs::write(place.path("in").join(name), layer).unwrap();
        }
        let saved = json!([{"Config": config, "RepoTags": null, "Layers": ["l/layer.tar", "m/layer.tar"]}]);
        std::fs::write(place.path("in/manifest.json"), bytes(&saved)).unwrap();
        // What is absolute is seen from the directory, as docker load does it.
        let text = if config.starts_with('/') { "is missing from the archive" } else { "leads outside the directory" };
        directory_refused(&place, text);
        // The same in a tar, where a link is one of the tar's.
        let mut tar = Archive::default();
        tar.file("manifest.json", bytes(&saved));
        refused(&tar.tar(), |_| (), "is missing from the archive");
        // A link that stays inside is fine.
        std::fs::rename(&secret, place.path("in/x/secret.json")).unwrap();
        std::fs::remove_file(place.path("in/link.json")).unwrap();
        symlink("x/secret.json", place.path("in/link.json")).unwrap();
        let saved = json!([{"Config": "link.json", "RepoTags": null, "Layers": ["l/layer.tar", "x/../m/layer.tar"]}]);
        std::fs::write(place.path("in/manifest.json"), bytes(&saved)).unwrap();
        assert_eq!(squash_directory(&place).unwrap(), ["secret"]);
    }
}

#[test]
fn links_of_the_directory_lead_where_its_owner_wants() {
    // A store of blobs that several layouts share.
    let place = Place::new();
    directory(&place, Form::Oci);
    std::fs::rename(place.path("in/blobs"), place.path("shared")).unwrap();
    symlink("../shared", place.path("in/blobs")).unwrap();
    assert_eq!(squash_directory(&place).unwrap(), ["one:1"]);
    // Each file a link to elsewhere, as build tools lay them out, and the directory as well.
    let place = Place::new();
    std::fs::create_dir(place.path("store")).unwrap();
    for name in directory(&place, Form::Oci) {
        let stored = place.path("store").join(name.replace('/', "-"));
        std::fs::rename(place.path("in").join(&name), &stored).unwrap();
        symlink(&stored, place.path("in").join(&name)).unwrap();
    }
    std::fs::rename(place.path("in"), place.path("real")).unwrap();
    symlink("real", place.path("in")).unwrap();
    assert_eq!(squash_directory(&place).unwrap(), ["one:1"]);
    std::fs::remove_file(place.path("out.tar")).unwrap();
    // Whatever it leads to, a blob is what its digest says.
    for entry in std::fs::read_dir(place.path("store")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("blobs") {
            std::fs::write(path, b"something else").unwrap();
        }
    }
    directory_refused(&place, "mismatch: expected");
}
