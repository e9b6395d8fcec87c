//! Making the file system smaller, and dividing it into layers.

use std::collections::HashMap;
use std::ops::Range;

use super::Job;
use crate::error::Error;
use crate::keep;
use crate::layer::Layers;
use crate::oci::Image;
use crate::packages::{self, Owners, PackagesError};
use crate::prune::{self, Outcome};
use crate::split::{self, Split};
use crate::tree::{EntryRef, Fates, LayerDiff, Parts, Tree};

/// What was taken out, and what could be.
#[derive(Default)]
pub(crate) struct Slimmed {
    /// The package of each file, once that was asked for.
    pub(super) owners: Option<Owners>,
    /// What the rules did.
    pub(super) pruned: Option<Outcome>,
    /// Files that are equal but for their names.
    pub(super) equal: Equal,
    pub(super) notes: Vec<String>,
}

/// Files that are equal but for their names; the first of each kind is not counted.
#[derive(Clone, Copy, Default)]
pub(crate) struct Equal {
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) linked: bool,
}

impl Job<'_> {
    /// Prunes `tree`, if anything is to be pruned.
    pub(super) fn prune(
        &self,
        image: &Image,
        tree: &mut Tree,
        fates: &mut Fates,
        layers: Layers<'_>,
    ) -> Result<Slimmed, Error> {
        let choice = &self.options.prune;
        if choice.is_empty() {
            return Ok(Slimmed::default());
        }
        let mut notes = Vec::new();
        let owners = match self.owners(tree, layers)? {
            Ok(owners) => owners,
            Err(problem) => {
                notes.push(format!("{problem}: prune rules could not spare what its packages own"));
                Owners::default()
            }
        };
        // What the new image will run, not what the old one ran.
        let mut config = image.config.clone();
        let edited = self.options.edits.edit_config(&mut config).and_then(|()| config.container());
        let config = edited.map_err(|problem| self.input_error(problem.into()))?;
        let facts = prune::Facts { config: &config, owners: &owners };
        let outcome = prune::prune(tree, fates, choice, facts)
            .map_err(|problem| Error::Prune { input: self.input.clone(), problem })?;
        Ok(Slimmed { owners: Some(owners), pruned: Some(outcome), equal: Equal::default(), notes })
    }

    /// Finds files that are equal, and makes them one if that was asked for.
    pub(super) fn equal_files(
        &self,
        diff: &mut LayerDiff,
        fates: &mut Fates,
        layers: Layers<'_>,
    ) -> Result<Equal, Error> {
        let mut groups = diff.upper().duplicates();
        if self.options.link_equal_files {
            groups = self.confirmed(groups, layers)?;
            diff.link_together(&groups, fates);
        }
        let others = groups.iter().flat_map(|group| &group[1..]);
        let spans = others.filter_map(|entry| layers.span(*entry));
        let (files, bytes) = spans.fold((0, 0), |(files, bytes), span| (files + 1, bytes + span.stored));
        Ok(Equal { files, bytes, linked: self.options.link_equal_files })
    }

    /// Groups of files whose contents are equal, and not only their fingerprints.
    fn confirmed(&self, groups: Vec<Vec<EntryRef>>, layers: Layers<'_>) -> Result<Vec<Vec<EntryRef>>, Error> {
        let pairs: Vec<_> = groups.iter().flat_map(|group| group[1..].iter().map(|entry| (group[0], *entry))).collect();
        let digests = self.digests(layers, &pairs)?;
        let mut confirmed = Vec::new();
        for group in groups {
            let mut by_digest: HashMap<_, Vec<EntryRef>> = HashMap::new();
            for entry in group {
                by_digest.entry(digests.get(&entry).copied()).or_default().push(entry);
            }
            confirmed.extend(by_digest.into_iter().filter(|(digest, _)| digest.is_some()).map(|(_, group)| group));
        }
        confirmed.retain(|group| group.len() > 1);
        confirmed.sort_unstable();
        Ok(confirmed)
    }

    /// Divides what the new layers say together.
    pub(super) fn split(
        &self,
        image: &Image,
        diff: &LayerDiff,
        squashed: &Range<usize>,
        known: Option<&Owners>,
        layers: Layers<'_>,
    ) -> Result<(Parts, Vec<Option<String>>), Error> {
        let read;
        let owners = match known {
            Some(owners) => owners,
            None if self.options.split == Split::No => &Owners::default(),
            None => {
                read = self.owners(diff.upper(), layers)?.map_err(|problem| self.packages_error(problem))?;
                &read
            }
        };
        let guessed = keep::base_of(image).unwrap_or(usize::from(image.layers.len() > 1));
        let facts = split::Facts { owners, base: guessed.max(squashed.start), layers: image.layers.len() };
        split::split(diff.upper(), &self.options.split, facts)
            .map_err(|problem| Error::Split { input: self.input.clone(), problem })
    }

    /// Which package each file belongs to. The inner error is a database in a form that cannot be read.
    fn owners(&self, tree: &Tree, layers: Layers<'_>) -> Result<Result<Owners, PackagesError>, Error> {
        let databases = match packages::databases(tree) {
            Ok(databases) => databases,
            Err(problem @ PackagesError::Form { .. }) => return Ok(Err(problem)),
            Err(problem) => return Err(self.packages_error(problem)),
        };
        let files = databases.iter().flat_map(|database| &database.files);
        let entries: Vec<EntryRef> = files.map(|file| tree.inode(*file).source).collect();
        let contents = layers.read(&entries).map_err(|problem| self.reread_error(problem))?;
        let of = |id| contents.get(&tree.inode(id).source).map(Vec::as_slice);
        packages::owners(tree, &databases, &of).map(Ok).map_err(|problem| self.packages_error(problem))
    }

    fn packages_error(&self, problem: PackagesError) -> Error {
        Error::Packages { input: self.input.clone(), problem }
    }
}
