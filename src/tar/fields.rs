//! What the PAX records of a member say, over what its header says.

use super::error::TarProblem;
use super::pax::{self, InvalidPax, Record};
use super::sparse::{self, InvalidSparse};
use crate::tree::{Extra, Timestamp};

/// What a member says, extensions applied.
pub(super) struct Fields {
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) size: i64,
    pub(super) uid: i64,
    pub(super) gid: i64,
    pub(super) mtime: Timestamp,
    pub(super) extra: Extra,
    pub(super) sparse: SparseRecords,
    pub(super) other_times: bool,
}

/// The `GNU.sparse.*` records.
#[derive(Default)]
pub(super) struct SparseRecords {
    pub(super) major: Option<Vec<u8>>,
    pub(super) minor: Option<Vec<u8>>,
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) blocks: Option<u64>,
    pub(super) list: Option<Vec<u8>>,
    /// Numbers of the list that came in records of their own.
    pub(super) numbers: u64,
}

pub(super) enum SparseVersion {
    /// 0.0 and 0.1: the map is in the records.
    List(Vec<(u64, u64)>),
    /// 1.0: the map stands before the data.
    Blocks,
}

impl SparseRecords {
    /// Takes a number of the list: each offset is followed by its length.
    fn append(&mut self, is_offset: bool, number: &[u8]) -> Result<(), InvalidSparse> {
        if is_offset != (self.numbers % 2 == 0) {
            return Err(InvalidSparse::Malformed);
        }
        self.numbers += 1;
        match &mut self.list {
            Some(list) if self.numbers > 1 => {
                list.push(b',');
                list.extend_from_slice(number);
            }
            list => *list = Some(number.to_vec()),
        }
        Ok(())
    }

    pub(super) fn version(&self) -> Result<Option<SparseVersion>, InvalidSparse> {
        let version = (self.major.as_deref(), self.minor.as_deref());
        match (version, &self.list) {
            ((Some(b"1"), Some(b"0")), _) => Ok(Some(SparseVersion::Blocks)),
            ((None, None), None) => Ok(None),
            ((Some(b"0"), Some(b"0" | b"1")) | (None, None), list) => {
                let pairs = sparse::parse_list(list.as_deref().unwrap_or_default())?;
                // Readers count on it.
                if self.blocks != Some(pairs.len() as u64) {
                    return Err(InvalidSparse::Blocks { said: self.blocks, found: pairs.len() as u64 });
                }
                Ok(Some(SparseVersion::List(pairs)))
            }
            // Go takes an unknown version for an ordinary file and hands out the map as contents.
            _ => Err(InvalidSparse::Malformed),
        }
    }
}

/// What the records say instead of the header; of several for one key the last counts, and one without a value leaves
/// the header's own.
#[derive(Default)]
struct Overrides {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    uname: Option<Box<[u8]>>,
    gname: Option<Box<[u8]>>,
    size: Option<i64>,
    uid: Option<i64>,
    gid: Option<i64>,
    mtime: Option<Timestamp>,
}

impl Fields {
    /// Applies the records of a PAX header, in order.
    pub(super) fn apply(&mut self, records: &[Record<'_>]) -> Result<(), TarProblem> {
        let mut overrides = Overrides::default();
        for (key, value) in records {
            self.record(&mut overrides, key, value)?;
        }
        let Overrides { name, link, uname, gname, size, uid, gid, mtime } = overrides;
        let Extra { uname: own_uname, gname: own_gname, .. } = &mut self.extra;
        replace(&mut self.name, name);
        replace(&mut self.link, link);
        replace(own_uname, uname);
        replace(own_gname, gname);
        replace(&mut self.size, size);
        replace(&mut self.uid, uid);
        replace(&mut self.gid, gid);
        replace(&mut self.mtime, mtime);
        Ok(())
    }

    fn record(&mut self, overrides: &mut Overrides, key: &[u8], value: &[u8]) -> Result<(), TarProblem> {
        let said = !value.is_empty();
        let text = || said.then(|| value.to_vec());
        let number = || said.then(|| pax::number(key, value)).transpose();
        let signed = || Ok::<_, InvalidPax>(number()?.map(|number| i64::try_from(number).unwrap_or(i64::MAX)));
        let time = || said.then(|| pax::time(key, value)).transpose();
        match key {
            b"path" => overrides.name = text(),
            b"linkpath" => overrides.link = text(),
            b"uname" => overrides.uname = text().map(Vec::into_boxed_slice),
            b"gname" => overrides.gname = text().map(Vec::into_boxed_slice),
            b"size" => overrides.size = signed()?,
            b"uid" => overrides.uid = signed()?,
            b"gid" => overrides.gid = signed()?,
            b"mtime" => overrides.mtime = time()?,
            b"atime" | b"ctime" => {
                time()?;
                self.other_times = true;
            }
            b"hdrcharset" => {}
            b"GNU.sparse.major" => self.sparse.major = text(),
            b"GNU.sparse.minor" => self.sparse.minor = text(),
            b"GNU.sparse.name" => self.sparse.name = text(),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = number()?,
            b"GNU.sparse.numblocks" => self.sparse.blocks = number()?,
            b"GNU.sparse.map" => self.sparse.list = text(),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                pax::number(key, value)?;
                self.sparse.append(key == b"GNU.sparse.offset", value)?;
            }
            _ => match key.strip_prefix(b"SCHILY.xattr.") {
                Some(b"") => {
                    return Err(InvalidPax::Value { key: "SCHILY.xattr.".to_owned(), value: String::new() }.into());
                }
                Some(name) => self.extra.xattrs.push((name.into(), value.into())),
                None => self.extra.pax.push((key.into(), value.into())),
            },
        }
        Ok(())
    }
}

fn replace<T>(known: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *known = new;
    }
}
