//! The files of docker and podman: one form, `auths`, `credHelpers` and `credsStore`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use super::{HUB, Proof};
use crate::remote::secret::Secret;

/// Bytes of such a file.
pub(super) const CONFIG_LIMIT: u64 = 4 << 20;

/// Base 64, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A file.
#[derive(Deserialize)]
pub(super) struct File {
    #[serde(default)]
    auths: Option<BTreeMap<String, Entry>>,
    #[serde(default, rename = "credHelpers")]
    helpers: Option<BTreeMap<String, String>>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

/// What a file has for one key.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl File {
    /// The helper that knows `repository` on `host`.
    pub(super) fn helper(&self, host: &str, repository: &str) -> Option<&str> {
        let own = self.helpers.as_ref().and_then(|helpers| best(helpers, host, repository));
        // An empty name takes a host away from the helper for all.
        let name = own.or(self.store.as_ref()).map(String::as_str);
        name.filter(|name| !name.is_empty())
    }

    /// What the file itself has for `repository` on `host`; `None` when that is nothing.
    pub(super) fn entry(&self, host: &str, repository: &str) -> Option<Result<Proof, &'static str>> {
        best(self.auths.as_ref()?, host, repository)?.proof().transpose()
    }
}

impl Entry {
    fn proof(&self) -> Result<Option<Proof>, &'static str> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = given(&self.registrytoken) {
            return Ok(Some(Proof::Registry(Secret::new(token))));
        }
        if let Some(token) = given(&self.identitytoken) {
            return Ok(Some(Proof::Identity(Secret::new(token))));
        }
        if let Some(auth) = given(&self.auth) {
            let unfit = "an \"auth\" in it is not a name and a password in base 64";
            let plain = BASE64.decode(auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(unfit)?;
            let (user, password) = plain.split_once(':').ok_or(unfit)?;
            return Ok(proof(user, password.trim_end_matches('\0')));
        }
        Ok(given(&self.username).and_then(|user| proof(&user, &given(&self.password)?)))
    }
}

/// What a name and a secret prove; nothing when both are empty.
pub(super) fn proof(user: &str, secret: &str) -> Option<Proof> {
    match (user, secret) {
        ("", "") => None,
        ("<token>", token) => Some(Proof::Identity(Secret::new(token))),
        (user, password) => Some(Proof::Password(user.to_owned(), Secret::new(password))),
    }
}

/// The value whose key says most about `repository` on `host`.
fn best<'m, T>(map: &'m BTreeMap<String, T>, host: &str, repository: &str) -> Option<&'m T> {
    let fits = map.iter().filter_map(|(key, value)| Some((fit(key, host, repository)?, value)));
    fits.max_by_key(|(fit, _)| *fit).map(|(_, value)| value)
}

/// How much of `host/repository` a key names: characters of the repository, and then whether it is written as podman
/// writes it. `None` when the key is for something else.
fn fit(key: &str, host: &str, repository: &str) -> Option<(usize, bool)> {
    let (rest, is_url) = match key.split_once("://") {
        Some((_, rest)) => (rest, true),
        None => (key, false),
    };
    let (key_host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let hub = |host: &str| matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io");
    let is_host = if host == HUB { hub(key_host) } else { key_host.eq_ignore_ascii_case(host) };
    if !is_host || path.ends_with("access-token") || path.ends_with("refresh-token") {
        return None;
    }
    // The path of a whole address is that of the interface (/v1/), not of a repository.
    let path = if is_url || matches!(path, "v1/" | "v1" | "v2/" | "v2") { "" } else { path.trim_end_matches('/') };
    let below = repository.strip_prefix(path)?;
    (path.is_empty() || below.is_empty() || below.starts_with('/')).then_some((path.len(), !is_url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> File {
        serde_json::from_str(text).unwrap()
    }

    fn users(keys: &[&str]) -> File {
        // Each user is called as its key.
        let entry = |key: &&str| format!(r#""{key}": {{"username": "{key}", "password": "x"}}"#);
        file(&format!(r#"{{"auths": {{{}}}}}"#, keys.iter().map(entry).collect::<Vec<_>>().join(",")))
    }

    fn user(file: &File, host: &str, repository: &str) -> Option<String> {
        match file.entry(host, repository)?.unwrap() {
            Proof::Password(user, _) => Some(user),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_longest_path_goes_first() {
        let file = users(&["r.example", "r.example/team", "r.example/team/app", "r.example/te", "other.example"]);
        for (repository, expected) in [
            ("team/app", "r.example/team/app"),
            ("team/app2", "r.example/team"),
            ("team/app/x", "r.example/team/app"),
            ("tea", "r.example"),
            ("x", "r.example"),
        ] {
            assert_eq!(user(&file, "r.example", repository).as_deref(), Some(expected), "{repository}");
        }
        assert_eq!(user(&file, "r.example:5000", "x"), None);
    }

    #[test]
    fn docker_hub_has_many_names() {
        for key in ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"] {
            assert_eq!(user(&users(&[key]), HUB, "library/app").as_deref(), Some(key));
        }
        let file = users(&["https://index.docker.io/v1/access-token", "https://index.docker.io/v1/"]);
        assert_eq!(user(&file, HUB, "library/app").as_deref(), Some("https://index.docker.io/v1/"));
        assert_eq!(user(&users(&["https://index.docker.io/v1/refresh-token"]), HUB, "a/b"), None);
        assert_eq!(user(&users(&["docker.io/team", "docker.io"]), HUB, "team/app").as_deref(), Some("docker.io/team"));
    }

    #[test]
    fn old_keys_are_whole_addresses() {
        for key in ["https://r.example", "https://r.example/v1/", "http://R.example/v2/", "r.example/v1/"] {
            assert_eq!(user(&users(&[key]), "r.example", "app").as_deref(), Some(key));
        }
    }

    #[test]
    fn entries_are_passwords_tokens_or_nothing() {
        let of = |entry: &str| file(&format!(r#"{{"auths": {{"r": {entry}}}}}"#)).entry("r", "app");
        let password = |user: &str, secret: &str| Proof::Password(user.to_owned(), Secret::new(secret));
        assert_eq!(of(r#"{"auth": "dTpwOnE="}"#), Some(Ok(password("u", "p:q"))));
        assert_eq!(of(r#"{"auth": "dTpwAAA"}"#), Some(Ok(password("u", "p"))));
        assert_eq!(of(r#"{"auth": "", "identitytoken": "t"}"#), Some(Ok(Proof::Identity(Secret::new("t")))));
        assert_eq!(of(r#"{"registrytoken": "t"}"#), Some(Ok(Proof::Registry(Secret::new("t")))));
        assert_eq!(of("{}"), None);
        assert!(of(r#"{"auth": "dQ=="}"#).unwrap().is_err());
        assert!(of(r#"{"auth": "%"}"#).unwrap().is_err());
        assert_eq!(file(r#"{"auths": null, "credHelpers": null}"#).entry("r", "app"), None);
    }

    #[test]
    fn a_host_has_its_helper_or_the_one_for_all() {
        let file = file(r#"{"credsStore": "all", "credHelpers": {"r.example": "own", "plain.example": ""}}"#);
        assert_eq!(file.helper("r.example", "app"), Some("own"));
        assert_eq!(file.helper("other.example", "app"), Some("all"));
        assert_eq!(file.helper("plain.example", "app"), None);
    }
}
