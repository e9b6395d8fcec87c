//! A registry, and a repository in it: questions are asked as who a person is, and again where that can help.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use ureq::http::header::AUTHORIZATION;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::answers::{asked, is_passing, unexpected};
use super::auth::{Auth, Scope};
use crate::oci::Reference;
use crate::remote::credentials::HUB;
use crate::remote::error::{RemoteError, Trouble};
use crate::remote::http::{Answer, Body, Failure, Http, Request, Retries, Url, is_loopback};
use crate::remote::settings::Settings;

/// The host of Docker Hub's interface.
const HUB_HOST: &str = "registry-1.docker.io";

/// All registries, as a person's machine reaches them.
#[derive(Debug)]
pub struct Registries {
    http: Arc<Http>,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

/// A registry.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) http: Arc<Http>,
    /// What people call it.
    pub(super) name: String,
    authority: String,
    is_plain: bool,
    auth: Auth,
}

/// A repository in a registry. Cheap to clone, and usable from any number of threads.
#[derive(Clone, Debug)]
pub struct Repository {
    pub(super) host: Arc<Host>,
    /// What the registry calls it.
    pub(super) name: String,
    /// What people call it.
    shown: String,
}

/// Something to ask.
pub(super) struct Question<'q> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) payload: Payload<'q>,
    /// What must be allowed.
    pub(super) scopes: Vec<Scope>,
    /// Whether it is asked once more only where the registry wanted to know who asks.
    pub(super) is_once: bool,
}

/// What is sent along, as often as it is asked for.
pub(super) enum Payload<'q> {
    None,
    /// A document and its type.
    Bytes(&'q str, &'q [u8]),
    /// So many bytes of what this opens.
    Open(&'q Open<'q>, u64),
}

/// Begins a blob anew.
pub type Open<'o> = dyn Fn() -> io::Result<Box<dyn Read>> + 'o;

impl Registries {
    /// The registries as `settings` lead to them.
    pub fn new(settings: Settings) -> Self {
        Self { http: Arc::new(Http::new(settings)), hosts: Mutex::default() }
    }

    /// The repository that `name` is in. Finds out how its registry is spoken to; whether the repository is there shows
    /// later.
    pub fn repository(&self, name: &Reference) -> Result<Repository, RemoteError> {
        let host = self.host(name.domain().unwrap_or(HUB)).map_err(|trouble| trouble.about(name.repository()))?;
        Ok(Repository { host, name: name.remote_path(), shown: name.repository() })
    }

    fn host(&self, name: &str) -> Result<Arc<Host>, Trouble> {
        // Held while a host is met, so that it is met once.
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(name) {
            return Ok(host.clone());
        }
        let host = Arc::new(Host::meet(&self.http, name)?);
        hosts.insert(name.to_owned(), host.clone());
        Ok(host)
    }
}

impl Host {
    /// Finds out whether the host speaks TLS: a registry on this machine, or one that was called insecure, need not.
    fn meet(http: &Arc<Http>, name: &str) -> Result<Self, Trouble> {
        let authority = if name == HUB { HUB_HOST } else { name };
        let may_be_plain = http.settings().insecure || is_loopback(authority);
        let mut is_plain = false;
        loop {
            let url = Url::new(is_plain, authority, "/v2/");
            let failure = match http.send(Request::new(Method::GET, &url))? {
                Ok(answer) if !is_plain && may_be_plain && answer.status == 400 => Failure::NotTls,
                Ok(_) => break,
                Err(failure) => failure,
            };
            let is_no_tls = matches!(failure, Failure::NotTls | Failure::Broken(_) | Failure::Silent);
            // Without a port, plain HTTP is at another one.
            let is_elsewhere = !authority.contains(':') && matches!(failure, Failure::Unreachable(_));
            if is_plain || !may_be_plain || !(is_no_tls || is_elsewhere) {
                return Err(failure.trouble(name, 1));
            }
            is_plain = true;
        }
        let auth = Auth::new(http.clone(), name);
        let (name, authority) = (name.to_owned(), authority.to_owned());
        Ok(Self { http: http.clone(), name, authority, is_plain, auth })
    }

    /// An error about an answer that nobody expected.
    pub(super) fn unexpected(&self, what: &'static str, answer: Answer) -> Trouble {
        unexpected(&self.name, what, answer)
    }
}

impl Repository {
    /// What people call it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether `other` is in the same registry.
    pub fn is_beside(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.host, &other.host)
    }

    /// An address below the repository.
    pub(super) fn url(&self, rest: &str) -> Url {
        Url::new(self.host.is_plain, &self.host.authority, format!("/v2/{}/{rest}", self.name))
    }

    /// What must be allowed for reading, or for reading and writing.
    pub(super) fn scopes(&self, is_push: bool) -> Vec<Scope> {
        vec![format!("repository:{}:{}", self.name, if is_push { "pull,push" } else { "pull" })]
    }

    /// A question about something below the repository.
    pub(super) fn question<'q>(&self, method: Method, rest: &str, is_push: bool) -> Question<'q> {
        Question {
            method,
            url: self.url(rest),
            headers: HeaderMap::new(),
            payload: Payload::None,
            scopes: self.scopes(is_push),
            is_once: false,
        }
    }

    /// How often and how long things are tried.
    pub(super) fn retries(&self) -> Retries<'_> {
        let settings = self.host.http.settings();
        Retries::new(settings.patience, &*settings.clock)
    }

    /// Asks, again where that can help. The answer is whatever the registry says in the end, and where it came from.
    pub(super) fn ask(&self, question: &Question<'_>) -> Result<(Answer, Url), Trouble> {
        let mut retries = self.retries();
        loop {
            let failure = match self.ask_known(question)? {
                Ok((answer, url)) => {
                    if !is_passing(answer.status) || question.is_once || !retries.again(asked(&answer)) {
                        return Ok((answer, url));
                    }
                    continue;
                }
                Err(failure) => failure,
            };
            let may_pass = failure.may_pass() && !question.is_once;
            if !may_pass || !retries.again(None) {
                return Err(failure.trouble(&self.host.name, retries.tries().max(1)));
            }
        }
    }

    /// Asks, and proves who asks if the registry wants to know.
    pub(super) fn ask_known(&self, question: &Question<'_>) -> Result<Result<(Answer, Url), Failure>, Trouble> {
        let Host { auth, .. } = &*self.host;
        for is_last in [false, true] {
            let is_own = self.is_own(&question.url);
            let proof = if is_own { auth.proof(&self.name, &question.scopes)? } else { None };
            let was_sent = proof.is_some();
            let (answer, url) = match self.send(question, proof)? {
                Ok(found) => found,
                Err(failure) => return Ok(Err(failure)),
            };
            // Where a redirect led to is not told who asks, whatever it wants.
            if answer.status != 401 || !url.is_same_origin(&question.url) || !is_own {
                return Ok(Ok((answer, url)));
            }
            auth.refused(&answer, &self.name, &question.scopes, was_sent, is_last)?;
        }
        Ok(Err(Failure::Nonsense("it asks for a login without end".to_owned())))
    }

    /// Says something once, with what is at hand to prove who says it, whatever the registry makes of it.
    pub(super) fn mention(&self, question: &Question<'_>) {
        let proof =
            if self.is_own(&question.url) { self.host.auth.proof(&self.name, &question.scopes) } else { Ok(None) };
        if let Ok(proof) = proof {
            let _ = self.send(question, proof);
        }
    }

    /// Whether an address is the registry's own. An upload may go on elsewhere; who is asking is not told there.
    fn is_own(&self, url: &Url) -> bool {
        url.authority() == self.host.authority && url.is_plain() == self.host.is_plain
    }

    fn send(
        &self,
        question: &Question<'_>,
        proof: Option<HeaderValue>,
    ) -> Result<Result<(Answer, Url), Failure>, Trouble> {
        let http = &self.host.http;
        let mut request = Request::new(question.method.clone(), &question.url);
        request.headers = question.headers.clone();
        if let Some(proof) = proof {
            request.headers.insert(AUTHORIZATION, proof);
        }
        let here = |answer: Answer| (answer, question.url.clone());
        match &question.payload {
            Payload::None if matches!(question.method, Method::GET) => http.follow(request),
            Payload::None => Ok(http.send(request)?.map(here)),
            Payload::Bytes(media_type, bytes) => Ok(http.send(request.body(Body::Bytes(media_type, bytes)))?.map(here)),
            Payload::Open(open, length) => match open() {
                Ok(mut reader) => Ok(http.send(request.body(Body::Stream(&mut *reader, *length)))?.map(here)),
                Err(problem) => Ok(Err(Failure::Here(problem.to_string()))),
            },
        }
    }
}

/// A header that says what is asked.
pub(super) fn header(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
