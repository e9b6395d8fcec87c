//! Databases that are text.

use super::owners::Marker;

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// A file of dpkg: the list of one package, the checksums of one package, or the diversions of all.
pub(super) fn dpkg(owners: &mut Marker<'_>, name: &[u8], text: &[u8]) {
    if name == b"diversions" {
        return diversions(owners, text);
    }
    let stem = name.iter().rposition(|byte| *byte == b'.').map_or(name, |dot| &name[..dot]);
    // Some have the architecture: libc6:amd64.list
    owners.begin(stem);
    for line in lines(text) {
        match line {
            // The root belongs to every package.
            b"/." => {}
            _ if name.ends_with(b".md5sums") => {
                if let Some(path) = line.get(34..) {
                    owners.mark(path);
                }
            }
            _ => owners.mark(line),
        }
    }
}

/// Three lines each: the path that packages ask for, where the file is instead, who asked.
fn diversions(owners: &mut Marker<'_>, text: &[u8]) {
    let mut lines = lines(text);
    while let (Some(_), Some(instead), Some(package)) = (lines.next(), lines.next(), lines.next()) {
        owners.begin(package);
        owners.mark(instead);
    }
}

/// The database of apk: `P:` begins a package, `F:` a directory, `R:` is a file in it.
pub(super) fn apk(owners: &mut Marker<'_>, text: &[u8]) {
    let mut directory = owners.directory(b"");
    for line in lines(text) {
        match (line.get(..2), line.get(2..)) {
            (Some(b"P:"), Some(name)) => owners.begin(name),
            (Some(b"F:"), Some(path)) => {
                directory = owners.directory(path);
                if !path.is_empty() {
                    owners.mark(path);
                }
            }
            (Some(b"R:"), Some(name)) => owners.mark_in(directory, name),
            _ => {}
        }
    }
}

/// The files of one package of pacman, whose directory is called `NAME-VERSION-RELEASE`.
pub(super) fn pacman(owners: &mut Marker<'_>, directory: &[u8], text: &[u8]) {
    let mut parts = directory.rsplitn(3, |byte| *byte == b'-');
    owners.begin(parts.nth(2).unwrap_or(directory));
    let mut in_files = false;
    for line in lines(text) {
        if line.starts_with(b"%") {
            in_files = line == b"%FILES%";
        } else if in_files {
            owners.mark(line);
        }
    }
}
