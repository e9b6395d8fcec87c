//! Secrets in the files of layers, looked for while the layers are read for the first time.
//!
//! # Decisions
//! - What was found belongs to the layer as it was verified, told by its diff_id: images that share a layer share it,
//!   and a layer that is read twice says the same twice.
//! - Every entry with contents is looked at: also whiteouts with contents and paths that the same layer has again,
//!   which nobody sees and everybody has.
//! - A hard link is looked at under the name that has the contents; rules for certain files know it by that name only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::engine::Engine;
use super::found::{Found, Looked};
use super::scan::Scanner;
use crate::layer::{Look, LookInside};
use crate::oci::DiffId;
use crate::tar::Member;
use crate::tree::TreePath;

/// Memory that the findings of one layer may take, and those of all together, in bytes: beyond it they are only
/// counted.
const MAX_IN_LAYER: usize = 4 << 20;
const MAX_IN_ALL: usize = 8 << 20;
/// Bytes of a finding besides its path.
const FINDING: usize = 400;
/// Files of a layer that are told to be looked at in part.
const MAX_PARTIAL: usize = 100;

/// A secret in a file of a layer.
#[derive(Clone, Debug)]
pub struct InFile {
    /// The entry that has it, as fates count them.
    pub entry: usize,
    /// Its path in the layer.
    pub path: TreePath,
    /// What was found.
    pub found: Found,
}

/// What was found in a layer.
#[derive(Clone, Debug, Default)]
pub struct InLayer {
    /// In the order of its entries.
    pub files: Vec<InFile>,
    /// How many more there were than are told.
    pub more: u64,
    /// Files that seem to be made to take long, of which some was passed over.
    pub partial: Vec<TreePath>,
}

/// Looks for secrets in layers, and knows afterwards what was found in them.
#[derive(Debug)]
pub struct Survey<'e> {
    engine: &'e Engine,
    seen: Seen,
    /// Scanners that are free: their caches are worth more than they are.
    free: Mutex<Vec<Scanner<'e>>>,
}

/// What was found in layers so far. Clones share it, so that a layer that several squashes have is looked at once.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<Known>>);

/// What was found in which layer, and how many bytes that takes.
#[derive(Debug, Default)]
struct Known {
    layers: HashMap<DiffId, Arc<InLayer>>,
    bytes: usize,
}

impl InFile {
    /// Bytes that it takes.
    fn size(&self) -> usize {
        FINDING + self.path.as_bytes().len()
    }
}

impl InLayer {
    /// Takes a finding, if there is room for it in `bytes` of `limit`; else it is counted.
    fn take(&mut self, file: InFile, bytes: &mut usize, limit: usize) {
        if *bytes + file.size() <= limit {
            *bytes += file.size();
            self.files.push(file);
        } else {
            self.more += 1;
        }
    }
}

impl<'e> Survey<'e> {
    /// Looks by the rules of `engine`. Nothing was looked at yet.
    pub fn new(engine: &'e Engine) -> Self {
        Self::with(engine, Seen::default())
    }

    /// The same, after what is `seen` was looked at by the same rules.
    pub fn with(engine: &'e Engine, seen: Seen) -> Self {
        Self { engine, seen, free: Mutex::default() }
    }

    /// What it looks by.
    pub fn engine(&self) -> &'e Engine {
        self.engine
    }

    /// What was found in a layer; nothing in one that was not read.
    pub fn of(&self, layer: DiffId) -> Arc<InLayer> {
        lock(&self.seen.0).layers.get(&layer).cloned().unwrap_or_default()
    }

    /// Whether a layer was looked at.
    pub fn knows(&self, layer: DiffId) -> bool {
        lock(&self.seen.0).layers.contains_key(&layer)
    }

    fn keep(&self, layer: DiffId, found: InLayer) {
        let mut known = lock(&self.seen.0);
        if let Some(before) = known.layers.remove(&layer) {
            known.bytes -= before.files.iter().map(InFile::size).sum::<usize>();
        }
        let InLayer { files, more, partial } = found;
        let mut kept = InLayer { files: Vec::new(), more, partial };
        let bytes = &mut known.bytes;
        files.into_iter().for_each(|file| kept.take(file, bytes, MAX_IN_ALL));
        known.layers.insert(layer, Arc::new(kept));
    }
}

/// What another thread left when it panicked is not looked at: the panic ends the run.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Look for Survey<'_> {
    fn begin(&self, layer: DiffId) -> Box<dyn LookInside + '_> {
        let scanner = lock(&self.free).pop().unwrap_or_else(|| Scanner::new(self.engine));
        Box::new(Inside { survey: self, layer, scanner, current: None, found: InLayer::default(), bytes: 0 })
    }
}

/// Looks at one layer.
struct Inside<'s, 'e> {
    survey: &'s Survey<'e>,
    layer: DiffId,
    scanner: Scanner<'e>,
    /// The entry that is looked at.
    current: Option<(usize, TreePath)>,
    found: InLayer,
    /// Bytes that it takes.
    bytes: usize,
}

impl Inside<'_, '_> {
    /// Takes what was found in the entry before.
    fn end_entry(&mut self) {
        let Some((entry, path)) = self.current.take() else { return };
        let Looked { found, more, is_partial } = self.scanner.finish();
        self.found.more += more;
        if is_partial && self.found.partial.len() < MAX_PARTIAL {
            self.found.partial.push(path.clone());
        }
        for found in found {
            self.found.take(InFile { entry, path: path.clone(), found }, &mut self.bytes, MAX_IN_LAYER);
        }
    }
}

impl LookInside for Inside<'_, '_> {
    fn entry(&mut self, at: usize, member: &Member) {
        self.end_entry();
        // What is no path ends the reading.
        let path = (member.stored > 0).then(|| TreePath::parse(&member.name).ok()).flatten();
        if let Some(path) = path {
            self.scanner.file(path.as_bytes());
            self.current = Some((at, path));
        }
    }

    fn contents(&mut self, piece: &[u8]) {
        if self.current.is_some() {
            self.scanner.feed(piece);
        }
    }

    fn finish(mut self: Box<Self>) {
        self.end_entry();
        let Self { survey, layer, scanner, found, .. } = *self;
        survey.keep(layer, found);
        lock(&survey.free).push(scanner);
    }
}
