//! Cases as text; `fixtures/cases/README.md` describes the form.

use std::path::Path;

use super::layer::{End, Entry, Layer};
use super::node::{Kind, Node, Tree, tree};

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) layers: Vec<Layer>,
    pub(crate) expected: Expected,
    /// What runtimes do otherwise: name and the line.
    pub(crate) runtimes: Vec<(String, String)>,
    /// Directories that no layer declares.
    pub(crate) implied: Vec<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Expected {
    Tree(Tree),
    Error(String),
}

/// Every case of `fixtures/cases`.
pub(crate) fn all() -> Vec<Case> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases");
    let mut files: Vec<_> =
        std::fs::read_dir(directory).expect("fixtures/cases").map(|file| file.unwrap().path()).collect();
    files.sort();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.iter().flat_map(|file| parse(&std::fs::read_to_string(file).unwrap())).collect()
}

/// The case of that name.
pub(crate) fn named(name: &str) -> Case {
    all().into_iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case is called {name}"))
}

enum Section {
    Head,
    Layer,
    Tree,
}

pub(crate) fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut section = Section::Head;
    let mut found: Vec<(Vec<u8>, Node)> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let words = line.trim();
        let (first, rest) = words.split_once(' ').unwrap_or((words, ""));
        if first == "case" {
            found.clear();
            let (layers, runtimes, implied) = (Vec::new(), Vec::new(), Vec::new());
            let expected = Expected::Error("the case has neither tree nor error".to_owned());
            cases.push(Case { name: rest.to_owned(), layers, expected, runtimes, implied });
            section = Section::Head;
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        match (first, &section) {
            ("" | "about" | "source", _) => {}
            ("docker" | "podman" | "containerd", _) => case.runtimes.push((first.to_owned(), rest.to_owned())),
            ("layer", _) => {
                case.layers.push(Layer::default());
                section = Section::Layer;
            }
            ("tree", _) => {
                case.expected = Expected::Tree(Tree::new());
                section = Section::Tree;
            }
            ("error", _) => case.expected = Expected::Error(rest.to_owned()),
            ("end", Section::Layer) => {
                case.layers.last_mut().unwrap().end = match rest {
                    "none" => End::None,
                    "one" => End::One,
                    "garbage" => End::Garbage,
                    other => panic!("line {number}: no such end: {other}"),
                };
            }
            (_, Section::Layer) => case.layers.last_mut().unwrap().entries.push(entry(words, number).0),
            (_, Section::Tree) => {
                let (entry, implied) = entry(words, number);
                let path = trimmed(&entry.name);
                if implied {
                    case.implied.push(path.clone());
                }
                found.push((path, entry.node));
                case.expected = Expected::Tree(tree(&found));
            }
            _ => panic!("line {number}: {line}"),
        }
    }
    cases
}

fn trimmed(name: &[u8]) -> Vec<u8> {
    if name == b"." { Vec::new() } else { name.to_vec() }
}

fn entry(line: &str, number: usize) -> (Entry, bool) {
    let words = words(line);
    let mut implied = false;
    let mut node = Node::new(Kind::Fifo);
    let mut contents = Vec::new();
    let mut target = Vec::new();
    let mut device = (0, 0);
    let mut mode = None;
    let mut rest = words[2..].iter();
    while let Some(word) = rest.next() {
        let text = String::from_utf8_lossy(&word.bytes).into_owned();
        let key = text.split('=').next().unwrap();
        let value = || word.bytes[key.len() + 1..].to_vec();
        match key {
            _ if word.quoted => contents = word.bytes.clone(),
            "->" => target = rest.next().unwrap_or_else(|| panic!("line {number}: no target")).bytes.clone(),
            "implied" => implied = true,
            "mode" => mode = Some(u32::from_str_radix(&text[5..], 8).unwrap()),
            "uid" => node.uid = text[4..].parse().unwrap(),
            "gid" => node.gid = text[4..].parse().unwrap(),
            "mtime" => node.mtime = time(&text[6..]),
            "uname" => node.uname = value(),
            "gname" => node.gname = value(),
            _ if key.starts_with("x:") => _ = node.xattrs.insert(key.as_bytes()[2..].to_vec(), value()),
            _ if key.starts_with("pax:") => _ = node.pax.insert(key.as_bytes()[4..].to_vec(), value()),
            _ => match text.split_once(':').map(|(major, minor)| (major.parse(), minor.parse())) {
                Some((Ok(major), Ok(minor))) => device = (major, minor),
                _ => panic!("line {number}: what is {text}?"),
            },
        }
    }
    node.kind = match &words[0].bytes[..] {
        b"d" => Kind::Directory,
        b"f" => Kind::File(contents),
        b"l" => Kind::Symlink(target),
        b"h" => Kind::Link(target),
        b"c" => Kind::Char(device.0, device.1),
        b"b" => Kind::Block(device.0, device.1),
        b"p" => Kind::Fifo,
        other => panic!("line {number}: no such type: {}", other.escape_ascii()),
    };
    node.mode = mode.unwrap_or(Node::new(node.kind.clone()).mode);
    if implied {
        node = Node::implied();
    }
    (Entry { name: words[1].bytes.clone(), node }, implied)
}

/// `-1.5` is one and a half seconds before 1970.
fn time(text: &str) -> (i64, u32) {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanoseconds: u32 = format!("{fraction:0<9}").parse().unwrap();
    let seconds: i64 = whole.parse().unwrap();
    match (whole.starts_with('-'), nanoseconds) {
        (true, 1..) => (seconds - 1, 1_000_000_000 - nanoseconds),
        _ => (seconds, nanoseconds),
    }
}

struct Word {
    bytes: Vec<u8>,
    /// Begins with a quote: contents, or a name with escapes.
    quoted: bool,
}

/// Splits at spaces; double quotes hold a word together, and escapes work inside them.
fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut bytes = line.bytes().peekable();
    while bytes.peek().is_some() {
        while bytes.next_if_eq(&b' ').is_some() {}
        let mut word = Word { bytes: Vec::new(), quoted: bytes.peek() == Some(&b'"') };
        let mut inside = false;
        while let Some(byte) = bytes.next_if(|byte| inside || *byte != b' ') {
            match byte {
                b'"' => inside = !inside,
                b'\\' if inside => match bytes.next().unwrap() {
                    b'n' => word.bytes.push(b'\n'),
                    b't' => word.bytes.push(b'\t'),
                    b'x' => {
                        let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                        word.bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                    }
                    other => word.bytes.push(other),
                },
                other => word.bytes.push(other),
            }
        }
        words.push(word);
    }
    words
}
