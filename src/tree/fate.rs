//! What became of the entries of layers, and how that is called.

use super::node::EntryRef;

/// Declares the fates: a name, its doc, what reports call it, what the account of a squash counts it as, and words.
/// A new fate is a line here.
macro_rules! fates {
    ($($(#[$doc:meta])* $name:ident $key:literal in $coarse:literal: $words:literal,)*) => {
        /// What became of a tar entry.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fate {
            /// It is part of the image.
            #[default]
            Kept,
            $($(#[$doc])* $name,)*
        }

        impl Fate {
            /// Every fate by which an entry is no part of the image, in the order of reports.
            pub const GONE: &'static [Self] = &[$(Self::$name),*];

            /// What reports call it, in lower case with underscores.
            pub fn key(self) -> &'static str {
                match self {
                    Self::Kept => "kept",
                    $(Self::$name => $key,)*
                }
            }

            /// The key of the coarser cause that the account of a squash counts it as.
            pub fn coarse_key(self) -> &'static str {
                match self {
                    Self::Kept => "kept",
                    $(Self::$name => $coarse,)*
                }
            }

            /// The same in words.
            pub fn words(self) -> &'static str {
                match self {
                    Self::Kept => "part of the image",
                    $(Self::$name => $words,)*
                }
            }
        }
    };
}

fates! {
    /// A later layer removed it, or a directory that it is in.
    Deleted "deleted" in "deleted": "deleted by a later layer",
    /// A later layer cleared the directory that it is in (an opaque directory).
    Cleared "cleared" in "deleted": "in a directory that a later layer cleared",
    /// A later layer has something else under this name.
    Overwritten "overwritten" in "overwritten": "overwritten by a later layer",
    /// A later layer has something else in place of a directory that it is in.
    Buried "buried" in "overwritten": "in a directory that a later layer replaced",
    /// A later layer has the same contents under this name with other metadata.
    MetadataCopy "metadata_copies" in "metadata_copies": "copied again to change metadata",
    /// It is a whiteout or an opaque marker.
    Whiteout "whiteouts" in "whiteouts": "whiteouts",
    /// A directory that an earlier entry declares already; this one only changed its metadata.
    RepeatedDirectory "repeated_directories" in "repeated_directories": "directories declared again",
    /// A layer that is kept has the same file already.
    Unchanged "unchanged" in "unchanged": "equal to what a kept layer has",
    /// A rule or a person takes it out.
    Pruned "pruned" in "pruned": "pruned",
    /// Nothing that stays needs it.
    Minified "minified" in "minified": "of packages, and needed by nothing that stays",
    /// It has become one more name of another file, with the same contents and metadata.
    Linked "linked" in "linked": "equal files that became hard links",
    /// The same layer has the path again, later.
    Duplicate "duplicates" in "duplicates": "paths repeated in one layer",
    /// It says nothing about the file system (AUFS metadata, landmarks).
    Ignored "ignored" in "ignored": "AUFS and eStargz metadata",
}

/// What became of an entry, and the layer that decided it, by position from 0. What no later layer decided is decided
/// by the entry's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fated {
    /// What became of it.
    pub fate: Fate,
    /// Who decided it.
    pub by: u16,
}

/// What became of every entry of every layer, by position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fates(Vec<Vec<Fated>>);

impl Fates {
    /// Those that the layers have by themselves, in their order.
    pub fn new<'f>(layers: impl IntoIterator<Item = &'f [Fate]>) -> Self {
        let of = |(by, fates): (u16, &[Fate])| fates.iter().map(|fate| Fated { fate: *fate, by }).collect();
        Self((0..).zip(layers).map(of).collect())
    }

    /// What became of the entries of the layer at `position`; nothing is known of one that was not read.
    pub fn of(&self, position: usize) -> &[Fated] {
        self.0.get(position).map_or(&[], Vec::as_slice)
    }

    /// Notes what became of `entry`, which the layer at the position `by` decided.
    pub(super) fn note(&mut self, entry: EntryRef, fate: Fate, by: u16) {
        let layer = self.0.get_mut(usize::from(entry.layer));
        if let Some(place) = layer.and_then(|layer| layer.get_mut(entry.index as usize)) {
            *place = Fated { fate, by };
        }
    }
}
