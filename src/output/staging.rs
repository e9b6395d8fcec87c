//! Files and directories on their way to their place: unnamed where the system allows, so that nothing is left behind
//! even by a killed process, and otherwise with a temporary name that is removed on every way out.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::names::{self, Parts, Temporary};
use super::place::{self, Place};
use super::{Means, Target, former};
use crate::blob::{Span, WRITEBACK};
use crate::system;

/// A file that will be the target.
pub(super) struct StagedFile {
    file: File,
    way: Way,
    /// Bytes written since the disk was last asked to begin.
    dirty: u64,
    /// The directory that it is in.
    beside: PathBuf,
    means: Means,
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.dirty += n as u64;
        if self.dirty >= WRITEBACK as u64 {
            let end = self.file.stream_position()?;
            system::begin_writeback(&self.file, end - self.dirty.min(end), self.dirty);
            self.dirty = 0;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How the file becomes the target.
enum Way {
    /// It gets the target's name.
    Name(PathBuf),
    /// It has a name, which is changed to that of the target.
    Rename { name: Temporary, target: PathBuf },
    /// It is copied to a stream.
    Copy(Target),
}

impl StagedFile {
    /// A file beside `target`; for what is no regular file (a pipe, a device, standard output), one in `tmp_dir`.
    pub(super) fn create(target: &Target, tmp_dir: &Path, means: Means) -> io::Result<Self> {
        if let Some(staged) = Self::beside(target, means)? {
            return Ok(staged);
        }
        let (file, way) = (spool(tmp_dir, means)?, Way::Copy(target.clone()));
        Ok(Self { file, way, dirty: 0, beside: tmp_dir.to_owned(), means })
    }

    /// A file beside `target`; `None` for what is no regular file.
    pub(super) fn beside(target: &Target, means: Means) -> io::Result<Option<Self>> {
        let Target::Path(path) = target else { return Ok(None) };
        let is_directory_name = place::is_directory_name(path);
        let Place::Path(path, found) = place::find(path)? else { return Ok(None) };
        if is_directory_name || found.as_ref().is_some_and(std::fs::Metadata::is_dir) {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory: name a file"));
        }
        let beside = place::directory(&path)?.to_owned();
        let unnamed = if means == Means::Own { system::unnamed_file(&beside).ok() } else { None };
        if let Some(file) = unnamed {
            return Ok(Some(Self { file, way: Way::Name(path), dirty: 0, beside, means }));
        }
        // Nobody may read on the way what nobody but the owner may read in the end.
        let (file, name) = Temporary::file(&beside, if found.is_some() { 0o600 } else { 0o666 })?;
        Ok(Some(Self { file, way: Way::Rename { name, target: path }, dirty: 0, beside, means }))
    }

    /// An unnamed file where there is room for as much as in this one.
    pub(super) fn spool(&self) -> io::Result<File> {
        spool(&self.beside, self.means)
    }

    /// The file to write to.
    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Makes the file the target, if `may_replace` has no objection to what is there.
    pub(super) fn finish(mut self, may_replace: &dyn Fn(&Path) -> io::Result<()>) -> io::Result<()> {
        match self.way {
            Way::Name(target) => {
                former::take_over(&self.file, &target)?;
                self.file.sync_data()?;
                if names::put_unnamed(&self.file, &target, may_replace)? {
                    return Ok(());
                }
                // A file system that has unnamed files and cannot give them a name.
                let (mut file, name) = Temporary::file(&self.beside, 0o600)?;
                let mode = self.file.metadata()?.permissions();
                Span::private(self.file)?.copy_to(&mut file, &mut |_| ())?;
                file.set_permissions(mode)?;
                former::take_over(&file, &target)?;
                file.sync_data()?;
                name.put_file(&target, may_replace)
            }
            Way::Rename { name, target } => {
                former::take_over(&self.file, &target)?;
                self.file.sync_data()?;
                name.put_file(&target, may_replace)
            }
            Way::Copy(target) => {
                self.file.rewind()?;
                io::copy(&mut self.file, &mut stream(&target)?)?;
                Ok(())
            }
        }
    }
}

/// Opens what is written to and not replaced. Standard output is not buffered, or what fails at its end would fail
/// unseen.
pub(super) fn stream(target: &Target) -> io::Result<File> {
    match target {
        Target::Path(path) => File::options().write(true).open(path),
        Target::Nowhere | Target::Dock(_) => File::options().write(true).open("/dev/null"),
        Target::Stdout => Ok(io::stdout().as_fd().try_clone_to_owned()?.into()),
    }
}

fn spool(directory: &Path, means: Means) -> io::Result<File> {
    match means {
        Means::Own => names::unnamed_file(directory),
        Means::Portable => Ok(Temporary::file(directory, 0o600)?.0),
    }
}

/// A directory that will be the target.
pub(super) struct StagedDirectory {
    directory: Temporary,
    target: PathBuf,
    parts: Parts,
    means: Means,
}

impl StagedDirectory {
    /// A directory beside `target`, which may be absent, empty, or hold only what is of `parts`.
    pub(super) fn create(target: &Path, parts: Parts, means: Means) -> io::Result<Self> {
        let (target, is_there) = match place::find(target)? {
            Place::Path(path, found) if found.as_ref().is_none_or(std::fs::Metadata::is_dir) => (path, found.is_some()),
            Place::Path(..) | Place::Stream => {
                let problem = "it is not a directory: give a new or empty directory";
                return Err(io::Error::new(io::ErrorKind::NotADirectory, problem));
            }
        };
        if is_there {
            parts(&target)?;
        }
        let directory = Temporary::directory(place::directory(&target)?, if is_there { 0o700 } else { 0o777 })?;
        Ok(Self { directory, target, parts, means })
    }

    /// The directory to write into.
    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What it will replace, if anything is there.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Makes the directory the target; what was there is removed. Returns what a person should know.
    pub(super) fn finish(self) -> io::Result<Option<String>> {
        self.directory.put_directory(&self.target, self.parts, self.means)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const BOTH: [Means; 2] = [Means::Own, Means::Portable];

    fn put(target: &Path, bytes: &[u8], means: Means) -> io::Result<()> {
        let mut staged = StagedFile::create(&Target::Path(target.to_owned()), Path::new("none"), means)?;
        staged.write_all(bytes)?;
        staged.finish(&|_| Ok(()))
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_gets_its_name_and_replaces_what_had_it() {
        for means in BOTH {
            let place = tempfile::tempdir().unwrap();
            let target = place.path().join("target");
            symlink("target", place.path().join("link")).unwrap();
            for (name, bytes, mode) in [("target", "one", 0o400), ("link", "two", 0o600), ("target", "three", 0o644)] {
                put(&place.path().join(name), bytes.as_bytes(), means).unwrap();
                assert_eq!(fs::read(&target).unwrap(), bytes.as_bytes(), "{means:?}");
                fs::set_permissions(&target, fs::Permissions::from_mode(mode)).unwrap();
                put(&target, bytes.as_bytes(), means).unwrap();
                assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, mode, "{means:?}");
            }
            assert_eq!(names(place.path()), ["link", "target"], "{means:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_nothing() {
        for means in BOTH {
            let place = tempfile::tempdir().unwrap();
            let target = Target::Path(place.path().join("target"));
            let mut staged = StagedFile::create(&target, Path::new("none"), means).unwrap();
            assert_eq!(names(place.path()).len(), if means == Means::Own { 0 } else { 1 });
            staged.write_all(b"one").unwrap();
            staged.spool().unwrap().write_all(b"more").unwrap();
            drop(staged);
            let mut staged = StagedFile::create(&target, Path::new("none"), means).unwrap();
            staged.write_all(b"one").unwrap();
            fs::write(place.path().join("target"), b"other").unwrap();
            let refused = staged.finish(&|_| Err(io::Error::other("not this one"))).unwrap_err();
            assert_eq!(refused.to_string(), "not this one");
            assert_eq!(fs::read(place.path().join("target")).unwrap(), b"other");
            assert_eq!(names(place.path()), ["target"], "{means:?}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_named_is_copied() {
        let place = tempfile::tempdir().unwrap();
        let target = Target::Path(place.path().join("target"));
        // A file that has had a name and lost it cannot get another one.
        let mut staged = StagedFile::create(&target, Path::new("none"), Means::Own).unwrap();
        staged.file = tempfile::Builder::new().tempfile_in(place.path()).unwrap().into_file();
        staged.write_all(b"one").unwrap();
        staged.finish(&|_| Ok(())).unwrap();
        assert_eq!(fs::read(place.path().join("target")).unwrap(), b"one");
        assert_eq!(names(place.path()), ["target"]);
    }

    /// Knows files of these names only.
    fn parts(directory: &Path) -> io::Result<Vec<PathBuf>> {
        let known = |name: &String| ["one", "two"].contains(&name.as_str());
        let names = names(directory);
        if names.iter().all(known) {
            Ok(names.into_iter().map(PathBuf::from).collect())
        } else {
            Err(io::Error::other("?"))
        }
    }

    #[test]
    fn a_directory_gets_its_name_and_replaces_what_had_it() {
        for means in BOTH {
            let place = tempfile::tempdir().unwrap();
            let target = place.path().join("target");
            for (name, mode) in [("one", 0o700), ("two", 0o750), ("two", 0o755)] {
                let staged = StagedDirectory::create(&target, parts, means).unwrap();
                fs::write(staged.path().join(name), name).unwrap();
                assert_eq!(staged.finish().unwrap(), None);
                assert_eq!(names(&target), [name], "{means:?}");
                fs::set_permissions(&target, fs::Permissions::from_mode(mode)).unwrap();
                drop(StagedDirectory::create(&target, parts, means).unwrap());
                StagedDirectory::create(&target, parts, means).unwrap().finish().unwrap();
                assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, mode, "{means:?}");
                assert_eq!(names(place.path()), ["target"], "{means:?}");
            }
        }
    }

    #[test]
    fn what_is_not_known_in_a_directory_is_never_lost() {
        for means in BOTH {
            let place = tempfile::tempdir().unwrap();
            let target = place.path().join("target");
            StagedDirectory::create(&target, parts, means).unwrap().finish().unwrap();
            let staged = StagedDirectory::create(&target, parts, means).unwrap();
            fs::write(target.join("mine"), b"mine").unwrap();
            assert!(staged.finish().is_err() && StagedDirectory::create(&target, parts, means).is_err());
            assert_eq!((names(place.path()), names(&target)), (vec!["target".to_owned()], vec!["mine".to_owned()]));
            // What comes at the last moment is with the old directory, which is told.
            fs::remove_file(target.join("mine")).unwrap();
            let late: Parts = |directory| {
                let found = parts(directory)?;
                fs::write(directory.join("late"), b"mine").map(|()| found)
            };
            fs::write(target.join("one"), b"old").unwrap();
            let mut staged = StagedDirectory::create(&target, parts, means).unwrap();
            staged.parts = late;
            let note = staged.finish().unwrap().unwrap();
            let old = names(place.path()).into_iter().find(|name| name != "target").unwrap();
            assert!(
                note.starts_with(&format!("the old directory is now {}: ", place.path().join(&old).display())),
                "{note}"
            );
            assert_eq!((names(&target).len(), names(&place.path().join(old))), (0, vec!["late".to_owned()]));
        }
    }
}
