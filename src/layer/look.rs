//! Looking at what is in layers while they are read for the first time, so that nobody has to read them once more.
//!
//! Whoever looks is told of every entry and of its contents as they go by, by the thread that reads the layer: layers
//! that are read in parallel are looked at in parallel. Without anybody who looks, reading costs what it did.

use crate::oci::DiffId;
use crate::tar::Member;

/// Looks at layers.
pub trait Look: Sync {
    /// Begins to look at a layer. A layer that several images have is looked at once; one that is read twice, twice.
    fn begin(&self, layer: DiffId) -> Box<dyn LookInside + '_>;
}

/// Looks at one layer, at its entries in the order of the tar.
pub trait LookInside {
    /// An entry: the one at `at` among the layer's, as [`LayerIndex`](super::LayerIndex) and fates count them.
    /// Whiteouts and what means nothing are entries too.
    fn entry(&mut self, at: usize, member: &Member);

    /// The next bytes of its contents as they are stored, in pieces of any size; of what has none, nothing comes.
    fn contents(&mut self, piece: &[u8]);

    /// The layer was read to its end, and is what it should be. Before that, nothing that was seen may be believed.
    fn finish(self: Box<Self>);
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::num::NonZeroUsize;
    use std::sync::Mutex;

    use super::*;
    use crate::blob::Span;
    use crate::budget::Budget;
    use crate::buffers::Buffers;
    use crate::layer::{Readers, Source};
    use crate::limits::Limits;
    use crate::oci::{Digest, Document, Layer, LayerKind};

    /// What was seen of layers that were finished.
    #[derive(Default)]
    struct Saw(Mutex<Vec<(DiffId, String)>>);

    struct Inside<'s>(&'s Saw, DiffId, String);

    impl Look for Saw {
        fn begin(&self, layer: DiffId) -> Box<dyn LookInside + '_> {
            Box::new(Inside(self, layer, String::new()))
        }
    }

    impl LookInside for Inside<'_> {
        fn entry(&mut self, at: usize, member: &Member) {
            self.2 += &format!("{at} {} ", member.name.escape_ascii());
        }

        fn contents(&mut self, piece: &[u8]) {
            self.2 += &piece.escape_ascii().to_string();
        }

        fn finish(self: Box<Self>) {
            self.0.0.lock().unwrap().push((self.1, self.2));
        }
    }

    #[test]
    fn what_is_read_is_seen_and_what_is_wrong_is_not_believed() {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, contents) in [("a", "one"), (".wh.b", ""), ("d/c", "three")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(contents.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, contents.as_bytes()).unwrap();
        }
        let bytes = tar.into_inner().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let blob = Span::private(file).unwrap();
        let source = |name: &str, diff_id| {
            let (name, kind, descriptor) = (name.to_owned(), LayerKind::Tar, Document::default());
            let layer = Layer { name, digest: None, size: None, diff_id, kind, descriptor, estargz: false };
            Source { layer, blob: blob.clone() }
        };
        let (right, wrong) = (DiffId(Digest::of(&bytes)), DiffId(Digest::of(b"another")));
        let sources = [source("right", right), source("wrong", wrong)];
        let (saw, limits, buffers) = (Saw::default(), Limits::default(), Buffers::new());
        let (jobs, look) = (NonZeroUsize::MIN, Some(&saw as &dyn Look));
        let (budget, sources, seen) = (Budget::new(&limits), &sources, &|_| ());
        let (limits, budget, buffers) = (&limits, &budget, &buffers);
        let readers = Readers { sources, limits, jobs, budget, buffers, seen, seed: 0, look };
        assert!(readers.read(vec![0]).is_ok() && readers.read(vec![1]).is_err());
        let all = "0 a one1 .wh.b 2 d/c three".to_owned();
        assert_eq!(saw.0.into_inner().unwrap(), [(right, all)]);
    }
}
