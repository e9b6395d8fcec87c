//! Every form of archive that comes in, and every one that goes out.

use imgsquash::request::Format;
use imgsquash::request::HistoryMode;
use imgsquash::request::Origin;
use imgsquash::request::Platform;
use serde_json::{Value, json};

use crate::support::archive::{Archive, Codec, Form, Image, collect, compress, named, save};
use crate::support::case::parse;
use crate::support::layer::Layer;
use crate::support::node::{Tree, assert_same};
use crate::support::read::{Files, extract, files, images, sha256};
use crate::support::run::{Place, request, squash, squash_with};

/// Layers and the tree they make, from the text of a case.
fn made(text: &str) -> (Vec<Vec<u8>>, Tree) {
    let case = parse(&format!("case inline\n{text}")).remove(0);
    let crate::support::case::Expected::Tree(tree) = case.expected else { panic!("no tree") };
    (case.layers.iter().map(Layer::tar).collect(), tree)
}

/// An image of two layers that says which it is.
fn image(name: &str) -> Image {
    let (layers, _) = made(&format!("layer\n f a \"{name}\"\n f b \"b\"\nlayer\n f .wh.b\n f c \"{name}\"\ntree\n"));
    Image { tags: vec![name.to_owned()], ..Image::new(layers) }
}

fn for_platform(mut image: Image, os: &str, architecture: &str, variant: Option<&str>) -> Image {
    image.config["os"] = json!(os);
    image.config["architecture"] = json!(architecture);
    if let Some(variant) = variant {
        image.config["variant"] = json!(variant);
    }
    image
}

fn with_platform(mut descriptor: Value, os: &str, architecture: &str) -> Value {
    descriptor["platform"] = json!({"os": os, "architecture": architecture});
    descriptor
}

fn json_file(files: &Files, name: &str) -> Value {
    serde_json::from_slice(&files[name]).unwrap()
}

/// The contents of `a` in each image, which tell the images apart.
fn told_apart(files: &Files) -> Vec<String> {
    let contents = |tree: &Tree| match &tree[&b"a"[..]].0.kind {
        crate::support::node::Kind::File(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        other => panic!("{other:?}"),
    };
    images(files).iter().map(|(_, image)| contents(&extract(&image.layers[0]))).collect()
}

#[test]
fn several_images_and_tags_keep_their_names() {
    for form in [Form::Docker, Form::Oci, Form::Both] {
        let mut two_tags = image("one:1");
        two_tags.tags.push("one:latest".to_owned());
        let (archive, report) = squash(&save(&[two_tags, image("two:1")], form)).unwrap();
        let files = files(&archive);
        let names: Vec<Value> = json_file(&files, "manifest.json")
            .as_array()
            .unwrap()
            .iter()
            .map(|image| image["RepoTags"].clone())
            .collect();
        assert_eq!(names, [json!(["one:1", "one:latest"]), json!(["two:1"])], "{form:?}");
        let annotations: Vec<String> = images(&files)
            .iter()
            .map(|(descriptor, _)| descriptor["annotations"]["io.containerd.image.name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            annotations,
            ["docker.io/library/one:1", "docker.io/library/one:latest", "docker.io/library/two:1"],
            "{form:?}"
        );
        assert_eq!(told_apart(&files), ["one:1", "one:1", "two:1"], "{form:?}");
        assert_eq!(report.images.len(), 2, "an image with two tags is squashed once");
        assert_eq!(json_file(&files, "repositories")["one"].as_object().unwrap().len(), 2);
    }
}

#[test]
fn an_image_without_a_name_stays_without() {
    for form in [Form::Docker, Form::Oci, Form::Both] {
        let (archive, _) = squash(&Image { tags: Vec::new(), ..image("one") }.save(form)).unwrap();
        let files = files(&archive);
        assert_eq!(json_file(&files, "manifest.json")[0]["RepoTags"], Value::Null);
        assert!(!files.contains_key("repositories"));
    }
}

#[test]
fn a_ref_chooses_an_image_by_any_spelling_of_its_name() {
    let archive = save(&[image("one:1"), image("two:latest")], Form::Both);
    for name in ["two", "two:latest", "docker.io/library/two:latest"] {
        let (out, _) = squash_with(&archive, |options| options.selection.refs = vec![name.to_owned()]).unwrap();
        assert_eq!(told_apart(&files(&out)), ["two:latest"], "{name}");
    }
    let error = squash_with(&archive, |options| options.selection.refs = vec!["three".to_owned()]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let text = error.to_string();
    assert!(text.contains("no image is called \"three\"; there are:") && text.contains("one:1"), "{text}");
}

/// An index of three platforms and an attestation.
fn platforms() -> Archive {
    let mut archive = Archive::default();
    let mut manifests = Vec::new();
    for (architecture, variant) in [("amd64", None), ("arm64", Some("v8")), ("arm", Some("v7"))] {
        let descriptor = archive.image(&for_platform(image(architecture), "linux", architecture, variant));
        manifests.push(with_platform(descriptor, "linux", architecture));
    }
    let attestation = archive.blob("application/vnd.oci.image.manifest.v1+json", b"{\"not\":\"read\"}".to_vec());
    let mut attestation = with_platform(attestation, "unknown", "unknown");
    attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    manifests.push(attestation);
    let index = archive.index(&manifests);
    archive.layout(&[named(index, "multi:1")]);
    archive
}

#[test]
fn every_platform_of_an_index_is_squashed_and_attestations_are_dropped_aloud() {
    let (archive, report) = squash(&platforms().tar()).unwrap();
    let files = files(&archive);
    assert_eq!(told_apart(&files), ["amd64", "arm64", "arm"]);
    let index = json_file(&files, "index.json");
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1, "the nested index stays");
    assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "multi:1");
    for (descriptor, image) in images(&files) {
        assert_eq!(descriptor["platform"]["architecture"], image.config["architecture"]);
    }
    assert_eq!(report.notes, ["dropped 1 attestation (SBOM or provenance): it describes layers that no longer exist"]);
    let names: Vec<Value> =
        json_file(&files, "manifest.json").as_array().unwrap().iter().map(|image| image["RepoTags"].clone()).collect();
    assert_eq!(names, [json!(["multi:1"]), Value::Null, Value::Null], "the first platform has the name in docker");
    let error = squash_with(&platforms().tar(), |options| options.strict = true).unwrap_err();
    assert!(error.to_string().contains("dropped 1 attestation"), "{error}");
}

#[test]
fn a_platform_chooses_and_the_index_around_it_goes() {
    for (wanted, found) in [("linux/arm64", "arm64"), ("linux/arm/v7", "arm"), ("linux/arm64/v8", "arm64")] {
        let platform: Platform = wanted.parse().unwrap();
        let (out, _) = squash_with(&platforms().tar(), |options| options.selection.platforms = vec![platform]).unwrap();
        let files = files(&out);
        assert_eq!(told_apart(&files), [found], "{wanted}");
        let index = json_file(&files, "index.json");
        assert_eq!(index["manifests"][0]["mediaType"], "application/vnd.oci.image.manifest.v1+json");
        assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "multi:1");
    }
    let platform: Platform = "linux/s390x".parse().unwrap();
    let error = squash_with(&platforms().tar(), |options| options.selection.platforms = vec![platform]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(
        error.to_string().ends_with("no image is for linux/s390x; there are: linux/amd64, linux/arm, linux/arm64"),
        "{error}"
    );
}

#[test]
fn platforms_that_were_not_saved_are_left_out_aloud() {
    let mut archive = Archive::default();
    let present = with_platform(archive.image(&image("here")), "linux", "amd64");
    let digest = format!("sha256:{}", sha256(b"elsewhere"));
    let absent = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 9});
    let index = archive.index(&[with_platform(absent, "linux", "arm64"), present]);
    archive.layout(&[named(index, "partly:1")]);
    let (out, report) = squash(&archive.tar()).unwrap();
    assert_eq!(told_apart(&files(&out)), ["here"]);
    assert_eq!(report.notes, ["left out linux/arm64: the index names it, but it is not in this archive"]);
    assert!(squash_with(&archive.tar(), |options| options.strict = true).is_err());
}

#[test]
fn docker_media_types_come_in_and_oci_ones_go_out() {
    let source = image("docker:1");
    let mut archive = Archive::default();
    let config = archive.blob("application/vnd.docker.container.image.v1+json", source.config_bytes());
    const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    let layers: Vec<Value> =
        source.layers.iter().map(|layer| archive.blob(LAYER, compress(layer, Codec::Gzip))).collect();
    const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    let manifest = archive.blob(MANIFEST, serde_json::to_vec(&manifest).unwrap());
    const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    let list = json!({"schemaVersion": 2, "mediaType": LIST, "manifests": [with_platform(manifest, "linux", "amd64")]});
    let list = archive.blob(LIST, serde_json::to_vec(&list).unwrap());
    archive.layout(&[named(list, "docker:1")]);
    let (out, _) = squash(&archive.tar()).unwrap();
    let files = files(&out);
    let (descriptor, image) = images(&files).remove(0);
    assert_eq!(descriptor["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(image.manifest["config"]["mediaType"], "application/vnd.oci.image.config.v1+json");
    assert_eq!(image.manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
}

#[test]
fn manifest_and_index_annotations_and_unknown_keys_survive() {
    let mut source = image("kept:1");
    source.manifest = json!({"annotations": {"a.key": "a value"}, "x-unknown": [1, 2]});
    let mut archive = Archive::default();
    let mut descriptor = named(archive.image(&source), "kept:1");
    descriptor["annotations"]["own"] = json!("kept");
    descriptor["data"] = json!("c3RhbGU=");
    let document = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "annotations": {"of.the": "index"}, "x-own": true, "manifests": [descriptor],
    });
    let index = archive.blob("application/vnd.oci.image.index.v1+json", serde_json::to_vec(&document).unwrap());
    archive.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
    let root = json!({"schemaVersion": 2, "annotations": {"of.the": "root"}, "manifests": [named(index, "kept:1")]});
    archive.file("index.json", serde_json::to_vec(&root).unwrap());
    let (out, _) = squash(&archive.tar()).unwrap();
    let files = files(&out);
    let root = json_file(&files, "index.json");
    assert_eq!(root["annotations"], json!({"of.the": "root"}));
    let nested = root["manifests"][0]["digest"].as_str().unwrap().replace("sha256:", "blobs/sha256/");
    let nested = json_file(&files, &nested);
    assert_eq!((&nested["annotations"], &nested["x-own"]), (&json!({"of.the": "index"}), &json!(true)));
    let (descriptor, image) = images(&files).remove(0);
    assert_eq!(descriptor["annotations"]["own"], "kept");
    assert_eq!(descriptor.get("data"), None, "an embedded copy of the old manifest is gone");
    assert_eq!(image.manifest["annotations"], json!({"a.key": "a value"}));
    assert_eq!(image.manifest["x-unknown"], json!([1, 2]));
}

#[test]
fn a_health_check_that_podman_will_not_read_is_told() {
    let mut image = Image::new(vec![Layer::default().tar()]);
    image.config["config"] = json!({"Healthcheck": {"Test": ["CMD", "true"]}});
    let archive = image.save(Form::Docker);
    let notes = |change: fn(&mut imgsquash::Squash)| squash_with(&archive, change).unwrap().1.notes;
    assert!(notes(|_| ())[0].starts_with("podman does not read the HEALTHCHECK of an image with an OCI manifest"));
    assert_eq!(notes(|options| options.format = imgsquash::request::Format::DockerArchive), [""; 0]);
    assert_eq!(notes(|options| options.edits.media_types = imgsquash::request::MediaTypes::Docker), [""; 0]);
}

#[test]
fn the_config_keeps_every_key_and_its_spelling() {
    let mut source = image("config:1");
    source.config = serde_json::from_str(
        r#"{"created":"2020-02-02T02:02:02.123456789Z","author":"someone","architecture":"amd64","os":"linux",
        "os.version":"x","config":{"User":"app","Healthcheck":{"Test":["CMD","true"],"StartInterval":5000000000},
        "OnBuild":["RUN x"],"Shell":["/bin/bash","-c"],"ArgsEscaped":true,"StopTimeout":7,"x":{"y":[1.50,18446744073709551616]}},
        "container_config":{"Cmd":["x"]},"moby.buildkit.buildinfo.v1":"e30=","docker_version":"20.10"}"#,
    )
    .unwrap();
    for form in [Form::Docker, Form::Oci] {
        let (out, _) = squash(&source.save(form)).unwrap();
        let found = &images(&files(&out))[0].1;
        for (key, value) in source.config.as_object().unwrap() {
            assert_eq!(&found.config[key], value, "{key}");
        }
        let text = String::from_utf8(found.config_bytes.clone()).unwrap();
        assert!(text.contains("\"created\":\"2020-02-02T02:02:02.123456789Z\""));
    }
}

#[test]
fn history_is_kept_single_or_none() {
    let mut source = image("history:1");
    source.config["created"] = json!("2020-02-02T02:02:02Z");
    source.config["history"] = json!([
        {"created": "2019-01-01T00:00:00Z", "created_by": "ADD file", "x": 1},
        {"created_by": "ENV a=b", "empty_layer": true},
        {"created_by": "RUN make"},
    ]);
    let history = |mode, message: Option<&str>| {
        let (out, _) = squash_with(&source.save(Form::Docker), |options| {
            options.edits.history = mode;
            options.edits.message = message.map(str::to_owned);
        })
        .unwrap();
        images(&files(&out))[0].1.config.get("history").cloned()
    };
    let row = |comment: &str| json!({"created": "2020-02-02T02:02:02Z", "created_by": "imgsquash", "comment": comment});
    assert_eq!(
        history(HistoryMode::Keep, None),
        Some(json!([
            {"created": "2019-01-01T00:00:00Z", "created_by": "ADD file", "x": 1, "empty_layer": true},
            {"created_by": "ENV a=b", "empty_layer": true},
            {"created_by": "RUN make", "empty_layer": true},
            row("squashed 2 layers into one"),
        ]))
    );
    assert_eq!(history(HistoryMode::Single, Some("for release")), Some(json!([row("for release")])));
    assert_eq!(history(HistoryMode::None, None), None);
}

#[test]
fn history_that_does_not_fit_is_repaired_aloud_or_refused() {
    for history in [json!([{"created_by": "only one"}]), json!([{}, {}, {}])] {
        let mut source = image("history:1");
        source.config["history"] = history;
        let (_, report) = squash(&source.save(Form::Oci)).unwrap();
        assert!(report.notes[0].starts_with("repaired the history: "), "{:?}", report.notes);
        let error = squash_with(&source.save(Form::Oci), |options| options.strict = true).unwrap_err();
        assert!(error.to_string().ends_with("(refused because of --strict)"), "{error}");
    }
    let mut source = image("history:1");
    source.config["history"] = Value::Null;
    let (out, report) = squash(&source.save(Form::Docker)).unwrap();
    assert_eq!(report.notes, [""; 0], "no history at all is fine");
    assert_eq!(images(&files(&out))[0].1.config["history"].as_array().unwrap().len(), 1);
}

#[test]
fn a_time_of_creation_can_be_given() {
    let (out, _) = squash_with(&image("created:1").save(Form::Docker), |options| {
        let time = imgsquash::request::Timestamp { seconds: 1_000_000_000, nanoseconds: 0 };
        options.edits.times = imgsquash::request::Times::Set(time);
    })
    .unwrap();
    let config = &images(&files(&out))[0].1.config;
    assert_eq!(config["created"], "2001-09-09T01:46:40Z");
    assert_eq!(config["history"][2]["created"], "2001-09-09T01:46:40Z");
}

#[test]
fn new_names_replace_the_old_ones() {
    for form in [Form::Docker, Form::Oci, Form::Both] {
        let (out, report) = squash_with(&image("old:1").save(form), |options| {
            options.tags = vec!["new".parse().unwrap(), "registry.example:5000/team/new:2".parse().unwrap()];
        })
        .unwrap();
        let files = files(&out);
        assert_eq!(
            json_file(&files, "manifest.json")[0]["RepoTags"],
            json!(["new:latest", "registry.example:5000/team/new:2"]),
            "{form:?}"
        );
        let names: Vec<Value> =
            images(&files).iter().map(|(descriptor, _)| descriptor["annotations"].clone()).collect();
        assert_eq!(names[0]["io.containerd.image.name"], "docker.io/library/new:latest");
        assert_eq!(names[1]["org.opencontainers.image.ref.name"], "registry.example:5000/team/new:2");
        assert_eq!(report.images[0].names, ["new:latest", "registry.example:5000/team/new:2"]);
    }
    let error = squash_with(&save(&[image("one:1"), image("two:1")], Form::Oci), |options| {
        options.tags = vec!["new".parse().unwrap()];
    })
    .unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("names one image, and there are 2"), "{error}");
}

#[test]
fn each_format_has_what_its_consumers_read_and_no_more() {
    let archive = image("format:1").save(Form::Both);
    for (format, has_index, has_manifest) in
        [(Format::Universal, true, true), (Format::OciArchive, true, false), (Format::DockerArchive, false, true)]
    {
        let (out, _) = squash_with(&archive, |options| options.format = format).unwrap();
        let files = files(&out);
        assert_eq!(files.contains_key("index.json"), has_index, "{format:?}");
        assert_eq!(files.contains_key("oci-layout"), has_index, "{format:?}");
        assert_eq!(files.contains_key("manifest.json"), has_manifest, "{format:?}");
        assert_eq!(files.contains_key("repositories"), has_manifest, "{format:?}");
    }
}

#[test]
fn a_layout_directory_is_read_and_written_and_replaced() {
    let place = Place::new();
    let (input, output) = (place.path("in"), place.path("out"));
    collect(&[image("dir:1")], Form::Oci).write_to(&input);
    let mut options = request(&input, &output);
    options.format = Format::OciDirectory;
    for _ in 0..2 {
        imgsquash::squash(&options, &()).unwrap();
        assert_eq!(place.names(), ["in", "out"]);
    }
    let mut from_directory = options.clone();
    from_directory.input = Origin::Path(output.clone());
    from_directory.target = imgsquash::request::Target::Path(place.path("out.tar"));
    from_directory.format = Format::Universal;
    imgsquash::squash(&from_directory, &()).unwrap();
    assert_eq!(told_apart(&files(&std::fs::read(place.path("out.tar")).unwrap())), ["dir:1"]);
    std::fs::write(output.join("precious"), "x").unwrap();
    let error = imgsquash::squash(&options, &()).unwrap_err();
    assert!(error.to_string().contains("it holds \"precious\", which would be lost"), "{error}");
    assert_eq!(std::fs::read(output.join("precious")).unwrap(), b"x");
}

#[test]
fn a_repeated_layer_may_be_a_link_in_the_archive() {
    let (layers, expected) = made("layer\n f a \"a\"\nlayer\n f .wh.a\nlayer\n f a \"a\"\ntree\n f a \"a\"\n");
    let source = Image::new(layers);
    let config = source.config_bytes();
    for kind in [::tar::EntryType::Symlink, ::tar::EntryType::Link] {
        let mut builder = ::tar::Builder::new(Vec::new());
        let mut file = |name: &str, bytes: &[u8]| {
            let mut header = ::tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, bytes).unwrap();
        };
        file("first/layer.tar", &source.layers[0]);
        file("second/layer.tar", &source.layers[1]);
        let name = format!("{}.json", sha256(&config));
        file(&name, &config);
        let layers = ["first/layer.tar", "second/layer.tar", "third/layer.tar"];
        file("manifest.json", json!([{"Config": name, "RepoTags": null, "Layers": layers}]).to_string().as_bytes());
        let target = if kind.is_symlink() { "../first/layer.tar" } else { "first/layer.tar" };
        let mut header = ::tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder.append_link(&mut header, "third/layer.tar", target).unwrap();
        let (out, _) = squash(&builder.into_inner().unwrap()).unwrap();
        assert_same(&expected, &extract(&images(&files(&out))[0].1.layers[0]), "linked layer");
    }
}

#[test]
fn archives_compressed_as_a_whole_make_the_same_bytes() {
    let archive = image("whole:1").save(Form::Both);
    let (expected, _) = squash(&archive).unwrap();
    for codec in [Codec::Gzip, Codec::GzipMembers, Codec::Zstd] {
        let (out, _) = squash(&compress(&archive, codec)).unwrap();
        assert!(out == expected, "{codec:?}");
    }
}

#[test]
fn an_image_without_layers_stays_without() {
    for form in [Form::Docker, Form::Oci] {
        let (out, report) = squash(&Image::new(Vec::new()).save(form)).unwrap();
        let image = &images(&files(&out))[0].1;
        assert_eq!(image.config["rootfs"]["diff_ids"], json!([]));
        assert_eq!(image.manifest["layers"], json!([]));
        assert_eq!(image.config["history"][0]["empty_layer"], true);
        assert_eq!(report.images[0].layers.after, 0);
    }
}

#[test]
fn more_layers_than_runtimes_take_come_in_and_one_goes_out() {
    let text: String = (0..300).map(|at| format!("layer\n f f{at} \"{at}\"\n f last \"{at}\"\n")).collect();
    let (layers, _) = made(&format!("{text}tree\n"));
    let (out, report) = squash(&Image::new(layers).save(Form::Docker)).unwrap();
    assert_eq!(extract(&images(&files(&out))[0].1.layers[0]).len(), 301);
    assert_eq!((report.images[0].layers.before, report.images[0].layers.after), (300, 1));
}

#[test]
fn headers_of_the_archive_say_nothing_of_machine_or_time() {
    let (out, _) = squash(&image("plain:1").save(Form::Docker)).unwrap();
    for entry in ::tar::Archive::new(&out[..]).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
        assert_eq!(header.username_bytes().unwrap(), b"");
    }
    let image = &images(&files(&out))[0].1;
    assert_eq!(image.blobs[0][..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
}
