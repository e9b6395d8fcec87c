//! pacman's files: a directory for each package.

use super::super::databases::{Database, Manager};
use super::{Edit, Known};

pub(super) fn edit(database: &Database, staying: &Known<'_>, edits: &mut Vec<Edit>) {
    let tree = staying.is.tree;
    for file in &database.files {
        let directory = tree.parent(*file);
        let name = tree.name(directory).rsplitn(3, |byte| *byte == b'-').nth(2).unwrap_or_default();
        if !staying.named(Manager::Pacman, name) {
            edits.extend(tree.children(directory).map(|file| Edit { file, contents: None }));
        } else if staying.is.in_parts {
            let Some(text) = staying.contents(*file) else { continue };
            let mut in_files = false;
            let stays = |line: &&[u8]| {
                let path = line.trim_ascii_end();
                if path.starts_with(b"%") || path.is_empty() {
                    in_files = path == b"%FILES%";
                    return true;
                }
                !in_files || staying.path(path)
            };
            staying.changed(
                *file,
                text.split_inclusive(|byte| *byte == b'\n').filter(stays).flatten().copied().collect(),
                edits,
            );
        }
    }
}
