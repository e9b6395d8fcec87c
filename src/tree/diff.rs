//! Layers as differences between trees.

use super::builder::Unresolved;
use super::names::Tree;
use super::node::{Full, InodeId, NodeId};

/// What one layer says: which lower paths are gone, and a tree to lay over what remains.
///
/// Every path in it is where the layer's entries end up: symlinks that the layer itself puts are followed already.
#[derive(Clone, Debug, Default)]
pub struct LayerDiff {
    /// Paths (of `upper`'s table) that lower layers no longer have.
    pub(super) removed: Vec<NodeId>,
    /// Directories whose lower children are all gone.
    pub(super) opaque: Vec<NodeId>,
    /// What the layer puts. Directories that are only implied keep the lower directory's metadata.
    pub(super) upper: Tree,
    /// Names of `upper` that are hard links to paths of lower layers.
    pub(super) links: Vec<Unresolved>,
}

impl LayerDiff {
    /// What the layer puts.
    pub fn upper(&self) -> &Tree {
        &self.upper
    }

    /// The lower paths the layer removes, in a fixed order.
    pub fn removed(&self) -> &[NodeId] {
        &self.removed
    }

    /// The directories whose lower children the layer hides.
    pub fn opaque(&self) -> &[NodeId] {
        &self.opaque
    }
}

/// The layer that makes `tree` out of `base`: `apply(base, diff(base, tree)) == tree`.
///
/// What is equal in both is left out; a hard-link group of which one name changed is in it with all its names, because
/// no runtime links across layers. From an empty base this is `tree` itself.
pub fn diff(base: &Tree, tree: Tree) -> Result<LayerDiff, Full> {
    let mut upper = tree;
    let mut removed = Vec::new();
    for id in base.nodes().filter(|id| *id != base.root()) {
        let path = base.path(id);
        let Some((directory, name)) = path.split_last() else { continue };
        let Some(parent) = upper.find(&directory).filter(|parent| upper.is_directory(*parent)) else { continue };
        if upper.child(parent, name).is_none() {
            removed.push((path.clone(), upper.intern(parent, name)?));
        }
    }
    removed.sort();
    let removed: Vec<NodeId> = removed.into_iter().map(|(_, id)| id).collect();
    leave_out_what_is_equal(base, &mut upper, &removed);
    Ok(LayerDiff { removed, opaque: Vec::new(), upper, links: Vec::new() })
}

/// Takes out of `upper` what `base` has too. Equal directories stay, as implied ones, where something in them changed:
/// docker and podman give a directory that a layer does not declare new metadata.
fn leave_out_what_is_equal(base: &Tree, upper: &mut Tree, removed: &[NodeId]) {
    if base.is_empty() && base.inode(base.root()).meta == upper.inode(upper.root()).meta {
        return;
    }
    let groups = changed_groups(base, upper);
    let mut touched: Vec<NodeId> = removed.iter().map(|id| upper.parent(*id)).collect();
    touched.sort_unstable();
    // Deepest first, so that a directory that is only on the way is met after what is in it.
    let mut nodes: Vec<_> = upper.nodes().map(|id| (upper.path(id), id)).collect();
    nodes.sort();
    for (path, id) in nodes.into_iter().rev() {
        let Some(twin) = base.find(&path) else {
            upper.set_implied(id, false);
            continue;
        };
        let (old, new) = (base.inode(twin), upper.inode(id));
        let equal = old.kind == new.kind && old.meta == new.meta;
        if !upper.is_directory(id) {
            if equal && !groups[upper.inode_id(id).0 as usize] {
                upper.remove(id, &mut |_, _, _| ());
            }
        } else if !equal {
            upper.set_implied(id, false);
        } else if id == upper.root() || upper.children(id).next().is_some() || touched.binary_search(&id).is_ok() {
            upper.set_implied(id, true);
        } else {
            upper.remove(id, &mut |_, _, _| ());
        }
    }
}

/// Which inodes of `tree` have other names in it than in `base`.
fn changed_groups(base: &Tree, tree: &Tree) -> Vec<bool> {
    let mut twins: Vec<Option<InodeId>> = vec![None; tree.inode_count()];
    let mut changed = vec![false; tree.inode_count()];
    for id in tree.nodes().filter(|id| !tree.is_directory(*id)) {
        let group = tree.inode_id(id).0 as usize;
        let twin = base.find(&tree.path(id)).map(|twin| base.inode_id(twin));
        changed[group] |= match (twins[group], twin) {
            (_, None) => true,
            (Some(known), Some(twin)) => known != twin,
            (None, Some(twin)) => base.inode_by_id(twin).links != tree.inode(id).links,
        };
        twins[group] = twin.or(twins[group]);
    }
    changed
}
