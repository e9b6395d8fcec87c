//! From classes and packages to layers.

use super::class::{Class, Classes};
use super::wish::SplitError;
use crate::packages::{Owner, Owners};
use crate::tree::{Kind, NodeId};

/// One layer for each of `wanted`. Returns the layer of each name, and the titles.
pub(super) fn by_class(classes: Classes<'_>, wanted: &[Class]) -> (Vec<u8>, Vec<String>) {
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let titles = wanted.iter().map(|class| class.title().to_owned()).collect();
    let part = |id| u8::try_from(classes.of(id).nearest(&wanted)).unwrap_or(0);
    (each(&classes, part), titles)
}

/// `count` layers, at least five: the last three are the rest of the system, dependencies and the application; packages
/// are dealt out to the others.
pub(super) fn by_package(
    classes: Classes<'_>,
    owners: &Owners,
    count: u8,
) -> Result<(Vec<u8>, Vec<String>), SplitError> {
    let buckets = count - 3;
    if owners.packages() < usize::from(buckets) {
        return Err(SplitError::FewPackages { asked: buckets, packages: owners.packages() });
    }
    let mut titles: Vec<String> = (1..=buckets).map(|at| format!("packages {at} of {buckets}")).collect();
    titles.extend(["system", "dependencies", "application"].map(str::to_owned));
    let part = |id: NodeId| match classes.of(id) {
        Class::App => buckets + 2,
        Class::Dependencies => buckets + 1,
        Class::Os | Class::Packages => match owners.owner(id) {
            // A directory may have files of others in it.
            Owner::Package(name) if classes.tree.inode(id).kind != Kind::Directory => bucket(name, buckets),
            _ => buckets,
        },
    };
    Ok((each(&classes, part), titles))
}

fn bucket(name: &[u8], buckets: u8) -> u8 {
    u8::try_from(xxhash_rust::xxh3::xxh3_64(name) % u64::from(buckets)).unwrap_or(0)
}

fn each(classes: &Classes<'_>, part: impl Fn(NodeId) -> u8) -> Vec<u8> {
    let mut parts = vec![0; classes.tree.node_count()];
    for id in classes.tree.nodes() {
        parts[id.index()] = part(id);
    }
    parts
}
