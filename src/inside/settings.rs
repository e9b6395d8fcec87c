//! What containers of an image run by, and who they run as.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::layer::{Layers, WriteError};
use crate::oci::{Document, InvalidJson};
use crate::tree::{EntryRef, Follow, Kind, Tree, TreePath};

/// What containers run by, as the config says it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The user; empty when it says none, which means the superuser.
    pub user: String,
    /// The number of that user, where it can be told.
    pub uid: Option<u64>,
    /// Ports that are exposed.
    pub ports: Vec<String>,
    /// Volumes.
    pub volumes: Vec<String>,
    /// The command that tells whether a container is healthy, as the config has it; `None` when there is none.
    pub healthcheck: Option<Vec<String>>,
    /// The entrypoint.
    pub entrypoint: Vec<String>,
    /// The command.
    pub cmd: Vec<String>,
    /// The directory that containers begin in.
    pub working_dir: String,
}

/// Files that tell of users. Larger ones are not read.
const MAX_ACCOUNTS: u64 = 4 << 20;

/// The lines of files that tell of users; empty where there is no such file.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// `/etc/passwd`.
    pub passwd: Vec<Vec<String>>,
    /// `/etc/shadow`.
    pub shadow: Vec<Vec<String>>,
    /// `/etc/group`.
    pub group: Vec<Vec<String>>,
}

#[derive(Deserialize)]
struct Healthcheck {
    #[serde(rename = "Test", default)]
    test: Option<Vec<String>>,
}

impl Settings {
    /// Reads what `container`, the `config` of an image config, says; `accounts` tell the number of a user.
    pub fn of(container: &Document, accounts: &Accounts) -> Result<Self, InvalidJson> {
        const WHAT: &str = "config of the image config";
        let keys = |key: &str| -> Result<Vec<String>, InvalidJson> {
            let set: Option<BTreeMap<String, IgnoredAny>> = container.get(key, WHAT)?;
            Ok(set.unwrap_or_default().into_keys().collect())
        };
        let words =
            |key: &str| -> Result<Vec<String>, InvalidJson> { Ok(container.get(key, WHAT)?.unwrap_or_default()) };
        let word = |key: &str| -> Result<String, InvalidJson> { Ok(container.get(key, WHAT)?.unwrap_or_default()) };
        let healthcheck: Option<Healthcheck> = container.get("Healthcheck", WHAT)?;
        let user = word("User")?;
        Ok(Self {
            uid: accounts.uid(&user),
            user,
            ports: keys("ExposedPorts")?,
            volumes: keys("Volumes")?,
            healthcheck: healthcheck.and_then(|check| check.test).filter(|test| !test.is_empty()),
            entrypoint: words("Entrypoint")?,
            cmd: words("Cmd")?,
            working_dir: word("WorkingDir")?,
        })
    }

    /// Whether containers run as the superuser, however that is spelled. Runtimes refuse a name that nobody has.
    pub fn is_root(&self) -> bool {
        self.uid == Some(0)
    }
}

impl Accounts {
    /// Reads the accounts of `tree`, whose contents lie in `layers`.
    pub fn read(tree: &Tree, layers: Layers<'_>) -> Result<Self, WriteError> {
        let mut follow = Follow::new(0);
        let mut find = |path: &str| -> Option<EntryRef> {
            let id = tree.resolve(&TreePath::parse(path.as_bytes()).ok()?, &mut follow)?;
            let inode = tree.inode(id);
            matches!(inode.kind, Kind::File { size: 1..=MAX_ACCOUNTS, .. }).then_some(inode.source)
        };
        let entries = ["etc/passwd", "etc/shadow", "etc/group"].map(&mut find);
        let wanted: Vec<EntryRef> = entries.iter().flatten().copied().collect();
        let files = layers.read(&wanted)?;
        let [passwd, shadow, group] = entries
            .map(|entry| entry.and_then(|entry| files.get(&entry)).map(|bytes| lines(bytes)).unwrap_or_default());
        Ok(Self { passwd, shadow, group })
    }

    /// The number of a user as a config names it: `name`, `number`, either with `:group`; none is the superuser.
    fn uid(&self, user: &str) -> Option<u64> {
        let name = user.split(':').next().unwrap_or_default();
        if name.is_empty() {
            return Some(0);
        }
        // As in runc: a name comes before a number that is spelled the same.
        let line = self.passwd.iter().find(|fields| fields.first().is_some_and(|field| field == name));
        match line {
            Some(fields) => fields.get(2).and_then(|uid| uid.parse().ok()),
            None => name.parse().ok(),
        }
    }
}

/// The fields of each line.
fn lines(bytes: &[u8]) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split(':').map(str::to_owned).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_superuser_is_told_by_number() {
        let accounts = Accounts {
            passwd: lines(b"root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:\nwww:x:33:33::/:\n0x:x:7:7::/:\n12:x:0:0::/:\n"),
            ..Accounts::default()
        };
        for (user, uid) in [
            ("", Some(0)),
            ("root", Some(0)),
            ("0", Some(0)),
            ("0:0", Some(0)),
            ("00", Some(0)),
            ("toor:www", Some(0)),
            (":www", Some(0)),
            ("www", Some(33)),
            ("1000", Some(1000)),
            ("12", Some(0)),
            ("nobody", None),
        ] {
            let config = serde_json::json!({"User": user}).to_string();
            let container = Document::parse(config.as_bytes(), "").unwrap();
            let settings = Settings::of(&container, &accounts).unwrap();
            assert_eq!((settings.uid, settings.is_root()), (uid, uid == Some(0)), "{user}");
        }
    }

    #[test]
    fn settings_are_read_as_the_config_has_them() {
        let config = serde_json::json!({
            "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}}, "Healthcheck": {"Test": ["CMD", "true"]},
            "Entrypoint": ["/e"], "Cmd": null, "WorkingDir": "/w"
        });
        let container = Document::parse(config.to_string().as_bytes(), "").unwrap();
        let found = Settings::of(&container, &Accounts::default()).unwrap();
        assert_eq!((&found.ports[..], &found.volumes[..]), (&["80/tcp".to_owned()][..], &["/data".to_owned()][..]));
        assert_eq!(found.healthcheck, Some(vec!["CMD".to_owned(), "true".to_owned()]));
        assert_eq!((&found.entrypoint[..], found.cmd.len(), &*found.working_dir), (&["/e".to_owned()][..], 0, "/w"));
        let broken = Document::parse(br#"{"User": 5}"#, "").unwrap();
        let error = Settings::of(&broken, &Accounts::default()).unwrap_err().to_string();
        assert!(error.contains("\"User\" of config of the image config"), "{error}");
    }
}
