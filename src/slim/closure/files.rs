//! Looking into the files of an image: which of them, and how much they may name together.

use std::collections::HashMap;
use std::rc::Rc;

use super::ground::Ground;
use super::interned::Interned;
use super::look::{Facts, Look, Says, What};
use super::refused::MinifyError;
use super::rule::Rules;
use crate::layer::Layers;
use crate::tree::{EntryRef, Kind, NodeId};

/// Bytes that what files name may take; real images need a few million.
const MAX_NAMED: usize = 48 << 20;

/// What is known of the files of an image that may name others.
pub(super) type Known = HashMap<NodeId, Rc<Facts>>;

/// Whether a file is the user's: no package has it, and no maintainer script made it.
pub(super) fn is_the_users(ground: &Ground<'_>, rules: &Rules, id: NodeId) -> bool {
    if ground.is_directory(id) || !ground.inventory.is_free(id) || rules.made.contains(&id) {
        return false;
    }
    let Kind::Symlink(_) = ground.tree.inode(id).kind else { return true };
    // update-alternatives makes links outside of its own directory too.
    let way = ground.way(&ground.path(id));
    !way.links.iter().any(|link| ground.path(*link).starts_with(b"/etc/alternatives/"))
}

/// Looks into every file that may name others.
pub(super) fn look(ground: &Ground<'_>, rules: &Rules, layers: Layers<'_>) -> Result<Known, MinifyError> {
    let tree = ground.tree;
    let mut names: HashMap<EntryRef, (Vec<NodeId>, Says)> = HashMap::new();
    for id in tree.nodes().filter(|id| is_candidate(ground, rules, *id)) {
        let (ids, says) = names.entry(tree.inode(id).source).or_default();
        ids.push(id);
        *says = (*says).max(says_of(&ground.path(id)));
    }
    let entries: Vec<EntryRef> = names.keys().copied().collect();
    let mut known = Known::new();
    let mut named = Interned::new(MAX_NAMED);
    let mut look = Look::new(ground, rules);
    layers.contents(&entries, |entry, piece| {
        // Nothing is looked at any more when there is too much: the error comes at the end.
        if named.is_full() || ground.is_lost() {
            return;
        }
        let Some((ids, says)) = names.get(&entry) else { return };
        if !piece.is_empty() {
            return look.feed(piece, *says);
        }
        let facts = std::mem::replace(&mut look, Look::new(ground, rules)).finish(*says, &mut named);
        if !matches!(facts.kind, What::Data) {
            let facts = Rc::new(facts);
            known.extend(ids.iter().map(|id| (*id, facts.clone())));
        }
    })?;
    if named.is_full() { Err(MinifyError::TooMuch { limit: MAX_NAMED }) } else { Ok(known) }
}

/// What the words of a text are, by its path.
fn says_of(path: &[u8]) -> Says {
    const BACKQUOTES: [&[u8]; 5] = [b".rb", b".rake", b".pl", b".pm", b".php"];
    const SETTINGS: [&[u8]; 4] = [b".conf", b".ini", b".cfg", b".service"];
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    match path {
        _ if name == b"package.json" => Says::Manifest,
        _ if BACKQUOTES.iter().any(|end| name.ends_with(end)) => Says::Backquotes,
        _ if path.starts_with(b"/etc/cron") || matches!(name, b"inittab" | b"Procfile") => Says::Commands,
        _ if path.starts_with(b"/etc/") || SETTINGS.iter().any(|end| name.ends_with(end)) => Says::Settings,
        _ => Says::Anything,
    }
}

/// Whether a file may be one that names others.
fn is_candidate(ground: &Ground<'_>, rules: &Rules, id: NodeId) -> bool {
    let inode = ground.tree.inode(id);
    if !matches!(inode.kind, Kind::File { size: 4.., .. }) {
        return false;
    }
    let name = ground.tree.name(id);
    if inode.meta.mode & 0o111 != 0 || memchr::memmem::find(name, b".so").is_some() || name.ends_with(b".node") {
        return true;
    }
    if !ground.inventory.is_free(id) {
        // It is not followed, but what it names is told.
        return ground.path(id).starts_with(b"/etc/");
    }
    !rules.made.contains(&id) && !rules.silent.is_end_of(name)
}
