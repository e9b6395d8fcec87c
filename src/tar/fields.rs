//! What the PAX records of a member say, over what its header says.

use super::pax::{self, InvalidPax};
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
    pub(super) list: Option<Vec<u8>>,
}

pub(super) enum SparseVersion {
    /// 0.0 and 0.1: the map is in the records.
    List(Vec<(u64, u64)>),
    /// 1.0: the map stands before the data.
    Blocks,
}

impl SparseRecords {
    pub(super) fn version(&self) -> Result<Option<SparseVersion>, InvalidSparse> {
        let version = (self.major.as_deref(), self.minor.as_deref());
        match (version, &self.list) {
            ((Some(b"1"), Some(b"0")), _) => Ok(Some(SparseVersion::Blocks)),
            ((Some(b"0"), Some(b"0" | b"1")) | (None, None), Some(list)) => {
                sparse::parse_list(list).map(|pairs| Some(SparseVersion::List(pairs)))
            }
            ((Some(b"0"), Some(b"0" | b"1")), None) => Ok(Some(SparseVersion::List(Vec::new()))),
            ((None, None), None) => Ok(None),
            // Go takes an unknown version for an ordinary file and hands out the map as contents.
            _ => Err(InvalidSparse::Malformed),
        }
    }
}

impl Fields {
    pub(super) fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), InvalidPax> {
        let signed = |value: &[u8]| pax::number(key, value).map(|value| i64::try_from(value).unwrap_or(i64::MAX));
        match key {
            // An empty value leaves the header's own.
            b"path" | b"linkpath" | b"size" | b"uid" | b"gid" | b"uname" | b"gname" | b"mtime" if value.is_empty() => {}
            b"path" => self.name = value.to_vec(),
            b"linkpath" => self.link = value.to_vec(),
            b"size" => self.size = signed(value)?,
            b"uid" => self.uid = signed(value)?,
            b"gid" => self.gid = signed(value)?,
            b"uname" => self.extra.uname = value.into(),
            b"gname" => self.extra.gname = value.into(),
            b"mtime" => self.mtime = pax::time(key, value)?,
            b"atime" | b"ctime" => self.other_times = true,
            b"hdrcharset" => {}
            b"GNU.sparse.major" => self.sparse.major = Some(value.to_vec()),
            b"GNU.sparse.minor" => self.sparse.minor = Some(value.to_vec()),
            b"GNU.sparse.name" => self.sparse.name = Some(value.to_vec()),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = Some(pax::number(key, value)?),
            b"GNU.sparse.numblocks" => {}
            b"GNU.sparse.map" => self.sparse.list = Some(value.to_vec()),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                pax::number(key, value)?;
                match &mut self.sparse.list {
                    Some(list) => {
                        list.push(b',');
                        list.extend_from_slice(value);
                    }
                    none => *none = Some(value.to_vec()),
                }
            }
            _ => match key.strip_prefix(b"SCHILY.xattr.") {
                Some(name) if !name.is_empty() => self.extra.xattrs.push((name.into(), value.into())),
                _ => self.extra.pax.push((key.into(), value.into())),
            },
        }
        Ok(())
    }
}
