//! Which files have room on a page: the ones that weigh most by themselves, the others together, a row in their folder.

use std::collections::BTreeMap;

/// A file that may become a row.
#[derive(Clone, Copy)]
pub(super) struct Row<'r, K> {
    /// The place of its folder.
    pub(super) folder: usize,
    pub(super) name: &'r str,
    /// How much it matters that it is seen.
    pub(super) weight: u64,
    /// What is added up where files become one row.
    pub(super) bytes: [u64; 2],
    /// Only files that have this in common become one row.
    pub(super) key: K,
}

/// A row of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown<'r, K> {
    /// The place of its folder among those of the page.
    pub(super) folder: usize,
    /// Empty for several files.
    pub(super) name: &'r str,
    pub(super) bytes: [u64; 2],
    pub(super) key: K,
    /// Files that it stands for.
    pub(super) many: u64,
}

/// What is on a page.
pub(super) struct Fitted<'r, K> {
    /// Folders: what each is called and where the one is that it is in. The root comes first.
    pub(super) folders: Vec<(&'r str, usize)>,
    /// By folder.
    pub(super) rows: Vec<Shown<'r, K>>,
    /// Files that are no row by themselves.
    pub(super) together: u64,
}

/// Bytes of the numbers of a row beside its sizes, and of a folder.
const ROW: usize = 18;
const FOLDER: usize = 14;
/// Of the room that is there, so many in ten are for rows of one file.
const SINGLE: usize = 8;

/// Fits `rows` into `room` bytes. `folders` have their names and the places of those that they are in, the root first
/// and each after the one that it is in. Where even rows of several files are too many, they become rows of the root by
/// a coarser key.
pub(super) fn fit<'r, K: Ord + Copy>(
    folders: &[(&'r str, usize)],
    mut rows: Vec<Row<'r, K>>,
    room: usize,
    coarser: impl Fn(K) -> K,
) -> Fitted<'r, K> {
    let folders = if folders.is_empty() { &[("", 0)] } else { folders };
    rows.sort_by_key(|row| std::cmp::Reverse(row.weight));
    let mut is_kept = vec![false; folders.len()];
    is_kept[0] = true;
    let (mut used, mut single) = (0, 0);
    for row in &rows {
        used += ROW + digits(row.bytes[0]) + digits(row.bytes[1]) + written(row.name);
        let mut at = row.folder;
        while !is_kept[at] {
            is_kept[at] = true;
            used += FOLDER + written(folders[at].0);
            at = folders[at].1;
        }
        // The folders of one that has no room any more are few.
        if used > room / 10 * SINGLE {
            break;
        }
        single += 1;
    }
    let place = places(folders, &is_kept);
    let many = rows.split_off(single);
    let most = (room / 10 * (10 - SINGLE)) / (2 * ROW);
    let mut groups: BTreeMap<(usize, K), ([u64; 2], u64)> = BTreeMap::new();
    for row in &many {
        let mut group = (place[row.folder], row.key);
        if groups.len() >= most && !groups.contains_key(&group) {
            group = (0, coarser(row.key));
        }
        let (bytes, count) = groups.entry(group).or_default();
        *bytes = [bytes[0].saturating_add(row.bytes[0]), bytes[1].saturating_add(row.bytes[1])];
        *count += 1;
    }
    let alone = rows.into_iter().map(|Row { folder, name, bytes, key, .. }| Shown {
        folder: place[folder],
        name,
        bytes,
        key,
        many: 1,
    });
    let together =
        groups.into_iter().map(|((folder, key), (bytes, many))| Shown { folder, name: "", bytes, key, many });
    let mut rows: Vec<Shown<'r, K>> = alone.chain(together).collect();
    rows.sort_by_key(|row| row.folder);
    let kept = folders.iter().zip(&is_kept).filter(|(_, is_kept)| **is_kept);
    Fitted { folders: kept.map(|((name, up), _)| (*name, place[*up])).collect(), rows, together: many.len() as u64 }
}

/// The place of each folder among those that are kept; of one that is not, that of the one around it that is.
fn places(folders: &[(&str, usize)], is_kept: &[bool]) -> Vec<usize> {
    let (mut places, mut next) = (Vec::with_capacity(folders.len()), 0);
    for ((_, up), is_kept) in folders.iter().zip(is_kept) {
        match is_kept {
            true => {
                places.push(next);
                next += 1;
            }
            false => places.push(places[*up]),
        }
    }
    places
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |digits| digits as usize + 1)
}

/// Bytes of a name in a page: what JSON or HTML has a meaning for is escaped.
fn written(name: &str) -> usize {
    1 + name
        .bytes()
        .map(|byte| match byte {
            b'<' => 6,
            b'"' | b'\\' => 2,
            _ => 1,
        })
        .sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(folder: usize, name: &str, weight: u64, key: u8) -> Row<'_, u8> {
        Row { folder, name, weight, bytes: [weight, 1], key }
    }

    const FOLDERS: [(&str, usize); 4] = [("", 0), ("a", 0), ("b", 1), ("c", 0)];

    #[test]
    fn all_that_fits_is_there_by_itself() {
        let rows = vec![row(2, "x", 5, 1), row(0, "y", 9, 2), row(2, "z", 7, 1)];
        let fitted = fit(&FOLDERS, rows, 10_000, |key| key);
        assert_eq!(fitted.folders, [("", 0), ("a", 0), ("b", 1)]);
        let rows: Vec<_> = fitted.rows.iter().map(|row| (row.folder, row.name, row.bytes[0])).collect();
        assert_eq!((rows, fitted.together), (vec![(0, "y", 9), (2, "z", 7), (2, "x", 5)], 0));
    }

    #[test]
    fn what_weighs_least_is_one_row_of_a_folder_that_is_there() {
        let names: Vec<String> = (0..100).map(|at| format!("file{at}")).collect();
        let mut rows: Vec<_> = names.iter().map(|name| row(2, name, 3, 1)).collect();
        rows.push(row(1, "large", 900, 1));
        rows.push(row(3, "other", 1, 2));
        let fitted = fit(&FOLDERS, rows, 1_000, |key| key);
        let alone = fitted.rows.iter().filter(|row| row.many == 1 && !row.name.is_empty()).count();
        assert!((10..30).contains(&alone), "{alone}");
        assert!(fitted.rows.iter().any(|row| row.name == "large"));
        let all: u64 = fitted.rows.iter().map(|row| row.many).sum();
        let bytes: u64 = fitted.rows.iter().map(|row| row.bytes[0]).sum();
        assert_eq!((all, bytes, fitted.together), (102, 1201, 102 - alone as u64));
        assert!(fitted.rows.iter().any(|row| row.name.is_empty() && row.key == 2 && row.folder == 0));
    }

    #[test]
    fn too_many_rows_of_several_become_rows_of_the_root() {
        let folders: Vec<(String, usize)> = (0..500).map(|at| (format!("d{at}"), 0)).collect();
        let folders: Vec<(&str, usize)> = folders.iter().map(|(name, up)| (&**name, *up)).collect();
        let rows = (0..500).flat_map(|at| [row(at, "f", 1, 1), row(at, "g", 1, 2)]).collect();
        let fitted = fit(&folders, rows, 3_000, |_| 0);
        assert!(fitted.rows.len() < 100, "{}", fitted.rows.len());
        assert_eq!(fitted.rows.iter().map(|row| row.many).sum::<u64>(), 1000);
    }
}
