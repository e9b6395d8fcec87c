//! The stages by themselves: `cargo bench --bench micro`. For what they add up to, see `benches/compare`.

#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{BufReader, Write};
use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use imgsquash::budget::Budget;
use imgsquash::deflate::{ChunkEncoder, GzipReader, Joiner, Place, Until};
use imgsquash::hash::hashing;
use imgsquash::oci::Document;
use imgsquash::packages::Owners;
use imgsquash::request::{Choice, Limits, Named, Rules};
use imgsquash::slim::PruneFacts;
use imgsquash::slim::rules::prune;
use imgsquash::tar::{Form, Members, encode};
use imgsquash::tree::{Fates, Kind, LayerBuilder, LayerDiff, Meta, Tree, TreePath, apply, diff};

fn main() {
    divan::main();
}

/// All safe rules on a file system that they take a few files of, as is usual.
#[divan::bench(args = [10_000, 100_000])]
fn prune_rules(bencher: Bencher<'_, '_>, count: usize) {
    let paths = paths(count);
    let mut tree = Tree::new();
    let more = ["var/lib/apt/lists/a", "root/.cache/pip/http/a/b", "var/log/dpkg.log", "tmp/x"];
    let mut builder = LayerBuilder::new();
    for path in paths.iter().cloned().chain(more.map(|path| TreePath::parse(path.as_bytes()).unwrap())) {
        builder.put(&path, Kind::File { size: 1, fingerprint: 1 }, Meta::implied(), true).unwrap();
    }
    apply(&mut tree, builder.finish().unwrap().0.into(), 0, &mut Fates::default()).unwrap();
    let choice = Choice::new(&Rules::built_in().unwrap(), Some("safe"), Named::default(), Named::default()).unwrap();
    let (config, owners) = (Document::default(), Owners::default());
    bencher.counter(ItemsCount::new(count)).with_inputs(|| tree.clone()).bench_local_values(|mut tree| {
        let facts = PruneFacts { config: &config, owners: &owners };
        prune(&mut tree, &mut Fates::default(), &choice, facts, &Budget::new(&Limits::default())).unwrap()
    });
}

/// Paths as they are in real images: a few levels deep, many in one directory.
fn paths(count: usize) -> Vec<TreePath> {
    let name = |n: usize| format!("usr/lib/python3/dist-packages/package{}/module_{n}.py", n % 200);
    (0..count).map(|n| TreePath::parse(name(n).as_bytes()).unwrap()).collect()
}

/// A layer with the files `from` to `to`.
fn layer(paths: &[TreePath]) -> Arc<LayerDiff> {
    let mut builder = LayerBuilder::new();
    for (path, n) in paths.iter().zip(0..) {
        let kind = Kind::File { size: n, fingerprint: n };
        builder.put(path, kind, Meta::implied(), true).unwrap();
    }
    builder.finish().unwrap().0.into()
}

fn stacked(layers: &[Arc<LayerDiff>]) -> Tree {
    let mut tree = Tree::new();
    for (layer, position) in layers.iter().zip(0..) {
        apply(&mut tree, layer.clone(), position, &mut Fates::default()).unwrap();
    }
    tree
}

/// Text that compresses about as machine code does.
fn text(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, _] = state.to_be_bytes();
        bytes.extend([0x48, a & 15, 0x8b, b & 31, 0, c & 3, 0, 0]);
    }
    bytes.truncate(length);
    bytes
}

const FILES: usize = 20_000;
const TEXT: usize = 16 << 20;

#[divan::bench]
fn building_a_layer(bencher: Bencher<'_, '_>) {
    let paths = paths(FILES);
    bencher.counter(ItemsCount::new(FILES)).bench_local(|| layer(black_box(&paths)));
}

#[divan::bench]
fn applying_a_layer_that_replaces_half(bencher: Bencher<'_, '_>) {
    let paths = paths(FILES);
    let (lower, upper) = (stacked(&[layer(&paths)]), layer(&paths[..FILES / 2]));
    bencher
        .counter(ItemsCount::new(FILES / 2))
        .with_inputs(|| (lower.clone(), upper.clone()))
        .bench_local_values(|(mut tree, layer)| apply(&mut tree, layer, 1, &mut Fates::default()).unwrap());
}

#[divan::bench]
fn difference_of_two_trees(bencher: Bencher<'_, '_>) {
    let paths = paths(FILES);
    let base = stacked(&[layer(&paths)]);
    let tree = stacked(&[layer(&paths), layer(&paths[..FILES / 10])]);
    bencher
        .counter(ItemsCount::new(FILES))
        .with_inputs(|| tree.clone())
        .bench_local_values(|tree| diff(black_box(&base), tree, &|_, _| false, &mut Fates::default()).unwrap());
}

#[divan::bench]
fn reading_tar_headers(bencher: Bencher<'_, '_>) {
    let kind = Kind::File { size: 0, fingerprint: 0 };
    let header = |path: &TreePath| encode(path.as_bytes(), &Meta::implied(), Form::Node { kind: &kind, stored: 0 });
    let tar: Vec<u8> = paths(FILES).iter().flat_map(header).chain([0; 1024]).collect();
    bencher.counter(ItemsCount::new(FILES)).bench_local(|| {
        let mut members = Members::new(black_box(&tar[..]));
        let mut count = 0;
        while members.next_member().unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, FILES);
    });
}

fn gzipped(level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(&text(TEXT)).unwrap();
    encoder.finish().unwrap()
}

#[divan::bench(args = [Until::Full, Until::Boundary])]
fn inflating(bencher: Bencher<'_, '_>, until: Until) {
    let stream = gzipped(6);
    let mut output = vec![0; 256 << 10];
    bencher.counter(BytesCount::new(TEXT)).bench_local(|| {
        let mut reader = GzipReader::new(BufReader::with_capacity(256 << 10, &stream[..]));
        while reader.read(&mut output, until).unwrap().1 != Place::End {}
    });
}

#[divan::bench(args = [1, 3, 6, 9], sample_count = 10)]
fn compressing(bencher: Bencher<'_, '_>, level: u32) {
    let text = text(TEXT);
    let mut encoder = ChunkEncoder::new(level);
    bencher.counter(BytesCount::new(TEXT)).bench_local(|| {
        let mut joiner = Joiner::new();
        for chunk in text.chunks(256 << 10) {
            let chunk = encoder.encode(chunk, Vec::new());
            joiner.append(&chunk.bytes, 0, chunk.bits, Some(chunk.last));
        }
        joiner.finish();
        joiner.bytes().len()
    });
}

#[divan::bench(args = [1, 2])]
fn hashing_texts_at_once(bencher: Bencher<'_, '_>, texts: usize) {
    let text = text(TEXT);
    let buffers = imgsquash::buffers::Buffers::new();
    bencher.counter(BytesCount::new(TEXT * texts)).bench_local(|| {
        hashing(1.try_into().unwrap(), |hashing| {
            let hashes: Vec<_> = (0..texts).map(|_| hashing.begin()).collect();
            for piece in text.chunks(256 << 10) {
                let mut buffer = buffers.take();
                buffer.append(piece);
                let shared = std::sync::Arc::new(buffer);
                hashes.iter().for_each(|hash| hash.feed(shared.clone()));
            }
            hashes.into_iter().map(|hash| hash.finish().1).sum::<u64>()
        })
    });
}
