//! Writing to a registry: blobs only where they are not, then manifests, tags last.

use ureq::http::header::{ACCEPT, LOCATION};
use ureq::http::{HeaderMap, Method};

use super::answers::{self, Said, is_passing};
use super::host::{Open, Payload, Question, Repository, header};
use super::pull::{DIGEST, MANIFESTS};
use crate::blob::Mismatch;
use crate::oci::Digest;
use crate::remote::error::{RemoteError, Trouble, said};
use crate::remote::http::{Answer, Failure, Url};

/// The type of what has none.
const BYTES: &str = "application/octet-stream";

/// What became of a blob or a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It was there already.
    Existed,
    /// The registry took it from another repository.
    Mounted,
    /// It was sent.
    Sent,
}

/// What asking for an upload came to.
enum Begun {
    /// The upload goes on there.
    At(Url),
    /// It is not needed.
    Mounted,
}

impl Repository {
    /// Whether whoever is asking may push here. Nothing is left of the question.
    pub fn check_push(&self) -> Result<(), RemoteError> {
        match self.begin(None).map_err(|trouble| trouble.about(self.shown_place()))? {
            Begun::At(session) => self.forget(session),
            Begun::Mounted => {}
        }
        Ok(())
    }

    /// Whether the blob is there.
    pub fn has_blob(&self, digest: Digest) -> Result<bool, RemoteError> {
        self.exists(digest).map_err(|trouble| trouble.about(self.subject(&digest.to_string())))
    }

    /// Whether the blob is there, or is now because the registry took it from one of the repositories `beside`.
    pub fn place_blob(&self, digest: Digest, beside: &[Self]) -> Result<bool, RemoteError> {
        if self.has_blob(digest)? {
            return Ok(true);
        }
        for beside in beside.iter().filter(|beside| beside.is_beside(self) && beside.name != self.name) {
            match self.begin(Some((digest, beside))) {
                Ok(Begun::Mounted) => return Ok(true),
                Ok(Begun::At(session)) => self.forget(session),
                // Not everybody may read there, and not every registry says so in the same way.
                Err(_) => {}
            }
        }
        Ok(false)
    }

    /// Sees to it that the blob called `digest` is there: it is looked for, taken from the repository `beside` in the
    /// same registry, or sent, `size` bytes of what `open` opens.
    pub fn push_blob(
        &self,
        digest: Digest,
        size: u64,
        beside: Option<&Self>,
        open: &Open<'_>,
    ) -> Result<Pushed, RemoteError> {
        let beside = beside.filter(|beside| beside.is_beside(self) && beside.name != self.name);
        let pushed = self.bring(digest, size, beside, open);
        pushed.map_err(|trouble| trouble.about(self.subject(&digest.to_string())))
    }

    /// Puts a manifest or an index, which everything that it names must be there for, under its digest.
    pub fn push_manifest(&self, media_type: &str, bytes: &[u8]) -> Result<Pushed, RemoteError> {
        let digest = Digest::of(bytes);
        let pushed = self.put(&digest.to_string(), digest, media_type, bytes);
        pushed.map_err(|trouble| trouble.about(self.subject(&digest.to_string())))
    }

    /// Points a tag to a manifest or an index. A tag that points to it already is left as it is, because a registry may
    /// refuse to set it again.
    pub fn push_tag(&self, tag: &str, media_type: &str, bytes: &[u8]) -> Result<Pushed, RemoteError> {
        self.put(tag, Digest::of(bytes), media_type, bytes).map_err(|trouble| trouble.about(self.subject(tag)))
    }

    fn shown_place(&self) -> String {
        format!("docker://{}", self.shown())
    }

    fn exists(&self, digest: Digest) -> Result<bool, Trouble> {
        let (answer, _) = self.ask(&self.question(Method::HEAD, &format!("blobs/{digest}"), true))?;
        match answer.status {
            // It knows where the blob is.
            200 | 301 | 302 | 303 | 307 | 308 => Ok(true),
            404 => Ok(false),
            _ => Err(self.host.unexpected("the question for a blob", answer)),
        }
    }

    fn bring(&self, digest: Digest, size: u64, beside: Option<&Self>, open: &Open<'_>) -> Result<Pushed, Trouble> {
        if self.exists(digest)? {
            return Ok(Pushed::Existed);
        }
        let mut session = match beside.map(|beside| self.begin(Some((digest, beside)))) {
            Some(Ok(Begun::Mounted)) => return Ok(Pushed::Mounted),
            Some(Ok(Begun::At(session))) => Some(session),
            // Not everybody may read there, and not every registry says so in the same way.
            Some(Err(_)) | None => None,
        };
        let mut retries = self.retries();
        loop {
            let url = match session.take() {
                Some(url) => url,
                None => match self.begin(None)? {
                    Begun::At(url) => url,
                    Begun::Mounted => return Ok(Pushed::Mounted),
                },
            };
            let failed = match self.send_blob(&url, digest, size, open)? {
                Ok(()) => return Ok(Pushed::Sent),
                Err(failed) => failed,
            };
            self.forget(url);
            if !retries.again(None) {
                return Err(failed.trouble(&self.host.name, retries.tries()));
            }
            // What broke may have been only the answer.
            if self.exists(digest)? {
                return Ok(Pushed::Sent);
            }
        }
    }

    /// Begins an upload, or has the blob taken from another repository.
    fn begin(&self, mount: Option<(Digest, &Self)>) -> Result<Begun, Trouble> {
        let mut question = self.question(Method::POST, "blobs/uploads/", true);
        if let Some((digest, from)) = mount {
            question.url = question.url.with("mount", &digest.to_string()).with("from", &from.name);
            question.scopes.extend(from.scopes(false));
        }
        // Without a body of length zero, some would wait for one.
        question.payload = Payload::Bytes(BYTES, &[]);
        let (answer, url) = self.ask(&question)?;
        match answer.status {
            201 if mount.is_some() => Ok(Begun::Mounted),
            202 => match answer.header(&LOCATION).and_then(|location| url.join(location)) {
                Some(session) => Ok(Begun::At(session)),
                None => Err(self.no_registry("it begins an upload and does not say where")),
            },
            404 => Err(Trouble::NoRepository { host: self.host.name.clone(), repository: self.name.clone() }),
            _ => Err(self.host.unexpected("an upload", answer)),
        }
    }

    /// Sends a blob within a session. The inner error may be overcome in another one.
    fn send_blob(
        &self,
        session: &Url,
        digest: Digest,
        size: u64,
        open: &Open<'_>,
    ) -> Result<Result<(), Failure>, Trouble> {
        let question = Question {
            method: Method::PUT,
            url: session.clone().with("digest", &digest.to_string()),
            headers: HeaderMap::new(),
            payload: if size == 0 { Payload::Bytes(BYTES, &[]) } else { Payload::Open(open, size) },
            scopes: self.scopes(true),
            is_once: true,
        };
        let (answer, _) = match self.ask_known(&question)? {
            Ok(answered) => answered,
            Err(failure) if failure.may_pass() => return Ok(Err(failure)),
            Err(failure) => return Err(failure.trouble(&self.host.name, 1)),
        };
        let status = answer.status;
        match status {
            201 | 202 | 204 => {
                let told = answer.header(&DIGEST).and_then(|told| told.parse::<Digest>().ok());
                match told {
                    Some(told) if told == digest => Ok(Ok(())),
                    // It does not say what it has: is it what was sent?
                    _ if self.exists(digest)? => Ok(Ok(())),
                    _ => Ok(Err(Failure::Broken("it took a blob and does not have it".to_owned()))),
                }
            }
            status if is_passing(status) => {
                let detail = said(&answers::read(answer).text);
                Ok(Err(Failure::Broken(format!("status {status}{detail}"))))
            }
            400 | 404 | 416 => {
                let Said { code, text } = answers::read(answer);
                // The session is gone, or bytes were lost on the way.
                let is_session = matches!(
                    code.as_str(),
                    "BLOB_UPLOAD_UNKNOWN" | "BLOB_UPLOAD_INVALID" | "DIGEST_INVALID" | "SIZE_INVALID"
                );
                match is_session || status != 400 {
                    true => Ok(Err(Failure::Broken(format!("status {status}{}", said(&text))))),
                    false => Err(Trouble::Unexpected {
                        host: self.host.name.clone(),
                        what: "an upload",
                        status,
                        detail: said(&text),
                    }),
                }
            }
            413 => Err(Trouble::Unexpected {
                host: self.host.name.clone(),
                what: "an upload",
                status,
                detail: format!(": a blob of {size} bytes is too large for it, or for a proxy before it"),
            }),
            _ => Err(self.host.unexpected("an upload", answer)),
        }
    }

    /// Ends an upload that nobody goes on with. Registries forget such ones by themselves; this is only polite.
    fn forget(&self, session: Url) {
        let mut question = self.question(Method::DELETE, "", true);
        question.url = session;
        self.mention(&question);
    }

    /// Which manifest is there under `reference`; `None` when none is, or when it cannot be told.
    fn standing(&self, reference: &str) -> Result<Option<Digest>, Trouble> {
        let mut question = self.question(Method::HEAD, &format!("manifests/{reference}"), true);
        header(&mut question.headers, ACCEPT, MANIFESTS);
        let (answer, _) = self.ask(&question)?;
        match answer.status {
            200 => Ok(answer.header(&DIGEST).and_then(|digest| digest.parse().ok())),
            _ => Ok(None),
        }
    }

    fn put(&self, reference: &str, digest: Digest, media_type: &str, bytes: &[u8]) -> Result<Pushed, Trouble> {
        let standing = self.standing(reference)?;
        if standing == Some(digest) {
            return Ok(Pushed::Existed);
        }
        let mut question = self.question(Method::PUT, &format!("manifests/{reference}"), true);
        question.payload = Payload::Bytes(media_type, bytes);
        let (answer, _) = self.ask(&question)?;
        if !matches!(answer.status, 200..=204) {
            return Err(self.refused(reference, standing.is_some(), answer));
        }
        match answer.header(&DIGEST).and_then(|told| told.parse::<Digest>().ok()) {
            Some(found) if found != digest => Err(Trouble::Mismatch {
                what: "the manifest as the registry took it".to_owned(),
                problem: Mismatch::Digest { expected: digest, found },
            }),
            _ => Ok(Pushed::Sent),
        }
    }

    /// Why a manifest was not taken.
    fn refused(&self, reference: &str, is_there: bool, answer: Answer) -> Trouble {
        let status = answer.status;
        if !matches!(status, 400 | 403 | 404 | 409 | 412) {
            return self.host.unexpected("the manifest", answer);
        }
        let Said { code, text } = answers::read(answer);
        let (host, detail) = (self.host.name.clone(), said(&text));
        let says_so = code == "TAG_INVALID" || text.to_ascii_lowercase().contains("immutable");
        if is_there && !reference.contains(':') && (says_so || matches!(status, 409 | 412)) {
            return Trouble::Immutable { tag: reference.to_owned(), detail: format!(" ({status}{detail})") };
        }
        match status {
            403 => Trouble::Denied { host, what: "the manifest", detail: format!(" (403){detail}") },
            _ => Trouble::Unexpected { host, what: "the manifest", status, detail },
        }
    }

    fn no_registry(&self, why: &str) -> Trouble {
        Trouble::NoRegistry { host: self.host.name.clone(), why: why.to_owned() }
    }
}
