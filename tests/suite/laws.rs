//! Laws that hold for every image, checked on random ones.

use imgsquash::tree::{
    Fates, Full, Kind as TreeKind, LayerBuilder, LayerDiff, LinkError, LinkProblem, Meta, PutError, Tree, TreePath,
    apply, compose, diff,
};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::support::archive::{Codec, Form, Image};
use crate::support::layer::{Entry, Layer};
use crate::support::model::Model;
use crate::support::node::{Kind, Node, assert_same};
use crate::support::read::{extract, files, images};
use crate::support::run::{squash, squash_with};

/// Few names, so that layers meet.
fn path() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(select(vec!["a", "b", "c"]), 1..4).prop_map(|names| names.join("/").into_bytes())
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => prop::collection::vec(select(vec![b'x', b'y']), 0..3).prop_map(Kind::File),
        3 => Just(Kind::Directory),
        1 => path().prop_map(Kind::Symlink),
        2 => path().prop_map(Kind::Link),
        1 => Just(Kind::Fifo),
        1 => Just(Kind::Char(1, 3)),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    let marked = prop_oneof![6 => Just(0), 2 => Just(1), 1 => Just(2)];
    (path(), kind(), marked, select(vec![0o600, 0o755, 0o4711]), 1..3_i64).prop_map(
        |(path, kind, marked, mode, mtime)| {
            let (directory, name) = match path.iter().rposition(|byte| *byte == b'/') {
                Some(at) => (path[..=at].to_vec(), path[at + 1..].to_vec()),
                None => (Vec::new(), path.clone()),
            };
            let name = match marked {
                0 => path,
                1 => [&directory[..], b".wh.", &name].concat(),
                // At the root it would clear everything every time.
                _ => [&path[..], b"/.wh..wh..opq"].concat(),
            };
            let kind = if marked == 0 { kind } else { Kind::File(Vec::new()) };
            // All links of a layer say the same, so that their order does not matter.
            let (mode, mtime) = if matches!(kind, Kind::Link(_)) { (0o640, 7) } else { (mode, mtime) };
            let mode = if matches!(kind, Kind::Symlink(_)) { 0o777 } else { mode };
            Entry { name, node: Node { mode, mtime: (mtime, 0), ..Node::new(kind) } }
        },
    )
}

/// A layer without repeated paths and without entries below its own symlinks and files, which the order would decide.
fn layer() -> impl Strategy<Value = Layer> {
    prop::collection::vec(entry(), 0..9).prop_map(|entries| {
        let mut layer = Layer::default();
        for entry in entries {
            let clashes = |known: &Entry| {
                let below = |path: &[u8], file: &Entry| {
                    file.node.kind != Kind::Directory && path.starts_with(&[&file.name[..], b"/"].concat())
                };
                known.name == entry.name || below(&entry.name, known) || below(&known.name, &entry)
            };
            if !layer.entries.iter().any(clashes) {
                layer.entries.push(entry);
            }
        }
        layer
    })
}

/// The layers of an image that can be: those the model cannot apply are left out.
pub(crate) fn image() -> impl Strategy<Value = (Vec<Layer>, Model)> {
    prop::collection::vec(layer(), 1..6).prop_map(|layers| {
        let mut model = Model::default();
        let kept = layers.into_iter().filter(|layer| {
            let mut next = model.clone();
            let fits = next.apply(layer);
            if fits {
                model = next;
            }
            fits
        });
        let mut kept: Vec<Layer> = kept.collect();
        if kept.is_empty() {
            kept.push(Layer::default());
        }
        (kept, model)
    })
}

/// The same layer for the tree's own interface.
fn layer_diff(layer: &Layer) -> Arc<LayerDiff> {
    let mut builder = LayerBuilder::new();
    for Entry { name, node } in &layer.entries {
        let path = TreePath::parse(name).unwrap();
        let meta = Meta {
            mode: u16::try_from(node.mode).unwrap(),
            mtime: imgsquash::request::Timestamp { seconds: node.mtime.0, nanoseconds: 0 },
            ..Meta::implied()
        };
        let (directory, last) = path.split_last().unwrap();
        match (last.strip_prefix(b".wh."), &node.kind) {
            (Some(b".wh..opq"), _) => builder.opaque(directory, true),
            (Some(hidden), _) => builder.whiteout(directory.join(hidden)),
            (None, Kind::Link(target)) => {
                builder.put_link(&path, &TreePath::parse(target).unwrap(), meta, true).unwrap();
            }
            (None, kind) => {
                let kind = match kind {
                    Kind::Directory => TreeKind::Directory,
                    Kind::File(bytes) => TreeKind::File {
                        size: bytes.len() as u64,
                        fingerprint: bytes.iter().fold(1, |sum, byte| sum * 31 + u64::from(*byte)),
                    },
                    Kind::Symlink(target) => TreeKind::Symlink(target.as_slice().into()),
                    Kind::Char(major, minor) => TreeKind::CharDevice { major: *major, minor: *minor },
                    Kind::Block(major, minor) => TreeKind::BlockDevice { major: *major, minor: *minor },
                    Kind::Fifo => TreeKind::Fifo,
                    Kind::Link(_) => unreachable!(),
                };
                builder.put(&path, kind, meta, true).unwrap();
            }
        }
    }
    builder.finish().unwrap().0.into()
}

fn stacked(layers: &[Layer]) -> Tree {
    let mut tree = Tree::new();
    for (layer, position) in layers.iter().zip(0..) {
        apply(&mut tree, layer_diff(layer), position, &mut Fates::default()).unwrap();
    }
    tree
}

fn tars(layers: &[Layer]) -> Vec<Vec<u8>> {
    layers.iter().map(Layer::tar).collect()
}

proptest! {
    #![proptest_config(crate::support::cases(2000))]

    #[test]
    fn applying_the_difference_gives_the_tree((layers, _) in image(), cut in any::<Index>(), other in image()) {
        let tree = stacked(&layers);
        let bases = [stacked(&layers[..cut.index(layers.len() + 1)]), stacked(&other.0), Tree::new()];
        for base in bases {
            // Fingerprints of the model are the contents.
            let change: Result<LayerDiff, Full> = diff(&base, tree.clone(), &|_, _| true, &mut Fates::default());
            let mut result = base.clone();
            apply(&mut result, change.unwrap().into(), 1, &mut Fates::default()).unwrap();
            prop_assert_eq!(&result, &tree, "from {:?}", base);
        }
    }

    #[test]
    fn layers_made_one_do_what_they_did_one_after_the_other(
        (layers, _) in image(), from in any::<Index>(), to in any::<Index>(), other in image()
    ) {
        let (from, to) = (from.index(layers.len() + 1), to.index(layers.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        let diffs = || (0..).zip(layers[from..to].iter().map(layer_diff));
        let composed = match compose(diffs(), &mut Fates::default()) {
            Ok(composed) => Arc::new(composed),
            // A hard link to what is below needs what is below.
            Err((_, PutError::Link(LinkError { problem: LinkProblem::Missing, .. }))) => return Ok(()),
            Err(problem) => panic!("{problem:?}"),
        };
        for base in [stacked(&layers[..from]), stacked(&other.0), Tree::new()] {
            let (mut expected, mut found) = (base.clone(), base.clone());
            let mut fates = Fates::default();
            let fits = diffs().all(|(position, layer)| apply(&mut expected, layer, position, &mut fates).is_ok());
            prop_assert!(fits, "without links to what is below, every base will do");
            apply(&mut found, composed.clone(), 1, &mut Fates::default()).unwrap();
            prop_assert_eq!(&found, &expected, "on {:?}", base);
        }
    }

    #[test]
    fn a_difference_of_equal_trees_says_nothing((layers, _) in image()) {
        let tree = stacked(&layers);
        let change = diff(&tree, tree.clone(), &|_, _| false, &mut Fates::default()).unwrap();
        prop_assert!(change.removed().is_empty() && change.opaque().is_empty());
        prop_assert!(change.upper().is_empty(), "{:?}", change.upper());
    }

    #[test]
    fn the_order_of_entries_in_a_layer_does_not_matter(
        (layers, _) in image(), shuffled in prop::collection::vec(any::<Index>(), 40)
    ) {
        let expected = stacked(&layers);
        let mut picks = shuffled.iter().cycle();
        let mixed: Vec<Layer> = layers.iter().map(|layer| {
            let mut layer = layer.clone();
            for at in (1..layer.entries.len()).rev() {
                layer.entries.swap(at, picks.next().unwrap().index(at + 1));
            }
            layer
        }).collect();
        prop_assert_eq!(stacked(&mixed), expected);
    }
}

proptest! {
    #![proptest_config(crate::support::cases(150))]

    #[test]
    fn the_squashed_tree_is_the_tree_of_the_layers((layers, model) in image()) {
        let image = Image { codec: Codec::Gzip, ..Image::new(tars(&layers)) };
        let (archive, report) = squash(&image.save(Form::Oci)).unwrap();
        let found = images(&files(&archive));
        assert_same(&model.tree(), &extract(&found[0].1.layers[0]), "squashed");
        let account = &report.images[0];
        let plain: usize = image.layers.iter().map(Vec::len).sum();
        prop_assert_eq!(account.copied_bytes + account.rewritten_bytes + account.reclaimed_bytes.total, plain as u64);
        prop_assert_eq!(account.copied_bytes + account.written_bytes, account.uncompressed_bytes.after);
    }

    #[test]
    fn equal_input_makes_equal_bytes_with_any_number_of_threads((layers, _) in image(), jobs in 1..9_usize) {
        let archive = Image { codec: Codec::Zstd, ..Image::new(tars(&layers)) }.save(Form::Both);
        let (one, _) = squash_with(&archive, |options| options.resources.jobs = 1.try_into().unwrap()).unwrap();
        let (many, _) = squash_with(&archive, |options| options.resources.jobs = jobs.try_into().unwrap()).unwrap();
        prop_assert!(one == many);
        let (again, _) = squash(&one).unwrap();
        let layer = |archive: &[u8]| images(&files(archive))[0].1.blobs.clone();
        prop_assert_eq!(layer(&again), layer(&one), "squashing twice is squashing once");
    }

    #[test]
    fn unknown_keys_of_the_config_survive(
        keys in prop::collection::btree_map("[A-Za-z.]{1,12}", "\\PC{0,20}", 0..6), number in any::<i64>()
    ) {
        let mut image = Image::new(vec![Layer::default().tar()]);
        for (key, value) in &keys {
            image.config[format!("x-{key}")] = serde_json::json!({"k": value, "n": number});
        }
        let (archive, _) = squash(&image.save(Form::Docker)).unwrap();
        let found = &images(&files(&archive))[0].1.config;
        for (key, value) in image.config.as_object().unwrap() {
            prop_assert_eq!(&found[key], value);
        }
    }
}
