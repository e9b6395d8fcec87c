//! What the new takes over from the old in whose place it comes: owner, group, mode and access control list, so that
//! nobody may read it who could not before.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use crate::system;

/// Gives `file` what the one at `old` has; nothing if there is none. Where an owner cannot be kept, the mode is no
/// wider for that; an error if the mode would be.
pub(super) fn take_over(file: &File, old: &Path) -> io::Result<()> {
    let former = match fs::metadata(old) {
        Ok(former) => former,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let own = file.metadata()?;
    if own.uid() != former.uid() {
        // Only root may. The owner's bits are then ours, who have written it.
        let _ = fchown(file, Some(former.uid()), None);
    }
    let has_group = own.gid() == former.gid() || fchown(file, None, Some(former.gid())).is_ok();
    // With a list the group's bits of the mode are what anyone named in it may have at most.
    let has_list = system::set_access_list(file, system::access_list(old).as_deref()).is_ok();
    let mode = former.mode() & if former.is_dir() { 0o7777 } else { 0o777 };
    let mode = if has_group && has_list { mode } else { narrowed(mode) };
    if file.metadata()?.mode() & 0o7777 != mode {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// The mode for another group than the one that it was for: it may do what all others may.
fn narrowed(mode: u32) -> u32 {
    mode & !0o2070 | (mode & 0o070 & (mode & 0o007) << 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_group_may_do_what_all_others_may() {
        for (mode, expected) in [(0o640, 0o600), (0o644, 0o644), (0o664, 0o644), (0o677, 0o677), (0o2750, 0o700)] {
            assert_eq!(narrowed(mode), expected, "{mode:o}");
        }
    }
}
