//! Which class a name belongs to.

use std::collections::HashMap;
use std::str::FromStr;

use super::facts::SplitFacts;
use crate::packages::Owner;
use crate::tree::{EntryRef, Kind, NodeId, Tree};

/// How often something changes, seldom first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The base image.
    Os,
    /// Packages of the system that were added.
    Packages,
    /// Libraries of languages.
    Dependencies,
    /// All else.
    App,
}

impl Class {
    /// All, in the order of their layers.
    pub const ALL: [Self; 4] = [Self::Os, Self::Packages, Self::Dependencies, Self::App];

    /// Those that stand for all when there are `count` layers.
    pub(super) fn among(count: u8) -> &'static [Self] {
        match count {
            0..=2 => &[Self::Packages, Self::App],
            3 => &[Self::Os, Self::Packages, Self::App],
            _ => &Self::ALL,
        }
    }

    /// What people call it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Os => "base system",
            Self::Packages => "packages",
            Self::Dependencies => "dependencies",
            Self::App => "application",
        }
    }

    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Os => "os",
            Self::Packages => "packages",
            Self::Dependencies => "deps",
            Self::App => "app",
        }
    }

    /// Of `wanted`, which are in order, the one that takes this in: itself, else for a system class the next one below,
    /// for others the next one above, else whatever is nearest.
    pub(super) fn nearest(self, wanted: &[Self]) -> usize {
        let below = wanted.iter().rposition(|class| *class <= self);
        let above = wanted.iter().position(|class| *class >= self);
        let found = if self <= Self::Packages { below.or(above) } else { above.or(below) };
        found.unwrap_or(0)
    }
}

impl FromStr for Class {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|class| class.name() == text);
        found.ok_or_else(|| format!("\"{text}\" is none of os, packages, deps, app"))
    }
}

/// The classes of a tree's names.
pub(super) struct Classes<'t> {
    pub(super) tree: &'t Tree,
    /// By node.
    of: Vec<Class>,
}

/// Directories that hold the libraries of a language.
const LIBRARIES: [&[u8]; 8] =
    [b"site-packages", b"dist-packages", b"node_modules", b"gems", b".m2", b".nuget", b"bundle", b"composer"];
/// Directories whose archives are libraries of Java, where elsewhere they may be the application.
const JARS: [&[u8]; 3] = [b"lib", b"libs", b"jars"];

impl<'t> Classes<'t> {
    pub(super) fn new(tree: &'t Tree, facts: SplitFacts<'t>) -> Self {
        let installing = installing(tree, facts);
        let mut own = vec![Class::App; tree.node_count()];
        let mut places = vec![Place::default(); tree.node_count()];
        // Parents come before children.
        for id in tree.nodes() {
            let place = places[tree.parent(id).index()].below(tree, id);
            places[id.index()] = place;
            own[id.index()] = class(tree, id, facts, &installing, place);
        }
        keep_together(tree, &mut own);
        // And children before parents: what a directory has in it, directories too, decides.
        let mut inside = vec![None; tree.node_count()];
        let nodes: Vec<NodeId> = tree.nodes().collect();
        for id in nodes.into_iter().rev() {
            if tree.inode(id).kind == Kind::Directory {
                let inside: Option<Class> = inside[id.index()];
                // One more package would change it, or some later layer has changed it already.
                let changes = facts.owners.owner(id) == Owner::Several || tree.inode(id).header_differs;
                own[id.index()] = match inside.unwrap_or(own[id.index()]) {
                    Class::Os if changes => Class::Packages,
                    last => last,
                };
            }
            let parent = tree.parent(id).index();
            inside[parent] = inside[parent].max(Some(own[id.index()]));
        }
        Self { tree, of: own }
    }

    /// The class of a name.
    pub(super) fn of(&self, id: NodeId) -> Class {
        self.of[id.index()]
    }
}

/// Names of one file are of one class, the last of theirs: runtimes link in one layer only.
fn keep_together(tree: &Tree, own: &mut [Class]) {
    let mut groups: HashMap<EntryRef, Class> = HashMap::new();
    let linked = || tree.nodes().filter(|id| tree.inode(*id).links > 1);
    for id in linked() {
        let last = groups.entry(tree.inode(id).source).or_insert(Class::Os);
        *last = own[id.index()].max(*last);
    }
    for id in linked() {
        own[id.index()] = groups[&tree.inode(id).source];
    }
}

/// What the directories that a name is in tell of it, and its own name.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Whether a language has its libraries there.
    is_library: bool,
    /// Whether packages put their files there and applications do not.
    is_of_system: bool,
}

impl Place {
    /// The place of `id`, which is in a directory at this place.
    fn below(self, tree: &Tree, id: NodeId) -> Self {
        const SYSTEM: [&[u8]; 9] = [b"usr", b"var", b"etc", b"bin", b"sbin", b"lib", b"lib64", b"boot", b"run"];
        let (name, directory) = (tree.name(id), tree.parent(id));
        let is_of_system = if directory == tree.root() {
            SYSTEM.contains(&name)
        } else if tree.parent(directory) == tree.root() {
            self.is_of_system && !matches!((tree.name(directory), name), (b"usr", b"local" | b"src") | (b"var", b"www"))
        } else {
            self.is_of_system
        };
        Self { is_library: self.is_library || LIBRARIES.contains(&name), is_of_system }
    }
}

fn class(tree: &Tree, id: NodeId, facts: SplitFacts<'_>, installing: &[bool], place: Place) -> Class {
    let layer = usize::from(tree.entry(id).layer);
    // One layer with everything in it tells nothing.
    let is_installed = facts.layers > 1 && installing.get(layer).copied().unwrap_or(false);
    if layer < facts.base {
        Class::Os
    } else if facts.owners.is_owned(id) || is_installed {
        Class::Packages
    } else if place.is_library || is_jar(tree, id) {
        Class::Dependencies
    } else if facts.layers == 1 && place.is_of_system {
        Class::Packages
    } else {
        Class::App
    }
}

fn is_jar(tree: &Tree, id: NodeId) -> bool {
    tree.name(id).ends_with(b".jar") && JARS.contains(&tree.name(tree.parent(id)))
}

/// Which layers installed packages: those that have files of a package database.
fn installing(tree: &Tree, facts: SplitFacts<'_>) -> Vec<bool> {
    let mut installing = vec![false; facts.layers];
    for database in crate::packages::databases(tree).unwrap_or_default() {
        for file in database.files {
            if let Some(layer) = installing.get_mut(usize::from(tree.inode(file).source.layer)) {
                *layer = true;
            }
        }
    }
    installing
}
