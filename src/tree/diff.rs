//! The layer that makes one tree out of another.

use super::fate::{Fate, Fates};
use super::layer_diff::LayerDiff;
use super::names::Tree;
use super::node::{EntryRef, Full, Inode, InodeId, Kind, NodeId};
use super::twins::Twins;

/// Whether two tar entries have equal contents; asked only of entries with equal fingerprints.
pub type SameContents<'s> = &'s dyn Fn(EntryRef, EntryRef) -> bool;

/// The layer that makes `tree` out of `base`: `apply(base, diff(base, tree)) == tree`.
///
/// What is equal in both is left out and noted in `fates`. A hard-link group that has other names than in `base` is in
/// it with all of them, because no runtime links across layers. From an empty base this is `tree` itself.
pub fn diff(base: &Tree, tree: Tree, same: SameContents<'_>, fates: &mut Fates) -> Result<LayerDiff, Full> {
    let mut upper = tree;
    let (mut removed, mut opaque) = (Vec::new(), Vec::new());
    let mut twins = Twins::of(base);
    for directory in base.nodes().filter(|id| base.is_directory(*id)) {
        let place = twins.find(base, directory, &upper).filter(|place| upper.is_directory(*place));
        let Some(place) = place else { continue };
        let (gone, kept): (Vec<NodeId>, Vec<NodeId>) =
            base.children(directory).partition(|child| upper.child(place, base.name(*child)).is_none());
        if gone.len() > 1 && kept.is_empty() {
            opaque.push(place);
            continue;
        }
        for child in gone {
            removed.push(upper.intern(place, base.name(child))?);
        }
    }
    let mut touched: Vec<NodeId> = removed.iter().map(|id| upper.parent(*id)).chain(opaque.iter().copied()).collect();
    touched.sort_unstable();
    leave_out_what_is_equal(base, &mut upper, &touched, same, fates);
    Ok(LayerDiff { removed, opaque, upper, ..LayerDiff::default() })
}

/// Files of `tree` that are equal to those of `base` but for their contents, which come from other entries and have
/// equal fingerprints.
pub fn candidates(base: &Tree, tree: &Tree) -> Vec<(EntryRef, EntryRef)> {
    let files = tree.nodes().filter(|id| !tree.is_directory(*id));
    let mut twins = Twins::of(tree);
    let twins = files.filter_map(|id| Some((base.inode(twins.find(tree, id, base)?), tree.inode(id))));
    let other = twins.filter(|(old, new)| has_contents(new) && old.source != new.source);
    other
        .filter(|(old, new)| old.kind == new.kind && old.meta == new.meta)
        .map(|(old, new)| (old.source, new.source))
        .collect()
}

fn has_contents(inode: &Inode) -> bool {
    matches!(inode.kind, Kind::File { size: 1.., .. })
}

/// Whether two files could not be told apart.
fn is_equal(old: &Inode, new: &Inode, same: SameContents<'_>) -> bool {
    let said = old.kind == new.kind && old.meta == new.meta;
    said && (!has_contents(new) || old.source == new.source || same(old.source, new.source))
}

/// Takes out of `upper` what `base` has too. Equal directories stay, as implied ones, where something in them changed:
/// docker and podman give a directory that a layer does not declare new metadata.
fn leave_out_what_is_equal(
    base: &Tree,
    upper: &mut Tree,
    touched: &[NodeId],
    same: SameContents<'_>,
    fates: &mut Fates,
) {
    if base.is_empty() && base.inode(base.root()).meta == upper.inode(upper.root()).meta {
        return;
    }
    let mut twins = Twins::of(upper);
    let groups = changed_groups(base, upper, &mut twins, same);
    // Deepest first, so that a directory that is only on the way is met after what is in it.
    let nodes: Vec<NodeId> = upper.nodes().collect();
    for id in nodes.into_iter().rev() {
        let Some(twin) = twins.find(upper, id, base) else {
            upper.set_implied(id, false);
            continue;
        };
        if !upper.is_directory(id) {
            if !groups[upper.inode_id(id).0 as usize] {
                upper.remove(id, &mut |gone| {
                    if let Some(entry) = gone.entry {
                        fates.note(entry, Fate::Unchanged, entry.layer);
                    }
                });
            }
        } else if !is_equal(base.inode(twin), upper.inode(id), same) {
            upper.set_implied(id, false);
        } else {
            if upper.has_entry(id) {
                let entry = upper.entry(id);
                fates.note(entry, Fate::Unchanged, entry.layer);
            }
            if id == upper.root() || upper.children(id).next().is_some() || touched.binary_search(&id).is_ok() {
                upper.set_implied(id, true);
            } else {
                upper.remove(id, &mut |_| ());
            }
        }
    }
}

/// Which inodes of `tree` are not the same file with the same names as in `base`, names that are gone not counted.
fn changed_groups(base: &Tree, tree: &Tree, twins: &mut Twins, same: SameContents<'_>) -> Vec<bool> {
    // The file of the base that the first name seen of each inode has; the inner `None` when the base has no such name.
    let mut first: Vec<Option<Option<InodeId>>> = vec![None; tree.inode_count()];
    let mut changed = vec![false; tree.inode_count()];
    for id in tree.nodes().filter(|id| !tree.is_directory(*id)) {
        let group = tree.inode_id(id).0 as usize;
        let twin = twins.find(tree, id, base).map(|twin| base.inode_id(twin));
        let known = *first[group].get_or_insert(twin);
        changed[group] |= twin.is_none() || twin != known;
    }
    // Of several files that were one, one can stay.
    let mut stayed = vec![false; base.inode_count()];
    for (group, twin) in first.iter().enumerate() {
        let Some(twin) = twin.flatten().filter(|_| !changed[group]) else { continue };
        let is_taken = std::mem::replace(&mut stayed[twin.0 as usize], true);
        let is_same = is_equal(base.inode_by_id(twin), tree.inode_at(group), same);
        changed[group] = is_taken || !is_same;
        stayed[twin.0 as usize] = is_taken || is_same;
    }
    changed
}
