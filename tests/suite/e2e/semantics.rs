//! The cases of `fixtures/cases` on real runtimes: what they show of the original is what the tool makes of it, and what
//! the tool makes of it, all of them load and show.

use super::runtime::{ALL, Runtime, unique};
use crate::support::archive::{Codec, Form, Image};
use crate::support::case::{Case, Expected, all};
use crate::support::layer::{Entry, Layer};
use crate::support::node::{Kind, Node, Tree, assert_same, differences};
use crate::support::run::{Place, squash};

/// Whether the case means the same in a directory of its own.
fn can_move(case: &Case) -> bool {
    let climbs = |name: &[u8]| name.split(|byte| *byte == b'/').any(|part| part == b"..");
    case.layers.iter().flat_map(|layer| &layer.entries).all(|entry| match &entry.node.kind {
        _ if matches!(&entry.name[..], b"." | b".wh..wh..opq") => false,
        Kind::Symlink(target) => !target.starts_with(b"/") && !climbs(target),
        _ => !climbs(&entry.name),
    }) && case.layers.iter().all(|layer| matches!(layer.end, crate::support::layer::End::Two))
}

/// The entry as it is in a directory called `name`.
fn moved(entry: &Entry, name: &str) -> Entry {
    let within = |path: &[u8]| [name.as_bytes(), b"/", path.strip_prefix(b"/").unwrap_or(path)].concat();
    let kind = match &entry.node.kind {
        Kind::Link(target) => Kind::Link(within(target)),
        other => other.clone(),
    };
    Entry { name: within(&entry.name), node: Node { kind, ..entry.node.clone() } }
}

/// All cases side by side, each in a directory of its name.
fn together(cases: &[Case]) -> (Vec<Vec<u8>>, Tree) {
    let mut layers: Vec<Layer> = Vec::new();
    let mut expected = Tree::new();
    for case in cases {
        let own = Entry { name: case.name.clone().into_bytes(), node: Node::new(Kind::Directory) };
        for (at, layer) in case.layers.iter().enumerate() {
            if layers.len() == at {
                layers.push(Layer::default());
            }
            layers[at].entries.push(own.clone());
            layers[at].entries.extend(layer.entries.iter().map(|entry| moved(entry, &case.name)));
        }
        let Expected::Tree(tree) = &case.expected else { continue };
        let within = |path: &Vec<u8>| [case.name.as_bytes(), b"/", path].concat();
        for (path, (node, group)) in tree {
            expected.insert(within(path), (node.clone(), group.iter().map(within).collect()));
        }
        expected.insert(own.name.clone(), (own.node, vec![own.name]));
    }
    (layers.iter().map(Layer::tar).collect(), expected)
}

/// What of a tree the runtime keeps and its export shows. Directories that no layer declares have the time of
/// extraction in an original.
fn visible(tree: &Tree, implied: &[Vec<u8>], runtime: Runtime) -> Tree {
    let mut tree = tree.clone();
    tree.remove(&b""[..]);
    for (path, (node, _)) in &mut tree {
        (node.uname, node.gname) = (Vec::new(), Vec::new());
        node.pax.clear();
        // All three take a time before 1970 or after 2262 for 1970.
        if !(0..1 << 33).contains(&node.mtime.0) || implied.contains(path) {
            node.mtime = (0, 0);
        }
        if runtime != Runtime::Containerd {
            // docker and podman export whole seconds.
            node.mtime.1 = 0;
        }
        node.xattrs.retain(|name, value| match runtime {
            Runtime::Docker => name == b"security.capability",
            Runtime::Podman => !value.is_empty() && !name.starts_with(b"trusted."),
            Runtime::Containerd => !name.starts_with(b"trusted."),
        });
    }
    tree
}

fn archive(layers: Vec<Vec<u8>>, name: &str) -> Vec<u8> {
    let image = Image { codec: Codec::Plain, tags: vec![format!("{name}:1")], ..Image::new(layers) };
    image.save(Form::Docker)
}

/// Where the runtime has the case's directories that no layer declares.
fn implied(cases: &[Case]) -> Vec<Vec<u8>> {
    cases.iter().flat_map(|case| case.implied.iter().map(|path| [case.name.as_bytes(), b"/", path].concat())).collect()
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn originals_show_what_the_cases_say() {
    for runtime in ALL {
        let mut cases = all();
        cases.retain(|case| matches!(case.expected, Expected::Tree(_)) && can_move(case));
        cases.retain(|case| !case.runtimes.iter().any(|(name, _)| name == runtime.name()));
        assert!(cases.len() > 30, "{} of the cases", cases.len());
        let (layers, expected) = together(&cases);
        let place = Place::new();
        let path = place.write("original.tar", &archive(layers, &unique()));
        let found = runtime.tree(&path).unwrap();
        let hidden = implied(&cases);
        assert_same(&visible(&expected, &hidden, runtime), &visible(&found, &hidden, runtime), runtime.name());
    }
}

#[test]
#[ignore = "needs root and container runtimes: tests/run"]
fn squashed_cases_load_everywhere_and_show_what_they_say() {
    let mut cases = all();
    cases.retain(|case| matches!(case.expected, Expected::Tree(_)) && can_move(case));
    let (layers, expected) = together(&cases);
    let (squashed, _) = squash(&archive(layers, &unique())).unwrap();
    let place = Place::new();
    let path = place.write("squashed.tar", &squashed);
    for runtime in ALL {
        let found = runtime.tree(&path).unwrap();
        assert_same(&visible(&expected, &[], runtime), &visible(&found, &[], runtime), runtime.name());
    }
}

/// The long way, case by case: what each runtime does with the original is what the case says of it. Run it after a
/// change to the cases with `cargo test -- --ignored --exact e2e::semantics::every_verdict_is_as_the_case_says`.
#[test]
#[ignore = "a campaign of several minutes"]
fn every_verdict_is_as_the_case_says() {
    let mut wrong = String::new();
    for case in all() {
        for runtime in ALL {
            let said = case.runtimes.iter().find(|(name, _)| name == runtime.name());
            let said = said.map_or("same", |(_, line)| line.split([':', ' ']).next().unwrap());
            let found = verdict(&case, runtime);
            if found.0 != said {
                wrong +=
                    &format!("{} on {}: {said} is said, {} is found {}\n", case.name, runtime.name(), found.0, found.1);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn verdict(case: &Case, runtime: Runtime) -> (&'static str, String) {
    let (layers, expected, hidden) = if can_move(case) {
        let (layers, expected) = together(std::slice::from_ref(case));
        (layers, expected, implied(std::slice::from_ref(case)))
    } else {
        let expected = if let Expected::Tree(expected) = &case.expected { expected.clone() } else { Tree::new() };
        (case.layers.iter().map(Layer::tar).collect(), expected, case.implied.clone())
    };
    let place = Place::new();
    let path = place.write("case.tar", &archive(layers, &unique()));
    match runtime.tree(&path) {
        Err(problem) => ("refuses", problem.lines().last().unwrap_or_default().to_owned()),
        Ok(found) => {
            let (expected, found) = (visible(&expected, &hidden, runtime), visible(&found, &hidden, runtime));
            match (&case.expected, differences(&expected, &found)) {
                (Expected::Tree(_), none) if none.is_empty() => ("same", none),
                (_, some) => ("differs", some),
            }
        }
    }
}
