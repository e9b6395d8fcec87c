//! From a wish to the parts of a tree.

use std::collections::BTreeSet;
use std::ops::Range;

use thiserror::Error;

use super::super::keep::base_of;
use super::class::{Class, Classes};
use super::deal;
use super::facts::SplitFacts;
use super::wish::{Split, SplitError};
use crate::layer::{Layers, OwnersError};
use crate::oci::Image;
use crate::packages::Owners;
use crate::tree::{Kind, LayerDiff, Parts, Tree};

/// The parts of a layer and their titles; a single one has none.
pub type Division = (Parts, Vec<Option<String>>);

/// Why a layer is not divided.
#[derive(Debug, Error)]
pub enum CannotSplit {
    /// It cannot be divided so.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// It cannot be told whose the files are.
    #[error(transparent)]
    Owners(#[from] OwnersError),
}

/// Divides what the new layers of `image` say together, whose contents lie in `layers`. The `owners` of its files are read
/// when nobody knows them.
pub fn split(
    diff: &LayerDiff,
    split: &Split,
    image: &Image,
    squashed: &Range<usize>,
    owners: Option<&Owners>,
    layers: Layers<'_>,
) -> Result<Division, CannotSplit> {
    let read;
    let owners = match owners {
        Some(owners) => owners,
        None if *split == Split::No => &Owners::default(),
        None => {
            read = layers.owners(diff.upper())?;
            &read
        }
    };
    let guessed = base_of(image).unwrap_or(usize::from(image.layers.len() > 1));
    let facts = SplitFacts { owners, base: guessed.max(squashed.start), layers: image.layers.len() };
    Ok(divide(diff.upper(), split, facts)?)
}

fn divide(tree: &Tree, split: &Split, facts: SplitFacts<'_>) -> Result<Division, SplitError> {
    let classes = || Classes::new(tree, facts);
    let (of, titles) = match split {
        Split::No => return Ok((Parts::one(), vec![None])),
        Split::Auto => deal::by_class(classes(), &Class::ALL),
        Split::Classes(wanted) => deal::by_class(classes(), wanted),
        Split::Count(count @ 0..=4) => deal::by_class(classes(), Class::among(*count)),
        Split::Count(count) => deal::by_package(classes(), facts.owners, *count)?,
    };
    let files = tree.nodes().filter(|id| tree.inode(*id).kind != Kind::Directory);
    let used: BTreeSet<u8> = files.map(|id| of[id.index()]).collect();
    let empty: Vec<&str> =
        titles.iter().zip(0..).filter(|(_, at)| !used.contains(at)).map(|(title, _)| &**title).collect();
    // Packages that are dealt out by their hash may leave a layer without any.
    let must_be_full = matches!(split, Split::Classes(_) | Split::Count(0..=4));
    if must_be_full && !empty.is_empty() {
        let (asked, found, empty) = (titles.len(), used.len(), empty.join(", "));
        return Err(SplitError::TooMany { asked, found, empty });
    }
    Ok(without_empty_ones(tree, of, titles, &used))
}

/// A layer of nothing but directories is none: they join the next one that is `used`, or else the one before.
fn without_empty_ones(tree: &Tree, mut of: Vec<u8>, titles: Vec<String>, used: &BTreeSet<u8>) -> Division {
    let Some(last) = u8::try_from(used.len()).ok().and_then(|count| count.checked_sub(1)).filter(|last| *last > 0)
    else {
        return (Parts::one(), vec![None]);
    };
    for part in &mut of {
        let before = used.range(..*part).count();
        *part = u8::try_from(before).unwrap_or(last).min(last);
    }
    let titles =
        titles.into_iter().zip(0..).filter(|(_, at)| used.contains(at)).map(|(title, _)| Some(title)).collect();
    (Parts::new(tree, of, last + 1), titles)
}
