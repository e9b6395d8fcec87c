//! Following symlinks inside a tree.
//!
//! # Decisions
//! - What symlinks lead through is counted for all paths together, so that crafted ones cost no more than time in
//!   proportion to the names there are. The components of a path itself are not: whoever asks has read them.

use super::names::Tree;
use super::node::{Kind, NodeId, SymlinkLoop};
use super::path::{MAX_PATH, TreePath};

/// As many symlinks as Linux follows.
const MAX_HOPS: usize = 40;
/// Components of targets that following symlinks may cost in any tree.
const FIXED: u64 = 1 << 20;
/// The same for each name besides. Real ones need a few; crafted ones could make each walk 40 links of thousands.
const FOR_EACH_NAME: u64 = 256;

/// What following symlinks may still cost: one for each component of their targets.
#[derive(Clone, Debug)]
pub struct Follow {
    left: u64,
}

impl Follow {
    /// Enough for `names` paths.
    pub fn new(names: usize) -> Self {
        Self { left: FIXED.saturating_add((names as u64).saturating_mul(FOR_EACH_NAME)) }
    }

    /// Enough for one path more.
    pub(super) fn one_more(&mut self) {
        self.left = self.left.saturating_add(FOR_EACH_NAME);
    }

    /// Whether nothing is left, so that nothing is known of what is asked.
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }

    fn spend(&mut self, components: usize) -> bool {
        let left = self.left.checked_sub(components as u64);
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

/// Where a path leads.
struct Destination {
    path: TreePath,
    /// What is there.
    node: Option<NodeId>,
}

impl Tree {
    /// Where `path` leads when the symlinks on its way are followed inside this tree; its last component is not
    /// followed. Absolute targets and `..` stay inside the root. What is not in the tree is taken as it stands. With
    /// nothing left of `follow` it counts as a loop.
    pub(super) fn follow(&self, path: &TreePath, follow: &mut Follow) -> Result<TreePath, SymlinkLoop> {
        Ok(self.lead(path, false, follow)?.path)
    }

    /// What is at `path` when symlinks on the way are followed, but not a last one.
    pub fn locate(&self, path: &TreePath, follow: &mut Follow) -> Option<NodeId> {
        self.lead(path, false, follow).ok()?.node
    }

    /// What `path` leads to when all symlinks are followed, a last one too.
    pub fn resolve(&self, path: &TreePath, follow: &mut Follow) -> Option<NodeId> {
        self.lead(path, true, follow).ok()?.node
    }

    fn lead(&self, path: &TreePath, last_too: bool, follow: &mut Follow) -> Result<Destination, SymlinkLoop> {
        let fail = || SymlinkLoop(path.clone());
        let mut hops = 0;
        let mut done = TreePath::default();
        // What is at each component of `done`, so that `..` costs nothing.
        let mut way: Vec<Option<NodeId>> = Vec::new();
        let mut todo: Vec<&[u8]> = path.components().collect();
        todo.reverse();
        while let Some(name) = todo.pop() {
            if name == b".." {
                done.pop();
                way.pop();
                continue;
            }
            let at = way.last().copied().unwrap_or(Some(self.root()));
            let child = at.and_then(|at| self.child(at, name));
            match child.map(|child| &self.inode(child).kind) {
                Some(Kind::Symlink(target)) if last_too || !todo.is_empty() => {
                    hops += 1;
                    if hops > MAX_HOPS || target.len() > MAX_PATH {
                        return Err(fail());
                    }
                    if target.starts_with(b"/") {
                        (done, way) = (TreePath::default(), Vec::new());
                    }
                    let before = todo.len();
                    let names = target.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
                    todo.extend(names.rev());
                    if !follow.spend(todo.len() - before) {
                        return Err(fail());
                    }
                }
                _ => {
                    done.push(name);
                    way.push(child);
                }
            }
        }
        Ok(Destination { path: done, node: way.last().copied().unwrap_or(Some(self.root())) })
    }

    /// Whether a symlink lies on the way to `path`; the last component does not count.
    pub(super) fn has_symlink_on_the_way(&self, path: &TreePath) -> bool {
        let mut at = self.root();
        let mut names = path.components().peekable();
        while let Some(name) = names.next() {
            match self.child(at, name) {
                Some(child) => at = child,
                None => return false,
            }
            if matches!(self.inode(at).kind, Kind::Symlink(_)) {
                return names.peek().is_some();
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::builder::LayerBuilder;
    use super::super::meta::Meta;
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::parse(text.as_bytes()).unwrap()
    }

    /// A tree of files and symlinks (`name -> target`) with the directories they need.
    fn tree(lines: &[&str]) -> Tree {
        let mut builder = LayerBuilder::new();
        for line in lines {
            let (name, kind) = match line.split_once(" -> ") {
                Some((name, target)) => (name, Kind::Symlink(target.as_bytes().into())),
                None => (*line, Kind::File { size: 0, fingerprint: 0 }),
            };
            builder.put(&path(name), kind, Meta::implied(), true).unwrap();
        }
        builder.finish().unwrap().0.upper().clone()
    }

    fn leads(tree: &Tree, from: &str) -> Result<TreePath, SymlinkLoop> {
        tree.follow(&path(from), &mut Follow::new(0))
    }

    #[test]
    fn symlinks_are_followed_inside_the_root_and_the_last_one_is_not() {
        let tree = tree(&["usr/lib/x", "lib -> usr/lib", "a -> /lib", "up -> ../../usr", "dangling -> no/where"]);
        for (from, to) in [
            ("lib/x", "usr/lib/x"),
            ("a/x", "usr/lib/x"),
            ("a", "a"),
            ("up/lib/x", "usr/lib/x"),
            ("dangling/y", "no/where/y"),
            ("absent/y", "absent/y"),
        ] {
            assert_eq!(leads(&tree, from), Ok(path(to)), "{from}");
        }
        let find = |text| tree.find(&path(text));
        let mut follow = Follow::new(0);
        assert_eq!(tree.locate(&path("a"), &mut follow), find("a"));
        assert_eq!(tree.resolve(&path("a"), &mut follow), find("usr/lib"));
        assert_eq!(tree.resolve(&path("up/lib/x"), &mut follow), find("usr/lib/x"));
        assert_eq!(tree.resolve(&path("dangling/y"), &mut follow), None);
        assert_eq!(tree.resolve(&path(""), &mut follow), Some(tree.root()));
    }

    #[test]
    fn dots_go_back_to_what_was_there() {
        let tree = tree(&["d/e/f", "d/up -> ../d/e/../e/no/../f", "out -> ../../../d/./e"]);
        assert_eq!(leads(&tree, "d/up/x"), Ok(path("d/e/f/x")));
        assert_eq!(tree.resolve(&path("d/up"), &mut Follow::new(0)), tree.find(&path("d/e/f")));
        assert_eq!(leads(&tree, "out/f"), Ok(path("d/e/f")));
    }

    #[test]
    fn a_symlink_loop_ends() {
        let tree = tree(&["a -> b", "b -> a"]);
        assert_eq!(leads(&tree, "a/x"), Err(SymlinkLoop(path("a/x"))));
    }

    #[test]
    fn what_targets_cost_is_counted_and_what_paths_cost_is_not() {
        let deep = "d/".repeat(1000);
        let tree = tree(&[&format!("{deep}f"), &format!("s -> {deep}")]);
        let mut follow = Follow { left: 2500 };
        for _ in 0..9 {
            assert!(tree.resolve(&path(&format!("{deep}f")), &mut follow).is_some());
        }
        assert!(tree.resolve(&path("s/f"), &mut follow).is_some());
        assert!(tree.resolve(&path("s/f"), &mut follow).is_some());
        assert_eq!((tree.resolve(&path("s/f"), &mut follow), follow.is_spent()), (None, true));
        assert!(tree.resolve(&path(&format!("{deep}f")), &mut follow).is_some(), "no symlink is on the way");
    }
}
