//! The house: which room may look into which. Imports point down.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::imports::House;

/// Each room of the library and the rooms it may use, lowest first. A new room says here where it stands.
const ROOMS: [(&str, &[&str]); 36] = [
    ("oci", &[]),
    ("text", &[]),
    ("tree", &["text"]),
    ("deflate", &[]),
    ("buffers", &[]),
    ("limits", &[]),
    ("budget", &["limits"]),
    ("codec", &[]),
    ("progress", &[]),
    ("system", &[]),
    ("finding", &[]),
    ("written", &[]),
    ("times", &["tree"]),
    ("ledger", &["tree"]),
    ("address", &["oci"]),
    ("blob", &["oci", "system"]),
    ("hash", &["buffers", "oci"]),
    ("tar", &["tree"]),
    ("packages", &["tree"]),
    (
        "layer",
        &[
            "blob", "budget", "buffers", "codec", "deflate", "hash", "ledger", "limits", "oci", "packages", "progress",
            "tar", "tree",
        ],
    ),
    ("input", &["blob", "budget", "codec", "finding", "layer", "limits", "oci", "tar"]),
    ("output", &["blob", "oci", "system", "tar", "text"]),
    ("remote", &["address", "blob", "input", "oci", "output"]),
    ("secrets", &["finding", "layer", "oci", "tar", "tree", "written"]),
    ("slim", &["budget", "finding", "layer", "oci", "packages", "text", "tree", "written"]),
    ("plan", &["codec", "finding", "input", "layer", "oci", "packages", "times", "tree"]),
    ("inside", &["blob", "codec", "deflate", "finding", "layer", "oci", "packages", "slim", "tar", "text", "tree"]),
    ("assemble", &["codec", "finding", "layer", "oci", "times"]),
    ("compare", &["oci", "text", "times", "tree"]),
    (
        "report",
        &[
            "assemble", "codec", "compare", "finding", "inside", "layer", "ledger", "oci", "output", "plan", "secrets",
            "slim", "text", "times", "tree",
        ],
    ),
    ("error", &["finding", "input", "layer", "oci", "packages", "plan", "report", "slim", "tree"]),
    (
        "image",
        &[
            "assemble", "blob", "budget", "buffers", "codec", "compare", "error", "finding", "input", "inside",
            "layer", "ledger", "limits", "oci", "output", "plan", "progress", "slim", "tree",
        ],
    ),
    (
        "verbs",
        &[
            "assemble", "budget", "buffers", "compare", "error", "finding", "image", "input", "inside", "layer", "oci",
            "output", "plan", "progress", "report", "secrets", "slim", "text", "times", "tree",
        ],
    ),
    (
        "request",
        &[
            "assemble", "compare", "finding", "image", "input", "inside", "layer", "limits", "oci", "output", "plan",
            "report", "secrets", "slim", "times", "tree", "written",
        ],
    ),
    ("lib", &["error", "verbs"]),
    ("main", &[]),
];

/// What belongs to the command and not to the library.
const COMMAND: [&str; 7] = ["main", "cli", "bar", "closed", "ending", "many", "memory"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn library() -> House {
    House::read(&source(), &COMMAND)
}

#[test]
fn imports_point_down() {
    let known: BTreeMap<&str, &[&str]> = ROOMS.into_iter().collect();
    let house = library();
    for room in house.rooms() {
        assert!(known.contains_key(room), "the room \"{room}\" has no place in ROOMS");
    }
    for (from, to) in house.imports() {
        let (room, used) = (House::room(from), House::room(to));
        let is_fine = used == room || known[room].contains(&used);
        assert!(is_fine, "{from} uses {to}: \"{used}\" is not below \"{room}\"");
    }
}

#[test]
fn no_room_is_above_itself() {
    let order: Vec<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    for (at, (room, below)) in ROOMS.iter().enumerate() {
        for used in *below {
            assert!(order[..at].contains(used), "\"{room}\" comes before \"{used}\"");
        }
    }
}

/// Folders whose circles are still there.
const OPEN: [&str; 1] = ["layer"];

#[test]
fn no_circle_is_anywhere() {
    // In every folder of what lies in it, folders taken as one.
    let house = library();
    let mut problems: Vec<String> = Vec::new();
    for folder in house.folders().into_iter().filter(|folder| !OPEN.contains(&folder.as_str())) {
        if let Some(circle) = house.circle_in(&folder) {
            problems.push(format!("in {folder}: {}", circle.join(" -> ")));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// What runs other programs.
const RUNS: [&str; 3] = ["remote/credentials/helper.rs", "remote/daemon/command.rs", "remote/daemon/pipe.rs"];

#[test]
fn below_main_nothing_reads_the_clock_or_the_environment_and_nothing_prints() {
    for (file, code) in library().code() {
        for forbidden in ["::now(", "env::var", "println!", "eprint", "print!", "process::"] {
            // Helpers and daemons' own commands are what that room runs.
            let may = forbidden == "process::" && RUNS.contains(&file);
            assert!(may || !code.contains(forbidden), "{file} has {forbidden}");
        }
    }
}

#[test]
fn unsafe_code_is_in_four_small_files() {
    let house = House::read(&source(), &[]);
    let is_unsafe =
        |code: &str| ["unsafe {", "unsafe(", "unsafe fn", "unsafe impl"].iter().any(|word| code.contains(word));
    let found: Vec<&str> = house.code().filter(|(_, code)| is_unsafe(code)).map(|(file, _)| file).collect();
    assert_eq!(found, ["closed.rs", "deflate/inflate.rs", "hash/pair.rs", "memory.rs"]);
}

#[test]
fn nothing_is_used_that_the_oldest_compiler_does_not_know() {
    // clippy's incompatible_msrv knows the library, not the language: chains of let came with Rust 1.88.
    for (file, code) in House::read(&source(), &[]).code() {
        assert!(!code.contains("&& let "), "{file} has a chain of let");
    }
}

#[test]
fn a_verb_is_a_page() {
    for entry in std::fs::read_dir(source().join("verbs")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines <= 60, "{} has {lines} lines", path.display());
        }
    }
}
