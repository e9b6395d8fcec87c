//! Dividing a squashed file system into a few layers by how it changes, so that the next version of the image shares
//! most of them. Pure.
//!
//! # Decisions
//! - Four classes, from what changes seldom to what changes with every build: the base system, packages that were added
//!   to it, libraries of languages, the application.
//! - The base is what the layers below the base image's end have. Above it, what a package owns is the packages', and so
//!   is everything else that came in a layer that installed packages, because such a layer is made anew as a whole.
//! - A directory belongs to the last class that has anything in it. One of the base that packages share, or that a later
//!   layer changed, belongs to the packages, because its time changes with them.
//! - With more layers than classes, files of packages are dealt out by the hash of the package's name: it stays when
//!   other packages come and go, where dealing by size does not.

mod class;
mod deal;

use std::collections::BTreeSet;

use thiserror::Error;

pub use self::class::Class;
use self::class::Classes;
use crate::packages::Owners;
use crate::tree::{Kind, Parts, Tree};

/// Into which layers a file system is divided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// Into one.
    #[default]
    No,
    /// One for each class that has anything in it.
    Auto,
    /// So many, at least 2.
    Count(u8),
    /// One for each of these; other classes join their neighbours.
    Classes(Vec<Class>),
}

/// A file system that cannot be divided so.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SplitError {
    /// There are fewer things than layers.
    #[error("{empty} would be empty: there is content for {found} of {asked} layers, ask for fewer with --split")]
    TooMany {
        /// Layers asked for.
        asked: usize,
        /// Layers with anything in them.
        found: usize,
        /// The titles of the others.
        empty: String,
    },
    /// There are fewer packages than layers for them.
    #[error("there are {packages} packages to deal out to {asked} layers: ask for fewer with --split")]
    FewPackages {
        /// Layers for packages that were asked for.
        asked: u8,
        /// Packages.
        packages: usize,
    },
}

/// What is known of a file system besides its names.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'f> {
    /// The package of each file.
    pub owners: &'f Owners,
    /// How many of the oldest layers are the base image.
    pub base: usize,
    /// How many layers there were.
    pub layers: usize,
}

/// Divides `tree`. Returns the parts and their titles.
pub fn split(tree: &Tree, split: &Split, facts: Facts<'_>) -> Result<(Parts, Vec<Option<String>>), SplitError> {
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
fn without_empty_ones(
    tree: &Tree,
    mut of: Vec<u8>,
    titles: Vec<String>,
    used: &BTreeSet<u8>,
) -> (Parts, Vec<Option<String>>) {
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
