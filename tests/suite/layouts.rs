//! Layouts as tools leave them: images beside what is no image, links and pipes among the files, documents that others
//! would read otherwise.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use imgsquash::report::Report;
use imgsquash::request::{Keep, Origin};
use imgsquash::{Error, Squash};
use serde_json::{Value, json};

use crate::support::archive::{Archive, Codec, Form, Image, collect, compress, named};
use crate::support::layer::{Entry, Layer};
use crate::support::node::{Kind, Node};
use crate::support::read::{Files, extract, files, images, sha256};
use crate::support::run::{Place, request, squash, squash_with};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

fn layer(name: &str) -> Vec<u8> {
    let node = Node::new(Kind::File(name.into()));
    Layer { entries: vec![Entry { name: b"a".to_vec(), node }], ..Layer::default() }.tar()
}

/// An image of two layers whose file `a` says which it is.
fn image(name: &str) -> Image {
    Image { tags: vec![name.to_owned()], ..Image::new(vec![layer("below"), layer(name)]) }
}

fn on(platform: &str, mut image: Image) -> Image {
    let (os, architecture) = platform.split_once('/').unwrap();
    (image.config["os"], image.config["architecture"]) = (json!(os), json!(architecture));
    image
}

fn for_platform(platform: &str, mut descriptor: Value) -> Value {
    let (os, architecture) = platform.split_once('/').unwrap();
    descriptor["platform"] = json!({"os": os, "architecture": architecture});
    descriptor
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

fn found(archive: &[u8], change: impl FnOnce(&mut Squash)) -> (Vec<String>, Report) {
    let (out, report) = squash_with(archive, change).unwrap();
    (told_apart(&files(&out)), report)
}

#[track_caller]
fn refused(archive: &[u8], change: impl FnOnce(&mut Squash), text: &str) {
    let error = squash_with(archive, change).expect_err("it must be refused");
    assert!(error.to_string().contains(text), "expected \"{text}\" in \"{error}\"");
    assert!(!error.to_string().contains('\n'), "one line");
    assert_eq!(error.exit_code(), 3, "{error}");
}

fn by_ref(name: &str) -> impl FnOnce(&mut Squash) {
    move |options| options.selection.refs = vec![name.to_owned()]
}

fn by_platform(platform: &str) -> impl FnOnce(&mut Squash) {
    move |options| options.selection.platforms = vec![platform.parse().unwrap()]
}

/// Replaces a file of an archive.
fn with(archive: &[u8], name: &str, bytes: Vec<u8>) -> Vec<u8> {
    let mut changed = Archive::default();
    changed.file(name, bytes);
    for (name, bytes) in files(archive) {
        changed.file(&name, bytes);
    }
    changed.tar()
}

// Archives of docker save.

#[test]
fn docker_save_of_an_id_has_an_index_of_nothing() {
    let source = Image { tags: Vec::new(), ..image("one") };
    let archive = source.save(Form::Both);
    for index in [
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": null}),
        json!({"schemaVersion": 2, "manifests": []}),
        json!({"schemaVersion": 2}),
    ] {
        let (names, report) = found(&with(&archive, "index.json", bytes(&index)), |_| ());
        assert_eq!(names, ["one"], "{index}");
        assert_eq!((report.notes, report.images[0].names.len()), (Vec::new(), 0));
    }
    let index = bytes(&json!({"schemaVersion": 2, "manifests": null}));
    refused(&with(&image("one").save(Form::Oci), "index.json", index), |_| (), "the archive holds no image");
    let config = Image { layers: vec![layer("x")], ..source }.config_bytes();
    let saved = json!([{"Config": format!("blobs/sha256/{}", sha256(&config)), "RepoTags": null, "Layers": []}]);
    let archive = with(&archive, "index.json", bytes(&json!({"manifests": null})));
    refused(&with(&archive, "manifest.json", bytes(&saved)), |_| (), "is missing from the archive");
}

#[test]
fn docker_save_of_a_name_and_an_id_has_both() {
    let (tagged, nameless) = (image("one:1"), Image { tags: Vec::new(), ..image("two") });
    let archive = collect(&[tagged.clone(), nameless], Form::Both).tar();
    let mut index: Value = serde_json::from_slice(&files(&archive)["index.json"]).unwrap();
    index["manifests"].as_array_mut().unwrap().truncate(1);
    let archive = with(&archive, "index.json", bytes(&index));
    let (names, report) = found(&archive, |_| ());
    assert_eq!(names, ["one:1", "two"]);
    assert_eq!(report.images.iter().map(|image| image.names.len()).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(found(&archive, by_ref("one:1")).0, ["one:1"]);
    // A name that only manifest.json gives, twice.
    let mut saved: Value = serde_json::from_slice(&files(&archive)["manifest.json"]).unwrap();
    saved[1]["RepoTags"] = json!(["two:1", "two:2"]);
    let archive = with(&archive, "manifest.json", bytes(&saved));
    assert_eq!(found(&archive, by_ref("two:2")).0, ["two"]);
    assert_eq!(found(&archive, |_| ()).1.images.len(), 2);
}

// What is no image.

/// A manifest with these members, in an archive.
fn manifest(archive: &mut Archive, config: Value, layers: &[Value]) -> Value {
    archive
        .blob(MANIFEST, bytes(&json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers})))
}

/// Everything that registries and builders put beside an image.
fn company(archive: &mut Archive) -> Vec<Value> {
    let empty = archive.blob(EMPTY, b"{}".to_vec());
    // Helm.
    let config = archive.blob("application/vnd.cncf.helm.config.v1+json", br#"{"name":"app"}"#.to_vec());
    let chart = archive.blob("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"chart".to_vec());
    let chart = manifest(archive, config, &[chart]);
    // A signature of cosign, whose config looks like an image's.
    let payload = archive.blob("application/vnd.dev.cosign.simplesigning.v1+json", b"{}".to_vec());
    let diff_ids = json!({"type": "layers", "diff_ids": [payload["digest"]]});
    let config = archive.blob(CONFIG, bytes(&json!({"architecture": "", "os": "", "rootfs": diff_ids})));
    let signature = manifest(archive, config, &[payload]);
    // A statement of in-toto that nothing marks as an attestation, and one whose config nobody saved.
    let statement = archive.blob("application/vnd.in-toto+json", b"{\"_type\":1}".to_vec());
    let config = json!({"mediaType": CONFIG, "digest": format!("sha256:{}", "1".repeat(64)), "size": 5});
    let statement = manifest(archive, config, &[statement]);
    // A record of a build, and artifacts that say so.
    let record = archive.blob("application/vnd.buildkit.historyrecord.v0", b"record".to_vec());
    let record = manifest(archive, empty.clone(), &[record]);
    let other = manifest(archive, empty, &[]);
    let mut sha512 = json!({"mediaType": "application/vnd.example.thing", "size": 1});
    sha512["digest"] = json!(format!("sha512:{}", "0".repeat(128)));
    // The cache of a builder: an index of layers.
    let cached = archive.blob("application/vnd.docker.image.rootfs.diff.tar.gzip", compress(&layer("x"), Codec::Gzip));
    let cache = archive.blob("application/vnd.buildkit.cacheconfig.v0", b"{}".to_vec());
    let cache = archive.index(&[cached.clone(), cached, cache]);
    // A config that says nothing at all.
    let config = archive.blob(CONFIG, b"{}".to_vec());
    let blob = archive.blob(LAYER, compress(&layer("y"), Codec::Gzip));
    let nothing = manifest(archive, config, &[blob]);
    vec![chart, signature, statement, record, other, sha512, cache, nothing]
}

#[test]
fn what_is_no_image_is_left_out_aloud() {
    let mut archive = Archive::default();
    let wanted = named(archive.image(&image("one:1")), "one:1");
    let mut manifests = company(&mut archive);
    manifests.insert(3, wanted);
    archive.layout(&manifests);
    let (names, report) = found(&archive.tar(), |_| ());
    assert_eq!(names, ["one:1"]);
    let left_out = |kind: &str| format!("left out an artifact of type {kind}: it is not an image");
    assert_eq!(
        report.notes,
        [
            left_out("application/vnd.cncf.helm.config.v1+json"),
            left_out("application/vnd.dev.cosign.simplesigning.v1+json"),
            left_out("application/vnd.in-toto+json"),
            "left out 2 artifacts of type application/vnd.oci.empty.v1+json: they are not images".to_owned(),
            left_out("application/vnd.example.thing"),
            "left out 2 artifacts of type application/vnd.docker.image.rootfs.diff.tar.gzip: they are not images"
                .to_owned(),
            left_out("application/vnd.buildkit.cacheconfig.v0"),
            left_out("application/vnd.oci.image.config.v1+json with an empty config"),
        ]
    );
    assert_eq!(found(&archive.tar(), by_ref("one:1")).1.notes, [""; 0], "what was not asked for is not told");
    refused(&archive.tar(), |options| options.strict = true, "left out an artifact");
    let mut alone = Archive::default();
    let manifests = company(&mut alone);
    alone.layout(&manifests);
    refused(&alone.tar(), |_| (), "the archive holds an artifact of type application/vnd.cncf.helm.config.v1+json");
}

/// Manifests of images that cannot be read, each with what is wrong with it.
fn broken(archive: &mut Archive) -> Vec<(Value, &'static str)> {
    let own = archive.blob(CONFIG, image("x").config_bytes());
    let blob = |archive: &mut Archive, name: &str| archive.blob(LAYER, compress(&layer(name), Codec::Gzip));
    let one = blob(archive, "one");
    let fewer = manifest(archive, own.clone(), std::slice::from_ref(&one));
    let nameless = manifest(archive, json!({"mediaType": CONFIG, "digest": "sha256:xyz", "size": 3}), &[]);
    let absent = json!({"mediaType": CONFIG, "digest": format!("sha256:{}", "2".repeat(64)), "size": 3});
    let absent = manifest(archive, absent, std::slice::from_ref(&one));
    let odd = archive.blob(CONFIG, b"{\"rootfs\":7}".to_vec());
    let odd = manifest(archive, odd, &[one]);
    let text = archive.blob(MANIFEST, b"nonsense".to_vec());
    let mut resized = manifest(archive, own, &[]);
    resized["size"] = json!(1);
    resized.as_object_mut().unwrap().remove("platform");
    let missing = json!({"mediaType": MANIFEST, "digest": format!("sha256:{}", "3".repeat(64)), "size": 3});
    let sha512 = json!({"mediaType": MANIFEST, "digest": format!("sha512:{}", "0".repeat(128)), "size": 3});
    vec![
        (fewer, "the config lists 2 layers (diff_ids), the manifest 1"),
        (nameless, "is not a digest this tool can verify"),
        (absent, "is missing from the archive"),
        (odd, "\"rootfs\" of the image config is not valid"),
        (text, "is not valid: expected"),
        (resized, "size mismatch: expected 1 bytes"),
        (missing, "is missing from the archive"),
        (sha512, "is not a digest this tool can verify"),
        (json!({"mediaType": MANIFEST}), "a descriptor is not valid"),
        (json!({}), "a descriptor is not valid"),
    ]
}

#[test]
fn only_what_is_asked_for_has_to_be_right() {
    let mut archive = Archive::default();
    let wanted = for_platform("linux/amd64", archive.image(&image("good:1")));
    // The same image with another size: what is wrong is the descriptor, not what it leads to.
    let mut resized = wanted.clone();
    resized["size"] = json!(1);
    resized.as_object_mut().unwrap().remove("platform");
    let resized = (resized, "size mismatch: expected 1 bytes");
    for (at, (bad, problem)) in broken(&mut archive).into_iter().chain([resized]).enumerate() {
        let mut archive = archive.clone();
        archive.layout(&[named(bad.clone(), "bad:1"), named(wanted.clone(), "good:1")]);
        let tar = archive.tar();
        let (names, report) = found(&tar, by_ref("good:1"));
        assert_eq!((names, report.notes), (vec!["good:1".to_owned()], Vec::new()), "{problem}");
        refused(&tar, |_| (), problem);
        refused(&tar, |_| (), "; choose others with --ref or --platform");
        refused(&tar, by_ref("bad:1"), problem);
        // Nothing says which platform it is for.
        let (names, report) = found(&tar, by_platform("linux/amd64"));
        assert_eq!(names, ["good:1"]);
        assert!(report.notes[0].starts_with("left out what cannot be read: "), "{:?}", report.notes);
        // As a platform of one image.
        let mut archive = archive.clone();
        let index = archive.index(&[for_platform("linux/arm64", bad), wanted.clone()]);
        let tar = with(&archive.tar(), "index.json", bytes(&json!({"manifests": [named(index, "multi:1")]})));
        let (names, report) = found(&tar, by_platform("linux/amd64"));
        assert_eq!((names, report.notes), (vec!["good:1".to_owned()], Vec::new()), "{problem}");
        // Of an index a platform may be missing.
        if at != 6 {
            refused(&tar, |_| (), problem);
            refused(&tar, by_platform("linux/arm64"), problem);
        }
    }
}

#[test]
fn only_images_of_docker_that_are_asked_for_have_to_be_right() {
    let archive = collect(&[image("one:1"), image("two:1")], Form::Docker).tar();
    let mut saved: Value = serde_json::from_slice(&files(&archive)["manifest.json"]).unwrap();
    saved[0]["Config"] = json!("none.json");
    let archive = with(&archive, "manifest.json", bytes(&saved));
    assert_eq!(found(&archive, by_ref("two:1")).0, ["two:1"]);
    for change in [by_ref("one:1"), by_ref("one:1")] {
        refused(&archive, change, "config none.json is missing from the archive");
    }
    refused(&archive, |_| (), "config none.json is missing from the archive");
}

#[test]
fn a_base_beside_something_broken_is_found() {
    let mut archive = Archive::default();
    let base = archive.image(&Image::new(vec![layer("below")]));
    let (bad, _) = broken(&mut archive).remove(0);
    archive.layout(&[bad, base]);
    let place = Place::new();
    let base = place.write("base.tar", &archive.tar());
    let (out, _) = squash_with(&image("one:1").save(Form::Oci), |options| {
        options.keep = Keep::Base(Origin::Path(base.clone()), None);
    })
    .unwrap();
    assert_eq!(images(&files(&out))[0].1.layers.len(), 2);
    let mut archive = Archive::default();
    let (bad, problem) = broken(&mut archive).remove(0);
    archive.layout(&[bad]);
    let base = place.write("base.tar", &archive.tar());
    let keep = |options: &mut Squash| options.keep = Keep::Base(Origin::Path(base), None);
    refused(&image("one:1").save(Form::Oci), keep, problem);
}

#[test]
fn of_several_systems_linux_is_squashed_and_the_others_are_told() {
    let mut archive = Archive::default();
    let linux = for_platform("linux/amd64", archive.image(&image("linux")));
    let windows = for_platform("windows/amd64", archive.image(&on("windows/amd64", image("windows"))));
    let index = archive.index(&[windows.clone(), linux]);
    archive.layout(&[named(index, "multi:1"), named(windows, "win:1")]);
    let tar = archive.tar();
    let note = "left out the image for windows/amd64: only linux images can be squashed";
    for change in
        [&(|_: &mut Squash| ()) as &dyn Fn(&mut Squash), &|options| options.selection.refs.push("multi:1".into())]
    {
        let (names, report) = found(&tar, |options| change(options));
        assert_eq!((names, report.notes), (vec!["linux".to_owned()], vec![note.to_owned()]));
    }
    assert_eq!(found(&tar, by_platform("linux/amd64")).1.notes, [""; 0]);
    refused(&tar, |options| options.strict = true, note);
    let problem = "the image is for windows/amd64: only linux images can be squashed";
    refused(&tar, by_platform("windows/amd64"), problem);
    refused(&tar, by_ref("win:1"), problem);
    refused(&tar, |options| options.selection.refs = vec!["win:1".into(), "multi:1".into()], problem);
}

#[test]
fn layers_that_may_not_be_distributed_are_layers_when_they_are_there() {
    for media_type in [
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ] {
        let source = image("one:1");
        let mut archive = Archive::default();
        let config = archive.blob(CONFIG, source.config_bytes());
        let mut lower = archive.blob(media_type, compress(&source.layers[0], Codec::Gzip));
        lower["urls"] = json!(["https://registry.example/layer"]);
        let upper = archive.blob(LAYER, compress(&source.layers[1], Codec::Gzip));
        let manifest = manifest(&mut archive, config, &[lower.clone(), upper]);
        archive.layout(&[named(manifest, "one:1")]);
        let (out, report) = squash(&archive.tar()).unwrap();
        assert_eq!((told_apart(&files(&out)), report.notes), (vec!["one:1".to_owned()], Vec::new()));
        for keep in [Keep::Nothing, Keep::First(1)] {
            let (out, _) = squash_with(&archive.tar(), |options| options.keep = keep.clone()).unwrap();
            for layer in images(&files(&out))[0].1.manifest["layers"].as_array().unwrap() {
                assert_eq!((&layer["mediaType"], layer.get("urls")), (&json!(LAYER), None), "{keep:?}");
            }
        }
        let name = format!("blobs/sha256/{}", lower["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap());
        let mut without = Archive::default();
        for (known, bytes) in files(&archive.tar()).into_iter().filter(|(known, _)| *known != name) {
            without.file(&known, bytes);
        }
        refused(
            &without.tar(),
            |_| (),
            &format!("layer 1 is a foreign layer ({name}) whose bytes are not in the archive"),
        );
    }
}

// Documents that others would read otherwise.

/// Changes what is at the end of a path of keys and numbers.
fn at<'v>(document: &'v mut Value, path: &str) -> &'v mut Value {
    path.split('/').filter(|key| !key.is_empty()).fold(document, |value, key| match key.parse::<usize>() {
        Ok(place) => &mut value[place],
        Err(_) => &mut value[key],
    })
}

#[test]
fn a_second_spelling_of_a_key_is_refused_wherever_it_counts() {
    // Which document, where in it, the key, and how else it is spelled.
    for (document, path, key, other) in [
        ("index", "", "manifests", "Manifests"),
        ("index", "", "schemaVersion", "schemaversion"),
        ("index", "", "mediaType", "MediaType"),
        ("index", "manifests/0", "mediaType", "MEDIATYPE"),
        ("index", "manifests/0", "digest", "Digest"),
        ("index", "manifests/0", "size", "\u{17f}ize"),
        ("index", "manifests/0", "annotations", "Annotations"),
        ("index", "manifests/0", "platform", "Platform"),
        ("index", "manifests/0/platform", "os", "OS"),
        ("index", "manifests/0/platform", "architecture", "Architecture"),
        ("manifest", "", "layers", "Layers"),
        ("manifest", "", "config", "Config"),
        ("manifest", "", "mediaType", "mediatype"),
        ("manifest", "config", "digest", "DIGEST"),
        ("manifest", "layers/1", "digest", "diGest"),
        ("manifest", "layers/0", "size", "Size"),
        ("manifest", "layers/0", "mediaType", "mediaTYPE"),
        ("manifest", "layers/0", "urls", "URLs"),
        ("config", "", "rootfs", "rootf\u{17f}"),
        ("config", "", "os", "Os"),
        ("config", "rootfs", "diff_ids", "Diff_IDs"),
        ("config", "history/0", "empty_layer", "Empty_Layer"),
        ("saved", "0", "Config", "config"),
        ("saved", "0", "RepoTags", "Repotags"),
        ("saved", "0", "Layers", "layers"),
        ("marker", "", "imageLayoutVersion", "ImageLayoutVersion"),
    ] {
        let source = image("one:1");
        let add = |name: &str, value: &mut Value| {
            if name == document {
                let place = at(value, path);
                // Beside the right one or instead of it.
                let known = place.get(key).cloned().unwrap_or(json!(true));
                place.as_object_mut().unwrap_or_else(|| panic!("{path}")).insert(other.to_owned(), known);
            }
        };
        let mut archive = Archive::default();
        let mut config = serde_json::from_slice(&source.config_bytes()).unwrap();
        add("config", &mut config);
        let config = archive.blob(CONFIG, bytes(&config));
        let layers: Vec<Value> =
            source.layers.iter().map(|layer| archive.blob(LAYER, compress(layer, Codec::Gzip))).collect();
        let mut saved = json!([{"Config": blob_path(&config), "RepoTags": ["one:1"],
            "Layers": layers.iter().map(blob_path).collect::<Vec<_>>()}]);
        add("saved", &mut saved);
        let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        add("manifest", &mut manifest);
        let manifest = for_platform("linux/amd64", named(archive.blob(MANIFEST, bytes(&manifest)), "one:1"));
        let mut index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]});
        add("index", &mut index);
        let mut marker = json!({"imageLayoutVersion": "1.0.0"});
        add("marker", &mut marker);
        for (name, document) in [("index.json", &index), ("oci-layout", &marker), ("manifest.json", &saved)] {
            archive.file(name, bytes(document));
        }
        refused(&archive.tar(), |_| (), &format!("it has \"{other}\", which readers take for \"{key}\""));
    }
}

fn blob_path(descriptor: &Value) -> String {
    descriptor["digest"].as_str().unwrap().replace("sha256:", "blobs/sha256/")
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    let archive = image("one:1").save(Form::Oci);
    let index = String::from_utf8(files(&archive)["index.json"].clone()).unwrap();
    let twice = index.replacen('{', "{\"manifests\":[],", 1);
    refused(&with(&archive, "index.json", twice.into_bytes()), |_| (), "it has \"manifests\" twice");
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
