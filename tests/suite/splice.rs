//! Copying compressed blocks: whatever compressed the layers, and wherever they are cut, the new blob holds exactly the
//! tar that was planned. It is decoded with libdeflate, which the tool does not decode with.

use std::io::Write;

use imgsquash::request::Compression;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::support::archive::{Archive, Form, Image, compress};
use crate::support::layer::{Entry, Layer};
use crate::support::node::{Kind, Node, assert_same};
use crate::support::read::{extract, files, images, sha256};
use crate::support::run::{squash, squash_with};

/// A compressor as it is met in the wild.
#[derive(Clone, Copy, Debug)]
enum Compressor {
    /// zlib at this level; 0 only stores.
    Zlib(u32),
    /// zlib, flushed after every so many bytes, as pigz and pgzip do.
    Flushed(u32, usize),
    /// zlib, a member for every so many bytes, as `pigz -i` and eStargz do.
    Members(u32, usize),
    /// libdeflate on the whole text.
    Libdeflate(i32),
    /// A very thorough one.
    Zopfli,
}

fn compressor() -> impl Strategy<Value = Compressor> {
    let size = 1000..400_000_usize;
    prop_oneof![
        4 => (0..10_u32).prop_map(Compressor::Zlib),
        3 => (0..10_u32, size.clone()).prop_map(|(level, size)| Compressor::Flushed(level, size)),
        3 => (0..10_u32, size).prop_map(|(level, size)| Compressor::Members(level, size)),
        3 => (1..13).prop_map(Compressor::Libdeflate),
        1 => Just(Compressor::Zopfli),
    ]
}

fn compressed(text: &[u8], by: Compressor) -> Vec<u8> {
    let zlib = |text: &[u8], level, step| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        for piece in text.chunks(step) {
            encoder.write_all(piece).unwrap();
            if step < text.len() {
                encoder.flush().unwrap();
            }
        }
        encoder.finish().unwrap()
    };
    match by {
        Compressor::Zlib(level) => zlib(text, level, text.len()),
        Compressor::Flushed(level, size) => zlib(text, level, size),
        Compressor::Members(level, size) => text.chunks(size).flat_map(|text| zlib(text, level, size)).collect(),
        Compressor::Libdeflate(level) => {
            let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::new(level).unwrap());
            let mut blob = vec![0; compressor.gzip_compress_bound(text.len())];
            let length = compressor.gzip_compress(text, &mut blob).unwrap();
            blob.truncate(length);
            blob
        }
        Compressor::Zopfli => {
            let options = zopfli::Options { iteration_count: 1.try_into().unwrap(), ..zopfli::Options::default() };
            let mut blob = Vec::new();
            zopfli::compress(options, zopfli::Format::Gzip, text, &mut blob).unwrap();
            blob
        }
    }
}

/// Contents that compress like real ones: text, machine code, zeros, noise.
fn contents() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![6 => 0..3000_usize, 3 => 3000..60_000_usize, 1 => 60_000..600_000_usize];
    (length, any::<u32>(), 0..5).prop_map(|(length, seed, kind)| {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            let word = next();
            match kind {
                0 => bytes.extend(word.to_le_bytes()),
                1 => bytes.extend(format!("line {} of {}\n", word % 1000, word % 7).bytes()),
                2 => bytes.extend([0; 512]),
                3 => bytes.extend(["the ", "quick ", "brown ", "fox "][word as usize % 4].bytes()),
                _ => bytes.extend([u8::try_from(word % 5).unwrap(), 0, u8::try_from(word % 251).unwrap(), 0x48]),
            }
        }
        bytes.truncate(length);
        bytes
    })
}

/// Layers of files, of which later ones remove some and replace some.
fn layers() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let file = prop::collection::vec(contents(), 1..25);
    let change = (any::<Index>(), select(vec![true, true, false]));
    (file, prop::collection::vec(prop::collection::vec(change, 0..22), 0..3), any::<u8>()).prop_map(
        |(files, changes, salt)| {
            let name = |at: usize| format!("dir{}/file{at}", at % 4).into_bytes();
            let file = |name: Vec<u8>, contents: &[u8]| Entry { name, node: Node::new(Kind::File(contents.to_vec())) };
            let mut layers = vec![Layer::default()];
            layers[0].entries = files.iter().enumerate().map(|(at, contents)| file(name(at), contents)).collect();
            for change in changes {
                let mut layer = Layer::default();
                for (at, removes) in change {
                    let at = at.index(files.len());
                    let entry = if removes {
                        file(format!("dir{}/.wh.file{at}", at % 4).into_bytes(), b"")
                    } else {
                        file(name(at), &[&files[at][..], &[salt; 100]].concat())
                    };
                    if !layer.entries.iter().any(|known| known.name == entry.name) {
                        layer.entries.push(entry);
                    }
                }
                layers.push(layer);
            }
            layers.iter().map(Layer::tar).collect()
        },
    )
}

/// The image with each layer compressed by one of `by`.
fn image(layers: &[Vec<u8>], by: &[Compressor]) -> Vec<u8> {
    let mut archive = Archive::default();
    let blobs = layers.iter().zip(by.iter().cycle()).map(|(layer, by)| compressed(layer, *by)).collect();
    let manifest = archive.packed(&Image::new(layers.to_vec()), "+gzip", blobs);
    archive.layout(&[manifest]);
    archive.tar()
}

/// The text of a blob that must be a single member.
fn decoded(blob: &[u8], size: usize) -> Vec<u8> {
    let mut text = vec![0; size];
    let length = libdeflater::Decompressor::new().gzip_decompress(blob, &mut text).unwrap();
    assert_eq!(length, size, "the whole text is in the first member");
    text
}

/// The text and the blob of the only layer of an archive.
fn layer(archive: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let image = images(&files(archive)).remove(0).1;
    (image.layers[0].clone(), image.blobs[0].clone())
}

proptest! {
    #![proptest_config(crate::support::cases(60))]

    #[test]
    fn any_compressor_and_any_cut_gives_the_tar_that_was_planned(
        layers in layers(), by in prop::collection::vec(compressor(), 1..4)
    ) {
        let (planned, _) = layer(&squash(&Image::new(layers.clone()).save(Form::Docker)).unwrap().0);
        let archive = image(&layers, &by);
        let (found, blob) = layer(&squash(&archive).unwrap().0);
        prop_assert!(found == planned, "{by:?}");
        prop_assert!(decoded(&blob, planned.len()) == planned, "{by:?}, decoded by another");
        let (again, _) = squash_with(&archive, |options| options.resources.jobs = 5.try_into().unwrap()).unwrap();
        prop_assert!(layer(&again).1 == blob, "{by:?}, with more threads");
    }
}

/// Enough text that a layer has ways in, is cut into tasks and fills every buffer.
fn large() -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut state = 7_u32;
    let mut file = |at: usize, length: usize| {
        let mut contents = Vec::with_capacity(length + 8);
        while contents.len() < length {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match at % 4 {
                0 => contents.extend(state.to_be_bytes()),
                1 => contents.extend(format!("{:x} {} ", state >> 20, at).bytes()),
                2 => contents.resize(contents.len() + 4096, (state >> 24) as u8),
                _ => contents.extend([(state >> 28) as u8, b'x', (state >> 30) as u8]),
            }
        }
        Entry { name: format!("f{at:04}").into_bytes(), node: Node::new(Kind::File(contents)) }
    };
    let size = |at: usize| if at % 7 == 0 { 400_000 } else { 20_000 + at * 100 };
    let base = Layer { entries: (0..300).map(|at| file(at, size(at))).collect(), ..Layer::default() };
    let gone = (0..300).filter(|at| at % 11 == 0 || (100..140).contains(at) || at % 13 == 5);
    let gone = gone.map(|at| format!(".wh.f{at:04}").into_bytes());
    let entries = gone.map(|name| Entry { name, node: Node::new(Kind::File(Vec::new())) }).collect();
    let removal = Layer { entries, ..Layer::default() };
    let layers = vec![base.tar(), removal.tar()];
    let (planned, _) = layer(&squash(&Image::new(layers.clone()).save(Form::Docker)).unwrap().0);
    (layers, planned)
}

#[test]
fn a_large_layer_is_spliced_the_same_with_any_number_of_threads() {
    let (layers, planned) = large();
    for by in [
        Compressor::Zlib(6),
        Compressor::Flushed(5, 131_072),
        Compressor::Members(6, 3_000_000),
        Compressor::Libdeflate(9),
    ] {
        let archive = image(&layers, &[by]);
        let mut blobs = Vec::new();
        for jobs in [1, 2, 7] {
            let (out, _) = squash_with(&archive, |options| options.resources.jobs = jobs.try_into().unwrap()).unwrap();
            let (text, blob) = layer(&out);
            assert!(text == planned && decoded(&blob, planned.len()) == planned, "{by:?} with {jobs} threads");
            blobs.push(sha256(&blob));
        }
        assert!(blobs.iter().all(|blob| *blob == blobs[0]), "{by:?}");
        let own = compressed(&planned, by).len();
        let (_, blob) = layer(&squash(&archive).unwrap().0);
        assert!(blob.len() < own + own / 20, "{by:?}: {} bytes, compressed by itself {own}", blob.len());
    }
}

#[test]
fn every_compression_holds_the_same_tree() {
    let (layers, planned) = large();
    let tree = extract(&planned);
    for compression in [Compression::None, Compression::Zstd(3), Compression::Gzip(Some(1)), Compression::Gzip(Some(9))]
    {
        for archive in [image(&layers, &[Compressor::Zlib(6)]), Image::new(layers.clone()).save(Form::Docker)] {
            let squash = |jobs: usize| {
                let with = |options: &mut imgsquash::Squash| {
                    (options.compression, options.resources.jobs) = (Some(compression), jobs.try_into().unwrap());
                };
                squash_with(&archive, with).unwrap().0
            };
            let out = squash(3);
            let found = images(&files(&out)).remove(0).1;
            assert!(found.layers[0] == planned, "{compression:?}");
            assert_same(&tree, &extract(&found.layers[0]), "it");
            let suffix = match compression {
                Compression::None => "",
                Compression::Gzip(_) => "+gzip",
                Compression::Zstd(_) => "+zstd",
            };
            let media_type = format!("application/vnd.oci.image.layer.v1.tar{suffix}");
            assert_eq!(found.manifest["layers"][0]["mediaType"], media_type);
            assert!(squash(1) == out, "{compression:?} with another number of threads");
        }
    }
}

#[test]
fn a_layer_that_does_not_change_is_copied_as_it_is() {
    let (layers, _) = large();
    for by in [Compressor::Zlib(1), Compressor::Libdeflate(12), Compressor::Flushed(3, 50_000)] {
        let blob = compressed(&layers[0], by);
        let (out, report) = squash(&image(&layers[..1], &[by])).unwrap();
        assert!(layer(&out).1 == blob, "{by:?}");
        let account = &report.images[0];
        assert_eq!(account.compressed_bytes.before, account.compressed_bytes.after);
        assert_eq!(
            (account.reclaimed_bytes.total, account.written_bytes),
            (1024, 1024),
            "the end of the archive is written"
        );
    }
    // Several members become one.
    let (out, _) = squash(&image(&layers[..1], &[Compressor::Members(6, 100_000)])).unwrap();
    assert!(decoded(&layer(&out).1, layers[0].len()) == layers[0]);
    // Another compression is made.
    let zstd = compress(&layers[0], crate::support::archive::Codec::Zstd);
    let archive = Image { codec: crate::support::archive::Codec::Zstd, ..Image::new(layers[..1].to_vec()) };
    let (out, _) =
        squash_with(&archive.save(Form::Oci), |options| options.compression = Some(Compression::Zstd(3))).unwrap();
    assert!(layer(&out).1 == zstd, "zstd is copied too");
}
