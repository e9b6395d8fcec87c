//! Who a person is to a registry, as docker's and podman's own files and helpers have it.
//!
//! # Decisions
//! - What a variable of the environment names goes first, then podman's places, then docker's, each as its tool reads
//!   it. Within a file a helper goes before what the file has itself, as both tools have it.
//! - A file or helper that does not work is no failure: what is public needs none, and docker and podman go on too. It
//!   is told when a registry then wants a login.

mod entries;
mod helper;

use std::fs;
use std::path::{Path, PathBuf};

use self::entries::{CONFIG_LIMIT, File};
use super::error::shown;
use super::secret::Secret;
use super::settings::Settings;

/// The name under which all of Docker Hub's hosts are known here.
pub(crate) const HUB: &str = "docker.io";
/// The name that docker and its helpers have for it.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// Who someone is to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    /// What proves it.
    pub(crate) proof: Proof,
    /// Where it was found, for messages.
    pub(crate) from: String,
}

/// What proves who someone is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A name and a password.
    Password(String, Secret),
    /// A token that the registry's authority exchanges for others.
    Identity(Secret),
    /// A token that the registry takes as it is.
    Registry(Secret),
}

/// What was found for a registry, and what could not be looked at.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The login, if there is one.
    pub(crate) login: Option<Login>,
    /// Files and helpers that did not work, and why.
    pub(crate) notes: Vec<String>,
}

/// The login for `repository` on `host` (with its port, if one was given; [`HUB`] for Docker Hub).
pub(crate) fn find(settings: &Settings, host: &str, repository: &str) -> Found {
    let mut found = Found::default();
    for (name, text) in files(settings, &mut found.notes) {
        let file = match serde_json::from_slice::<File>(text.reveal().as_bytes()) {
            Ok(file) => file,
            // The message may quote what is in the file.
            Err(problem) => {
                found.notes.push(format!("{name} is not valid JSON (line {})", problem.line()));
                continue;
            }
        };
        if let Some(helper) = file.helper(host, repository) {
            match ask(helper, host, settings) {
                Ok(Some(proof)) => {
                    found.login = Some(Login { proof, from: format!("docker-credential-{}", shown(helper)) });
                    return found;
                }
                Ok(None) => {}
                Err(why) => found.notes.push(format!("docker-credential-{}: {why}", shown(helper))),
            }
        }
        match file.entry(host, repository) {
            Some(Ok(proof)) => {
                found.login = Some(Login { proof, from: name });
                return found;
            }
            Some(Err(why)) => found.notes.push(format!("{name}: {why}")),
            None => {}
        }
    }
    found
}

/// What a helper has for `host`.
fn ask(helper: &str, host: &str, settings: &Settings) -> Result<Option<Proof>, String> {
    let limit = settings.patience.stall;
    if host != HUB {
        return helper::get(helper, host, limit);
    }
    match helper::get(helper, HUB_KEY, limit)? {
        Some(proof) => Ok(Some(proof)),
        None => helper::get(helper, HUB, limit),
    }
}

/// The files that are there, in the order in which they are asked, with their names for messages.
fn files(settings: &Settings, notes: &mut Vec<String>) -> Vec<(String, Secret)> {
    let mut paths: Vec<PathBuf> = Vec::new();
    // Podman knows both variables, and asks its own first.
    paths.extend(settings.registry_auth_file.clone());
    paths.extend(settings.docker_config.as_ref().map(|directory| directory.join("config.json")));
    paths.push(match &settings.runtime_dir {
        Some(directory) => directory.join("containers/auth.json"),
        None => format!("/run/containers/{}/auth.json", settings.uid).into(),
    });
    paths.extend(settings.config_home.as_ref().map(|directory| directory.join("containers/auth.json")));
    if settings.docker_config.is_none() {
        paths.extend(settings.docker_directory().map(|directory| directory.join("config.json")));
    }
    let given = settings.docker_auth_config.iter().map(|text| ("DOCKER_AUTH_CONFIG".to_owned(), text.clone()));
    let mut texts: Vec<_> = given.collect();
    for path in paths {
        match read(&path) {
            Ok(Some(text)) => texts.push((path.display().to_string(), text)),
            Ok(None) => {}
            Err(why) => notes.push(format!("{}: {why}", path.display())),
        }
    }
    texts
}

fn read(path: &Path) -> Result<Option<Secret>, String> {
    match fs::metadata(path) {
        Ok(meta) if !meta.is_file() => return Err("it is no file".to_owned()),
        Ok(meta) if meta.len() > CONFIG_LIMIT => return Err("it is too large".to_owned()),
        _ => {}
    }
    match fs::read_to_string(path) {
        // podman makes empty files.
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(Secret::new(text))),
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(problem) if problem.kind() == std::io::ErrorKind::InvalidData => Err("it is not text".to_owned()),
        Err(problem) => Err(problem.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    use super::*;
    use crate::remote::settings::tests::bare;

    /// A machine whose files have these contents, by place.
    fn machine(files: &[(&str, String)]) -> (tempfile::TempDir, Settings) {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for (name, text) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut settings = bare().0;
        settings.home = Some(root.join("home"));
        settings.config_home = Some(root.join("home/.config"));
        settings.runtime_dir = Some(root.join("run"));
        (directory, settings)
    }

    fn auths(entries: &[(&str, &str)]) -> String {
        let entry = |(key, user): &(&str, &str)| {
            let auth = BASE64_STANDARD.encode(format!("{user}:hidden-{user}"));
            format!(r#""{key}": {{"auth": "{auth}"}}"#)
        };
        format!(r#"{{"auths": {{{}}}}}"#, entries.iter().map(entry).collect::<Vec<_>>().join(","))
    }

    fn user(settings: &Settings, host: &str, repository: &str) -> Option<String> {
        match find(settings, host, repository).login?.proof {
            Proof::Password(user, secret) => {
                assert_eq!(secret.reveal(), format!("hidden-{user}"));
                Some(user)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn places_are_asked_in_their_order() {
        let host = "r.example:5000";
        let places = [
            ("auth", "auth-file"),
            ("docker/config.json", "docker-config"),
            ("run/containers/auth.json", "runtime"),
            ("home/.config/containers/auth.json", "config"),
            ("home/.docker/config.json", "home"),
        ];
        let files: Vec<_> = places.iter().map(|(place, user)| (*place, auths(&[(host, user)]))).collect();
        let (directory, mut settings) = machine(&files);
        settings.docker_auth_config = Some(Secret::new(auths(&[(host, "variable")])));
        settings.docker_config = Some(directory.path().join("docker"));
        settings.registry_auth_file = Some(directory.path().join("auth"));
        assert_eq!(user(&settings, host, "app").as_deref(), Some("variable"));
        settings.docker_auth_config = None;
        for (place, expected) in &places[..4] {
            assert_eq!(user(&settings, host, "app").as_deref(), Some(*expected), "{place}");
            fs::remove_file(directory.path().join(place)).unwrap();
        }
        // DOCKER_CONFIG says where docker's file is: then it is nowhere else.
        assert_eq!(user(&settings, host, "app"), None);
        settings.docker_config = None;
        assert_eq!(user(&settings, host, "app").as_deref(), Some("home"));
        assert_eq!(user(&settings, "r.example", "app"), None);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_passed_over_and_told() {
        let (_directory, settings) = machine(&[
            ("run/containers/auth.json", "{\"auths\": hidden".to_owned()),
            ("home/.config/containers/auth.json", "  ".to_owned()),
            ("home/.docker/config.json", auths(&[("r.example", "home")])),
        ]);
        let found = find(&settings, "r.example", "app");
        assert!(found.login.is_some());
        assert_eq!(found.notes.len(), 1, "{:?}", found.notes);
        assert!(found.notes[0].ends_with("containers/auth.json is not valid JSON (line 1)"), "{:?}", found.notes);
        assert!(!format!("{found:?}").contains("hidden"), "{found:?}");
    }
}
