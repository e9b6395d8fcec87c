//! Forms of tar and of compression that builders have written over the years, each read for what it means.

use std::io::Write;

use crate::support::archive::{Archive, Codec, Form, Image, compress, named};
use crate::support::layer::{Entry, extension, pax_header, pax_records};
use crate::support::node::{Kind, Node, Tree};
use crate::support::read::{extract, files, images, sha256};
use crate::support::run::{squash, squash_with};

const END: [u8; 1024] = [0; 1024];

/// A GNU header with `name`, and what else `change` sets.
fn gnu(name: &str, typeflag: u8, contents: &[u8], change: impl FnOnce(&mut ::tar::Header)) -> Vec<u8> {
    let mut header = ::tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_gnu_mut().unwrap().typeflag = [typeflag];
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1000);
    header.set_size(contents.len() as u64);
    change(&mut header);
    header.set_cksum();
    let mut tar = header.as_bytes().to_vec();
    tar.extend(contents);
    tar.resize(tar.len().next_multiple_of(512), 0);
    tar
}

fn plain(name: &str, contents: &[u8]) -> Vec<u8> {
    Entry { name: name.into(), node: Node::new(Kind::File(contents.to_vec())) }.tar()
}

/// Squashes layers given as tars; the tree that comes out.
fn squashed(layers: &[Vec<u8>]) -> Tree {
    let image = Image { codec: Codec::Plain, ..Image::new(layers.to_vec()) };
    let (archive, _) = squash(&image.save(Form::Docker)).unwrap();
    extract(&images(&files(&archive))[0].1.layers[0])
}

#[track_caller]
fn assert_file(tree: &Tree, path: &[u8], contents: &[u8]) {
    let (node, _) = tree.get(path).unwrap_or_else(|| panic!("no {}", path.escape_ascii()));
    assert_eq!(node.kind, Kind::File(contents.to_vec()), "{}", path.escape_ascii());
}

/// A layer on top that makes every name of the first one be written anew: it links `again` to it and removes it.
fn forced_to_rewrite(name: &str) -> Vec<Vec<u8>> {
    let link = Entry { name: b"again".to_vec(), node: Node::new(Kind::Link(name.into())) };
    let (directory, last) = name.rsplit_once('/').map_or(("", name), |(directory, last)| (directory, last));
    let slash = if directory.is_empty() { "" } else { "/" };
    let gone = plain(&format!("{directory}{slash}.wh.{last}"), b"");
    vec![[link.tar(), END.to_vec()].concat(), [gone, END.to_vec()].concat()]
}

#[test]
fn gnu_long_names_and_links_are_read_and_pass_through() {
    let name = format!("{}/{}", "m".repeat(150), "n".repeat(150));
    let target = "t/".repeat(200);
    let tar = [
        extension(b'L', format!("{name}\0").as_bytes()),
        gnu(&name[..100], b'0', b"long", |_| ()),
        extension(b'K', format!("{name}\0").as_bytes()),
        gnu("hard", b'1', b"", |_| ()),
        extension(b'K', format!("{target}\0").as_bytes()),
        gnu("soft", b'2', b"", |_| ()),
        END.to_vec(),
    ]
    .concat();
    let tree = squashed(&[tar]);
    assert_file(&tree, name.as_bytes(), b"long");
    assert_eq!(tree[&b"hard"[..]].1, [b"hard".to_vec(), name.clone().into_bytes()]);
    assert_eq!(tree[&b"soft"[..]].0.kind, Kind::Symlink(target.into_bytes()));
}

/// The expanded contents of the sparse file below: 100 bytes of data at 1000, 50 at 5000, and a hole to 8000.
fn expanded() -> Vec<u8> {
    let mut file = vec![0; 8000];
    file[1000..1100].fill(b'a');
    file[5000..5050].fill(b'b');
    file
}

fn data() -> Vec<u8> {
    [[b'a'; 100].to_vec(), [b'b'; 50].to_vec()].concat()
}

fn old_gnu_sparse(name: &str) -> Vec<u8> {
    gnu(name, b'S', &data(), |header| {
        let fields = header.as_gnu_mut().unwrap();
        for (stretch, (offset, length)) in fields.sparse.iter_mut().zip([(1000, 100), (5000, 50), (8000, 0)]) {
            stretch.set_offset(offset);
            stretch.set_length(length);
        }
        fields.set_real_size(8000);
    })
}

fn pax_sparse(records: &[(&str, &str)], name: &str, contents: &[u8]) -> Vec<u8> {
    let records: Vec<(Vec<u8>, Vec<u8>)> =
        records.iter().map(|(k, v)| (k.as_bytes().into(), v.as_bytes().into())).collect();
    [pax_header(&records), plain(name, contents)].concat()
}

fn sparse_forms() -> Vec<(&'static str, Vec<u8>)> {
    let mut with_map = b"2\n1000\n100\n5000\n50\n".to_vec();
    with_map.resize(512, 0);
    with_map.extend(data());
    vec![
        ("old GNU", old_gnu_sparse("file")),
        (
            "PAX 0.0",
            pax_sparse(
                &[
                    ("GNU.sparse.size", "8000"),
                    ("GNU.sparse.numblocks", "2"),
                    ("GNU.sparse.offset", "1000"),
                    ("GNU.sparse.numbytes", "100"),
                    ("GNU.sparse.offset", "5000"),
                    ("GNU.sparse.numbytes", "50"),
                ],
                "file",
                &data(),
            ),
        ),
        (
            "PAX 0.1",
            pax_sparse(
                &[
                    ("GNU.sparse.size", "8000"),
                    ("GNU.sparse.numblocks", "2"),
                    ("GNU.sparse.name", "file"),
                    ("GNU.sparse.map", "1000,100,5000,50"),
                ],
                "GNUSparseFile.1/file",
                &data(),
            ),
        ),
        (
            "PAX 1.0",
            pax_sparse(
                &[
                    ("GNU.sparse.major", "1"),
                    ("GNU.sparse.minor", "0"),
                    ("GNU.sparse.name", "file"),
                    ("GNU.sparse.realsize", "8000"),
                ],
                "GNUSparseFile.1/file",
                &with_map,
            ),
        ),
    ]
}

#[test]
fn sparse_files_of_every_format_are_read_and_written_anew() {
    for (form, tar) in sparse_forms() {
        let layer = [tar, plain("after", b"after"), END.to_vec()].concat();
        let rewritten = squashed(&[vec![layer.clone()], forced_to_rewrite("file")].concat());
        assert_file(&rewritten, b"again", &expanded());
        assert_file(&rewritten, b"after", b"after");
        // 0.0 and 0.1 pass through too, but the test's reader only knows the other two.
        if !form.starts_with("PAX 0") {
            assert_file(&squashed(&[layer]), b"file", &expanded());
        }
    }
}

#[test]
fn an_old_gnu_sparse_map_may_continue_in_further_blocks() {
    let mut header = gnu("file", b'S', b"", |header| {
        let fields = header.as_gnu_mut().unwrap();
        for (stretch, at) in fields.sparse.iter_mut().zip(0..) {
            stretch.set_offset(at * 1000);
            stretch.set_length(10);
        }
        fields.set_real_size(40_000);
        fields.set_is_extended(true);
        header.set_size(27 * 10);
    });
    let mut blocks = [::tar::GnuExtSparseHeader::new(), ::tar::GnuExtSparseHeader::new()];
    for at in 4..27_u64 {
        let block = usize::from(at >= 25);
        let place = usize::try_from(if block == 0 { at - 4 } else { at - 25 }).unwrap();
        blocks[block].sparse_mut()[place].set_offset(at * 1000);
        blocks[block].sparse_mut()[place].set_length(10);
    }
    blocks[0].set_is_extended(true);
    header.extend(blocks.iter().flat_map(|block| *block.as_bytes()));
    let mut expected = vec![0; 40_000];
    for at in 0..27_u8 {
        header.extend([at + 1; 10]);
        expected[usize::from(at) * 1000..][..10].fill(at + 1);
    }
    header.resize(header.len().next_multiple_of(512), 0);
    let layer = [header, plain("after", b"after"), END.to_vec()].concat();
    let tree = squashed(&[vec![layer], forced_to_rewrite("file")].concat());
    assert_file(&tree, b"again", &expected);
    assert_file(&tree, b"after", b"after");
}

#[test]
fn global_headers_and_labels_are_no_files_and_do_not_travel() {
    let global =
        extension(b'g', &pax_records(&[(b"mtime".to_vec(), b"1".to_vec()), (b"comment".to_vec(), b"x".to_vec())]));
    let label = gnu("a label", b'V', b"", |_| ());
    let layer =
        [label.clone(), global.clone(), plain("a", b"a"), global, plain("b", b"b"), label, END.to_vec()].concat();
    let image = Image { codec: Codec::Plain, ..Image::new(vec![layer]) };
    let (archive, report) = squash(&image.save(Form::Docker)).unwrap();
    let tar = images(&files(&archive))[0].1.layers[0].clone();
    let tree = extract(&tar);
    assert_eq!(tree.len(), 2);
    assert_eq!(tree[&b"a"[..]].0.mtime, (1000, 0), "the global time applies to nothing");
    assert_eq!(tar.len(), 4 * 512 + 1024);
    assert_eq!(report.images[0].reclaimed_bytes.of("archive"), 6 * 512 + 1024);
}

#[test]
fn contiguous_and_old_files_are_ordinary_ones() {
    let layer = [
        gnu("seven", b'7', b"7", |_| ()),
        gnu("zero", 0, b"0", |_| ()),
        gnu("old-directory/", 0, b"", |_| ()),
        END.to_vec(),
    ]
    .concat();
    let tree = squashed(&[layer]);
    assert_file(&tree, b"seven", b"7");
    assert_file(&tree, b"zero", b"0");
    let layer = [gnu("d/", 0, b"", |_| ()), plain("d/x", b"x"), END.to_vec()].concat();
    let over =
        [Entry { name: b"d".to_vec(), node: Node { mode: 0o700, ..Node::new(Kind::Directory) } }.tar(), END.to_vec()];
    let tree = squashed(&[layer, over.concat()]);
    assert_eq!(tree[&b"d"[..]].0.kind, Kind::Directory, "a name with a slash in an old header is a directory");
    assert_eq!(tree[&b"d"[..]].0.mode, 0o700);
}

#[test]
fn types_without_contents_have_none_whatever_their_size_says() {
    let layer = [
        gnu("a", b'0', b"a", |_| ()),
        gnu("hard", b'1', b"", |header| {
            header.as_old_mut().linkname[0] = b'a';
            header.set_size(1);
        }),
        gnu("dir", b'5', b"", |header| header.set_size(4096)),
        plain("after", b"after"),
        END.to_vec(),
    ]
    .concat();
    // The test's own reader would take the sizes at their word, so everything is written anew.
    let tree = squashed(&[vec![layer], forced_to_rewrite("hard"), forced_to_rewrite_directory()].concat());
    assert_file(&tree, b"after", b"after");
    assert_file(&tree, b"a", b"a");
    assert_eq!(tree[&b"again"[..]].1, [b"a".to_vec(), b"again".to_vec()]);
}

fn forced_to_rewrite_directory() -> Vec<Vec<u8>> {
    let node = Node { mode: 0o711, ..Node::new(Kind::Directory) };
    vec![[Entry { name: b"dir".to_vec(), node }.tar(), END.to_vec()].concat()]
}

#[test]
fn base_256_numbers_are_read() {
    // What goes through a symlink of its own layer is written anew, from what was read.
    let layer = [
        gnu("d/", b'5', b"", |_| ()),
        gnu("l", b'2', b"", |header| header.as_old_mut().linkname[0] = b'd'),
        gnu("l/a", b'0', b"a", |header| {
            header.set_uid(1 << 22);
            header.set_gid(u64::from(u32::MAX) - 1);
            header.as_old_mut().mtime = [0xff; 12];
        }),
        END.to_vec(),
    ]
    .concat();
    let tree = squashed(&[layer]);
    let node = &tree[&b"d/a"[..]].0;
    assert_eq!((node.uid, node.gid, node.mtime), (1 << 22, u64::from(u32::MAX) - 1, (-1, 0)));
}

#[test]
fn long_names_win_over_records_and_those_over_the_header() {
    // Go has it so since 1.8, and with it docker, podman and containerd; others take the record. So what comes out says
    // one name only.
    let layer = [
        extension(b'L', b"from-gnu\0"),
        pax_header(&[(b"path".to_vec(), b"from-pax".to_vec()), (b"uid".to_vec(), b"77".to_vec())]),
        plain("from-header", b"1"),
        extension(b'L', b"second-gnu\0"),
        plain("second-header", b"2"),
        pax_header(&[(b"path".to_vec(), b"not-this".to_vec()), (b"path".to_vec(), Vec::new())]),
        plain("third-header", b"3"),
        extension(b'L', b"\0"),
        plain("fourth-header", b"4"),
        pax_header(&[(b"path".to_vec(), b"not-this".to_vec()), (b"path".to_vec(), b"last".to_vec())]),
        plain("fifth-header", b"5"),
        pax_header(&[(b"path".to_vec(), b"not-this".to_vec()), (b"uid".to_vec(), b"77".to_vec())]),
        pax_header(&[(b"path".to_vec(), b"sixth".to_vec())]),
        plain("sixth-header", b"6"),
        END.to_vec(),
    ]
    .concat();
    let image = Image { codec: Codec::Plain, ..Image::new(vec![layer]) };
    let (archive, _) = squash(&image.save(Form::Docker)).unwrap();
    let layer = &images(&files(&archive))[0].1.layers[0];
    let tree = extract(layer);
    assert_file(&tree, b"from-gnu", b"1");
    assert_eq!(tree[&b"from-gnu"[..]].0.uid, 77);
    assert!(!layer.windows(8).any(|bytes| bytes == b"from-pax"), "the other name is gone");
    assert_file(&tree, b"second-gnu", b"2");
    assert_file(&tree, b"third-header", b"3");
    assert_file(&tree, b"fourth-header", b"4");
    assert_file(&tree, b"last", b"5");
    assert_file(&tree, b"sixth", b"6");
    assert_eq!(tree[&b"sixth"[..]].0.uid, 0, "of two headers the last counts");
    assert!(!layer.windows(8).any(|bytes| bytes == b"not-this"), "and nobody can read it otherwise");
}

#[test]
fn headers_that_runtimes_refuse_are_refused() {
    // Each was given to docker load, which refuses it ("archive/tar: invalid tar header"; "numerical result out of
    // range" for the attribute without a name).
    let records = |text: &[u8]| [extension(b'x', text), plain("f", b"1")].concat();
    let pax = |key: &[u8], value: &[u8]| [pax_header(&[(key.to_vec(), value.to_vec())]), plain("f", b"1")].concat();
    let changed = |change: fn(&mut [u8])| {
        let mut tar = plain("f", b"1");
        change(&mut tar);
        tar[148..156].fill(b' ');
        let sum: u32 = tar[..512].iter().map(|byte| u32::from(*byte)).sum();
        tar[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        tar
    };
    let malformed = "a PAX record is malformed";
    let map = |blocks: &[(&[u8], &[u8])]| {
        let records = [(&b"GNU.sparse.size"[..], &b"9"[..]), (b"GNU.sparse.map", b"0,1")];
        let records: Vec<_> = records.iter().chain(blocks).map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
        [pax_header(&records), plain("f", b"1")].concat()
    };
    for (layer, text) in [
        (records(b"6 a=b\n\0\0"), malformed),
        (records(b"99 a=b\n"), malformed),
        (records(b"5 a=b"), malformed),
        ([extension(b'x', b"99 a=b\n"), pax(b"a", b"b")].concat(), malformed),
        ([extension(b'g', b"99 a=b\n"), plain("f", b"1")].concat(), malformed),
        (pax(b"path", b"a\0b"), "the PAX record path has a NUL byte in it"),
        (pax(b"uname", b"a\0b"), "the PAX record uname has a NUL byte in it"),
        (pax(b"a\0b", b"c"), "the PAX record a\\x00b has a NUL byte in it"),
        (pax(b"SCHILY.xattr.", b"c"), "the PAX record SCHILY.xattr. has the value"),
        (pax(b"atime", b"yesterday"), "the PAX record atime has the value \"yesterday\""),
        (pax(b"ctime", b"1.x"), "the PAX record ctime has the value \"1.x\""),
        (pax(b"mtime", b"1e3"), "the PAX record mtime has the value \"1e3\""),
        (pax(b"size", b"-1"), "the PAX record size has the value \"-1\""),
        (map(&[]), "the sparse map has 1 stretches, GNU.sparse.numblocks says nothing"),
        (map(&[(b"GNU.sparse.numblocks", b"2")]), "the sparse map has 1 stretches, GNU.sparse.numblocks says 2"),
        (
            changed(|tar| tar[329..332].copy_from_slice(b"xyz")),
            "the device major number of the tar header is not a number",
        ),
        (changed(|tar| tar[156] = b'S'), "unknown entry type 'S'"),
    ] {
        let image = Image { codec: Codec::Plain, ..Image::new(vec![[layer, END.to_vec()].concat()]) };
        let error = squash(&image.save(Form::Docker)).expect_err(text);
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(error.exit_code(), 3);
    }
    // Values of other records may have any bytes.
    squashed(&[[pax(b"user.any", b"a\0b"), END.to_vec()].concat()]);
    squashed(&[[map(&[(b"GNU.sparse.numblocks", b"1")]), END.to_vec()].concat()]);
}

#[test]
fn names_that_some_readers_refuse_go_out_clean() {
    let directory = |name: &str| Entry { name: name.into(), node: Node::new(Kind::Directory) }.tar();
    let layer = [
        directory("/"),
        directory("/d/"),
        directory("./e"),
        plain("/d/abs", b"1"),
        plain("d//twice", b"2"),
        plain("d/../e/dots", b"3"),
        plain("./e/here", b"4"),
        plain("e/./same", b"5"),
        link("d/link", "/d/abs"),
        link("e/link", "./e/here"),
        Entry { name: b"/d/s".to_vec(), node: Node::new(Kind::Symlink(b"/d//../abs".to_vec())) }.tar(),
        END.to_vec(),
    ]
    .concat();
    let image = Image { codec: Codec::Plain, ..Image::new(vec![layer]) };
    let (archive, _) = squash(&image.save(Form::Docker)).unwrap();
    let layer = images(&files(&archive))[0].1.layers[0].clone();
    let mut spelled = Vec::new();
    for entry in ::tar::Archive::new(&layer[..]).entries().unwrap() {
        let entry = entry.unwrap();
        let text = |bytes: std::borrow::Cow<'_, [u8]>| String::from_utf8(bytes.into_owned()).unwrap();
        let target = entry.link_name_bytes().map(text).map_or(String::new(), |target| format!(" -> {target}"));
        spelled.push(format!("{}{target}", text(entry.path_bytes())));
    }
    let expected = [
        "./",
        "d/",
        "./e/",
        "d/abs",
        "d/twice",
        "e/dots",
        "./e/here",
        "e/same",
        "d/link -> d/abs",
        "e/link -> ./e/here",
        "d/s -> /d//../abs",
    ];
    assert_eq!(spelled, expected, "and what is clean keeps its spelling");
    let tree = extract(&layer);
    assert_eq!(tree[&b"d/link"[..]].1.len(), 2);
}

#[test]
fn gzip_headers_with_every_field_are_read() {
    let layer = [plain("a", b"a"), END.to_vec()].concat();
    let mut gzip = Vec::new();
    let builder = flate2::GzBuilder::new().filename("layer.tar").comment("a comment").extra(vec![1, 2, 3, 4]).mtime(7);
    let mut encoder = builder.write(&mut gzip, flate2::Compression::best());
    encoder.write_all(&layer).unwrap();
    encoder.finish().unwrap();
    // FHCRC: the checksum of the header follows it.
    let end = 10 + 2 + 4 + "layer.tar\0".len() + "a comment\0".len();
    gzip[3] |= 2;
    let mut crc = flate2::Crc::new();
    crc.update(&gzip[..end]);
    let crc = u16::try_from(crc.sum() & 0xffff).unwrap();
    gzip.splice(end..end, crc.to_le_bytes());
    assert_blob_reads(&layer, gzip);
}

#[test]
fn zstd_with_several_and_skippable_frames_is_read() {
    let layer = [plain("a", b"a"), END.to_vec()].concat();
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18][..], &7_u32.to_le_bytes(), b"skipped"].concat();
    let (first, second) = layer.split_at(700);
    let frames = [
        skippable.clone(),
        zstd::encode_all(first, 1).unwrap(),
        skippable.clone(),
        zstd::encode_all(second, 19).unwrap(),
        skippable,
    ];
    assert_blob_reads(&layer, frames.concat());
}

/// An OCI image with this blob for a layer comes out with a file called `a`.
fn assert_blob_reads(layer: &[u8], blob: Vec<u8>) {
    let mut archive = Archive::default();
    let source = Image::new(vec![layer.to_vec()]);
    let config = archive.blob("application/vnd.oci.image.config.v1+json", source.config_bytes());
    let layer = archive.blob("application/vnd.oci.image.layer.v1.tar+gzip", blob);
    let manifest = serde_json::json!({"schemaVersion": 2, "config": config, "layers": [layer]});
    let manifest = archive.blob("application/vnd.oci.image.manifest.v1+json", serde_json::to_vec(&manifest).unwrap());
    archive.layout(&[named(manifest, "case:1")]);
    let (out, _) = squash(&archive.tar()).unwrap();
    assert_file(&extract(&images(&files(&out))[0].1.layers[0]), b"a", b"a");
}

#[test]
fn layers_in_a_docker_archive_may_be_compressed() {
    let layer = [plain("a", b"a"), END.to_vec()].concat();
    for codec in [Codec::Gzip, Codec::Zstd] {
        let source = Image { codec, ..Image::new(vec![layer.clone()]) };
        let (out, _) = squash(&source.save(Form::Docker)).unwrap();
        assert_file(&extract(&images(&files(&out))[0].1.layers[0]), b"a", b"a");
    }
}

#[test]
fn estargz_files_go_only_where_the_manifest_calls_it_estargz() {
    let layer =
        [plain(".no.prefetch.landmark", b"\x0f"), plain("a", b"a"), plain("stargz.index.json", b"{}"), END.to_vec()]
            .concat();
    let (archive, _) = squash(&Image::new(vec![layer.clone()]).save(Form::Oci)).unwrap();
    assert_eq!(extract(&images(&files(&archive))[0].1.layers[0]).len(), 3, "in any other layer they are files");
    let source = Image::new(vec![layer.clone()]);
    let mut archive = Archive::default();
    let config = archive.blob("application/vnd.oci.image.config.v1+json", source.config_bytes());
    let mut blob = archive.blob("application/vnd.oci.image.layer.v1.tar+gzip", compress(&layer, Codec::GzipMembers));
    blob["annotations"] =
        serde_json::json!({"containerd.io/snapshot/stargz/toc.digest": format!("sha256:{}", sha256(b"{}"))});
    let manifest = serde_json::json!({"schemaVersion": 2, "config": config, "layers": [blob]});
    let manifest = archive.blob("application/vnd.oci.image.manifest.v1+json", serde_json::to_vec(&manifest).unwrap());
    archive.layout(&[named(manifest, "case:1")]);
    let (out, report) = squash(&archive.tar()).unwrap();
    let image = &images(&files(&out))[0].1;
    assert_eq!(extract(&image.layers[0]).keys().collect::<Vec<_>>(), [b"a"]);
    assert_eq!(image.manifest["layers"][0].get("annotations"), None);
    assert!(report.notes[0].ends_with("2 eStargz files dropped, they describe the old layer"), "{:?}", report.notes);
}

#[test]
fn a_file_beyond_eight_gigabytes_has_its_size() {
    // Only the header can be tested without the bytes: a layer that claims them and ends is cut.
    let huge = pax_header(&[(b"size".to_vec(), b"10000000000".to_vec())]);
    let layer = [huge, plain("big", b"")].concat();
    let image = Image { codec: Codec::Plain, ..Image::new(vec![layer]) };
    let error = squash(&image.save(Form::Docker)).unwrap_err().to_string();
    assert!(error.contains("the tar ends inside an entry") && error.contains("entry \"big\""), "{error}");
}

fn link(name: &str, target: &str) -> Vec<u8> {
    Entry { name: name.into(), node: Node::new(Kind::Link(target.into())) }.tar()
}

#[test]
fn links_that_come_before_their_targets_are_said_to_lead_to_the_data() {
    // The second and third lead to what comes after them, so their own headers cannot stay.
    let layer = [plain("f", b"data"), link("a", "b"), link("b", "c"), link("c", "f"), END.to_vec()].concat();
    let tree = squashed(&[layer]);
    assert_eq!(tree.get(&b"a"[..]).unwrap().1.len(), 4, "four names of one file");
}

#[test]
fn a_link_to_a_link_that_goes_is_said_to_lead_to_the_data() {
    let layers = vec![plain("f", b"data"), [link("a", "f"), link("b", "a")].concat()];
    let image = Image { codec: Codec::Plain, ..Image::new(layers) };
    let named = |path: &str| imgsquash::request::Named::parse(&[path.to_owned()]).unwrap();
    let (archive, _) = squash_with(&image.save(Form::Docker), |options| {
        let rules = imgsquash::request::Rules::built_in().unwrap();
        options.prune = imgsquash::request::Choice::new(&rules, None, named("/a"), Default::default()).unwrap();
    })
    .unwrap();
    let tree = extract(&images(&files(&archive))[0].1.layers[0]);
    assert!(!tree.contains_key(&b"a"[..]));
    assert_eq!(tree.get(&b"b"[..]).unwrap().1.len(), 2, "two names of one file");
}
