//! The closure of an image: everything that is read for it, and what it comes to.

use std::collections::{HashMap, HashSet};

use super::super::rules::special::languages;
use super::files::{Known, is_the_users, look};
use super::ground::Ground;
use super::loader::{self, Loader};
use super::reach::{Reach, Wish, YOURS, is_of_others};
use super::refused::MinifyError;
use super::request::{Grain, Minify};
use super::roots::{self, Refusal, Root};
use super::rule::Rules;
use super::wishes::{environment, named, volumes, wishes};
use crate::layer::Layers;
use crate::oci::Document;
use crate::packages::{self, Database, databases, inventory, owners_and_lists};
use crate::slim::PruneFacts;
use crate::tree::{EntryRef, Kind, NodeId, Tree};

/// The closure, and what it was found from.
pub(super) struct Closed<'c> {
    pub(super) ground: &'c Ground<'c>,
    pub(super) rules: &'c Rules,
    pub(super) facts: &'c Known,
    pub(super) reach: Reach<'c>,
    pub(super) databases: &'c [Database],
    /// The bytes of the files of the databases.
    pub(super) records: &'c HashMap<EntryRef, Vec<u8>>,
    /// What stays because it is under a volume or a person says so.
    pub(super) kept: HashSet<NodeId>,
    /// Volumes: all below them stays.
    pub(super) volumes: HashSet<NodeId>,
}

/// Finds the closure of `tree`, whose contents lie in `layers`, and hands it to `then`. `config` is what containers
/// will run by.
pub(super) fn close<T>(
    tree: &Tree,
    minify: &Minify,
    config: &Document,
    layers: Layers<'_>,
    then: impl FnOnce(Closed<'_>) -> Result<T, MinifyError>,
) -> Result<T, MinifyError> {
    let read = |ids: &[NodeId]| layers.read(&ids.iter().map(|id| tree.inode(*id).source).collect::<Vec<_>>());
    let found = databases(tree)?;
    let mut files = packages::record_files(tree, &found)?;
    files.extend(loader::settings(tree));
    // They are held at once, and what is read of them beside them.
    let size = |id: &NodeId| match tree.inode(*id).kind {
        Kind::File { size, .. } => size,
        _ => 0,
    };
    let bytes = files.iter().map(size).fold(0, u64::saturating_add);
    let _held = layers.budget.hold(bytes.saturating_mul(2))?;
    let mut records = read(&files)?;
    let contents = |id: NodeId| records.get(&tree.inode(id).source).map(Vec::as_slice);
    let owners = owners_and_lists(tree, &found, &contents)?;
    let inventory = inventory(tree, &found, &owners, &contents)?;
    let facts = PruneFacts { config, owners: &owners };
    let directory: Option<String> = config.get("WorkingDir", "").ok().flatten();
    let directory = directory.filter(|text| text.starts_with('/')).unwrap_or_else(|| "/".to_owned()).into_bytes();
    let ground = Ground::new(tree, &inventory, facts.env(), directory, &facts.path());
    let rules = Rules::new(tree, &languages(&ground.env), minify.grain == Grain::Files).map_err(MinifyError::Rules)?;
    if let Some(path) = bootable(&ground, &rules) {
        return Err(MinifyError::Bootable { path });
    }
    let begin = begin(&ground, &rules, minify, config)?;
    let known = look(&ground, &rules, layers)?;
    for _ in 0..loader::MAX_ROUNDS {
        let more = loader::included(&ground, &records);
        if more.is_empty() {
            break;
        }
        records.extend(read(&more)?);
    }
    let loader = Loader::new(&ground, &records);
    let wish = Wish { by_files: minify.grain == Grain::Files, recommends: minify.recommends };
    let mut reach = Reach::new(&ground, &rules, &known, loader, wish);
    for (way, setting) in &begin {
        reach.root_way(way, setting);
    }
    wishes(&ground, minify, &mut reach)?;
    let kept = named(tree, &minify.keep);
    reach.roots(kept.iter().copied().filter(|id| !ground.is_directory(*id)), "--keep");
    environment(&ground, &mut reach);
    let yours = tree.nodes().filter(|id| is_the_users(&ground, &rules, *id));
    let (others, own): (Vec<NodeId>, Vec<NodeId>) = yours.partition(|id| is_of_others(&ground.path(*id)));
    reach.roots(own.into_iter(), YOURS);
    reach.root_unlisted();
    reach.run();
    // Last, so that what calls a script of a library is known by then.
    reach.roots(others.into_iter(), YOURS);
    reach.run();
    if ground.is_lost() {
        return Err(MinifyError::TooFar);
    }
    let volumes = volumes(&ground, config);
    let (ground, rules, facts) = (&ground, &rules, &known);
    then(Closed { ground, rules, facts, reach, databases: &found, records: &records, kept, volumes })
}

/// Where everything begins; nowhere when people name programs of an image that runs none.
fn begin(ground: &Ground<'_>, rules: &Rules, minify: &Minify, config: &Document) -> Result<Vec<Root>, MinifyError> {
    match roots::roots(ground, rules, config) {
        Err(Refusal::NoCommand) if !minify.with.is_empty() => Ok(Vec::new()),
        other => Ok(other?),
    }
}

/// What of the image tells that it boots.
fn bootable(ground: &Ground<'_>, rules: &Rules) -> Option<String> {
    let found = rules.bootable.all().find_map(|path| {
        let (place, begin) = path.split_at(path.iter().rposition(|byte| *byte == b'/')? + 1);
        let children = ground.way(place).end.into_iter().flat_map(|place| ground.tree.children(place));
        children.filter(|id| ground.tree.name(*id).starts_with(begin)).min()
    })?;
    Some(String::from_utf8_lossy(&ground.path(found)).into_owned())
}
