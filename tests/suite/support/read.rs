//! An independent reader of archives: what came out is read with other code than what wrote it.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::node::{Kind, Node, Tree, tree};

/// The files of an archive.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// One image of an archive.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) manifest: Value,
    pub(crate) config: Value,
    pub(crate) config_bytes: Vec<u8>,
    /// Blobs of the layers as they are.
    pub(crate) blobs: Vec<Vec<u8>>,
    /// The same, uncompressed.
    pub(crate) layers: Vec<Vec<u8>>,
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The files of a tar; no name twice, and every blob is what its name says.
pub(crate) fn files(archive: &[u8]) -> Files {
    let mut files = Files::new();
    for entry in ::tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        if entry.header().entry_type().is_dir() {
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        if let Some(digest) = name.strip_prefix("blobs/sha256/") {
            assert_eq!(digest, sha256(&bytes), "a blob is named by its digest");
        }
        assert!(files.insert(name.clone(), bytes).is_none(), "{name} is there twice");
    }
    files
}

/// The bytes a descriptor means.
fn blob<'f>(files: &'f Files, descriptor: &Value) -> &'f [u8] {
    let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let bytes = files.get(&format!("blobs/sha256/{digest}")).unwrap_or_else(|| panic!("blob {digest} is missing"));
    assert_eq!(descriptor["size"].as_u64(), Some(bytes.len() as u64), "the size of {descriptor}");
    bytes
}

/// Every image that index.json leads to, with the descriptor that leads there.
pub(crate) fn images(files: &Files) -> Vec<(Value, Image)> {
    let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
    let mut found = Vec::new();
    collect(files, &index, &mut found);
    found
}

fn collect(files: &Files, index: &Value, found: &mut Vec<(Value, Image)>) {
    for descriptor in index["manifests"].as_array().unwrap() {
        let manifest: Value = serde_json::from_slice(blob(files, descriptor)).unwrap();
        assert_eq!(manifest["mediaType"], descriptor["mediaType"]);
        if manifest.get("manifests").is_some() {
            collect(files, &manifest, found);
            continue;
        }
        let config_bytes = blob(files, &manifest["config"]).to_vec();
        let config: Value = serde_json::from_slice(&config_bytes).unwrap();
        let descriptors = manifest["layers"].as_array().unwrap();
        let blobs: Vec<Vec<u8>> = descriptors.iter().map(|layer| blob(files, layer).to_vec()).collect();
        let layers: Vec<Vec<u8>> = blobs.iter().map(|blob| uncompressed(blob)).collect();
        let diff_ids: Vec<String> = layers.iter().map(|layer| format!("sha256:{}", sha256(layer))).collect();
        assert_eq!(config["rootfs"]["diff_ids"], serde_json::json!(diff_ids), "diff_ids fit the layers");
        if let Some(history) = config["history"].as_array() {
            let rows = history.iter().filter(|row| row["empty_layer"] != true).count();
            assert_eq!(rows, layers.len(), "history fits the layers");
        }
        found.push((descriptor.clone(), Image { manifest, config, config_bytes, blobs, layers }));
    }
}

fn uncompressed(blob: &[u8]) -> Vec<u8> {
    match blob {
        [0x1f, 0x8b, ..] => gunzip(blob),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::decode_all(blob).unwrap(),
        plain => plain.to_vec(),
    }
}

/// Exactly one gzip member.
fn gunzip(blob: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut decoder = flate2::bufread::GzDecoder::new(blob);
    decoder.read_to_end(&mut plain).unwrap();
    assert!(decoder.into_inner().is_empty(), "one member and nothing after it");
    plain
}

/// The tree a single layer makes. It must be free of whiteouts and repeated paths, parents must come before children
/// and links after their targets, so that every consumer reads it the same.
pub(crate) fn extract(layer: &[u8]) -> Tree {
    let (nodes, rest) = entries(layer);
    assert!(rest.len() == 1024 && rest.iter().all(|byte| *byte == 0), "the tar ends with two zero blocks");
    let mut kinds: BTreeMap<&[u8], bool> = BTreeMap::new();
    for (path, node) in &nodes {
        let shown = path.escape_ascii();
        let last = path.rsplit(|byte| *byte == b'/').next().unwrap();
        assert!(!last.starts_with(b".wh."), "{shown} is a whiteout");
        if let Some(slash) = path.iter().rposition(|byte| *byte == b'/') {
            assert_eq!(kinds.get(&path[..slash]), Some(&true), "{shown} comes after its directory");
        }
        if let Kind::Link(target) = &node.kind {
            assert_eq!(kinds.get(&target[..]), Some(&false), "{shown} comes after its target");
        }
        assert!(kinds.insert(path, node.kind == Kind::Directory).is_none(), "{shown} is there twice");
    }
    tree(&nodes)
}

/// The entries of a tar, and what comes after the last.
pub(crate) fn entries(tar: &[u8]) -> (Vec<(Vec<u8>, Node)>, &[u8]) {
    let mut nodes: Vec<(Vec<u8>, Node)> = Vec::new();
    let mut rest = tar;
    let mut pax: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let (mut long_name, mut long_link) = (None, None);
    loop {
        let (block, after) = rest.split_at(512);
        if block.iter().all(|byte| *byte == 0) {
            return (nodes, rest);
        }
        let header = ::tar::Header::from_byte_slice(block);
        let mut checked = header.clone();
        checked.set_cksum();
        assert_eq!(header.cksum().unwrap(), checked.cksum().unwrap(), "checksum");
        let record = |key: &[u8]| pax.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
        let number = |key: &[u8]| record(key).map(|value| String::from_utf8(value).unwrap().parse::<u64>().unwrap());
        let size = number(b"size").unwrap_or_else(|| header.entry_size().unwrap());
        let (contents, after) = after.split_at(usize::try_from(size).unwrap());
        let padding = contents.len().next_multiple_of(512) - contents.len();
        rest = &after[padding..];
        let text = || contents.strip_suffix(b"\0").unwrap_or(contents).to_vec();
        match header.as_bytes()[156] {
            b'x' => {
                pax = parse_pax(contents);
                continue;
            }
            b'L' => {
                long_name = Some(text());
                continue;
            }
            b'K' => {
                long_link = Some(text());
                continue;
            }
            _ => {}
        }
        let name = record(b"GNU.sparse.name").or(record(b"path")).or(long_name.take());
        let name = name.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = record(b"linkpath").or(long_link.take());
        let link = link.unwrap_or_else(|| header.link_name_bytes().map(|link| link.into_owned()).unwrap_or_default());
        let real_size = number(b"GNU.sparse.realsize");
        nodes.push((normalized(&name), node(header, kind(header, &link, real_size, contents), &pax)));
        pax.clear();
    }
}

fn kind(header: &::tar::Header, link: &[u8], real_size: Option<u64>, contents: &[u8]) -> Kind {
    let device = || (header.device_major().unwrap().unwrap(), header.device_minor().unwrap().unwrap());
    match header.as_bytes()[156] {
        b'5' => Kind::Directory,
        b'S' => Kind::File(expand(&old_sparse(header), header.as_gnu().unwrap().real_size().unwrap(), contents)),
        b'0' | 0 | b'7' => match real_size {
            Some(size) => {
                let (map, data) = block_sparse(contents);
                Kind::File(expand(&map, size, data))
            }
            None => Kind::File(contents.to_vec()),
        },
        b'1' => Kind::Link(normalized(link)),
        b'2' => Kind::Symlink(link.to_vec()),
        b'3' => Kind::Char(device().0, device().1),
        b'4' => Kind::Block(device().0, device().1),
        b'6' => Kind::Fifo,
        other => panic!("an entry of type {other}"),
    }
}

fn node(header: &::tar::Header, kind: Kind, pax: &[(Vec<u8>, Vec<u8>)]) -> Node {
    let mut node = Node::new(kind);
    node.mode = header.mode().unwrap() & 0o7777;
    node.uid = header.uid().unwrap();
    node.gid = header.gid().unwrap();
    node.mtime = (i64::try_from(header.mtime().unwrap()).unwrap(), 0);
    node.uname = header.username_bytes().unwrap_or_default().to_vec();
    node.gname = header.groupname_bytes().unwrap_or_default().to_vec();
    for (key, value) in pax {
        let text = || std::str::from_utf8(value).unwrap();
        match &key[..] {
            b"path" | b"linkpath" | b"size" => {}
            b"uid" => node.uid = text().parse().unwrap(),
            b"gid" => node.gid = text().parse().unwrap(),
            b"uname" => node.uname.clone_from(value),
            b"gname" => node.gname.clone_from(value),
            b"mtime" => node.mtime = time(text()),
            _ if key.starts_with(b"GNU.sparse.") => {}
            _ => match key.strip_prefix(b"SCHILY.xattr.") {
                Some(name) => _ = node.xattrs.insert(name.to_vec(), value.clone()),
                None => _ = node.pax.insert(key.clone(), value.clone()),
            },
        }
    }
    node
}

fn time(text: &str) -> (i64, u32) {
    let negative = text.starts_with('-');
    let (whole, fraction) = text.trim_start_matches('-').split_once('.').unwrap_or((text.trim_start_matches('-'), "0"));
    let total = whole.parse::<i128>().unwrap() * 1_000_000_000 + format!("{fraction:0<9}").parse::<i128>().unwrap();
    let total = if negative { -total } else { total };
    (i64::try_from(total.div_euclid(1_000_000_000)).unwrap(), u32::try_from(total.rem_euclid(1_000_000_000)).unwrap())
}

fn parse_pax(mut bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        let record = bytes[space + 1..length].strip_suffix(b"\n").unwrap();
        let equals = record.iter().position(|byte| *byte == b'=').unwrap();
        records.push((record[..equals].to_vec(), record[equals + 1..].to_vec()));
        bytes = &bytes[length..];
    }
    records
}

fn old_sparse(header: &::tar::Header) -> Vec<(u64, u64)> {
    let gnu = header.as_gnu().unwrap();
    assert!(!gnu.is_extended(), "tests only make short maps");
    let used = gnu.sparse.iter().filter(|stretch| !stretch.is_empty());
    used.map(|stretch| (stretch.offset().unwrap(), stretch.length().unwrap())).collect()
}

/// The map of PAX 1.0 and the data behind it.
fn block_sparse(contents: &[u8]) -> (Vec<(u64, u64)>, &[u8]) {
    let mut lines = contents.split(|byte| *byte == b'\n');
    let mut used = 0;
    let mut next = || {
        let line = lines.next().unwrap();
        used += line.len() + 1;
        std::str::from_utf8(line).unwrap().parse::<u64>().unwrap()
    };
    let map = (0..next()).map(|_| (next(), next())).collect();
    (map, &contents[used.next_multiple_of(512)..])
}

fn expand(map: &[(u64, u64)], size: u64, data: &[u8]) -> Vec<u8> {
    let mut file = vec![0; usize::try_from(size).unwrap()];
    let mut at = 0;
    for (offset, length) in map {
        let (offset, length) = (usize::try_from(*offset).unwrap(), usize::try_from(*length).unwrap());
        file[offset..offset + length].copy_from_slice(&data[at..at + length]);
        at += length;
    }
    assert_eq!(at, data.len(), "all data has its place");
    file
}

fn normalized(name: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    parts.join(&b'/')
}
