//! The page of a difference.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::fit::{Row, fit};
use super::{Folders, IMAGES, ROOM, left_out, page};
use crate::report::diff::{Difference, FileDifference, ImageDifference, ImageTitle};
use crate::report::units::together;
use crate::text::line;

/// Characters of what is shown of each thing.
const WIDE: usize = 400;
const VALUE: usize = 200;
/// Members of the config, and images of one side, that are shown.
const MEMBERS: usize = 1_000;

/// How two archives differ, as a page.
pub fn difference(found: &Difference) -> String {
    let images: Vec<&ImageDifference> = found.images.iter().take(IMAGES).collect();
    let room = ROOM / images.len().max(1);
    let mut left_out: Vec<String> = Vec::new();
    if found.images.len() > images.len() {
        left_out.push(format!("Only the first {IMAGES} of {} images are shown.", found.images.len()));
    }
    let shown: Vec<Image> = images.iter().map(|image| Image::new(image, room, &mut left_out)).collect();
    let (old, new) = (line(&found.old, WIDE), line(&found.new, WIDE));
    let titles = |titles: &[ImageTitle]| titles.iter().take(MEMBERS).map(called).collect();
    let data = Data {
        version: found.version,
        about: format!("{old} and {new}"),
        old: old.clone(),
        new: new.clone(),
        images: shown,
        only_old: titles(&found.only_old),
        only_new: titles(&found.only_new),
        left_out,
    };
    page(&format!("{old} and {new} · how they differ"), include_str!("diff.js"), &data)
}

fn called(title: &ImageTitle) -> String {
    line(&format!("{}  {}", together(&title.names), title.platform), WIDE)
}

#[derive(Serialize)]
struct Data {
    version: &'static str,
    about: String,
    old: String,
    new: String,
    images: Vec<Image>,
    only_old: Vec<String>,
    only_new: Vec<String>,
    left_out: Vec<String>,
}

#[derive(Serialize)]
struct Image {
    names: Vec<String>,
    platform: String,
    entries: [u64; 2],
    bytes: [u64; 2],
    config: Vec<Member>,
    files: Files,
}

#[derive(Serialize)]
struct Member {
    member: String,
    old: Option<String>,
    new: Option<String>,
}

/// Files as columns.
#[derive(Serialize)]
struct Files {
    #[serde(flatten)]
    folders: Folders,
    /// Bytes before and after.
    bytes: Vec<u64>,
    after: Vec<u64>,
    /// Places in the list that follows: how each differs, and in what.
    change: Vec<usize>,
    changes: Vec<Change>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Change {
    /// `added`, `removed`, `grown`, `shrunk` or `changed`.
    how: &'static str,
    what: String,
}

impl Image {
    fn new(image: &ImageDifference, room: usize, told: &mut Vec<String>) -> Self {
        let (files, together) = Files::new(&image.files, room);
        told.extend(left_out(together));
        if image.config.len() > MEMBERS {
            told.push(format!("Only the first {MEMBERS} of {} members of the config are shown.", image.config.len()));
        }
        let value = |value: &Option<String>| value.as_deref().map(|value| line(value, VALUE));
        let member = |config: &crate::report::diff::ConfigDifference| Member {
            member: line(&config.member, WIDE),
            old: value(&config.old),
            new: value(&config.new),
        };
        Self {
            names: image.title.names.iter().take(MEMBERS).map(|name| line(name, WIDE)).collect(),
            platform: line(&image.title.platform, WIDE),
            entries: image.entries,
            bytes: image.bytes,
            config: image.config.iter().take(MEMBERS).map(member).collect(),
            files,
        }
    }
}

/// How a path differs, and in what.
fn change(file: &FileDifference) -> Change {
    let (old, new) = (file.old_bytes.unwrap_or_default(), file.new_bytes.unwrap_or_default());
    let how = match file.change {
        "changed" if new > old => "grown",
        "changed" if new < old => "shrunk",
        change => change,
    };
    let aspects: Vec<&str> = file.what.iter().map(|aspect| aspect.aspect).collect();
    Change { how, what: aspects.join(", ") }
}

impl Files {
    /// The paths in so many bytes, and how many of them have no row of their own.
    fn new(files: &[FileDifference], room: usize) -> (Self, u64) {
        let mut folders: Vec<(&str, usize)> = vec![("", 0)];
        let mut known: HashMap<(usize, &str), usize> = HashMap::new();
        let (mut changes, mut rows): (BTreeMap<Change, usize>, Vec<Row<'_, usize>>) = (BTreeMap::new(), Vec::new());
        for file in files {
            let (way, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
            let mut folder = 0;
            for name in way.split('/').filter(|name| !name.is_empty()) {
                folder = *known.entry((folder, name)).or_insert_with(|| {
                    folders.push((name, folder));
                    folders.len() - 1
                });
            }
            let (old, new) = (file.old_bytes.unwrap_or_default(), file.new_bytes.unwrap_or_default());
            let next = changes.len();
            let key = *changes.entry(change(file)).or_insert(next);
            // The root is called as it is.
            let name = if name.is_empty() { "." } else { name };
            rows.push(Row { folder, name, weight: old.abs_diff(new), bytes: [old, new], key });
        }
        let fitted = fit(&folders, rows, room, |key| key);
        let mut all: Vec<(Change, usize)> = changes.into_iter().collect();
        all.sort_by_key(|(_, place)| *place);
        let files = Self {
            folders: Folders::new(&fitted),
            bytes: fitted.rows.iter().map(|row| row.bytes[0]).collect(),
            after: fitted.rows.iter().map(|row| row.bytes[1]).collect(),
            change: fitted.rows.iter().map(|row| row.key).collect(),
            changes: all.into_iter().map(|(change, _)| change).collect(),
        };
        (files, fitted.together)
    }
}
