//! The files of an image as ncdu exports and reads them (`ncdu -f FILE`, `gdu -f FILE`; format 1.2,
//! dev.yorhel.nl/ncdu/jsonfmt).
//!
//! # Decisions
//! - Names are written as [`crate::text::exact`] shows them: what reads this prints them to a terminal.
//! - Sizes are bytes of contents, also as what a file takes on a disk: an image has no blocks.

use std::fmt::Write;

use thiserror::Error;

use super::inspect::{InspectedImage, Inspection};
use super::units::together;
use crate::inside::{FileState, ListedFile, Listing};

/// An image has not the layer that was asked for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("layer {layer} was asked for, but {image} has {count}: --ref and --platform choose an image")]
pub struct NoSuchLayer {
    /// The layer, oldest 1.
    pub layer: u64,
    /// What the image is called.
    pub image: String,
    /// How many layers it has.
    pub count: usize,
}

/// The final file system of each image; with `layer`, all that this layer (oldest 1) has, seen or hidden. The images
/// have to have been inspected with their files.
pub fn document(inspection: &Inspection, layer: Option<u64>) -> Result<String, NoSuchLayer> {
    for image in &inspection.images {
        let count = image.layers.len();
        if let Some(layer) = layer.filter(|layer| !(1..=count as u64).contains(layer)) {
            return Err(NoSuchLayer { layer, image: called(image), count });
        }
    }
    let version = inspection.version;
    let mut text = format!("[1,2,{{\"progname\":\"imgsquash\",\"progver\":\"{version}\"}}");
    let several = inspection.images.len() > 1;
    if several {
        open(&mut text, &inspection.input, None);
    }
    for (at, image) in inspection.images.iter().enumerate() {
        // What reads this takes a slash for the end of a folder's name.
        let name = if several { format!("{} {}", at + 1, called(image).replace('/', "-")) } else { called(image) };
        open(&mut text, &name, Some(at + 1));
        if let Some(listing) = &image.listing {
            Tree::new(listing, layer).write(&mut text);
        }
        text.push(']');
    }
    if several {
        text.push(']');
    }
    text.push_str("]\n");
    Ok(text)
}

fn called(image: &InspectedImage) -> String {
    format!("{} {}", together(image.names.get(..1).unwrap_or_default()), image.platform)
}

/// Begins a folder. Files with the same number are the same only on one device.
fn open(text: &mut String, name: &str, device: Option<usize>) {
    let device = device.map_or(String::new(), |device| format!(",\"dev\":{device}"));
    let _ = write!(text, ",\n[{{\"name\":{}{device}}}", string(name));
}

/// Text as JSON, with nothing in it that does more than be seen.
fn string(text: &str) -> String {
    serde_json::Value::from(crate::text::Shown(text).to_string()).to_string()
}

/// What is written of a listing.
struct Tree<'l> {
    listing: &'l Listing,
    layer: Option<u64>,
    /// Where the files of each folder begin, and where those of the last end.
    files: Vec<usize>,
    /// The folders in each folder.
    inner: Vec<Vec<usize>>,
    /// Whether anything in a folder is written, or it itself.
    is_written: Vec<bool>,
}

enum Step {
    Open(usize),
    Close,
}

impl<'l> Tree<'l> {
    fn new(listing: &'l Listing, layer: Option<u64>) -> Self {
        let Listing { folders, files, .. } = listing;
        let begin = |folder| files.partition_point(|file| file.folder < folder);
        let mut tree = Self {
            listing,
            layer,
            files: (0..=folders.len()).map(begin).collect(),
            inner: vec![Vec::new(); folders.len()],
            is_written: folders.iter().map(|folder| is_asked(folder.layer, layer)).collect(),
        };
        for file in files {
            tree.is_written[file.folder] |= tree.has(file);
        }
        // Folders come after the ones that they are in.
        for (at, folder) in folders.iter().enumerate().skip(1).rev() {
            tree.is_written[folder.up] |= tree.is_written[at];
        }
        for (at, folder) in folders.iter().enumerate().skip(1) {
            tree.inner[folder.up].push(at);
        }
        tree
    }

    fn has(&self, file: &ListedFile) -> bool {
        match self.layer {
            Some(layer) => file.layer == layer,
            None => file.state == FileState::Live,
        }
    }

    /// Writes what is in the root, however deep.
    fn write(&self, text: &mut String) {
        self.write_content(text, 0);
        let mut steps: Vec<Step> = self.steps(0).collect();
        while let Some(step) = steps.pop() {
            match step {
                Step::Close => text.push(']'),
                Step::Open(folder) => {
                    open(text, &self.listing.folders[folder].name, None);
                    self.write_content(text, folder);
                    steps.push(Step::Close);
                    steps.extend(self.steps(folder));
                }
            }
        }
    }

    fn steps(&self, folder: usize) -> impl Iterator<Item = Step> + '_ {
        let inner = self.inner[folder].iter().rev().filter(|inner| self.is_written[**inner]);
        inner.map(|inner| Step::Open(*inner))
    }

    fn write_content(&self, text: &mut String, folder: usize) {
        let files = &self.listing.files[self.files[folder]..self.files[folder + 1]];
        for file in files.iter().filter(|file| self.has(file)) {
            let ListedFile { name, bytes, link, is_regular, .. } = file;
            let _ = write!(text, ",\n{{\"name\":{},\"asize\":{bytes},\"dsize\":{bytes}", string(name));
            if let Some(link) = link {
                let _ = write!(text, ",\"ino\":{},\"hlnkc\":true", link.inode);
            }
            text.push_str(if *is_regular { "}" } else { ",\"notreg\":true}" });
        }
    }
}

/// Whether something of a layer is part of what was asked for.
fn is_asked(of: Option<u64>, layer: Option<u64>) -> bool {
    of.is_some() && (layer.is_none() || of == layer)
}
