//! HTTP/1.1 to registries: one request, one answer. What an answer means is for whoever asked.
//!
//! # Decisions
//! - Redirects are not followed by the client but by [`Http::follow`], which sees to it that what proves who someone is
//!   goes nowhere but where it was meant to go.
//! - There is no timeout for a whole transfer, which may rightly take hours, but one for each piece of it.

mod client;
mod failure;
mod proxy;
mod retry;
mod roots;
mod tls;
mod url;

pub(super) use self::client::{Answer, Body, Http, Request, send};
pub(super) use self::failure::Failure;
pub(super) use self::retry::{Retries, retry_after};
pub(super) use self::url::{Url, encoded, is_loopback};
