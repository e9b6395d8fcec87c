//! Two archives side by side: which image is compared with which, and how far they are the same.

use std::collections::HashMap;

use super::host::Host;
use super::open::Archive;
use super::shelf::Shelf;
use super::whole::Whole;
use crate::compare::{self, Aspects, Compared, Expected, Sides};
use crate::error::{Error, Of};
use crate::finding::Findings;
use crate::input::{Origin, Selection};
use crate::oci::{Catalog, Digest, Image, ImageId, Platform};
use crate::tree::{EntryRef, Inode, SparseMap};

/// An archive whose images are compared with others.
pub struct Side {
    archive: Archive,
    images: Catalog,
    names: HashMap<ImageId, Vec<String>>,
    shelf: Shelf,
    findings: Findings,
}

/// Images that are compared, and those that only the first and only the second side has.
pub type Pairs = (Vec<(ImageId, ImageId)>, Vec<ImageId>, Vec<ImageId>);

impl Side {
    /// Opens an archive and chooses images of it.
    pub fn open(origin: &Origin, selection: &Selection, host: Host<'_>) -> Result<Self, Error> {
        let archive = Archive::open(origin, host)?;
        let mut findings = Findings::new(false);
        let images = archive.choose(selection, &[], host, &mut findings)?;
        let names = crate::assemble::names(&images).into_iter();
        let names = names.map(|(id, names)| (id, names.iter().map(ToString::to_string).collect())).collect();
        let shelf = Shelf::for_images(&images);
        Ok(Self { archive, images, names, shelf, findings })
    }

    /// How it was given.
    pub fn given(&self) -> String {
        self.archive.given()
    }

    /// An image of it.
    pub fn image(&self, id: ImageId) -> &Image {
        &self.images.images[id.0]
    }

    /// The names with tags of an image.
    pub fn names(&self, id: ImageId) -> &[String] {
        self.names.get(&id).map_or(&[], Vec::as_slice)
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.archive.name
    }

    /// The images that were chosen.
    pub fn ids(&self) -> Vec<ImageId> {
        self.images.chosen().map(|(id, _)| id).collect()
    }

    /// Reads an image of it whole.
    pub fn whole<'h>(&mut self, id: ImageId, host: Host<'h>) -> Result<Whole<'h>, Error> {
        let image = &self.images.images[id.0];
        Whole::read(&self.archive, image, &mut self.shelf, host, &mut self.findings)
    }
}

/// Which image of one side is compared with which of the other, and those that only one side has. Two that are alone
/// are a pair whatever they are; of several, those for one platform are, and when there are several of these, those
/// with a name in common.
pub fn pairs(old: &Side, new: &Side) -> Pairs {
    let (olds, mut news) = (old.ids(), new.ids());
    if let ([one], [other]) = (&olds[..], &news[..]) {
        return (vec![(*one, *other)], Vec::new(), Vec::new());
    }
    let (mut pairs, mut missing) = (Vec::new(), Vec::new());
    let alike = |side: &Side, ids: &[ImageId], platform: &Platform| -> Vec<ImageId> {
        ids.iter().copied().filter(|id| side.image(*id).config.platform() == platform).collect()
    };
    for id in &olds {
        let platform = old.image(*id).config.platform();
        let mut candidates = alike(new, &news, platform);
        if candidates.len() > 1 || alike(old, &olds, platform).len() > 1 {
            let has_name = |other: &ImageId| new.names(*other).iter().any(|name| old.names(*id).contains(name));
            candidates.retain(has_name);
        }
        match candidates.first() {
            Some(other) => {
                news.retain(|id| id != other);
                pairs.push((*id, *other));
            }
            None => missing.push(*id),
        }
    }
    (pairs, missing, news)
}

/// Reads both images whole and compares them. With equal file systems every blob and layer was verified.
pub fn compared(
    (old, id): (&mut Side, ImageId),
    (new, new_id): (&mut Side, ImageId),
    expected: &Expected,
    ignored: Aspects,
    host: Host<'_>,
) -> Result<Compared, Error> {
    let (one, other) = (old.whole(id, host)?, new.whole(new_id, host)?);
    differences((&one, old.image(id)), (&other, new.image(new_id)), expected, ignored)
}

impl Side {
    /// The image whose id is this digest.
    pub fn find(&self, id: Digest) -> Option<ImageId> {
        self.images.chosen().find(|(_, image)| image.id() == id).map(|(id, _)| id)
    }

    /// Reads an image whole and compares it with one that was read before.
    pub fn compared_with(
        &mut self,
        id: ImageId,
        (one, image): (&Whole<'_>, &Image),
        expected: &Expected,
        host: Host<'_>,
    ) -> Result<Compared, Error> {
        let other = self.whole(id, host)?;
        differences((one, image), (&other, self.image(id)), expected, Aspects::default())
    }
}

fn differences(
    (one, old): (&Whole<'_>, &Image),
    (other, new): (&Whole<'_>, &Image),
    expected: &Expected,
    ignored: Aspects,
) -> Result<Compared, Error> {
    let pairs = compare::sparse_pairs(&one.tree, &other.tree);
    let ours = pairs.iter().map(|(old, _)| map(old)).collect();
    let theirs = pairs.iter().map(|(_, new)| map(new)).collect();
    let (name, other_name) = (&one.loaded.input, &other.loaded.input);
    let shapes: HashMap<EntryRef, Digest> = one.loaded.layers().shapes(&ours).of(name)?;
    let other_shapes: HashMap<EntryRef, Digest> = other.loaded.layers().shapes(&theirs).of(other_name)?;
    let rewritten = expected.rewritten.keys().filter_map(|path| Some(other.tree.inode(other.tree.find(path)?).source));
    let digests = other.loaded.layers().digests(&rewritten.collect::<Vec<_>>()).of(other_name)?;
    let digest = |entry: EntryRef| digests.get(&entry).copied();
    let same = |a: EntryRef, b: EntryRef| shapes.contains_key(&a) && shapes.get(&a) == other_shapes.get(&b);
    let sides = Sides { old: &one.tree, new: &other.tree, expected, same: &same, digest: &digest };
    let files = compare::trees(&sides, ignored);
    let config = compare::configs(&old.config, &new.config).of(name)?;
    Ok(Compared {
        files,
        config: expected.unexplained(config),
        entries: [one.tree.len() as u64, other.tree.len() as u64],
        bytes: [one.tree.content_bytes(), other.tree.content_bytes()],
    })
}

/// Where the contents of a file are, and the map of a sparse one.
fn map(inode: &Inode) -> (EntryRef, Option<&SparseMap>) {
    (inode.source, inode.meta.extra.sparse.as_ref())
}
