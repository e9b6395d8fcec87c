//! What the new documents say otherwise: config, annotations, media types, times, history.

use imgsquash::Squash;
use imgsquash::request::Compression;
use imgsquash::request::Exactness;
use imgsquash::request::Keep;
use imgsquash::request::Times;
use imgsquash::request::Timestamp;
use imgsquash::request::{Class, Split};
use imgsquash::request::{Edits, HistoryMode, MediaTypes};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::support::archive::{Archive, Codec, Form, Image, named};
use crate::support::case::parse;
use crate::support::layer::Layer;
use crate::support::node::{Kind, Node};
use crate::support::read::{self, Files, entries, files, images, sha256};
use crate::support::run::squash_with;

/// Layers from the text of a case.
fn layers(text: &str) -> Vec<Vec<u8>> {
    parse(&format!("case inline\n{text}\ntree\n")).remove(0).layers.iter().map(Layer::tar).collect()
}

fn image(text: &str) -> Image {
    Image::new(layers(text))
}

fn squashed(archive: &[u8], change: impl FnOnce(&mut Squash)) -> read::Image {
    images(&files(&squash_with(archive, change).unwrap().0)).remove(0).1
}

fn edited(archive: &[u8], edit: impl FnOnce(&mut Edits)) -> read::Image {
    squashed(archive, |options| edit(&mut options.edits))
}

/// A Docker archive whose config has these members, spelled like this, besides what it must have.
fn with_config(members: &str) -> Vec<u8> {
    let layer = layers("layer\n f a \"1\"").remove(0);
    let rootfs = format!(r#""rootfs":{{"type":"layers","diff_ids":["sha256:{}"]}}"#, sha256(&layer));
    let config = format!(r#"{{{members}{rootfs},"architecture":"amd64","os":"linux","history":[{{}}]}}"#);
    let name = format!("{}.json", sha256(config.as_bytes()));
    let mut archive = Archive::default();
    archive.file("layer.tar", layer);
    archive.file(&name, config.into_bytes());
    let saved = json!([{"Config": name, "RepoTags": ["case:1"], "Layers": ["layer.tar"]}]);
    archive.file("manifest.json", saved.to_string().into_bytes());
    archive.tar()
}

/// The text of `config` in the new config, when the old one is this text.
fn container(before: &str, edit: impl FnOnce(&mut Edits)) -> String {
    #[derive(Deserialize)]
    struct Config {
        config: Box<RawValue>,
    }
    let found = edited(&with_config(&format!(r#""config":{before},"#)), edit);
    let config: Config = serde_json::from_slice(&found.config_bytes).unwrap();
    config.config.get().to_owned()
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

fn words(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

#[test]
fn labels_change_in_their_place_and_all_else_keeps_its_text() {
    let before = r#"{"Healthcheck":{"StartInterval":5e9},"Labels":{"b":"1","a":"\u003cx","c":"3"},"zz":[1.50, 2],"Cmd":["\u003c"]}"#;
    let found = container(before, |edits| {
        edits.config.labels = vec![pair("b", "new"), pair("d", "4"), pair("d", "5")];
        edits.config.removed_labels = vec!["c".to_owned()];
    });
    let after = r#"{"Healthcheck":{"StartInterval":5e9},"Labels":{"b":"new","a":"\u003cx","d":"5"},"zz":[1.50, 2],"Cmd":["\u003c"]}"#;
    assert_eq!(found, after);
}

#[test]
fn env_changes_by_exact_name_and_in_its_place() {
    let before = r#"{"User":"app","Env":["PATH=/bin","PATHS=x","A=1","FLAG","a=low"],"Cmd":null}"#;
    let found = container(before, |edits| {
        edits.config.env = vec![pair("A", "2=3"), pair("EMPTY", ""), pair("B", "1"), pair("B", "2")];
        edits.config.removed_env = vec!["PATH".to_owned(), "FLAG".to_owned()];
    });
    assert_eq!(found, r#"{"User":"app","Env":["PATHS=x","A=2=3","a=low","EMPTY=","B=2"],"Cmd":null}"#);
}

#[test]
fn a_variable_that_is_set_is_there_once() {
    // Programs take the first or the last of several: with the old one left in, the new one would count for some only.
    let set = |edits: &mut Edits| edits.config.env = vec![pair("A", "new")];
    assert_eq!(container(r#"{"Env":["A=1","B=1","A=2"]}"#, set), r#"{"Env":["A=new","B=1"]}"#);
    let remove = |edits: &mut Edits| edits.config.removed_env = vec!["A".to_owned()];
    assert_eq!(container(r#"{"Env":["A=1","B=1","A=2"]}"#, remove), r#"{"Env":["B=1"]}"#);
}

#[test]
fn removing_what_is_absent_changes_nothing() {
    let remove = |edits: &mut Edits| {
        edits.config.removed_labels = vec!["nosuch".to_owned()];
        edits.config.removed_env = vec!["NOSUCH".to_owned()];
        edits.removed_annotations = vec!["nosuch".to_owned()];
    };
    for text in ["{}", "null", r#"{"Labels":null,"Env":null}"#, r#"{"Labels":{"a": "1"},"Env":[ "NOSUCHER=1"]}"#] {
        assert_eq!(container(text, remove), text);
    }
    let without = with_config("");
    let (plain, removed) = (edited(&without, |_| ()), edited(&without, remove));
    assert_eq!(plain.config_bytes, removed.config_bytes);
    assert_eq!(plain.manifest, removed.manifest);
}

#[test]
fn user_directory_and_commands_are_set_and_emptied() {
    let before = r#"{"Cmd":["old"],"x":1,"User":"old","WorkingDir":"/old","Entrypoint":["old"]}"#;
    let found = container(before, |edits| {
        edits.config.user = Some("1000:1000".to_owned());
        edits.config.working_dir = Some("/app".to_owned());
        edits.config.entrypoint = words(&["/bin/app", "two words"]);
        edits.config.cmd = words(&["--help"]);
    });
    let after =
        r#"{"Cmd":["--help"],"x":1,"User":"1000:1000","WorkingDir":"/app","Entrypoint":["/bin/app","two words"]}"#;
    assert_eq!(found, after);
    let found = container(before, |edits| {
        edits.config.user = Some(String::new());
        edits.config.entrypoint = words(&[]);
        edits.config.cmd = words(&[]);
    });
    assert_eq!(found, r#"{"x":1,"User":"","WorkingDir":"/old"}"#);
}

#[test]
fn a_command_leaves_the_entrypoint_as_it_is_and_the_other_way_round() {
    // A Dockerfile's ENTRYPOINT forgets the CMD of the base; here only what is named changes.
    let before = r#"{"Entrypoint":["/bin/app"],"Cmd":["a"]}"#;
    let cmd = |edits: &mut Edits| edits.config.cmd = words(&["b"]);
    assert_eq!(container(before, cmd), r#"{"Entrypoint":["/bin/app"],"Cmd":["b"]}"#);
    let entrypoint = |edits: &mut Edits| edits.config.entrypoint = words(&["/bin/new"]);
    assert_eq!(container(before, entrypoint), r#"{"Entrypoint":["/bin/new"],"Cmd":["a"]}"#);
}

#[test]
fn what_a_config_does_not_have_it_gets() {
    let set = |edits: &mut Edits| {
        edits.config.labels = vec![pair("a", "1")];
        edits.config.env = vec![pair("A", "1")];
    };
    let all = r#"{"Labels":{"a":"1"},"Env":["A=1"]}"#;
    for text in ["{}", "null"] {
        assert_eq!(container(text, set), all, "{text}");
    }
    assert_eq!(
        container(r#"{"Env":null,"x":1,"Labels":null}"#, set),
        r#"{"Env":["A=1"],"x":1,"Labels":{"a":"1"}}"#,
        "null is none"
    );
    let found = edited(&with_config(r#""author":"x","#), set);
    assert!(found.config_bytes.ends_with(format!(r#","config":{all}}}"#).as_bytes()));
    assert!(found.config_bytes.starts_with(br#"{"author":"x","rootfs":"#));
}

#[test]
fn a_member_that_readers_would_take_for_the_edited_one_is_refused() {
    // Go reads `user` as `User`: containers would run as root however the image was edited.
    let set = |options: &mut Squash| options.edits.config.user = Some("app".to_owned());
    for (members, what) in [
        (r#""config":{"User":"old","user":"root"},"#, "it has \"user\", which readers take for \"User\""),
        (r#""Config":{"User":"root"},"#, "it has \"Config\", which readers take for \"config\""),
    ] {
        let error = squash_with(&with_config(members), set).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().ends_with(&format!("the image config is not valid: {what}")), "{error}");
        // Whoever edits nothing gets what there was.
        squash_with(&with_config(members), |_| ()).unwrap();
    }
}

#[test]
fn members_of_another_form_are_told_when_they_are_edited() {
    for (members, what) in [
        (r#""config":{"Env":"A=1"},"#, "\"Env\" of the image config is not valid: "),
        (r#""config":{"Labels":["a=1"]},"#, "\"Labels\" of the image config is not valid: "),
        (r#""config":[],"#, "\"config\" of the image config is not valid: "),
    ] {
        let error = squash_with(&with_config(members), |options| {
            options.edits.config.labels = vec![pair("a", "1")];
            options.edits.config.env = vec![pair("A", "1")];
        })
        .unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains(what), "{error}");
    }
    let user = |edits: &mut Edits| edits.config.user = Some("app".to_owned());
    let text = r#"{"Env":"A=1","Labels":[],"User":"app"}"#;
    assert_eq!(container(text, user), text, "what is not edited is not looked at");
}

#[test]
fn annotations_go_to_the_manifest_beside_those_that_are_there() {
    let mut source = image("layer\n f a \"1\"");
    source.manifest = json!({"annotations": {"a": "1", "b": "2", "gone": "3"}});
    let archive = source.save(Form::Oci);
    let edit = |edits: &mut Edits| {
        edits.annotations = vec![pair("b", "new"), pair("c", "x=y"), pair("org.opencontainers.image.title", "t")];
        edits.removed_annotations = vec!["gone".to_owned(), "nosuch".to_owned()];
    };
    let found = edited(&archive, edit);
    let expected = json!({"a": "1", "b": "new", "c": "x=y", "org.opencontainers.image.title": "t"});
    assert_eq!(found.manifest["annotations"], expected);
    assert_eq!(found.config_bytes, edited(&archive, |_| ()).config_bytes, "the image is the same one");
    let found = edited(&archive, |edits| edits.removed_annotations = ["a", "b", "gone"].map(str::to_owned).to_vec());
    assert_eq!(found.manifest.get("annotations"), None, "none are left");
    let found = edited(&source.save(Form::Docker), |edits| edits.annotations = vec![pair("a", "1")]);
    assert_eq!(found.manifest["annotations"], json!({"a": "1"}), "a Docker archive has no manifest of its own");
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn provenance_names_the_source_the_version_and_the_options() {
    let mut source = image("layer\n f a \"1\"");
    source.manifest = json!({"annotations": {"a": "1"}});
    let mut archive = Archive::default();
    let manifest = archive.image(&source);
    archive.layout(std::slice::from_ref(&manifest));
    let linked = |request: &mut Squash| {
        (request.tells_provenance, request.link_equal_files) = (true, true);
        request.exactness = Exactness::Always;
    };
    let found = squashed(&archive.tar(), linked);
    let expected = json!({
        "a": "1", "imgsquash.source.digest": manifest["digest"], "imgsquash.version": VERSION,
        "imgsquash.options": "exact=always hardlink-duplicates",
    });
    assert_eq!(found.manifest["annotations"], expected);
    let found = squashed(&archive.tar(), |request| request.tells_provenance = true);
    assert_eq!(found.manifest["annotations"].get("imgsquash.options"), None, "no options are not told");
    assert_eq!(edited(&archive.tar(), |_| ()).manifest["annotations"], json!({"a": "1"}));
    // A Docker archive has no manifest whose digest anyone could know; the config's is the image id.
    let found = squashed(&source.save(Form::Docker), |request| request.tells_provenance = true);
    let image_id = format!("sha256:{}", sha256(&source.config_bytes()));
    assert_eq!(found.manifest["annotations"]["imgsquash.source.digest"], json!(image_id));
}

#[test]
fn provenance_of_an_earlier_squash_does_not_stay() {
    let source = image("layer\n f a \"1\"");
    let first = |request: &mut Squash| (request.tells_provenance, request.link_equal_files) = (true, true);
    let (once, report) = squash_with(&source.save(Form::Oci), first).unwrap();
    let found = squashed(&once, |request| request.tells_provenance = true);
    let expected = json!({"imgsquash.source.digest": report.images[0].manifest_digest, "imgsquash.version": VERSION});
    assert_eq!(found.manifest["annotations"], expected);
    assert_eq!(edited(&once, |_| ()).manifest.get("annotations"), None);
    let own = |request: &mut Squash| {
        request.tells_provenance = true;
        request.edits.annotations = vec![pair("imgsquash.version", "mine")];
    };
    assert_eq!(squashed(&once, own).manifest["annotations"]["imgsquash.version"], "mine", "a person has the last word");
}

fn json_file(files: &Files, name: &str) -> Value {
    serde_json::from_slice(&files[name]).unwrap()
}

/// The document that a descriptor means.
fn document(files: &Files, descriptor: &Value) -> Value {
    json_file(files, &descriptor["digest"].as_str().unwrap().replace("sha256:", "blobs/sha256/"))
}

#[test]
fn docker_media_types_are_those_of_every_document_and_layer() {
    let source = image("layer\n f a \"1\"\nlayer\n f b \"2\"\nlayer\n f c \"3\"");
    const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    for (codec, kept) in [(Codec::Plain, ""), (Codec::Gzip, ".gzip"), (Codec::Zstd, ".zstd")] {
        let mut archive = Archive::default();
        let mut other = source.clone();
        other.config["architecture"] = json!("arm64");
        // The index around a single image goes.
        let manifests = [&source, &other].map(|source| archive.image(&Image { codec, ..source.clone() }));
        let index = archive.index(&manifests);
        archive.layout(&[named(index, "case:1")]);
        for (compression, new) in
            [(Compression::None, ""), (Compression::Gzip(None), ".gzip"), (Compression::Zstd(1), ".zstd")]
        {
            let with = |media_types| {
                move |options: &mut Squash| {
                    options.edits.media_types = media_types;
                    (options.keep, options.compression) = (Keep::First(1), Some(compression));
                }
            };
            let out = files(&squash_with(&archive.tar(), with(MediaTypes::Docker)).unwrap().0);
            let root = json_file(&out, "index.json");
            const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
            assert_eq!(root["manifests"][0]["mediaType"], LIST);
            assert_eq!(document(&out, &root["manifests"][0])["mediaType"], LIST);
            let (descriptor, found) = images(&out).remove(0);
            assert_eq!(descriptor["mediaType"], "application/vnd.docker.distribution.manifest.v2+json");
            assert_eq!(found.manifest["mediaType"], descriptor["mediaType"]);
            assert_eq!(found.manifest["config"]["mediaType"], "application/vnd.docker.container.image.v1+json");
            let types: Vec<&Value> =
                found.manifest["layers"].as_array().unwrap().iter().map(|layer| &layer["mediaType"]).collect();
            // Docker's specification has no zstd; this is what BuildKit writes, and containerd and podman read.
            assert_eq!(types, [&format!("{LAYER}{kept}"), &format!("{LAYER}{new}")]);
            let oci = squashed(&archive.tar(), with(MediaTypes::Oci));
            assert_eq!((oci.config_bytes, oci.blobs), (found.config_bytes, found.blobs), "only types differ");
            let again = files(&squash_with(&read_back(&out), |_| ()).unwrap().0);
            assert_eq!(images(&again)[0].1.layers.len(), 1, "what was written can be read");
        }
    }
}

/// An archive of these files.
fn read_back(files: &Files) -> Vec<u8> {
    let mut archive = Archive::default();
    files.iter().for_each(|(name, bytes)| archive.file(name, bytes.clone()));
    archive.tar()
}

#[test]
fn kept_layers_keep_what_else_their_descriptors_say() {
    let source = image("layer\n f a \"1\"\nlayer\n f b \"2\"\nlayer\n f c \"3\"");
    let mut archive = Archive::default();
    let config = archive.blob("application/vnd.oci.image.config.v1+json", source.config_bytes());
    let mut layers: Vec<Value> = source
        .layers
        .iter()
        .map(|layer| archive.blob("application/vnd.oci.image.layer.v1.tar", layer.clone()))
        .collect();
    layers[0]["annotations"] = json!({"of.the": "layer"});
    layers[0]["urls"] = json!(["https://example.com/gone"]);
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    let manifest = archive.blob(MANIFEST, serde_json::to_vec(&manifest).unwrap());
    archive.layout(&[manifest]);
    let found = squashed(&archive.tar(), |options| options.keep = Keep::First(1));
    assert_eq!(found.manifest["layers"][0]["annotations"], json!({"of.the": "layer"}));
    assert_eq!(found.manifest["layers"][0].get("urls"), None, "other places of it are not vouched for");
    assert_eq!(found.manifest["layers"][1].get("annotations"), None);
}

#[test]
fn every_platform_of_an_index_is_edited_and_what_they_share_is_there_once() {
    let text = "layer\n f a \"same\"\nlayer\n f b \"same\"\nlayer\n f c \"same\"";
    let mut archive = Archive::default();
    let mut manifests = Vec::new();
    for architecture in ["amd64", "arm64", "s390x"] {
        let mut source = image(text);
        source.config["architecture"] = json!(architecture);
        source.manifest = json!({"annotations": {"for": architecture}});
        let mut descriptor = archive.image(&source);
        descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
        descriptor["annotations"] = json!({"descriptor.for": architecture});
        manifests.push(descriptor);
    }
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    let index =
        json!({"schemaVersion": 2, "mediaType": INDEX, "annotations": {"of.the": "index"}, "manifests": manifests});
    let index = archive.blob(INDEX, serde_json::to_vec(&index).unwrap());
    archive.layout(&[named(index, "multi:1")]);
    let (out, report) = squash_with(&archive.tar(), |options| {
        options.keep = Keep::First(1);
        options.edits.config.labels = vec![pair("a", "1")];
        options.edits.annotations = vec![pair("b", "2")];
        options.tells_provenance = true;
    })
    .unwrap();
    let out = files(&out);
    assert_eq!(report.images.len(), 3);
    for ((descriptor, found), source) in images(&out).iter().zip(&manifests) {
        let architecture = &source["platform"]["architecture"];
        assert_eq!(&found.config["architecture"], architecture);
        assert_eq!(found.config["config"], json!({"Cmd": ["/bin/true"], "Labels": {"a": "1"}}));
        let expected = json!({
            "for": architecture, "b": "2", "imgsquash.source.digest": source["digest"], "imgsquash.version": VERSION,
            "imgsquash.options": "keep-layers=1 label annotation",
        });
        assert_eq!(found.manifest["annotations"], expected);
        assert_eq!(descriptor["annotations"], json!({"descriptor.for": architecture}));
        assert_eq!(&descriptor["platform"], &source["platform"]);
    }
    let root = json_file(&out, "index.json");
    assert_eq!(root["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "multi:1");
    assert_eq!(document(&out, &root["manifests"][0])["annotations"], json!({"of.the": "index"}));
    // An index, three manifests, three configs, and of each layer one.
    assert_eq!(out.keys().filter(|name| name.starts_with("blobs/")).count(), 1 + 3 + 3 + 2);
}

const LIMIT: i64 = 1_000_000_000;

fn limit() -> Timestamp {
    Timestamp { seconds: LIMIT, nanoseconds: 0 }
}

fn with_times(archive: &[u8], times: Times) -> read::Image {
    edited(archive, |edits| edits.times = times)
}

/// The time of each entry of the newest layer.
fn times(image: &read::Image) -> Vec<(String, (i64, u32))> {
    let found = entries(image.layers.last().unwrap()).0;
    found.into_iter().map(|(name, node)| (name.escape_ascii().to_string(), node.mtime)).collect()
}

#[test]
fn times_of_files_stay_are_clamped_or_set() {
    let source = image(
        "layer\n d d mtime=2000000000.5\n f d/before mtime=999999999.999999999 \"1\"\n f d/edge mtime=1000000000 \"2\"\n \
         f d/just mtime=1000000000.000000001 \"3\"\n f d/late mtime=2000000000.123456789 \"4\"\n \
         f d/old mtime=-1.5 \"5\"\n h hard mtime=2000000000.123456789 -> d/late\n d late mtime=2000000000\n \
         l soft mtime=2000000000 -> d\n p pipe mtime=2000000000\nlayer\n f gone mtime=2000000000 \"6\"\n d d/implied/x mtime=7\n\
         layer\n f .wh.gone mtime=2000000000",
    );
    let (late, nanos) = ((2_000_000_000, 0), (2_000_000_000, 123_456_789));
    let expected = [
        ("d", (2_000_000_000, 500_000_000)),
        ("d/before", (999_999_999, 999_999_999)),
        ("d/edge", (LIMIT, 0)),
        ("d/implied", (0, 0)),
        ("d/implied/x", (7, 0)),
        ("d/just", (LIMIT, 1)),
        ("d/late", nanos),
        ("d/old", (-2, 500_000_000)),
        ("hard", nanos),
        ("late", late),
        ("pipe", late),
        ("soft", late),
    ];
    let archive = source.save(Form::Oci);
    for times_are in [Times::Keep, Times::Clamp(limit()), Times::Set(limit())] {
        let mut found = times(&with_times(&archive, times_are));
        found.sort();
        let change = |(seconds, nanoseconds)| {
            let time = times_are.apply(Timestamp { seconds, nanoseconds });
            (time.seconds, time.nanoseconds)
        };
        let expected: Vec<_> = expected.iter().map(|(name, time)| ((*name).to_owned(), change(*time))).collect();
        assert_eq!(found, expected, "{times_are:?}");
    }
    // In words, should what is compared with be wrong itself.
    let clamped = times(&with_times(&archive, Times::Clamp(limit())));
    let later = clamped.iter().filter(|(_, time)| *time > (LIMIT, 0)).count();
    let lowered = clamped.iter().filter(|(_, time)| *time == (LIMIT, 0)).count();
    assert_eq!((later, lowered), (0, 8));
    assert!(times(&with_times(&archive, Times::Set(limit()))).iter().all(|(_, time)| *time == (LIMIT, 0)));
}

#[test]
fn times_of_the_image_and_its_rows_are_clamped_or_set() {
    let mut source = image("layer\n f a \"1\"\nlayer\n f b \"2\"");
    source.config["created"] = json!("2020-02-02T02:02:02.123456789Z");
    source.config["history"] = json!([
        {"created": "2001-01-01T00:00:00.120Z", "created_by": "early"},
        {"created": "2001-09-09T11:46:40+10:00", "created_by": "the limit, elsewhere", "empty_layer": true},
        {"created": "2001-09-09T11:46:41+10:00", "created_by": "later, elsewhere", "empty_layer": true},
        {"created": "0001-01-01T00:00:00Z", "created_by": "Go's none", "empty_layer": true},
        {"created_by": "none", "empty_layer": true},
        {"created": "2020-02-02T02:02:02Z", "created_by": "late"},
    ]);
    let created = |times: Times| -> Vec<Option<String>> {
        let config = with_times(&source.save(Form::Docker), times).config;
        let of = |row: &Value| row.get("created").map(|text| text.as_str().unwrap().to_owned());
        std::iter::once(&config).chain(config["history"].as_array().unwrap()).map(of).collect()
    };
    const LIMIT: &str = "2001-09-09T01:46:40Z";
    let some = |texts: &[&str]| -> Vec<Option<String>> { texts.iter().map(|text| Some((*text).to_owned())).collect() };
    let mut kept = some(&[
        "2020-02-02T02:02:02.123456789Z",
        "2001-01-01T00:00:00.120Z",
        "2001-09-09T11:46:40+10:00",
        "2001-09-09T11:46:41+10:00",
        "0001-01-01T00:00:00Z",
        "",
        "2020-02-02T02:02:02Z",
        "2020-02-02T02:02:02.123456789Z",
    ]);
    kept[5] = None;
    assert_eq!(created(Times::Keep), kept);
    let early = ["2001-01-01T00:00:00.120Z", "2001-09-09T11:46:40+10:00"];
    assert_eq!(
        created(Times::Clamp(limit())),
        some(&[LIMIT, early[0], early[1], LIMIT, "0001-01-01T00:00:00Z", LIMIT, LIMIT, LIMIT]),
        "where there is none, the limit is set"
    );
    assert_eq!(created(Times::Set(limit())), some(&[LIMIT; 8]));
}

#[test]
fn markers_over_kept_layers_say_nothing_of_when_or_where() {
    // Whiteouts of the input come from any machine and time; those of the output are made anew.
    let source = |time: &str, uid: &str| {
        image(&format!(
            "layer\n d d\n f d/1 \"1\"\n f d/2 \"2\"\n f gone \"3\"\nlayer\n d d\n f d/.wh.1 mtime={time} uid={uid}\n \
             f d/.wh.2 mtime={time}\n f .wh.gone mtime={time} uid={uid} mode=0644 \"text\"\nlayer\n f new \"4\""
        ))
        .save(Form::Oci)
    };
    for exactness in [Exactness::Always, Exactness::Never] {
        for times_are in [Times::Keep, Times::Clamp(limit()), Times::Set(limit())] {
            let made = |time: &str, uid: &str| {
                squashed(&source(time, uid), |options| {
                    (options.keep, options.exactness, options.edits.times) = (Keep::First(1), exactness, times_are);
                })
            };
            let found = made("2000000000.5", "7");
            assert_eq!(found.blobs, made("1", "0").blobs, "{exactness:?} {times_are:?}");
            let markers =
                entries(&found.layers[1]).0.into_iter().filter(|(name, _)| name.windows(4).any(|at| at == b".wh."));
            let expected = Node { mode: 0o600, mtime: (0, 0), ..Node::new(Kind::File(Vec::new())) };
            let markers: Vec<Node> = markers.map(|(_, node)| node).collect();
            assert!(!markers.is_empty() && markers.iter().all(|node| *node == expected), "{markers:?}");
        }
    }
}

/// An image whose entries have times of access and change, in PAX records or in GNU's fields.
fn with_other_times(time: &str, gnu: bool) -> Image {
    let mut case = parse(
        "case x\nlayer\n d d mtime=5\n f d/a mtime=5 \"1\"\n h d/b mtime=5 -> d/a\n l l mtime=5 -> d\nlayer\n f c mtime=5 \"2\"\ntree\n",
    )
    .remove(0);
    let mut source = Image::new(Vec::new());
    for layer in &mut case.layers {
        if !gnu {
            for entry in &mut layer.entries {
                entry.node.pax.insert(b"atime".to_vec(), format!("{time}.5").into_bytes());
                entry.node.pax.insert(b"ctime".to_vec(), time.as_bytes().to_vec());
            }
            source.layers.push(layer.tar());
            continue;
        }
        let mut tar = Vec::new();
        for entry in &layer.entries {
            let bytes = entry.tar();
            let mut header = ::tar::Header::new_gnu();
            let own = header.as_mut_bytes();
            own[..257].copy_from_slice(&bytes[..257]);
            own[345..356].copy_from_slice(format!("{:0>11}", time).as_bytes());
            own[357..368].copy_from_slice(format!("{:0>11}", time).as_bytes());
            header.set_cksum();
            tar.extend(header.as_bytes());
            tar.extend(&bytes[512..]);
        }
        tar.extend([0; 1024]);
        source.layers.push(tar);
    }
    source
}

#[test]
fn times_that_nothing_extracts_go_when_times_are_asked_for() {
    // They differ from build to build although the files do not, so equal builds would not be equal.
    for gnu in [false, true] {
        for times_are in [Times::Clamp(limit()), Times::Set(limit())] {
            let made = |time: &str| {
                let found = with_times(&with_other_times(time, gnu).save(Form::Oci), times_are);
                (found.config_bytes, found.blobs)
            };
            assert_eq!(made("1234567"), made("7654321"), "gnu: {gnu}, {times_are:?}");
        }
        let kept = with_times(&with_other_times("1234567", gnu).save(Form::Oci), Times::Keep);
        let is_there = kept.layers[0].windows(7).any(|at| at == b"1234567");
        assert!(is_there, "headers that nobody asked to change pass as they are");
    }
}

#[test]
fn builds_that_differ_in_times_alone_become_one_archive() {
    let build = |time: i64, created: &str| {
        let mut source =
            image(&format!("layer\n d d mtime={time}\n f d/a mtime={time}.5 \"1\"\nlayer\n f b mtime={time} \"2\""));
        source.config["created"] = json!(created);
        source.config["history"] = json!([{"created": created}, {"created": created}]);
        source.save(Form::Both)
    };
    let one = build(1_700_000_000, "2023-11-14T22:13:20Z");
    let two = build(1_800_000_000, "2027-01-15T08:00:00.25Z");
    let clamped = |archive: &[u8]| {
        let with = |options: &mut Squash| {
            options.edits.times = Times::Clamp(limit());
            options.tells_provenance = true;
        };
        squash_with(archive, with).unwrap().0
    };
    assert!(clamped(&one) == clamped(&two));
    let expected = json!({"imgsquash.version": VERSION, "imgsquash.options": "timestamp=clamp"});
    let manifest = &images(&files(&clamped(&one)))[0].1.manifest;
    assert_eq!(manifest["annotations"], expected, "the digest of the source would tell its times");
}

#[test]
fn each_of_several_new_layers_has_a_row_that_says_what_is_in_it() {
    let text = "layer\n f bin/sh \"1\"\nlayer\n f opt/site-packages/x \"2\"\nlayer\n f app/x \"3\"";
    let mut source = image(text);
    source.config["created"] = json!("2020-02-02T02:02:02Z");
    source.config["history"] = json!([
        {"created_by": "ADD base"}, {"created_by": "CMD bash", "empty_layer": true}, {"created_by": "RUN pip"},
        {"created_by": "ENV x", "empty_layer": true}, {"created_by": "COPY app"},
    ]);
    let rows = |keep: Keep, mode: HistoryMode, message: Option<&str>| -> Option<Vec<(bool, String)>> {
        let found = squashed(&source.save(Form::Oci), |options| {
            options.keep = keep;
            options.split = Split::Auto;
            (options.edits.history, options.edits.message) = (mode, message.map(str::to_owned));
        });
        let history = found.config.get("history")?.as_array().unwrap().clone();
        assert_eq!(history.iter().filter(|row| row["empty_layer"] != true).count(), found.layers.len());
        let said = |row: &Value| row.get("comment").unwrap_or(&row["created_by"]).as_str().unwrap().to_owned();
        Some(history.iter().map(|row| (row["empty_layer"] != true, said(row))).collect())
    };
    let expected =
        |rows: &[(bool, &str)]| Some(rows.iter().map(|(layer, text)| (*layer, (*text).to_owned())).collect());
    let new =
        |before: &'static str| ["base system", "dependencies", "application"].map(|title| format!("{before}: {title}"));
    let three = new("squashed 3 layers");
    let single: Vec<(bool, &str)> = three.iter().map(|text| (true, text.as_str())).collect();
    let old =
        [(false, "ADD base"), (false, "CMD bash"), (false, "RUN pip"), (false, "ENV x"), (false, "COPY app")].to_vec();
    assert_eq!(rows(Keep::Nothing, HistoryMode::Keep, None), expected(&[old, single.clone()].concat()));
    assert_eq!(rows(Keep::Nothing, HistoryMode::Single, None), expected(&single));
    assert_eq!(rows(Keep::Nothing, HistoryMode::None, None), None);
    let said = new("v1");
    let said: Vec<(bool, &str)> = said.iter().map(|text| (true, text.as_str())).collect();
    assert_eq!(rows(Keep::Nothing, HistoryMode::Single, Some("v1")), expected(&said));
    let kept =
        [(true, "ADD base"), (true, "squashed 2 layers: dependencies"), (true, "squashed 2 layers: application")];
    assert_eq!(rows(Keep::First(1), HistoryMode::Single, None), expected(&kept));
}

#[test]
fn rows_fit_layers_where_the_old_history_does_not() {
    let mut source = image("layer\n f bin/sh \"1\"\nlayer\n f app/x \"2\"\nlayer\n f app/y \"3\"");
    for history in [json!([{"created_by": "one for all"}]), json!([{}, {}, {}, {}]), Value::Null] {
        source.config["history"] = history;
        for (keep, layers) in [(Keep::Nothing, 2), (Keep::First(1), 2), (Keep::AllButLast(1), 3)] {
            for mode in [HistoryMode::Keep, HistoryMode::Single] {
                let found = squashed(&source.save(Form::Oci), |options| {
                    options.keep = keep.clone();
                    options.edits.history = mode;
                    if keep == Keep::Nothing {
                        options.split = Split::Classes(vec![Class::Os, Class::App]);
                    }
                });
                // read::images compares the rows with them.
                assert_eq!(found.layers.len(), layers, "{keep:?} {mode:?}");
            }
        }
    }
}
