//! Keys and values that everybody has: test keys that packages ship, examples of standards.

use std::collections::BTreeSet;

use super::material::Identity;
use crate::secrets::base::unhex;

/// What is well known, by its identity.
#[derive(Clone, Debug)]
pub(in crate::secrets) struct Known(BTreeSet<Identity>);

impl Known {
    /// Those of `known-keys.txt`: a line for each, its identity before the first space.
    pub(in crate::secrets) fn built_in() -> Self {
        let lines = include_str!("../known-keys.txt").lines();
        Self(lines.filter_map(|line| unhex(line.split(' ').next()?.as_bytes())).collect())
    }

    /// Adds an Ed25519 key by its seed.
    #[cfg(test)]
    pub(in crate::secrets) fn add_for_test(&mut self, seed: &[u8]) {
        self.0.extend(super::material::Key::seed("Ed25519", seed).map(|key| key.identity));
    }

    pub(in crate::secrets) fn has(&self, identity: &Identity) -> bool {
        self.0.contains(identity)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::secrets::key::{BEGIN, written};

    #[test]
    fn every_line_is_an_identity_and_where_it_is_from() {
        let lines: Vec<&str> =
            include_str!("../known-keys.txt").lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.len() >= 70);
        for line in &lines {
            let (identity, from) = line.split_once(' ').unwrap();
            assert!(unhex::<16>(identity.as_bytes()).is_some() && !from.trim().is_empty(), "{line}");
        }
        assert_eq!(Known::built_in().0.len(), lines.len(), "a key is listed twice");
    }

    /// Makes `known-keys.txt` from files in target/known-keys: packages unpacked, one directory each.
    #[test]
    #[ignore = "it prints a list of what a person has put there"]
    fn list_of_a_directory() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/known-keys");
        let mut todo = vec![root.clone()];
        let mut lines: BTreeMap<String, String> = BTreeMap::new();
        while let Some(path) = todo.pop() {
            if path.is_dir() {
                todo.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
                todo.sort_by(|a, b| b.cmp(a));
                continue;
            }
            let text = std::fs::read(&path).unwrap();
            for at in (0..text.len()).filter(|at| text[*at..].starts_with(BEGIN)) {
                let Some((key, _)) = written(&text[at..], &mut 0) else { continue };
                let identity: String = key.identity.iter().map(|byte| format!("{byte:02x}")).collect();
                let from = path.strip_prefix(&root).unwrap().display().to_string();
                lines.entry(identity).or_insert(format!("{} {} {from}", key.kind, key.bits));
            }
        }
        let mut lines: Vec<(String, String)> = lines.into_iter().map(|(identity, from)| (from, identity)).collect();
        lines.sort_by_key(|(from, _)| from.rsplit(' ').next().unwrap().to_owned());
        lines.iter().for_each(|(from, identity)| println!("{identity} {from}"));
    }
}
