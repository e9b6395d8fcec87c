//! Whose the files of a tree are: what its package databases say, read from the layers.

use thiserror::Error;

use super::stretches::Layers;
use super::write::WriteError;
use crate::budget::OverBudget;
use crate::packages::{Owners, PackagesError, databases, owners};
use crate::tree::{EntryRef, Tree};

/// Why it cannot be told whose the files are.
#[derive(Debug, Error)]
pub enum OwnersError {
    /// A database does not say what it should.
    #[error(transparent)]
    Packages(#[from] PackagesError),
    /// They are larger than memory is meant for.
    #[error("its package databases need {0}")]
    TooLarge(#[from] OverBudget),
    /// Its files cannot be read.
    #[error(transparent)]
    Read(#[from] WriteError),
}

impl Layers<'_> {
    /// The package of each file of `tree`.
    pub fn owners(&self, tree: &Tree) -> Result<Owners, OwnersError> {
        let databases = databases(tree)?;
        let files = databases.iter().flat_map(|database| &database.files);
        let entries: Vec<EntryRef> = files.map(|file| tree.inode(*file).source).collect();
        // They are held at once, and what is read of them beside them.
        let bytes = entries.iter().filter_map(|entry| Some(self.span(*entry)?.stored)).fold(0, u64::saturating_add);
        let _held = self.budget.hold(bytes.saturating_mul(2))?;
        let contents = self.read(&entries)?;
        let of = |id| contents.get(&tree.inode(id).source).map(Vec::as_slice);
        Ok(owners(tree, &databases, &of)?)
    }
}
