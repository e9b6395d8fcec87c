//! What a tree is made of: entries, inodes and their types, and what can be wrong with names.

use thiserror::Error;

use super::meta::Meta;
use super::path::TreePath;

/// A tar entry: the layer by position, oldest 0, and the entry by its place among the layer's entries. Ordered as the
/// layers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryRef {
    /// Position of the layer.
    pub layer: u16,
    /// Position of the entry in its layer.
    pub index: u32,
}

/// A path of a tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    /// The place of this path in lists that have one for each.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// An inode of a tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct InodeId(pub(super) u32);

/// What a file is, shared by all its names.
#[derive(Clone, Debug)]
pub struct Inode {
    /// Type and contents.
    pub kind: Kind,
    /// Metadata.
    pub meta: Meta,
    /// The tar entry that has the contents; for a directory, the one that first declared it.
    pub source: EntryRef,
    /// Number of names.
    pub links: u32,
    /// Whether some entry that stays has a header that says something else than `meta`.
    pub header_differs: bool,
}

/// The type of a file and what only that type has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Bytes, holes of sparse files included.
        size: u64,
        /// XXH3 of the bytes as they lie in the tar: equal for equal contents, and never a proof of it.
        fingerprint: u64,
    },
    /// A symbolic link to exactly these bytes.
    Symlink(Box<[u8]>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A hard link to a path that its own layer does not have. Only in a [`super::LayerDiff`].
    Elsewhere(Box<TreePath>),
}

/// The tree has more paths than fit: 4 billion, or 4 GiB of names.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("more than 4 GiB of file names")]
pub struct Full;

/// Too many symlinks on the way to a path.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("\"{0}\" leads through more than 40 symlinks, or through too long ones")]
pub struct SymlinkLoop(pub TreePath);

/// A hard link that cannot be one.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("hard link \"{link}\" to \"{target}\": {problem}")]
pub struct LinkError {
    /// The name of the link.
    pub link: TreePath,
    /// What it should be another name of.
    pub target: TreePath,
    /// Why it is not.
    pub problem: LinkProblem,
}

/// Why a hard link is none.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LinkProblem {
    /// Nothing has that path.
    #[error("no layer up to this one has the target")]
    Missing,
    /// Directories have one name.
    #[error("the target is a directory")]
    Directory,
    /// Following targets comes back to the link.
    #[error("the target is the link itself")]
    Circle,
    /// Symlinks on the way to the target lead in a circle.
    #[error("the way to the target leads through more than 40 symlinks, or through too long ones")]
    Loop,
    /// Headers of hard links give it too much.
    #[error("with those of its links the target has more attributes than a file or a header holds")]
    Attributes,
    /// All of them together give files too much.
    #[error("hard links give files other attributes, of more than 64 MiB together")]
    Copied,
}
