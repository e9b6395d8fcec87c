//! Memory that crafted archives of less than a megabyte make the tool have: half a gibibyte at most, whatever they hold
//! and however many threads there are.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::archive::{Archive, Codec, Form, Image, compress};
use crate::support::layer::{Entry, pax_header};
use crate::support::measure::{Measured, measured};
use crate::support::node::{Kind, Node};
use crate::support::read::sha256;

/// What is promised, in bytes.
const MOST: u64 = 512 << 20;

/// Squashes an archive, which must be small, with many threads, and checks what that takes.
#[track_caller]
fn bounded(archive: &[u8], arguments: &[&str]) -> Measured {
    assert!(archive.len() < 1 << 20, "{} bytes", archive.len());
    let run = measured(archive, &[&["--jobs", "16"], arguments].concat(), Duration::from_secs(120));
    assert!(run.memory < MOST, "{} MiB: {:?} {}", run.memory >> 20, run.code(), run.stderr);
    run
}

/// The same, and the archive is refused with these words.
#[track_caller]
fn refused(archive: &[u8], arguments: &[&str], text: &str) {
    let run = bounded(archive, arguments);
    assert_eq!(run.code(), Ok(3), "{}", run.stderr);
    assert!(run.stderr.contains(text), "{}", run.stderr);
}

fn file(name: &[u8], contents: &[u8]) -> Vec<u8> {
    Entry { name: name.into(), node: Node::new(Kind::File(contents.to_vec())) }.tar()
}

fn attribute(name: &str, value: Vec<u8>) -> Vec<u8> {
    pax_header(&[(format!("SCHILY.xattr.user.{name}").into(), value)])
}

/// An archive of one image with these layers, as an OCI archive.
fn image(layers: Vec<Vec<u8>>, codec: Codec) -> Vec<u8> {
    Image { codec, ..Image::new(layers) }.save(Form::Oci)
}

#[test]
fn zstd_windows_of_many_layers() {
    // What a reader of a frame has to look back at: all that there is.
    const WINDOW: usize = 128 << 20;
    let (mut diff_ids, mut blobs) = (Vec::new(), Vec::new());
    for salt in 0..16 {
        let plain = [file(b"z", &vec![salt; WINDOW + (4 << 20)]), vec![0; 1024]].concat();
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.set_parameter(zstd::zstd_safe::CParameter::WindowLog(WINDOW.ilog2())).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(&plain).unwrap();
        blobs.push(encoder.finish().unwrap());
        diff_ids.push(format!("sha256:{}", sha256(&plain)));
    }
    let mut image = Image::new(Vec::new());
    image.config["rootfs"] = json!({"type": "layers", "diff_ids": diff_ids});
    let mut archive = Archive::default();
    let descriptor = archive.packed(&image, "+zstd", blobs);
    archive.layout(&[descriptor]);
    let run = bounded(&archive.tar(), &["--compression", "none"]);
    assert_eq!(run.code(), Ok(0), "what zstd reads is read: {}", run.stderr);
    assert!(run.memory < 300 << 20, "one window at a time: {} MiB", run.memory >> 20);
}

#[test]
fn directories_that_deep_names_imply() {
    let deep = |count: usize| {
        let files =
            (0..count).flat_map(|at| file(&[format!("{at}/").as_bytes(), &b"a/".repeat(2000), b"f"].concat(), b""));
        files.collect::<Vec<u8>>()
    };
    let many = image(vec![deep(9_000)], Codec::Zstd);
    let run = bounded(&many, &[]);
    assert_eq!(run.code(), Ok(3), "{}", run.stderr);
    assert!(run.stderr.contains("its entries need more than"), "{}", run.stderr);
    assert!(run.time < Duration::from_secs(20), "as soon as it is known: {:?}", run.time);
    // As many as may be, laid over others and compared.
    let some = image(vec![deep(230), file(b"x", b"x")], Codec::Zstd);
    assert_eq!(bounded(&some, &["--last", "1"]).code(), Ok(0));
    refused(&some, &["--prune=max", "--split", "auto"], "the headers of the new layer need more than");
    // Directories that all files are in cost once.
    let shared = (0..2_000).flat_map(|at| file(&[&b"a/".repeat(2000)[..], format!("{at}").as_bytes()].concat(), b""));
    let run = bounded(&image(vec![shared.collect()], Codec::Zstd), &[]);
    assert_eq!((run.code(), run.memory < 128 << 20), (Ok(0), true), "{} {}", run.memory, run.stderr);
}

#[test]
fn attributes_that_many_files_share_until_a_link_changes_them() {
    let large = attribute("large", vec![b'x'; 500_000]);
    let names = || 0..1_000;
    let files: Vec<u8> =
        names().flat_map(|at| [large.clone(), file(format!("f{at}").as_bytes(), b"")].concat()).collect();
    let links = names().flat_map(|at| {
        let link = Node::new(Kind::Link(format!("f{at}").into_bytes()));
        [attribute("small", b"1".to_vec()), Entry { name: format!("l{at}").into_bytes(), node: link }.tar()].concat()
    });
    let links: Vec<u8> = links.collect();
    const TEXT: &str = "hard links give files other attributes, of more than 64 MiB together";
    refused(&image(vec![[&files[..], &links].concat()], Codec::Zstd), &[], TEXT);
    refused(&image(vec![files.clone(), links.clone()], Codec::Zstd), &[], TEXT);
    // Directories that stop being opaque in overlay's own way.
    let opaque = pax_header(&[
        (b"SCHILY.xattr.trusted.overlay.opaque".to_vec(), b"y".to_vec()),
        (b"SCHILY.xattr.user.large".to_vec(), vec![b'x'; 500_000]),
    ]);
    let directory = |at: usize| Entry { name: format!("d{at}").into_bytes(), node: Node::new(Kind::Directory) }.tar();
    let tar = names().flat_map(|at| [opaque.clone(), directory(at)].concat()).collect();
    refused(&image(vec![tar], Codec::Zstd), &[], "its entries need more than");
    // And what stays as it is stays shared.
    assert_eq!(bounded(&image(vec![files], Codec::Zstd), &["--dry-run"]).code(), Ok(0));
}

#[test]
fn attributes_of_whiteouts_and_of_the_archive_itself() {
    let own = |at: usize| attribute("large", [&[b'x'; 500_000][..], &at.to_le_bytes()].concat());
    let tar: Vec<u8> =
        (0..1_000).flat_map(|at| [own(at), file(format!(".wh.{at}").as_bytes(), b"")].concat()).collect();
    refused(&image(vec![tar.clone()], Codec::Zstd), &[], "its entries need more than");
    let run = bounded(&compress(&tar, Codec::Zstd), &[]);
    assert_eq!((run.code(), run.memory < 128 << 20), (Ok(3), true), "{} {}", run.memory, run.stderr);
}

#[test]
fn long_names_of_the_files_of_an_archive() {
    let tar: Vec<u8> =
        (0..400).flat_map(|at| file(&[&b"n".repeat(900_000)[..], format!("{at}").as_bytes()].concat(), b"")).collect();
    refused(&compress(&tar, Codec::Zstd), &[], "the names of its files need more than");
}

#[test]
fn paths_that_are_pruned() {
    // All of them are told of, each with all of its directories.
    let name = |at: usize| [&b"a/".repeat(2000)[..], format!("{at}").as_bytes()].concat();
    let archive = image(vec![(0..2_500).flat_map(|at| file(&name(at), b"")).collect()], Codec::Zstd);
    let arguments = ["--prune-path", "/a/**", "--dry-run", "--max-metadata"];
    assert_eq!(bounded(&archive, &[&arguments[..], &["24M"]].concat()).code(), Ok(0));
    refused(
        &archive,
        &[&arguments[..], &["16M"]].concat(),
        "the paths that go need more than 16777216 bytes of memory",
    );
}

#[test]
fn package_databases_of_nothing() {
    let database = file(b"lib/apk/db/installed", &b"P:\n".repeat(100 << 20));
    refused(&image(vec![database], Codec::Zstd), &["--prune"], "its package databases need more than");
    // As large as may be, and every line begins a package.
    let database = file(b"lib/apk/db/installed", &b"P:\n".repeat(14 << 20));
    assert_eq!(bounded(&image(vec![database], Codec::Zstd), &["--prune"]).code(), Ok(0));
}

#[test]
fn many_images_of_the_same_layers() {
    let tar: Vec<u8> = (0..20_000).flat_map(|at| file(format!("usr/{at}").as_bytes(), b"")).collect();
    let images: Vec<Image> = (0..40)
        .map(|at| {
            let mut image = Image { codec: Codec::Zstd, ..Image::new(vec![tar.clone()]) };
            image.config["config"]["Labels"] = json!({"number": at.to_string()});
            image.tags = vec![format!("app:{at}")];
            image
        })
        .collect();
    let run = bounded(&crate::support::archive::save(&images, Form::Oci), &["--dry-run"]);
    assert_eq!((run.code(), run.memory < 128 << 20), (Ok(0), true), "{} {}", run.memory >> 20, run.stderr);
}

/// An archive with this index, compressed as a whole.
fn compressed(mut archive: Archive, manifests: &[Value]) -> Vec<u8> {
    archive.layout(manifests);
    compress(&archive.tar(), Codec::Gzip)
}

#[test]
fn documents_of_very_many_members() {
    let mut archive = Archive::default();
    let small = Image::new(vec![file(b"x", b"x")]);
    let manifests: Vec<Value> = (0..8)
        .map(|at| {
            let mut manifest = archive.manifest(&small);
            // Each member is five bytes, and many times that in memory.
            manifest.truncate(manifest.len() - 1);
            manifest.extend(format!(",\"number\":{at}").into_bytes());
            manifest.extend(b",\"\":1".repeat(1_500_000));
            manifest.push(b'}');
            archive.blob("application/vnd.oci.image.manifest.v1+json", manifest)
        })
        .collect();
    refused(&compressed(archive, &manifests), &[], "its documents need more than");
}

#[test]
fn an_index_that_is_named_many_times() {
    let mut archive = Archive::default();
    let image = archive.image(&Image::new(vec![file(b"x", b"x")]));
    let mut index = json!({"schemaVersion": 2, "manifests": [image]});
    index["annotations"] = json!({"note": "n".repeat(1_000_000)});
    let index = archive.blob("application/vnd.oci.image.index.v1+json", serde_json::to_vec(&index).unwrap());
    refused(&compressed(archive, &vec![index; 1_000]), &[], "its documents need more than");
}

#[test]
fn tags_that_many_manifests_get_through_one_config() {
    let mut archive = Archive::default();
    let small = Image::new(vec![file(b"x", b"x")]);
    let manifests: Vec<Value> = (0..40)
        .map(|at| archive.image(&Image { manifest: json!({"annotations": {"at": at.to_string()}}), ..small.clone() }))
        .collect();
    let config = format!("blobs/sha256/{}", sha256(&small.config_bytes()));
    let tags: Vec<String> = (0..4_000).map(|at| format!("app:{at}")).collect();
    let saved = json!([{"Config": config, "RepoTags": tags, "Layers": ["x"]}]);
    archive.file("manifest.json", serde_json::to_vec(&saved).unwrap());
    refused(&compressed(archive, &manifests), &[], "the tags of its images exceed the limit of 65536");
}

#[test]
fn an_ordinary_entry_counts_about_200_bytes() {
    // So a million of them are taken as soon as an archive has two and a half megabytes, and ten million by none.
    let name = |at: usize| format!("usr/lib/python3/dist-packages/package{}/module_{at}.py", at / 100);
    let tar: Vec<u8> = (0..50_000).flat_map(|at| file(name(at).as_bytes(), b"")).collect();
    let archive = image(vec![tar], Codec::Zstd);
    assert_eq!(bounded(&archive, &["--dry-run", "--max-metadata", "11M"]).code(), Ok(0));
    refused(&archive, &["--dry-run", "--max-metadata", "9M"], "its entries need more than 9437184 bytes of memory");
    assert!(imgsquash::request::Limits::default().metadata_bytes(5 << 19) > 240_000_000);
}
