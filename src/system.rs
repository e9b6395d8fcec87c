//! What only some systems can do. Each answer may be "no" ([`io::ErrorKind::Unsupported`], or the file system's own
//! error): whoever asks has another way, which works everywhere.

#[cfg(target_os = "linux")]
pub(crate) use linux::{
    access_list, begin_writeback, copy_range, give_name, is_mount_point, set_access_list, unnamed_file,
};
#[cfg(not(target_os = "linux"))]
pub(crate) use none::{
    access_list, begin_writeback, copy_range, give_name, is_mount_point, set_access_list, unnamed_file,
};

use std::io;
use std::path::Path;

/// Makes each of two names lead to what the other leads to, in one step.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub(crate) fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

/// Makes each of two names lead to what the other leads to, in one step.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(crate) fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io;
    use std::num::NonZeroU64;
    use std::os::fd::AsRawFd;
    use std::path::Path;

    use rustix::fs::{
        Advice, AtFlags, CWD, Mode, OFlags, StatxAttributes, StatxFlags, XattrFlags, copy_file_range, fadvise,
        fgetxattr, fremovexattr, fsetxattr, getxattr, linkat, open, statx,
    };

    /// Who else may use a file, beside owner, group and others.
    const LIST: &str = "system.posix_acl_access";
    /// Bytes of the longest list.
    const MAX_LIST: usize = 64 << 10;

    /// A file in `directory` that has no name until [`give_name`] gives it one. Its permissions are those of any new
    /// file.
    pub(crate) fn unnamed_file(directory: &Path) -> io::Result<File> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = File::from(open(directory, flags, Mode::from_raw_mode(0o666))?);
        // What can only be named by way of /proc is of no use without it, which must be known before the work.
        match std::fs::symlink_metadata(opened(&file)) {
            Ok(_) => Ok(file),
            Err(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Gives an unnamed file a name, which must be free.
    pub(crate) fn give_name(file: &File, name: &Path) -> io::Result<()> {
        Ok(linkat(CWD, opened(file), CWD, name, AtFlags::SYMLINK_FOLLOW)?)
    }

    fn opened(file: &File) -> String {
        format!("/proc/self/fd/{}", file.as_raw_fd())
    }

    /// Copies up to `len` bytes inside the kernel and moves both offsets. Returns how many; 0 at the end of `from`.
    pub(crate) fn copy_range(
        from: &File,
        offset: &mut u64,
        to: &File,
        to_offset: &mut u64,
        len: usize,
    ) -> io::Result<usize> {
        Ok(copy_file_range(from, Some(offset), to, Some(to_offset), len)?)
    }

    /// Asks the disk to begin writing the `len` bytes of `file` from `offset` on. Only a hint: Linux begins to write
    /// what it is told is not needed, and keeps what is not written yet.
    pub(crate) fn begin_writeback(file: &File, offset: u64, len: u64) {
        let _ = fadvise(file, offset, NonZeroU64::new(len), Advice::DontNeed);
    }

    /// Whether another file system or a part of one is mounted at `path`, so that it cannot be renamed.
    pub(crate) fn is_mount_point(path: &Path) -> bool {
        let found = statx(CWD, path, AtFlags::empty(), StatxFlags::empty());
        found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
    }

    /// The access control list of the file at `path`, if it has one.
    pub(crate) fn access_list(path: &Path) -> Option<Vec<u8>> {
        let mut bytes = vec![0; MAX_LIST];
        let len = getxattr(path, LIST, &mut bytes[..]).ok()?;
        bytes.truncate(len);
        Some(bytes)
    }

    /// Gives `file` an access control list, or takes the one away that it has from its directory.
    pub(crate) fn set_access_list(file: &File, list: Option<&[u8]>) -> io::Result<()> {
        match list {
            Some(list) => fsetxattr(file, LIST, list, XattrFlags::empty())?,
            None if fgetxattr(file, LIST, &mut vec![0; MAX_LIST][..]).is_ok() => fremovexattr(file, LIST)?,
            None => {}
        }
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod none {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    pub(crate) fn unnamed_file(_: &Path) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn give_name(_: &File, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn copy_range(_: &File, _: &mut u64, _: &File, _: &mut u64, _: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn begin_writeback(_: &File, _: u64, _: u64) {}

    pub(crate) fn is_mount_point(_: &Path) -> bool {
        false
    }

    pub(crate) fn access_list(_: &Path) -> Option<Vec<u8>> {
        None
    }

    pub(crate) fn set_access_list(_: &File, _: Option<&[u8]>) -> io::Result<()> {
        Ok(())
    }
}
