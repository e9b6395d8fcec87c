//! `inspect`: hidden bytes against a count one by one, savings against what a squash makes, findings, and what is
//! shown.

use std::collections::BTreeMap;

use imgsquash::report::{InspectedImage, Inspection, inspect_text};
use imgsquash::request::{Keep, Origin};
use imgsquash::{Inspect, inspect};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::laws::image as laws_image;
use crate::support::archive::{Codec, Form, Image};
use crate::support::case::{self, Expected, parse};
use crate::support::layer::Layer;
use crate::support::run::{Place, command, squash_with, stderr};

fn inspected(archive: &[u8]) -> Inspection {
    let place = Place::new();
    let input = place.write("in.tar", archive);
    inspect(&Inspect::new(Origin::Path(input)), &()).unwrap()
}

fn image(layers: Vec<Vec<u8>>) -> Image {
    Image { codec: Codec::Plain, tags: vec!["app:1".to_owned()], ..Image::new(layers) }
}

/// The layers of a case as text.
fn layers(text: &str) -> Vec<Vec<u8>> {
    parse(&format!("case x\n{text}\ntree\n")).remove(0).layers.iter().map(Layer::tar).collect()
}

/// An entry by the position of its layer and its own in it.
type Entry = (usize, usize);

/// Which entries are part of an image, found out with a map of paths and nothing of the tool's.
#[derive(Default)]
struct Count {
    /// The entry that put each path, whether it is a directory, and the entry that has its contents.
    paths: BTreeMap<Vec<u8>, (Option<Entry>, bool, Entry)>,
    /// Header and contents of each entry with padding, and whether it is a marker.
    sizes: BTreeMap<Entry, (u64, u64, bool)>,
}

fn above(path: &[u8]) -> Vec<&[u8]> {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at]).collect()
}

impl Count {
    fn remove(&mut self, path: &[u8], and_itself: bool) {
        let below = [path, b"/"].concat();
        self.paths.retain(|known, _| !(known.starts_with(&below) || and_itself && known == path));
    }

    fn imply(&mut self, path: &[u8], by: Entry) {
        for directory in above(path) {
            if !self.paths.get(directory).is_some_and(|(_, is_directory, _)| *is_directory) {
                self.remove(directory, true);
                self.paths.insert(directory.to_vec(), (None, true, by));
            }
        }
    }

    fn lay(&mut self, position: usize, layer: &Layer) {
        let (mut markers, mut links, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for (at, entry) in layer.entries.iter().enumerate() {
            let (id, whole) = ((position, at), entry.tar().len() as u64);
            let name = entry.name.rsplit(|byte| *byte == b'/').next().unwrap();
            let contents = match &entry.node.kind {
                crate::support::node::Kind::File(bytes) => (bytes.len() as u64).div_ceil(512) * 512,
                _ => 0,
            };
            self.sizes.insert(id, (whole - contents, contents, name.starts_with(b".wh.")));
            match (&entry.node.kind, name.strip_prefix(b".wh.")) {
                (_, Some(hidden)) => markers.push((id, entry, hidden)),
                (crate::support::node::Kind::Link(to), None) => links.push((id, entry, to.clone())),
                _ => others.push((id, entry)),
            }
        }
        let mut gone = Vec::new();
        for (_, entry, hidden) in &markers {
            let directory = entry.name.len() - hidden.len() - 4;
            match **hidden {
                [b'.', b'w', b'h', b'.', b'.', b'o', b'p', b'q'] => {
                    self.remove(&entry.name[..directory.max(1) - 1], false)
                }
                _ => {
                    let path = [&entry.name[..directory], hidden].concat();
                    self.remove(&path, true);
                    gone.push(path);
                }
            }
        }
        others.sort_by_key(|(_, entry)| entry.name.clone());
        for (id, entry) in others {
            self.imply(&entry.name, id);
            let is_directory = entry.node.kind == crate::support::node::Kind::Directory;
            match self.paths.get_mut(&entry.name) {
                Some((known, true, _)) if is_directory => {
                    known.get_or_insert(id);
                }
                _ => {
                    self.remove(&entry.name, true);
                    self.paths.insert(entry.name.clone(), (Some(id), is_directory, id));
                }
            }
        }
        for (id, entry, _) in &links {
            self.imply(&entry.name, *id);
            self.remove(&entry.name, true);
        }
        for (id, entry, _) in &markers {
            let is_gone = |path: &&[u8]| gone.iter().any(|gone| gone == path) && !self.paths.contains_key(*path);
            let has_file = |path: &&[u8]| {
                layer
                    .entries
                    .iter()
                    .any(|entry| entry.name == **path && entry.node.kind != crate::support::node::Kind::Directory)
            };
            if !above(&entry.name).iter().any(is_gone) && !above(&entry.name).iter().any(has_file) {
                self.imply(&entry.name, *id);
            }
        }
        while !links.is_empty() {
            links.retain(|(id, entry, to)| {
                let Some((.., contents)) = self.paths.get(to).copied() else { return true };
                self.paths.insert(entry.name.clone(), (Some(*id), false, contents));
                false
            });
        }
    }

    /// Bytes of each layer that are part of the image, and those of markers.
    fn live(&self, layers: usize) -> Vec<(u64, u64)> {
        let headers: Vec<Entry> = self.paths.values().filter_map(|(entry, ..)| *entry).collect();
        let contents: Vec<Entry> =
            self.paths.values().filter(|(_, is_directory, _)| !is_directory).map(|(.., entry)| *entry).collect();
        let mut live = vec![(0, 0); layers];
        for (id, (header, bytes, is_marker)) in &self.sizes {
            let layer = &mut live[id.0];
            match is_marker {
                true => layer.1 += header + bytes,
                false => {
                    layer.0 += if headers.contains(id) { *header } else { 0 };
                    layer.0 += if contents.contains(id) { *bytes } else { 0 };
                }
            }
        }
        live
    }
}

proptest! {
    #![proptest_config(crate::support::cases(300))]

    #[test]
    fn hidden_bytes_are_those_that_are_counted_one_by_one((layers, _) in laws_image()) {
        let mut count = Count::default();
        for (position, layer) in layers.iter().enumerate() {
            count.lay(position, layer);
        }
        let tars: Vec<Vec<u8>> = layers.iter().map(Layer::tar).collect();
        let expected: Vec<(u64, u64)> = count
            .live(layers.len())
            .iter()
            .zip(&tars)
            .map(|((live, markers), tar)| (*live, tar.len() as u64 - live - markers - 1024))
            .collect();
        let found = inspected(&image(tars).save(Form::Oci));
        let of = |layer: &imgsquash::report::InspectedLayer| {
            let markers = count.sizes.iter().filter(|((at, _), (.., is))| *at as u64 + 1 == layer.position && *is);
            let markers: u64 = markers.map(|(_, (header, bytes, _))| header + bytes).sum();
            (layer.unpacked_bytes - layer.hidden_bytes - markers - 1024, layer.hidden_bytes)
        };
        let found: Vec<(u64, u64)> = found.images[0].layers.iter().map(of).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn every_byte_of_every_case_is_live_hidden_or_overhead_and_a_squash_leaves_out_what_is_not_live() {
    let mut seen = 0;
    for case in case::all().iter().filter(|case| matches!(case.expected, Expected::Tree(_))) {
        let archive = image(case.layers.iter().map(Layer::tar).collect()).save(Form::Oci);
        let found = inspected(&archive).images.remove(0);
        let InspectedImage { unpacked_bytes, live_bytes, hidden_bytes, overhead_bytes, .. } = found;
        assert_eq!(unpacked_bytes, live_bytes + hidden_bytes + overhead_bytes, "{}", case.name);
        let (_, report) = squash_with(&archive, |_| ()).unwrap();
        let reclaimed = &report.images[0].reclaimed_bytes;
        assert_eq!(reclaimed.total, hidden_bytes + overhead_bytes, "{}", case.name);
        assert_eq!(found.hidden.iter().map(|cause| cause.bytes).sum::<u64>(), hidden_bytes, "{}", case.name);
        let by_layer = found.layers.iter().flat_map(|layer| layer.hidden.values());
        assert_eq!(by_layer.sum::<u64>(), hidden_bytes, "{}", case.name);
        let saving = &found.savings[0];
        let made = &report.images[0];
        assert_eq!(
            (saving.unpacked_bytes, saving.layers),
            (made.uncompressed_bytes.after, made.layers.after),
            "{}",
            case.name
        );
        seen += 1;
    }
    assert!(seen > 90, "{seen}");
}

#[test]
fn what_hides_and_what_is_hidden_are_told_with_their_layers() {
    let big = "x".repeat(5000);
    let found = inspected(
        &image(layers(&format!(
            "layer\n d lists\n f lists/a \"{big}\"\n f app \"{big}\"\n f cleared/b \"{big}\"\n f twice \"{big}\"\n f twice \"y\"\n\
             layer\n f app mode=0600 \"{big}\"\n f lists/.wh.a\nlayer\n f cleared/.wh..wh..opq\n d lists mode=0700\n f app \"z\""
        )))
        .save(Form::Docker),
    );
    let image = &found.images[0];
    let causes: BTreeMap<&str, (u64, u64)> =
        image.hidden.iter().map(|cause| (cause.cause, (cause.bytes, cause.entries))).collect();
    let file = 512 + 5120;
    let expected = [
        ("cleared", (file, 1)),
        ("deleted", (file, 1)),
        ("duplicates", (file, 1)),
        ("metadata_copies", (file, 1)),
        ("overwritten", (file, 1)),
        ("repeated_directories", (512, 1)),
    ];
    assert_eq!(causes, BTreeMap::from(expected));
    let files: Vec<(&str, &str, u64, u64)> =
        image.hidden_files.iter().map(|file| (&*file.path, file.cause, file.layer, file.by)).collect();
    assert_eq!(
        files,
        [
            ("/lists/a", "deleted", 1, 2),
            ("/app", "metadata_copies", 1, 2),
            ("/cleared/b", "cleared", 1, 3),
            ("/twice", "duplicates", 1, 1),
            ("/app", "overwritten", 2, 3),
        ]
    );
    let deleted = image.hidden.iter().find(|cause| cause.cause == "deleted").unwrap();
    assert_eq!((&*deleted.between[0].below, deleted.between[0].layer, deleted.between[0].by), ("/lists", 1, 2));
    assert_eq!(image.layers[0].hidden_bytes, 4 * file);
    assert_eq!(image.layers[0].step.as_deref(), Some("step 0"));
}

#[test]
fn contents_that_another_name_still_shows_are_not_hidden() {
    let big = "x".repeat(5000);
    let text = format!("layer\n f a \"{big}\"\n h b -> a\nlayer\n f .wh.a");
    let found = inspected(&image(layers(&text)).save(Form::Docker));
    assert_eq!((found.images[0].hidden_bytes, found.images[0].hidden_files.len()), (512, 0));
}

/// Letters that hardly compress, others for each seed.
fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed;
    let mut letter = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        b'a' + u8::try_from(state >> 60).unwrap()
    };
    (0..count).map(|_| letter()).collect()
}

#[test]
fn savings_are_what_a_squash_makes() {
    let [one, two, three, four] = [1, 2, 3, 4].map(|seed| String::from_utf8(noise(seed, 60_000)).unwrap());
    let text = format!(
        "layer\n f base \"{one}\"\n d var/lib/apt/lists\n f var/lib/apt/lists/x_Packages \"{two}\"\n\
         layer\n f gone \"{three}\"\nlayer\n f app \"{four}\"\n f .wh.gone\n d var/lib/dpkg\n f var/lib/dpkg/status \"\""
    );
    for codec in [Codec::Plain, Codec::Gzip, Codec::Zstd] {
        let mut image = Image { codec, ..image(layers(&text)) };
        let rows = ["ADD base", "#CMD [\"x\"]", "RUN one", "COPY app"];
        let rows: Vec<Value> = rows
            .iter()
            .map(|row| json!({"created_by": row.trim_start_matches('#'), "empty_layer": row.starts_with('#')}))
            .collect();
        image.config["history"] = json!(rows);
        let archive = image.save(Form::Oci);
        let found = inspected(&archive).images.remove(0);
        assert_eq!(found.layers.iter().map(|layer| layer.is_base).collect::<Vec<_>>(), [true, false, false]);
        let kept = |keep: Keep| squash_with(&archive, |request| request.keep = keep).unwrap().1;
        let pruned = squash_with(&archive, |request| request.prune = safe()).unwrap().1;
        let made = [("squash", kept(Keep::Nothing)), ("keep-base", kept(Keep::Guess)), ("prune", pruned)];
        assert_eq!(found.savings.len(), made.len());
        for (saving, (what, report)) in found.savings.iter().zip(made) {
            let image = &report.images[0];
            let kept: u64 = image.kept_layers.iter().map(|layer| layer.compressed_bytes).sum();
            let kept_plain: u64 = image.kept_layers.iter().map(|_| found.layers[0].unpacked_bytes).sum();
            assert_eq!((saving.what, saving.layers), (what, image.layers.after));
            assert_eq!(saving.unpacked_bytes, image.uncompressed_bytes.after + kept_plain, "{what}");
            assert!(saving.pushed.is_estimated);
            let pushed = image.compressed_bytes.after + kept;
            // Kept layers that are plain are compressed by whoever pushes them.
            if codec != Codec::Plain || kept == 0 {
                let off = saving.pushed.bytes.abs_diff(pushed) * 100 / pushed;
                assert!(off <= 8, "{codec:?} {what}: {} is not {pushed}", saving.pushed.bytes);
            }
        }
        assert_eq!(found.pushed.is_estimated, codec == Codec::Plain);
    }
}

fn safe() -> imgsquash::request::Choice {
    use imgsquash::request::{Choice, Named, Rules};
    Choice::new(&Rules::built_in().unwrap(), Some("safe"), Named::default(), Named::default()).unwrap()
}

fn ids(image: &InspectedImage) -> Vec<(&str, &str)> {
    image.findings.iter().map(|finding| (finding.id, &*finding.subject)).collect()
}

#[test]
fn what_a_person_should_know_is_found() {
    let text = "layer\n d etc\n f etc/passwd \"root:x:0:0::/:/bin/sh\\ntoor:x:0:0::/:\\nweb::33:33::/:\\n\"\n \
                f etc/shadow \"root:*:1::\\nopen::1::\\n\"\n f etc/group \"a:x:5:\\nb:x:5:\\n\"\n f bin/su mode=4755 \"x\"\n \
                f bin/wall mode=2755 gid=5 \"x\"\n f bin/ping x:security.capability=c \"x\"\n f app/Dockerfile \"FROM x\"\n \
                f app/node_modules/p/Dockerfile \"FROM x\"\n d app/.git\n f app/.git/HEAD \"r\"\n d app/.git/objects";
    let mut image = image(layers(text));
    image.config["config"] = json!({"User": "toor", "Volumes": {"/proc/x": {}, "/data": {}}});
    image.config["history"] = json!([{"created_by": "RUN |1 A=b /bin/sh -c apt-get dist-upgrade -y && sudo make"}]);
    let found = inspected(&image.save(Form::Docker)).images.remove(0);
    let ids = ids(&found);
    for expected in [
        ("root-user", ""),
        ("empty-password", "open"),
        ("empty-password", "web"),
        ("duplicate-uid", "0"),
        ("duplicate-gid", "5"),
        ("sensitive-volume", "/proc/x"),
        ("no-healthcheck", ""),
        ("setuid", "/bin/su"),
        ("setuid", "/bin/wall"),
        ("file-capability", "/bin/ping"),
        ("build-files", "/app/Dockerfile"),
        ("build-files", "/app/.git"),
        ("sudo-step", "history row 1"),
        ("dist-upgrade", "history row 1"),
    ] {
        assert!(ids.contains(&expected), "{expected:?} is not in {ids:#?}");
    }
    assert_eq!(ids.len(), 14, "{ids:#?}");
    assert!(found.settings.is_root && found.settings.uid == Some(0));
    assert_eq!(found.findings[0].severity.name(), "critical", "the gravest come first");
    assert!(found.findings.iter().all(|finding| finding.severity.name() == "info" || !finding.message.is_empty()));
}

#[test]
fn what_is_in_order_has_no_findings() {
    let text =
        "layer\n d etc\n f etc/passwd \"root:x:0:0::/:/bin/sh\\nweb:x:33:33::/:\\n\"\n f etc/shadow \"root:*:1::\\n\"";
    let mut image = image(layers(text));
    image.config["config"] = json!({"User": "web", "Healthcheck": {"Test": ["CMD", "x"]}});
    let found = inspected(&image.save(Form::Docker)).images.remove(0);
    assert_eq!(ids(&found), []);
    // An OCI manifest cannot have a healthcheck, so none is missed.
    image.config["config"] = json!({"User": "1000"});
    assert_eq!(ids(&inspected(&image.save(Form::Oci)).images[0]), []);
    image.config["config"] = json!({"User": "nobody"});
    assert_eq!(ids(&inspected(&image.save(Form::Oci)).images[0]), [("unknown-user", "")]);
    // Whoever takes a health check of the base away said so.
    image.config["config"] = json!({"User": "1000", "Healthcheck": {"Test": ["NONE"]}});
    assert_eq!(ids(&inspected(&image.save(Form::Docker)).images[0]), [("no-healthcheck", "")]);
}

#[test]
fn steps_of_the_base_are_blamed_on_nobody() {
    let mut image = image(layers("layer\n d a\nlayer\n d b"));
    image.config["config"] = json!({"User": "5", "Healthcheck": {"Test": ["CMD", "x"]}});
    let rows = |own: &str| {
        json!([{"created_by": "ADD https://example.com/rootfs.tar / # buildkit"}, {"created_by": "CMD [\"sh\"]", "empty_layer": true},
            {"created_by": own}])
    };
    for (own, expected) in [
        ("COPY x / # buildkit", &[][..]),
        ("ADD https://example.com/x.tgz /x # buildkit", &[("remote-archive", "history row 3")]),
        ("ADD --checksum=sha256:00 https://example.com/x.tgz /x # buildkit", &[]),
        ("RUN /bin/sh -c echo sudo make # buildkit", &[]),
    ] {
        image.config["history"] = rows(own);
        assert_eq!(ids(&inspected(&image.save(Form::Docker)).images[0]), expected, "{own}");
    }
}

/// A tar of files with these bytes, each called by its path.
fn tar_of(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut tar = ::tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, &bytes[..]).unwrap();
    }
    tar.into_inner().unwrap()
}

/// The directory of a zip with these files, behind as many bytes as they have.
fn zip_of(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = b"PK\x03\x04".to_vec();
    files.iter().for_each(|(_, bytes)| zip.extend(bytes));
    let begin = zip.len();
    for (path, bytes) in files {
        zip.extend(b"PK\x01\x02");
        zip.extend([0; 20]);
        zip.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        zip.extend(u16::try_from(path.len()).unwrap().to_le_bytes());
        zip.extend([0; 16]);
        zip.extend(path.as_bytes());
    }
    let size = u32::try_from(zip.len() - begin).unwrap();
    zip.extend(b"PK\x05\x06");
    zip.extend([0; 8]);
    zip.extend(size.to_le_bytes());
    zip.extend([0; 6]);
    zip
}

#[test]
fn an_archive_beside_its_own_contents_is_found() {
    let inside = [
        ("app-1/bin/run", noise(3, 250_000)),
        ("app-1/lib/code", noise(7, 250_000)),
        ("app-1/README", b"read".to_vec()),
    ];
    let tar = tar_of(&inside);
    let placed = |root: &str, dropped: usize| -> Vec<(String, Vec<u8>)> {
        let path = |path: &str| path.split('/').skip(dropped).collect::<Vec<_>>().join("/");
        inside.iter().map(|(name, bytes)| (format!("{root}{}", path(name)), bytes.clone())).collect()
    };
    let gzip = crate::support::archive::compress(&tar, Codec::Gzip);
    let zstd = crate::support::archive::compress(&tar, Codec::Zstd);
    for (name, archive, files, beside) in [
        ("opt/app.tar.gz", &gzip, placed("opt/", 0), Some("/opt")),
        ("tmp/app.tar.gz", &gzip, placed("srv/", 1), Some("/srv")),
        ("tmp/app.tar", &tar, placed("", 0), Some("/")),
        ("tmp/app.tar.zst", &zstd, placed("srv/x/", 0), Some("/srv/x")),
        ("tmp/app.zip", &zip_of(&inside), placed("srv/", 0), Some("/srv")),
        ("tmp/app.tar.gz", &gzip, placed("srv/", 0)[..1].to_vec(), None),
        ("tmp/app.tgz", &gzip[..gzip.len() / 2].to_vec(), Vec::new(), None),
        ("tmp/app.zip", &noise(5, 200_000), placed("srv/", 0), None),
    ] {
        let mut all: Vec<(&str, Vec<u8>)> = files.iter().map(|(name, bytes)| (&**name, bytes.clone())).collect();
        all.push((name, archive.clone()));
        let mut image = image(vec![tar_of(&all)]);
        image.config["config"] = json!({"User": "5", "Healthcheck": {"Test": ["CMD", "x"]}});
        let found = inspected(&image.save(Form::Docker)).images.remove(0);
        let told: Vec<_> = found.findings.iter().filter(|finding| finding.id == "extracted-archive").collect();
        match beside {
            Some(beside) => {
                assert_eq!((told.len(), &*told[0].subject), (1, &*format!("/{name}")), "{told:#?}");
                let expected = format!("what is in it, 3 files, lies extracted below {beside}");
                assert!(told[0].message.ends_with(&expected), "{}", told[0].message);
            }
            None => assert!(told.is_empty(), "{name}: {told:#?}"),
        }
    }
}

#[test]
fn json_and_text_go_to_standard_output_and_fit_a_terminal() {
    let big = "x".repeat(5000);
    let place = Place::new();
    let text = format!("layer\n f app \"{big}\"\nlayer\n f app \"y\"\n f bin/su mode=4755 \"x\"");
    place.write("in.tar", &image(layers(&text)).save(Form::Docker));
    let run =
        |arguments: &[&str]| command().current_dir(place.path("")).arg("inspect").args(arguments).output().unwrap();
    let shown = run(&["in.tar"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success() && stderr(&run(&["in.tar"])).is_empty());
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for expected in [
        "app:1   linux/amd64   user root (0)",
        "2 layers",
        "nobody sees them, everybody pulls them",
        "largest      5.00 kB  /app ",
        "1 > 2",
        "findings   runs as root, 1 setuid file, no healthcheck",
        "imgsquash in.tar -o small.tar --prune",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    let all = String::from_utf8(run(&["in.tar", "-v"]).stdout).unwrap();
    assert!(all.contains("image id     sha256:") && all.contains("low        /bin/su: runs as its user 0"), "{all}");
    let json: Value = serde_json::from_slice(&run(&["in.tar", "--json"]).stdout).unwrap();
    assert_eq!(json["images"][0]["layers"][0]["hidden"]["overwritten"], json!(512 + 5120));
    assert_eq!(run(&["in.tar", "-q"]).stdout, b"");
    for (arguments, code, expected) in [
        (&["no.tar"][..], 3, "imgsquash: no.tar: "),
        (&["in.tar", "--ref", "other"], 2, "other"),
        (&["in.tar", "--platform", "linux/arm64"], 2, "linux/arm64"),
        (&[], 2, "<INPUT>"),
    ] {
        let output = run(arguments);
        let said = stderr(&output);
        assert_eq!((output.status.code(), said.lines().count()), (Some(code), 1), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn names_of_strangers_are_shown_as_what_they_are() {
    let big = "x".repeat(5000);
    let mut image = image(layers(&format!("layer\n f a\\x1b[2Jb \"{big}\"\nlayer\n f .wh.a\\x1b[2Jb")));
    image.config["history"] = json!([{"created_by": "RUN \u{1b}[31m \u{202e}x"}, {"created_by": "RUN\nforged  line"}]);
    image.config["config"] = json!({"User": "a\u{1b}]0;x\u{7}", "Cmd": ["\u{9b}31m"]});
    let place = Place::new();
    place.write("in.tar", &image.save(Form::Docker));
    for arguments in [&["in.tar"][..], &["in.tar", "-v"], &["in.tar", "--json"]] {
        let output = command().current_dir(place.path("")).arg("inspect").args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let is_fine = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
        assert!(output.status.success() && text.chars().all(is_fine), "{text:?}");
        assert!(!text.contains("\nforged"), "{text}");
    }
}

#[test]
fn many_layers_are_shown_in_a_screen() {
    let big = "x".repeat(5000);
    let text: String = (0..40).map(|at| format!("layer\n f f{} \"{big}\"\n", at % 7)).collect();
    let found = inspected(&image(layers(&text)).save(Form::Docker));
    let lines = inspect_text::lines(&found, false);
    assert!(lines.len() <= 30, "{}", lines.join("\n"));
    assert!(lines.iter().any(|line| line.contains("31 smaller layers (-v)")), "{}", lines.join("\n"));
    assert!(inspect_text::lines(&found, true).len() > 50);
}
