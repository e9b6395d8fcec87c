//! dpkg's files: `status` and what is beside it.

use super::super::databases::{Manager, children, directory, file};
use super::super::inventory::read::{field, is_there, paragraphs};
use super::{Edit, Known};
use crate::tree::{NodeId, Tree};

/// Files of paragraphs, each about a package.
const PARAGRAPHS: [&[u8]; 3] = [b"var/lib/dpkg/status", b"var/lib/dpkg/available", b"var/lib/apt/extended_states"];

pub(super) fn files(tree: &Tree) -> Vec<NodeId> {
    let mut found: Vec<NodeId> = PARAGRAPHS.iter().filter_map(|path| file(tree, path)).collect();
    found.extend(file(tree, b"var/lib/dpkg/diversions"));
    for place in [&b"var/lib/dpkg/triggers"[..], b"var/lib/dpkg/status.d"] {
        found.extend(children(tree, place, |_| true));
    }
    found.extend(children(tree, b"var/lib/dpkg/info", |name| name.ends_with(b".list") || name.ends_with(b".md5sums")));
    found
}

pub(super) fn edit(staying: &Known<'_>, edits: &mut Vec<Edit>) {
    let tree = staying.is.tree;
    for file in PARAGRAPHS.iter().filter_map(|path| file(tree, path)) {
        if let Some(text) = staying.contents(file) {
            staying.changed(file, of_paragraphs(text, staying), edits);
        }
    }
    if let Some(file) = file(tree, b"var/lib/dpkg/diversions") {
        if let Some(text) = staying.contents(file) {
            let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
            let stays = |three: &&[&[u8]]| {
                three.last().is_none_or(|package| staying.named(Manager::Dpkg, package.trim_ascii()))
            };
            staying.changed(
                file,
                lines.chunks(3).filter(stays).flatten().flat_map(|line| line.iter().copied()).collect(),
                edits,
            );
        }
    }
    for file in children(tree, b"var/lib/dpkg/triggers", |_| true) {
        let Some(text) = staying.contents(file) else { continue };
        // "path package" in File, "package" elsewhere; with /noawait behind it.
        let stays = |line: &&[u8]| {
            let package = line.trim_ascii().rsplit(|byte| *byte == b' ').next().unwrap_or(line);
            let package = package.split(|byte| *byte == b'/').next().unwrap_or(package);
            staying.named(Manager::Dpkg, package)
        };
        let is_list = !matches!(tree.name(file), b"Lock" | b"Unincorp");
        if is_list {
            staying.changed(
                file,
                text.split_inclusive(|byte| *byte == b'\n').filter(stays).flatten().copied().collect(),
                edits,
            );
        }
    }
    info(staying, edits);
}

/// Every paragraph of a package that stays, byte for byte.
fn of_paragraphs(text: &[u8], staying: &Known<'_>) -> Vec<u8> {
    let stays = |paragraph: &&[u8]| {
        let Some(name) = field(paragraph, "Package") else { return true };
        let name = match field(paragraph, "Architecture") {
            Some(architecture) => [name, b":", architecture].concat(),
            None => name.to_vec(),
        };
        !is_there(paragraph) || staying.named(Manager::Dpkg, &name)
    };
    paragraphs(text).filter(stays).flatten().copied().collect()
}

/// What is said of each package in files of its own.
fn info(staying: &Known<'_>, edits: &mut Vec<Edit>) {
    let tree = staying.is.tree;
    for place in [&b"var/lib/dpkg/info"[..], b"var/lib/dpkg/status.d"] {
        for file in directory(tree, place).into_iter().flat_map(|place| tree.children(place)) {
            let name = tree.name(file);
            let is_single = place.ends_with(b"status.d");
            // libc6:amd64.list; a name may have dots, what comes behind it has none. In status.d it may have nothing.
            let (package, kind) = match name.iter().rposition(|byte| *byte == b'.') {
                Some(dot) if !is_single || name.ends_with(b".md5sums") => (&name[..dot], &name[dot..]),
                _ if is_single => (name, &b""[..]),
                _ => continue,
            };
            if !staying.named(Manager::Dpkg, package) {
                edits.push(Edit { file, contents: None });
            } else if staying.is.in_parts {
                let Some(text) = staying.contents(file) else { continue };
                let path = |line: &'_ [u8]| -> Vec<u8> {
                    match kind {
                        b".list" => line.trim_ascii_end().to_vec(),
                        _ => line.trim_ascii_end().get(34..).unwrap_or_default().to_vec(),
                    }
                };
                if matches!(kind, b".list" | b".md5sums") {
                    let lines = text.split_inclusive(|byte| *byte == b'\n').filter(|line| staying.path(&path(line)));
                    staying.changed(file, lines.flatten().copied().collect(), edits);
                }
            }
        }
    }
}
