//! The house: which room may look into which. Imports point down.

use std::collections::BTreeMap;
use std::path::Path;

/// Each room and the rooms it may use, lowest first. A new room says here where it stands.
const ROOMS: [(&str, &[&str]); 26] = [
    ("oci", &[]),
    ("tree", &[]),
    ("deflate", &[]),
    ("buffers", &[]),
    ("limits", &[]),
    ("codec", &[]),
    ("progress", &[]),
    ("times", &["tree"]),
    ("blob", &["oci"]),
    ("hash", &["buffers", "oci"]),
    ("tar", &["tree"]),
    ("keep", &["oci"]),
    ("ledger", &["tree"]),
    ("layer", &["blob", "buffers", "codec", "deflate", "hash", "ledger", "limits", "oci", "progress", "tar", "tree"]),
    ("input", &["blob", "codec", "layer", "limits", "oci", "tar"]),
    ("output", &["blob", "oci", "tar"]),
    ("plan", &["tree"]),
    ("packages", &["tree"]),
    ("split", &["packages", "tree"]),
    ("prune", &["oci", "packages", "tree"]),
    ("assemble", &["codec", "layer", "oci", "times"]),
    ("report", &["ledger", "tree"]),
    ("options", &["assemble", "input", "keep", "layer", "limits", "oci", "output", "prune", "split"]),
    ("error", &["input", "keep", "layer", "oci", "packages", "prune", "split", "tree"]),
    (
        "stage",
        &[
            "assemble", "buffers", "codec", "error", "input", "keep", "layer", "ledger", "oci", "options", "output",
            "packages", "plan", "progress", "prune", "report", "split", "times", "tree",
        ],
    ),
    ("squash", &["error", "options", "progress", "report", "stage"]),
];

/// The source files of the library by room, tests cut off.
fn rooms() -> BTreeMap<String, String> {
    let mut rooms: BTreeMap<String, String> = BTreeMap::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut todo = vec![source.clone()];
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let relative = path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned();
        let room = relative.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        rooms.entry(room).or_default().push_str(code);
    }
    rooms
}

#[test]
fn imports_point_down() {
    let rooms = rooms();
    let known: BTreeMap<&str, &[&str]> = ROOMS.into_iter().collect();
    for (room, code) in &rooms {
        if matches!(room.as_str(), "lib" | "main" | "cli" | "bar" | "account") {
            continue;
        }
        let allowed = known.get(room.as_str()).unwrap_or_else(|| panic!("the room \"{room}\" has no place in ROOMS"));
        for (at, _) in code.match_indices("crate::") {
            let used: String = code[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let is_fine = used == *room || allowed.contains(&used.as_str());
            assert!(is_fine, "\"{room}\" uses \"{used}\", which is not below it");
        }
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

#[test]
fn below_main_nothing_reads_the_clock_or_the_environment_and_nothing_prints() {
    for (room, code) in rooms() {
        if matches!(room.as_str(), "main" | "cli" | "bar" | "account") {
            continue;
        }
        for forbidden in ["::now(", "env::var", "println!", "eprint", "print!", "process::"] {
            assert!(!code.contains(forbidden), "\"{room}\" has {forbidden}");
        }
    }
}

#[test]
fn unsafe_code_is_in_two_small_files() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut todo = vec![source.clone()];
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if std::fs::read_to_string(&path).unwrap().contains("unsafe {") {
            found.push(path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned());
        }
    }
    found.sort();
    assert_eq!(found, ["deflate/inflate.rs", "hash/pair.rs"]);
}

#[test]
fn the_page_is_a_page() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/squash.rs")).unwrap();
    assert!(page.lines().count() <= 60, "squash.rs has {} lines", page.lines().count());
}
