//! The imports of a crate, as text: which file takes names from which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The source files of a crate and what they import.
pub(crate) struct House {
    /// The code of each file by its path below `src`, comments and tests cut off.
    code: BTreeMap<String, String>,
    /// The file of each module.
    modules: BTreeMap<Vec<String>, String>,
}

impl House {
    /// Reads the files below `source`, but those of the rooms in `without`.
    pub(crate) fn read(source: &Path, without: &[&str]) -> Self {
        let mut house = Self { code: BTreeMap::new(), modules: BTreeMap::new() };
        let mut todo = vec![source.to_owned()];
        while let Some(path) = todo.pop() {
            if path.is_dir() {
                todo.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let file = path.strip_prefix(source).unwrap().to_str().unwrap().to_owned();
            if !file.ends_with(".rs") || without.contains(&Self::room(&file)) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code: String = text
                .split("#[cfg(test)]")
                .next()
                .unwrap()
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .map(|line| format!("{line}\n"))
                .collect();
            house.modules.insert(module(&file), file.clone());
            house.code.insert(file, code);
        }
        house
    }

    /// The room at the top that a file is in.
    pub(crate) fn room(file: &str) -> &str {
        file.split('/').next().unwrap().trim_end_matches(".rs")
    }

    pub(crate) fn rooms(&self) -> BTreeSet<&str> {
        self.code.keys().map(|file| Self::room(file)).collect()
    }

    /// Each file and its code.
    pub(crate) fn code(&self) -> impl Iterator<Item = (&str, &str)> {
        self.code.iter().map(|(file, code)| (file.as_str(), code.as_str()))
    }

    /// Every folder, the top one as an empty name.
    pub(crate) fn folders(&self) -> BTreeSet<String> {
        let of = |file: &String| file.match_indices('/').map(|(at, _)| file[..at].to_owned()).collect::<Vec<_>>();
        self.code.keys().flat_map(of).chain([String::new()]).collect()
    }

    /// Which file takes names from which.
    pub(crate) fn imports(&self) -> BTreeSet<(&str, &str)> {
        let mut imports = BTreeSet::new();
        for (file, code) in &self.code {
            let own = module(file);
            for path in paths(code, &self.children(&own)) {
                if let Some(used) = self.resolve(&own, &path).filter(|used| used != file) {
                    imports.insert((file.as_str(), self.code.get_key_value(&used).unwrap().0.as_str()));
                }
            }
        }
        imports
    }

    fn children(&self, module: &[String]) -> Vec<String> {
        let is_child = |other: &&Vec<String>| other.len() == module.len() + 1 && other.starts_with(module);
        self.modules.keys().filter(is_child).map(|child| child.last().unwrap().clone()).collect()
    }

    /// The file that defines what `path` means in `own`.
    fn resolve(&self, own: &[String], path: &[String]) -> Option<String> {
        let mut at = own.to_vec();
        let mut rest = path;
        match path[0].as_str() {
            "crate" => (at, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            _ => {}
        }
        while rest.first().is_some_and(|word| word == "super") {
            at.pop();
            rest = &rest[1..];
        }
        self.find(at, rest)
    }

    fn find(&self, mut at: Vec<String>, rest: &[String]) -> Option<String> {
        let Some((next, rest)) = rest.split_first() else { return self.modules.get(&at).cloned() };
        at.push(next.clone());
        if self.modules.contains_key(&at) {
            return self.find(at, rest);
        }
        at.pop();
        let file = self.modules.get(&at)?;
        // What a module hands on is where it comes from.
        let code = &self.code[file];
        for statement in code.split(';').map(str::trim) {
            let Some(handed) = statement.strip_prefix("pub").and_then(|rest| rest.split_once("use ")) else { continue };
            for path in tree(handed.1) {
                if path.last() == Some(next) && path[0] != "crate" {
                    let path = if path[0] == "self" { &path[1..] } else { &path[..] };
                    return self.find(at.clone(), path);
                }
                if path.last() == Some(next) {
                    return self.find(Vec::new(), &path[1..]);
                }
            }
        }
        Some(file.clone())
    }

    /// A circle among what lies in `folder`, folders in it taken as one.
    pub(crate) fn circle_in(&self, folder: &str) -> Option<Vec<String>> {
        let below = |file: &str| -> Option<String> {
            let rest = if folder.is_empty() { file } else { file.strip_prefix(folder)?.strip_prefix('/')? };
            // A module's own file and its folder are one.
            Some(rest.split('/').next().unwrap().trim_end_matches(".rs").to_owned())
        };
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in self.imports() {
            let (Some(from), Some(to)) = (below(from), below(to)) else { continue };
            if from != to && from != "mod" && to != "mod" {
                edges.entry(from).or_default().insert(to);
            }
        }
        circle(&edges)
    }

    /// A circle of files.
    pub(crate) fn circle_of_files(&self) -> Option<Vec<String>> {
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in self.imports() {
            edges.entry(from.to_owned()).or_default().insert(to.to_owned());
        }
        circle(&edges)
    }
}

/// The module that a file is.
fn module(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    if matches!(path, "lib" | "main" | "mod") { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// Every path in `code` that begins at the crate, at a module nearby, or at one of these children.
fn paths(code: &str, children: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for statement in code.split_inclusive(';') {
        let trimmed = statement.trim_start();
        let hands_on = trimmed.starts_with("pub")
            && trimmed.split_once("use ").is_some_and(|(_, rest)| {
                let first = rest.split("::").next().unwrap();
                first != "crate" && first != "super"
            });
        if hands_on && trimmed.matches('{').count() == trimmed.matches('}').count() {
            continue;
        }
        let starts = ["crate", "super", "self"].map(str::to_owned);
        for start in starts.iter().chain(children) {
            for (at, _) in statement.match_indices(&format!("{start}::")) {
                let before = statement[..at].chars().next_back();
                if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') {
                    found.extend(tree(&statement[at..]));
                }
            }
        }
    }
    found
}

/// The paths of a use tree that `text` begins with.
fn tree(text: &str) -> Vec<Vec<String>> {
    fn walk(text: &str, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
        let mut path = before.to_vec();
        let mut at = 0;
        loop {
            let rest = &text[at..];
            let spaces = rest.len() - rest.trim_start().len();
            let rest = &rest[spaces..];
            at += spaces;
            if rest.starts_with('{') {
                at += 1;
                loop {
                    at += walk(&text[at..], &path, found);
                    let rest = &text[at..];
                    let spaces = rest.len() - rest.trim_start().len();
                    at += spaces;
                    match text[at..].chars().next() {
                        Some(',') => at += 1,
                        Some('}') => return at + 1,
                        _ => return at,
                    }
                }
            }
            let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            at += word.len();
            if word.is_empty() {
                return at;
            }
            if word != "self" || path.is_empty() {
                path.push(word);
            }
            if text[at..].starts_with("::") {
                at += 2;
            } else {
                found.push(path);
                return at;
            }
        }
    }
    let mut found = Vec::new();
    walk(text, &[], &mut found);
    found
}

/// A circle of a graph, if it has one.
fn circle(edges: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn visit<'e>(
        at: &'e str,
        edges: &'e BTreeMap<String, BTreeSet<String>>,
        way: &mut Vec<&'e str>,
        done: &mut BTreeSet<&'e str>,
    ) -> Option<Vec<String>> {
        if let Some(begin) = way.iter().position(|known| *known == at) {
            return Some(way[begin..].iter().chain([&at]).map(|name| (*name).to_owned()).collect());
        }
        if !done.insert(at) {
            return None;
        }
        way.push(at);
        let found = edges.get(at).into_iter().flatten().find_map(|next| visit(next, edges, way, done));
        way.pop();
        found
    }
    let mut done = BTreeSet::new();
    edges.keys().find_map(|at| visit(at, edges, &mut Vec::new(), &mut done))
}

#[test]
fn imports_are_read_as_the_compiler_reads_them() {
    let place = super::run::Place::new();
    let files = [
        ("lib.rs", "pub mod a;\nmod b;\npub use b::B;"),
        ("a/mod.rs", "mod x;\nmod y;\npub use x::X;\npub use self::y::{Y, Z as W};\n// use crate::b::Nothing;"),
        ("a/x.rs", "use super::y::Y;\nuse crate::{B, b::{self, C}};\npub struct X;"),
        ("a/y.rs", "pub struct Y;\nfn f() { let _ = super::X; }\n#[cfg(test)]\nmod tests { use crate::b::B; }"),
        ("b.rs", "use crate::a::X;"),
    ];
    for (file, text) in files {
        let path = place.path(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let house = House::read(&place.path(""), &[]);
    let expected = [("a/x.rs", "a/y.rs"), ("a/x.rs", "b.rs"), ("a/y.rs", "a/x.rs"), ("b.rs", "a/x.rs")];
    assert_eq!(house.imports(), BTreeSet::from(expected));
    assert_eq!(house.circle_in("a").unwrap(), ["x", "y", "x"]);
    assert_eq!(house.circle_in("").unwrap(), ["a", "b", "a"]);
    assert!(house.circle_of_files().is_some());
}
