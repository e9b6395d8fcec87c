//! What a person may have meant: what a file is that is no image archive, and what a name is that no file has.

use std::path::Path;

use crate::oci::Reference;

/// How files begin that people take for archives of images.
const MAGIC: [(&[u8], &str); 13] = [
    (b"PK\x03\x04", "a zip archive"),
    (b"\x7fELF", "a program"),
    (b"!<arch>\n", "a Debian package or a static library"),
    (b"\xed\xab\xee\xdb", "an rpm package"),
    (b"hsqs", "a squashfs image"),
    (b"QFI\xfb", "a disk image (qcow2)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"%PDF-", "a PDF document"),
    (b"SQLite format 3\0", "a database"),
    (b"# v2 git bundle", "a git bundle"),
    (b"{", "a JSON document"),
    (b"[", "a JSON document"),
    (b"-----BEGIN ", "a key or certificate"),
];

/// Words that a Dockerfile begins with.
const DOCKERFILE: [&str; 5] = ["FROM ", "ARG ", "# syntax", "#syntax", "# escape"];

/// What a file is that begins so, as far as that can be told; `head` is at most as long as the header of a tar.
pub(super) fn kind(head: &[u8]) -> Option<&'static str> {
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(kind);
    }
    // A text may be cut inside a character.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&head[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let is_text = !text.is_empty() && text.chars().all(|c| !c.is_control() || "\n\r\t\x0c".contains(c));
    let begins =
        |line: &str| DOCKERFILE.iter().any(|word| line.to_ascii_uppercase().starts_with(&word.to_ascii_uppercase()));
    match is_text {
        true if text.lines().any(begins) => Some("a Dockerfile; build it, save the image, and give what was saved"),
        true => Some("a text file"),
        false => None,
    }
}

/// What to do when there is no file at `path`; `None` if it looks like a path and nothing else.
pub(super) fn instead(path: &Path) -> Option<String> {
    let name = path.to_str().filter(|name| is_plain(name))?;
    // A name with a dot is that of a file, if it has neither tag nor digest.
    let is_file = name.starts_with('/') || name.contains('.') && !name.contains([':', '@']);
    let image = reference(name).filter(|_| !is_file)?;
    Some(match image.contains('@') {
        true => format!("an image is named docker://{image}"),
        false => format!("an image is named docker-daemon:{image}, podman:{image} or docker://{image}"),
    })
}

/// `name`, if an image can be called so.
fn reference(name: &str) -> Option<&str> {
    let (tagged, digest) = name.split_once('@').unwrap_or((name, ""));
    let is_digest = digest.is_empty() || digest.starts_with("sha256:");
    (is_digest && tagged.parse::<Reference>().is_ok()).then_some(name)
}

/// Whether a shell reads it as it stands.
fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+:@".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images_are_told_from_paths() {
        let instead = |name: &str| instead(Path::new(name));
        let named = |image: &str| match image.contains('@') {
            true => Some(format!("an image is named docker://{image}")),
            false => Some(format!("an image is named docker-daemon:{image}, podman:{image} or docker://{image}")),
        };
        for image in [
            "app:1",
            "app",
            "team/app",
            "localhost:5000/team/app:1",
            "host.example/app:1",
            "app@sha256:0a",
            "docker:dind",
        ] {
            assert_eq!(instead(image), named(image), "{image}");
        }
        for path in [
            "app.tar",
            "./app",
            "../app",
            "/tmp/app",
            "/app:1",
            "App",
            "",
            "a b:1",
            "a;b:1",
            "C:/app.tar",
            "docker://",
            "dir:",
        ] {
            assert_eq!(instead(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_no_archive_is_told_by_how_it_begins() {
        for (head, expected) in [
            (&b"PK\x03\x04\x14\0"[..], Some("a zip archive")),
            (b"# comment\nFROM debian:12\n", Some("a Dockerfile; build it, save the image, and give what was saved")),
            (b"from scratch", Some("a Dockerfile; build it, save the image, and give what was saved")),
            (b"hello \xc3\xa9 world \xc3", Some("a text file")),
            (b"{\"a\": 1}", Some("a JSON document")),
            (b"etc/passwd\0\0\0", None),
            (b"\xff\xfe\0", None),
            (b"text \xff", None),
            (b"\xc3", None),
            (b"", None),
        ] {
            assert_eq!(kind(head), expected, "{}", head.escape_ascii());
        }
    }
}
