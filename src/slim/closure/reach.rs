//! From roots to all that they need, each with the reason why. Breadth first, so that a reason is a shortest one.
//!
//! # Decisions
//! - At package grain a package that is needed stays whole, and so do what it depends on and what its own ELF files
//!   need. At file grain only files that are reached stay, and the relations of packages say nothing.
//! - A script is looked into when something calls it, or when it is the user's; not because its package or a rule has
//!   it.
//! - Of alternatives all that are installed stay.

use std::collections::{HashMap, HashSet, VecDeque};

use super::elf::{Elf, Machine};
use super::files::Known;
use super::ground::{Ground, Way};
use super::loader::{Loader, is_of_musl};
use super::look::{Facts, What};
use super::rule::Rules;
use crate::packages::{Manager, Need, PackageId};
use crate::tree::{Kind, NodeId};

/// Something that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Item {
    File(NodeId),
    Package(PackageId),
}

/// Why something stays: because of what, and how that needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Because {
    pub(super) by: Option<Item>,
    pub(super) how: How,
}

/// How one thing needs another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It is where everything begins: what begins there.
    Root(String),
    /// It has the file.
    Owns,
    /// It is one of its files.
    Part,
    /// It says so.
    Depends,
    /// It would be glad of it.
    Recommends,
    /// It is loaded by it.
    Loader,
    /// It is a script that it runs.
    Runs,
    /// It links it.
    Links,
    /// It leads to it.
    Leads,
    /// It has its name or path in it.
    Names,
    /// It may call it.
    Calls,
    /// It may open it.
    Opens,
    /// A rule says so, by its place.
    Rule(usize),
}

/// Why everything stays that is the user's.
pub(super) const YOURS: &str = "no package has it";

/// What is asked for besides what is found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    pub(super) by_files: bool,
    pub(super) recommends: bool,
}

pub(super) struct Reach<'r> {
    ground: &'r Ground<'r>,
    rules: &'r Rules,
    facts: &'r Known,
    loader: Loader,
    wish: Wish,
    pub(super) files: HashMap<NodeId, Because>,
    pub(super) packages: HashMap<PackageId, Because>,
    applied: HashSet<usize>,
    /// Names of which all that are called so were taken.
    needed: HashSet<(Manager, &'r [u8])>,
    /// Directories all of which was taken.
    taken: HashSet<NodeId>,
    /// Libraries that nothing has, and what needs them.
    pub(super) missing: Vec<(NodeId, Box<[u8]>)>,
    todo: VecDeque<Item>,
}

impl<'r> Reach<'r> {
    pub(super) fn new(ground: &'r Ground<'r>, rules: &'r Rules, facts: &'r Known, loader: Loader, wish: Wish) -> Self {
        Self {
            ground,
            rules,
            facts,
            loader,
            wish,
            files: HashMap::new(),
            packages: HashMap::new(),
            applied: HashSet::new(),
            needed: HashSet::new(),
            taken: HashSet::new(),
            missing: Vec::new(),
            todo: VecDeque::new(),
        }
    }

    /// Whether only files that are reached stay.
    pub(super) fn by_files(&self) -> bool {
        self.wish.by_files
    }

    /// Programs that a text names but that were not followed, because it is not the user's own.
    pub(super) fn passed_over(&self, id: NodeId) -> impl Iterator<Item = &[u8]> {
        let facts = self.facts.get(&id).filter(|facts| self.is_passed_over(id, facts));
        facts.into_iter().flat_map(|facts| facts.programs.iter()).map(|name| &**name)
    }

    /// Whether the programs that a text names are not followed: what others wrote, such as a script that publishes a
    /// library with git, may call much that nobody has. What something else calls or names is followed.
    fn is_passed_over(&self, id: NodeId, facts: &Facts) -> bool {
        matches!(facts.kind, What::Text | What::Script(_))
            && self.is_only_there(id)
            && is_of_others(&self.ground.path(id))
    }

    /// Whether a file stays for no other reason than that it is the user's.
    fn is_only_there(&self, id: NodeId) -> bool {
        matches!(self.files.get(&id), Some(Because { how: How::Root(why), .. }) if why == YOURS)
    }

    /// A file that stays for a reason of its own.
    pub(super) fn root(&mut self, id: NodeId, why: String) {
        self.file(id, Because { by: None, how: How::Root(why) });
    }

    /// Files that stay for the same reason of their own.
    pub(super) fn roots(&mut self, ids: impl Iterator<Item = NodeId>, why: &str) {
        let mut ids: Vec<NodeId> = ids.collect();
        ids.sort_unstable();
        ids.into_iter().for_each(|id| self.root(id, why.to_owned()));
    }

    /// Packages whose files no list tells: they are nobody's and stay, and so does what records say of them.
    pub(super) fn root_unlisted(&mut self) {
        let unlisted = self.ground.inventory.packages().filter(|(_, package)| !package.is_listed);
        for id in unlisted.map(|(id, _)| id).collect::<Vec<_>>() {
            self.root_package(id, "no list tells its files".to_owned());
        }
    }

    /// What a path leads through and to.
    pub(super) fn root_way(&mut self, way: &Way, why: &str) {
        for id in way.links.iter().chain(&way.end) {
            self.root(*id, why.to_owned());
        }
    }

    /// A package that stays for a reason of its own.
    pub(super) fn root_package(&mut self, id: PackageId, why: String) {
        self.package(id, Because { by: None, how: How::Root(why) });
    }

    /// Follows everything.
    pub(super) fn run(&mut self) {
        for rule in (0..self.rules.rules.len()).filter(|rule| self.rules.rules[*rule].is_always) {
            self.apply(rule, None);
        }
        loop {
            while let Some(item) = self.todo.pop_front() {
                match item {
                    Item::File(id) => self.follow_file(id),
                    Item::Package(id) => self.follow_package(id),
                }
            }
            self.look_again();
            if self.todo.is_empty() {
                break;
            }
        }
    }

    /// Looks for libraries that were not found where files say that were met later.
    fn look_again(&mut self) {
        for (id, name) in std::mem::take(&mut self.missing) {
            let machine = |id: NodeId| self.facts.get(&id).map(|facts| &facts.kind);
            let Some(What::Elf(elf)) = machine(id) else { continue };
            let found = self.libraries(elf, &self.ground.path(id), &name);
            if found.is_empty() {
                self.missing.push((id, name));
            }
            for way in found {
                self.way(&way, Item::File(id), &How::Links);
            }
        }
    }

    fn file(&mut self, id: NodeId, because: Because) {
        if let std::collections::hash_map::Entry::Vacant(place) = self.files.entry(id) {
            place.insert(because);
            self.todo.push_back(Item::File(id));
        }
    }

    fn package(&mut self, id: PackageId, because: Because) {
        if let std::collections::hash_map::Entry::Vacant(place) = self.packages.entry(id) {
            place.insert(because);
            self.todo.push_back(Item::Package(id));
        }
    }

    fn way(&mut self, way: &Way, by: Item, how: &How) {
        for id in way.links.iter().chain(&way.end) {
            if Item::File(*id) != by {
                self.file(*id, Because { by: Some(by), how: how.clone() });
            }
        }
    }

    fn apply(&mut self, rule: usize, by: Option<Item>) {
        if self.applied.insert(rule) {
            for id in &self.rules.keeps[rule] {
                // Modules of debconf and adduser are no modules of the application.
                let inventory = self.ground.inventory;
                let mut holders = inventory.holders(*id).map(|holder| &inventory.package(holder).name).peekable();
                let is_for_scripts = holders.peek().is_some() && holders.all(|name| self.rules.is_for_scripts(name));
                if self.ground.is_directory(*id) || is_for_scripts {
                    continue;
                }
                self.file(*id, Because { by, how: How::Rule(rule) });
            }
        }
    }

    fn follow_file(&mut self, id: NodeId) {
        let by = Item::File(id);
        let (ground, rules, facts) = (self.ground, self.rules, self.facts);
        if ground.is_directory(id) {
            return self.follow_directory(id);
        }
        for rule in rules.triggers.get(&id).into_iter().flatten() {
            self.apply(*rule, Some(by));
        }
        // Settings stay anyway, so that naming them does not need the package that brought them. And whoever has a file
        // under /lib has /lib, which may be a link to a directory: that needs none of them.
        let is_named = matches!(self.files.get(&id), Some(Because { how: How::Names | How::Leads, .. }));
        if !(ground.is_shared_link(id) || is_named && rules.stays.contains(&id)) {
            for holder in ground.inventory.holders(id) {
                self.package(holder, Because { by: Some(by), how: How::Owns });
            }
        }
        if let Kind::Symlink(_) = ground.tree.inode(id).kind {
            let way = ground.way(&ground.path(id));
            return self.way(&way, by, &How::Leads);
        }
        let Some(facts) = facts.get(&id) else { return };
        match &facts.kind {
            What::Data => {}
            What::Elf(elf) => self.follow_elf(id, elf, facts),
            What::Script(shebang) => {
                let is_of_library = matches!(self.files.get(&id), Some(Because { how: How::Part | How::Rule(_), .. }));
                if is_of_library && !ground.inventory.is_free(id) {
                    return;
                }
                // What may not be executed is run by what names it.
                if ground.is_executable(id) || !self.is_only_there(id) {
                    self.way(&ground.way(&shebang.program), by, &How::Runs);
                    if let Some(name) = &shebang.through_env {
                        self.call(name, by, &How::Runs);
                    }
                }
                self.follow_text(id, facts);
            }
            What::Text => {
                if ground.inventory.is_free(id) {
                    self.follow_text(id, facts);
                }
            }
        }
    }

    /// A directory that something names stays with what is in it, when it is one package's and no place of the system.
    fn follow_directory(&mut self, id: NodeId) {
        let ground = self.ground;
        let by = Item::File(id);
        let mut holders = ground.inventory.holders(id);
        let (Some(holder), None) = (holders.next(), holders.next()) else { return };
        if !is_deep(&ground.path(id)) || self.rules.shared.contains(&id) {
            return;
        }
        self.package(holder, Because { by: Some(by), how: How::Owns });
        if self.wish.by_files {
            let mut todo = vec![id];
            while let Some(directory) = todo.pop() {
                if !self.taken.insert(directory) {
                    continue;
                }
                for child in ground.tree.children(directory) {
                    if ground.is_directory(child) {
                        todo.push(child);
                    } else {
                        self.file(child, Because { by: Some(by), how: How::Part });
                    }
                }
            }
        }
    }

    fn follow_elf(&mut self, id: NodeId, elf: &Elf, facts: &Facts) {
        let (ground, by) = (self.ground, Item::File(id));
        let path = ground.path(id);
        self.loader.meet(elf, &path);
        if let Some(loader) = &elf.loader {
            self.way(&ground.way(loader), by, &How::Loader);
        }
        let mut opened: Vec<&[u8]> = facts.libraries.iter().map(|name| &**name).collect();
        opened.extend(
            elf.notes.iter().flat_map(|note| note.split(|byte| *byte == b'"')).filter(|name| ground.has_library(name)),
        );
        for (names, how) in
            [(elf.needed.iter().map(|name| &**name).collect::<Vec<_>>(), How::Links), (opened, How::Opens)]
        {
            for name in names {
                let found = self.libraries(elf, &path, name);
                if found.is_empty() && how == How::Links && !(is_of_musl(elf) && name.starts_with(b"lib")) {
                    self.missing.push((id, name.into()));
                }
                for way in found {
                    self.way(&way, by, &how);
                }
            }
        }
        self.follow_paths(id, facts);
    }

    fn libraries(&self, elf: &Elf, path: &[u8], name: &[u8]) -> Vec<Way> {
        let fits = |id: NodeId| match self.facts.get(&id).map(|facts| &facts.kind) {
            Some(What::Elf(found)) => found.machine == elf.machine || elf.machine == Machine::default(),
            // A script for the linker, or a file that was not looked into.
            Some(_) => false,
            None => true,
        };
        self.loader.find(self.ground, elf, path, name, &fits)
    }

    fn follow_paths(&mut self, id: NodeId, facts: &Facts) {
        for path in &facts.paths {
            let way = self.ground.way(path);
            let is_meant = |end: NodeId| !self.ground.is_directory(end) || is_deep(path);
            if way.end.is_some_and(is_meant) {
                self.way(&way, Item::File(id), &How::Names);
            }
        }
    }

    fn follow_text(&mut self, id: NodeId, facts: &Facts) {
        let by = Item::File(id);
        self.follow_paths(id, facts);
        let is_passed_over = self.is_passed_over(id, facts);
        for name in facts.programs.iter().filter(|_| !is_passed_over) {
            self.call(name, by, &How::Calls);
        }
        for name in &facts.libraries {
            for way in self.libraries(&Elf::default(), b"/", name) {
                self.way(&way, by, &How::Opens);
            }
        }
    }

    /// Every program that is called so.
    fn call(&mut self, name: &[u8], by: Item, how: &How) {
        let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
        for program in self.ground.programs(name) {
            let way = self.ground.way(&self.ground.path(*program));
            self.file(*program, Because { by: Some(by), how: how.clone() });
            self.way(&way, by, how);
        }
    }

    fn follow_package(&mut self, id: PackageId) {
        if self.wish.by_files {
            return;
        }
        let (ground, by) = (self.ground, Item::Package(id));
        let package = ground.inventory.package(id);
        for need in &package.needs {
            self.need(id, need, &How::Depends);
        }
        if self.wish.recommends {
            for need in &package.wishes {
                self.need(id, need, &How::Recommends);
            }
        }
        for file in package.files.iter().filter(|file| ground.is_file(**file)) {
            let is_elf = self.facts.get(file).is_some_and(|facts| matches!(facts.kind, What::Elf(_)));
            if is_elf || self.rules.triggers.contains_key(file) {
                self.file(*file, Because { by: Some(by), how: How::Part });
            }
        }
    }

    fn need(&mut self, of: PackageId, need: &'r Need, how: &How) {
        let inventory = self.ground.inventory;
        let package = inventory.package(of);
        let because = || Because { by: Some(Item::Package(of)), how: how.clone() };
        for name in need {
            if name.starts_with(b"/") {
                let way = self.ground.way(name);
                self.way(&way, Item::Package(of), how);
            }
            let key = (package.manager, &**name);
            if self.needed.contains(&key) || self.rules.ignores(&package.name, name) {
                continue;
            }
            let mut are_all = true;
            for found in inventory.called(package.manager, name) {
                if self.rules.ignores(&package.name, &inventory.package(*found).name) {
                    are_all = false;
                } else {
                    self.package(*found, because());
                }
            }
            // A hundred thousand may need what a hundred thousand provide.
            if are_all {
                self.needed.insert(key);
            }
        }
    }
}

/// Whether a directory is one that has a purpose of its own, unlike `/usr/share`, which everybody has something in.
fn is_deep(path: &[u8]) -> bool {
    path.iter().filter(|byte| **byte == b'/').count() > 2
}

/// Whether a file is of a library that was installed beside the application.
pub(super) fn is_of_others(path: &[u8]) -> bool {
    const PLACES: [&[u8]; 6] =
        [b"node_modules", b"site-packages", b"dist-packages", b"gems", b"vendor", b"bower_components"];
    path.split(|byte| *byte == b'/').any(|part| PLACES.contains(&part))
}
