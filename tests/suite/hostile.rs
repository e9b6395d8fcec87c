//! Bad input: a one-line error that says what is wrong, exit code 3, bounded time and memory, and nothing written.

use std::io::Write;

use imgsquash::request::Limits;
use serde_json::{Value, json};

use crate::support::archive::{Archive, Codec, Form, Image, compress, named};
use crate::support::layer::{Entry, extension, pax_header};
use crate::support::node::{Kind, Node};
use crate::support::read::sha256;
use crate::support::run::{Place, squash, squash_with, stderr, within};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn file(name: &str, contents: &[u8]) -> Vec<u8> {
    Entry { name: name.into(), node: Node::new(Kind::File(contents.to_vec())) }.tar()
}

fn layer() -> Vec<u8> {
    [file("a", b"contents of a"), file("b", b"b"), vec![0; 1024]].concat()
}

/// Seconds of processor time in which everything here is answered.
const SOON: u32 = 20;

/// Squashing fails with one line that contains every text, and code 3, soon.
#[track_caller]
fn refused(archive: &[u8], texts: &[&str]) {
    let place = Place::new();
    place.write("in.tar", archive);
    let output = within(SOON, &place, &["-q", "in.tar", "-o", "out.tar"]);
    let message = stderr(&output);
    for text in texts {
        assert!(message.contains(text), "expected \"{text}\" in \"{message}\"");
    }
    assert_eq!(message.find('\n'), Some(message.len() - 1), "one line: {message}");
    assert!(message.contains("in.tar"), "it names the input: {message}");
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert_eq!(place.names(), ["in.tar"], "nothing is left behind");
}

/// Squashing works, and soon; the bytes of the new archive.
fn answered(archive: &[u8], more: &[&str]) -> Vec<u8> {
    let place = Place::new();
    place.write("in.tar", archive);
    let output = within(SOON, &place, &[&["-q", "in.tar", "-o", "out.tar"], more].concat());
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
    std::fs::read(place.path("out.tar")).unwrap()
}

/// An image of these layers as they are, without the checks of the helpers.
fn image(layers: &[Vec<u8>]) -> Vec<u8> {
    Image { codec: Codec::Plain, ..Image::new(layers.to_vec()) }.save(Form::Docker)
}

/// An OCI archive with one image whose layer blob is `blob` and whose plain layer is `plain`.
fn with_blob(plain: &[u8], blob: &[u8]) -> Vec<u8> {
    let mut archive = Archive::default();
    let config = archive.blob(CONFIG, Image::new(vec![plain.to_vec()]).config_bytes());
    let layer = archive.blob(LAYER, blob.to_vec());
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
    let manifest = archive.blob(MANIFEST, serde_json::to_vec(&manifest).unwrap());
    archive.layout(&[named(manifest, "bad:1")]);
    archive.tar()
}

/// The archive with one file changed.
fn changed(archive: &[u8], is_it: impl Fn(&str, &[u8]) -> bool, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = ::tar::Builder::new(Vec::new());
    for (name, mut bytes) in crate::support::read::files(archive) {
        if is_it(&name, &bytes) {
            change(&mut bytes);
        }
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        out.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    out.into_inner().unwrap()
}

fn is_blob_with(text: &'static str) -> impl Fn(&str, &[u8]) -> bool {
    move |name, bytes| name.starts_with("blobs/") && String::from_utf8_lossy(bytes).contains(text)
}

#[test]
fn files_that_are_no_archive() {
    refused(b"", &["it is empty"]);
    refused(b"hello, world", &["expected an archive made by docker save, podman save or skopeo, found a text file"]);
    refused(&[0xff; 5000], &["it is not a readable tar archive", "checksum"]);
    refused(&[0x1f, 0x8b, 8, 0, 1, 2, 3], &["cannot read it"]);
    refused(b"\xfd7zXZ\0 and so on", &["it is compressed with xz, expected gzip, zstd or none"]);
    refused(b"{\"schemaVersion\":2}", &["found a JSON document"]);
    let random: Vec<u8> = (0..25_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 3).to_le_bytes()).collect();
    refused(&random, &["it is not a readable tar archive"]);
    refused(&[0; 10_240], &["no manifest.json and no index.json"]);
}

#[test]
fn archives_that_are_no_image() {
    refused(&[file("etc/passwd", b"root"), vec![0; 1024]].concat(), &["looks like a root file system", "docker save"]);
    refused(&[file("readme", b"x"), vec![0; 1024]].concat(), &["no manifest.json and no index.json", "docker save"]);
    let old = [file("repositories", b"{}"), file("abc/VERSION", b"1.0"), vec![0; 1024]].concat();
    refused(&old, &["saved by Docker before 1.10"]);
}

#[test]
fn truncated_archives() {
    for form in [Form::Docker, Form::Oci, Form::Both] {
        let archive = Image { codec: Codec::Plain, ..Image::new(vec![vec![0; 20_000]]) }.save(form);
        refused(&archive[..archive.len() - 12_000], &["the tar ends inside an entry"]);
        for cut in [1, 100, 511, 513, 700] {
            assert!(squash(&archive[..cut]).is_err(), "cut at {cut}");
        }
    }
    let whole = compress(&image(&[layer()]), Codec::Gzip);
    refused(&whole[..whole.len() - 20], &["cannot read it"]);
}

#[test]
fn documents_that_are_not_valid() {
    let saved = |manifest: &str| [file("manifest.json", manifest.as_bytes()), vec![0; 1024]].concat();
    refused(&saved("[{"), &["manifest.json is not valid", "line 1 column 2"]);
    refused(&saved("[]"), &["the archive holds no image"]);
    refused(&saved("{}"), &["its manifest.json is the manifest of one image"]);
    refused(&saved("\"a\""), &["manifest.json is not valid", "line 1 column 3"]);
    refused(&saved("[{\"Layers\":[]}]"), &["an image of manifest.json is not valid: it has no \"Config\""]);
    refused(&saved("[{\"Config\":\"c.json\",\"Layers\":[]}]"), &["config c.json is missing from the archive"]);
    refused(&saved("[{\"Config\":\"../../etc/passwd\",\"Layers\":[]}]"), &["config ../../etc/passwd is missing"]);
    let index = |text: &str| [file("index.json", text.as_bytes()), vec![0; 1024]].concat();
    refused(&index("nonsense"), &["index.json is not valid"]);
    refused(&index("[1]"), &["index.json is not valid", "expected a JSON object"]);
    refused(&index("{}"), &["index.json is not valid: it has no \"manifests\""]);
    refused(&index("{\"manifests\":[]}"), &["the archive holds no image"]);
    refused(&index("{\"manifests\":[{}]}"), &["a descriptor is not valid"]);
    refused(&index(&format!("{{\"manifests\":{}1{}}}", "[".repeat(5000), "]".repeat(5000))), &["is not valid"]);
    let layout = [file("oci-layout", b"{\"imageLayoutVersion\":\"2\"}"), index("{\"manifests\":[]}")].concat();
    refused(&layout, &["imageLayoutVersion is \"2\", expected 1.0.0"]);
}

#[test]
fn configs_that_are_not_valid() {
    for (config, text) in [
        (
            json!({"rootfs": {"type": "layers", "diff_ids": ["sha256:xyz"]}}),
            "a diff_id: \"sha256:xyz\" is not a digest",
        ),
        (json!({"rootfs": {"type": "layers", "diff_ids": "none"}}), "\"diff_ids\" of its rootfs is not valid"),
        (json!({"rootfs": {"type": "layers", "diff_ids": []}}), "the config lists 0 layers (diff_ids), the manifest 1"),
        (json!({"rootfs": {"type": "layers", "diff_ids": []}, "RootFS": 1}), "which readers take for \"rootfs\""),
        (json!({"rootfs": null}), "it has no \"rootfs\""),
        (json!({"history": {}}), "\"history\" of the image config is not valid"),
    ] {
        let mut source = Image::new(vec![layer()]);
        source.config = config;
        for form in [Form::Docker, Form::Oci] {
            refused(&source.save(form), &[text]);
        }
    }
}

#[test]
fn digests_that_do_not_fit() {
    let archive = Image::new(vec![layer()]).save(Form::Oci);
    let flip = |bytes: &mut Vec<u8>| {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    };
    let is_layer = |name: &str, bytes: &[u8]| name.starts_with("blobs/") && bytes.starts_with(&[0x1f, 0x8b]);
    refused(
        &changed(&archive, is_layer, flip),
        &["layer 1 of 1", "digest mismatch: expected sha256:", ", found sha256:"],
    );
    refused(&changed(&archive, is_layer, |bytes| bytes.push(0)), &["layer 1 of 1", "size mismatch: expected "]);
    refused(&changed(&archive, is_layer, |bytes| bytes.truncate(40)), &["layer 1 of 1", "size mismatch: expected "]);
    refused(
        &changed(&archive, is_blob_with("diff_ids"), |bytes| bytes.push(b' ')),
        &["config sha256:", "size mismatch"],
    );
    refused(&changed(&archive, is_blob_with("\"layers\":["), flip), &["manifest sha256:", "digest mismatch"]);
    let mut source = Image::new(vec![layer()]);
    source.config["rootfs"] = json!({"type": "layers", "diff_ids": [format!("sha256:{}", sha256(b"other"))]});
    for form in [Form::Docker, Form::Oci] {
        refused(&source.save(form), &["layer 1 of 1", "diff_id mismatch: expected sha256:", ", found sha256:"]);
    }
    let archive = Image::new(vec![layer()]).save(Form::Docker);
    refused(&changed(&archive, |name, _| name.len() > 60, |bytes| bytes.push(b' ')), &["config ", "digest mismatch"]);
}

#[test]
fn of_several_bad_layers_the_oldest_is_told() {
    let bad = |name: &str| [file(name, b"x"), vec![0xff; 512]].concat();
    let archive = image(&[layer(), bad("one"), layer(), bad("two"), bad("three")]);
    for jobs in [1, 2, 8] {
        let error = squash_with(&archive, |options| options.resources.jobs = jobs.try_into().unwrap()).unwrap_err();
        assert!(error.to_string().contains("layer 2 of 5"), "{error}");
    }
}

#[test]
fn missing_blobs() {
    let archive = Image::new(vec![layer()]).save(Form::Oci);
    let without = |is_it: &dyn Fn(&[u8]) -> bool| {
        let mut out = ::tar::Builder::new(Vec::new());
        for (name, bytes) in crate::support::read::files(&archive) {
            if !is_it(&bytes) {
                let mut header = ::tar::Header::new_gnu();
                header.set_size(bytes.len() as u64);
                out.append_data(&mut header, name, &bytes[..]).unwrap();
            }
        }
        out.into_inner().unwrap()
    };
    refused(
        &without(&|bytes| bytes.starts_with(&[0x1f, 0x8b])),
        &["layer 1 (blobs/sha256/", "is missing from the archive"],
    );
    refused(&without(&|bytes| String::from_utf8_lossy(bytes).contains("diff_ids")), &["config sha256:", "is missing"]);
    let is_manifest = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("\"layers\":[");
    refused(&without(&is_manifest), &["manifest sha256:", "is missing from the archive"]);
}

#[test]
fn layers_that_are_no_tar() {
    refused(&image(&[b"not a tar at all".to_vec()]), &["layer 1 of 1", "the tar ends inside an entry"]);
    refused(&image(&[vec![b'x'; 512]]), &["layer 1 of 1", "not a tar header: its checksum does not fit"]);
    refused(&image(&[layer()[..600].to_vec()]), &["the tar ends inside an entry", "entry \"a\""]);
    refused(&image(&[layer()[..300].to_vec()]), &["the tar ends inside an entry"]);
    refused(&image(&[pax_header(&[(b"path".to_vec(), b"x".to_vec())])]), &["the tar ends inside an entry"]);
    refused(&image(&[extension(b'x', b"garbage")]), &["the tar ends inside an entry"]);
    let odd = [extension(b'x', b"5 a=b"), file("a", b"")].concat();
    refused(&image(&[odd]), &["a PAX record is malformed", "entry \"a\""]);
    let mut unknown = file("a", b"");
    unknown[156] = b'Z';
    unknown[148..156].copy_from_slice(b"        ");
    let sum: u32 = unknown[..512].iter().map(|byte| u32::from(*byte)).sum();
    unknown[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    refused(&image(&[unknown]), &["layer 1 of 1", "unknown entry type 'Z'", "entry \"a\""]);
    let number = [pax_header(&[(b"uid".to_vec(), b"99999999999".to_vec())]), file("a", b"")].concat();
    refused(&image(&[number]), &["uid is 99999999999, expected 0 to 4294967295"]);
    let time = [pax_header(&[(b"mtime".to_vec(), b"yesterday".to_vec())]), file("a", b"")].concat();
    refused(&image(&[time]), &["the PAX record mtime has the value \"yesterday\""]);
    let nul = [pax_header(&[(b"path".to_vec(), b"a\0b".to_vec())]), file("a", b"")].concat();
    refused(&image(&[nul]), &["the PAX record path has a NUL byte in it"]);
}

#[test]
fn sparse_maps_that_lie() {
    let sparse = |records: &[(&str, &str)], contents: &[u8]| {
        let records: Vec<(Vec<u8>, Vec<u8>)> =
            records.iter().map(|(k, v)| (k.as_bytes().into(), v.as_bytes().into())).collect();
        image(&[[pax_header(&records), file("s", contents), vec![0; 1024]].concat()])
    };
    let size = ("GNU.sparse.size", "100");
    let blocks = |count| ("GNU.sparse.numblocks", count);
    refused(&sparse(&[size, blocks("2"), ("GNU.sparse.map", "0,5,4,5")], b"0123456789"), &["overlap or pass the end"]);
    refused(
        &sparse(&[size, blocks("1"), ("GNU.sparse.map", "0,5")], b"0123456789"),
        &["describes 5 bytes, the entry has 10"],
    );
    refused(&sparse(&[size, ("GNU.sparse.map", "0,5,7")], b"01234"), &["the sparse map is malformed"]);
    refused(
        &sparse(&[size, blocks("1"), ("GNU.sparse.map", "18446744073709551615,5")], b"01234"),
        &["overlap or pass the end"],
    );
    let new = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "100")];
    refused(&sparse(&new, &[b'9'; 512]), &["the sparse map is malformed"]);
    refused(&sparse(&new, b"99999999\n"), &["the sparse map is malformed"]);
    let mut endless = b"99999999\n".to_vec();
    endless.resize(512, b'0');
    refused(&sparse(&new, &endless), &["more than 1048576 stretches"]);
    refused(&sparse(&[("GNU.sparse.major", "7"), ("GNU.sparse.minor", "0")], b""), &["the sparse map is malformed"]);
}

#[test]
fn compressed_layers_that_lie() {
    let plain = layer();
    let good = compress(&plain, Codec::Gzip);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut blob = good.clone();
        change(&mut blob);
        with_blob(&plain, &blob)
    };
    let end = good.len();
    refused(&with(&|blob| blob[end - 8] ^= 1), &["layer 1 of 1", "the gzip checksum does not fit: expected"]);
    refused(&with(&|blob| blob[end - 4] ^= 1), &["layer 1 of 1", "the gzip size does not fit: expected"]);
    refused(&with(&|blob| blob.truncate(end - 4)), &["layer 1 of 1", "the gzip stream is cut short"]);
    refused(&with(&|blob| blob.truncate(end / 2)), &["layer 1 of 1", "the gzip stream is cut short"]);
    let garbage = "a gzip header is malformed, or something else follows the compressed data";
    refused(&with(&|blob| blob.extend(b"garbage is no header")), &["layer 1 of 1", garbage]);
    refused(&with(&|blob| blob.extend([0; 512])), &["layer 1 of 1", garbage]);
    refused(&with(&|blob| blob[end / 2] ^= 0x55), &["layer 1 of 1"]);
    let zstd = compress(&plain, Codec::Zstd);
    refused(&with_blob(&plain, &zstd[..zstd.len() - 3]), &["layer 1 of 1"]);
    refused(&with_blob(&plain, &[&zstd[..], b"garbage"].concat()), &["layer 1 of 1"]);
    refused(&with_blob(&plain, b"BZh91AY&SY"), &["it is compressed with bzip2"]);
}

#[test]
fn layers_that_inflate_without_end() {
    let bomb = |bytes: u64| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(9));
        std::io::copy(&mut std::io::Read::take(std::io::repeat(0), bytes), &mut encoder).unwrap();
        encoder.flush().unwrap();
        encoder.finish().unwrap()
    };
    let blob = bomb(64 << 20);
    let archive = with_blob(&layer(), &blob);
    let error = squash_with(&archive, |options| options.resources.limits.layer = Some(1 << 20)).unwrap_err();
    assert_eq!(
        error.to_string().split(": ").skip(2).collect::<Vec<_>>().join(": "),
        "it inflates to more than 1048576 bytes: raise the limit with --max-layer-size if you trust the image"
    );
    let limits = Limits::default();
    assert_eq!(limits.layer_bytes(1 << 20), 16 << 30, "a small blob may have 16 GiB");
    assert_eq!(limits.layer_bytes(10 << 30), 640 << 30, "a large one 64 times its size");
}

#[test]
fn entries_that_would_need_endless_memory() {
    let many: Vec<u8> = (0..2000).flat_map(|n| file(&format!("file-{n}"), b"")).collect();
    let deep = [pax_header(&[(b"path".to_vec(), b"a/".repeat(2_000))]), file("x", b"")].concat();
    let wide = |n: u8| {
        [pax_header(&[(b"SCHILY.xattr.user.x".to_vec(), vec![n; 200_000])]), file(&format!("f{n}"), b"")].concat()
    };
    for layer in [many, deep, (0..9).flat_map(wide).collect()] {
        let limit = |options: &mut imgsquash::Squash| options.resources.limits.metadata = Some(100_000);
        let error = squash_with(&image(&[layer]), limit).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("its entries need more than 100000 bytes of memory") && text.contains("--max-metadata"),
            "{text}"
        );
        assert_eq!(error.exit_code(), 3);
    }
    refused(&image(&[extension(b'x', &vec![b' '; 2 << 20])]), &["an extended header has 2097152 bytes"]);
    let long = [extension(b'L', &vec![b'n'; 70_000]), file("x", b"")].concat();
    refused(&image(&[long]), &["longer than the 4096 bytes that a path has on Linux"]);
    let long = [extension(b'L', &vec![b'n'; 256]), file("x", b"")].concat();
    refused(&image(&[long]), &["a name longer than the 255 bytes that a file system can hold"]);
}

#[test]
fn symlinks_that_make_every_entry_expensive() {
    let link =
        |name: String, target: String| Entry { name: name.into(), node: Node::new(Kind::Symlink(target.into())) }.tar();
    let mut tar = Vec::new();
    for n in 0..38 {
        tar.extend(link(format!("l{n}"), format!("{}l{}", "x/../".repeat(5000), n + 1)));
    }
    tar.extend((0..3000).flat_map(|n| file(&format!("l0/{n}"), b"")));
    refused(&image(&[tar]), &["leads through more than 40 symlinks, or through too long ones"]);
}

#[test]
fn indexes_that_lead_to_each_other() {
    // A digest cannot contain itself, so a circle can only be made of documents that do not verify; depth is bounded
    // too.
    let mut archive = Archive::default();
    let mut descriptor = archive.image(&Image::new(vec![layer()]));
    for _ in 0..20 {
        descriptor = archive.index(&[descriptor]);
    }
    archive.layout(&[descriptor]);
    refused(&archive.tar(), &["nested indexes exceed the limit of 8"]);
    let digest = sha256(b"itself");
    let own = json!({"mediaType": INDEX, "digest": format!("sha256:{digest}"), "size": 6});
    let document = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [own.clone()]});
    let mut archive = Archive::default();
    archive.file(&format!("blobs/sha256/{digest}"), serde_json::to_vec(&document).unwrap());
    archive.layout(&[own]);
    refused(&archive.tar(), &["index sha256:", "size mismatch"]);
}

#[test]
fn archives_with_too_many_documents() {
    let entry = |n: u32| {
        let digest = format!("sha256:{}", sha256(&n.to_le_bytes()));
        json!({"mediaType": MANIFEST, "digest": digest, "size": 4})
    };
    let index = json!({"schemaVersion": 2, "manifests": (0..5000).map(entry).collect::<Vec<Value>>()});
    let archive = [file("index.json", &serde_json::to_vec(&index).unwrap()), vec![0; 1024]].concat();
    refused(&archive, &["the manifests of the archive exceed the limit of 4096"]);
    let layers = Image { codec: Codec::Plain, ..Image::new(vec![vec![]; 5000]) };
    refused(&layers.save(Form::Docker), &["the image's layers exceed the limit of 4096"]);
    let huge = [file("manifest.json", &vec![b' '; 20 << 20]), vec![0; 1024]].concat();
    refused(&huge, &["cannot read manifest.json", "more than the 8388608"]);
}

#[test]
fn manifests_of_other_kinds() {
    let only = |media_type: &str, document: Value| {
        let mut archive = Archive::default();
        let descriptor = archive.blob(media_type, serde_json::to_vec(&document).unwrap());
        archive.layout(&[descriptor]);
        archive.tar()
    };
    let schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    refused(&only(schema1, json!({"schemaVersion": 1})), &["Docker schema 1 manifest"]);
    refused(&only(MANIFEST, json!({"schemaVersion": 1, "fsLayers": []})), &["Docker schema 1 manifest"]);
    refused(
        &only("application/vnd.example.chart+json", json!({})),
        &["an artifact of type application/vnd.example.chart+json"],
    );
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": format!("sha256:{}", sha256(b"{}")), "size": 2});
    let artifact = json!({"schemaVersion": 2, "config": empty, "layers": []});
    refused(&only(MANIFEST, artifact), &["an artifact of type application/vnd.oci.empty.v1+json"]);
    let mut archive = Archive::default();
    let mut descriptor = archive.image(&Image::new(vec![layer()]));
    descriptor["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    archive.layout(&[descriptor]);
    refused(&archive.tar(), &["the archive holds attestations only"]);
}

#[test]
fn layers_of_other_kinds() {
    for (media_type, text) in [
        (
            "application/vnd.in-toto+json",
            "an artifact of type application/vnd.in-toto+json, expected a container image",
        ),
        ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "layer 1 is of type"),
    ] {
        let mut archive = Archive::default();
        let config = archive.blob(CONFIG, Image::new(vec![layer()]).config_bytes());
        let blob = archive.blob(media_type, compress(&layer(), Codec::Gzip));
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": [blob]});
        let manifest = archive.blob(MANIFEST, serde_json::to_vec(&manifest).unwrap());
        archive.layout(&[manifest]);
        refused(&archive.tar(), &[text]);
    }
    for os in ["windows", "freebsd"] {
        let mut source = Image::new(vec![layer()]);
        source.config["os"] = json!(os);
        refused(&source.save(Form::Both), &[&format!("the image is for {os}/amd64: only linux images")]);
    }
}

#[test]
fn links_in_the_archive_that_lead_nowhere_or_in_a_circle() {
    let saved = |target: &str| {
        let link = Entry { name: b"l/layer.tar".to_vec(), node: Node::new(Kind::Symlink(target.into())) }.tar();
        let config = Image::new(vec![layer()]).config_bytes();
        let manifest = json!([{"Config": "c.json", "Layers": ["l/layer.tar"]}]).to_string();
        [link, file("c.json", &config), file("manifest.json", manifest.as_bytes()), vec![0; 1024]].concat()
    };
    refused(&saved("layer.tar"), &["the link \"l/layer.tar\" in the archive leads in a circle"]);
    refused(&saved("../../../etc/passwd"), &["layer 1 (l/layer.tar) is missing"]);
    refused(&saved("/etc/passwd"), &["layer 1 (l/layer.tar) is missing"]);
}

#[test]
fn names_from_the_archive_do_not_reach_the_terminal_raw() {
    let tar = [file("a\x1b[31m\n", b"x"), vec![0xff; 512]].concat();
    let error = squash(&image(&[tar])).unwrap_err().to_string();
    assert!(!error.contains('\x1b'), "{error:?}");
    let tar = [
        Entry { name: b"h".to_vec(), node: Node::new(Kind::Link(b"x\x1b]0;title\x07".to_vec())) }.tar(),
        vec![0; 1024],
    ]
    .concat();
    let error = squash(&image(&[tar])).unwrap_err().to_string();
    assert!(!error.contains(['\x1b', '\x07']), "{error:?}");
}

/// An image with a little of everything.
fn varied() -> Image {
    let text = "layer\n d d mode=0700\n f d/a x:user.a=1 \"hello\"\n h d/b -> d/a\n l s -> d\n f run/x.pid \"1\"\n p fifo\n \
                f var/lib/dpkg/info/a.list \"/d\"\nlayer\n f d/.wh.a\n d e\n f e/.wh..wh..opq\n f tmp/x mtime=1.5 \"y\"\n \
                c dev 1:3\n f app/node_modules/x \"z\"";
    Image::new(parse_layers(text))
}

fn parse_layers(text: &str) -> Vec<Vec<u8>> {
    let case = crate::support::case::parse(&format!("case inline\n{text}\ntree\n")).remove(0);
    case.layers.iter().map(crate::support::layer::Layer::tar).collect()
}

/// Squashes with everything on. Whatever comes in, an answer or a refusal comes out.
fn survives(archive: &[u8]) -> Result<(), proptest::test_runner::TestCaseError> {
    let rules = imgsquash::request::Rules::built_in().unwrap();
    let named = || imgsquash::request::Named::default();
    let outcome = squash_with(archive, |options| {
        options.prune = imgsquash::request::Choice::new(&rules, Some("max"), named(), named()).unwrap();
        options.split = imgsquash::request::Split::Auto;
        options.link_equal_files = true;
    });
    match outcome {
        Ok((out, _)) => _ = crate::support::read::images(&crate::support::read::files(&out)),
        Err(error) => {
            proptest::prop_assert_eq!(error.exit_code(), 3, "{}", error);
            proptest::prop_assert!(!error.to_string().contains('\n'));
        }
    }
    Ok(())
}

fn mutated(mut bytes: Vec<u8>, changes: &[(proptest::sample::Index, u8, bool)]) -> Vec<u8> {
    for (at, value, cut) in changes {
        if bytes.is_empty() {
            break;
        }
        let at = at.index(bytes.len());
        if *cut {
            bytes.drain(at..(at + usize::from(*value)).min(bytes.len()));
        } else {
            bytes[at] = *value;
        }
    }
    bytes
}

fn changes() -> impl proptest::strategy::Strategy<Value = Vec<(proptest::sample::Index, u8, bool)>> {
    use proptest::prelude::*;
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), prop::bool::weighted(0.1)), 1..6)
}

proptest::proptest! {
    #![proptest_config(crate::support::cases(150))]

    #[test]
    fn mutated_archives_are_answered_or_refused(changes in changes(), form in 0..3_usize) {
        let form = [Form::Docker, Form::Oci, Form::Both][form];
        survives(&mutated(varied().save(form), &changes))?;
    }

    #[test]
    fn mutated_layers_that_are_signed_are_answered_or_refused(changes in changes(), codec in 0..3_usize) {
        let mut image = varied();
        image.layers[1] = mutated(image.layers[1].clone(), &changes);
        image.codec = [Codec::Plain, Codec::Gzip, Codec::Zstd][codec];
        survives(&image.save(Form::Oci))?;
    }
}

#[test]
fn indexes_that_name_each_other_many_times_do_not_multiply() {
    let mut archive = Archive::default();
    let mut descriptor = archive.image(&Image::new(vec![layer()]));
    for _ in 0..6 {
        let index = json!({"schemaVersion": 2, "manifests": vec![descriptor; 20]});
        descriptor = archive.blob(INDEX, serde_json::to_vec(&index).unwrap());
    }
    archive.layout(&[descriptor]);
    refused(&archive.tar(), &["the entries of its indexes exceed the limit of 65536"]);
}

#[test]
fn tags_history_and_configs_without_end_are_refused() {
    let mut image = Image::new(vec![layer()]);
    image.tags = (0..3000).map(|at| format!("app:{at}")).collect();
    let out = answered(&image.save(Form::Docker), &[]);
    assert_eq!(crate::support::read::images(&crate::support::read::files(&out)).len(), 3000, "each tag costs the same");
    image.tags = (0..70_000).map(|at| format!("app:{at}")).collect();
    refused(&image.save(Form::Docker), &["the tags of manifest.json exceed the limit of 65536"]);
    image.tags = vec!["app:1".to_owned()];
    image.config["history"] = json!(vec![json!({"empty_layer": true}); 70_000]);
    refused(&image.save(Form::Oci), &["its history has more than 65536 rows"]);
}

#[test]
fn headers_that_stand_for_much_larger_ones_are_refused() {
    // Hard links have short headers; what is written for them has the attributes of the file.
    let mut tar = pax_header(&[(b"SCHILY.xattr.user.x".to_vec(), vec![b'x'; 500_000])]);
    tar.extend(file("f", b"data"));
    for at in 0..50 {
        let link = Node { mtime: (at, 0), ..Node::new(Kind::Link(b"f".to_vec())) };
        tar.extend(Entry { name: format!("l{at}").into_bytes(), node: link }.tar());
    }
    tar.extend([0; 1024]);
    let limit = |options: &mut imgsquash::Squash| options.resources.limits.metadata = Some(1_000_000);
    let error = squash_with(&image(&[tar]), limit).unwrap_err();
    assert!(error.to_string().contains("the headers of the new layer need more than 8000000 bytes"), "{error}");
    assert_eq!(error.exit_code(), 3);
}

#[test]
fn a_header_of_very_many_records_is_read_in_time() {
    let records: Vec<(Vec<u8>, Vec<u8>)> =
        (0..60_000_u32).rev().map(|at| (format!("{at:06}").into_bytes(), Vec::new())).collect();
    let tar = [pax_header(&records), file("x", b"1"), vec![0; 1024]].concat();
    answered(&image(&[tar]), &[]);
}

#[test]
fn layers_that_are_too_large_together_are_refused() {
    // One small blob may be named thousands of times.
    let zeros = [file("z", &vec![0; 1 << 20]), vec![0; 1024]].concat();
    let image = Image { codec: Codec::Gzip, ..Image::new(vec![zeros; 40]) };
    let error = squash_with(&image.save(Form::Oci), |options| options.resources.limits.image = 10 << 20).unwrap_err();
    let expected = "have more than 10485760 bytes together: raise the limit with --max-layer-size";
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(error.exit_code(), 3);
}

#[test]
fn settings_that_would_make_rules_expensive_cost_nothing() {
    for path in
        ["/a?".to_owned() + &"?b".repeat(100_000), "/{".to_owned() + &",".repeat(500_000) + "}", ":/a".repeat(500_000)]
    {
        let mut image = Image::new(vec![layer()]);
        image.config["config"] = json!({"Env": [format!("PATH={path}")], "Cmd": vec!["b"; 20_000]});
        answered(&image.save(Form::Oci), &["--prune=max"]);
    }
    let long = ["/a".repeat(3000)];
    let error = imgsquash::request::Named::parse(&long).unwrap_err().to_string();
    assert!(error.contains("is longer than 4096 bytes"), "{error}");
}

#[test]
fn attributes_and_names_that_no_header_holds_together_are_refused() {
    // Each header of the input holds less than a mebibyte; that of a link to a link would hold both.
    let large = |name: &str| pax_header(&[(format!("SCHILY.xattr.user.{name}").into_bytes(), vec![b'x'; 600_000])]);
    let link = Entry { name: b"l".to_vec(), node: Node::new(Kind::Link(b"f".to_vec())) }.tar();
    let layer = [large("a"), file("f", b"1"), large("b"), link].concat();
    refused(&image(&[layer]), &["hard link \"l\" to \"f\"", "more attributes than a file or a header holds"]);
    // And that of a symlink that is written anew both its attributes and its target.
    let target = extension(b'K', &[b't'; 600_000]);
    let symlink = Entry { name: b"//s".to_vec(), node: Node::new(Kind::Symlink(b"t".to_vec())) }.tar();
    let layer = [large("a"), target, symlink].concat();
    refused(&image(&[layer]), &["the header of \"s\" would have more than a mebibyte of records"]);
}
