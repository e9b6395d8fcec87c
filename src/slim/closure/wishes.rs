//! What people and settings name besides what runs.

use std::collections::{HashMap, HashSet};

use super::super::rules::Named;
use super::super::rules::walk::walk;
use super::ground::{Ground, Way};
use super::reach::Reach;
use super::refused::MinifyError;
use super::request::Minify;
use super::roots;
use crate::oci::Document;
use crate::tree::{Kind, NodeId, Tree};

/// Variables whose directories are for looking in, or name no file.
const SEARCHED: [&str; 8] =
    ["PATH", "LD_LIBRARY_PATH", "MANPATH", "HOME", "PWD", "TERM", "XDG_DATA_DIRS", "PKG_CONFIG_PATH"];

/// What people ask for.
pub(super) fn wishes(ground: &Ground<'_>, minify: &Minify, reach: &mut Reach<'_>) -> Result<(), MinifyError> {
    for name in &minify.with {
        let mut ways: Vec<Way> = roots::program(ground, name).into_iter().collect();
        if ways.is_empty() {
            ways.extend(ground.programs(name.as_bytes()).iter().map(|id| ground.way(&ground.path(*id))));
        }
        if ways.iter().all(|way| way.end.is_none()) {
            return Err(MinifyError::NoSuchProgram(name.clone()));
        }
        ways.iter().for_each(|way| reach.root_way(way, "--with"));
    }
    for name in &minify.with_packages {
        let found = ground.inventory.named(name.as_bytes());
        if found.is_empty() {
            return Err(MinifyError::NoSuchPackage(name.clone()));
        }
        for id in found {
            reach.root_package(id, "--with-package".to_owned());
            let files = ground.inventory.package(id).files.iter().filter(|file| !ground.is_directory(**file));
            files.for_each(|file| reach.root(*file, "--with-package".to_owned()));
        }
    }
    Ok(())
}

/// What variables name.
pub(super) fn environment(ground: &Ground<'_>, reach: &mut Reach<'_>) {
    for (name, value) in ground.env.iter().filter(|(name, _)| !SEARCHED.contains(&name.as_str())) {
        for path in value.split([':', ' ', ',', ';', '=']).filter(|path| path.starts_with('/')).take(64) {
            let way = ground.way(path.as_bytes());
            if way.end.is_some_and(|end| end != ground.tree.root()) {
                reach.root_way(&way, &format!("Env {name}"));
            }
        }
    }
}

/// What a person says that stays.
pub(super) fn named(tree: &Tree, named: &Named) -> HashSet<NodeId> {
    let globs: Vec<(usize, &_)> = named
        .0
        .iter()
        .enumerate()
        .flat_map(|(at, (_, globs))| globs.globs.iter().map(move |glob| (at, glob)))
        .collect();
    let mut last: HashMap<NodeId, usize> = HashMap::new();
    let all: Vec<&_> = globs.iter().map(|(_, glob)| *glob).collect();
    let mut directories: Vec<(NodeId, usize)> = Vec::new();
    walk(tree, &all, None, &mut |at, id| {
        let at = globs[at].0;
        last.entry(id).and_modify(|known| *known = at.max(*known)).or_insert(at);
        if tree.inode(id).kind == Kind::Directory {
            directories.push((id, at));
        }
    });
    // A directory means all that is in it.
    while let Some((directory, at)) = directories.pop() {
        for child in tree.children(directory) {
            let known = last.get(&child).copied();
            if known.is_none_or(|known| known < at) {
                last.insert(child, at);
                if tree.inode(child).kind == Kind::Directory {
                    directories.push((child, at));
                }
            }
        }
    }
    last.into_iter().filter(|(_, at)| named.0[*at].0).map(|(id, _)| id).collect()
}

/// The directories that are volumes.
pub(super) fn volumes(ground: &Ground<'_>, config: &Document) -> HashSet<NodeId> {
    let named: HashMap<String, serde_json::Value> = config.get("Volumes", "").ok().flatten().unwrap_or_default();
    let places = named.keys().filter_map(|volume| ground.way(volume.as_bytes()).end);
    places.filter(|id| *id != ground.tree.root()).collect()
}
