//! Why something stays: the chain of what needs it, up to a root.

use super::close::{Closed, close};
use super::reach::{Because, How, Item};
use super::refused::MinifyError;
use super::request::Minify;
use super::stays::is_gone;
use super::subject::Subject;
use crate::layer::Layers;
use crate::oci::Document;
use crate::packages::PackageId;
use crate::tree::{Follow, NodeId, Tree, TreePath};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It stays: what it is, and what needs it, from the nearest to the root.
    Stays(Vec<String>),
    /// It goes, because nothing needs it.
    Goes(String),
    /// The image has no such thing.
    Unknown,
}

/// Links of a chain that are shown.
const MAX_CHAIN: usize = 64;

/// Why `subject` stays in an image that is minified.
pub fn why(
    tree: &Tree,
    minify: &Minify,
    config: &Document,
    layers: Layers<'_>,
    subject: &Subject,
) -> Result<Reason, MinifyError> {
    close(tree, minify, config, layers, |closed| {
        let item = match subject {
            Subject::Path(path) => {
                let known = TreePath::parse(path.as_bytes())
                    .ok()
                    .and_then(|path| tree.locate(&path, &mut Follow::new(tree.len())));
                let Some(id) = known else { return Ok(Reason::Unknown) };
                if is_gone(&closed, id) {
                    return Ok(Reason::Goes(called(&closed, Item::File(id))));
                }
                Item::File(id)
            }
            Subject::Package(name) => {
                let packages = closed.ground.inventory.named(name.as_bytes());
                let Some(first) = packages.first() else { return Ok(Reason::Unknown) };
                match packages.iter().find(|id| closed.reach.packages.contains_key(id)) {
                    Some(id) => Item::Package(*id),
                    None => return Ok(Reason::Goes(called(&closed, Item::Package(*first)))),
                }
            }
        };
        Ok(Reason::Stays(chain(&closed, item)))
    })
}

/// What an item is, and what needs it, from the nearest to the root.
pub(super) fn chain(closed: &Closed<'_>, item: Item) -> Vec<String> {
    let mut said = vec![called(closed, item)];
    let mut at = item;
    while said.len() < MAX_CHAIN {
        let Some(because) = because(closed, at) else {
            said.push(settled(closed, at));
            break;
        };
        match because.by {
            None => {
                said.push(root(&because.how));
                break;
            }
            Some(by) => {
                said.push(format!("{} {}", words(closed, &because.how), called(closed, by)));
                at = by;
            }
        }
    }
    said
}

fn because<'c>(closed: &'c Closed<'_>, item: Item) -> Option<&'c Because> {
    let reach = &closed.reach;
    match item {
        Item::Package(id) => reach.packages.get(&id),
        // A file that nothing names stays with its package.
        Item::File(id) => reach
            .files
            .get(&id)
            .or_else(|| closed.ground.inventory.holders(id).find_map(|holder| reach.packages.get(&holder))),
    }
}

/// Why something stays that was not reached.
fn settled(closed: &Closed<'_>, item: Item) -> String {
    match item {
        Item::File(id) if closed.rules.stays.contains(&id) => "it is a setting of the system".to_owned(),
        Item::File(id) if closed.ground.is_directory(id) => "directories stay while something is in them".to_owned(),
        Item::File(id) if closed.ground.inventory.is_free(id) => "no package has it".to_owned(),
        _ => "it is under a volume, or a person named it".to_owned(),
    }
}

fn root(how: &How) -> String {
    match how {
        How::Root(why) => why.clone(),
        How::Rule(_) => "every image has it".to_owned(),
        _ => String::new(),
    }
}

fn words(closed: &Closed<'_>, how: &How) -> String {
    match how {
        How::Root(why) => why.clone(),
        How::Owns => "has".to_owned(),
        How::Part => "part of".to_owned(),
        How::Depends => "needed by".to_owned(),
        How::Recommends => "recommended by".to_owned(),
        How::Loader => "loads".to_owned(),
        How::Runs => "runs".to_owned(),
        How::Links => "linked by".to_owned(),
        How::Leads => "target of".to_owned(),
        How::Names => "named in".to_owned(),
        How::Calls => "called in".to_owned(),
        How::Opens => "opened by".to_owned(),
        How::Rule(rule) => {
            let rule = &closed.rules.rules[*rule];
            format!("{} (rule {}), for", rule.title, rule.id)
        }
    }
}

/// What an item is called.
pub(super) fn called(closed: &Closed<'_>, item: Item) -> String {
    match item {
        Item::Package(id) => package(closed, id),
        Item::File(id) => path(closed, id),
    }
}

pub(super) fn package(closed: &Closed<'_>, id: PackageId) -> String {
    let name = &closed.ground.inventory.package(id).name;
    String::from_utf8_lossy(name).escape_debug().to_string()
}

pub(super) fn path(closed: &Closed<'_>, id: NodeId) -> String {
    format!("/{}", closed.ground.tree.path(id))
}
