//! What packages say of themselves and of each other: which there are, what they need, and what is theirs.
//!
//! | manager | needs | source |
//! |---|---|---|
//! | dpkg | `Depends`, `Pre-Depends` of `status` and `status.d/*`; `Recommends` apart | Debian Policy, 7.2 |
//! | apk | `D:` and `p:` of `installed` | apk-package(5) |
//! | rpm | `REQUIRENAME`, `PROVIDENAME`, but for what only scriptlets require | rpm, `include/rpm/rpmds.h` |
//! | pacman | `%DEPENDS%` and `%PROVIDES%` of `desc` | pacman, `lib/libalpm/be_local.c` |
//!
//! # Decisions
//! - Versions are not compared: what is installed was found to fit when it was installed.
//! - A list of files without a package that says what it needs is no package: its files are nobody's, so they stay.

pub(super) mod read;

use std::collections::{HashMap, VecDeque};

use super::databases::{Database, Manager, meta_files};
use super::owners::Owners;
use super::{PackagesError, rpm, sqlite};
use crate::tree::{NodeId, Tree};

/// A package of an inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub u32);

impl PackageId {
    /// The place of this package in lists that have one for each.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a package needs: one of these, by name, capability or path.
pub type Need = Vec<Box<[u8]>>;

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Who keeps it.
    pub manager: Manager,
    /// Its name.
    pub name: Box<[u8]>,
    /// Its architecture; empty when it says none.
    pub architecture: Box<[u8]>,
    /// Its version; empty when it says none.
    pub version: Box<[u8]>,
    /// What it does not work without.
    pub needs: Vec<Need>,
    /// What is found together with it in all but unusual installations.
    pub wishes: Vec<Need>,
    /// What else it is called.
    pub provides: Vec<Box<[u8]>>,
    /// What it has, directories included.
    pub files: Vec<NodeId>,
    /// Whether a list says what it has, be it nothing.
    pub is_listed: bool,
}

/// The packages of an image.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    packages: Vec<Package>,
    /// Files and who has them, by file.
    holders: Vec<(NodeId, PackageId)>,
    /// Names and what is called so.
    names: HashMap<(Manager, Box<[u8]>), Vec<PackageId>>,
}

/// Whether packages stay, by their names with and without architectures.
#[derive(Debug)]
pub struct Standing(HashMap<(Manager, Box<[u8]>), bool>);

impl Standing {
    /// Whether one of the packages of this name, or of this name and architecture (`name:arch`), stays; `None` when
    /// there is none.
    pub fn of(&self, manager: Manager, name: &[u8]) -> Option<bool> {
        self.0.get(&(manager, name.into())).copied()
    }
}

/// What packages the databases of `tree` tell of; `contents` has the bytes of the files that `meta_files` names.
pub fn inventory<'c>(
    tree: &Tree,
    databases: &[Database],
    owners: &Owners,
    contents: &dyn Fn(NodeId) -> Option<&'c [u8]>,
) -> Result<Inventory, PackagesError> {
    let mut packages = Vec::new();
    for database in databases {
        let manager = database.manager;
        for file in meta_files(tree, database) {
            let bytes = contents(file).unwrap_or_default();
            let path = || format!("/{}", tree.path(file));
            match manager {
                Manager::Dpkg => read::dpkg(&mut packages, bytes),
                Manager::Apk => read::apk(&mut packages, bytes),
                Manager::Pacman => read::pacman(&mut packages, bytes),
                Manager::Rpm => sqlite::rows(bytes, b"Packages", &mut |blob| {
                    packages.push(read::rpm(&rpm::Header::new(blob)?)?);
                    Ok(())
                })
                .map_err(|problem| PackagesError::Damaged { path: path(), problem })?,
            }
        }
    }
    Ok(Inventory::new(packages, owners))
}

impl Inventory {
    fn new(mut packages: Vec<Package>, owners: &Owners) -> Self {
        let mut known: HashMap<(Manager, Box<[u8]>), VecDeque<PackageId>> = HashMap::new();
        let mut names: HashMap<(Manager, Box<[u8]>), Vec<PackageId>> = HashMap::new();
        for (package, id) in packages.iter().zip((0..).map(PackageId)) {
            let Package { manager, name, architecture, .. } = package;
            known.entry((*manager, name.clone())).or_default().push_back(id);
            if *manager == Manager::Dpkg {
                known.insert((*manager, [name, &b":"[..], architecture].concat().into()), [id].into());
            }
            for name in std::iter::once(name).chain(&package.provides) {
                let called = names.entry((*manager, name.clone())).or_default();
                if called.last() != Some(&id) {
                    called.push(id);
                }
            }
        }
        // dpkg may have several lists for a package. The others have one each, in the same order as the packages.
        let mut take = |manager: Manager, name: &[u8]| {
            let known = known.get_mut(&(manager, name.into()))?;
            if manager == Manager::Dpkg || known.len() == 1 { known.front().copied() } else { known.pop_front() }
        };
        let lists: Vec<Option<PackageId>> = owners.lists().map(|(manager, name)| take(manager, name)).collect();
        let holder = |(list, file): &(u32, NodeId)| Some((*file, lists.get(*list as usize).copied().flatten()?));
        let mut holders: Vec<(NodeId, PackageId)> = owners.held().iter().filter_map(holder).collect();
        holders.sort_unstable();
        holders.dedup();
        for id in lists.iter().flatten() {
            packages[id.index()].is_listed = true;
        }
        for (file, id) in &holders {
            packages[id.index()].files.push(*file);
        }
        Self { packages, holders, names }
    }

    /// All packages.
    pub fn packages(&self) -> impl Iterator<Item = (PackageId, &Package)> {
        (0..).map(PackageId).zip(&self.packages)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.packages.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// One of them.
    pub fn package(&self, id: PackageId) -> &Package {
        &self.packages[id.index()]
    }

    /// Who has a file.
    pub fn holders(&self, file: NodeId) -> impl Iterator<Item = PackageId> + '_ {
        let begin = self.holders.partition_point(|(known, _)| *known < file);
        self.holders[begin..].iter().take_while(move |(known, _)| *known == file).map(|(_, id)| *id)
    }

    /// Whether nobody has a file.
    pub fn is_free(&self, file: NodeId) -> bool {
        self.holders(file).next().is_none()
    }

    /// Which packages stay, by name.
    pub fn standing(&self, stays: &dyn Fn(PackageId) -> bool) -> Standing {
        let mut known = HashMap::new();
        for (id, Package { manager, name, architecture, .. }) in self.packages() {
            for name in [name.clone(), [name, &b":"[..], architecture].concat().into()] {
                *known.entry((*manager, name)).or_insert(false) |= stays(id);
            }
        }
        Standing(known)
    }

    /// The packages of `manager` that are called `name`, or provide it.
    pub fn called(&self, manager: Manager, name: &[u8]) -> &[PackageId] {
        self.names.get(&(manager, name.into())).map_or(&[], Vec::as_slice)
    }

    /// The packages that have this name, whoever keeps them.
    pub fn named(&self, name: &[u8]) -> Vec<PackageId> {
        self.packages().filter(|(_, package)| *package.name == *name).map(|(id, _)| id).collect()
    }
}
