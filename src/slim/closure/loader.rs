//! Which files the dynamic loader of an image opens for a library: the order of ld.so(8), and musl's own rules.
//!
//! # Decisions
//! - Every place that could win is taken, not the first alone: `glibc-hwcaps` depend on the machine that the image will
//!   run on, and the cache may be newer or older than the directories.
//! - RPATH reaches down to what is loaded for a file. Rather than by chains, that is done by looking, for what is not
//!   found otherwise, in every RPATH and RUNPATH that was met: those directories are seldom a package's.
//! - musl: LD_LIBRARY_PATH, then RPATH and RUNPATH alike, then `/etc/ld-musl-ARCH.path` in place of the usual
//!   directories (ldso/dynlink.c); its own libraries are the loader.

use std::collections::HashMap;

use super::cache;
use super::elf::Elf;
use super::ground::{Ground, Way};
use crate::packages::{children, file};
use crate::tree::{EntryRef, Kind, NodeId, Tree};

/// Directories that are looked at, by whoever named them.
const MAX_DIRECTORIES: usize = 256;
/// Bytes of a file of settings.
const MAX_SETTINGS: u64 = 16 << 20;
/// How often settings lead to other settings.
pub(super) const MAX_ROUNDS: usize = 8;

/// Where the cache is.
pub(super) const CACHE: &[u8] = b"etc/ld.so.cache";
const CONF: &[u8] = b"etc/ld.so.conf";

/// Where libraries are.
#[derive(Debug, Default)]
pub(super) struct Loader {
    /// Directories that LD_LIBRARY_PATH names.
    variable: Vec<Vec<u8>>,
    /// Directories that ld.so.conf names.
    conf: Vec<Vec<u8>>,
    /// Directories that glibc looks in by itself.
    usual: Vec<Vec<u8>>,
    /// What ld.so.cache says, by name.
    cache: HashMap<Box<[u8]>, Vec<Box<[u8]>>>,
    /// Directories of musl.
    musl: Vec<Vec<u8>>,
    /// Every RPATH and RUNPATH that was met.
    met: Vec<Vec<u8>>,
}

impl Loader {
    /// The loader of an image; `records` has the bytes of its settings, by entry.
    pub(super) fn new(ground: &Ground<'_>, records: &HashMap<EntryRef, Vec<u8>>) -> Self {
        let variable = split(ground.variable("LD_LIBRARY_PATH").unwrap_or("").as_bytes());
        let text = |id: NodeId| records.get(&ground.tree.inode(id).source).map(Vec::as_slice);
        let mut loader = Self { variable, usual: usual(ground), ..Self::default() };
        for bytes in conf(ground, records).into_iter().filter_map(text) {
            loader.conf.extend(lines(bytes).filter(|line| line.starts_with(b"/")).map(<[u8]>::to_vec));
        }
        loader.conf.truncate(MAX_DIRECTORIES);
        if let Some(bytes) = file(ground.tree, CACHE).and_then(text) {
            loader.cache = cache::libraries(bytes);
        }
        for bytes in musl(ground.tree).into_iter().filter_map(text) {
            let places = bytes.split(|byte| matches!(byte, b'\n' | b':')).map(<[u8]>::trim_ascii);
            loader
                .musl
                .extend(places.filter(|place| place.starts_with(b"/")).take(MAX_DIRECTORIES).map(<[u8]>::to_vec));
        }
        loader.musl.truncate(MAX_DIRECTORIES);
        if loader.musl.is_empty() {
            loader.musl = [&b"/lib"[..], b"/usr/local/lib", b"/usr/lib"].map(<[u8]>::to_vec).into();
        }
        loader
    }

    /// The directories that `elf`, which is at `path`, looks in before all others.
    fn own(elf: &Elf, path: &[u8]) -> Vec<Vec<u8>> {
        let origin = &path[..path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)];
        let of = |list: &[u8]| split(&expanded(list, origin));
        let rpath = if elf.runpath.is_empty() { of(&elf.rpath) } else { Vec::new() };
        [rpath, of(&elf.runpath)].concat()
    }

    /// Notes where `elf`, which is at `path`, has others looked for.
    pub(super) fn meet(&mut self, elf: &Elf, path: &[u8]) {
        for place in Self::own(elf, path) {
            if self.met.len() < MAX_DIRECTORIES && !self.met.contains(&place) {
                self.met.push(place);
            }
        }
    }

    /// What may be opened for the library `name` that `elf`, which is at `path`, needs; `fits` tells whether a file is
    /// one that can be loaded there.
    pub(super) fn find(
        &self,
        ground: &Ground<'_>,
        elf: &Elf,
        path: &[u8],
        name: &[u8],
        fits: &dyn Fn(NodeId) -> bool,
    ) -> Vec<Way> {
        if name.contains(&b'/') {
            let origin = &path[..path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)];
            let way = ground.way(&expanded(name, origin));
            return way.end.is_some().then_some(way).into_iter().collect();
        }
        let is_musl = is_of_musl(elf);
        let mut found: Vec<Way> = Vec::new();
        let own = Self::own(elf, path);
        let usual: Vec<Vec<u8>> = if is_musl { self.musl.clone() } else { [&self.conf[..], &self.usual].concat() };
        for places in [&own, &self.variable, &usual] {
            let first = places.iter().find_map(|place| look(ground, place, name, fits));
            found.extend(first);
            if !is_musl {
                places.iter().for_each(|place| capable(ground, place, name, &mut found));
            }
        }
        if !is_musl {
            let cached = self.cache.get(name).into_iter().flatten().map(|path| ground.way(path));
            found.extend(cached.filter(|way| way.end.is_some_and(fits)));
        }
        if found.is_empty() {
            found.extend(self.met.iter().find_map(|place| look(ground, place, name, fits)));
        }
        found
    }
}

/// Whether a file is for musl's loader, as far as it says so.
pub(super) fn is_of_musl(elf: &Elf) -> bool {
    let names = elf.loader.iter().chain(&elf.needed);
    names.into_iter().any(|name| memchr::memmem::find(name, b"musl").is_some())
        || elf.needed.iter().any(|name| **name == *b"libc.so")
}

fn look(ground: &Ground<'_>, place: &[u8], name: &[u8], fits: &dyn Fn(NodeId) -> bool) -> Option<Way> {
    let way = ground.way(&[place, b"/", name].concat());
    way.end.filter(|end| ground.is_file(*end) && fits(*end))?;
    Some(way)
}

/// What is in `glibc-hwcaps` and in the directories before it, for machines that can more.
fn capable(ground: &Ground<'_>, place: &[u8], name: &[u8], found: &mut Vec<Way>) {
    let Some(place) = ground.way(place).end else { return };
    ground.spend(8);
    let hwcaps = ground.tree.child(place, b"glibc-hwcaps").into_iter();
    let mut kinds: Vec<NodeId> = hwcaps.flat_map(|hwcaps| ground.tree.children(hwcaps)).collect();
    kinds.sort_unstable();
    ground.spend(kinds.len());
    let old = [&b"haswell"[..], b"x86_64", b"tls", b"sse2", b"i686", b"neon"];
    kinds.extend(old.iter().filter_map(|kind| ground.tree.child(place, kind)));
    for library in kinds.into_iter().filter_map(|kind| ground.tree.child(kind, name)) {
        found.push(ground.way(&ground.path(library)));
    }
}

fn split(list: &[u8]) -> Vec<Vec<u8>> {
    let places = list.split(|byte| matches!(byte, b':' | b';')).filter(|place| place.starts_with(b"/"));
    places.take(MAX_DIRECTORIES).map(<[u8]>::to_vec).collect()
}

/// A list of directories with `$ORIGIN`, `$LIB` and `$PLATFORM` replaced.
fn expanded(list: &[u8], origin: &[u8]) -> Vec<u8> {
    let mut text = list.to_vec();
    for (name, value) in [(&b"ORIGIN"[..], origin), (b"LIB", b"lib/x86_64-linux-gnu"), (b"PLATFORM", b"x86_64")] {
        for spelled in [[b"$", name].concat(), [b"${", name, b"}"].concat()] {
            let mut done = Vec::new();
            let mut rest = &text[..];
            while let Some(at) = memchr::memmem::find(rest, &spelled).filter(|_| done.len() < 1 << 16) {
                done.extend_from_slice(&rest[..at]);
                done.extend_from_slice(value);
                rest = &rest[at + spelled.len()..];
            }
            done.extend_from_slice(rest);
            text = done;
        }
    }
    text
}

/// The files that say where libraries are, as far as it is known before any is read.
pub(super) fn settings(tree: &Tree) -> Vec<NodeId> {
    let mut found: Vec<NodeId> = [CACHE, CONF].into_iter().filter_map(|path| file(tree, path)).collect();
    found.extend(children(tree, b"etc/ld.so.conf.d", |name| name.ends_with(b".conf")));
    found.extend(musl(tree));
    found.retain(|id| is_small(tree, *id));
    found
}

fn is_small(tree: &Tree, id: NodeId) -> bool {
    matches!(tree.inode(id).kind, Kind::File { size: 0..=MAX_SETTINGS, .. })
}

fn musl(tree: &Tree) -> Vec<NodeId> {
    children(tree, b"etc", |name| name.starts_with(b"ld-musl-") && name.ends_with(b".path"))
}

/// Files that ld.so.conf includes and that were not read yet.
pub(super) fn included(ground: &Ground<'_>, records: &HashMap<EntryRef, Vec<u8>>) -> Vec<NodeId> {
    let is_new = |id: &NodeId| !records.contains_key(&ground.tree.inode(*id).source) && is_small(ground.tree, *id);
    conf(ground, records).into_iter().filter(is_new).collect()
}

/// ld.so.conf and the files that it includes, in order, as far as they were read.
fn conf(ground: &Ground<'_>, records: &HashMap<EntryRef, Vec<u8>>) -> Vec<NodeId> {
    let mut found: Vec<NodeId> = file(ground.tree, CONF).into_iter().collect();
    let mut at = 0;
    while at < found.len().min(MAX_DIRECTORIES) {
        let text = records.get(&ground.tree.inode(found[at]).source).map_or(&[][..], Vec::as_slice);
        at += 1;
        let patterns = lines(text).filter_map(|line| line.strip_prefix(b"include"));
        for pattern in
            patterns.filter(|pattern| pattern.first().is_some_and(u8::is_ascii_whitespace)).take(MAX_DIRECTORIES)
        {
            for id in meant(ground, pattern.trim_ascii()) {
                if found.len() < MAX_DIRECTORIES && !found.contains(&id) {
                    found.push(id);
                }
            }
        }
    }
    found
}

/// Lines without comments and spaces around them.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bare = |line: &'_ [u8]| -> usize { line.iter().position(|byte| *byte == b'#').unwrap_or(line.len()) };
    text.split(|byte| *byte == b'\n').map(move |line| line[..bare(line)].trim_ascii())
}

/// The files that an `include` of ld.so.conf means: `*` in the last part of the path.
fn meant(ground: &Ground<'_>, pattern: &[u8]) -> Vec<NodeId> {
    let pattern = if pattern.starts_with(b"/") { pattern.to_vec() } else { [b"/etc/", pattern].concat() };
    let Some(slash) = pattern.iter().rposition(|byte| *byte == b'/') else { return Vec::new() };
    let (place, name) = (&pattern[..slash], &pattern[slash + 1..]);
    let mut paths: Vec<Vec<u8>> = match name.iter().position(|byte| *byte == b'*') {
        None => vec![pattern],
        Some(at) => {
            let (begin, end) = (&name[..at], &name[at + 1..]);
            let matches =
                |name: &&[u8]| name.len() >= begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end);
            let place_id = ground.way(place).end;
            let names = place_id.into_iter().flat_map(|place| ground.tree.children(place));
            let names = names.inspect(|_| ground.spend(1)).map(|id| ground.tree.name(id));
            names.filter(matches).map(|name| [place, b"/", name].concat()).collect()
        }
    };
    paths.sort();
    let files = paths.iter().filter_map(|path| ground.way(path).end);
    files.filter(|id| ground.is_file(*id)).collect()
}

fn usual(ground: &Ground<'_>) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    for place in [&b"/lib"[..], b"/usr/lib"] {
        let children = ground.way(place).end.into_iter().flat_map(|place| ground.tree.children(place));
        let mut names: Vec<&[u8]> = children.map(|id| ground.tree.name(id)).collect();
        names.retain(|name| memchr::memmem::find(name, b"-linux-").is_some());
        names.sort_unstable();
        found.extend(names.into_iter().map(|name| [place, b"/", name].concat()));
    }
    let others =
        [&b"/lib64"[..], b"/usr/lib64", b"/lib", b"/usr/lib", b"/lib32", b"/usr/lib32", b"/libx32", b"/usr/libx32"];
    found.extend(others.map(<[u8]>::to_vec));
    found
}
