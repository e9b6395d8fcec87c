//! The bytes that come out, as digests: a change that should not change them, does not.
//!
//! Every case of `fixtures/cases` and the image of `fixtures/images` go through every option that makes other bytes.
//! `fixtures/digests.txt` has what came out. `IMGSQUASH_RECORD=BINARY` writes it anew with what that build makes: do so only
//! when the change of bytes is meant (or a compressor in `Cargo.lock` changed), and say why in the commit. What tells the
//! version and the options is left out of the images.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::archive::{Codec, Form, Image};
use crate::support::case::{self, Expected};
use crate::support::read::sha256;
use crate::support::run::{Place, command};

/// What is asked for, one set a line.
const OPTIONS: [&str; 36] = [
    "",
    "--compression zstd",
    "--compression none",
    "--compression keep",
    "--compression-level 9",
    "--compression zstd --compression-level 9",
    "--format oci-archive",
    "--format docker-archive",
    "--media-types docker",
    "--history single",
    "--history none -m hello",
    "--timestamp 0",
    "--timestamp 1000000000 --compression zstd",
    "--keep-layers 1",
    "--keep-layers 1 --exact always",
    "--keep-layers 1 --exact never",
    "--last 1",
    "--last 1 --exact never --compression none",
    "--last 2 --compression keep",
    "--from 2",
    "--layers 1..2",
    "--layers 2..2 --exact never",
    "--keep-base auto",
    "--split auto",
    "--split 3",
    "--split 6",
    "--split os,app --timestamp 0",
    "--prune",
    "--prune=max",
    "--prune=max --split auto --hardlink-duplicates",
    "--prune-path /etc/** --keep **/*.conf",
    "--hardlink-duplicates",
    "-t other:2",
    "--label a=b --env C=d --annotation e=f --user 5 --workdir /w --entrypoint [\"x\"] --cmd y",
    "--rm-label a --rm-env PATH --rm-annotation x --cmd= --entrypoint=",
    "--prune --last 1 --timestamp 0 --compression zstd",
];

/// Form and compression of the archives; one after the other, so that all combinations of cases and these are not made.
const FORMS: [(Form, Codec); 5] = [
    (Form::Oci, Codec::Gzip),
    (Form::Docker, Codec::Plain),
    (Form::Oci, Codec::Zstd),
    (Form::Both, Codec::Plain),
    (Form::Oci, Codec::GzipMembers),
];

/// What comes of an archive with these options: the digest of the output, or of what is said when there is none.
fn outcome(input: &Path, place: &Place, options: &str) -> String {
    let output = place.path("out.tar");
    let mut command = match recorder() {
        Some(binary) => std::process::Command::new(binary),
        None => command(),
    };
    command
        .env_remove("SOURCE_DATE_EPOCH")
        .arg(input)
        .arg("-q")
        .arg("--no-provenance")
        .arg("-o")
        .arg(&output)
        .args(options.split_whitespace());
    let done = command.output().unwrap();
    match done.status.code() {
        Some(0) => {
            let digest = sha256(&std::fs::read(&output).unwrap());
            std::fs::remove_file(output).unwrap();
            digest
        }
        code => format!("exit {code:?}"),
    }
}

/// The build whose outputs are recorded, if any are.
fn recorder() -> Option<PathBuf> {
    std::env::var_os("IMGSQUASH_RECORD").map(PathBuf::from)
}

/// Runs an archive through all options; a line for each.
fn lines(name: &str, archive: &[u8]) -> Vec<(String, String)> {
    let place = Place::new();
    let input = place.write("in.tar", archive);
    OPTIONS.iter().map(|options| (format!("{name} {options}"), outcome(&input, &place, options))).collect()
}

fn record() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/digests.txt")
}

/// One digest for each of many outcomes.
fn together(lines: &[(String, String)]) -> String {
    sha256(lines.iter().map(|(name, digest)| format!("{name}: {digest}\n")).collect::<String>().as_bytes())
}

#[test]
fn the_bytes_that_come_out_are_those_that_were_recorded() {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let cases = case::all();
    let trees = cases.iter().filter(|case| matches!(case.expected, Expected::Tree(_)));
    let mut jobs: Vec<(String, Vec<u8>)> = trees
        .zip(FORMS.iter().cycle())
        .map(|(case, (form, codec))| {
            let layers = case.layers.iter().map(|layer| layer.tar()).collect();
            (case.name.clone(), Image { codec: *codec, ..Image::new(layers) }.save(*form))
        })
        .collect();
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/images/shop.tar");
    jobs.push(("image shop".to_owned(), std::fs::read(shop).unwrap()));
    let results = std::sync::Mutex::new(BTreeMap::new());
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((name, archive)) = jobs.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    results.lock().unwrap().insert(name.clone(), lines(name, archive));
                }
            });
        }
    });
    for (name, lines) in results.into_inner().unwrap() {
        if name == "image shop" {
            found.extend(lines);
        } else {
            found.insert(name, together(&lines));
        }
    }
    let text: String = found.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect();
    if recorder().is_some() {
        std::fs::write(record(), text).unwrap();
        return;
    }
    let recorded = std::fs::read_to_string(record()).unwrap();
    let changed: Vec<&str> = text.lines().filter(|line| !recorded.lines().any(|known| known == *line)).collect();
    assert!(changed.is_empty(), "these come out otherwise than recorded:\n{}", changed.join("\n"));
    assert_eq!(text.lines().count(), recorded.lines().count(), "what is recorded is tested");
}
