//! `diff` and `verify`: nothing differs after a squash, and whatever is changed is found.

use imgsquash::request::{Aspect, Origin};
use imgsquash::{Diff, Receipt, Squash, Verify};
use serde_json::{Value, json};

use crate::support::archive::{Codec, Form, Image, save};
use crate::support::case::{self, Expected, parse};
use crate::support::run::{Place, command, request, stderr};

/// Options that make another image, and those that only make other layers.
const OPTIONS: [&str; 12] = [
    "",
    "--compression zstd --format oci-archive",
    "--format docker-archive --history none",
    "--last 1",
    "--keep-layers 1 --exact never",
    "--split 3",
    "--timestamp 0",
    "--timestamp 1000000000 --last 1",
    "--prune=max",
    "--hardlink-duplicates",
    "--label a=b --env C=d --user 5 --workdir /w --entrypoint [\"x\"] --cmd y",
    "--prune --split auto --timestamp 5 --hardlink-duplicates --rm-env PATH",
];

fn path(place: &Place, name: &str) -> Origin {
    Origin::Path(place.path(name))
}

#[test]
fn every_case_is_the_same_image_after_a_squash_less_what_was_asked_for() {
    let mut verified = 0;
    for (at, case) in case::all().iter().filter(|case| matches!(case.expected, Expected::Tree(_))).enumerate() {
        let place = Place::new();
        let layers = case.layers.iter().map(|layer| layer.tar()).collect();
        let form = [Form::Oci, Form::Docker, Form::Both][at % 3];
        place.write("in.tar", &Image { codec: Codec::Plain, ..Image::new(layers) }.save(form));
        // Every option meets a third of the cases.
        for options in OPTIONS.iter().skip(at % 3).step_by(3) {
            let output = command()
                .current_dir(place.path(""))
                .args(["in.tar", "-q", "-o", "out.tar", "--report", "report.json"])
                .args(options.split_whitespace())
                .output()
                .unwrap();
            if !output.status.success() {
                continue;
            }
            let receipt = Receipt::parse(&std::fs::read(place.path("report.json")).unwrap()).unwrap();
            let between = Verify::new(path(&place, "out.tar"), path(&place, "in.tar"));
            let found = imgsquash::verify(&Verify { receipt, ..between }, &()).unwrap();
            assert!(found.is_equal, "{} {options}: {found:#?}", case.name);
            verified += 1;
        }
    }
    assert!(verified > 250, "{verified}");
}

/// An image with everything that can differ, or the same after one change.
fn image(change: &dyn Fn(&str) -> String) -> Image {
    let text = "case x\nlayer\n d d mtime=1.5\n f d/file mode=0644 uid=5 \"contents\"\n f d/empty \"\"\n \
                h d/hard uid=5 -> d/file\n l d/soft -> d/file\n f d/other \"contents\"\n c d/device 1:3\n p d/fifo\n \
                f d/attributes x:user.a=b pax:VENDOR.x=y \"x\"\nlayer\n f d/gone \"\"\nlayer\n f d/.wh.gone\ntree\n";
    let layers = parse(&change(text)).remove(0).layers.iter().map(|layer| layer.tar()).collect();
    let mut image = Image { codec: Codec::Plain, tags: vec!["app:1".to_owned()], ..Image::new(layers) };
    image.config["config"] = json!({"Env": ["A=1"], "Labels": {"a": "b"}, "Unknown": 1.0});
    image
}

fn differences(place: &Place) -> Vec<(String, String)> {
    let found = imgsquash::diff(&Diff::new(path(place, "a.tar"), path(place, "b.tar")), &()).unwrap();
    let image = &found.images[0];
    let files = image.files.iter().map(|file| {
        let what: Vec<&str> = file.what.iter().map(|aspect| aspect.aspect).collect();
        (file.path.clone(), format!("{} {}", file.change, what.join(",")).trim().to_owned())
    });
    let config = image.config.iter().map(|member| (member.member.clone(), "config".to_owned()));
    let all: Vec<_> = files.chain(config).collect();
    assert_eq!(found.is_equal, all.is_empty());
    all
}

#[test]
fn whatever_is_changed_is_found() {
    let place = Place::new();
    let unchanged = image(&|text| text.to_owned());
    place.write("a.tar", &unchanged.save(Form::Docker));
    let file = "/d/file";
    let other = "/d/other";
    for (from, to, expected) in [
        ("", "", &[][..]),
        ("f d/other \"contents\"", "f d/other \"Contents\"", &[(other, "changed content")]),
        ("f d/other \"contents\"", "f d/other \"contents \"", &[(other, "changed size")]),
        ("f d/other ", "f d/other mode=0600 ", &[(other, "changed mode")]),
        ("f d/other ", "f d/other mode=4644 ", &[(other, "changed mode")]),
        ("f d/other ", "f d/other uid=1 ", &[(other, "changed owner")]),
        ("f d/other ", "f d/other gid=1 ", &[(other, "changed owner")]),
        ("f d/other ", "f d/other uname=me ", &[(other, "changed names")]),
        ("f d/other ", "f d/other mtime=1000.000000001 ", &[(other, "changed mtime")]),
        ("mtime=1.5", "mtime=1.6", &[("/d", "changed mtime")]),
        ("x:user.a=b", "x:user.a=c", &[("/d/attributes", "changed xattr")]),
        ("x:user.a=b", "x:user.b=b", &[("/d/attributes", "changed xattr")]),
        ("x:user.a=b ", "", &[("/d/attributes", "changed xattr")]),
        ("VENDOR.x=y", "VENDOR.x=z", &[("/d/attributes", "changed pax")]),
        ("-> d/file\n l d/soft -> d/file", "-> d/file\n l d/soft -> d/File", &[("/d/soft", "changed link")]),
        ("l d/soft -> d/file", "f d/soft mode=0777 \"\"", &[("/d/soft", "changed type")]),
        ("1:3", "1:4", &[("/d/device", "changed device")]),
        ("c d/device", "b d/device", &[("/d/device", "changed type")]),
        (" f d/.wh.gone", " f d/x \"\"", &[("/d/gone", "added"), ("/d/x", "added")]),
        (" f d/empty \"\"\n", "", &[("/d/empty", "removed")]),
        (
            "h d/hard uid=5 -> d/file",
            "h d/hard uid=5 -> d/other",
            &[(file, "changed hard-link"), ("/d/hard", "changed hard-link"), (other, "changed owner,hard-link")],
        ),
        (
            "h d/hard uid=5 -> d/file",
            "f d/hard uid=5 \"contents\"",
            &[(file, "changed hard-link"), ("/d/hard", "changed hard-link")],
        ),
    ] {
        let changed = image(&|text| {
            assert!(text.contains(from));
            if from.is_empty() { text.to_owned() } else { text.replacen(from, to, 1) }
        });
        // The order of a case is not that of a hard link and its target.
        let Ok(tar) = std::panic::catch_unwind(|| changed.save(Form::Both)) else { panic!("{to}") };
        place.write("b.tar", &tar);
        let expected: Vec<_> = expected.iter().map(|(path, what)| (path.to_string(), what.to_string())).collect();
        assert_eq!(differences(&place), expected, "{from} > {to}");
    }
    for (pointer, value, member) in [
        ("/config/Env/0", json!("A=2"), "config.Env"),
        ("/config/Labels", json!({}), "config.Labels"),
        ("/config/Unknown", json!(2), "config.Unknown"),
        ("/architecture", json!("arm64"), "architecture"),
    ] {
        let mut changed = image(&|text| text.to_owned());
        *changed.config.pointer_mut(pointer).unwrap() = value;
        place.write("b.tar", &changed.save(Form::Both));
        assert_eq!(differences(&place), [(member.to_owned(), "config".to_owned())]);
    }
}

#[test]
fn what_is_ignored_does_not_count_and_everything_can_be() {
    let place = Place::new();
    place.write("a.tar", &image(&|text| text.to_owned()).save(Form::Docker));
    let changed = image(&|text| text.replace("f d/other ", "f d/other mode=0600 mtime=3 "));
    place.write("b.tar", &changed.save(Form::Docker));
    let code = |ignored: &[&str]| {
        let mut diff = command();
        let output = diff.current_dir(place.path("")).args(["diff", "a.tar", "b.tar"]).args(ignored).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout.clone()).unwrap(), stderr(&output))
    };
    let (exit, shown, _) = code(&[]);
    assert_eq!(exit, Some(1));
    assert_eq!(
        shown,
        "app:1  linux/amd64   1 path changed\n  ~ /d/other  mode 0644 > 0600, mtime 1000.000000000 > 3.000000000\n"
    );
    assert_eq!(code(&["--ignore", "mtime"]).0, Some(1));
    let (exit, shown, _) = code(&["--ignore", "mtime,mode"]);
    assert_eq!((exit, shown.as_str()), (Some(0), "app:1  linux/amd64   the same: 10 paths, 17 B, and the config\n"));
    let (exit, _, problem) = code(&["--ignore", "time"]);
    assert_eq!(exit, Some(2));
    assert!(problem.contains("there are: type, mode"), "{problem}");
    assert_eq!(code(&["-q"]), (Some(1), String::new(), String::new()));
    let (exit, json, _) = code(&["--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(exit, Some(1));
    assert_eq!(json["images"][0]["files"][0]["what"][0], json!({"aspect": "mode", "old": "0644", "new": "0600"}));
    assert_eq!((&json["schema_version"], &json["is_equal"]), (&json!(1), &json!(false)));
    place.write("b.tar", b"nothing");
    let (exit, shown, problem) = code(&[]);
    assert_eq!((exit, shown.as_str(), problem.lines().count()), (Some(3), "", 1), "{problem}");
}

#[test]
fn a_sparse_file_is_what_it_reads_as() {
    let place = Place::new();
    let tar = |sparse: bool, byte: u8| {
        let mut header = tar::Header::new_gnu();
        header.set_path("file").unwrap();
        let contents = [&[0; 8192][..], &[byte; 1024], &[0; 4096]].concat();
        header.set_mode(0o644);
        let mut tar = Vec::new();
        if sparse {
            header.set_entry_type(tar::EntryType::GNUSparse);
            let gnu = header.as_gnu_mut().unwrap();
            gnu.set_real_size(contents.len() as u64);
            gnu.sparse[0].set_offset(8192);
            gnu.sparse[0].set_length(1024);
            gnu.sparse[1].set_offset(contents.len() as u64);
            gnu.sparse[1].set_length(0);
        }
        let stored = if sparse { &contents[8192..9216] } else { &contents[..] };
        header.set_size(stored.len() as u64);
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(stored);
        tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
        Image::new(vec![tar]).save(Form::Oci)
    };
    place.write("a.tar", &tar(true, 7));
    place.write("b.tar", &tar(false, 7));
    assert_eq!(differences(&place), []);
    place.write("b.tar", &tar(false, 8));
    assert_eq!(differences(&place), [("/file".to_owned(), "changed content".to_owned())]);
    place.write("b.tar", &tar(true, 8));
    assert_eq!(differences(&place), [("/file".to_owned(), "changed content".to_owned())]);
}

#[test]
fn images_are_compared_with_those_of_their_platform_and_name() {
    let place = Place::new();
    let made = |architecture: &str, tag: &str, contents: &str| {
        let mut image = image(&|text| text.replace("contents", contents));
        image.config["architecture"] = json!(architecture);
        Image { tags: vec![tag.to_owned()], ..image }
    };
    let (amd, arm) = (made("amd64", "app:1", "x"), made("arm64", "arm:1", "y"));
    place.write("a.tar", &save(&[amd, arm], Form::Docker));
    let (amd, arm) = (made("amd64", "app:1", "x"), made("arm64", "arm:1", "z"));
    place.write("b.tar", &save(&[arm, amd], Form::Docker));
    let found = imgsquash::diff(&Diff::new(path(&place, "a.tar"), path(&place, "b.tar")), &()).unwrap();
    let of: Vec<_> = found.images.iter().map(|image| (image.title.platform.as_str(), image.is_equal())).collect();
    assert_eq!(of, [("linux/amd64", true), ("linux/arm64", false)]);
    place.write("b.tar", &save(&[made("amd64", "app:1", "x"), made("amd64", "other:1", "x")], Form::Docker));
    let found = imgsquash::diff(&Diff::new(path(&place, "a.tar"), path(&place, "b.tar")), &()).unwrap();
    assert!(!found.is_equal && found.images.len() == 1 && found.images[0].is_equal());
    assert_eq!(
        (&found.only_old[0].names[0], &found.only_new[0].names[0]),
        (&"arm:1".to_owned(), &"other:1".to_owned())
    );
}

#[test]
fn a_report_explains_what_it_says_and_nothing_else() {
    let place = Place::new();
    let cache = "c".repeat(3000);
    let text = format!(
        "case x\nlayer\n f etc/debian_version \"12\"\n f \"root/.npm/_cacache/a\\x01b\" \"{cache}\"\n f srv/a \"x\"\ntree\n"
    );
    let mut source = Image::new(parse(&text).remove(0).layers.iter().map(|layer| layer.tar()).collect());
    source.config["config"] = json!({"Env": ["A=1"]});
    place.write("in.tar", &source.save(Form::Docker));
    let run = |arguments: &[&str]| {
        let output = command().current_dir(place.path("")).args(arguments).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout.clone()).unwrap(), stderr(&output))
    };
    let squash = ["in.tar", "-q", "-o", "out.tar", "--report", "report.json", "--prune", "--env", "A=2"];
    assert_eq!(run(&squash), (0, String::new(), String::new()));
    let verify = ["verify", "out.tar", "--against", "in.tar"];
    let (code, shown, _) = run(&verify);
    assert_eq!(code, 4, "{shown}");
    assert!(
        shown.contains("- /root/.npm/_cacache/a\\") && shown.contains("config.Env  [\"A=1\"] > [\"A=2\"]"),
        "{shown}"
    );
    let with_report = [&verify[..], &["--report", "report.json"]].concat();
    assert_eq!(run(&with_report).0, 0);
    let report = std::fs::read_to_string(place.path("report.json")).unwrap();
    for (from, to) in [("\"A=2\"", "\"A=3\""), ("a\\\\x01b", "a\\\\x02b")] {
        assert!(report.contains(from), "{report}");
        place.write("report.json", report.replace(from, to).as_bytes());
        assert_eq!(run(&with_report).0, 4, "{from}");
    }
    // Another image is not explained by it.
    source.config["config"]["Env"] = json!(["A=2"]);
    let tag = |image: Image| image.save(Form::Docker);
    place.write("report.json", report.as_bytes());
    place.write("out.tar", &tag(source));
    assert_eq!(run(&with_report).0, 4);
    for (bad, problem) in [("{", "it is no report of a squash"), ("{\"schema_version\":1}", "missing field")] {
        place.write("report.json", bad.as_bytes());
        let (code, _, text) = run(&with_report);
        assert!(code == 2 && text.contains(problem), "{text}");
    }
}

#[test]
fn three_lines_compare_images_from_rust() {
    let place = Place::new();
    let input = place.write("in.tar", &image(&|text| text.to_owned()).save(Form::Docker));
    let output = place.path("out.tar");
    imgsquash::squash(&Squash { tells_provenance: true, ..request(&input, &output) }, &()).unwrap();
    let mut diff = Diff::new(Origin::Path(input), Origin::Path(output));
    diff.ignored = [Aspect::Mtime].into_iter().collect();
    assert!(imgsquash::diff(&diff, &()).unwrap().is_equal);
}
