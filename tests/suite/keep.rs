//! Layers that stay: they are the input's byte for byte, and the new one says exactly what is different.

use imgsquash::Squash;
use imgsquash::request::Compression;
use imgsquash::request::Exactness;
use imgsquash::request::Origin;
use imgsquash::request::{Keep, Pick};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

use crate::support::archive::{Archive, Codec, Form, Image, save};
use crate::support::case::parse;
use crate::support::layer::Layer;
use crate::support::node::{Kind, Node, assert_same, tree};
use crate::support::read::{self, entries, files, images};
use crate::support::run::{Place, squash, squash_with};

/// Layers from the text of a case.
fn layers(text: &str) -> Vec<Vec<u8>> {
    parse(&format!("case inline\n{text}\ntree\n")).remove(0).layers.iter().map(Layer::tar).collect()
}

fn image(text: &str) -> Image {
    Image::new(layers(text))
}

fn squashed(archive: &[u8], keep: Keep, exactness: Exactness) -> read::Image {
    let with = |options: &mut Squash| (options.keep, options.exactness) = (keep, exactness);
    images(&files(&squash_with(archive, with).unwrap().0)).remove(0).1
}

/// The entries of the newest layer.
fn top(image: &read::Image) -> Vec<(String, Node)> {
    let found = entries(image.layers.last().unwrap()).0;
    found.into_iter().map(|(name, node)| (name.escape_ascii().to_string(), node)).collect()
}

fn names(image: &read::Image) -> Vec<String> {
    top(image).into_iter().map(|(name, _)| name).collect()
}

const BOTH: [Exactness; 2] = [Exactness::Always, Exactness::Never];

#[test]
fn a_directory_removed_and_made_again_does_not_show_what_the_base_has() {
    // goldmann/docker-squash#42 and its like: files of the base came back.
    let image = image(
        "layer\n d d\n f d/base \"1\"\n f d/more \"2\"\nlayer\n f .wh.d\nlayer\n d d\n f d/new \"3\"\nlayer\n f e \"4\"",
    );
    for exactness in BOTH {
        let found = squashed(&image.save(Form::Oci), Keep::First(1), exactness);
        assert_eq!(found.layers.len(), 2);
        assert_eq!(names(&found), ["d", "d/.wh..wh..opq", "d/new", "e"], "{exactness:?}");
    }
}

#[test]
fn what_the_kept_layers_have_is_not_written_again() {
    let image = image(
        "layer\n d d mode=0700\n f d/same \"1\"\n f d/touched mtime=1 \"2\"\n l link -> d\nlayer\n d d mode=0700\n f d/same \"1\"\n \
         f d/touched mtime=2 \"2\"\n f d/new \"3\"\nlayer\n l link -> d\n f gone \"4\"\nlayer\n f .wh.gone",
    );
    let found = squashed(&image.save(Form::Oci), Keep::First(1), Exactness::Always);
    assert_eq!(names(&found), ["d", "d/touched", "d/new"], "the directory is declared for docker's sake");
    assert_eq!(top(&found)[0].1.mode, 0o700);
    let (_, report) = squash_with(&image.save(Form::Oci), |options| {
        (options.keep, options.exactness) = (Keep::First(1), Exactness::Always);
    })
    .unwrap();
    assert_eq!(report.images[0].reclaimed_bytes.of("unchanged"), 1024 + 512, "d/same and link");
    let found = squashed(&image.save(Form::Oci), Keep::First(1), Exactness::Never);
    assert_eq!(names(&found), [".wh.gone", "d", "d/same", "d/touched", "d/new", "link"]);
}

#[test]
fn equal_fingerprints_are_no_proof_of_equal_contents() {
    // Files of equal size, time and owner in both layers, once equal and once not.
    let text = |other: &str| format!("layer\n f a \"12345\"\n f b \"12345\"\nlayer\n f a \"12345\"\n f b \"{other}\"");
    let found =
        |other: &str| names(&squashed(&image(&text(other)).save(Form::Docker), Keep::First(1), Exactness::Always));
    assert_eq!(found("12346"), ["b"]);
    let with = |options: &mut Squash| (options.keep, options.exactness) = (Keep::First(1), Exactness::Always);
    let (out, report) = squash_with(&image(&text("12345")).save(Form::Docker), with).unwrap();
    assert_eq!(images(&files(&out))[0].1.layers.len(), 1, "nothing is left to write");
    assert_eq!((report.images[0].layers.before, report.images[0].layers.after), (2, 1));
}

#[test]
fn a_hard_link_group_that_is_cut_is_written_whole() {
    let image = image("layer\n f a \"data\"\n h b -> a\n f c \"other\"\nlayer\n h d -> a\n h e -> c");
    for exactness in BOTH {
        let (out, report) = squash_with(&image.save(Form::Oci), |options| {
            (options.keep, options.exactness) = (Keep::First(1), exactness);
        })
        .unwrap();
        let found = images(&files(&out)).remove(0).1;
        assert_eq!(names(&found), ["a", "b", "c", "d", "e"].map(str::to_owned), "{exactness:?}");
        let kinds: Vec<Kind> = top(&found).into_iter().map(|(_, node)| node.kind).collect();
        assert!(matches!(&kinds[0], Kind::File(bytes) if bytes == b"data"));
        let link = |to: &[u8]| Kind::Link(to.to_vec());
        assert_eq!(kinds[1..], [link(b"a"), Kind::File(b"other".to_vec()), link(b"a"), link(b"c")]);
        assert!(report.images[0].from_kept_bytes > 0);
    }
}

#[test]
fn a_group_that_only_lost_a_name_stays_where_it_is() {
    let image = image("layer\n f a \"data\"\n h b -> a\n h c -> a\nlayer\n f a \"new\"\n f .wh.c");
    let found = squashed(&image.save(Form::Oci), Keep::First(1), Exactness::Always);
    assert_eq!(names(&found), [".wh.c", "a"]);
}

#[test]
fn an_emptied_directory_is_hidden_with_one_marker() {
    let image = image(
        "layer\n d d\n f d/1 \"1\"\n f d/2 \"2\"\n d d/3\n f d/3/x \"3\"\nlayer\n f d/.wh.1\n f d/.wh.2\n f d/.wh.3\n f d/4 \"4\"",
    );
    let found = squashed(&image.save(Form::Oci), Keep::First(1), Exactness::Always);
    assert_eq!(names(&found), ["d", "d/.wh..wh..opq", "d/4"]);
    let found = squashed(&image.save(Form::Oci), Keep::First(1), Exactness::Never);
    assert_eq!(names(&found), ["d/.wh.1", "d/.wh.2", "d/.wh.3", "d/4"], "the layer's own way, without its directory");
}

#[test]
fn kept_layers_are_the_inputs_in_every_form() {
    let image = image("layer\n f a \"1\"\nlayer\n f b \"2\"\nlayer\n f c \"3\"\nlayer\n f .wh.b");
    for codec in [Codec::Plain, Codec::Gzip, Codec::GzipMembers, Codec::Zstd] {
        for form in [Form::Docker, Form::Oci, Form::Both] {
            let archive = Image { codec, ..image.clone() }.save(form);
            let keep = Keep::Around(Pick::Position(2), Pick::Position(3));
            let place = Place::new();
            let (out, report) = squash_with(&archive, |options| options.keep = keep.clone()).unwrap();
            let manifest: serde_json::Value = serde_json::from_slice(&files(&out)["manifest.json"]).unwrap();
            let found = files(&out);
            let blob = |at: usize| &found[manifest[0]["Layers"][at].as_str().unwrap()];
            let own = crate::support::archive::compress;
            assert_eq!(manifest[0]["Layers"].as_array().unwrap().len(), 3);
            assert_eq!(blob(0), &own(&image.layers[0], codec), "{codec:?} {form:?}");
            assert_eq!(blob(2), &own(&image.layers[3], codec), "{codec:?} {form:?}");
            let positions: Vec<u64> = report.images[0].kept_layers.iter().map(|kept| kept.position).collect();
            assert_eq!(positions, [1, 4]);
            drop(place);
        }
    }
}

#[test]
fn compression_can_be_that_of_the_layers() {
    let image = image("layer\n f a \"1\"\nlayer\n f b \"2\"\nlayer\n f c \"3\"");
    for (codec, magic) in [(Codec::Gzip, &[0x1f, 0x8b][..]), (Codec::Zstd, &[0x28, 0xb5]), (Codec::Plain, b"b")] {
        let archive = Image { codec, ..image.clone() }.save(Form::Oci);
        let with = |options: &mut Squash| (options.keep, options.compression) = (Keep::AllButLast(2), None);
        let found = images(&files(&squash_with(&archive, with).unwrap().0)).remove(0).1;
        assert!(found.blobs[1].starts_with(magic), "{codec:?}");
        let with = |options: &mut Squash| {
            (options.keep, options.compression) = (Keep::AllButLast(2), Some(Compression::Zstd(1)));
        };
        let found = images(&files(&squash_with(&archive, with).unwrap().0)).remove(0).1;
        assert!(found.blobs[1].starts_with(&[0x28, 0xb5]));
        assert_eq!(found.manifest["layers"][1]["mediaType"], "application/vnd.oci.image.layer.v1.tar+zstd");
    }
}

#[test]
fn rows_of_the_history_fit_the_layers() {
    let mut image = image("layer\n f a \"1\"\nlayer\n f b \"2\"\nlayer\n f c \"3\"\nlayer\n f d \"4\"");
    image.config["history"] = json!([
        {"created_by": "ADD base"}, {"created_by": "CMD bash", "empty_layer": true}, {"created_by": "RUN b"},
        {"created_by": "ENV x", "empty_layer": true}, {"created_by": "RUN c"}, {"created_by": "RUN d"},
        {"created_by": "CMD app", "empty_layer": true}
    ]);
    let rows = |keep: Keep, mode: imgsquash::request::HistoryMode| -> Vec<String> {
        let with = |options: &mut Squash| (options.keep, options.edits.history) = (keep, mode);
        let found = images(&files(&squash_with(&image.save(Form::Oci), with).unwrap().0)).remove(0).1;
        let text = |row: &serde_json::Value| {
            let mark = if row["empty_layer"] == true { "-" } else { "+" };
            format!("{mark}{}", row["created_by"].as_str().unwrap())
        };
        found.config["history"].as_array().unwrap().iter().map(text).collect()
    };
    use imgsquash::request::HistoryMode::{Keep as KeepRows, Single};
    assert_eq!(
        rows(Keep::First(1), KeepRows),
        ["+ADD base", "-CMD bash", "-RUN b", "-ENV x", "-RUN c", "-RUN d", "-CMD app", "+imgsquash"]
    );
    assert_eq!(
        rows(Keep::Around(Pick::Position(2), Pick::Position(3)), KeepRows),
        ["+ADD base", "-CMD bash", "-RUN b", "-ENV x", "-RUN c", "+imgsquash", "+RUN d", "-CMD app"]
    );
    assert_eq!(rows(Keep::Around(Pick::Position(2), Pick::Position(3)), Single), ["+ADD base", "+imgsquash", "+RUN d"]);
    assert_eq!(rows(Keep::Guess, Single), ["+ADD base", "+imgsquash"]);
}

#[test]
fn a_history_that_does_not_fit_still_does_with_kept_layers() {
    let mut image = image("layer\n f a \"1\"\nlayer\n f b \"2\"\nlayer\n f c \"3\"");
    image.config["history"] = json!([{"created_by": "one for all"}]);
    let (out, report) = squash_with(&image.save(Form::Oci), |options| options.keep = Keep::First(1)).unwrap();
    assert_eq!(
        images(&files(&out))[0].1.config["history"].as_array().unwrap().len(),
        3,
        "read::images checks that they fit"
    );
    assert!(report.notes[0].contains("repaired the history"));
}

#[test]
fn a_base_is_found_in_an_archive_or_layout() {
    let base = image("layer\n f a \"1\"\nlayer\n f b \"2\"");
    let mut derived = base.clone();
    derived.layers.extend(layers("layer\n f c \"3\"\nlayer\n f .wh.b"));
    derived.tags = vec!["derived:1".to_owned()];
    let place = Place::new();
    let mut layout = Archive::default();
    let manifest = layout.image(&base);
    layout.layout(&[manifest]);
    layout.write_to(&place.path("layout"));
    place.write("docker.tar", &base.save(Form::Docker));
    place.write("both.tar", &save(&[image("layer\n f z \"9\""), base.clone()], Form::Both));
    for name in ["layout", "docker.tar"] {
        let with = |options: &mut Squash| {
            options.keep = Keep::Base(Origin::Path(place.path(name)), None);
        };
        let (out, _) = squash_with(&derived.save(Form::Oci), with).unwrap();
        let found = images(&files(&out)).remove(0).1;
        assert_eq!(found.layers[..2], base.layers[..], "{name}");
        assert_eq!(names(&found), [".wh.b", "c"], "{name}");
    }
    let with = |options: &mut Squash| {
        options.keep = Keep::Base(Origin::Path(place.path("docker.tar")), None);
    };
    let other = image("layer\n f a \"1\"\nlayer\n f x \"2\"\nlayer\n f c \"3\"");
    let error = squash_with(&other.save(Form::Oci), with).unwrap_err();
    assert!(error.to_string().contains("the image is not built on this base: they part at layer 2"), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn a_guessed_base_is_told() {
    let mut image = image("layer\n f a \"1\"\nlayer\n f b \"2\"");
    image.config["history"] = json!([
        {"created_by": "ADD base"}, {"created_by": "CMD [\"bash\"]", "empty_layer": true}, {"created_by": "RUN b"}
    ]);
    let (_, report) = squash_with(&image.save(Form::Oci), |options| options.keep = Keep::Guess).unwrap();
    assert_eq!(report.notes, ["kept 1 layer as the base image, which ends with row 2 of the history: CMD [\"bash\"]"]);
}

#[test]
fn kept_layers_that_are_not_what_they_should_be_are_found() {
    let image = image("layer\n f a \"1\"\nlayer\n f b \"2\"\nlayer\n f c \"3\"");
    for form in [Form::Oci, Form::Docker] {
        let codec = if form == Form::Docker { Codec::Plain } else { Codec::Gzip };
        let mut archive = Image { codec, ..image.clone() }.save(form);
        let blob = crate::support::archive::compress(&image.layers[0], codec);
        let at = archive.windows(blob.len()).position(|window| window == blob).unwrap();
        // In the plain form that is the one byte of the file: the tar still reads well.
        archive[at + if codec == Codec::Plain { 512 } else { blob.len() / 2 }] ^= 1;
        for exactness in BOTH {
            let with = |options: &mut Squash| (options.keep, options.exactness) = (Keep::First(1), exactness);
            let error = squash_with(&archive, with).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("layer 1 of 3") && text.contains("mismatch: expected sha256:"), "{text}");
            assert_eq!(error.exit_code(), 3);
        }
    }
}

#[test]
fn several_images_keep_their_own_layers() {
    let one =
        Image { tags: vec!["one:1".to_owned()], ..image("layer\n f a \"1\"\nlayer\n f b \"2\"\nlayer\n f c \"3\"") };
    let two = Image { tags: vec!["two:1".to_owned()], ..image("layer\n f a \"1\"\nlayer\n f x \"2\"") };
    let (out, _) = squash_with(&save(&[one, two], Form::Oci), |options| options.keep = Keep::First(1)).unwrap();
    let files = files(&out);
    let found = images(&files);
    assert_eq!(found.iter().map(|(_, image)| image.layers.len()).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(found[0].1.blobs[0], found[1].1.blobs[0], "a shared layer is in the archive once");
    let error = squash_with(&out, |options| options.keep = Keep::First(2)).unwrap_err();
    assert!(error.to_string().contains("nothing is left to squash"), "{error}");
}

proptest! {
    #![proptest_config(crate::support::cases(60))]

    #[test]
    fn the_layers_together_make_the_tree((layers, model) in crate::laws::image(), cut in any::<Index>(), at in any::<Index>()) {
        let image = Image::new(layers.iter().map(Layer::tar).collect());
        let (from, to) = (cut.index(layers.len()), at.index(layers.len()));
        let keep = Keep::Around(Pick::Position(from.min(to) + 1), Pick::Position(from.max(to) + 1));
        for exactness in BOTH {
            let with = |options: &mut Squash| (options.keep, options.exactness) = (keep.clone(), exactness);
            let (kept, _) = squash_with(&image.save(Form::Oci), with).unwrap();
            let (whole, _) = squash(&kept).unwrap();
            let found = images(&files(&whole)).remove(0).1;
            assert_same(&model.tree(), &tree(&entries(&found.layers[0]).0), &format!("{keep:?} {exactness:?}"));
        }
    }
}
