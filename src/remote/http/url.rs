//! Addresses of resources: only as much as registries need.

use std::fmt;
use std::net::IpAddr;

/// An absolute address, `http` or `https`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    scheme: &'static str,
    /// Host, and port if one was given.
    authority: String,
    /// Path and query, from the slash on.
    target: String,
}

impl Url {
    /// `target`, which begins with a slash, at `authority`.
    pub(crate) fn new(is_plain: bool, authority: &str, target: impl Into<String>) -> Self {
        let scheme = if is_plain { "http" } else { "https" };
        Self { scheme, authority: authority.to_owned(), target: target.into() }
    }

    /// An absolute address; `None` when it is none, has a password in it, or has characters that no address has.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => "http",
            "https" => "https",
            _ => return None,
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(at);
        let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}');
        if authority.is_empty() || authority.contains('@') || !rest.chars().all(fits) {
            return None;
        }
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Some(Self { scheme, authority: authority.to_ascii_lowercase(), target })
    }

    /// What `location` means in an answer from here.
    pub(crate) fn join(&self, location: &str) -> Option<Self> {
        if location.contains("://") {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme));
        }
        let path = self.target.split('?').next().unwrap_or_default();
        let directory = &path[..=path.rfind('/').unwrap_or(0)];
        let target = match location.chars().next() {
            Some('/') => location.to_owned(),
            Some('?') => format!("{path}{location}"),
            _ => format!("{directory}{location}"),
        };
        Self::parse(&format!("{}://{}{target}", self.scheme, self.authority))
    }

    /// The same with one more parameter.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target.push_str(name);
        self.target.push('=');
        self.target.push_str(&encoded(value));
        self
    }

    /// Whether the same host would answer, in the same way.
    pub(crate) fn is_same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.host() == other.host() && self.port() == other.port()
    }

    /// Whether everybody on the way can read what is sent there.
    pub(crate) fn is_plain(&self) -> bool {
        self.scheme == "http"
    }

    /// Host, and port if one was given.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The host without its port, an IPv6 address without brackets.
    pub(crate) fn host(&self) -> &str {
        host(&self.authority)
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        let given = self.authority.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
        given.and_then(|(_, port)| port.parse().ok()).unwrap_or(if self.is_plain() { 80 } else { 443 })
    }

    /// The whole address, for the wire and for nothing else: the query may be as good as a password.
    pub(crate) fn whole(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.target)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or_default();
        write!(f, "{}://{}{path}", self.scheme, self.authority)
    }
}

/// The host of `authority` without its port and brackets.
pub(crate) fn host(authority: &str) -> &str {
    if let Some((address, _)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    authority.split(':').next().unwrap_or_default()
}

/// Whether what is sent to `authority` does not leave this machine.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let host = host(authority);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `text` as a part of a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            result.push(char::from(byte));
        } else {
            result.push_str(&format!("%{byte:02X}"));
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_joined_as_the_standard_says() {
        let from = Url::parse("https://r.example:5000/v2/app/blobs/uploads/?a=b").unwrap();
        for (location, whole) in [
            ("/v2/x?y=z", "https://r.example:5000/v2/x?y=z"),
            ("id?s=1", "https://r.example:5000/v2/app/blobs/uploads/id?s=1"),
            ("?s=1", "https://r.example:5000/v2/app/blobs/uploads/?s=1"),
            ("http://O.example/x#y", "http://o.example/x"),
            ("//o.example", "https://o.example/"),
            ("https://o.example?x", "https://o.example/?x"),
        ] {
            assert_eq!(from.join(location).unwrap().whole(), whole, "{location}");
        }
        for location in ["ftp://x/", "https://u:p@x/", "https:///x", "https://x/a b", "https://x/\r\nA: b"] {
            assert!(from.join(location).is_none(), "{location}");
        }
    }

    #[test]
    fn origins_are_scheme_host_and_port() {
        let url = |text: &str| Url::parse(text).unwrap();
        let registry = url("https://r.example/");
        for (other, is_same) in [
            ("https://r.example:443/x", true),
            ("https://R.example/x", true),
            ("http://r.example/", false),
            ("https://r.example:444/", false),
            ("https://r.example.evil.example/", false),
        ] {
            assert_eq!(registry.is_same_origin(&url(other)), is_same, "{other}");
        }
        assert_eq!(url("http://[::1]:5000/").host(), "::1");
        assert_eq!((url("http://[::1]:5000/").port(), url("https://[::1]/").port()), (5000, 443));
    }

    #[test]
    fn loopback_is_what_docker_takes_for_it() {
        for (authority, is) in [
            ("localhost:5000", true),
            ("127.0.0.1", true),
            ("127.9.9.9:1", true),
            ("[::1]:5000", true),
            ("localhost.example", false),
            ("127.0.0.1.example", false),
            ("10.0.0.1:5000", false),
            ("registry.local", false),
        ] {
            assert_eq!(is_loopback(authority), is, "{authority}");
        }
    }

    #[test]
    fn a_query_is_not_shown() {
        let url = Url::parse("https://b.example/x?signature=hidden").unwrap().with("digest", "sha256:0");
        assert!(!format!("{url:?}").contains("hidden"));
        assert!(url.whole().ends_with("?signature=hidden&digest=sha256%3A0"));
    }
}
