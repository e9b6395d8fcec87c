//! Docker's interface, which podman's service has too.

use std::io::Read;
use std::time::Duration;

use serde::Deserialize;
use ureq::Agent;
use ureq::http::{HeaderName, Method};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::endpoint::Endpoint;
use super::pipe::Dial;
use super::saved::Saved;
use super::{Feed, feed, replies};
use crate::oci::Digest;
use crate::remote::error::shown;
use crate::remote::http::{self, Answer, Body, Failure, Request, Url, encoded};

/// The interface of a daemon.
#[derive(Debug)]
pub(super) struct Api {
    agent: Agent,
    endpoint: Endpoint,
    /// The version that is spoken, as it is in addresses.
    version: String,
}

/// Bytes of an answer.
const MAX_ANSWER: u64 = 64 << 20;
/// Bytes of what is said of an error.
const MAX_ERROR: u64 = 64 << 10;

/// What a daemon says when it does not say which version it speaks.
const OLDEST: &str = "1.24";
const VERSION: HeaderName = HeaderName::from_static("api-version");

#[derive(Deserialize)]
struct Message {
    message: String,
}

#[derive(Deserialize)]
struct Inspected {
    #[serde(rename = "Id")]
    id: String,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "RepoTags")]
    names: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default, rename = "DriverStatus")]
    driver: Option<Vec<Vec<String>>>,
}

/// What docker says of a storage that keeps blobs as they come.
const KEEPS_BLOBS: &str = "io.containerd.snapshotter.v1";

impl Api {
    /// The interface at `endpoint`, if it answers.
    pub(super) fn open(endpoint: Endpoint, limit: Option<Duration>) -> Result<Self, String> {
        let config = ureq::config::Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .build();
        let agent = Agent::with_parts(config, Dial { endpoint: endpoint.clone(), limit }, Nowhere);
        let mut api = Self { agent, endpoint, version: String::new() };
        let answer = api.ask(Method::GET, "/_ping")?;
        let version = answer.header(&VERSION).unwrap_or(OLDEST);
        if !version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err("it does not say which version of the interface it speaks".to_owned());
        }
        api.version = format!("/v{version}");
        Ok(api)
    }

    /// An image as an archive; `None` when it is not there.
    pub(super) fn save(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>, String> {
        // Asked first, because some daemons begin to answer before they have looked.
        if self.id(name)?.is_none() {
            return Ok(None);
        }
        let answer = self.ask(Method::GET, &format!("/images/get?names={}", encoded(name)))?;
        match answer.status {
            200 => Ok(Some(Box::new(Saved::new(answer.into_reader(), || Ok(()))))),
            404 => Ok(None),
            _ => Err(said(answer)),
        }
    }

    /// Takes an archive in.
    pub(super) fn load(&self) -> Result<Box<dyn Feed>, String> {
        let (agent, url) = (self.agent.clone(), self.url("/images/load?quiet=1"));
        let endpoint = self.endpoint.clone();
        let taken = feed::feed(move |mut reader| {
            let body = Body::Chunked("application/x-tar", &mut reader);
            let answer = http::send(&agent, Request::new(Method::POST, &url).body(body));
            let answer = answer.map_err(|failure| unanswered(failure, &endpoint))?;
            match answer.status {
                200 => replies::of_api(&answer.into_bytes(MAX_ANSWER).map_err(|_| "its answer ends early".to_owned())?),
                _ => Err(said(answer)),
            }
        });
        taken.map(|feed| Box::new(feed) as Box<dyn Feed>).map_err(|problem| problem.to_string())
    }

    /// The id of an image; `None` when it is not there.
    pub(super) fn id(&self, name: &str) -> Result<Option<Digest>, String> {
        let answer = self.ask(Method::GET, &format!("/images/{name}/json"))?;
        match answer.status {
            200 => {
                let inspected: Inspected = read(answer)?;
                let id = inspected.id.trim_start_matches("sha256:");
                Digest::from_hex(id).map(Some).ok_or_else(|| format!("it has an id that is none: {}", shown(id)))
            }
            404 => Ok(None),
            _ => Err(said(answer)),
        }
    }

    /// Whether it keeps images unpacked only.
    pub(super) fn unpacks(&self) -> Result<bool, String> {
        let info: Info = read(self.ask(Method::GET, "/info")?)?;
        let mut words = info.driver.iter().flatten().flatten();
        Ok(!words.any(|word| word == KEEPS_BLOBS))
    }

    /// The names of all images.
    pub(super) fn names(&self) -> Result<Vec<String>, String> {
        let listed: Vec<Listed> = read(self.ask(Method::GET, "/images/json")?)?;
        Ok(listed.into_iter().flat_map(|image| image.names.unwrap_or_default()).collect())
    }

    fn url(&self, target: &str) -> Url {
        Url::new(true, "localhost", format!("{}{target}", self.version))
    }

    fn ask(&self, method: Method, target: &str) -> Result<Answer, String> {
        let answer = http::send(&self.agent, Request::new(method, &self.url(target)));
        answer.map_err(|failure| unanswered(failure, &self.endpoint))
    }
}

fn read<T: for<'de> Deserialize<'de>>(answer: Answer) -> Result<T, String> {
    let bytes = answer.into_bytes(MAX_ANSWER).map_err(|_| "its answer ends early".to_owned())?;
    serde_json::from_slice(&bytes).map_err(|problem| format!("its answer makes no sense: {problem}"))
}

/// What a daemon says of an error.
fn said(answer: Answer) -> String {
    let status = answer.status;
    let bytes = answer.into_bytes(MAX_ERROR).unwrap_or_default();
    match serde_json::from_slice::<Message>(&bytes) {
        Ok(said) => shown(&said.message),
        Err(_) => format!("status {status} {}", shown(&String::from_utf8_lossy(&bytes))),
    }
}

/// Why a daemon does not answer, and what helps.
fn unanswered(failure: Failure, endpoint: &Endpoint) -> String {
    let place = match endpoint {
        Endpoint::Socket(path) => path.display().to_string(),
        Endpoint::Command(name) => name.clone(),
    };
    match failure {
        Failure::Absent => format!("nothing is at {place}: is the daemon running?"),
        Failure::Forbidden => format!("no permission to use {place}: docker's own are in the group docker"),
        Failure::Unreachable(_) => format!("nothing listens at {place}: is the daemon running?"),
        Failure::Silent => format!("no answer from {place} in time"),
        Failure::Here(why) | Failure::Broken(why) | Failure::Nonsense(why) => format!("{place}: {why}"),
        _ => format!("no answer from {place}"),
    }
}

/// Finds no address, because none is needed.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(
        &self,
        _: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}
