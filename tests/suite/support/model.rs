//! The semantics once more, as simple as can be: a map of paths. Tests compare the tool with it on random images.
//!
//! It knows nothing of entries below symlinks of their own layer; the cases cover those.

use std::collections::{BTreeMap, BTreeSet};

use super::layer::Layer;
use super::node::{Kind, Node, Tree};

/// Files by path; names of one file share a number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    files: BTreeMap<Vec<u8>, usize>,
    nodes: Vec<Node>,
    /// Paths that no layer declares.
    implied: BTreeSet<Vec<u8>>,
}

fn parent(path: &[u8]) -> Option<&[u8]> {
    path.iter().rposition(|byte| *byte == b'/').map(|at| &path[..at])
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    path.len() > directory.len() && path.starts_with(directory) && path[directory.len()] == b'/'
}

impl Model {
    fn is_directory(&self, path: &[u8]) -> bool {
        self.files.get(path).is_some_and(|file| self.nodes[*file].kind == Kind::Directory)
    }

    fn remove(&mut self, path: &[u8]) {
        self.files.retain(|known, _| known != path && !is_below(known, path));
    }

    /// Makes the directories above `path` that are not there.
    fn imply(&mut self, path: &[u8]) {
        let Some(directory) = parent(path) else { return };
        self.imply(directory);
        if !self.is_directory(directory) {
            self.remove(directory);
            self.nodes.push(Node::implied());
            self.files.insert(directory.to_vec(), self.nodes.len() - 1);
            self.implied.insert(directory.to_vec());
        }
    }

    fn put(&mut self, path: &[u8], node: &Node) {
        self.imply(path);
        if node.kind == Kind::Directory && self.is_directory(path) {
            self.nodes[self.files[path]] = node.clone();
        } else {
            self.remove(path);
            self.nodes.push(node.clone());
            self.files.insert(path.to_vec(), self.nodes.len() - 1);
        }
        self.implied.remove(path);
    }

    /// Lays a layer over this; false when the layer cannot be (a link to nothing, a file in the way).
    pub(crate) fn apply(&mut self, layer: &Layer) -> bool {
        let mut gone: BTreeSet<Vec<u8>> = BTreeSet::new();
        let mut markers = Vec::new();
        for entry in &layer.entries {
            let name = entry.name.rsplit(|byte| *byte == b'/').next().unwrap();
            let Some(hidden) = name.strip_prefix(b".wh.") else { continue };
            let directory = parent(&entry.name).unwrap_or_default().to_vec();
            if hidden == b".wh..opq" {
                self.files.retain(|known, _| !is_below(known, &directory));
                markers.push(entry.name.clone());
            } else {
                let path = [&directory[..], if directory.is_empty() { b"" } else { b"/" }, hidden].concat();
                self.remove(&path);
                gone.insert(path);
                markers.push(entry.name.clone());
            }
        }
        let files = layer.entries.iter().filter(|entry| !markers.contains(&entry.name));
        let (links, others): (Vec<_>, Vec<_>) = files.partition(|entry| matches!(entry.node.kind, Kind::Link(_)));
        // Parents first, so that a directory's own entry does not matter for its place.
        let mut others = others;
        others.sort_by_key(|entry| entry.name.clone());
        for entry in &others {
            let blocked =
                others.iter().any(|file| file.node.kind != Kind::Directory && is_below(&entry.name, &file.name));
            if blocked {
                return false;
            }
            self.put(&entry.name, &entry.node);
        }
        // Places of links are taken before any target is looked up.
        for link in &links {
            let below = |path: &[u8]| is_below(path, &link.name);
            if layer.entries.iter().any(|entry| below(&entry.name)) {
                return false;
            }
            self.imply(&link.name);
            self.remove(&link.name);
        }
        for marker in &markers {
            let mut above: Vec<&[u8]> = std::iter::successors(parent(marker), |path| parent(path)).collect();
            above.retain(|path| !path.is_empty());
            let removed = above.iter().any(|path| gone.contains(*path) && !self.files.contains_key(*path));
            let blocked = |path: &&[u8]| {
                layer.entries.iter().any(|entry| entry.name == **path && entry.node.kind != Kind::Directory)
            };
            if !removed && !above.iter().any(blocked) {
                self.imply(marker);
            }
        }
        let mut left = links;
        while !left.is_empty() {
            let before = left.len();
            left.retain(|link| {
                let Kind::Link(target) = &link.node.kind else { return false };
                let Some(file) = self.files.get(target).copied().filter(|_| !self.is_directory(target)) else {
                    return true;
                };
                let kind = self.nodes[file].kind.clone();
                let mode = if matches!(kind, Kind::Symlink(_)) { self.nodes[file].mode } else { link.node.mode };
                self.nodes[file] = Node { kind, mode, ..link.node.clone() };
                self.files.insert(link.name.clone(), file);
                false
            });
            if left.len() == before {
                return false;
            }
        }
        true
    }

    pub(crate) fn tree(&self) -> Tree {
        let names =
            |file: usize| self.files.iter().filter(move |(_, known)| **known == file).map(|(path, _)| path.clone());
        self.files
            .iter()
            .map(|(path, file)| (path.clone(), (self.nodes[*file].clone(), names(*file).collect())))
            .collect()
    }
}
