//! What the answers of registries mean.

use std::time::Duration;

use serde::Deserialize;
use ureq::http::header::{DATE, RETRY_AFTER};

use crate::remote::error::{Trouble, said};
use crate::remote::http::{Answer, retry_after};

/// Bytes of an answer that tells what went wrong.
const MAX_ERROR: u64 = 64 << 10;

/// What a registry says of an error.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// `MANIFEST_UNKNOWN` and such; the first one.
    pub(super) code: String,
    /// The message, shown as ours.
    pub(super) text: String,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    #[serde(default)]
    code: String,
    message: Option<String>,
    detail: Option<serde_json::Value>,
}

/// Whether the same question may be answered better a little later.
pub(super) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// How long the answer asks to wait.
pub(super) fn asked(answer: &Answer) -> Option<Duration> {
    answer.header(&RETRY_AFTER).and_then(|value| retry_after(value, answer.header(&DATE)))
}

/// Reads what a registry says of an error.
pub(super) fn read(answer: Answer) -> Said {
    let Ok(bytes) = answer.into_bytes(MAX_ERROR) else { return Said::default() };
    let Ok(errors) = serde_json::from_slice::<Errors>(&bytes) else {
        // A page for people, from something in between, is of no use here.
        let text = String::from_utf8_lossy(&bytes);
        let is_page = text.trim_start().starts_with('<');
        return Said { code: String::new(), text: if is_page { String::new() } else { text.into_owned() } };
    };
    let Some(first) = errors.errors.into_iter().next() else { return Said::default() };
    let detail = match first.detail {
        Some(serde_json::Value::String(detail)) => format!(" {detail}"),
        _ => String::new(),
    };
    let message = first.message.unwrap_or_else(|| first.code.clone());
    Said { code: first.code, text: format!("{message}{detail}") }
}

/// The error for an answer that nobody expected.
pub(super) fn unexpected(host: &str, what: &'static str, answer: Answer) -> Trouble {
    let (status, after) = (answer.status, asked(&answer));
    let Said { text, .. } = read(answer);
    let (host, detail) = (host.to_owned(), said(&text));
    match status {
        429 => Trouble::TooMany { host, after },
        401 | 403 => Trouble::Denied { host, what, detail: format!(" ({status}){detail}") },
        500.. => Trouble::Server { host, status, detail },
        _ => Trouble::Unexpected { host, what, status, detail },
    }
}
