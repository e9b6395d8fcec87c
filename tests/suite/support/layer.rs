//! Layers as tests write them: entries to a tar, with the `tar` crate's headers, which the tool does not read with.

use std::io::Write;

use super::node::{Kind, Node};

/// A layer to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    pub(crate) entries: Vec<Entry>,
    pub(crate) end: End,
}

/// An entry: its name as it is spelled in the tar.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) node: Node,
}

/// How a tar ends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum End {
    #[default]
    Two,
    One,
    None,
    Garbage,
}

impl Layer {
    /// The tar.
    pub(crate) fn tar(&self) -> Vec<u8> {
        let mut tar = Vec::new();
        for entry in &self.entries {
            tar.extend(entry.tar());
        }
        match self.end {
            End::Two => tar.extend([0; 1024]),
            End::One => tar.extend([0; 512]),
            End::None => {}
            End::Garbage => {
                tar.extend([0; 1024]);
                tar.extend(Entry { name: b"late".to_vec(), node: Node::new(Kind::File(b"no".to_vec())) }.tar());
                tar.extend(b"garbage that is no block");
            }
        }
        tar
    }
}

impl Entry {
    /// Header, extensions and contents.
    pub(crate) fn tar(&self) -> Vec<u8> {
        let Entry { name, node } = self;
        let mut pax: Vec<(Vec<u8>, Vec<u8>)> = node.pax.clone().into_iter().collect();
        pax.extend(node.xattrs.iter().map(|(key, value)| ([b"SCHILY.xattr.", &key[..]].concat(), value.clone())));
        let mut header = ::tar::Header::new_ustar();
        let (typeflag, link, contents): (u8, &[u8], &[u8]) = match &node.kind {
            Kind::Directory => (b'5', b"", b""),
            Kind::File(contents) => (b'0', b"", contents),
            Kind::Symlink(target) => (b'2', target, b""),
            Kind::Link(target) => (b'1', target, b""),
            Kind::Char(..) => (b'3', b"", b""),
            Kind::Block(..) => (b'4', b"", b""),
            Kind::Fifo => (b'6', b"", b""),
        };
        let mut name = name.clone();
        if node.kind == Kind::Directory && !name.ends_with(b"/") {
            name.push(b'/');
        }
        let fields = header.as_ustar_mut().unwrap();
        fields.typeflag = [typeflag];
        let mut put = |field: &mut [u8], key: &str, value: &[u8]| {
            let n = value.len().min(field.len());
            field[..n].copy_from_slice(&value[..n]);
            if n < value.len() || (key != "uname" && key != "gname" && !value.is_ascii()) {
                pax.push((key.into(), value.into()));
            }
        };
        put(&mut fields.name, "path", &name);
        put(&mut fields.linkname, "linkpath", link);
        put(&mut fields.uname[..31], "uname", &node.uname);
        put(&mut fields.gname[..31], "gname", &node.gname);
        header.set_mode(node.mode);
        header.set_size(contents.len() as u64);
        for (key, value, set) in [
            ("uid", node.uid, ::tar::Header::set_uid as fn(&mut ::tar::Header, u64)),
            ("gid", node.gid, ::tar::Header::set_gid),
        ] {
            set(&mut header, if value < 1 << 21 { value } else { 0 });
            if value >= 1 << 21 {
                pax.push((key.into(), value.to_string().into()));
            }
        }
        header.set_mtime(u64::try_from(node.mtime.0).ok().filter(|seconds| *seconds < 1 << 33).unwrap_or(0));
        if node.mtime.1 != 0 || node.mtime.0 < 0 || node.mtime.0 >= 1 << 33 {
            pax.push((b"mtime".into(), pax_time(node.mtime).into()));
        }
        if let Kind::Char(major, minor) | Kind::Block(major, minor) = node.kind {
            header.set_device_major(major).unwrap();
            header.set_device_minor(minor).unwrap();
        }
        header.set_cksum();
        let mut tar = Vec::new();
        if !pax.is_empty() {
            tar.extend(pax_header(&pax));
        }
        tar.extend(header.as_bytes());
        tar.extend(contents);
        tar.resize(tar.len().next_multiple_of(512), 0);
        tar
    }
}

fn pax_time((seconds, nanoseconds): (i64, u32)) -> String {
    if seconds < 0 && nanoseconds > 0 {
        format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - nanoseconds)
    } else {
        format!("{seconds}.{nanoseconds:09}")
    }
}

/// An `x` header with these records.
pub(crate) fn pax_header(records: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    extension(b'x', &pax_records(records))
}

pub(crate) fn pax_records(records: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length = (1..).find(|digits| (rest + digits).to_string().len() == *digits).unwrap() + rest;
        write!(bytes, "{length} ").unwrap();
        bytes.extend([&key[..], b"=", &value[..], b"\n"].concat());
    }
    bytes
}

/// A header of type `typeflag` with `contents`.
pub(crate) fn extension(typeflag: u8, contents: &[u8]) -> Vec<u8> {
    let mut header = ::tar::Header::new_ustar();
    header.as_ustar_mut().unwrap().typeflag = [typeflag];
    header.set_path("extension").unwrap();
    header.set_mode(0o644);
    header.set_size(contents.len() as u64);
    header.set_cksum();
    let mut tar = header.as_bytes().to_vec();
    tar.extend(contents);
    tar.resize(tar.len().next_multiple_of(512), 0);
    tar
}
