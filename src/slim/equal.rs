//! Files that are equal but for their names.

use std::collections::HashMap;

use crate::layer::{Layers, WriteError};
use crate::tree::{EntryRef, Fates, LayerDiff};

/// Files that are equal but for their names; the first of each kind is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Equal {
    /// How many.
    pub files: u64,
    /// Bytes of their contents.
    pub bytes: u64,
    /// Whether they became one, which only confirmed equality does; otherwise fingerprints alone were compared.
    pub linked: bool,
}

/// Finds files of `diff`, whose contents lie in `layers`, that are equal, and with `join` makes them one and notes it in
/// `fates`.
pub fn link(diff: &mut LayerDiff, layers: Layers<'_>, join: bool, fates: &mut Fates) -> Result<Equal, WriteError> {
    let mut groups = diff.upper().duplicates();
    if join {
        groups = confirmed(groups, layers)?;
        diff.link_together(&groups, fates);
    }
    let others = groups.iter().flat_map(|group| &group[1..]);
    let spans = others.filter_map(|entry| layers.span(*entry));
    let (files, bytes) = spans.fold((0, 0), |(files, bytes), span| (files + 1, bytes + span.stored));
    Ok(Equal { files, bytes, linked: join })
}

/// Groups of files whose contents are equal, and not only their fingerprints.
fn confirmed(groups: Vec<Vec<EntryRef>>, layers: Layers<'_>) -> Result<Vec<Vec<EntryRef>>, WriteError> {
    let entries: Vec<EntryRef> = groups.iter().flatten().copied().collect();
    let digests = layers.digests(&entries)?;
    let mut confirmed = Vec::new();
    for group in groups {
        let mut by_digest: HashMap<_, Vec<EntryRef>> = HashMap::new();
        for entry in group {
            if let Some(digest) = digests.get(&entry) {
                by_digest.entry(digest).or_default().push(entry);
            }
        }
        confirmed.extend(by_digest.into_values().filter(|group| group.len() > 1));
    }
    confirmed.sort_unstable();
    Ok(confirmed)
}
