//! Running the tool: as a library for most tests, as a command for those about the command.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use imgsquash::Error;
use imgsquash::assemble::Edits;
use imgsquash::input::{Origin, Selection};
use imgsquash::layer::Compression;
use imgsquash::limits::Limits;
use imgsquash::options::Options;
use imgsquash::output::{Format, Target};
use imgsquash::report::Report;
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

/// Plain options from file to file.
pub(crate) fn options(input: &Path, output: &Path) -> Options {
    Options {
        input: Origin::Path(input.to_owned()),
        selection: Selection::default(),
        tags: Vec::new(),
        target: Target::Path(output.to_owned()),
        format: Format::Universal,
        edits: Edits::default(),
        strict: false,
        compression: Some(Compression::Gzip(None)),
        keep: imgsquash::keep::Keep::Nothing,
        base: None,
        exactness: imgsquash::options::Exactness::Auto,
        prune: imgsquash::prune::Choice::default(),
        link_equal_files: false,
        split: imgsquash::split::Split::No,
        jobs: NonZeroUsize::new(2).unwrap(),
        tmp_dir: std::env::temp_dir(),
        limits: Limits::default(),
    }
}

/// Squashes the bytes of an archive; the bytes of the new one.
pub(crate) fn squash(archive: &[u8]) -> Result<(Vec<u8>, Report), Error> {
    squash_with(archive, |_| ())
}

/// The same with other options. A failure must leave nothing behind.
pub(crate) fn squash_with(archive: &[u8], change: impl FnOnce(&mut Options)) -> Result<(Vec<u8>, Report), Error> {
    let place = Place::new();
    let input = place.write("in.tar", archive);
    let output = place.path("out.tar");
    let mut options = options(&input, &output);
    change(&mut options);
    match imgsquash::squash(&options, &()) {
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

/// What a command printed to standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
