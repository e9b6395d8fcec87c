//! Reading from a registry: manifests whole, blobs as they arrive.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::Method;
use ureq::http::header::{ACCEPT, CONTENT_RANGE, CONTENT_TYPE, HeaderName, RANGE};

use super::answers::{self, asked, is_passing};
use super::host::{Question, Repository, header};
use crate::blob::{Mismatch, check};
use crate::oci::Digest;
use crate::remote::error::{RemoteError, Trouble};
use crate::remote::http::{Failure, Retries};

/// Every form of manifest that can be read, or that can be told apart.
pub(super) const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// Where registries tell the digest of a manifest.
pub(super) const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Bytes that are taken at once.
const PIECE: usize = 128 << 10;

/// A manifest or an index, as the registry has it.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// What it says that it is.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
}

/// Takes bytes of a blob that come after so many.
type Taken<'t> = dyn FnMut(&[u8], u64) -> Result<(), Trouble> + 't;

/// What becomes of the bytes of a blob, in order.
pub type Into<'i> = dyn FnMut(&[u8]) -> io::Result<()> + 'i;

impl Repository {
    /// The manifest or index that `reference` (a tag or a digest) names, which has no more than `limit` bytes. With a
    /// digest its bytes are verified against it.
    pub fn manifest(&self, reference: &str, limit: u64) -> Result<Fetched, RemoteError> {
        self.fetch_manifest(reference, limit).map_err(|trouble| trouble.about(self.subject(reference)))
    }

    /// The blob called `digest`, which has `size` bytes, piece by piece. After a connection that broke it goes on where
    /// it was. Whether the bytes are the right ones, but for their number, is for the caller to see.
    pub fn blob(&self, digest: Digest, size: u64, into: &mut Into<'_>) -> Result<(), RemoteError> {
        let fetched = self.fetch_blob(digest, size, into);
        fetched.map_err(|trouble| trouble.about(self.subject(&digest.to_string())))
    }

    /// How something in the repository is called in messages.
    pub(super) fn subject(&self, reference: &str) -> String {
        let sign = if reference.contains(':') { '@' } else { ':' };
        format!("docker://{}{sign}{reference}", self.shown())
    }

    fn fetch_manifest(&self, reference: &str, limit: u64) -> Result<Fetched, Trouble> {
        let mut question = self.question(Method::GET, &format!("manifests/{reference}"), false);
        header(&mut question.headers, ACCEPT, MANIFESTS);
        let mut retries = self.retries();
        let answer = loop {
            let (answer, _) = self.ask(&question)?;
            match answer.status {
                200 => {}
                404 => return Err(self.no_manifest(reference, answer)),
                _ => return Err(self.host.unexpected("the request for the manifest", answer)),
            }
            let told = answer.header(&DIGEST).and_then(|digest| digest.parse::<Digest>().ok());
            let media_type = answer.header(&CONTENT_TYPE).unwrap_or_default().to_owned();
            match answer.into_bytes(limit + 1) {
                Ok(bytes) => break (told, media_type, bytes),
                Err(failure) if failure.may_pass() && retries.again(None) => {}
                Err(failure) => return Err(failure.trouble(&self.host.name, retries.tries())),
            }
        };
        let (told, media_type, bytes) = answer;
        if bytes.len() as u64 > limit {
            let why = format!("its manifest has more than the {limit} bytes that a manifest may have");
            return Err(Trouble::NoRegistry { host: self.host.name.clone(), why });
        }
        let digest = Digest::of(&bytes);
        let expected = reference.parse::<Digest>().ok().or(told);
        if let Some(expected) = expected.filter(|expected| *expected != digest) {
            let problem = Mismatch::Digest { expected, found: digest };
            return Err(Trouble::Mismatch { what: "the manifest".to_owned(), problem });
        }
        Ok(Fetched { media_type: media_type_of(&media_type, &bytes), bytes, digest })
    }

    fn no_manifest(&self, reference: &str, answer: crate::remote::http::Answer) -> Trouble {
        if answers::read(answer).code == "NAME_UNKNOWN" {
            return Trouble::NoRepository { host: self.host.name.clone(), repository: self.name.clone() };
        }
        if reference.contains(':') {
            return Trouble::NoManifest { reference: reference.to_owned(), hint: String::new() };
        }
        Trouble::NoManifest { reference: format!("tag {reference}"), hint: self.hint(reference) }
    }

    fn fetch_blob(&self, digest: Digest, size: u64, into: &mut Into<'_>) -> Result<(), Trouble> {
        let begun = self.host.http.settings().clock.now();
        let mut retries = self.retries();
        let mut done = 0_u64;
        let mut taken = |bytes: &[u8], done| {
            self.check_speed(begun, done)?;
            into(bytes).map_err(|why| Trouble::Here { what: "cannot keep the blob".to_owned(), why: why.to_string() })
        };
        while done < size {
            let before = done;
            let failure = match self.fetch_from(digest, size, &mut done, &mut taken, &mut retries)? {
                Ok(()) => continue,
                Err(failure) => failure,
            };
            if done > before {
                retries.progress();
            }
            if !failure.may_pass() || !retries.again(None) {
                return Err(failure.trouble(&self.host.name, retries.tries()));
            }
        }
        Ok(())
    }

    /// Whether a transfer that began at `begun` gets on. One that does not would hold everything up for ever.
    fn check_speed(&self, begun: Duration, done: u64) -> Result<(), Trouble> {
        let settings = self.host.http.settings();
        let (patience, spent) = (settings.patience, settings.clock.now().saturating_sub(begun));
        match done < spent.saturating_sub(patience.total).as_secs().saturating_mul(patience.slowest) {
            true => Err(Trouble::Slow { host: self.host.name.clone(), slowest: patience.slowest }),
            false => Ok(()),
        }
    }

    /// Goes on from `done` until everything is there or the connection breaks.
    fn fetch_from(
        &self,
        digest: Digest,
        size: u64,
        done: &mut u64,
        taken: &mut Taken<'_>,
        retries: &mut Retries<'_>,
    ) -> Result<Result<(), Failure>, Trouble> {
        let mut question: Question<'_> = self.question(Method::GET, &format!("blobs/{digest}"), false);
        if *done > 0 {
            header(&mut question.headers, RANGE, &format!("bytes={done}-"));
        }
        let (answer, url) = match self.ask_known(&question)? {
            Ok(answered) => answered,
            Err(failure) => return Ok(Err(failure)),
        };
        let mut to_skip = match answer.status {
            200 => *done,
            206 if begins_at(answer.header(&CONTENT_RANGE), *done) => 0,
            206 => return Ok(Err(Failure::Nonsense("it sends another part than was asked for".to_owned()))),
            404 if url.is_same_origin(&question.url) => return Err(Trouble::NoBlob { digest }),
            status if is_passing(status) => {
                // The wait that is asked for is made here, the next try by whoever called.
                let asked: Option<Duration> = asked(&answer);
                return match retries.again(asked) {
                    true => Ok(Ok(())),
                    false if url.is_same_origin(&question.url) => {
                        Err(self.host.unexpected("the request for the blob", answer))
                    }
                    false => Err(answers::unexpected(url.host(), "the request for the blob", answer)),
                };
            }
            _ if url.is_same_origin(&question.url) => {
                return Err(self.host.unexpected("the request for the blob", answer));
            }
            _ => return Err(answers::unexpected(url.host(), "the request for the blob", answer)),
        };
        let mut reader = answer.into_reader();
        let mut piece = vec![0; PIECE];
        loop {
            let n = match reader.read(&mut piece) {
                Ok(0) if *done < size => {
                    return Ok(Err(Failure::Broken(format!("the blob ended after {done} of {size} bytes"))));
                }
                Ok(0) => return Ok(Ok(())),
                Ok(n) => n,
                Err(problem) if problem.kind() == io::ErrorKind::Interrupted => continue,
                // Everything is there: what comes after it is of no matter.
                Err(_) if *done == size => return Ok(Ok(())),
                Err(problem) => return Ok(Err(problem.into())),
            };
            let skipped = usize::try_from(to_skip).unwrap_or(usize::MAX).min(n);
            to_skip -= skipped as u64;
            let bytes = &piece[skipped..n];
            if bytes.len() as u64 > size - *done {
                let found = *done + bytes.len() as u64;
                let problem = check(digest, found, digest, size).err();
                let problem = problem.unwrap_or(Mismatch::Size { expected: size, found });
                return Err(Trouble::Mismatch { what: "the blob".to_owned(), problem });
            }
            taken(bytes, *done)?;
            *done += bytes.len() as u64;
        }
    }
}

/// Whether a `Content-Range` begins at `at`.
fn begins_at(range: Option<&str>, at: u64) -> bool {
    let begin = range.and_then(|range| range.trim().strip_prefix("bytes")).and_then(|range| range.split('-').next());
    begin.and_then(|begin| begin.trim().parse().ok()) == Some(at)
}

/// The media type of a manifest: what the registry says, or what the manifest says where the registry says nothing.
fn media_type_of(told: &str, bytes: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Typed {
        #[serde(rename = "mediaType")]
        media_type: Option<String>,
    }
    let told = told.split(';').next().unwrap_or_default().trim();
    let is_vague = matches!(told, "" | "application/json" | "application/octet-stream" | "text/plain");
    let own = || serde_json::from_slice::<Typed>(bytes).ok().and_then(|typed| typed.media_type);
    if is_vague { own().unwrap_or_else(|| told.to_owned()) } else { told.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_taken_only_from_where_it_was_asked() {
        assert!(begins_at(Some("bytes 5-9/10"), 5));
        for range in [None, Some("bytes 0-9/10"), Some("bytes */10"), Some("5-9/10x"), Some("")] {
            assert!(!begins_at(range, 5), "{range:?}");
        }
    }

    #[test]
    fn a_vague_type_is_told_by_the_manifest_itself() {
        let bytes = br#"{"mediaType": "application/vnd.oci.image.index.v1+json"}"#;
        assert_eq!(media_type_of("application/json; charset=utf-8", bytes), "application/vnd.oci.image.index.v1+json");
        assert_eq!(media_type_of("a/b; x", bytes), "a/b");
        assert_eq!(media_type_of("", b"x"), "");
    }
}
