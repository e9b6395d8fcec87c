//! What a tar header says of a file besides its name and contents.

use std::sync::Arc;

/// Owner, permissions, time and everything rarer. Two equal values write the same header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Last modification.
    pub mtime: Timestamp,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Permission bits with setuid, setgid and sticky: `0o7777` at most.
    pub mode: u16,
    /// What most entries of a layer share.
    pub extra: Arc<Extra>,
}

/// A moment to the nanosecond; before 1970 the seconds are negative and the nanoseconds still count forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds after `seconds`, below a thousand million.
    pub nanoseconds: u32,
}

/// The rarer part of [`Meta`]; equal values of one layer are shared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Extra {
    /// User name as found; empty when there is none.
    pub uname: Box<[u8]>,
    /// Group name as found.
    pub gname: Box<[u8]>,
    /// Extended attributes by name, sorted by name.
    pub xattrs: Records,
    /// PAX records that nothing here understands, sorted by key.
    pub pax: Records,
    /// Where the data of a sparse file lies; `None` for every other file.
    pub sparse: Option<SparseMap>,
}

/// Names and values of any bytes, sorted by name, each name once.
pub type Records = Vec<(Box<[u8]>, Box<[u8]>)>;

/// The data stretches of a sparse file as (offset, length), ascending. What lies between is zeros.
pub type SparseMap = Box<[(u64, u64)]>;

/// The attribute that `chown` takes away from a file.
const CAPABILITY: &[u8] = b"security.capability";

impl Meta {
    /// The metadata of a directory that no layer declares: 0755, root's, 1970.
    pub fn implied() -> Self {
        Self { mtime: Timestamp::default(), uid: 0, gid: 0, mode: 0o755, extra: Arc::default() }
    }

    /// What an inode has after a hard link's own header is applied to it, as extraction does: owner, mode and time are
    /// the link's; extended attributes are added to what is there, except that setting the owner drops a capability the
    /// link does not bring again (observed on docker 20.10 and containerd 1.6).
    pub(super) fn with_link(&self, link: &Self) -> Self {
        let mut extra = (*self.extra).clone();
        extra.uname.clone_from(&link.extra.uname);
        extra.gname.clone_from(&link.extra.gname);
        extra.xattrs.retain(|(name, _)| **name != *CAPABILITY);
        merge(&mut extra.xattrs, &link.extra.xattrs);
        merge(&mut extra.pax, &link.extra.pax);
        let extra = if extra == *self.extra { self.extra.clone() } else { Arc::new(extra) };
        Self { extra, ..link.clone() }
    }
}

/// Adds `more` to `known`, both sorted by name; what both have is replaced.
fn merge(known: &mut Records, more: &Records) {
    for (name, value) in more {
        match known.binary_search_by(|(known, _)| known.cmp(name)) {
            Ok(at) => known[at].1.clone_from(value),
            Err(at) => known.insert(at, (name.clone(), value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(xattrs: &[(&str, &str)]) -> Meta {
        let xattrs = xattrs.iter().map(|(k, v)| (k.as_bytes().into(), v.as_bytes().into())).collect();
        Meta { extra: Arc::new(Extra { xattrs, ..Extra::default() }), ..Meta::implied() }
    }

    #[test]
    fn a_link_adds_attributes_and_drops_a_capability_it_does_not_bring() {
        let file = with(&[("security.capability", "c"), ("user.a", "1")]);
        let link = Meta { mode: 0o600, ..with(&[("user.b", "2")]) };
        let expected = Meta { mode: 0o600, ..with(&[("user.a", "1"), ("user.b", "2")]) };
        assert_eq!(file.with_link(&link), expected);
        assert_eq!(file.with_link(&file), file);
    }
}
