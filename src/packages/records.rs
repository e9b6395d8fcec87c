//! Which files have to be read to tell what packages need, and to write records without some of them.

use super::PackagesError;
use super::databases::{Database, RPM, check, file, meta_files};
use crate::tree::{Kind, NodeId, Tree};

/// All files of `databases`, and those beside them that say what packages need or that have to change with them.
pub fn record_files(tree: &Tree, databases: &[Database]) -> Result<Vec<NodeId>, PackagesError> {
    for log in RPM.iter().filter_map(|place| file(tree, &[place, &b"/rpmdb.sqlite-wal"[..]].concat())) {
        if matches!(tree.inode(log).kind, Kind::File { size: 1.., .. }) {
            let path = format!("/{}", tree.path(log));
            return Err(PackagesError::Damaged {
                path,
                problem: "it has rows that were not yet put into the database",
            });
        }
    }
    let mut files: Vec<NodeId> = databases.iter().flat_map(|database| meta_files(tree, database)).collect();
    files.extend(databases.iter().flat_map(|database| &database.files));
    files.extend(super::without::files(tree, databases));
    files.sort_unstable();
    files.dedup();
    check(tree, files.iter())?;
    Ok(files)
}
