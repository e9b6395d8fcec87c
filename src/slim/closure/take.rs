//! Taking out what nothing needs, and writing records that say so.

use std::collections::{HashMap, HashSet};

use super::cache;
use super::close::{Closed, close};
use super::loader::CACHE;
use super::look::What;
use super::outcome::{MinifyOutcome, PackageBytes, Rewritten, Unseen};
use super::reach::Item;
use super::refused::MinifyError;
use super::request::{Grain, Minify};
use super::stays::{is_gone, is_in_volume};
use super::why::{chain, package, path};
use crate::layer::Layers;
use crate::oci::{Digest, Document};
use crate::packages::{Edit, PackageId, Staying, children, file, without};
use crate::text;
use crate::tree::{EntryRef, Fate, Fates, Kind, NodeId, Tree};

/// What was taken out.
#[derive(Debug, Default)]
pub struct Minified {
    /// What came of it; `None` when nothing was asked for.
    pub outcome: Option<MinifyOutcome>,
    /// Contents that no layer has, in the order of the entries of the layer that comes after the last.
    pub contents: Vec<Vec<u8>>,
}

/// What a closure comes to.
struct Verdict {
    gone: Vec<NodeId>,
    empty: Vec<NodeId>,
    edits: Vec<Edit>,
    outcome: MinifyOutcome,
}

/// Takes out of `tree`, whose contents lie in `layers`, what `minify` does not need and notes it in `fates`. `config`
/// is what containers of the new image will run by.
pub fn minify(
    tree: Option<&mut Tree>,
    minify: Option<&Minify>,
    config: &Document,
    layers: Layers<'_>,
    fates: &mut Fates,
) -> Result<Minified, MinifyError> {
    let Some(minify) = minify else { return Ok(Minified::default()) };
    let tree = tree.ok_or(MinifyError::NoTree)?;
    let Verdict { gone, empty, edits, outcome } = close(tree, minify, config, layers, |closed| judge(&closed, minify))?;
    for id in gone {
        tree.take_out(id, fates, Fate::Minified);
    }
    for id in empty {
        tree.take_out_empty(id, fates, Fate::Minified);
    }
    let mut contents = Vec::new();
    let layer = u16::try_from(layers.indexes.len()).unwrap_or(u16::MAX);
    for Edit { file, contents: new } in edits {
        match new {
            None => tree.take_out(file, fates, Fate::Minified),
            Some(bytes) => {
                let index = u32::try_from(contents.len()).unwrap_or(u32::MAX);
                tree.replace_contents(file, bytes.len() as u64, EntryRef { layer, index }, fates, Fate::Minified);
                contents.push(bytes);
            }
        }
    }
    Ok(Minified { outcome: Some(outcome), contents })
}

fn judge(closed: &Closed<'_>, minify: &Minify) -> Result<Verdict, MinifyError> {
    let tree = closed.ground.tree;
    let mut gone: HashSet<NodeId> = tree.nodes().filter(|id| is_gone(closed, *id)).collect();
    // Links of nobody's that lead to what goes.
    let leads_nowhere = |id: &NodeId| {
        matches!(tree.inode(*id).kind, Kind::Symlink(_)) && closed.ground.inventory.is_free(*id) && {
            let way = closed.ground.way(&closed.ground.path(*id));
            way.links.iter().chain(&way.end).any(|on_the_way| gone.contains(on_the_way))
        }
    };
    let dangling: Vec<NodeId> = tree.nodes().filter(|id| !gone.contains(id)).filter(leads_nowhere).collect();
    gone.extend(dangling.into_iter().filter(|id| !closed.kept.contains(id)));
    gone.extend(choices(closed, &gone));
    let staying = |id: PackageId| closed.reach.packages.contains_key(&id);
    let contents = |id: NodeId| closed.records.get(&tree.inode(id).source).map(Vec::as_slice);
    let staying = Staying {
        tree,
        inventory: closed.ground.inventory,
        package: &staying,
        file: &|id| !gone.contains(&id),
        in_parts: minify.grain == Grain::Files,
        contents: &contents,
    };
    let mut edits = without(closed.databases, staying)?;
    edits.extend(cached(closed, &gone));
    let removed: HashSet<NodeId> = edits.iter().filter(|edit| edit.contents.is_none()).map(|edit| edit.file).collect();
    let empty = empty(closed, &gone, &removed);
    let mut outcome = outcome(closed, minify, &gone);
    let exact = |id: &NodeId| text::exact(tree.path(*id).as_bytes());
    outcome.gone = gone.iter().chain(&empty).chain(&removed).map(exact).collect();
    outcome.gone.sort();
    outcome.rewritten = rewritten(tree, &edits);
    let mut gone: Vec<NodeId> = gone.into_iter().collect();
    gone.sort_unstable();
    Ok(Verdict { gone, empty, edits, outcome })
}

/// What gets other contents, by every name that it has.
fn rewritten(tree: &Tree, edits: &[Edit]) -> Vec<Rewritten> {
    let mut names: HashMap<EntryRef, Vec<NodeId>> = HashMap::new();
    for Edit { file, .. } in edits.iter().filter(|edit| edit.contents.is_some()) {
        names.entry(tree.inode(*file).source).or_default().push(*file);
    }
    if names.values().flatten().any(|file| tree.inode(*file).links > 1) {
        names.values_mut().for_each(Vec::clear);
        for id in tree.nodes() {
            names.entry(tree.inode(id).source).and_modify(|names| names.push(id));
        }
    }
    let of = |Edit { file, contents }: &Edit| {
        let (bytes, source) = (contents.as_ref()?, tree.inode(*file).source);
        let (digest, size) = (Digest::of(bytes).to_string(), bytes.len() as u64);
        let named = |id: &NodeId| Rewritten {
            path: text::exact(tree.path(*id).as_bytes()),
            digest: digest.clone(),
            bytes: size,
        };
        Some(names.get(&source)?.iter().map(named).collect::<Vec<_>>())
    };
    let mut all: Vec<Rewritten> = edits.iter().filter_map(of).flatten().collect();
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

/// What update-alternatives knows of links that are gone.
fn choices(closed: &Closed<'_>, gone: &HashSet<NodeId>) -> Vec<NodeId> {
    let tree = closed.ground.tree;
    let links = closed.ground.way(b"/etc/alternatives").end;
    let link = |choice: &NodeId| links.and_then(|links| tree.child(links, tree.name(*choice)));
    let known = children(tree, b"var/lib/dpkg/alternatives", |_| true).into_iter();
    known
        .filter(|choice| link(choice).is_some_and(|link| gone.contains(&link)) && !closed.kept.contains(choice))
        .collect()
}

/// The loader's cache without the libraries that are gone.
fn cached(closed: &Closed<'_>, gone: &HashSet<NodeId>) -> Option<Edit> {
    let ground = closed.ground;
    let cache = file(ground.tree, CACHE).filter(|id| !closed.kept.contains(id))?;
    let bytes = closed.records.get(&ground.tree.inode(cache).source)?;
    let stays = |path: &[u8]| {
        let way = ground.way(path);
        way.end.is_some() && !way.links.iter().chain(&way.end).any(|on_the_way| gone.contains(on_the_way))
    };
    Some(Edit { file: cache, contents: Some(cache::without(bytes, &stays)?) })
}

/// Directories of packages that are gone, and that have nothing in them any more; those in others come first.
fn empty(closed: &Closed<'_>, gone: &HashSet<NodeId>, removed: &HashSet<NodeId>) -> Vec<NodeId> {
    let (tree, inventory) = (closed.ground.tree, closed.ground.inventory);
    let mut left: HashMap<NodeId, usize> = HashMap::new();
    for id in tree.nodes().filter(|id| *id != tree.root() && !removed.contains(id) && !gone.contains(id)) {
        *left.entry(tree.parent(id)).or_default() += 1;
    }
    let is_needless = |id: NodeId| {
        let mut holders = inventory.holders(id).peekable();
        let is_owned = holders.peek().is_some();
        is_owned
            && (closed.reach.by_files() || !holders.any(|holder| closed.reach.packages.contains_key(&holder)))
            && !closed.kept.contains(&id)
            && !closed.reach.files.contains_key(&id)
            && !is_in_volume(closed, id)
            && tree.parent(id) != tree.root()
            && (!closed.reach.by_files() || is_deep(&closed.ground.path(id)))
    };
    let mut todo: Vec<NodeId> = gone.iter().map(|id| tree.parent(*id)).collect();
    todo.sort_unstable();
    todo.dedup();
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    while let Some(id) = todo.pop() {
        if left.get(&id).copied().unwrap_or(0) == 0 && is_needless(id) && seen.insert(id) {
            found.push(id);
            let parent = tree.parent(id);
            if let Some(left) = left.get_mut(&parent) {
                *left -= 1;
            }
            todo.push(parent);
        }
    }
    found
}

/// At file grain directories of packages that stay go too, but for those that programs expect: /tmp, /var/log,
/// /run/lock.
fn is_deep(path: &[u8]) -> bool {
    path.starts_with(b"/usr/share/") || path.starts_with(b"/usr/lib/") || path.starts_with(b"/usr/include/")
}

const MOST: usize = 10;
const MOST_UNSEEN: usize = 100;

fn outcome(closed: &Closed<'_>, minify: &Minify, gone: &HashSet<NodeId>) -> MinifyOutcome {
    let (tree, inventory) = (closed.ground.tree, closed.ground.inventory);
    let size = |id: NodeId| match tree.inode(id).kind {
        Kind::File { size, .. } if tree.inode(id).links == 1 => size,
        _ => 0,
    };
    let mut result = MinifyOutcome {
        grain: if minify.grain == Grain::Files { "files" } else { "packages" },
        files_gone: gone.len() as u64,
        bytes_gone: gone.iter().map(|id| size(*id)).sum(),
        own_bytes: tree.nodes().filter(|id| inventory.is_free(*id) && !gone.contains(id)).map(size).sum(),
        ..MinifyOutcome::default()
    };
    let (mut kept, mut lost) = (Vec::new(), Vec::new());
    for (id, package) in inventory.packages() {
        let bytes = |is_gone: bool| {
            package.files.iter().filter(|file| gone.contains(file) == is_gone).map(|file| size(*file)).sum::<u64>()
        };
        if closed.reach.packages.contains_key(&id) {
            result.bytes_kept += bytes(false);
            kept.push((bytes(false), id));
        } else {
            lost.push((bytes(true), id));
        }
    }
    (result.packages_kept, result.packages_gone) = (kept.len() as u64, lost.len() as u64);
    let largest = |mut all: Vec<(u64, PackageId)>, tells_why: bool| -> Vec<PackageBytes> {
        all.sort_by_key(|(bytes, id)| (std::cmp::Reverse(*bytes), *id));
        let said = all.into_iter().filter(|(bytes, _)| *bytes > 0).take(MOST).map(|(bytes, id)| PackageBytes {
            package: package(closed, id),
            bytes,
            because: if tells_why { chain(closed, Item::Package(id)).split_off(1) } else { Vec::new() },
        });
        said.collect()
    };
    result.largest_kept = largest(kept, true);
    result.largest_gone = largest(lost, false);
    result.unseen = unseen(closed, gone);
    result
}

fn unseen(closed: &Closed<'_>, gone: &HashSet<NodeId>) -> Unseen {
    let ground = closed.ground;
    let mut found = Unseen::default();
    let mut ids: Vec<NodeId> = closed.facts.keys().copied().filter(|id| !gone.contains(id)).collect();
    // What is the user's comes first.
    ids.sort_by_cached_key(|id| (!ground.inventory.is_free(*id), ground.path(*id)));
    let add = |list: &mut Vec<String>, id: NodeId| {
        if list.len() < MOST_UNSEEN {
            list.push(path(closed, id));
        }
    };
    for id in ids {
        let facts = &closed.facts[&id];
        let named = named_in_vain(closed, gone, id);
        found
            .named
            .extend(named.into_iter().take(MOST_UNSEEN - found.named.len()).map(|name| (name, path(closed, id))));
        if !closed.reach.files.contains_key(&id) {
            continue;
        }
        match &facts.kind {
            What::Elf(elf) => {
                // What it links and what it is called are in it too.
                let own = ground.tree.name(id);
                let is_own = |name: &[u8]| {
                    own.starts_with(name) || elf.loader.as_ref().is_some_and(|loader| loader.ends_with(name))
                };
                let is_other = |name: &[u8]| !elf.needed.iter().any(|known| **known == *name) && !is_own(name);
                let is_told = facts.libraries.iter().any(|name| is_other(name)) || !elf.notes.is_empty();
                if elf.opens && !is_told && !closed.rules.triggers.contains_key(&id) {
                    add(&mut found.opens, id);
                }
                if elf.problem.is_some() {
                    add(&mut found.cut, id);
                }
            }
            What::Script(_) if facts.computes => add(&mut found.computes, id),
            _ => {}
        }
        if facts.is_full {
            add(&mut found.cut, id);
        }
    }
    let mut missing: Vec<(String, String)> = closed
        .reach
        .missing
        .iter()
        .map(|(id, name)| (String::from_utf8_lossy(name).escape_debug().to_string(), path(closed, *id)))
        .collect();
    missing.sort();
    missing.dedup();
    missing.truncate(MOST_UNSEEN);
    found.missing = missing;
    found
}

/// Programs that are gone though a file names them that was not followed: one of a library of others, or one of
/// settings that a package brought.
fn named_in_vain(closed: &Closed<'_>, gone: &HashSet<NodeId>, id: NodeId) -> Vec<String> {
    let ground = closed.ground;
    let shown = |name: &[u8]| String::from_utf8_lossy(name).escape_debug().to_string();
    let is_lost = |name: &&[u8]| {
        let programs = ground.programs(name);
        !programs.is_empty() && programs.iter().all(|program| gone.contains(program))
    };
    let mut found: Vec<String> = closed.reach.passed_over(id).filter(is_lost).map(shown).collect();
    let facts = &closed.facts[&id];
    if matches!(facts.kind, What::Text) && !ground.inventory.is_free(id) {
        let is_it = |path: &&[u8]| {
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            is_lost(&name) && ground.way(path).end.is_some_and(|end| gone.contains(&end))
        };
        found.extend(facts.paths.iter().map(|path| &**path).filter(is_it).map(shown));
    }
    found
}
