//! Running the tool: as a library for most tests, as a command for those about the command.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use imgsquash::report::Report;
use imgsquash::request::Resources;
use imgsquash::{Error, Squash};
use tempfile::TempDir;

/// A directory of a test's own.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The names in it, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A plain request from file to file.
pub(crate) fn request(input: &Path, output: &Path) -> Squash {
    let jobs = NonZeroUsize::new(2).unwrap();
    let resources = Resources { jobs, tmp_dir: std::env::temp_dir(), ..Resources::default() };
    Squash { tells_provenance: false, resources, ..Squash::new(input, output) }
}

/// Squashes the bytes of an archive; the bytes of the new one.
pub(crate) fn squash(archive: &[u8]) -> Result<(Vec<u8>, Report), Error> {
    squash_with(archive, |_| ())
}

/// The same with other options. A failure must leave nothing behind.
pub(crate) fn squash_with(archive: &[u8], change: impl FnOnce(&mut Squash)) -> Result<(Vec<u8>, Report), Error> {
    let place = Place::new();
    let input = place.write("in.tar", archive);
    let output = place.path("out.tar");
    let mut request = request(&input, &output);
    change(&mut request);
    match imgsquash::squash(&request, &()) {
        Ok(report) => {
            assert_eq!(place.names(), ["in.tar", "out.tar"]);
            Ok((std::fs::read(output).unwrap(), report))
        }
        Err(error) => {
            assert_eq!(place.names(), ["in.tar"], "nothing is left behind");
            Err(error)
        }
    }
}

/// The command, ready for arguments.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imgsquash"));
    command.env_remove("SOURCE_DATE_EPOCH").env_remove("TMPDIR");
    command
}

/// The command as one that signals end, also where whoever runs the tests ignores some (`nohup`, jobs of a script),
/// which it would inherit.
pub(crate) fn interruptible() -> Command {
    let mut env = Command::new("env");
    env.args(["--default-signal", env!("CARGO_BIN_EXE_imgsquash")]);
    env.env_remove("SOURCE_DATE_EPOCH").env_remove("TMPDIR");
    env
}

/// Runs the command in a place, with at most so many seconds of processor time: on a busy machine they last longer, and
/// are as many.
pub(crate) fn within(seconds: u32, place: &Place, arguments: &[&str]) -> Output {
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -t \"$1\" && shift && exec \"$@\"", "sh", &seconds.to_string()]);
    limited.arg(command().get_program()).args(arguments).current_dir(place.path(""));
    let output = limited.env_remove("SOURCE_DATE_EPOCH").env_remove("TMPDIR").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.code().is_some(), "{arguments:?} took more than {seconds} s of processor time");
    output
}

/// Runs the command in a place that is its home and holds what is temporary, with nothing in its environment that leads
/// to the logins or the authorities of whoever runs the tests.
#[cfg(feature = "remote")]
pub(crate) fn alone(place: &Place, arguments: &[&str]) -> Output {
    let home = place.path("");
    let mut command = command();
    command.args(arguments).current_dir(&home).env("TMPDIR", &home).env("HOME", &home).stdin(Stdio::null());
    for name in ["XDG_CONFIG_HOME", "DOCKER_AUTH_CONFIG", "DOCKER_CONFIG", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
        command.env_remove(name);
    }
    command.env("REGISTRY_AUTH_FILE", place.path("auth.json")).output().unwrap()
}

/// What a command printed to standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
