//! Matching many globs in one walk through a tree.
//!
//! # Decisions
//! - A directory is entered only while some glob could match below it, so the cost is that of the places that globs
//!   name.
//! - A symlink that a glob names on its way is followed inside the tree; `**` never follows one, and a symlink at the
//!   end is matched as what it is. What was reached through symlinks is gone through once, however many lead there, and
//!   what all symlinks together may cost is limited.

use std::collections::HashSet;

use super::glob::{Glob, Part};
use crate::tree::{Follow, Kind, NodeId, Tree};

/// A glob and which of its parts is next.
type State = (u32, u16);

/// Walks `tree` and tells `found` of every name that one of `globs` matches, by the place of the glob. Where `only` is
/// given, by node, nothing else is looked at.
pub(in crate::slim) fn walk(tree: &Tree, globs: &[&Glob], only: Option<&[bool]>, found: &mut dyn FnMut(usize, NodeId)) {
    let mut begin = Vec::new();
    for (at, glob) in (0..).zip(globs) {
        enter(glob, (at, 0), &mut begin);
    }
    // What was entered through a symlink may be reached again by other ways, or by itself.
    let mut entered: HashSet<(NodeId, State)> = HashSet::new();
    let mut follow = Follow::new(tree.len());
    let mut todo = vec![(tree.root(), begin, false)];
    while let Some((directory, states, is_linked)) = todo.pop() {
        for child in tree.children(directory) {
            let kind = &tree.inode(child).kind;
            let is_symlink = matches!(kind, Kind::Symlink(_));
            if only.is_some_and(|only| !only[child.index()]) && !is_symlink {
                continue;
            }
            let (mut inside, mut beyond) = (Vec::new(), Vec::new());
            let name = tree.name(child);
            for (at, part) in &states {
                let glob = globs[*at as usize];
                let wanted = &glob.parts[usize::from(*part)];
                if !wanted.matches(name) {
                    continue;
                }
                let is_last = usize::from(*part) + 1 == glob.parts.len();
                if is_last {
                    found(*at as usize, child);
                }
                match wanted {
                    Part::Any => enter(glob, (*at, *part), &mut inside),
                    _ if is_last => {}
                    _ if is_symlink => enter(glob, (*at, part + 1), &mut beyond),
                    _ => enter(glob, (*at, part + 1), &mut inside),
                }
            }
            if *kind == Kind::Directory {
                // A glob may come to the same part in several ways, in a deep directory in as many as it is deep.
                inside.sort_unstable();
                inside.dedup();
                if is_linked {
                    inside.retain(|state| entered.insert((child, *state)));
                }
                if !inside.is_empty() {
                    todo.push((child, inside, is_linked));
                }
            }
            if beyond.is_empty() {
                continue;
            }
            if let Some(target) = tree.resolve(&tree.path(child), &mut follow) {
                beyond.retain(|state| entered.insert((target, *state)));
                if !beyond.is_empty() && tree.inode(target).kind == Kind::Directory {
                    todo.push((target, beyond, true));
                }
            }
        }
    }
}

/// Goes to a part of a glob, and to the one behind it where it may stand for nothing.
fn enter(glob: &Glob, (at, part): State, states: &mut Vec<State>) {
    states.push((at, part));
    if matches!(glob.parts[usize::from(part)], Part::Any) && usize::from(part) + 1 < glob.parts.len() {
        states.push((at, part + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::super::glob::parse;
    use super::*;
    use crate::tree::{LayerBuilder, Meta, TreePath};

    fn tree(lines: &[&str]) -> Tree {
        let mut builder = LayerBuilder::new();
        for line in lines {
            let (name, kind) = match line.split_once(" -> ") {
                Some((name, target)) => (name, Kind::Symlink(target.as_bytes().into())),
                None => (*line, Kind::File { size: 1, fingerprint: 1 }),
            };
            builder.put(&TreePath::parse(name.as_bytes()).unwrap(), kind, Meta::implied(), true).unwrap();
        }
        builder.finish().unwrap().0.upper().clone()
    }

    fn matched(lines: &[&str], glob: &str) -> Vec<String> {
        let tree = tree(lines);
        let globs = parse(glob).unwrap();
        let mut names = Vec::new();
        walk(&tree, &globs.iter().collect::<Vec<_>>(), None, &mut |_, id| names.push(tree.path(id).to_string()));
        names.sort();
        names.dedup();
        names
    }

    #[test]
    fn globs_match_whole_paths() {
        let files = ["a/b/c", "a/b/d.x", "a/e", "x/a/b/c"];
        assert_eq!(matched(&files, "/a/**"), ["a/b", "a/b/c", "a/b/d.x", "a/e"]);
        assert_eq!(matched(&files, "/a/*"), ["a/b", "a/e"]);
        assert_eq!(matched(&files, "/a/**/*.x"), ["a/b/d.x"]);
        assert_eq!(matched(&files, "**/b/c"), ["a/b/c", "x/a/b/c"]);
        assert_eq!(matched(&files, "/a/**/e"), ["a/e"]);
        assert_eq!(matched(&files, "**/a/**/c"), ["a/b/c", "x/a/b/c"]);
    }

    #[test]
    fn a_directory_that_a_glob_matches_again_and_again_is_matched_once() {
        let deep = "a/".repeat(500) + "f";
        let tree = tree(&[&deep]);
        let globs = parse("**/a/**/f").unwrap();
        let mut count = 0;
        walk(&tree, &globs.iter().collect::<Vec<_>>(), None, &mut |_, _| count += 1);
        assert_eq!(count, 1);
    }

    #[test]
    fn symlinks_are_followed_on_the_way_and_nowhere_else() {
        let files = ["run/x.pid", "var/run -> /run", "run/back -> /run", "run/out -> ../../../run"];
        assert_eq!(matched(&files, "/var/run/*.pid"), ["run/x.pid"]);
        assert_eq!(matched(&files, "/run/**"), ["run/back", "run/out", "run/x.pid"]);
        assert_eq!(matched(&files, "/run/back/out/*.pid"), ["run/x.pid"]);
        assert_eq!(matched(&["a/self -> self", "a/b -> b/c"], "/a/*/x"), [""; 0]);
    }
}
