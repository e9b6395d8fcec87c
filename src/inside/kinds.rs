//! What kinds of findings there are, and what they are called.

/// A kind of findings.
struct Kind {
    /// What findings of it are told by.
    id: &'static str,
    /// One of them, in words.
    one: &'static str,
    /// What several are called, after their number.
    many: &'static str,
}

const fn kind(id: &'static str, one: &'static str, many: &'static str) -> Kind {
    Kind { id, one, many }
}

/// Every kind, by id. A new finding is a line here.
const KINDS: [Kind; 20] = [
    kind("build-files", "1 file of the build left", "files of the build left"),
    kind("cannot-squash", "1 cannot-squash", "cannot-squash"),
    kind("dist-upgrade", "1 step that upgrades the distribution", "steps that upgrade the distribution"),
    kind("duplicate-gid", "1 group id that several groups have", "group ids that several groups have"),
    kind("duplicate-uid", "1 user id that several accounts have", "user ids that several accounts have"),
    kind("empty-password", "1 account without a password", "accounts without a password"),
    kind("extracted-archive", "1 archive beside its own contents", "archives beside their own contents"),
    kind("file-capability", "1 file with capabilities", "files with capabilities"),
    kind("latest-tag", "tag latest", "tags latest"),
    kind("no-healthcheck", "no healthcheck", "no healthcheck"),
    kind("packages-unreadable", "1 packages-unreadable", "packages-unreadable"),
    kind("prunable", "1 kind of cache or list left", "kinds of caches and lists left"),
    kind("remote-archive", "1 remote file added", "remote files added"),
    kind("root-user", "runs as root", "run as root"),
    kind("secrets-not-searched", "1 secrets-not-searched", "secrets-not-searched"),
    kind("secrets-not-told", "1 secrets-not-told", "secrets-not-told"),
    kind("sensitive-volume", "1 volume over a directory of the kernel", "volumes over directories of the kernel"),
    kind("setuid", "1 setuid file", "setuid files"),
    kind("sudo-step", "1 step that runs sudo", "steps that run sudo"),
    kind("unknown-user", "runs as a user that it does not have", "run as users that they do not have"),
];

/// The ids of all kinds.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.id)
}

/// What so many findings of a kind are called.
pub fn words(id: &str, count: usize) -> String {
    let known = KINDS.iter().find(|kind| kind.id == id);
    match (known, count) {
        (Some(kind), 1) => kind.one.to_owned(),
        (Some(kind), _) => format!("{count} {}", kind.many),
        (None, _) => format!("{count} {id}"),
    }
}

/// What one finding of a kind is called: a title.
pub fn title(id: &str) -> String {
    let words = words(id, 1);
    let mut characters = words.strip_prefix("1 ").unwrap_or(&words).chars();
    characters.next().map_or(String::new(), |first| first.to_uppercase().chain(characters).collect())
}
