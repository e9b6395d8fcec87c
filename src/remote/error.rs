//! What can go wrong between here and a registry or a daemon: one line each, which says what to do.

use std::time::Duration;

use thiserror::Error;

use crate::blob::Mismatch;
use crate::oci::Digest;

/// Something went wrong with an image that is elsewhere.
#[derive(Debug, Error)]
#[error("{subject}: {trouble}")]
pub struct RemoteError {
    /// What it was about, as a person would name it.
    pub subject: String,
    /// What it was.
    #[source]
    pub trouble: Trouble,
}

/// What went wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Trouble {
    /// There is no way to the host.
    #[error("cannot reach {host}: {why}")]
    Unreachable {
        /// The host, and its port if one was given.
        host: String,
        /// What happened.
        why: String,
    },
    /// The host does not prove that it is the one that was meant.
    #[error("cannot trust {host}: {why}")]
    Untrusted {
        /// The host.
        host: String,
        /// What is wrong with its certificate, and what helps.
        why: String,
    },
    /// The host speaks plain HTTP.
    #[error("{host} does not speak TLS: if plain HTTP is meant, say --insecure")]
    NotTls {
        /// The host.
        host: String,
    },
    /// The connection broke, again and again.
    #[error("{host} broke off {tries} times: {why}")]
    Broken {
        /// The host.
        host: String,
        /// How often.
        tries: u32,
        /// What happened last.
        why: String,
    },
    /// A transfer went on, but too slowly to ever end.
    #[error("{host} sent less than {slowest} bytes a second: given up")]
    Slow {
        /// The host.
        host: String,
        /// What is asked for.
        slowest: u64,
    },
    /// There were no credentials, and they are needed.
    #[error("{host} wants a login (401) and no credentials for it were found{note}: docker login {host}")]
    NoCredentials {
        /// The host.
        host: String,
        /// Why there were none.
        note: String,
    },
    /// There were credentials, and they are not taken.
    #[error("{host} refused the credentials from {from} (401), which are wrong or have expired: docker login {host}")]
    Credentials {
        /// The host.
        host: String,
        /// Where they came from.
        from: String,
    },
    /// Whoever is logged in may not do this.
    #[error("{host} denied {what}{detail}")]
    Denied {
        /// The host.
        host: String,
        /// What was asked for.
        what: &'static str,
        /// The status and what the registry said of it.
        detail: String,
    },
    /// There is no such repository.
    #[error("{host} has no repository {repository}, or does not show it to this login (404)")]
    NoRepository {
        /// The host.
        host: String,
        /// The repository.
        repository: String,
    },
    /// There is no such tag or manifest.
    #[error("there is no {reference} in the repository (404){hint}")]
    NoManifest {
        /// The tag or digest.
        reference: String,
        /// What may have been meant.
        hint: String,
    },
    /// The manifest is there, and something it names is not.
    #[error("{digest} is not in the registry (404): the image was pushed only in part; push it again")]
    NoBlob {
        /// What is missing.
        digest: Digest,
    },
    /// Too many requests.
    #[error("{host} limits requests (429){}", later(.after))]
    TooMany {
        /// The host.
        host: String,
        /// After which time it asks to come back.
        after: Option<Duration>,
    },
    /// The registry cannot help itself.
    #[error("{host} failed with status {status}{detail}")]
    Server {
        /// The host.
        host: String,
        /// The status.
        status: u16,
        /// What the registry said.
        detail: String,
    },
    /// The tag may not be moved.
    #[error("the tag {tag} is there already and immutable in this registry: choose another tag{detail}")]
    Immutable {
        /// The tag.
        tag: String,
        /// What the registry said.
        detail: String,
    },
    /// An answer that does not fit the question.
    #[error("{host} answered {status} to {what}{detail}")]
    Unexpected {
        /// The host.
        host: String,
        /// What was asked.
        what: &'static str,
        /// The status.
        status: u16,
        /// What the registry said.
        detail: String,
    },
    /// An answer that is none.
    #[error("{host} does not answer as a registry does: {why}")]
    NoRegistry {
        /// The host.
        host: String,
        /// What it did.
        why: String,
    },
    /// Bytes that are not what they should be.
    #[error("{what}: {problem}")]
    Mismatch {
        /// Which bytes.
        what: String,
        /// What does not fit.
        problem: Mismatch,
    },
    /// Something on this machine is in the way.
    #[error("{what}: {why}")]
    Here {
        /// The file or setting.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A daemon, or the command that leads to it, says no.
    #[error("{daemon}: {why}")]
    Daemon {
        /// Which daemon.
        daemon: &'static str,
        /// What it said.
        why: String,
    },
}

fn later(after: &Option<Duration>) -> String {
    match after {
        Some(after) => format!(" and asks to come back in {} s", after.as_secs()),
        None => ": come back later, or log in".to_owned(),
    }
}

impl Trouble {
    /// The error about `subject`.
    pub fn about(self, subject: impl Into<String>) -> RemoteError {
        RemoteError { subject: subject.into(), trouble: self }
    }
}

/// Characters of what others say that are shown.
const SHOWN: usize = 300;

/// What a stranger said, safe to show: one line, no escapes, not long. With a colon before it, if it says anything.
pub(super) fn said(text: &str) -> String {
    let shown = shown(text);
    if shown.is_empty() { shown } else { format!(": {shown}") }
}

/// The same without the colon.
pub(super) fn shown(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().filter(|c| !is_format(*c)).take(SHOWN));
        if line.chars().count() > SHOWN {
            line = line.chars().take(SHOWN).collect();
            line.push('…');
            break;
        }
    }
    line
}

/// Whether a character changes the direction of text or is not seen.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_say_is_one_short_line_without_escapes() {
        assert_eq!(shown(" a\n\tb\u{1b}[31mc\u{202e}d "), "a b [31mcd");
        assert_eq!(said("\u{1b}"), "");
        assert_eq!(shown(&"x".repeat(10_000)).chars().count(), SHOWN);
        assert_eq!(shown(&"x y ".repeat(10_000)).chars().count(), SHOWN + 1);
    }
}
