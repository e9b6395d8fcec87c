//! What stays of a file system, when it is known what is needed.

use super::close::Closed;
use crate::packages::PackageId;
use crate::tree::NodeId;

/// Whether a file goes.
pub(super) fn is_gone(closed: &Closed<'_>, id: NodeId) -> bool {
    let Closed { ground, rules, reach, .. } = closed;
    if ground.is_directory(id) || closed.kept.contains(&id) || rules.stays.contains(&id) || is_in_volume(closed, id) {
        return false;
    }
    // What leads to a directory stays as that does.
    if ground.is_root_link(id) && ground.is_shared_link(id) {
        return false;
    }
    let mut holders = ground.inventory.holders(id).peekable();
    if holders.peek().is_none() {
        return source_of(closed, id).is_some_and(|source| is_gone(closed, source));
    }
    let stays_with = |holder: PackageId| reach.packages.contains_key(&holder);
    if !holders.any(stays_with) {
        return !reach.files.contains_key(&id);
    }
    reach.by_files() && !reach.files.contains_key(&id) && !is_licence(&ground.path(id))
}

pub(super) fn is_in_volume(closed: &Closed<'_>, id: NodeId) -> bool {
    let tree = closed.ground.tree;
    let mut at = id;
    while !closed.volumes.is_empty() && at != tree.root() {
        if closed.volumes.contains(&at) {
            return true;
        }
        at = tree.parent(at);
    }
    false
}

/// The source of a compiled module that a maintainer script made beside it: `x.py` of `__pycache__/x.cpython-311.pyc`.
fn source_of(closed: &Closed<'_>, id: NodeId) -> Option<NodeId> {
    let tree = closed.ground.tree;
    let place = tree.parent(id);
    let name = tree.name(id).strip_suffix(b".pyc").filter(|_| tree.name(place) == b"__pycache__")?;
    let stem = name.split(|byte| *byte == b'.').next()?;
    let source = tree.child(tree.parent(place), &[stem, b".py"].concat())?;
    (!closed.ground.inventory.is_free(source)).then_some(source)
}

/// Whether a file says under which terms others may be passed on.
fn is_licence(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let is_one = |begin: &[u8]| name.len() >= begin.len() && name[..begin.len()].eq_ignore_ascii_case(begin);
    path.starts_with(b"/usr/share/doc/")
        && [&b"copyright"[..], b"licen", b"copying", b"notice"].iter().any(|begin| is_one(begin))
        || path.starts_with(b"/usr/share/licenses/")
}
