//! apk's files: `installed`, and the list of what was asked for.

use super::super::databases::{Database, Manager, file};
use super::super::inventory::read::paragraphs;
use super::{Edit, Known};
use crate::tree::{NodeId, Tree};

const WORLD: &[u8] = b"etc/apk/world";

pub(super) fn files(tree: &Tree, database: &Database) -> Vec<NodeId> {
    database.files.iter().copied().chain(file(tree, WORLD)).collect()
}

pub(super) fn edit(database: &Database, staying: &Known<'_>, edits: &mut Vec<Edit>) {
    for file in &database.files {
        let Some(text) = staying.contents(*file) else { continue };
        let name = |paragraph: &[u8]| {
            let mut lines = paragraph.split(|byte| *byte == b'\n');
            lines.find_map(|line| line.strip_prefix(b"P:").map(<[u8]>::to_vec))
        };
        let mut new = Vec::new();
        for paragraph in paragraphs(text).filter(|one| name(one).is_none_or(|name| staying.named(Manager::Apk, &name)))
        {
            if staying.is.in_parts {
                of_package(paragraph, staying, &mut new)
            } else {
                new.extend_from_slice(paragraph)
            }
        }
        staying.changed(*file, new, edits);
    }
    if let Some(world) = file(staying.is.tree, WORLD) {
        let Some(text) = staying.contents(world) else { return };
        let name = |line: &[u8]| line.split(|byte| b"<>=~@\n ".contains(byte)).next().unwrap_or(line).to_vec();
        let stays = |line: &&[u8]| staying.named(Manager::Apk, &name(line));
        staying.changed(
            world,
            text.split_inclusive(|byte| *byte == b'\n').filter(stays).flatten().copied().collect(),
            edits,
        );
    }
}

/// A paragraph without the files that are gone: `R:` and what is said of it, up to the next line of another kind.
fn of_package(paragraph: &[u8], staying: &Known<'_>, new: &mut Vec<u8>) {
    let mut directory: &[u8] = b"";
    let mut stays = true;
    for line in paragraph.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        match text.get(..2) {
            Some(b"F:") => (directory, stays) = (&text[2..], true),
            Some(b"R:") => stays = staying.path(&[directory, b"/", &text[2..]].concat()),
            Some(b"a:" | b"Z:") => {}
            _ => stays = true,
        }
        if stays {
            new.extend_from_slice(line);
        }
    }
}
