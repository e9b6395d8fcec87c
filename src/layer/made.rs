//! Contents that no layer of an image has, as a layer that entries can refer to.

use std::io::{self, Write};
use std::path::Path;

use super::index::{EntrySpan, LayerIndex};
use super::open::Source;
use crate::blob::{Sealing, Span};
use crate::codec::Codec;
use crate::oci::{DiffId, Digest, Document, Layer, LayerKind};
use crate::tar::padded;

/// Puts `files` into a file without a name in `directory`, as the contents of entries without headers, in their order.
pub fn made(files: &[Vec<u8>], directory: &Path) -> io::Result<(Source, LayerIndex)> {
    let mut bytes = Vec::new();
    let mut entries = Vec::with_capacity(files.len());
    let mut start = 0;
    for file in files {
        let stored = file.len() as u64;
        let whole = padded(stored).map_err(|problem| io::Error::other(problem.to_string()))?;
        bytes.extend_from_slice(file);
        bytes.resize(bytes.len() + usize::try_from(whole - stored).unwrap_or(0), 0);
        entries.push(EntrySpan { start, stored, header: 0 });
        start += whole;
    }
    let mut file = tempfile::tempfile_in(directory)?;
    file.write_all(&bytes)?;
    let mut sealing = Sealing::default();
    sealing.note(&bytes);
    let nothing = Digest::of(b"");
    let layer = Layer {
        name: "new records".to_owned(),
        digest: None,
        size: None,
        diff_id: DiffId(nothing),
        kind: LayerKind::Tar,
        descriptor: Document::default(),
        estargz: false,
    };
    let blob = Span::private(file)?;
    let sealed = Some(sealing.seal(&blob));
    let source = Source { layer, blob };
    let index = LayerIndex { plain_size: start, entries, sealed, is_made: true, ..LayerIndex::new(Codec::Plain) };
    Ok((source, index))
}
