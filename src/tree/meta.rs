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

    /// Takes what a hard link's own header says, as extraction does: owner, mode and time are the link's; extended
    /// attributes are added to what is there, except that setting the owner drops a capability the link does not bring
    /// again (observed on docker 20.10 and containerd 1.6). Returns whether anything changed, and how many bytes of
    /// attributes are held for it that were not held or shared before.
    pub(super) fn take_link(&mut self, link: &Self) -> (bool, u64) {
        let Self { mtime, uid, gid, mode, extra } = link;
        let rest = (*mtime, *uid, *gid, *mode);
        let mut changed = (self.mtime, self.uid, self.gid, self.mode) != rest;
        (self.mtime, self.uid, self.gid, self.mode) = rest;
        let mut copied = 0;
        if !self.extra.has_all_of(extra) {
            changed = true;
            // Shared attributes are copied, own ones grow.
            copied = extra.record_bytes();
            if Arc::get_mut(&mut self.extra).is_none() {
                copied += self.extra.weight();
            }
            Arc::make_mut(&mut self.extra).take(extra);
        }
        (changed, copied)
    }
}

/// What a record costs in memory besides its bytes.
const RECORD: u64 = 64;

impl Extra {
    /// Extended attributes and unknown records.
    pub(super) fn records(&self) -> impl Iterator<Item = &(Box<[u8]>, Box<[u8]>)> {
        self.xattrs.iter().chain(&self.pax)
    }

    /// About how many bytes the records take up in memory, which is more than in a header.
    pub(super) fn record_bytes(&self) -> u64 {
        self.records().map(|(name, value)| (name.len() + value.len()) as u64 + RECORD).sum()
    }

    /// About how many bytes all of it takes up in memory.
    pub fn weight(&self) -> u64 {
        let Self { uname, gname, sparse, .. } = self;
        let rest = uname.len() + gname.len() + sparse.as_ref().map_or(0, |map| size_of_val(&**map));
        self.record_bytes() + rest as u64 + RECORD
    }

    /// Whether taking what a link's header says changes nothing.
    fn has_all_of(&self, link: &Self) -> bool {
        let drops = find(&self.xattrs, CAPABILITY).is_some() && find(&link.xattrs, CAPABILITY).is_none();
        let has = |known: &Records, more: &Records| more.iter().all(|(name, value)| find(known, name) == Some(value));
        let has_names = (&self.uname, &self.gname) == (&link.uname, &link.gname);
        has_names && !drops && has(&self.xattrs, &link.xattrs) && has(&self.pax, &link.pax)
    }

    fn take(&mut self, link: &Self) {
        self.uname.clone_from(&link.uname);
        self.gname.clone_from(&link.gname);
        self.xattrs.retain(|(name, _)| **name != *CAPABILITY);
        merge(&mut self.xattrs, &link.xattrs);
        merge(&mut self.pax, &link.pax);
    }
}

fn find<'r>(records: &'r Records, name: &[u8]) -> Option<&'r [u8]> {
    records.binary_search_by(|(known, _)| (**known).cmp(name)).ok().map(|at| &*records[at].1)
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
        let joined = |link: &Meta| {
            let mut meta = file.clone();
            let (changed, copied) = meta.take_link(link);
            (meta, changed, copied > 0)
        };
        assert_eq!(joined(&link), (expected, true, true));
        assert_eq!(joined(&file), (file.clone(), false, false));
        let later = Meta { uid: 7, ..file.clone() };
        assert_eq!(joined(&later), (later.clone(), true, false), "attributes are still shared");
    }
}
