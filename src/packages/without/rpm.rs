//! rpm's database: the rows of packages that are gone, and what every index has of them, are left out.

use std::cell::RefCell;

use super::super::databases::Database;
use super::super::rpm::Header;
use super::super::{Manager, PackagesError};
use super::{Edit, Known, sqlite};

pub(super) fn edit(database: &Database, staying: &Known<'_>, edits: &mut Vec<Edit>) -> Result<(), PackagesError> {
    // A name may be there several times, so rows are told by their order, in which the packages were read.
    let packages = staying.is.inventory.packages().filter(|(_, package)| package.manager == Manager::Rpm);
    let standing = RefCell::new(packages.map(|(id, _)| (staying.is.package)(id)));
    for file in &database.files {
        let Some(bytes) = staying.contents(*file) else { continue };
        let stays = |_: &[u8]| standing.borrow_mut().next().unwrap_or(true);
        let change = |blob: &mut [u8]| {
            if staying.is.in_parts {
                Header::mark_gone(blob, &|path| staying.path(path));
            }
        };
        let damaged = |problem| PackagesError::Damaged { path: format!("/{}", staying.is.tree.path(*file)), problem };
        let new = sqlite::without(bytes, b"Packages", &stays, &change).map_err(damaged)?;
        staying.changed(*file, new, edits);
    }
    Ok(())
}
