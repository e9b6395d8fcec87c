//! Files on their way to their place: unnamed where the file system allows, so that nothing is left behind even by a
//! killed process, and otherwise named and removed on every way out.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
use tempfile::{NamedTempFile, TempDir};

use super::Target;
use crate::blob::{WRITEBACK, begin_writeback};

const PREFIX: &str = ".imgsquash-";
const SUFFIX: &str = ".tmp";

/// Named temporary paths that a signal must remove.
static NAMED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Removes what would be left behind if the process ended now. For signal handlers' threads.
pub fn abandon() {
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    for path in std::mem::take(&mut *named) {
        let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
    }
}

/// Keeps a path in the list of what a signal must remove.
struct Registered(PathBuf);

impl Registered {
    fn new(path: &Path) -> Self {
        NAMED.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        NAMED.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// A file that will be the target.
pub(super) struct StagedFile {
    file: File,
    place: Place,
    /// Bytes written since the disk was last asked to begin.
    dirty: u64,
    /// The directory that it is in.
    beside: PathBuf,
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.dirty += n as u64;
        if self.dirty >= WRITEBACK as u64 {
            let end = self.file.stream_position()?;
            begin_writeback(&self.file, end - self.dirty.min(end), self.dirty);
            self.dirty = 0;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Place {
    /// An unnamed file that gets the name of the target.
    Unnamed(PathBuf),
    /// A named file that is renamed to the target.
    Named { path: PathBuf, name: tempfile::TempPath, registered: Registered },
    /// An unnamed file that is copied to a stream.
    Stream(Target),
}

impl StagedFile {
    /// A file beside `target`; for what is no regular file (a pipe, a device, standard output), one in `tmp_dir`.
    pub(super) fn create(target: &Target, tmp_dir: &Path) -> io::Result<Self> {
        let Target::Path(path) = target else { return Self::stream(target, tmp_dir) };
        // A link keeps leading to the new file.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                let problem = "it is a directory: name a file, or use --format oci-dir";
                return Err(io::Error::new(io::ErrorKind::IsADirectory, problem));
            }
            Ok(found) if !found.is_file() => return Self::stream(target, tmp_dir),
            _ => {}
        }
        let directory = directory(&path)?;
        let beside = directory.to_owned();
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        if let Ok(file) = open(directory, flags, Mode::from_raw_mode(0o666)) {
            return Ok(Self { file: file.into(), place: Place::Unnamed(path), dirty: 0, beside });
        }
        let permissions = fs::Permissions::from_mode(0o666);
        let named: NamedTempFile = builder().permissions(permissions).tempfile_in(directory).map_err(plain)?;
        let registered = Registered::new(named.path());
        let (file, name) = named.into_parts();
        Ok(Self { file, place: Place::Named { path, name, registered }, dirty: 0, beside })
    }

    fn stream(target: &Target, tmp_dir: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(tmp_dir).map_err(plain)?;
        Ok(Self { file, place: Place::Stream(target.clone()), dirty: 0, beside: tmp_dir.to_owned() })
    }

    /// An unnamed file where there is room for as much as in this one.
    pub(super) fn spool(&self) -> io::Result<File> {
        tempfile::tempfile_in(&self.beside).map_err(plain)
    }

    /// The file to write to.
    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Makes the file the target.
    pub(super) fn finish(mut self) -> io::Result<()> {
        match self.place {
            Place::Unnamed(path) => {
                self.file.sync_data()?;
                let opened = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                let link = |to: &Path| Ok(linkat(CWD, opened.as_str(), CWD, to, AtFlags::SYMLINK_FOLLOW)?);
                match link(&path) {
                    Err(error) if io::Error::kind(&error) == io::ErrorKind::AlreadyExists => {}
                    done => return done,
                }
                let named = builder().make_in(directory(&path)?, link)?;
                named.into_temp_path().persist(&path)?;
                Ok(())
            }
            Place::Named { path, name, registered } => {
                self.file.sync_data()?;
                name.persist(&path)?;
                drop(registered);
                Ok(())
            }
            Place::Stream(target) => {
                self.file.rewind()?;
                match target {
                    Target::Nowhere => 0,
                    Target::Stdout => io::copy(&mut self.file, &mut io::stdout().lock())?,
                    Target::Path(path) => io::copy(&mut self.file, &mut File::options().write(true).open(path)?)?,
                };
                Ok(())
            }
        }
    }
}

/// A directory that will be the target.
pub(super) struct StagedDirectory {
    directory: TempDir,
    target: PathBuf,
    _registered: Registered,
}

impl StagedDirectory {
    /// A directory beside `target`, which may be absent, empty, or hold only what `replaceable` says.
    pub(super) fn create(target: &Path, replaceable: impl Fn(&str) -> bool) -> io::Result<Self> {
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        match fs::read_dir(&target) {
            Ok(entries) => {
                for entry in entries {
                    let name = entry?.file_name();
                    if !name.to_str().is_some_and(&replaceable) {
                        let name = name.to_string_lossy();
                        let problem =
                            format!("it holds \"{name}\" and would be replaced: give a new or empty directory");
                        return Err(io::Error::new(io::ErrorKind::DirectoryNotEmpty, problem));
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let permissions = fs::Permissions::from_mode(0o777);
        let staged = builder().permissions(permissions).tempdir_in(self::directory(&target)?).map_err(plain)?;
        let registered = Registered::new(staged.path());
        Ok(Self { directory: staged, target, _registered: registered })
    }

    /// The directory to write into.
    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Makes the directory the target; what was there is removed.
    pub(super) fn finish(self) -> io::Result<()> {
        use rustix::fs::{RenameFlags, renameat_with};
        let staged = self.directory.path();
        if !self.target.exists() {
            fs::rename(staged, &self.target)?;
            let _ = self.directory.keep();
            return Ok(());
        }
        match renameat_with(CWD, staged, CWD, &self.target, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            // Not every file system can swap: the old one is moved out of the way first.
            Err(_) => {
                let aside = builder().tempdir_in(self::directory(&self.target)?)?;
                fs::rename(&self.target, aside.path().join("old"))?;
                if let Err(error) = fs::rename(staged, &self.target) {
                    fs::rename(aside.path().join("old"), &self.target)?;
                    return Err(error);
                }
                let _ = self.directory.keep();
                return Ok(());
            }
        }
        // After the swap the temporary directory is the old target, which goes with it.
        self.directory.close()
    }
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    builder
}

/// The directory that `path` is in, which must be there.
fn directory(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(parent) if !parent.is_dir() => {
            let problem = format!("the directory {} does not exist", parent.display());
            Err(io::Error::new(io::ErrorKind::NotFound, problem))
        }
        Some(parent) => Ok(parent),
        None => Ok(Path::new("/")),
    }
}

/// The error without the name of a temporary file, which no one knows.
fn plain(error: io::Error) -> io::Error {
    error.kind().into()
}
