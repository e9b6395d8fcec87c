//! Writing a header that no source layer has as it must be: ustar where it fits, PAX records where it does not.

use std::borrow::Cow;

use super::header::{BLOCK, Block};
use super::member::MAX_EXTENSION;
use super::{pax, sparse};
use crate::tree::{Extra, Kind, Meta, Records};

/// What a header is about.
#[derive(Clone, Copy, Debug)]
pub enum Form<'k> {
    /// A file of this type; `stored` bytes of contents follow.
    Node {
        /// The type.
        kind: &'k Kind,
        /// Bytes of contents as they lie in the source layer.
        stored: u64,
    },
    /// A hard link to this path.
    Link(&'k [u8]),
}

/// Largest number that seven octal digits hold.
const MAX_7: u64 = 0o777_7777;
/// Largest number that eleven octal digits hold.
const MAX_11: u64 = 0o777_7777_7777;

/// The blocks that stand before the contents of an entry at `path`: extensions, header, and the map of a sparse file.
/// Reading them gives back every field of `meta`; permission bits are written without the type bits some writers add.
pub fn encode(path: &[u8], meta: &Meta, form: Form<'_>) -> Vec<u8> {
    let mut fields = Fields::new(path, meta);
    match form {
        Form::Link(target) => fields.link(b'1', target),
        Form::Node { kind, stored } => fields.kind(kind, stored, &meta.extra),
    }
    fields.into_bytes(meta)
}

/// Whether a header that was encoded has more records than readers take.
pub fn has_too_many_records(header: &[u8]) -> bool {
    let size = |block: &[u8; BLOCK]| Block(*block).size().ok().and_then(|size| u64::try_from(size).ok());
    let first = header.first_chunk::<BLOCK>().filter(|block| block[156] == b'x');
    first.is_some_and(|block| size(block).is_none_or(|size| size > MAX_EXTENSION))
}

struct Fields<'p> {
    path: Cow<'p, [u8]>,
    typeflag: u8,
    link: &'p [u8],
    size: u64,
    device: Option<(u32, u32)>,
    records: Records,
    map: Vec<u8>,
}

impl<'p> Fields<'p> {
    fn new(path: &'p [u8], meta: &Meta) -> Self {
        let Extra { xattrs, pax, .. } = &*meta.extra;
        let mut records = pax.clone();
        for (name, value) in xattrs {
            pax::set(&mut records, &[b"SCHILY.xattr.", &**name].concat(), value);
        }
        let path = if path.is_empty() { &b"."[..] } else { path };
        Self { path: path.into(), typeflag: b'0', link: b"", size: 0, device: None, records, map: Vec::new() }
    }

    fn link(&mut self, typeflag: u8, target: &'p [u8]) {
        self.typeflag = typeflag;
        self.link = target;
        if target.len() > 100 {
            pax::set(&mut self.records, b"linkpath", target);
        }
    }

    fn kind(&mut self, kind: &'p Kind, stored: u64, extra: &Extra) {
        match kind {
            Kind::Directory => {
                self.typeflag = b'5';
                self.path = [&self.path, &b"/"[..]].concat().into();
            }
            Kind::File { size, .. } => {
                self.size = stored;
                if let Some(map) = &extra.sparse {
                    self.sparse(map, *size);
                }
            }
            Kind::Symlink(target) => self.link(b'2', target),
            Kind::CharDevice { major, minor } => (self.typeflag, self.device) = (b'3', Some((*major, *minor))),
            Kind::BlockDevice { major, minor } => (self.typeflag, self.device) = (b'4', Some((*major, *minor))),
            Kind::Fifo => self.typeflag = b'6',
            Kind::Elsewhere(target) => self.link(b'1', target.as_bytes()),
        }
    }

    fn sparse(&mut self, map: &[(u64, u64)], size: u64) {
        self.map = sparse::format_blocks(map);
        self.size += self.map.len() as u64;
        pax::set(&mut self.records, b"GNU.sparse.major", b"1");
        pax::set(&mut self.records, b"GNU.sparse.minor", b"0");
        pax::set(&mut self.records, b"GNU.sparse.name", &self.path);
        pax::set(&mut self.records, b"GNU.sparse.realsize", size.to_string().as_bytes());
    }

    fn into_bytes(mut self, meta: &Meta) -> Vec<u8> {
        let mut block = [0; BLOCK];
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[156] = self.typeflag;
        let path = std::mem::take(&mut self.path);
        self.text(&mut block[0..100], b"path", &path);
        let link = self.link;
        self.text(&mut block[157..257], b"linkpath", link);
        self.text(&mut block[265..296], b"uname", &meta.extra.uname);
        self.text(&mut block[297..328], b"gname", &meta.extra.gname);
        octal(&mut block[100..107], u64::from(meta.mode));
        self.number(&mut block[108..115], b"uid", u64::from(meta.uid), MAX_7);
        self.number(&mut block[116..123], b"gid", u64::from(meta.gid), MAX_7);
        let size = self.size;
        self.number(&mut block[124..135], b"size", size, MAX_11);
        match u64::try_from(meta.mtime.seconds) {
            Ok(seconds) if seconds <= MAX_11 && meta.mtime.nanoseconds == 0 => octal(&mut block[136..147], seconds),
            found => {
                octal(&mut block[136..147], found.ok().filter(|seconds| *seconds <= MAX_11).unwrap_or_default());
                pax::set(&mut self.records, b"mtime", pax::format_time(meta.mtime).as_bytes());
            }
        }
        if let Some((major, minor)) = self.device {
            device(&mut block[329..337], major);
            device(&mut block[337..345], minor);
        }
        checksum(&mut block);
        let mut bytes = self.extension(&path);
        bytes.extend_from_slice(&block);
        bytes.extend_from_slice(&self.map);
        bytes
    }

    /// Puts a text into its field, and into a record too when it does not fit.
    fn text(&mut self, field: &mut [u8], key: &[u8], value: &[u8]) {
        let n = value.len().min(field.len());
        field[..n].copy_from_slice(&value[..n]);
        if n < value.len() {
            pax::set(&mut self.records, key, value);
        }
    }

    fn number(&mut self, field: &mut [u8], key: &[u8], value: u64, max: u64) {
        octal(field, if value <= max { value } else { 0 });
        if value > max {
            pax::set(&mut self.records, key, value.to_string().as_bytes());
        }
    }

    /// The blocks of the PAX records; none when there are none.
    fn extension(&self, path: &[u8]) -> Vec<u8> {
        if self.records.is_empty() {
            return Vec::new();
        }
        let mut records = pax::format(&self.records);
        let mut block = [0; BLOCK];
        let name = [b"PaxHeaders.0/", path.rsplit(|byte| *byte == b'/').find(|name| !name.is_empty()).unwrap_or(b".")]
            .concat();
        let n = name.len().min(100);
        block[..n].copy_from_slice(&name[..n]);
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[156] = b'x';
        octal(&mut block[100..107], 0o644);
        octal(&mut block[108..115], 0);
        octal(&mut block[116..123], 0);
        octal(&mut block[124..135], records.len() as u64);
        octal(&mut block[136..147], 0);
        checksum(&mut block);
        records.resize(records.len().next_multiple_of(BLOCK), 0);
        [&block[..], &records].concat()
    }
}

/// Octal digits that fill the field; the NUL that ends it is there already.
fn octal(field: &mut [u8], mut value: u64) {
    for byte in field.iter_mut().rev() {
        *byte = b"01234567"[(value % 8) as usize];
        value /= 8;
    }
}

/// Octal, or base-256 for numbers beyond it: PAX has no record for devices.
fn device(field: &mut [u8], number: u32) {
    if u64::from(number) <= MAX_7 {
        octal(&mut field[..7], u64::from(number));
    } else {
        field[0] = 0x80;
        field[4..8].copy_from_slice(&number.to_be_bytes());
    }
}

fn checksum(block: &mut [u8; BLOCK]) {
    block[148..156].fill(b' ');
    let sum = block.iter().map(|byte| u64::from(*byte)).sum();
    octal(&mut block[148..154], sum);
    block[154] = 0;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::member::Members;
    use super::*;
    use crate::tree::Timestamp;

    fn bytes(max: usize) -> impl Strategy<Value = Box<[u8]>> {
        prop::collection::vec(1..=255_u8, 1..max).prop_map(Vec::into_boxed_slice)
    }

    fn records() -> impl Strategy<Value = Records> {
        let key = "[a-z]{1,9}\\.[a-z.]{1,20}".prop_map(|key| key.into_bytes().into_boxed_slice());
        let value = prop::collection::vec(any::<u8>(), 0..300).prop_map(Vec::into_boxed_slice);
        prop::collection::btree_map(key, value, 0..4).prop_map(|map| map.into_iter().collect())
    }

    fn meta() -> impl Strategy<Value = Meta> {
        let time = (prop_oneof![any::<i32>().prop_map(i64::from), -(1_i64 << 40)..1 << 40], 0..1_000_000_000_u32);
        let owner = (any::<u32>(), any::<u32>(), 0..0o10000_u16);
        (time, owner, bytes(60), bytes(60), records(), records()).prop_map(
            |(time, owner, uname, gname, xattrs, pax)| Meta {
                mtime: Timestamp { seconds: time.0, nanoseconds: time.1 },
                uid: owner.0,
                gid: owner.1,
                mode: owner.2,
                extra: Arc::new(Extra { uname, gname, xattrs, pax, sparse: None }),
            },
        )
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![
            Just(Kind::Directory),
            any::<u64>().prop_map(|size| Kind::File { size: size >> 2, fingerprint: 0 }),
            bytes(300).prop_map(Kind::Symlink),
            any::<(u32, u32)>().prop_map(|(major, minor)| Kind::CharDevice { major, minor }),
            any::<(u32, u32)>().prop_map(|(major, minor)| Kind::BlockDevice { major, minor }),
            Just(Kind::Fifo),
        ]
    }

    proptest! {
        #[test]
        fn a_header_reads_what_was_written(path in bytes(400), meta in meta(), kind in kind()) {
            let stored = if let Kind::File { size, .. } = kind { size } else { 0 };
            let header = encode(&path, &meta, Form::Node { kind: &kind, stored });
            prop_assert_eq!(header.len() % BLOCK, 0);
            let member = Members::new(&header[..]).next_member().unwrap().unwrap();
            let name = if kind == Kind::Directory { [&path[..], b"/"].concat() } else { path.to_vec() };
            prop_assert_eq!(&member.name, &name);
            prop_assert_eq!(&member.meta, &meta);
            prop_assert_eq!(member.stored, stored);
            prop_assert_eq!(member.data, header.len() as u64);
            match kind {
                Kind::Symlink(target) => prop_assert_eq!(&member.link[..], &target[..]),
                Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
                    prop_assert_eq!(member.device, (major, minor));
                }
                _ => {}
            }
        }

        #[test]
        fn a_link_reads_what_was_written(path in bytes(400), target in bytes(400), meta in meta()) {
            let header = encode(&path, &meta, Form::Link(&target));
            let member = Members::new(&header[..]).next_member().unwrap().unwrap();
            prop_assert_eq!((&member.name[..], &member.link[..], member.typeflag), (&path[..], &target[..], b'1'));
            prop_assert_eq!(&member.meta, &meta);
        }

        #[test]
        fn a_sparse_file_reads_what_was_written(stretches in prop::collection::vec((0..1_u64 << 40, 0..1_u64 << 40), 0..200)) {
            let mut end = 0;
            let map: Vec<_> = stretches.iter().map(|(hole, data)| {
                let stretch = (end + hole, *data);
                end += hole + data;
                stretch
            }).collect();
            let stored = map.iter().map(|(_, data)| data).sum();
            let extra = Extra { sparse: Some(map.into()), ..Extra::default() };
            let meta = Meta { extra: Arc::new(extra), ..Meta::implied() };
            let kind = Kind::File { size: end, fingerprint: 0 };
            let header = encode(b"dir/file", &meta, Form::Node { kind: &kind, stored });
            let member = Members::new(&header[..]).next_member().unwrap().unwrap();
            prop_assert_eq!(&member.name[..], b"dir/file");
            prop_assert_eq!((&member.meta, member.size, member.stored), (&meta, end, stored));
            prop_assert_eq!(member.data, header.len() as u64);
        }
    }
}
