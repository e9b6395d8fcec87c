//! One file system in several layers: all of it, once, and the same as long as it does not change.

use std::collections::{BTreeMap, BTreeSet};

use imgsquash::Squash;
use imgsquash::request::Times;
use imgsquash::request::Timestamp;
use imgsquash::request::{Class, Split};
use imgsquash::request::{Keep, Pick};
use proptest::prelude::*;
use serde_json::json;

use crate::support::archive::{Codec, Form, Image};
use crate::support::layer::{Entry, Layer};
use crate::support::node::{Kind, Node, assert_same, tree};
use crate::support::read::{self, entries, files, images};
use crate::support::run::{squash, squash_with};

/// A layer with these files and the directories that they lie in; a name with a `/` at its end is a directory with
/// this time.
fn layer(all: &[(&str, &str)], time: i64) -> Vec<u8> {
    let mut nodes: BTreeMap<Vec<u8>, Node> = BTreeMap::new();
    for (path, contents) in all {
        for (at, _) in path.match_indices('/') {
            nodes.insert(path[..at].into(), Node { mtime: (time, 0), ..Node::new(Kind::Directory) });
        }
        let kind = contents.strip_prefix("-> ").map(|to| Kind::Link(to.into()));
        let node = Node::new(kind.unwrap_or_else(|| Kind::File(contents.as_bytes().to_vec())));
        nodes.insert(path.trim_end_matches('/').into(), node);
    }
    let entries = nodes.into_iter().map(|(name, node)| Entry { name, node });
    Layer { entries: entries.collect(), ..Layer::default() }.tar()
}

const LIST: &str = "var/lib/dpkg/info";

/// A base with two packages, a layer that installs `packages`, a library and an application.
fn image(packages: &[&str], app: &str) -> Image {
    let base = layer(
        &[
            ("bin/sh", "sh"),
            ("usr/share/a/x", "a"),
            ("usr/share/b/x", "b"),
            ("etc/hosts", "x"),
            (&format!("{LIST}/a.list"), "/.\n/bin\n/bin/sh\n/usr\n/usr/share\n/usr/share/a\n/usr/share/a/x\n"),
            (&format!("{LIST}/b.list"), "/.\n/usr\n/usr/share\n/usr/share/b\n/usr/share/b/x\n"),
        ],
        1,
    );
    let mut installed: Vec<(String, String)> = Vec::new();
    for package in packages {
        installed.push((format!("usr/share/{package}/x"), (*package).to_owned()));
        let list = format!("/.\n/usr\n/usr/share\n/usr/share/{package}\n/usr/share/{package}/x\n");
        installed.push((format!("{LIST}/{package}.list"), list));
    }
    installed.push(("var/lib/dpkg/status".to_owned(), packages.join("\n")));
    installed.push(("var/cache/generated".to_owned(), packages.join(",")));
    let installed: Vec<(&str, &str)> = installed.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let library = [("opt/venv/lib/python3.11/site-packages/numpy/__init__.py", "numpy")];
    let time = 10 + i64::try_from(packages.len()).unwrap();
    Image::new(vec![
        base,
        layer(&installed, time),
        layer(&library, 20),
        layer(&[("app/main", app), ("app/data", "d")], 30),
    ])
}

fn split_with(image: &Image, split: Split, change: impl FnOnce(&mut Squash)) -> read::Image {
    let with = |options: &mut Squash| {
        options.split = split;
        change(options);
    };
    images(&files(&squash_with(&image.save(Form::Oci), with).unwrap().0)).remove(0).1
}

fn split(image: &Image, how: Split) -> read::Image {
    split_with(image, how, |_| ())
}

/// The names of each layer that are no directories.
fn names(image: &read::Image) -> Vec<Vec<String>> {
    let of = |layer: &Vec<u8>| {
        let found = entries(layer).0;
        let files = found.into_iter().filter(|(_, node)| node.kind != Kind::Directory);
        let mut names: Vec<String> = files.map(|(name, _)| String::from_utf8(name).unwrap()).collect();
        names.sort();
        names
    };
    image.layers.iter().map(of).collect()
}

/// How many blobs of `new` are not in `old`, by their titles in the history.
fn changed(old: &read::Image, new: &read::Image) -> Vec<String> {
    let rows = new.config["history"].as_array().unwrap();
    let titles =
        rows.iter().filter(|row| row["empty_layer"] != true).map(|row| row["comment"].as_str().unwrap().to_owned());
    let known: BTreeSet<&Vec<u8>> = old.blobs.iter().collect();
    let changed = titles.zip(&new.blobs).filter(|(_, blob)| !known.contains(blob));
    changed.map(|(title, _)| title.split(": ").last().unwrap().to_owned()).collect()
}

#[test]
fn files_go_where_they_change_together() {
    let found = names(&split(&image(&["c", "d"], "v1"), Split::Auto));
    assert_eq!(
        found[0],
        [
            "bin/sh",
            "etc/hosts",
            "usr/share/a/x",
            "usr/share/b/x",
            "var/lib/dpkg/info/a.list",
            "var/lib/dpkg/info/b.list"
        ]
    );
    let packages = [
        "usr/share/c/x",
        "usr/share/d/x",
        "var/cache/generated",
        "var/lib/dpkg/info/c.list",
        "var/lib/dpkg/info/d.list",
        "var/lib/dpkg/status",
    ];
    assert_eq!(found[1], packages);
    assert_eq!(found[2], ["opt/venv/lib/python3.11/site-packages/numpy/__init__.py"]);
    assert_eq!(found[3], ["app/data", "app/main"]);
    assert_eq!(found.len(), 4);
}

#[test]
fn a_new_application_changes_its_own_layer_only() {
    for how in [Split::Auto, Split::Count(2), Split::Count(3), Split::Count(4), Split::Count(6)] {
        let old = split(&image(&["c", "d"], "v1"), how.clone());
        let new = split(&image(&["c", "d"], "version two"), how.clone());
        assert_eq!(changed(&old, &new), ["application"], "{how:?}");
    }
}

#[test]
fn one_more_package_changes_one_layer() {
    let old = split(&image(&["c", "d"], "v1"), Split::Auto);
    let new = split(&image(&["c", "d", "e"], "v1"), Split::Auto);
    assert_eq!(changed(&old, &new), ["packages"]);
    // Dealt out by their names, packages leave each other alone; what is of all of them changes too.
    let old = split(&image(&["c", "d", "f", "g"], "v1"), Split::Count(8));
    let new = split(&image(&["c", "d", "f", "g", "e"], "v1"), Split::Count(8));
    let changed = changed(&old, &new);
    assert!(changed.len() == 2 && changed[0].starts_with("packages ") && changed[1] == "system", "{changed:?}");
}

#[test]
fn an_application_beside_its_libraries_leaves_them_alone() {
    // Both in one layer, and that layer compressed: no compressed block may be shared.
    let build = |app: &str| {
        let both = [("app/node_modules/x/index.js", "x"), ("app/index.js", app), ("app/node_modules/y/index.js", "y")];
        Image::new(vec![layer(&[("bin/sh", "sh")], 1), layer(&both, 2)])
    };
    let old = split(&build("console.log(1)"), Split::Auto);
    let new = split(&build("console.log('something else')"), Split::Auto);
    assert_eq!(names(&new)[1], ["app/node_modules/x/index.js", "app/node_modules/y/index.js"]);
    assert_eq!(changed(&old, &new), ["application"]);
}

#[test]
fn no_path_is_in_two_layers_and_all_are_in_one() {
    for how in [Split::Auto, Split::Count(2), Split::Count(7), Split::Classes(vec![Class::Os, Class::App])] {
        let image = image(&["c", "d"], "v1");
        let found = split(&image, how.clone());
        let mut seen = BTreeSet::new();
        for layer in &found.layers {
            for (name, _) in entries(layer).0 {
                assert!(seen.insert(name.clone()), "{how:?}: {} twice", name.escape_ascii());
            }
        }
        let whole = images(&files(&squash(&image.save(Form::Oci)).unwrap().0)).remove(0).1;
        let all: BTreeSet<_> = entries(&whole.layers[0]).0.into_iter().map(|(name, _)| name).collect();
        assert_eq!(seen, all, "{how:?}");
        assert!(declares_late_enough(&found, 0), "{how:?}");
    }
}

#[test]
fn names_of_one_file_stay_together() {
    let image = Image::new(vec![
        layer(&[("usr/lib/x", "data"), ("usr/lib/y", "-> usr/lib/x"), ("usr/lib/z", "z")], 1),
        layer(&[("app/main", "main"), ("app/copy", "-> usr/lib/x")], 2),
    ]);
    let found = names(&split(&image, Split::Auto));
    assert_eq!(found, [vec!["usr/lib/z"], vec!["app/copy", "app/main", "usr/lib/x", "usr/lib/y"]]);
}

#[test]
fn more_layers_than_content_is_an_error() {
    let image = Image::new(vec![layer(&[("bin/sh", "sh")], 1), layer(&[("app/main", "main")], 2)]);
    for (how, expected) in [
        (
            Split::Count(4),
            "packages, dependencies would be empty: there is content for 2 of 4 layers, ask for fewer with --split",
        ),
        (
            Split::Classes(vec![Class::Os, Class::Dependencies, Class::App]),
            "dependencies would be empty: there is content for 2 of 3 layers",
        ),
    ] {
        let error = squash_with(&image.save(Form::Oci), |options| options.split = how).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
    assert_eq!(split(&image, Split::Auto).layers.len(), 2);
}

#[test]
fn an_rpm_database_of_another_kind_is_an_error() {
    let image = Image::new(vec![layer(&[("var/lib/rpm/Packages.db", "x"), ("a", "b")], 1), layer(&[("c", "d")], 1)]);
    let error = squash_with(&image.save(Form::Oci), |options| options.split = Split::Auto).unwrap_err();
    assert!(error.to_string().contains("the rpm database /var/lib/rpm/Packages.db is in ndb form"), "{error}");
    assert_eq!(error.exit_code(), 3);
    let image = Image::new(vec![layer(&[("var/lib/rpm/rpmdb.sqlite", "x"), ("a", "b")], 1)]);
    let error = squash_with(&image.save(Form::Oci), |options| options.split = Split::Auto).unwrap_err();
    assert!(error.to_string().contains("/var/lib/rpm/rpmdb.sqlite is damaged: it is no sqlite database"), "{error}");
}

#[test]
fn an_image_of_one_layer_is_divided_by_packages_and_places() {
    let list = "/.\n/usr\n/usr/bin\n/usr/bin/tool\n";
    let image = Image::new(vec![layer(
        &[("usr/bin/tool", "x"), ("usr/bin/link", "x"), ("srv/app", "x"), (&format!("{LIST}/a.list"), list)],
        1,
    )]);
    let found = names(&split(&image, Split::Auto));
    assert_eq!(found, [vec!["usr/bin/link", "usr/bin/tool", "var/lib/dpkg/info/a.list"], vec!["srv/app"]]);
}

#[test]
fn a_base_may_be_kept_and_the_rest_divided() {
    let mut image = image(&["c"], "v1");
    image.layers.push(
        Layer {
            entries: vec![Entry { name: b"etc/.wh.hosts".to_vec(), node: Node::new(Kind::File(vec![])) }],
            ..Layer::default()
        }
        .tar(),
    );
    let found = split_with(&image, Split::Auto, |options| options.keep = Keep::First(1));
    let names = names(&found);
    assert_eq!(found.layers[0], image.layers[0]);
    assert_eq!(names.len(), 4);
    assert!(names[1].contains(&"etc/.wh.hosts".to_owned()), "markers are in the first new layer: {names:?}");
}

/// The same build at another time: other times, and so another compressed stream.
fn built_at(time: i64) -> Image {
    let mut image = image(&["c", "d"], "v1");
    let dated = |all: &[(&str, &str)]| {
        let mut nodes: Vec<Entry> = Vec::new();
        for (path, contents) in all {
            let node = Node { mtime: (time, 5), ..Node::new(Kind::File(contents.as_bytes().to_vec())) };
            nodes.push(Entry { name: path.as_bytes().to_vec(), node });
        }
        Layer { entries: nodes, ..Layer::default() }.tar()
    };
    image.layers.push(dated(&[("app/built", "the same contents"), ("app/other", "more")]));
    // What the classic builder notes of one build.
    image.config["container"] = json!(format!("{time:064}"));
    image.config["container_config"] =
        json!({"Hostname": format!("{time:012}"), "Image": format!("sha256:{time:064}")});
    image.config["config"] = json!({"Image": format!("sha256:{time:064}"), "Cmd": ["x"]});
    image.config["created"] = json!(format!("2026-01-01T00:00:{:02}Z", time % 60));
    image
}

#[test]
fn two_builds_of_the_same_content_have_the_same_digests() {
    let epoch = Timestamp { seconds: 1000, nanoseconds: 0 };
    for codec in [Codec::Plain, Codec::Gzip, Codec::Zstd] {
        for (times, how) in [(Times::Clamp(epoch), Split::No), (Times::Set(epoch), Split::Auto)] {
            let build = |time| {
                let image = Image { codec, ..built_at(time) };
                let change = |options: &mut Squash| options.edits.times = times;
                split_with(&image, how.clone(), change)
            };
            let (one, two) = (build(5_000_000), build(5_000_017));
            assert_eq!(one.blobs, two.blobs, "{codec:?} {times:?}");
            assert_eq!(one.config, two.config);
            assert_eq!(one.config["config"], json!({"Cmd": ["x"]}));
            assert_eq!(one.manifest, two.manifest);
            assert!(one.layers.iter().flat_map(|layer| entries(layer).0).all(|(_, node)| node.mtime <= (1000, 0)));
        }
    }
}

/// docker and podman give a directory new metadata that a layer has something in and does not declare. So no layer may
/// have anything in a directory that an older new layer declares.
fn declares_late_enough(image: &read::Image, kept: usize) -> bool {
    let names = |layer: &Vec<u8>| entries(layer).0;
    let mut declared: BTreeSet<Vec<u8>> = BTreeSet::new();
    image.layers[kept..].iter().all(|layer| {
        let found = names(layer);
        let ancestors = |name: &[u8]| -> Vec<Vec<u8>> {
            (0..name.len()).filter(|at| name[*at] == b'/').map(|at| name[..at].to_vec()).collect()
        };
        let is_fine = found.iter().flat_map(|(name, _)| ancestors(name)).all(|path| !declared.contains(&path));
        declared.extend(found.into_iter().filter(|(_, node)| node.kind == Kind::Directory).map(|(name, _)| name));
        is_fine
    })
}

proptest! {
    #![proptest_config(crate::support::cases(60))]

    #[test]
    fn the_parts_together_make_the_tree((layers, model) in crate::laws::image(), count in 2_u8..8, kept in 0_usize..3) {
        let image = Image::new(layers.iter().map(Layer::tar).collect());
        for how in [Split::Auto, Split::Count(count)] {
            let with = |options: &mut Squash| {
                options.split = how.clone();
                if kept > 0 && kept < layers.len() {
                    options.keep = Keep::Below(Pick::Position(kept + 1));
                }
            };
            let parts = match squash_with(&image.save(Form::Oci), with) {
                Ok((parts, _)) => parts,
                Err(error) => {
                    prop_assert!(error.exit_code() == 2, "{}", error);
                    continue;
                }
            };
            let image = images(&files(&parts)).remove(0).1;
            let kept = if kept > 0 && kept < layers.len() { kept } else { 0 };
            prop_assert!(declares_late_enough(&image, kept), "{:?}", how);
            let whole = images(&files(&squash(&parts).unwrap().0)).remove(0).1;
            assert_same(&model.tree(), &tree(&entries(&whole.layers[0]).0), &format!("{how:?}"));
        }
    }
}
