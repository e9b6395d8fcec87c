//! The client: a connection pool for each host, with the trust and the proxy that it has.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustls::RootCertStore;
use ureq::Agent;
use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, LOCATION};
use ureq::http::{self, HeaderMap, HeaderName, HeaderValue, Method};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};

use super::failure::Failure;
use super::tls::Tls;
use super::url::Url;
use super::{proxy, roots};
use crate::remote::error::Trouble;
use crate::remote::settings::Settings;

/// Redirects after one another.
const MAX_HOPS: usize = 5;
/// Bytes of a body that is sent only once the other side says that it wants it.
const ASK_FIRST: u64 = 1 << 20;

/// Asks hosts.
#[derive(Debug)]
pub(crate) struct Http {
    settings: Settings,
    /// The system's authorities.
    roots: OnceLock<RootCertStore>,
    /// By scheme and authority.
    agents: Mutex<HashMap<(bool, String), Agent>>,
}

/// A question.
#[derive(Debug)]
pub(crate) struct Request<'r> {
    pub(crate) method: Method,
    pub(crate) url: &'r Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body<'r>,
}

/// What is sent along.
pub(crate) enum Body<'r> {
    None,
    /// A document and its type.
    Bytes(&'r str, &'r [u8]),
    /// Exactly so many bytes.
    Stream(&'r mut dyn Read, u64),
    /// As many bytes as there are, of this type.
    Chunked(&'r str, &'r mut dyn Read),
}

impl std::fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Bytes(..) => "Bytes",
            Self::Stream(..) => "Stream",
            Self::Chunked(..) => "Chunked",
        })
    }
}

/// An answer, its body still to be read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: ureq::Body,
}

impl<'r> Request<'r> {
    /// A question without headers or body.
    pub(crate) fn new(method: Method, url: &'r Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Body::None }
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// With a body.
    pub(crate) fn body(self, body: Body<'r>) -> Self {
        Self { body, ..self }
    }
}

impl Answer {
    /// A header, if it is a text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The length of the body, where it is told.
    pub(crate) fn length(&self) -> Option<u64> {
        self.header(&CONTENT_LENGTH).and_then(|length| length.parse().ok())
    }

    /// The body as a stream.
    pub(crate) fn into_reader(self) -> impl Read + Send + 'static {
        self.body.into_reader()
    }

    /// The whole body, up to `limit` bytes; the rest is left.
    pub(crate) fn into_bytes(self, limit: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let length = self.length();
        self.into_reader().take(limit).read_to_end(&mut bytes)?;
        match length {
            Some(length) if (bytes.len() as u64) < length.min(limit) => {
                Err(Failure::Broken("the answer ended early".to_owned()))
            }
            _ => Ok(bytes),
        }
    }
}

impl Http {
    /// A client for a machine.
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, roots: OnceLock::new(), agents: Mutex::default() }
    }

    /// The machine.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Asks once. Whatever comes back is an answer, a redirect and a failed one too.
    pub(crate) fn send(&self, request: Request<'_>) -> Result<Result<Answer, Failure>, Trouble> {
        let agent = self.agent(request.url)?;
        Ok(send(&agent, request))
    }

    /// Asks, and goes where redirects lead, without the header that proves who is asking: only the host that was meant
    /// gets that. The address returned is where the answer came from.
    pub(crate) fn follow(&self, request: Request<'_>) -> Result<Result<(Answer, Url), Failure>, Trouble> {
        let Request { method, url: first, mut headers, body } = request;
        debug_assert!(matches!(body, Body::None), "what is sent is never sent on");
        let mut url = first.clone();
        for _ in 0..=MAX_HOPS {
            let next = Request { method: method.clone(), url: &url, headers: headers.clone(), body: Body::None };
            let answer = match self.send(next)? {
                Ok(answer) => answer,
                Err(failure) => return Ok(Err(failure)),
            };
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(Ok((answer, url)));
            }
            let target = answer.header(&LOCATION).and_then(|location| url.join(location));
            let Some(target) = target else {
                return Ok(Err(Failure::Nonsense("it leads to an address that is none".to_owned())));
            };
            if target.is_plain() && !url.is_plain() && !self.settings.insecure {
                let why = format!("it leads from HTTPS to plain HTTP at {}: say --insecure to go there", target.host());
                return Ok(Err(Failure::Nonsense(why)));
            }
            if !target.is_same_origin(first) {
                headers.remove(AUTHORIZATION);
            }
            url = target;
        }
        Ok(Err(Failure::Nonsense("it leads on and on to other addresses".to_owned())))
    }

    fn agent(&self, url: &Url) -> Result<Agent, Trouble> {
        let key = (url.is_plain(), url.authority().to_owned());
        let known = self.agents.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(agent) = known {
            return Ok(agent);
        }
        let agent = self.make(url)?;
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(agents.entry(key).or_insert(agent).clone())
    }

    fn make(&self, url: &Url) -> Result<Agent, Trouble> {
        let patience = &self.settings.patience;
        let config = ureq::config::Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("imgsquash/", env!("CARGO_PKG_VERSION")))
            .proxy(proxy::proxy(url, &self.settings.proxies)?)
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_per_read(Some(patience.stall))
            .timeout_per_write(Some(patience.stall))
            .max_idle_connections_per_host(self.settings.connections)
            .build();
        let tls = if url.is_plain() { None } else { Some(self.tls(url.authority())?) };
        let base = ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default());
        let resolver = DefaultResolver::default();
        Ok(match tls {
            Some(tls) => Agent::with_parts(config, base.chain(tls), resolver),
            None => Agent::with_parts(config, base, resolver),
        })
    }

    fn tls(&self, authority: &str) -> Result<Tls, Trouble> {
        let roots = match self.roots.get() {
            Some(roots) => roots,
            None => {
                let found = roots::system(&self.settings)?;
                self.roots.get_or_init(|| found)
            }
        };
        Tls::new(roots, roots::own(&self.settings, authority)?, self.settings.insecure)
    }
}

/// Asks by way of `agent`.
pub(crate) fn send(agent: &Agent, request: Request<'_>) -> Result<Answer, Failure> {
    let mut built = http::Request::builder().method(request.method).uri(request.url.whole());
    if let Some(headers) = built.headers_mut() {
        *headers = request.headers;
        match &request.body {
            Body::None => {}
            Body::Bytes(media_type, _) | Body::Chunked(media_type, _) => {
                let value = HeaderValue::from_str(media_type).map_err(|_| nonsense("a media type"))?;
                headers.insert(CONTENT_TYPE, value);
            }
            Body::Stream(_, length) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
                headers.insert(CONTENT_LENGTH, HeaderValue::from(*length));
                if *length >= ASK_FIRST {
                    headers.insert(EXPECT, HeaderValue::from_static("100-continue"));
                }
            }
        }
    }
    let build = |built: http::request::Builder| built.body(()).map_err(|_| nonsense("an address"));
    let answer = match request.body {
        Body::None => agent.run(build(built)?)?,
        Body::Bytes(_, bytes) => agent.run(build(built)?.map(|()| bytes))?,
        Body::Stream(reader, length) => stream(agent, build(built)?, reader, Some(length))?,
        Body::Chunked(_, reader) => stream(agent, build(built)?, reader, None)?,
    };
    let (parts, body) = answer.into_parts();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}

fn nonsense(what: &str) -> Failure {
    Failure::Nonsense(format!("{what} that cannot be sent"))
}

/// Asks with a body that is read as it is sent.
fn stream(
    agent: &Agent,
    request: http::Request<()>,
    reader: &mut dyn Read,
    length: Option<u64>,
) -> Result<http::Response<ureq::Body>, Failure> {
    let mut watched = Watched { reader, left: length, problem: None };
    let answer = agent.run(request.map(|()| ureq::SendBody::from_reader(&mut watched)));
    match watched.problem {
        Some(problem) => Err(Failure::Here(problem)),
        None => Ok(answer?),
    }
}

/// Reads exactly so many bytes, or all, and remembers what went wrong on this side.
struct Watched<'r> {
    reader: &'r mut dyn Read,
    left: Option<u64>,
    problem: Option<String>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX)).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let problem = match self.reader.read(&mut buffer[..most]) {
            Ok(0) if self.left.is_some() => {
                io::Error::new(io::ErrorKind::UnexpectedEof, "there are fewer bytes than were promised")
            }
            Ok(n) => {
                self.left = self.left.map(|left| left - n as u64);
                return Ok(n);
            }
            Err(problem) if problem.kind() == io::ErrorKind::Interrupted => return Err(problem),
            Err(problem) => problem,
        };
        self.problem = Some(problem.to_string());
        Err(problem)
    }
}
