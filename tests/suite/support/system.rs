//! A system of packages as tests write it down, and what is left of it when it was minified.

use std::collections::{BTreeMap, BTreeSet};

use imgsquash::report::{MinifyOutcome, Report};
use imgsquash::request::{Grain, Minify, Subject};
use imgsquash::{Error, Squash, Why};
use serde_json::{Value, json};

use super::archive::{Form, Image};
use super::elf::Elf;
use super::layer::{Entry, Layer};
use super::node::{Kind, Node};
use super::read::{entries, files, images};
use super::run::{Place, request, squash_with};

/// A system with dpkg, as tests write it down.
#[derive(Clone, Default)]
pub(crate) struct System {
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) status: String,
    pub(crate) config: Value,
}

pub(crate) fn file(bytes: &[u8]) -> Node {
    Node::new(Kind::File(bytes.to_vec()))
}

pub(crate) fn program(bytes: &[u8]) -> Node {
    Node { mode: 0o755, ..file(bytes) }
}

pub(crate) fn elf(elf: &Elf) -> Node {
    program(&elf.bytes())
}

pub(crate) fn link(target: &str) -> Node {
    Node::new(Kind::Symlink(target.as_bytes().to_vec()))
}

impl System {
    /// A loader, a C library, and nothing to run yet.
    pub(crate) fn new(cmd: &[&str]) -> Self {
        let mut system =
            Self { config: json!({ "Cmd": cmd, "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"] }), ..Self::default() };
        system.free("bin", link("usr/bin"));
        system.free("lib64", link("usr/lib64"));
        system.free("etc/passwd", file(b"root:x:0:0::/:/bin/sh\n"));
        let libc = Elf::library(&["ld-linux-x86-64.so.2"]);
        system.package(
            "libc",
            "",
            &[("usr/lib64/ld-linux-x86-64.so.2", elf(&Elf::default())), ("usr/lib64/libc.so.6", elf(&libc))],
        );
        system
    }

    /// A package with what it depends on.
    pub(crate) fn package<P: AsRef<str>>(&mut self, name: &str, depends: &str, files: &[(P, Node)]) {
        self.status += &format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nDepends: {depends}\n\n"
        );
        let mut list = "/.\n".to_owned();
        let mut listed = BTreeSet::new();
        for (path, node) in files.iter().map(|(path, node)| (path.as_ref(), node)) {
            for (at, _) in path.match_indices('/') {
                if listed.insert(&path[..at]) {
                    list += &format!("/{}\n", &path[..at]);
                }
            }
            list += &format!("/{path}\n");
            self.free(path, node.clone());
        }
        self.free(&format!("var/lib/dpkg/info/{name}.list"), file(list.as_bytes()));
    }

    /// A file of nobody's.
    pub(crate) fn free(&mut self, path: &str, node: Node) {
        for (at, _) in path.match_indices('/') {
            let directory = Node { mode: 0o755, ..Node::new(Kind::Directory) };
            self.nodes.entry(path[..at].to_owned()).or_insert(directory);
        }
        self.nodes.insert(path.to_owned(), node);
    }

    pub(crate) fn archive(&self) -> Vec<u8> {
        self.archive_of(1)
    }

    /// The system in so many layers.
    pub(crate) fn archive_of(&self, layers: usize) -> Vec<u8> {
        let mut all = self.clone();
        all.free("var/lib/dpkg/status", file(self.status.as_bytes()));
        let entries = all.nodes.into_iter().map(|(name, node)| Entry { name: name.into_bytes(), node });
        let entries: Vec<Entry> = entries.collect();
        let layers = entries.chunks(entries.len().div_ceil(layers));
        let layers = layers.map(|entries| Layer { entries: entries.to_vec(), ..Layer::default() }.tar());
        let mut image = Image::new(layers.collect());
        image.config["config"] = self.config.clone();
        image.save(Form::Docker)
    }

    pub(crate) fn squash(&self, minify: Minify) -> Result<Small, Error> {
        let (out, report) = squash_with(&self.archive(), |request: &mut Squash| request.minify = Some(minify))?;
        let nodes = entries(images(&files(&out)).remove(0).1.layers.last().unwrap()).0;
        let nodes = nodes
            .into_iter()
            .map(|(name, node)| (String::from_utf8(name).unwrap().trim_end_matches('/').to_owned(), node));
        Ok(Small { nodes: nodes.collect(), report })
    }

    /// What `imgsquash why` says.
    pub(crate) fn why(&self, subject: &str) -> String {
        let place = Place::new();
        let input = place.write("in.tar", &self.archive());
        let resources = request(&input, &input).resources;
        let question = Why { subject: Subject::parse(subject), resources, ..Why::new(&input) };
        match imgsquash::why(&question, &()) {
            Ok(reasons) => reasons.lines().concat(),
            Err(problem) => problem.to_string(),
        }
    }
}

/// A system that was minified.
pub(crate) struct Small {
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) report: Report,
}

impl Small {
    pub(crate) fn has(&self, path: &str) -> bool {
        self.nodes.contains_key(path)
    }

    pub(crate) fn text(&self, path: &str) -> String {
        match &self.nodes[path].kind {
            Kind::File(bytes) => String::from_utf8(bytes.clone()).unwrap(),
            other => panic!("{path} is {other:?}"),
        }
    }

    /// The packages that dpkg finds.
    pub(crate) fn packages(&self) -> Vec<String> {
        let status = self.text("var/lib/dpkg/status");
        let mut names: Vec<String> =
            status.lines().filter_map(|line| line.strip_prefix("Package: ")).map(str::to_owned).collect();
        names.sort();
        let listed: BTreeSet<String> = self
            .nodes
            .keys()
            .filter_map(|path| path.strip_prefix("var/lib/dpkg/info/")?.strip_suffix(".list").map(str::to_owned))
            .collect();
        assert!(listed.iter().eq(names.iter()), "status has {names:?}, info has {listed:?}");
        names
    }

    pub(crate) fn outcome(&self) -> &MinifyOutcome {
        self.report.images[0].minified.as_ref().unwrap()
    }
}

pub(crate) fn whole() -> Minify {
    Minify::default()
}

pub(crate) fn by_files() -> Minify {
    Minify { grain: Grain::Files, ..Minify::default() }
}

/// An application, what it links, and a package that nothing needs.
pub(crate) fn simple() -> System {
    let mut system = System::new(&["app", "--serve"]);
    system.free("usr/local/bin/app", elf(&Elf::program(&["libone.so.1", "libc.so.6"])));
    system.package(
        "libone1",
        "libc, libtwo1 (>= 1) | libother",
        &[
            ("usr/lib/libone.so.1", link("libone.so.1.0")),
            ("usr/lib/libone.so.1.0", elf(&Elf::library(&["libtwo.so.2"]))),
            ("usr/share/doc/libone1/copyright", file(b"licence")),
            ("usr/share/doc/libone1/changelog", file(b"changes")),
        ],
    );
    system.package("libtwo1", "libc", &[("usr/lib/libtwo.so.2", elf(&Elf::library(&["libc.so.6"])))]);
    system.package(
        "tools",
        "libc, libone1",
        &[("usr/bin/tool", elf(&Elf::program(&["libc.so.6"]))), ("usr/share/tools/x", file(b"x"))],
    );
    system
}
