//! A registry for tests, in memory, that does what the specification says, and whatever else it is told to.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use imgsquash::oci::Digest;
use imgsquash::remote::{Clock, Settings};

/// What was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// By name in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// What the registry does about it.
pub(crate) enum Act {
    /// What the specification says.
    Serve,
    /// This status, with these headers and body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// What the specification says, but the connection ends, with a reset or without, after so many bytes of the body.
    Cut { after: usize, is_reset: bool },
    /// The connection ends without an answer.
    Hang,
    /// What the specification says for a request whose body lost everything after so many bytes.
    Lose(usize),
    /// What the specification says, as if no range had been asked for.
    Whole,
}

type Tell = dyn Fn(&Asked, usize) -> Act + Send + Sync;

/// A running registry. It ends with the process.
pub(crate) struct Registry {
    pub(crate) address: SocketAddr,
    shelves: Arc<Shelves>,
}

/// Its type and its bytes.
type Manifest = (String, Vec<u8>);

#[derive(Default)]
struct Shelves {
    /// By repository and digest.
    blobs: Mutex<HashMap<(String, String), Vec<u8>>>,
    /// By repository and reference: type and bytes.
    manifests: Mutex<BTreeMap<(String, String), Manifest>>,
    log: Mutex<Vec<Asked>>,
    sessions: Mutex<usize>,
}

impl Asked {
    /// Method and target in one text.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        let (_, value) = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(known, _)| *known == name)?;
        Some(value.replace("%3A", ":").replace("%2F", "/"))
    }
}

impl Registry {
    /// A registry that does what the specification says.
    pub(crate) fn good() -> Self {
        Self::told(|_, _| Act::Serve)
    }

    /// A registry that does what `tell` says of a question and of how often the same line was asked before.
    pub(crate) fn told(tell: impl Fn(&Asked, usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shelves = Arc::new(Shelves::default());
        let (kept, tell): (_, Arc<Tell>) = (shelves.clone(), Arc::new(tell));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (shelves, tell) = (kept.clone(), tell.clone());
                std::thread::spawn(move || shelves.serve(stream, &*tell));
            }
        });
        Self { address, shelves }
    }

    /// An address where nothing listens.
    pub(crate) fn none() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self { address, shelves: Arc::default() }
    }

    /// How an image in the registry is called.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    pub(crate) fn add_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let key = (repository.to_owned(), digest.to_string());
        self.shelves.blobs.lock().unwrap().insert(key, bytes.to_vec());
        digest
    }

    /// Puts a manifest under its digest and, if it has one, under a tag.
    pub(crate) fn add_manifest(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) -> Digest {
        self.shelves.put(repository, tag, media_type, bytes)
    }

    pub(crate) fn blob(&self, repository: &str, digest: Digest) -> Option<Vec<u8>> {
        self.shelves.blobs.lock().unwrap().get(&(repository.to_owned(), digest.to_string())).cloned()
    }

    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Option<Vec<u8>> {
        let manifests = self.shelves.manifests.lock().unwrap();
        manifests.get(&(repository.to_owned(), reference.to_owned())).map(|(_, bytes)| bytes.clone())
    }

    /// What was asked so far.
    pub(crate) fn log(&self) -> Vec<Asked> {
        self.shelves.log.lock().unwrap().clone()
    }

    /// The lines of what was asked so far, but for the question whether it is a registry.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log().iter().map(Asked::line).filter(|line| line != "GET /v2/").collect()
    }
}

impl Shelves {
    fn put(&self, repository: &str, reference: &str, media_type: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let mut manifests = self.manifests.lock().unwrap();
        for reference in [reference.to_owned(), digest.to_string()] {
            manifests.insert((repository.to_owned(), reference), (media_type.to_owned(), bytes.to_vec()));
        }
        digest
    }

    fn serve(&self, stream: TcpStream, tell: &Tell) {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(asked) = read(&mut reader, &stream) {
            let before = {
                let mut log = self.log.lock().unwrap();
                let before = log.iter().filter(|known| known.line() == asked.line()).count();
                log.push(asked.clone());
                before
            };
            let (answer, cut) = match tell(&asked, before) {
                Act::Serve => (self.answer(&asked), None),
                Act::Answer(status, headers, body) => ((status, own(headers), body), None),
                Act::Cut { after, is_reset } => (self.answer(&asked), Some((after, is_reset))),
                Act::Hang => return,
                Act::Lose(after) => {
                    let mut asked = asked.clone();
                    asked.body.truncate(after);
                    (self.answer(&asked), None)
                }
                Act::Whole => {
                    let mut asked = asked.clone();
                    asked.headers.remove("range");
                    (self.answer(&asked), None)
                }
            };
            if write(&stream, &asked, answer, cut).is_none() {
                return;
            }
        }
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let path = asked.path();
        if path == "/v2/" {
            return (200, Vec::new(), b"{}".to_vec());
        }
        let rest = path.strip_prefix("/v2/").unwrap_or_default();
        for kind in ["/manifests/", "/blobs/uploads/", "/blobs/", "/tags/list"] {
            if let Some((repository, name)) = rest.split_once(kind) {
                return match kind {
                    "/manifests/" => self.manifest(asked, repository, name),
                    "/blobs/uploads/" => self.upload(asked, repository),
                    "/blobs/" => self.blob(asked, repository, name),
                    _ => self.tags(repository),
                };
            }
        }
        error(404, "NAME_UNKNOWN")
    }

    fn manifest(&self, asked: &Asked, repository: &str, reference: &str) -> Answer {
        if asked.method == "PUT" {
            let digest = self.put(repository, reference, &asked.headers["content-type"], &asked.body);
            return (201, vec![told(digest)], Vec::new());
        }
        let manifests = self.manifests.lock().unwrap();
        let Some((media_type, bytes)) = manifests.get(&(repository.to_owned(), reference.to_owned())) else {
            let is_known = manifests.keys().any(|(known, _)| known == repository);
            return error(404, if is_known { "MANIFEST_UNKNOWN" } else { "NAME_UNKNOWN" });
        };
        let headers = vec![("content-type".to_owned(), media_type.clone()), told(Digest::of(bytes))];
        (200, headers, bytes.clone())
    }

    fn blob(&self, asked: &Asked, repository: &str, digest: &str) -> Answer {
        let blobs = self.blobs.lock().unwrap();
        let Some(bytes) = blobs.get(&(repository.to_owned(), digest.to_owned())) else {
            return error(404, "BLOB_UNKNOWN");
        };
        let range = asked.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        match range.and_then(|from| from.parse::<usize>().ok()) {
            Some(from) => {
                let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
                (206, vec![("content-range".to_owned(), range)], bytes[from..].to_vec())
            }
            None => (200, Vec::new(), bytes.clone()),
        }
    }

    fn upload(&self, asked: &Asked, repository: &str) -> Answer {
        let mut blobs = self.blobs.lock().unwrap();
        match asked.method.as_str() {
            "POST" => {
                let mount = asked.parameter("mount").zip(asked.parameter("from"));
                if let Some((digest, from)) = mount {
                    if let Some(bytes) = blobs.get(&(from, digest.clone())).cloned() {
                        blobs.insert((repository.to_owned(), digest), bytes);
                        return (201, Vec::new(), Vec::new());
                    }
                }
                let mut sessions = self.sessions.lock().unwrap();
                *sessions += 1;
                let location = format!("/v2/{repository}/blobs/uploads/{sessions}?state=a%2Bb");
                (202, vec![("location".to_owned(), location)], Vec::new())
            }
            "PUT" => {
                assert!(asked.target.contains("state=a%2Bb"), "the query of the session is kept");
                let digest = asked.parameter("digest").unwrap();
                if Digest::of(&asked.body).to_string() != digest {
                    return error(400, "DIGEST_INVALID");
                }
                blobs.insert((repository.to_owned(), digest), asked.body.clone());
                (201, vec![told(Digest::of(&asked.body))], Vec::new())
            }
            _ => (204, Vec::new(), Vec::new()),
        }
    }

    fn tags(&self, repository: &str) -> Answer {
        let manifests = self.manifests.lock().unwrap();
        let own = manifests.keys().filter(|(known, reference)| known == repository && !reference.contains(':'));
        let tags: Vec<String> = own.map(|(_, tag)| format!("{tag:?}")).collect();
        (200, Vec::new(), format!(r#"{{"name": "{repository}", "tags": [{}]}}"#, tags.join(",")).into_bytes())
    }
}

type Answer = (u16, Vec<(String, String)>, Vec<u8>);

fn told(digest: Digest) -> (String, String) {
    ("docker-content-digest".to_owned(), digest.to_string())
}

fn own(headers: Vec<(&'static str, String)>) -> Vec<(String, String)> {
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// An error as the specification writes it.
pub(crate) fn error(status: u16, code: &str) -> Answer {
    let body = format!(r#"{{"errors": [{{"code": "{code}", "message": "{}"}}]}}"#, code.to_lowercase());
    (status, Vec::new(), body.into_bytes())
}

/// The same as something to do.
pub(crate) fn refuse(status: u16, code: &str) -> Act {
    let (status, _, body) = error(status, code);
    Act::Answer(status, Vec::new(), body)
}

fn read(reader: &mut BufReader<TcpStream>, mut stream: &TcpStream) -> Option<Asked> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split(' ');
    let mut asked = Asked { method: words.next()?.to_owned(), target: words.next()?.to_owned(), ..Asked::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        asked.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if asked.headers.contains_key("expect") {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let length = asked.headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    asked.body = vec![0; length];
    reader.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

fn write(mut stream: &TcpStream, asked: &Asked, answer: Answer, cut: Option<(usize, bool)>) -> Option<()> {
    let (status, headers, body) = answer;
    let mut head = format!("HTTP/1.1 {status} x\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes()).ok()?;
    let body = if asked.method == "HEAD" { &[][..] } else { &body[..] };
    let Some((after, is_reset)) = cut else { return stream.write_all(body).ok() };
    stream.write_all(&body[..after.min(body.len())]).ok()?;
    if is_reset {
        rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
    }
    None
}

/// A clock on which waiting takes no time.
#[derive(Debug, Default)]
pub(crate) struct Hand {
    now: Mutex<Duration>,
    waits: Mutex<Vec<u64>>,
}

impl Hand {
    /// The seconds of every wait so far.
    pub(crate) fn waits(&self) -> Vec<u64> {
        self.waits.lock().unwrap().clone()
    }

    /// Time goes by.
    pub(crate) fn pass(&self, seconds: u64) {
        *self.now.lock().unwrap() += Duration::from_secs(seconds);
    }
}

impl Clock for Hand {
    fn now(&self) -> Duration {
        *self.now.lock().unwrap()
    }

    fn wait(&self, time: Duration) {
        *self.now.lock().unwrap() += time;
        self.waits.lock().unwrap().push(time.as_secs());
    }
}

/// A person's machine that has nothing, and its clock.
pub(crate) fn machine() -> (Settings, Arc<Hand>) {
    let clock = Arc::new(Hand::default());
    let settings = Settings { certs_d: Vec::new(), ..Settings::new(&|_| None, u32::MAX, clock.clone()) };
    (settings, clock)
}
