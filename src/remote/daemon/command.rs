//! Podman by its command.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::saved::Saved;
use super::{Feed, replies};
use crate::oci::Digest;
use crate::remote::error::shown;

/// The command `podman`.
#[derive(Debug)]
pub(super) struct Podman {
    /// How long a question may take.
    pub(super) limit: Option<Duration>,
}

/// Bytes of what a command says that are kept.
const MAX_SAID: u64 = 1 << 20;

/// What a command says and how it ends.
struct Ended {
    output: Vec<u8>,
    complaint: String,
    code: Option<i32>,
}

impl Podman {
    /// Whether there is the command.
    pub(super) fn is_installed() -> bool {
        let child = Command::new("podman").arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        child.and_then(|mut child| child.wait()).is_ok()
    }

    /// An image as an archive; `None` when it is not there.
    pub(super) fn save(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>, String> {
        if self.id(name)?.is_none() {
            return Ok(None);
        }
        let mut child = spawn(&["save", "-q", "--format", "docker-archive", name], Stdio::null())?;
        let Some(output) = child.stdout.take() else { return Err("no pipe from the command".to_owned()) };
        let mut running = Running::new(child);
        let ended = move || running.wait().and_then(|ended| ended.success().map(|_| ()));
        Ok(Some(Box::new(Saved::new(output, ended))))
    }

    /// Takes an archive in.
    pub(super) fn load(&self) -> Result<Box<dyn Feed>, String> {
        let child = spawn(&["load"], Stdio::piped())?;
        Ok(Box::new(Loading(Running::new(child))))
    }

    /// The id of an image; `None` when it is not there.
    pub(super) fn id(&self, name: &str) -> Result<Option<Digest>, String> {
        let ended = self.run(&["image", "exists", name])?;
        if ended.code == Some(1) {
            return Ok(None);
        }
        ended.success()?;
        let id = self.run(&["image", "inspect", "--format", "{{.Id}}", name])?.success()?;
        let id = String::from_utf8_lossy(&id).trim().trim_start_matches("sha256:").to_owned();
        Digest::from_hex(&id).map(Some).ok_or_else(|| format!("it has an id that is none: {}", shown(&id)))
    }

    /// The names of all images.
    pub(super) fn names(&self) -> Result<Vec<String>, String> {
        let listed = self.run(&["images", "--format", "{{.Repository}}:{{.Tag}}"])?.success()?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        // As people type them.
        let short =
            |name: &str| name.trim_start_matches("localhost/").trim_start_matches("docker.io/library/").to_owned();
        Ok(listed.lines().map(short).collect())
    }

    fn run(&self, arguments: &[&str]) -> Result<Ended, String> {
        let mut running = Running::new(spawn(arguments, Stdio::null())?);
        match self.limit {
            None => running.wait(),
            Some(limit) => running.wait_for(limit),
        }
    }
}

fn spawn(arguments: &[&str], input: Stdio) -> Result<Child, String> {
    let mut command = Command::new("podman");
    command.args(arguments).stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|problem| format!("cannot run podman: {problem}"))
}

/// A command that runs; what it says is taken, so that it does not wait. It ends when nobody wants it any more.
struct Running {
    child: Child,
    output: Option<JoinHandle<Vec<u8>>>,
    complaint: Option<JoinHandle<Vec<u8>>>,
}

impl Running {
    fn new(mut child: Child) -> Self {
        let output = child.stdout.take().map(take);
        let complaint = child.stderr.take().map(take);
        Self { child, output, complaint }
    }

    /// Waits for the end.
    fn wait(&mut self) -> Result<Ended, String> {
        let said =
            |thread: Option<JoinHandle<Vec<u8>>>| thread.and_then(|thread| thread.join().ok()).unwrap_or_default();
        let (output, complaint) = (said(self.output.take()), said(self.complaint.take()));
        let status = self.child.wait().map_err(|problem| format!("cannot wait for podman: {problem}"))?;
        let complaint = String::from_utf8_lossy(&complaint).into_owned();
        Ok(Ended { output, complaint, code: status.code() })
    }

    /// Waits for the end, but not for ever.
    fn wait_for(mut self, limit: Duration) -> Result<Ended, String> {
        let (send, receive) = mpsc::channel();
        // The command says nothing more when it has ended.
        let complaint = self.complaint.take();
        std::thread::spawn(move || send.send(complaint.and_then(|thread| thread.join().ok())));
        match receive.recv_timeout(limit) {
            Ok(said) => {
                let mut ended = self.wait()?;
                ended.complaint = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
                Ok(ended)
            }
            Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing happens to one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn take(stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let (mut bytes, mut stream) = (Vec::new(), stream);
        let _ = stream.by_ref().take(MAX_SAID).read_to_end(&mut bytes);
        let _ = io::copy(&mut stream, &mut io::sink());
        bytes
    })
}

impl Ended {
    /// What it printed, or what it complained about.
    fn success(self) -> Result<Vec<u8>, String> {
        if self.code == Some(0) {
            return Ok(self.output);
        }
        // The last line says what ended it.
        let line = self.complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let line = shown(line.trim().trim_start_matches("Error: "));
        match (line.as_str(), self.code) {
            ("", Some(code)) => Err(format!("it failed with exit code {code} and says nothing")),
            ("", None) => Err("it was ended by a signal".to_owned()),
            _ => Err(line),
        }
    }
}

/// `podman load`, reading. Unfinished, it is ended.
struct Loading(Running);

impl Write for Loading {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.0.child.stdin {
            Some(input) => input.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        // Why the command takes no more is what it complains about.
        written.map_err(|problem| match problem.kind() {
            io::ErrorKind::BrokenPipe => match self.0.wait().and_then(Ended::success) {
                Err(why) => io::Error::new(problem.kind(), why),
                Ok(_) => problem,
            },
            _ => problem,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Feed for Loading {
    fn finish(mut self: Box<Self>) -> Result<Vec<String>, String> {
        // Its input ends.
        self.0.child.stdin = None;
        let output = self.0.wait()?.success()?;
        replies::of_text(&String::from_utf8_lossy(&output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_takes_no_more_is_told_with_its_reason() {
        let script = "exec 0<&-; echo 'Error: no space left' >&2; exit 125";
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut loading = Loading(Running::new(command.spawn().unwrap()));
        let problem = loop {
            if let Err(problem) = loading.write(&[0; 4096]) {
                break problem;
            }
        };
        assert_eq!(problem.to_string(), "no space left");
    }
}
