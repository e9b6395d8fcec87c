//! What a binary file names in its text: absolute paths and libraries. So a program is seen to open
//! `/usr/share/misc/magic.mgc` or `libmagic.so.1` though nothing links it, as Nix finds references by looking for
//! names.

use std::collections::BTreeSet;

use memchr::memmem::Finder;

/// Bytes of a name that is taken for one.
const MAX_NAME: usize = 255;
/// Names that are kept of one file; real ones have some hundreds.
const MAX_NAMES: usize = 4096;

/// Collects names from the pieces of a file.
pub(super) struct Names {
    path: Finder<'static>,
    library: Finder<'static>,
    /// The end of what was seen, where a name may have begun.
    carry: Vec<u8>,
    pub(super) paths: BTreeSet<Box<[u8]>>,
    pub(super) libraries: BTreeSet<Box<[u8]>>,
    /// Whether something was left out because there was too much.
    pub(super) is_full: bool,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            path: Finder::new(b"\0/"),
            library: Finder::new(b".so"),
            carry: vec![0],
            paths: BTreeSet::new(),
            libraries: BTreeSet::new(),
            is_full: false,
        }
    }

    /// Looks at the next piece.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        // What lies over the edge of two pieces is looked at in both together.
        let edge = piece.len().min(2 * MAX_NAME);
        let mut around = std::mem::take(&mut self.carry);
        around.extend_from_slice(&piece[..edge]);
        self.scan(&around);
        self.scan(piece);
        let last = if edge == piece.len() { &around[..] } else { piece };
        self.carry = last[last.len().saturating_sub(2 * MAX_NAME)..].to_vec();
    }

    /// Looks at the end.
    pub(super) fn finish(&mut self) {
        let mut end = std::mem::take(&mut self.carry);
        end.push(0);
        self.scan(&end);
    }

    fn scan(&mut self, text: &[u8]) {
        for at in self.path.find_iter(text) {
            let rest = &text[at + 1..];
            let end = rest.iter().take(MAX_NAME + 1).position(|byte| !is_of_path(*byte));
            if let Some(end) = end.filter(|end| *end > 4 && rest[*end] == 0) {
                insert(&mut self.paths, &rest[..end], &mut self.is_full);
            }
        }
        // Where the name around the last find begins, if that is known, and up to where it was looked at.
        let (mut begins, mut seen): (Option<usize>, usize) = (None, 0);
        for at in self.library.find_iter(text) {
            // Names may be long: no byte is looked at twice.
            if let Some(back) = text[seen..at].iter().rposition(|byte| !is_of_name(*byte)) {
                begins = Some(seen + back + 1);
            }
            seen = at;
            // What begins before the text was or will be seen with what is before it.
            let Some(begin) = begins.filter(|begin| at - begin < MAX_NAME) else { continue };
            let rest = &text[at + 3..];
            let version = rest.iter().take(32).position(|byte| !(byte.is_ascii_digit() || *byte == b'.'));
            let Some(version) = version else { continue };
            let is_end = !is_of_name(rest[version]);
            // `lib%d.so` names no file.
            let is_form = begin.checked_sub(1).is_some_and(|before| text[before] == b'%');
            if begin < at && is_end && !is_form {
                insert(&mut self.libraries, &text[begin..at + 3 + version], &mut self.is_full);
            }
        }
    }
}

fn insert(set: &mut BTreeSet<Box<[u8]>>, name: &[u8], is_full: &mut bool) {
    if set.len() < MAX_NAMES {
        if !set.contains(name) {
            set.insert(name.into());
        }
    } else if !set.contains(name) {
        *is_full = true;
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte)
}

fn is_of_path(byte: u8) -> bool {
    is_of_name(byte) || b"/@:~,=#".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pieces: &[&[u8]]) -> (Vec<String>, Vec<String>) {
        let mut names = Names::new();
        pieces.iter().for_each(|piece| names.feed(piece));
        names.finish();
        let texts =
            |set: &BTreeSet<Box<[u8]>>| set.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        (texts(&names.paths), texts(&names.libraries))
    }

    #[test]
    fn paths_and_libraries_are_found_wherever_pieces_are_cut() {
        let text = b"\x01\0/usr/share/misc/magic\0x\0libmagic.so.1\0%s/lib%d.so\0/no t\0dir/libown.so\0/bin/sh";
        let whole = found(&[text]);
        assert_eq!(whole.0, ["/bin/sh", "/usr/share/misc/magic"]);
        assert_eq!(whole.1, ["libmagic.so.1", "libown.so"]);
        for cut in 0..text.len() {
            assert_eq!(found(&[&text[..cut], &text[cut..]]), whole, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(found(&bytes), whole);
    }
}
