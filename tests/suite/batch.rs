//! `batch`: many squashes that share what they have in common, each as it would be by itself.

use std::fs;

use serde_json::{Value, json};

use crate::support::archive::{Codec, Form, Image};
use crate::support::case::parse;
use crate::support::layer::Layer;
use crate::support::run::{Place, command, stderr};

fn layers(text: &str) -> Vec<Vec<u8>> {
    parse(&format!("case x\n{text}\ntree\n")).remove(0).layers.iter().map(Layer::tar).collect()
}

/// Services on one base, and something that is no archive.
fn place() -> Place {
    let place = Place::new();
    fs::create_dir(place.path("in")).unwrap();
    let base: String = (0..300).map(|at| format!(" f usr/lib/{at} \"{}\"\n", "base ".repeat(at))).collect();
    for (at, name) in ["api", "cron", "web"].iter().enumerate() {
        let own =
            format!("layer\n{base}layer\n f usr/lib/gone \"x\"\nlayer\n f app/{name} \"{name}\"\n f usr/lib/.wh.gone");
        let mut image = Image { codec: Codec::Gzip, tags: vec![format!("{name}:1")], ..Image::new(layers(&own)) };
        image.config["history"] = json!([{"created_by": "ADD base"}, {"created_by": "CMD [\"sh\"]", "empty_layer": true},
            {"created_by": "RUN x"}, {"created_by": "COPY app"}]);
        place.write(&format!("in/{name}.tar"), &image.save([Form::Oci, Form::Docker][at % 2]));
    }
    place
}

fn run(place: &Place, arguments: &str) -> (Option<i32>, String) {
    let arguments = arguments.split_whitespace();
    let output = command().current_dir(place.path("")).args(arguments).output().unwrap();
    (output.status.code(), stderr(&output))
}

fn report(place: &Place) -> Value {
    serde_json::from_slice(&fs::read(place.path("batch.json")).unwrap()).unwrap()
}

#[test]
fn every_output_is_what_its_squash_makes_by_itself() {
    for options in
        ["", "--prune --split 2", "--keep-base auto", "--compression zstd", "--timestamp 5 --label a=b", "--verify"]
    {
        let place = place();
        let (code, said) = run(&place, &format!("batch in --out-dir out {options}"));
        assert_eq!(code, Some(0), "{options}: {said}");
        for name in ["api", "cron", "web"] {
            let (code, said) = run(&place, &format!("in/{name}.tar -q -o alone.tar {options}"));
            assert_eq!(code, Some(0), "{options}: {said}");
            let alone = fs::read(place.path("alone.tar")).unwrap();
            assert!(fs::read(place.path(&format!("out/{name}.tar"))).unwrap() == alone, "{options} {name}");
        }
        assert!(said.lines().any(|line| line.starts_with("3 images: 3 done; ")), "{said}");
        let notes = |line: &str| line.starts_with("note: ");
        assert!(said.lines().all(|line| notes(line) || line.chars().count() <= 90), "{said}");
    }
}

#[test]
fn one_that_fails_leaves_the_others_alone() {
    let place = place();
    place.write("in/bad.tar", b"no archive");
    // A layer that is broken where it is read.
    let mut bytes = fs::read(place.path("in/cron.tar")).unwrap();
    let at = bytes.windows(2).position(|two| two == [0x1f, 0x8b]).unwrap() + 40;
    bytes[at] ^= 0xff;
    place.write("in/cron.tar", &bytes);
    let (code, said) = run(&place, "batch in --out-dir out --report batch.json");
    assert_eq!(code, Some(1), "{said}");
    let failed: Vec<&str> = said.lines().filter(|line| line.contains("  fail  ")).collect();
    assert!(failed.len() == 2 && failed[0].contains("bad.tar") && failed[1].contains("cron.tar"), "{said}");
    assert!(said.contains("4 images: 2 done, 2 failed; "), "{said}");
    let mut written: Vec<_> =
        fs::read_dir(place.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    written.sort();
    assert_eq!(written, ["api.tar", "web.tar"]);
    let report = report(&place);
    let jobs: Vec<(&str, i64)> = report["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| (job["status"].as_str().unwrap(), job["exit_code"].as_i64().unwrap()))
        .collect();
    assert_eq!(jobs, [("done", 0), ("failed", 3), ("failed", 3), ("done", 0)]);
    assert_eq!(report["total"]["done"], json!(2));
}

#[test]
fn totals_count_each_layer_once() {
    let place = place();
    assert_eq!(run(&place, "batch in --out-dir out --report batch.json --keep-base auto -q").0, Some(0));
    let report = report(&place);
    let images: Vec<&Value> =
        report["jobs"].as_array().unwrap().iter().map(|job| &job["report"]["images"][0]).collect();
    let of = |image: &Value, at: &str| image["pushed"][at]["bytes"].as_u64().unwrap();
    let base = images[0]["kept_layers"][0]["compressed_bytes"].as_u64().unwrap();
    let after: u64 = images.iter().map(|image| of(image, "after")).sum();
    assert_eq!(report["total"]["pushed"]["after"]["bytes"].as_u64().unwrap(), after - 2 * base);
    let shared: u64 = (0..2).map(|at| images[0]["source_layers"][at]["pushed"]["bytes"].as_u64().unwrap()).sum();
    let before: u64 = images.iter().map(|image| of(image, "before")).sum();
    assert_eq!(report["total"]["pushed"]["before"]["bytes"].as_u64().unwrap(), before - 2 * shared);
}

#[test]
fn what_is_done_is_not_done_again_until_something_changes() {
    let place = place();
    let batch = "batch in --out-dir out --report batch.json --resume";
    let skipped = |options: &str| {
        let (code, said) = run(&place, &format!("{batch} {options}"));
        assert_eq!(code, Some(0), "{said}");
        said.matches("  skip  ").count()
    };
    assert_eq!(skipped(""), 0);
    assert_eq!(skipped(""), 3);
    assert_eq!(skipped(""), 3, "what was skipped is known the next time too");
    assert_eq!(skipped("--label a=b"), 0, "other options make another image");
    assert_eq!(skipped("--label a=c"), 0);
    assert_eq!(skipped("--label a=c -j 1"), 3, "threads do not");
    fs::remove_file(place.path("out/api.tar")).unwrap();
    place.write("out/web.tar", b"cut short");
    assert_eq!(skipped("--label a=c"), 1);
    fs::copy(place.path("in/api.tar"), place.path("in/web.tar")).unwrap();
    assert_eq!(skipped("--label a=c"), 2, "another input");
    place.write("batch.json", b"{}");
    let (code, said) = run(&place, batch);
    assert!(code == Some(2) && said.contains("--resume: batch.json is no report of a batch: "), "{said}");
}

#[test]
fn inputs_are_files_directories_patterns_and_lists() {
    let place = place();
    place.write("list", b"# services\nin/api.tar\n\n in/web.tar \n");
    assert_eq!(run(&place, "in/api.tar -q -o in/lay --format oci-dir").0, Some(0));
    for (inputs, expected) in [
        ("in/api.tar in/web.tar", &["api.tar", "web.tar"][..]),
        ("in", &["api.tar", "cron.tar", "web.tar"]),
        ("in/[aw]*.tar", &["api.tar", "web.tar"]),
        ("--from-file list", &["api.tar", "web.tar"]),
        ("in/cron.tar --from-file list", &["api.tar", "cron.tar", "web.tar"]),
        ("in/lay", &["lay.tar"]),
    ] {
        let (code, said) = run(&place, &format!("batch {inputs} -q --out-dir out"));
        assert_eq!((code, said), (Some(0), String::new()), "{inputs}");
        let mut found: Vec<_> =
            fs::read_dir(place.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        found.sort();
        assert_eq!(found, expected, "{inputs}");
        fs::remove_dir_all(place.path("out")).unwrap();
    }
    let (code, said) = run(&place, "batch in/api.tar in/web.tar -q --out-name {dir}/{name}-slim.tar");
    assert_eq!((code, said), (Some(0), String::new()));
    assert!(place.path("in/api-slim.tar").exists() && place.path("in/web-slim.tar").exists());
}

#[test]
fn wrong_usage_is_one_line_and_nothing_is_done() {
    let place = place();
    fs::create_dir(place.path("empty")).unwrap();
    fs::create_dir(place.path("other")).unwrap();
    place.write("own.toml", b"");
    fs::copy(place.path("in/api.tar"), place.path("other/api.tar")).unwrap();
    for (arguments, expected) in [
        ("batch in", "--out-name <TEMPLATE>"),
        ("batch --out-dir out", "<INPUTS>..."),
        ("batch empty --out-dir out", "empty is a directory without archives, and no image layout"),
        ("batch in/x*.tar --out-dir out", "in/x*.tar: nothing fits the pattern"),
        ("batch --from-file none --out-dir out", "--from-file: cannot read none: "),
        (
            "batch in/api.tar other/api.tar --out-dir out",
            "two inputs would be written to out/api.tar, the second is other/api.tar",
        ),
        ("batch in --out-dir in", "in/api.tar is an input: choose another place"),
        ("batch in --out-name {dir}/{x}.tar", "has something else in braces than {name} and {dir}"),
        ("batch in --out-dir out --prun", "unexpected argument '--prun'"),
        ("batch in --out-dir out --prune=nothing", "there is no prune rule \"nothing\""),
        ("batch in --out-dir out --keep-layers x", "expected a number of layers"),
        ("batch in --out-dir out --resume", "--report"),
        ("batch in --out-dir out --report in/api.tar", "--report would replace an input"),
        ("batch in --out-dir out --report out/api.tar", "--report would replace an output"),
        ("batch in --out-dir out --report own.toml --rules own.toml", "--report would replace the rules"),
        (
            "batch in/api.tar --out-dir out --report in/web.tar --keep-base in/web.tar",
            "--report would replace the base",
        ),
        ("batch in --out-dir out --shard 4/3", "--shard: expected K/N as in 1/4, K from 1 to N, not \"4/3\""),
    ] {
        let (code, said) = run(&place, arguments);
        assert!(code == Some(2) && said.lines().count() == 1, "{arguments}: {code:?} {said}");
        assert!(said.starts_with("imgsquash: ") && said.contains(expected), "{arguments}: {said}");
        assert!(!place.path("out").exists(), "{arguments}");
    }
}

#[test]
fn parts_of_a_batch_are_all_of_it() {
    let place = place();
    let run = |variables: &[(&str, &str)], arguments: &str| {
        let mut command = command();
        command.current_dir(place.path("")).args(format!("batch in -q {arguments}").split_whitespace());
        let output = command.envs(variables.iter().copied()).output().unwrap();
        (output.status.code(), stderr(&output))
    };
    for index in ["0", "1"] {
        let variables = [("JOB_COMPLETION_INDEX", index), ("JOB_COMPLETION_TOTAL", "2")];
        assert_eq!(run(&variables, "--out-dir out"), (Some(0), String::new()));
    }
    assert_eq!(fs::read_dir(place.path("out")).unwrap().count(), 3);
    let (code, said) = run(&[("CI_NODE_INDEX", "1")], "--out-dir other");
    assert!(code == Some(2) && said.contains("CI_NODE_TOTAL is not"), "{said}");
    assert!(!place.path("other").exists(), "never all, and green");
    assert_eq!(run(&[("CI_NODE_INDEX", "1")], "--out-dir other --shard 1/3"), (Some(0), String::new()));
    assert_eq!(fs::read_dir(place.path("other")).unwrap().count(), 1);
}
