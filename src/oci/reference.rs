//! Image names with a tag, as `docker tag` takes them.
//!
//! Grammar: `distribution/reference`, <https://github.com/distribution/reference/blob/main/reference.go>.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A named and tagged image: `registry.example/team/app:1.0`, `app:1.0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// Host with an optional port; `None` for the default one.
    domain: Option<String>,
    path: String,
    tag: String,
}

/// A text that cannot be an image's name.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("\"{name}\" is not an image name: {why}")]
pub struct InvalidReference {
    name: String,
    why: &'static str,
}

impl Reference {
    /// The short form a person types and `manifest.json` carries.
    pub fn familiar(&self) -> String {
        format!("{}:{}", self.repository(), self.tag)
    }

    /// The short form without the tag.
    pub fn repository(&self) -> String {
        match &self.domain {
            Some(domain) => format!("{domain}/{}", self.path),
            None => self.path.clone(),
        }
    }

    /// The host, with its port if it has one; `None` for the default registry, Docker Hub.
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// The repository as its registry calls it: Docker Hub's own images are in `library`.
    pub fn remote_path(&self) -> String {
        match &self.domain {
            None if !self.path.contains('/') => format!("library/{}", self.path),
            _ => self.path.clone(),
        }
    }

    /// The full form containerd's `io.containerd.image.name` carries.
    pub fn normalized(&self) -> String {
        match &self.domain {
            Some(domain) => format!("{domain}/{}:{}", self.path, self.tag),
            None if self.path.contains('/') => format!("docker.io/{}:{}", self.path, self.tag),
            None => format!("docker.io/library/{}:{}", self.path, self.tag),
        }
    }

    /// The part after the colon.
    pub fn tag(&self) -> &str {
        &self.tag
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    /// Reads a name; without a tag it means `:latest`. A digest (`@sha256:…`) is refused: it would name other bytes.
    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let invalid = |why| InvalidReference { name: text.to_owned(), why };
        if text.contains('@') {
            return Err(invalid("a digest names the bytes of another image; give a tag"));
        }
        let (name, tag) = match text.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (text, "latest"),
        };
        let (domain, path) = match name.split_once('/') {
            Some((first, rest))
                if first.contains(['.', ':']) || first == "localhost" || first != first.to_lowercase() =>
            {
                (Some(first), rest)
            }
            _ => (None, name),
        };
        let (domain, path) = match (domain, path) {
            (Some("docker.io" | "index.docker.io"), rest) => (None, rest.strip_prefix("library/").unwrap_or(rest)),
            other => other,
        };
        if !path.split('/').all(is_path_component) {
            return Err(invalid("a repository has lower-case letters and digits, with . _ - between them"));
        }
        if !is_tag(tag) {
            return Err(invalid("a tag has up to 128 letters, digits, . _ or -, and does not begin with . or -"));
        }
        if domain.is_some_and(|domain| !is_domain(domain)) {
            return Err(invalid("the host has letters, digits, dots and hyphens, and a port after a colon"));
        }
        if name.len() > 255 {
            return Err(invalid("it is longer than 255 bytes"));
        }
        Ok(Self { domain: domain.map(str::to_owned), path: path.to_owned(), tag: tag.to_owned() })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.familiar())
    }
}

/// `[a-z0-9]+` joined by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators_fit =
        text.split(alphanumeric).all(|run| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|b| b == b'-'));
    separators_fit && text.starts_with(alphanumeric) && text.ends_with(alphanumeric)
}

fn is_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(word) && text.len() <= 128 && text.chars().all(|c| word(c) || c == '.' || c == '-')
}

fn is_domain(text: &str) -> bool {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        let port = rest.strip_prefix(':').unwrap_or(if rest.is_empty() { "0" } else { "" });
        return address.parse::<std::net::Ipv6Addr>().is_ok() && is_port(port);
    }
    let (host, port) = text.split_once(':').unwrap_or((text, "0"));
    let label = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    host.split('.').all(label) && is_port(port)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_short_and_a_full_form() {
        for (text, familiar, normalized) in [
            ("app", "app:latest", "docker.io/library/app:latest"),
            ("app:1.0", "app:1.0", "docker.io/library/app:1.0"),
            ("team/app:1.0", "team/app:1.0", "docker.io/team/app:1.0"),
            ("docker.io/library/app:1.0", "app:1.0", "docker.io/library/app:1.0"),
            ("registry.example:5000/a/b", "registry.example:5000/a/b:latest", "registry.example:5000/a/b:latest"),
            ("localhost/app:x", "localhost/app:x", "localhost/app:x"),
            ("[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.familiar(), familiar);
            assert_eq!(reference.normalized(), normalized);
        }
    }

    #[test]
    fn what_docker_tag_refuses_is_refused() {
        for text in [
            "",
            "App:1",
            "app:",
            "app:-x",
            "a//b",
            "-a",
            "a-",
            "a..b",
            "a:b:c",
            "app@sha256:00",
            "host:x/app",
            "a/",
            "host:99999/app",
            "[::1/app",
            "[x]:1/app",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
        assert!("a__b.c--d:_x".parse::<Reference>().is_ok());
    }
}
