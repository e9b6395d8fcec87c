//! Gates on `inspect` and on a squash, and `--verify` on a squash.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use imgsquash::progress::{Progress, Stage};
use imgsquash::request::{Format, Target};

use crate::support::archive::{Codec, Form, Image};
use crate::support::case::{self, Expected, parse};
use crate::support::layer::Layer;
use crate::support::run::{Place, command, request, stderr};

/// An image of two layers, in which 5632 of 8704 bytes are hidden.
fn place() -> Place {
    let text = format!("case x\nlayer\n f app \"{}\"\nlayer\n f app \"y\"\ntree\n", "x".repeat(5000));
    let layers = parse(&text).remove(0).layers.iter().map(Layer::tar).collect();
    let place = Place::new();
    let image = Image { codec: Codec::Gzip, tags: vec!["app:1".to_owned()], ..Image::new(layers) };
    place.write("in.tar", &image.save(Form::Docker));
    place
}

fn run(place: &Place, arguments: &str) -> (Option<i32>, String) {
    let arguments = arguments.split_whitespace();
    let output = command().current_dir(place.path("")).args(arguments).output().unwrap();
    (output.status.code(), stderr(&output))
}

#[test]
fn a_gate_is_met_at_its_bound_and_says_what_was_measured_beyond() {
    let place = place();
    let pushed: serde_json::Value = {
        let output = command().current_dir(place.path("")).args(["inspect", "in.tar", "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let image = &pushed["images"][0];
    assert_eq!((image["hidden_bytes"].as_u64(), image["unpacked_bytes"].as_u64()), (Some(5632), Some(8704)));
    let size = image["pushed"]["bytes"].as_u64().unwrap();
    let share = image["efficiency"].as_f64().unwrap();
    for (met, failed, expected) in [
        (
            "--max-hidden 5632",
            "--max-hidden 5631",
            "--max-hidden: 5.63 kB (5632 B) are hidden, allowed 5.63 kB (5631 B)",
        ),
        ("--max-hidden 64.71%", "--max-hidden 64.7%", "--max-hidden: 64.71 % are hidden, allowed 64.7 %"),
        (&format!("--max-size {size}"), &format!("--max-size {}", size - 1), "--max-size: "),
        ("--max-layers 2", "--max-layers 1", "--max-layers: 2 layers, allowed 1"),
        (&format!("--min-efficiency {share}"), "--min-efficiency 0.5", "--min-efficiency: 0.1176, allowed 0.5 or more"),
        ("--fail-on setuid", "--fail-on root", "--fail-on root: 1 found (root-user), allowed none"),
        ("--fail-on high", "--fail-on medium", "--fail-on medium: 1 found (root-user), allowed none"),
        ("--fail-on secrets,secrets:live", "--fail-on high,info", "--fail-on info: 2 found (the first: root-user)"),
    ] {
        assert_eq!(run(&place, &format!("inspect -q in.tar {met}")), (Some(0), String::new()), "{met}");
        let (code, said) = run(&place, &format!("inspect -q in.tar {failed}"));
        assert!(code == Some(1) && said.lines().count() == 1, "{failed}: {code:?} {said}");
        assert!(said.starts_with(&format!("imgsquash: gate not passed: app:1: {expected}")), "{failed}: {said}");
    }
    let (code, said) = run(&place, "inspect -q in.tar --max-layers 1 --max-hidden 1 --fail-on root");
    assert_eq!((code, said.lines().count()), (Some(1), 3), "{said}");
}

#[test]
fn a_squash_that_does_not_pass_writes_nothing() {
    let place = place();
    // A full squash hides nothing, and has one layer.
    let met = "in.tar -q -o out.tar --max-layers 1 --max-hidden 0 --min-efficiency 0.1 --max-size 10MB";
    assert_eq!(run(&place, met), (Some(0), String::new()));
    assert_eq!(place.names(), ["in.tar", "out.tar"]);
    place.write("out.tar", b"before");
    for (options, code, expected) in [
        ("-o out.tar --max-size 10B", 1, "app:1: --max-size: "),
        (
            "-o out.tar --keep-layers 1 --exact never --max-layers 1 --fail-on root",
            1,
            "app:1: --max-layers: 2 layers, allowed 1\n",
        ),
        ("-o out.tar --keep-layers 1 --max-hidden 0", 1, "app:1: --max-hidden: 5.63 kB (5632 B) are hidden"),
        ("--dry-run --max-size 10B", 1, "app:1: --max-size: "),
        ("-o new --format oci-dir --max-size 10B", 1, "app:1: --max-size: "),
        ("-o - --max-size 10B", 1, "app:1: --max-size: "),
    ] {
        let (found, said) = run(&place, &format!("in.tar -q {options}"));
        assert_eq!(found, Some(code), "{options}: {said}");
        let begin = format!("imgsquash: gate not passed, nothing was written: {expected}");
        assert!(said.starts_with(&begin), "{options}: {said}");
        assert_eq!(
            (place.names(), fs::read(place.path("out.tar")).unwrap()),
            (vec!["in.tar".into(), "out.tar".into()], b"before".to_vec())
        );
    }
}

#[test]
fn gates_come_from_a_file_too_and_what_is_typed_comes_first() {
    let place = place();
    place.write(".imgsquash.toml", b"[gates]\nmax-layers = 1\nfail-on = [\"setuid\"]\n");
    assert_eq!(run(&place, "inspect -q in.tar").0, Some(1));
    assert_eq!(run(&place, "inspect -q in.tar --max-layers 2"), (Some(0), String::new()));
    let (code, said) = run(&place, "inspect -q in.tar --max-layers 2 --fail-on root");
    assert_eq!((code, said.lines().count()), (Some(1), 1), "what is typed is added to the file's: {said}");
    place.write("other.toml", b"[gates]\nmax-hidden = \"100%\"\nmax-size = \"1GB\"\nmin-efficiency = 0.1\n");
    assert_eq!(run(&place, "inspect -q in.tar --config other.toml"), (Some(0), String::new()));
    assert_eq!(run(&place, "in.tar -q -o out.tar").0, Some(0));
    for (text, line, expected) in [
        ("[gates]\n\nmax-layer = 1\n", 3, "unknown field `max-layer`"),
        ("[gates]\nmax-layers = \"x\"\n", 2, "expected u64"),
        ("[gates]\nmax-hidden = \"x%\"\n", 2, "expected bytes, as in 20MB, or a share of all, as in 5%"),
        ("[gates]\nmax-size = \"x\"\n", 2, "expected bytes, as in 300MB"),
        ("[gates]\nmin-efficiency = 1.5\n", 2, "expected a share from 0 to 1"),
        (
            "[gates]\nfail-on = [\n \"root\",\n \"setuids\"]\n",
            4,
            "nothing is called \"setuids\" (did you mean \"setuid\"?)",
        ),
        ("\n[gate]\n", 2, "unknown field `gate`"),
        ("[gates\n", 1, ""),
    ] {
        place.write("bad.toml", text.as_bytes());
        for command in ["inspect -q in.tar --config bad.toml", "in.tar -q -o o.tar --config bad.toml"] {
            let (code, said) = run(&place, command);
            let begin = format!("imgsquash: bad.toml, line {line}: ");
            assert!(code == Some(2) && said.lines().count() == 1, "{text}: {code:?} {said}");
            assert!(said.starts_with(&begin) && said.contains(expected), "{text}: {said}");
        }
    }
    let (code, said) = run(&place, "inspect in.tar --config none.toml");
    assert!(code == Some(2) && said.contains("cannot read none.toml: "), "{said}");
    let (code, said) = run(&place, "in.tar -o other.toml --config other.toml");
    assert!(code == Some(2) && said.contains("would replace the config file"), "{said}");
}

#[test]
fn a_gate_that_nobody_can_evaluate_is_never_met() {
    let text = "case x\nlayer\n d etc\ntree\n";
    let layers = parse(text).remove(0).layers.iter().map(Layer::tar).collect();
    let mut image = Image::new(layers);
    image.config["config"] = serde_json::json!({"User": "somebody"});
    let place = Place::new();
    place.write("in.tar", &image.save(Form::Oci));
    for command in ["inspect -q in.tar --fail-on root", "in.tar -q -o out.tar --fail-on root"] {
        let (code, said) = run(&place, command);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("--fail-on root cannot be evaluated: no account is called \"somebody\""), "{said}");
    }
    assert_eq!(place.names(), ["in.tar"]);
}

/// Options that make another image, and those that only make other layers.
const OPTIONS: [&str; 6] = [
    "",
    "--last 1 --exact never --format oci-dir",
    "--prune=max --timestamp 5",
    "--hardlink-duplicates --split 3 --compression zstd",
    "--label a=b --user 5 --rm-env PATH --format docker-archive",
    "--keep-layers 1 --timestamp 1000000000",
];

#[test]
fn every_case_is_verified_before_it_is_in_its_place() {
    let mut verified = 0;
    for (at, case) in case::all().iter().filter(|case| matches!(case.expected, Expected::Tree(_))).enumerate() {
        let place = Place::new();
        let layers = case.layers.iter().map(Layer::tar).collect();
        place.write(
            "in.tar",
            &Image { codec: Codec::Plain, ..Image::new(layers) }.save([Form::Oci, Form::Docker][at % 2]),
        );
        let options = OPTIONS[at % OPTIONS.len()];
        let (_, without) = run(&place, &format!("in.tar -q -o plain {options}"));
        let (code, said) = run(&place, &format!("in.tar -q -o out --verify {options}"));
        // Some cases cannot be squashed so; none may be another image.
        assert!(matches!(code, Some(0 | 2 | 3)) && said == without, "{} {options}: {said}", case.name);
        verified += usize::from(code == Some(0));
    }
    assert!(verified > 70, "{verified}");
}

#[test]
fn what_is_verified_may_go_to_a_pipe_or_nowhere() {
    let place = place();
    let plain = command().current_dir(place.path("")).args(["in.tar", "-q", "-o", "-"]).output().unwrap();
    let verified =
        command().current_dir(place.path("")).args(["in.tar", "-q", "-o", "-", "--verify"]).output().unwrap();
    assert!(verified.status.success() && verified.stdout == plain.stdout && !plain.stdout.is_empty());
    assert_eq!(run(&place, "in.tar -q --dry-run --verify"), (Some(0), String::new()));
    assert_eq!(place.names(), ["in.tar"]);
}

/// Writes to what waits for its place when it begins to be read back.
struct Spoil {
    place: std::path::PathBuf,
    readings: AtomicUsize,
}

impl Progress for Spoil {
    fn begin(&self, stage: Stage, _: Option<u64>) {
        if stage != Stage::Reading || self.readings.fetch_add(1, Ordering::SeqCst) != 1 {
            return;
        }
        let staged = fs::read_dir(&self.place).unwrap().map(|entry| entry.unwrap().path());
        let staged = staged.into_iter().find(|path| path.is_dir()).unwrap();
        for blob in fs::read_dir(staged.join("blobs/sha256")).unwrap() {
            let path = blob.unwrap().path();
            let mut bytes = fs::read(&path).unwrap();
            if bytes.starts_with(&[0x1f, 0x8b]) {
                let at = bytes.len() - 12;
                bytes[at] ^= 1;
                fs::write(path, bytes).unwrap();
            }
        }
    }

    fn advance(&self, _: u64) {}
}

#[test]
fn what_is_spoiled_while_it_waits_never_takes_its_place() {
    for verify in [true, false] {
        let place = place();
        let mut request = request(&place.path("in.tar"), &place.path("out"));
        (request.format, request.verify) = (Format::OciDirectory, verify);
        request.target = Target::Path(place.path("out"));
        let spoil = Spoil { place: place.path(""), readings: AtomicUsize::new(0) };
        let made = imgsquash::squash(&request, &spoil);
        assert_eq!(spoil.readings.load(Ordering::SeqCst), if verify { 2 } else { 1 });
        match made {
            Err(error) if verify => {
                assert_eq!(error.exit_code(), 3, "{error}");
                assert_eq!(place.names(), ["in.tar"]);
            }
            made => assert!(made.is_ok() && !verify, "{made:?}"),
        }
    }
}
