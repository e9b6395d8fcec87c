//! Proving to a registry who is asking: passwords, and tokens that its authority makes of them.
//!
//! # Decisions
//! - Nothing is sent before the registry asks for it, and then only what it asked for.
//! - A password goes to the place that the registry names as its authority, but not in the open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use ureq::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use ureq::http::{HeaderValue, Method};

use super::answers::{is_passing, unexpected};
use super::challenge::{self, Challenge};
use crate::remote::credentials::{self, Found, Login, Proof};
use crate::remote::error::Trouble;
use crate::remote::http::{Answer, Body, Http, Request, Retries, Url, encoded, is_loopback};
use crate::remote::secret::Secret;

/// How long a token lasts that does not tell.
const LASTS: Duration = Duration::from_secs(60);
/// How long before its end a token is no longer used.
const MARGIN: Duration = Duration::from_secs(5);
/// Bytes of an answer with a token.
const MAX_ANSWER: u64 = 1 << 20;

/// Something that is asked of a registry needs to be allowed: `repository:NAME:pull`.
pub(super) type Scope = String;

/// The proofs for one registry.
#[derive(Debug)]
pub(super) struct Auth {
    http: Arc<Http>,
    /// What credentials are kept under.
    host: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    challenge: Option<Challenge>,
    /// Scopes that the registry asked for besides what was thought to be needed, by that.
    more: HashMap<String, Vec<Scope>>,
    /// By repository.
    found: HashMap<String, Arc<Found>>,
    /// By all scopes.
    tokens: HashMap<String, Token>,
}

#[derive(Clone, Debug)]
struct Token {
    value: Secret,
    until: Duration,
}

/// What an authority answers.
#[derive(Deserialize)]
struct Made {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Auth {
    /// Nothing is known of the registry yet.
    pub(super) fn new(http: Arc<Http>, host: &str) -> Self {
        Self { http, host: host.to_owned(), state: Mutex::default() }
    }

    /// What to send so that `scopes`, the first of which is about `repository`, are allowed; `None` for nothing.
    pub(super) fn proof(&self, repository: &str, scopes: &[Scope]) -> Result<Option<HeaderValue>, Trouble> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(challenge) = state.challenge.clone() else { return Ok(None) };
        let found = self.found(&mut state, repository);
        match (challenge, found.login.as_ref().map(|login| &login.proof)) {
            (Challenge::Basic, Some(Proof::Password(user, password))) => Ok(Some(basic(user, password))),
            (Challenge::Basic, _) => Err(self.missing(&found)),
            (Challenge::Bearer { .. }, Some(Proof::Registry(token))) => bearer(token).map(Some),
            (Challenge::Bearer { realm, service, .. }, _) => {
                let key = scopes.join(" ");
                let more = state.more.get(&key).cloned().unwrap_or_default();
                let now = self.http.settings().clock.now();
                if let Some(token) = state.tokens.get(&key).filter(|token| now < token.until) {
                    return bearer(&token.value).map(Some);
                }
                // Made with the lock held: others that need the same token wait for it.
                let scopes: Vec<&Scope> = scopes.iter().chain(&more).collect();
                let token = self.make(&realm, service.as_deref(), &scopes, found.login.as_ref())?;
                let header = bearer(&token.value)?;
                state.tokens.insert(key, token);
                Ok(Some(header))
            }
        }
    }

    /// Takes in that `answer` was 401 after `sent` was sent. An error when there is no sense in asking again.
    pub(super) fn refused(
        &self,
        answer: &Answer,
        repository: &str,
        scopes: &[Scope],
        was_sent: bool,
        is_last: bool,
    ) -> Result<(), Trouble> {
        let headers = answer.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.found(&mut state, repository);
        let Some(challenge) = challenge::parse(headers) else {
            return Err(self.rejected(&found));
        };
        let key = scopes.join(" ");
        if let Challenge::Bearer { scope, too_little, .. } = &challenge {
            state.tokens.remove(&key);
            let more: Vec<Scope> = scope.iter().filter(|scope| !scopes.contains(scope)).cloned().collect();
            let asks_more = state.more.get(&key).map_or(!more.is_empty(), |known| *known != more);
            state.more.insert(key, more);
            if was_sent && *too_little && !asks_more {
                return Err(self.not_allowed(&found, scopes));
            }
        } else if was_sent {
            return Err(self.rejected(&found));
        }
        let is_token = matches!(challenge, Challenge::Bearer { .. });
        state.challenge = Some(challenge);
        match is_last {
            false => Ok(()),
            // With a fresh token of its own authority the login is right, but not good enough.
            true if is_token => Err(self.not_allowed(&found, scopes)),
            true => Err(self.rejected(&found)),
        }
    }

    fn found(&self, state: &mut State, repository: &str) -> Arc<Found> {
        let find = || Arc::new(credentials::find(self.http.settings(), &self.host, repository));
        state.found.entry(repository.to_owned()).or_insert_with(find).clone()
    }

    fn missing(&self, found: &Found) -> Trouble {
        let note = if found.notes.is_empty() { String::new() } else { format!(" ({})", found.notes.join("; ")) };
        Trouble::NoCredentials { host: self.host.clone(), note }
    }

    fn rejected(&self, found: &Found) -> Trouble {
        match &found.login {
            Some(login) => Trouble::Credentials { host: self.host.clone(), from: login.from.clone() },
            None => self.missing(found),
        }
    }

    /// There is a login, and it is not enough.
    fn not_allowed(&self, found: &Found, scopes: &[Scope]) -> Trouble {
        let Some(login) = &found.login else { return self.missing(found) };
        let what = if scopes.iter().any(|scope| scope.ends_with("push")) { "pushing there" } else { "pulling it" };
        Trouble::Denied { host: self.host.clone(), what, detail: format!(" (401) to the login from {}", login.from) }
    }

    /// Has a token made.
    fn make(
        &self,
        realm: &Url,
        service: Option<&str>,
        scopes: &[&Scope],
        login: Option<&Login>,
    ) -> Result<Token, Trouble> {
        let is_safe = !realm.is_plain() || is_loopback(realm.authority());
        if login.is_some() && !is_safe && !self.http.settings().insecure {
            let why = format!("it wants the login to be sent to {} without TLS", realm.authority());
            return Err(Trouble::NoRegistry { host: self.host.clone(), why });
        }
        let settings = self.http.settings();
        let mut retries = Retries::new(settings.patience, &*settings.clock);
        loop {
            let asked = settings.clock.now();
            let failure = match self.exchange(realm, service, scopes, login)? {
                Ok(answer) if answer.status == 200 => {
                    return token(answer, asked)
                        .map_err(|why| Trouble::NoRegistry { host: realm.authority().to_owned(), why });
                }
                Ok(answer) if is_passing(answer.status) => {
                    if retries.again(super::answers::asked(&answer)) {
                        continue;
                    }
                    return Err(unexpected(realm.authority(), "the request for a token", answer));
                }
                Ok(answer) => return Err(self.no_token(realm, answer, login)),
                Err(failure) => failure,
            };
            if !failure.is_of_the_moment() || !retries.again(None) {
                return Err(failure.trouble(realm.authority(), retries.tries()));
            }
        }
    }

    fn no_token(&self, realm: &Url, answer: Answer, login: Option<&Login>) -> Trouble {
        match (answer.status, login) {
            (400 | 401 | 403, Some(login)) => {
                Trouble::Credentials { host: self.host.clone(), from: login.from.clone() }
            }
            (401 | 403, None) => self.missing(&Found::default()),
            _ => unexpected(realm.authority(), "the request for a token", answer),
        }
    }

    fn exchange(
        &self,
        realm: &Url,
        service: Option<&str>,
        scopes: &[&Scope],
        login: Option<&Login>,
    ) -> Result<Result<Answer, crate::remote::http::Failure>, Trouble> {
        if let Some(Proof::Identity(token)) = login.map(|login| &login.proof) {
            let mut form = String::from("grant_type=refresh_token&client_id=imgsquash&access_type=offline");
            let all: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
            for (name, value) in
                [("service", service.unwrap_or_default()), ("scope", &all.join(" ")), ("refresh_token", token.reveal())]
            {
                form.push_str(&format!("&{name}={}", encoded(value)));
            }
            let body = Body::Bytes("application/x-www-form-urlencoded", form.as_bytes());
            return self.http.send(Request::new(Method::POST, realm).body(body));
        }
        let mut url = realm.clone();
        if let Some(service) = service {
            url = url.with("service", service);
        }
        for scope in scopes {
            url = url.with("scope", scope);
        }
        let request = match login.map(|login| &login.proof) {
            Some(Proof::Password(user, password)) => {
                url = url.with("account", user);
                Request::new(Method::GET, &url).header(AUTHORIZATION, basic(user, password))
            }
            _ => Request::new(Method::GET, &url),
        };
        Ok(self.http.follow(request)?.map(|(answer, _)| answer))
    }
}

fn token(answer: Answer, asked: Duration) -> Result<Token, String> {
    let bytes = answer.into_bytes(MAX_ANSWER).map_err(|_| "its token ends early".to_owned())?;
    let made: Made = serde_json::from_slice(&bytes).map_err(|_| "its token is not valid JSON".to_owned())?;
    let value = made.token.filter(|token| !token.is_empty()).or(made.access_token).filter(|token| !token.is_empty());
    let value = Secret::new(value.ok_or("its answer has no token")?);
    let lasts = made.expires_in.filter(|seconds| *seconds > 0).map_or(LASTS, Duration::from_secs);
    Ok(Token { value, until: asked.saturating_add(lasts).saturating_sub(MARGIN) })
}

fn basic(user: &str, password: &Secret) -> HeaderValue {
    let text = BASE64_STANDARD.encode(format!("{user}:{}", password.reveal()));
    // Base 64 has no character that a header may not have.
    let mut value = HeaderValue::try_from(format!("Basic {text}")).unwrap_or(HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

fn bearer(token: &Secret) -> Result<HeaderValue, Trouble> {
    let value = HeaderValue::try_from(format!("Bearer {}", token.reveal()));
    let mut value = value.map_err(|_| Trouble::Here {
        what: "a token".to_owned(),
        why: "it has characters that cannot be sent".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}
