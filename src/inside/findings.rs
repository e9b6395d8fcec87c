//! What a person should know of an image, besides its bytes: decided by what is in it, and by the text of its history
//! only where nothing else can tell.
//!
//! # Decisions
//! - The superuser is told by number, so `0`, `0:0` and another name for 0 count (dockle looks for the word root).
//! - A healthcheck is missed only where an image can have one: OCI manifests cannot.
//! - Caches and lists are what the safe prune rules would take, not what the history does not say it removed.
//! - Steps of the base image are not blamed on whoever built upon it.

use std::collections::BTreeMap;

use super::archives::Extracted;
use super::settings::{Accounts, Settings};
use crate::finding::{Finding, Severity};
use crate::oci::Image;
use crate::slim::RuleOutcome;
use crate::text;
use crate::tree::{Inode, Kind, NodeId, Tree};

/// What an image is judged by.
pub struct Facts<'f> {
    /// The image.
    pub image: &'f Image,
    /// How many of its oldest layers are the base image.
    pub base: usize,
    /// Its final file system.
    pub tree: &'f Tree,
    /// What containers run by.
    pub settings: &'f Settings,
    /// Who can be in them.
    pub accounts: &'f Accounts,
    /// What the safe prune rules would take.
    pub prunable: &'f [RuleOutcome],
    /// Archives beside what was extracted from them.
    pub extracted: &'f [Extracted],
}

/// Findings of one kind that are told one by one.
const EACH: usize = 100;

/// What was found, the gravest first and otherwise in a fixed order.
pub fn findings(facts: &Facts<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    runs_as(facts, &mut found);
    accounts(facts.accounts, &mut found);
    volumes(facts.settings, &mut found);
    found.extend(healthcheck(facts));
    special_files(facts.tree, &mut found);
    leftovers(facts, &mut found);
    steps(facts, &mut found);
    names(facts.image, &mut found);
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

fn runs_as(facts: &Facts<'_>, found: &mut Vec<Finding>) {
    let Settings { user, uid, .. } = facts.settings;
    if facts.settings.is_root() {
        let how = if user.is_empty() { "no user is set".to_owned() } else { format!("its user is \"{user}\"") };
        let message = format!("containers run as the superuser: {how}");
        let finding = Finding::new("root-user", Severity::Medium, message);
        found.push(finding.with_remedy("set USER in the Dockerfile, or squash with --user"));
    } else if uid.is_none() {
        let message = format!("no account is called \"{user}\": runtimes refuse to start containers");
        let finding = Finding::new("unknown-user", Severity::High, message);
        found.push(finding.with_remedy("add the account, or name the user by its number"));
    }
}

fn accounts(accounts: &Accounts, found: &mut Vec<Finding>) {
    let Accounts { passwd, shadow, group } = accounts;
    for (fields, file) in
        passwd.iter().map(|line| (line, "/etc/passwd")).chain(shadow.iter().map(|line| (line, "/etc/shadow")))
    {
        if let [name, password, _, ..] = &fields[..] {
            if password.is_empty() && !name.is_empty() {
                let message = format!("{file} has an empty password for it: anybody can log in");
                let finding = Finding::new("empty-password", Severity::Critical, message).about(name);
                found.push(finding.with_remedy("lock the account with passwd -l"));
            }
        }
    }
    for (id, lines, what) in [("duplicate-uid", passwd, "accounts"), ("duplicate-gid", group, "groups")] {
        for (number, names) in shared(lines) {
            let message = format!("{what} with this number: {}", names.join(", "));
            found.push(Finding::new(id, Severity::Medium, message).about(number));
        }
    }
}

/// Numbers that several names have.
fn shared(lines: &[Vec<String>]) -> BTreeMap<u64, Vec<&str>> {
    let mut names: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for fields in lines {
        if let (Some(name), Some(Ok(number))) = (fields.first(), fields.get(2).map(|number| number.parse())) {
            let of_number = names.entry(number).or_default();
            if of_number.len() < EACH {
                of_number.push(name);
            }
        }
    }
    names.retain(|_, names| names.len() > 1);
    names
}

fn volumes(settings: &Settings, found: &mut Vec<Finding>) {
    for volume in &settings.volumes {
        let path = format!("{}/", volume.trim_end_matches('/'));
        if ["/dev/", "/proc/", "/sys/"].iter().any(|kernel| path.starts_with(kernel)) {
            let message = "a volume over a directory of the kernel hides it from the container";
            found.push(Finding::new("sensitive-volume", Severity::High, message).about(volume));
        }
    }
}

fn healthcheck(facts: &Facts<'_>) -> Option<Finding> {
    let media_type: Option<String> = facts.image.manifest.get("mediaType", "the manifest").ok().flatten();
    let is_docker = facts.image.manifest.keys().next().is_none()
        || media_type.is_some_and(|kind| kind.starts_with("application/vnd.docker."));
    let has_one = facts.settings.healthcheck.as_ref().is_some_and(|test| test[0] != "NONE");
    let message = "nothing tells whether a container is healthy";
    let finding =
        || Finding::new("no-healthcheck", Severity::Info, message).with_remedy("set HEALTHCHECK in the Dockerfile");
    (is_docker && !has_one).then(finding)
}

/// The name of the attribute that has the capabilities of a file.
const CAPABILITY: &[u8] = b"security.capability";

fn special_files(tree: &Tree, found: &mut Vec<Finding>) {
    let is_file = |inode: &Inode| matches!(inode.kind, Kind::File { .. });
    let setuid = |inode: &Inode| is_file(inode) && inode.meta.mode & 0o6000 != 0;
    let capable =
        |inode: &Inode| is_file(inode) && inode.meta.extra.xattrs.iter().any(|(name, _)| **name == *CAPABILITY);
    each(tree, setuid, found, "setuid", |tree, id| {
        let inode = tree.inode(id);
        let what = if inode.meta.mode & 0o4000 != 0 { "user" } else { "group" };
        format!(
            "runs as its {what} {}, whoever starts it",
            if what == "user" { inode.meta.uid } else { inode.meta.gid }
        )
    });
    each(tree, capable, found, "file-capability", |_, _| "has capabilities, whoever starts it".to_owned());
}

/// Tells of each file that is so, up to [`EACH`], by path.
fn each(
    tree: &Tree,
    is_so: impl Fn(&Inode) -> bool,
    found: &mut Vec<Finding>,
    kind: &'static str,
    message: impl Fn(&Tree, NodeId) -> String,
) {
    let mut all: Vec<(Vec<u8>, NodeId)> =
        tree.nodes().filter(|id| is_so(tree.inode(*id))).map(|id| (tree.path(id).as_bytes().to_vec(), id)).collect();
    all.sort_unstable();
    let count = all.len();
    for (path, id) in all.into_iter().take(EACH) {
        let path = text::exact(&path);
        found.push(Finding::new(kind, Severity::Low, message(tree, id)).about(format_args!("/{path}")));
    }
    if count > EACH {
        found.push(Finding::new(kind, Severity::Low, format!("{} more of them", count - EACH)));
    }
}

fn leftovers(facts: &Facts<'_>, found: &mut Vec<Finding>) {
    for rule in facts.prunable.iter().filter(|rule| rule.taken.files > 0) {
        let message = format!("{} bytes in {} files: {}", rule.taken.bytes, rule.taken.files, rule.title);
        let severity = if rule.taken.bytes >= 1 << 20 { Severity::Low } else { Severity::Info };
        let finding = Finding::new("prunable", severity, message).about(&rule.id);
        found.push(finding.with_remedy("squash with --prune"));
    }
    for Extracted { archive, bytes, beside, entries } in facts.extracted {
        let message = format!("{bytes} bytes: what is in it, {entries} files, lies extracted below {beside}");
        let finding = Finding::new("extracted-archive", Severity::Low, message).about(archive);
        found.push(finding.with_remedy(format!("squash with --prune-path {archive}")));
    }
    let is_build_file = |id: &NodeId| is_build_file(facts.tree, *id);
    for id in facts.tree.nodes().filter(is_build_file).take(EACH) {
        let path = text::exact(facts.tree.path(id).as_bytes());
        let message = "the build needs it, and containers do not";
        found.push(Finding::new("build-files", Severity::Low, message).about(format_args!("/{path}")));
    }
}

/// Whether a path is what only a build needs, and lies where nobody's package has it as an example.
fn is_build_file(tree: &Tree, id: NodeId) -> bool {
    let name = tree.name(id);
    let is_repository = || name == b".git" && tree.child(id, b"HEAD").is_some() && tree.child(id, b"objects").is_some();
    let names: [&[u8]; 6] = [
        b"Dockerfile",
        b"Containerfile",
        b".dockerignore",
        b"docker-compose.yml",
        b"docker-compose.yaml",
        b"compose.yaml",
    ];
    let is_named = names.contains(&name) && matches!(tree.inode(id).kind, Kind::File { .. });
    let others: [&[u8]; 5] = [b"node_modules", b"site-packages", b"dist-packages", b"share", b"gems"];
    let is_of_others = || tree.path(id).components().any(|name| others.contains(&name));
    (is_named || is_repository()) && !is_of_others()
}

fn steps(facts: &Facts<'_>, found: &mut Vec<Finding>) {
    let rows = facts.image.config.history().unwrap_or_default().iter().enumerate();
    let mut layers = 0;
    for (at, row) in rows {
        layers += usize::from(!row.is_empty_layer());
        // Rows of the base come before the first layer that is not of it.
        if layers <= facts.base {
            continue;
        }
        let step = row.created_by();
        let mut tell = |id, severity, message: &str| {
            found.push(Finding::new(id, severity, message).about(format_args!("history row {}", at + 1)));
        };
        if adds_remote(&step) {
            tell("remote-archive", Severity::Low, "ADD takes what a server gives, and nobody checks it");
        }
        let commands =
            || step.split(['&', ';', '|', '\n']).map(|command| command.trim_start_matches("/bin/sh -c").trim());
        let runs = |words: &[&str]| {
            commands().any(|command| command.split_whitespace().take(words.len()).eq(words.iter().copied()))
        };
        if runs(&["sudo"]) || runs(&["RUN", "sudo"]) {
            tell("sudo-step", Severity::Info, "sudo is of no use in a build that is root already");
        }
        let upgrades = |command: &str| {
            let words: Vec<&str> = command.split_whitespace().collect();
            words.windows(2).any(|pair| pair[0].starts_with("apt") && pair[1] == "dist-upgrade")
                || (words.first().is_some_and(|word| word.starts_with("apt")) && words.contains(&"dist-upgrade"))
        };
        if commands().any(upgrades) {
            tell("dist-upgrade", Severity::Info, "a distribution is upgraded by building upon a newer base");
        }
    }
}

/// Whether a step is an `ADD` of an address, as BuildKit and buildah write it.
fn adds_remote(step: &str) -> bool {
    let step = step.trim_start_matches("/bin/sh -c #(nop)").trim_start();
    let Some(arguments) = step.strip_prefix("ADD ") else { return false };
    let has_checksum = arguments.contains("--checksum=");
    !has_checksum
        && arguments.split_whitespace().any(|word| word.starts_with("http://") || word.starts_with("https://"))
}

fn names(image: &Image, found: &mut Vec<Finding>) {
    for name in image.repo_tags.iter().map(ToString::to_string).filter(|name| name.ends_with(":latest")) {
        let message = "the tag latest says nothing: whoever pulls it cannot tell what they get";
        found.push(Finding::new("latest-tag", Severity::Info, message).about(name));
    }
}
