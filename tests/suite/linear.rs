//! Time in proportion to what comes in: four times as much of anything that a stranger may write takes about four times
//! as long, where a square would take sixteen times.

use std::time::Duration;

use crate::support::archive::{Codec, Form, Image};
use crate::support::layer::{Entry, pax_header};
use crate::support::measure::measured;
use crate::support::node::{Kind, Node};

/// An archive, and the arguments to squash it with.
type Case = (Vec<u8>, &'static [&'static str]);

/// No case takes longer unless something is wrong.
const LIMIT: Duration = Duration::from_secs(60);

/// The time of a run.
fn time((archive, arguments): &Case) -> Duration {
    let run = measured(archive, arguments, LIMIT);
    assert!(matches!(run.code(), Ok(0 | 3)), "{:?} {}", run.code(), run.stderr);
    run.time
}

/// Squashing what `case` makes of `size` and of four times `size` takes times in proportion.
#[track_caller]
fn grows_in_proportion(size: usize, case: impl Fn(usize) -> Case) {
    let (small, large) = (case(size), case(4 * size));
    let mut seen = Vec::new();
    // Other tests run at the same time, so it may take several looks to see it.
    for _ in 0..4 {
        let times = (time(&small), time(&large));
        if times.1 < times.0 * 9 || times.1 < Duration::from_millis(200) {
            return;
        }
        seen.push(times);
    }
    panic!("four times as much takes too long: {seen:?}");
}

/// An image of these layers, oldest first, which may end without zeros.
fn image(layers: Vec<Vec<u8>>) -> Image {
    Image { codec: Codec::Plain, ..Image::new(layers) }
}

fn file(name: &[u8], contents: &[u8]) -> Vec<u8> {
    Entry { name: name.into(), node: Node::new(Kind::File(contents.to_vec())) }.tar()
}

fn link(name: String, target: String) -> Vec<u8> {
    Entry { name: name.into(), node: Node::new(Kind::Link(target.into())) }.tar()
}

fn symlink(name: &[u8], target: &[u8]) -> Vec<u8> {
    Entry { name: name.into(), node: Node::new(Kind::Symlink(target.into())) }.tar()
}

/// Numbers below `count` in an order that is neither forward nor backward.
fn shuffled(count: usize) -> impl Iterator<Item = usize> {
    // A prime that is no factor of the sizes here.
    (0..count).map(move |at| at * 7919 % count)
}

/// A link to the next of `count`, the last to the file `f`.
fn chain(count: usize, order: impl Iterator<Item = usize>) -> Vec<u8> {
    order
        .flat_map(|at| link(format!("l{at}"), if at + 1 < count { format!("l{}", at + 1) } else { "f".to_owned() }))
        .collect()
}

#[test]
fn hard_links_that_each_point_to_the_next() {
    grows_in_proportion(10_000, |count| {
        (image(vec![[chain(count, 0..count), file(b"f", b"x")].concat()]).save(Form::Docker), &[])
    });
    grows_in_proportion(10_000, |count| {
        (image(vec![[chain(count, (0..count).rev()), file(b"f", b"x")].concat()]).save(Form::Docker), &[])
    });
    grows_in_proportion(10_000, |count| {
        (image(vec![[chain(count, shuffled(count)), file(b"f", b"x")].concat()]).save(Form::Docker), &[])
    });
}

#[test]
fn hard_links_of_all_shapes() {
    // All to one.
    grows_in_proportion(10_000, |count| {
        let star: Vec<u8> = (0..count).flat_map(|at| link(format!("l{at}"), "f".to_owned())).collect();
        (image(vec![[star, file(b"f", b"x")].concat()]).save(Form::Docker), &[])
    });
    // Groups that are joined in pairs, and pairs of pairs.
    grows_in_proportion(10_000, |count| {
        let tree = shuffled(count).filter(|at| *at > 0).flat_map(|at| link(format!("l{at}"), format!("l{}", at / 2)));
        (image(vec![[tree.collect(), file(b"l0", b"x")].concat()]).save(Form::Docker), &[])
    });
    // Through a symlink.
    grows_in_proportion(10_000, |count| {
        let mut tar = symlink(b"s", b"d");
        tar.extend((0..count).flat_map(|at| link(format!("d/l{at}"), format!("s/l{}", at + 1))));
        tar.extend(file(format!("d/l{count}").as_bytes(), b"x"));
        (image(vec![tar]).save(Form::Docker), &[])
    });
}

#[test]
fn hard_links_to_what_lower_layers_have() {
    for arguments in [&[][..], &["--last", "2", "--exact", "never"], &["--last", "1"]] {
        grows_in_proportion(10_000, |count| {
            let layers = vec![file(b"x", b"x"), file(b"f", b"x"), chain(count, 0..count)];
            (image(layers).save(Form::Docker), arguments)
        });
    }
}

#[test]
fn hard_links_that_each_bring_an_attribute() {
    grows_in_proportion(1_000, |count| {
        let mut tar = file(b"f", b"x");
        for at in 0..count {
            tar.extend(pax_header(&[(format!("SCHILY.xattr.user.{at}").into(), b"1".to_vec())]));
            tar.extend(link(format!("d/l{at}"), "f".to_owned()));
        }
        // The links go, because each of them would have all attributes in its header.
        (image(vec![tar, file(b"d/.wh..wh..opq", b"")]).save(Form::Docker), &[])
    });
}

/// A path of `depth` directories.
fn deep(depth: usize) -> Vec<u8> {
    b"a/".repeat(depth)
}

/// Files that each have so many directories of their own above them.
fn deep_files(count: usize, depth: usize) -> Vec<u8> {
    (0..count).flat_map(|at| file(&[format!("{at}/").as_bytes(), &deep(depth), b"f"].concat(), b"")).collect()
}

#[test]
fn deep_directories_below_the_layer_that_is_squashed() {
    for arguments in [&["--last", "1"][..], &["--last", "1", "--prune=max"]] {
        grows_in_proportion(450, |depth| {
            let layers = vec![deep_files(40, depth), file(b"x", b"x")];
            (image(layers).save(Form::Docker), arguments)
        });
    }
}

#[test]
fn deep_directories_of_layers_that_are_joined() {
    grows_in_proportion(450, |depth| {
        let whiteouts = (0..40).flat_map(|at| {
            let name = [format!("{at}/").as_bytes(), &deep(depth), b".wh.q"].concat();
            file(&name, b"")
        });
        let layers = vec![file(b"x", b"x"), deep_files(40, depth), whiteouts.collect()];
        (image(layers).save(Form::Docker), &["--last", "2", "--exact", "never"])
    });
}

#[test]
fn symlinks_that_lead_deep_and_back() {
    // Each step back was once a walk from the root.
    grows_in_proportion(100, |count| {
        let (there, back) = (deep(900), b"x/../".repeat(400));
        let mut tar = file(&[&there[..], b"z"].concat(), b"");
        tar.extend(symlink(b"s", &[b"/", &there[..], &back, b"q"].concat()));
        tar.extend((0..count).flat_map(|at| file(format!("s/{at}").as_bytes(), b"")));
        (image(vec![tar]).save(Form::Docker), &["--dry-run"])
    });
    // And what all of them may cost is limited by the number of entries.
    let mut tar = file(&[&deep(2000)[..], b"z"].concat(), b"");
    tar.extend(symlink(b"s", &[b"/", &deep(2000)[..]].concat()));
    tar.extend((0..20_000).flat_map(|at| file(format!("s/{at}").as_bytes(), b"")));
    let run = measured(&image(vec![tar]).save(Form::Docker), &[], LIMIT);
    assert_eq!(run.code(), Ok(3), "{}", run.stderr);
    assert!(run.stderr.contains("or through too long ones"), "{}", run.stderr);
}

#[test]
fn a_package_database_with_a_long_directory() {
    grows_in_proportion(20_000, |count| {
        let mut database = [&b"P:p\nF:"[..], &b"d".repeat(count), b"\n"].concat();
        database.extend((0..count).flat_map(|at| format!("R:{at}\n").into_bytes()));
        (image(vec![file(b"lib/apk/db/installed", &database)]).save(Form::Docker), &["--prune"])
    });
}

/// The words as rpm and sqlite store them.
fn words(words: &[usize]) -> Vec<u8> {
    words.iter().flat_map(|word| u32::try_from(*word).unwrap().to_be_bytes()).collect()
}

/// A header of rpm with these directories and, for each of its files, the place of the file's among them.
fn rpm_header(directories: &[Vec<u8>], places: &[usize]) -> Vec<u8> {
    let tags = [
        (1000, 6, 1, b"name".to_vec()),
        (1116, 4, places.len(), words(places)),
        (1117, 8, places.len(), vec![b"f".to_vec(); places.len()].join(&0)),
        (1118, 8, directories.len(), directories.join(&0)),
    ];
    let (mut index, mut store) = (Vec::new(), Vec::new());
    for (tag, kind, count, bytes) in &tags {
        index.extend(words(&[*tag, *kind, store.len(), *count]));
        store.extend([&bytes[..], b"\0"].concat());
    }
    [words(&[tags.len(), store.len()]), index, store].concat()
}

/// A database of sqlite with the one table that rpm has, and in it one row of these bytes.
fn rpm_database(blob: &[u8]) -> Vec<u8> {
    const PAGE: usize = 4096;
    let varint = |number: usize| -> Vec<u8> {
        let seven = |at: u32| u8::try_from(number >> (7 * at) & 0x7f).unwrap() | if at > 0 { 0x80 } else { 0 };
        (0..4).rev().map(seven).collect()
    };
    let leaf = |from: usize, cell: &[u8]| {
        let mut page = vec![0; PAGE];
        let at = PAGE - cell.len();
        page[from..from + 8].copy_from_slice(&[&[13, 0, 0, 0, 1][..], &words(&[at])[2..], &[0]].concat());
        page[from + 8..from + 10].copy_from_slice(&words(&[at])[2..]);
        page[at..].copy_from_slice(cell);
        page
    };
    // type, name, tbl_name, rootpage, sql
    let schema = [&[6, 23, 29, 29, 1, 13][..], b"table", b"Packages", b"Packages", &[2]].concat();
    let mut first = leaf(100, &[varint(schema.len()), varint(1), schema].concat());
    first[..16].copy_from_slice(b"SQLite format 3\0");
    first[16..18].copy_from_slice(&words(&[PAGE])[2..]);
    let record = [&[6, 0][..], &varint(12 + 2 * blob.len()), blob].concat();
    // What does not fit into the page is in a chain of others.
    let local = (PAGE - 12) * 32 / 255 - 23;
    let local = local + (record.len() - local) % (PAGE - 4);
    let local = if local > PAGE - 35 { (PAGE - 12) * 32 / 255 - 23 } else { local };
    let (here, rest) = record.split_at(local);
    let mut database = [first, leaf(0, &[&varint(record.len())[..], &varint(1), here, &words(&[3])].concat())].concat();
    for (at, piece) in rest.chunks(PAGE - 4).enumerate() {
        let mut page = [words(&[at + 4]), piece.to_vec()].concat();
        page.resize(PAGE, 0);
        database.extend(page);
    }
    database
}

#[test]
fn an_rpm_database_with_long_directories() {
    // One that is longer than a path can be, for all files.
    grows_in_proportion(20_000, |count| {
        let database = rpm_database(&rpm_header(&[[b"/", &b"d".repeat(2 * count)[..]].concat()], &vec![0; count]));
        (image(vec![file(b"var/lib/rpm/rpmdb.sqlite", &database)]).save(Form::Docker), &["--prune"])
    });
    // Two that are there and deep, in turn.
    grows_in_proportion(500, |count| {
        let directories = [[b"/", &deep(count)[..]].concat(), [b"/", &deep(count - 1)[..]].concat()];
        let places: Vec<usize> = (0..20 * count).map(|at| at % 2).collect();
        let database = rpm_database(&rpm_header(&directories, &places));
        let layers = vec![file(&[&deep(count)[..], b"f"].concat(), b""), file(b"var/lib/rpm/rpmdb.sqlite", &database)];
        (image(layers).save(Form::Docker), &["--prune", "--dry-run"])
    });
}

/// An image with this config of its containers.
fn configured(layer: Vec<u8>, config: serde_json::Value) -> Image {
    let mut image = image(vec![layer]);
    image.config["config"] = config;
    image
}

#[test]
fn settings_that_are_long() {
    // A reason that names the variable, for each file that stays because of it.
    grows_in_proportion(1_500, |size| {
        let config = serde_json::json!({"Env": [format!("{}=/tmp", "N".repeat(1_000 * size))]});
        let files = (0..size).flat_map(|at| file(format!("tmp/{at}").as_bytes(), b"x"));
        (configured(files.collect(), config).save(Form::Docker), &["--prune"])
    });
    // Words of a command, and a PATH of places that are deep.
    grows_in_proportion(20, |size| {
        let place = |at: usize| format!("/{}", "a/".repeat(8 * size - at));
        let path: Vec<String> = (0..64).map(place).collect();
        let words: Vec<String> = (0..4 * size).map(|at| format!("word{at}")).collect();
        let config = serde_json::json!({"Env": [format!("PATH={}", path.join(":"))], "Cmd": words});
        let layer = file(&[&deep(8 * size)[..], b"f"].concat(), b"x");
        (configured(layer, config).save(Form::Docker), &["--prune", "--dry-run"])
    });
}

#[test]
fn settings_that_are_read_once_for_all_rules() {
    let config = serde_json::json!({"Cmd": vec!["b c d"; 100_000]});
    let archive = configured(file(b"x", b"x"), config).save(Form::Docker);
    let mut seen = Vec::new();
    for _ in 0..4 {
        let one = measured(&archive, &["--prune=apt-lists", "--dry-run"], LIMIT);
        let all = measured(&archive, &["--prune=max", "--dry-run"], LIMIT);
        assert_eq!((one.code(), all.code()), (Ok(0), Ok(0)), "{} {}", one.stderr, all.stderr);
        if all.time < one.time * 3 {
            return;
        }
        seen.push((one.time, all.time));
    }
    panic!("{seen:?}");
}
