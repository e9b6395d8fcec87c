//! Where an image lives, as people name it: a path, or a name with a transport before it, as skopeo has them.
//!
//! # Decisions
//! - A text without a known transport is a path, so that every name that worked before works on; `./` in front of a
//!   path that looks like a transport makes it a path again.
//! - `docker-archive:` and `oci-archive:` say the same for reading: what a file is shows when it is read.
//! - A name with a tag and a digest is the digest's image, as docker has it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use crate::oci::{Digest, Reference};

/// The place of an image or of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A file, a directory or a pipe.
    Path(PathBuf),
    /// A Docker archive, and which of its images.
    DockerArchive(PathBuf, Option<String>),
    /// An OCI archive, and which of its images.
    OciArchive(PathBuf, Option<String>),
    /// An OCI image layout, and which of its images.
    OciDirectory(PathBuf, Option<String>),
    /// An image in the docker daemon: a name or an id, as docker takes them.
    Docker(DaemonImage),
    /// An image that podman has.
    Podman(DaemonImage),
    /// An image in a registry.
    Registry(RegistryImage),
}

/// An image of a daemon.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DaemonImage {
    /// By name and tag.
    Named(Reference),
    /// By its id (`sha256:…`).
    Id(Digest),
}

/// An image in a registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RegistryImage {
    /// Host, repository and tag; the tag is `latest` where none was given.
    pub name: Reference,
    /// The digest, which goes before the tag.
    pub digest: Option<Digest>,
}

/// A text with a transport before it that names no image.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InvalidAddress {
    /// What comes after the transport is no image.
    #[error("\"{text}\" names no image: {why}")]
    Name {
        /// The text.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is a transport of this name elsewhere, but not here.
    #[error("\"{text}\": the transport \"{transport}:\" is not known here: {instead}")]
    Transport {
        /// The text.
        text: String,
        /// The transport.
        transport: String,
        /// What to say instead.
        instead: &'static str,
    },
}

const DOCKER_ARCHIVE: &str = "docker-archive";
const OCI_ARCHIVE: &str = "oci-archive";
const OCI: &str = "oci";
const DOCKER_DAEMON: &str = "docker-daemon";
const PODMAN: &str = "podman";
const DOCKER: &str = "docker";

/// Every transport.
const TRANSPORTS: [&str; 6] = [DOCKER_ARCHIVE, OCI_ARCHIVE, OCI, DOCKER_DAEMON, PODMAN, DOCKER];

/// Those that skopeo has and that are not here, and what serves instead.
const ELSEWHERE: [(&str, &str); 4] = [
    ("containers-storage", "say podman:NAME"),
    ("dir", "copy it to an OCI layout (oci:DIR) first"),
    ("ostree", "copy it to an OCI layout (oci:DIR) first"),
    ("sif", "copy it to an OCI layout (oci:DIR) first"),
];

impl Address {
    /// The transport of which `text` is a misspelling, for when there is no file of this name either.
    pub fn meant(text: &str) -> Option<&'static str> {
        let (transport, _) = text.split_once(':')?;
        let near = TRANSPORTS.into_iter().map(|known| (strsim::damerau_levenshtein(transport, known), known)).min()?;
        let is_word = transport.len() > 3 && transport.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        (is_word && near.0 > 0 && near.0 <= 2).then_some(near.1)
    }

    /// The path, if it is one on this machine.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path)
            | Self::DockerArchive(path, _)
            | Self::OciArchive(path, _)
            | Self::OciDirectory(path, _) => Some(path),
            _ => None,
        }
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let Some((transport, rest)) = text.split_once(':') else { return Ok(Self::Path(text.into())) };
        let invalid = |why: &str| InvalidAddress::Name { text: text.to_owned(), why: why.to_owned() };
        let named = || {
            let (path, name) = rest.split_once(':').map_or((rest, None), |(path, name)| (path, Some(name)));
            match (path, name) {
                ("", _) => Err(invalid(&format!("expected {transport}:PATH or {transport}:PATH:NAME"))),
                (_, Some("")) => Err(invalid("nothing follows the last colon")),
                (path, name) => Ok((PathBuf::from(path), name.map(str::to_owned))),
            }
        };
        let daemon = || rest.parse().map_err(|why: String| invalid(&why));
        Ok(match transport {
            DOCKER_ARCHIVE => named().map(|(path, name)| Self::DockerArchive(path, name))?,
            OCI_ARCHIVE => named().map(|(path, name)| Self::OciArchive(path, name))?,
            OCI => named().map(|(path, name)| Self::OciDirectory(path, name))?,
            DOCKER_DAEMON => Self::Docker(daemon()?),
            PODMAN => Self::Podman(daemon()?),
            DOCKER => match rest.strip_prefix("//") {
                Some(name) => Self::Registry(name.parse().map_err(|why: String| invalid(&why))?),
                None => return Err(invalid("expected docker://REGISTRY/NAME, or docker-daemon:NAME for the daemon")),
            },
            _ => match ELSEWHERE.into_iter().find(|(known, _)| *known == transport) {
                Some((_, instead)) => {
                    let (text, transport) = (text.to_owned(), transport.to_owned());
                    return Err(InvalidAddress::Transport { text, transport, instead });
                }
                None => Self::Path(text.into()),
            },
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |f: &mut fmt::Formatter<'_>, transport: &str, path: &Path, name: &Option<String>| match name {
            Some(name) => write!(f, "{transport}:{}:{name}", path.display()),
            None => write!(f, "{transport}:{}", path.display()),
        };
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::DockerArchive(path, name) => named(f, DOCKER_ARCHIVE, path, name),
            Self::OciArchive(path, name) => named(f, OCI_ARCHIVE, path, name),
            Self::OciDirectory(path, name) => named(f, OCI, path, name),
            Self::Docker(image) => write!(f, "{DOCKER_DAEMON}:{image}"),
            Self::Podman(image) => write!(f, "{PODMAN}:{image}"),
            Self::Registry(image) => write!(f, "{DOCKER}://{image}"),
        }
    }
}

impl FromStr for DaemonImage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("sha256:") {
            return text.parse().map(Self::Id).map_err(|error| format!("{error}"));
        }
        text.parse().map(Self::Named).map_err(|error| format!("{error}"))
    }
}

impl fmt::Display for DaemonImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "{name}"),
            Self::Id(id) => write!(f, "{id}"),
        }
    }
}

impl RegistryImage {
    /// What the registry calls it: the digest, else the tag.
    pub fn reference(&self) -> String {
        self.digest.map_or_else(|| self.name.tag().to_owned(), |digest| digest.to_string())
    }
}

impl FromStr for RegistryImage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse().map_err(|error| format!("{error}"))?)),
            None => (text, None),
        };
        let name = name.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { name, digest })
    }
}

impl fmt::Display for RegistryImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.digest {
            Some(digest) => write!(f, "{}@{digest}", self.name.repository()),
            None => write!(f, "{}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn each_transport_is_read_and_shown_as_it_was_typed() {
        let digest = Digest::of(b"");
        for text in [
            "app.tar",
            "./oci:x",
            "docker-archive:app.tar",
            "docker-archive:/tmp/app.tar:app:1",
            "oci-archive:app.tar:v1",
            "oci:layout",
            "oci:layout:app:1",
            "docker-daemon:app:1",
            &format!("docker-daemon:{digest}"),
            "podman:localhost/app:1",
            "docker://registry.example:5000/team/app:1",
            "docker://app:1",
            &format!("docker://registry.example/app@{digest}"),
        ] {
            assert_eq!(address(text).to_string(), text);
        }
        assert_eq!(address("docker-daemon:app").to_string(), "docker-daemon:app:latest");
        assert_eq!(address("oci:layout:app:1"), Address::OciDirectory("layout".into(), Some("app:1".to_owned())));
    }

    #[test]
    fn a_text_without_a_known_transport_is_a_path() {
        for text in ["app:1", "C:/app.tar", "a b:c", "/oci:x", ":", "dockerarchive:x"] {
            assert_eq!(address(text), Address::Path(text.into()), "{text}");
        }
    }

    #[test]
    fn a_digest_goes_before_a_tag() {
        let digest = Digest::of(b"");
        let Address::Registry(image) = address(&format!("docker://host.example/app:1@{digest}")) else { panic!() };
        assert_eq!(image.reference(), digest.to_string());
        assert_eq!(image.name.tag(), "1");
    }

    #[test]
    fn what_names_no_image_is_told_with_what_was_expected() {
        for (text, expected) in [
            ("docker://", "\"docker://\" names no image: \"\" is not an image name"),
            ("docker:app:1", "expected docker://REGISTRY/NAME, or docker-daemon:NAME for the daemon"),
            ("docker-daemon:App", "a repository has lower-case letters"),
            ("docker-daemon:sha256:00", "is not a digest"),
            ("oci:", "expected oci:PATH or oci:PATH:NAME"),
            ("oci:dir:", "nothing follows the last colon"),
            ("docker://app@sha512:00", "is not a digest"),
            ("containers-storage:app", "say podman:NAME"),
        ] {
            let problem = text.parse::<Address>().unwrap_err().to_string();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }

    #[test]
    fn a_misspelled_transport_is_recognized() {
        assert_eq!(Address::meant("docker-deamon:app:1"), Some("docker-daemon"));
        assert_eq!(Address::meant("dokcer://app"), Some("docker"));
        for path in ["oci:app", "./oci:app", "a/docker:1", "docker_:1"] {
            assert_eq!(Address::meant(path), None, "{path}");
        }
        assert_eq!(Address::meant("app:1"), None);
    }
}
