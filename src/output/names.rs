//! Temporary names beside a target, which must not stay, and how they become the target.
//!
//! All of them are in one list, and names are only made, changed and removed by whoever holds it. A signal has to wait
//! for it too ([`abandon`]), so it finds a step done or not begun, never half of it.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Means, former};
use crate::system;

const PREFIX: &str = ".imgsquash-";
const SUFFIX: &str = ".tmp";
/// Times that a directory is removed in which others put files.
const MAX_TRIES: usize = 1000;

/// The temporary names that there are.
static NAMES: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// What an old directory consists of: paths below it, what is in a directory before the directory. An error if anything
/// in it is not known.
pub(super) type Parts = fn(&Path) -> io::Result<Vec<PathBuf>>;

fn hold() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what would be left behind if the process ended now, which it must do next: no output can be put in its place
/// any more, whoever tries waits for the end. Waits for what is being put there. What fails is tried again if `again`
/// says so. For the thread that handles signals.
pub fn abandon(mut again: impl FnMut() -> bool) {
    let mut names = hold();
    for path in std::mem::take(&mut *names) {
        remove(&path, &mut again);
    }
    std::mem::forget(names);
}

/// A file or directory with a temporary name; removed when dropped.
pub(super) struct Temporary(PathBuf);

impl Temporary {
    /// A new file in `directory`, with a mode that the umask restricts.
    pub(super) fn file(directory: &Path, mode: u32) -> io::Result<(File, Self)> {
        let open = |path: &Path| File::options().read(true).write(true).create_new(true).mode(mode).open(path);
        Self::make(&mut hold(), directory, open)
    }

    /// A new directory in `directory`, with a mode that the umask restricts.
    pub(super) fn directory(directory: &Path, mode: u32) -> io::Result<Self> {
        let create = |path: &Path| DirBuilder::new().mode(mode).create(path);
        Ok(Self::make(&mut hold(), directory, create)?.1)
    }

    fn make<T>(
        names: &mut BTreeSet<PathBuf>,
        directory: &Path,
        mut make: impl FnMut(&Path) -> io::Result<T>,
    ) -> io::Result<(T, Self)> {
        let (made, path) = fresh(directory, |path| {
            // Before it is there: what fails afterwards finds it in the list.
            names.insert(path.to_owned());
            make(path).inspect_err(|_| {
                names.remove(path);
            })
        })?;
        Ok((made, Self(path)))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the file the target, if `may_replace` has no objection to what is there.
    pub(super) fn put_file(self, target: &Path, may_replace: &dyn Fn(&Path) -> io::Result<()>) -> io::Result<()> {
        let mut names = hold();
        may_replace(target)?;
        fs::rename(&self.0, target)?;
        names.remove(&self.0);
        Ok(())
    }

    /// Makes the directory the target and removes the one that was there, in which there may only be `parts`. Returns
    /// what a person should know.
    pub(super) fn put_directory(self, target: &Path, parts: Parts, means: Means) -> io::Result<Option<String>> {
        let mut names = hold();
        if !is_there(target)? {
            fs::rename(&self.0, target)?;
            names.remove(&self.0);
            return Ok(None);
        }
        let parts = parts(target)?;
        former::take_over(&File::open(&self.0)?, target)?;
        let old = match means {
            Means::Own => system::exchange(&self.0, target).map(|()| self.0.clone()),
            Means::Portable => Err(io::ErrorKind::Unsupported.into()),
        };
        // Not every file system can exchange: the old one is moved out of the way first.
        let old = old.or_else(|_| replace_directory(&self.0, target))?;
        names.remove(&self.0);
        let removed = remove_parts(&old, &parts);
        Ok(removed.err().map(|problem| format!("the old directory is now {}: {problem}", old.display())))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let mut names = hold();
        if names.remove(&self.0) {
            remove(&self.0, &mut || false);
        }
    }
}

/// What `make` makes of a name in `directory` that nothing has, and the name.
fn fresh<T>(directory: &Path, make: impl FnMut(&Path) -> io::Result<T>) -> io::Result<(T, PathBuf)> {
    let made = tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).make_in(directory, make)?;
    made.keep().map_err(|problem| problem.error)
}

/// A file in `directory` without a name, on systems that have to give it one first too.
pub(super) fn unnamed_file(directory: &Path) -> io::Result<File> {
    let _names = hold();
    tempfile::tempfile_in(directory)
}

/// Gives `file` the name `target`, whatever had it, if `may_replace` has no objection; `false` if the file cannot be
/// given a name.
pub(super) fn put_unnamed(
    file: &File,
    target: &Path,
    may_replace: &dyn Fn(&Path) -> io::Result<()>,
) -> io::Result<bool> {
    match system::give_name(file, target) {
        Ok(()) => return Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(_) => return Ok(false),
    }
    let directory = super::place::directory(target)?;
    let Ok(((), name)) = Temporary::make(&mut hold(), directory, |path| system::give_name(file, path)) else {
        return Ok(false);
    };
    name.put_file(target, may_replace)?;
    Ok(true)
}

/// Puts the directory `new` in the place of `target`, which gets a temporary name. Returns that name.
fn replace_directory(new: &Path, target: &Path) -> io::Result<PathBuf> {
    // Not in the list of names: it is what must never be lost.
    let directory = super::place::directory(target)?;
    let ((), old) = fresh(directory, |path| fs::create_dir(path))?;
    if let Err(problem) = fs::rename(target, &old) {
        let _ = fs::remove_dir(&old);
        return Err(problem);
    }
    let Err(problem) = fs::rename(new, target) else { return Ok(old) };
    match fs::rename(&old, target) {
        Ok(()) => Err(problem),
        Err(_) => Err(io::Error::new(problem.kind(), format!("{problem}; the old directory is now {}", old.display()))),
    }
}

/// Removes the `parts` of a directory, and it. Goes on after an error, which is the first that there was.
fn remove_parts(directory: &Path, parts: &[PathBuf]) -> io::Result<()> {
    let mut done = Ok(());
    for part in parts {
        let path = directory.join(part);
        let is_directory = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
        done = done.and(if is_directory { fs::remove_dir(&path) } else { fs::remove_file(&path) });
    }
    done.and(fs::remove_dir(directory))
}

fn is_there(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a file or a directory with all that is in it, as far as that can be done. Others may be about to put files
/// in the directory: they do not find it under another name, and what comes between is removed with it.
fn remove(path: &Path, again: &mut dyn FnMut() -> bool) {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        let _ = fs::remove_file(path);
        return;
    }
    let mut name = path.as_os_str().to_owned();
    name.push("~");
    let path = if fs::rename(path, &name).is_ok() { Path::new(&name) } else { path };
    for _ in 0..MAX_TRIES {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty || again() => {}
            _ => return,
        }
    }
}
