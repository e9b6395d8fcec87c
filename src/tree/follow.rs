//! Following symlinks inside a tree.

use super::names::Tree;
use super::node::{Kind, NodeId, SymlinkLoop};
use super::path::TreePath;

/// As many symlinks as Linux follows.
const MAX_HOPS: usize = 40;
/// Components that following symlinks may cost all entries of a layer together. Real layers need a few; crafted ones
/// could make each entry walk 40 links of thousands of components.
pub const FOLLOW_BUDGET: u64 = 50_000_000;

impl Tree {
    /// Where `path` leads when the symlinks on its way are followed inside this tree; its last component is not
    /// followed. Absolute targets and `..` stay inside the root. What is not in the tree is taken as it stands.
    pub fn follow(&self, path: &TreePath) -> Result<TreePath, SymlinkLoop> {
        self.follow_within(path, &mut FOLLOW_BUDGET.clone())
    }

    /// The same at the cost of `budget`, one for each component; without any left it counts as a loop.
    pub(super) fn follow_within(&self, path: &TreePath, budget: &mut u64) -> Result<TreePath, SymlinkLoop> {
        let mut hops = 0;
        let mut done = TreePath::default();
        let mut at = Some(self.root());
        let mut todo: Vec<Box<[u8]>> = path.components().map(Box::from).collect();
        todo.reverse();
        while let Some(name) = todo.pop() {
            *budget = budget.checked_sub(1).ok_or_else(|| SymlinkLoop(path.clone()))?;
            if &*name == b".." {
                done.pop();
                at = self.find(&done);
                continue;
            }
            let child = at.and_then(|at| self.child(at, &name));
            match child.map(|child| &self.inode(child).kind) {
                Some(Kind::Symlink(target)) if !todo.is_empty() => {
                    hops += 1;
                    if hops > MAX_HOPS {
                        return Err(SymlinkLoop(path.clone()));
                    }
                    if target.starts_with(b"/") {
                        done = TreePath::default();
                        at = Some(self.root());
                    }
                    let names = target.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
                    todo.extend(names.rev().map(Box::from));
                }
                _ => {
                    done.push(&name);
                    at = child;
                }
            }
        }
        Ok(done)
    }

    /// What is at `path` when symlinks on the way are followed, but not a last one, at the cost of `budget`.
    pub fn locate(&self, path: &TreePath, budget: &mut u64) -> Option<NodeId> {
        self.find(&self.follow_within(path, budget).ok()?)
    }

    /// What `path` leads to when all symlinks are followed, a last one too, at the cost of `budget`, one for each
    /// component.
    pub fn resolve(&self, path: &TreePath, budget: &mut u64) -> Option<NodeId> {
        // The last component is not followed, so one more makes the others all be.
        let inside = self.follow_within(&path.join(b"."), budget).ok()?;
        self.find(&inside.split_last()?.0)
    }

    /// Whether a symlink lies on the way to `path`; the last component does not count.
    pub(super) fn has_symlink_on_the_way(&self, path: &TreePath) -> bool {
        let mut at = self.root();
        for name in path.components() {
            match self.child(at, name) {
                Some(child) => at = child,
                None => return false,
            }
            if matches!(self.inode(at).kind, Kind::Symlink(_)) {
                return self.path(at) != *path;
            }
        }
        false
    }
}
