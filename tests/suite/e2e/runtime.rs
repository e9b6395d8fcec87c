//! The runtimes: loading an archive and looking at the file system a container would see.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::FileType;

use crate::support::node::{Kind, Node, Tree, tree};
use crate::support::read::entries;
use crate::support::run::Place;

/// A runtime that loads images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runtime {
    Docker,
    Podman,
    Containerd,
}

pub(super) const ALL: [Runtime; 3] = [Runtime::Docker, Runtime::Podman, Runtime::Containerd];

/// Numbers containers of this process.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Runs a command; what it printed, or what it said when it failed.
pub(super) fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// The same, and it must succeed.
#[track_caller]
pub(super) fn sh(program: &str, arguments: &[&str]) -> String {
    run(Command::new(program).args(arguments)).unwrap_or_else(|problem| panic!("{problem}"))
}

impl Runtime {
    /// The name of the runtime as cases write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
        }
    }

    /// Loads the archive, whose image is called `name` and has a tag, and exports the file system of a container of it.
    pub(super) fn tree(self, archive: &Path, name: &str) -> Result<Tree, String> {
        let place = Place::new();
        let mut nodes = match self {
            Self::Docker | Self::Podman => {
                let export = place.path("export.tar");
                self.export(archive, name, &export)?;
                entries(&std::fs::read(export).unwrap()).0
            }
            Self::Containerd => mount(archive, &place.path("mounted"))?,
        };
        nodes.retain(|(path, _)| !is_injected(path));
        for (_, node) in &mut nodes {
            (node.uname, node.gname) = (Vec::new(), Vec::new());
        }
        Ok(tree(&nodes))
    }

    fn export(self, archive: &Path, name: &str, export: &Path) -> Result<(), String> {
        let program = self.name();
        let loaded = run(Command::new(program).args(["load", "-q", "-i"]).arg(archive))?;
        let found = loaded.lines().filter_map(|line| line.split_once(": ")).map(|(_, name)| name.trim()).next_back();
        let image = found.unwrap_or(name).to_owned();
        let container = format!("imgsquash-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let done = run(Command::new(program).args(["create", "--name", &container, &image, "/none"]))
            .and_then(|_| run(Command::new(program).args(["export", &container, "-o"]).arg(export)));
        let _ = run(Command::new(program).args(["rm", "-f", &container]));
        let _ = run(Command::new(program).args(["rmi", "-f", &image]));
        done.map(|_| ())
    }
}

/// containerd's client, with the socket of the containerd that dockerd started, or the system's.
pub(super) fn ctr() -> Command {
    let mut command = Command::new("ctr");
    let started = PathBuf::from("/run/docker/containerd/containerd.sock");
    if started.exists() {
        command.arg("-a").arg(started);
    }
    // Tests run side by side and import images of the same name.
    let thread = format!("{:?}", std::thread::current().id()).replace(['(', ')'], "");
    command.arg("-n").arg(format!("imgsquash-{}-{thread}", std::process::id()));
    command
}

fn mount(archive: &Path, mounted: &Path) -> Result<Vec<(Vec<u8>, Node)>, String> {
    std::fs::create_dir(mounted).unwrap();
    run(ctr().args(["images", "import"]).arg(archive))?;
    let listed = run(ctr().args(["images", "ls", "-q"]))?;
    let full = listed.lines().next().unwrap_or_default();
    let done = run(ctr().args(["images", "mount", full]).arg(mounted)).map(|_| walk(mounted));
    let _ = run(Command::new("umount").arg(mounted));
    let _ = run(ctr().args(["snapshots", "rm"]).arg(mounted));
    let _ = run(ctr().args(["images", "rm", "--sync", full]));
    done
}

/// The files below `root` as they are; the first name of a file has what it is, the others link to it.
pub(super) fn walk(root: &Path) -> Vec<(Vec<u8>, Node)> {
    let mut found = Vec::new();
    let mut first: HashMap<u64, Vec<u8>> = HashMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        // overlay lists whiteouts of nothing, which are not there.
        let Ok(meta) = path.symlink_metadata() else { continue };
        let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
        let kind = if meta.is_dir() {
            todo.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Kind::Directory
        } else if let Some(known) = first.get(&meta.ino()) {
            Kind::Link(known.clone())
        } else {
            first.insert(meta.ino(), name.clone());
            let (major, minor) = (rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev()));
            match FileType::from_raw_mode(meta.mode()) {
                FileType::RegularFile => Kind::File(std::fs::read(&path).unwrap()),
                FileType::Symlink => Kind::Symlink(std::fs::read_link(&path).unwrap().into_os_string().into_vec()),
                FileType::CharacterDevice => Kind::Char(major, minor),
                FileType::BlockDevice => Kind::Block(major, minor),
                FileType::Fifo => Kind::Fifo,
                other => panic!("{path:?} is a {other:?}"),
            }
        };
        let mut node = Node::new(kind);
        (node.mode, node.uid, node.gid) = (meta.mode() & 0o7777, meta.uid().into(), meta.gid().into());
        node.mtime = (meta.mtime(), u32::try_from(meta.mtime_nsec()).unwrap());
        node.xattrs = xattrs(&path);
        found.push((name, node));
    }
    found
}

fn xattrs(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut names = vec![0; 1 << 16];
    let length = rustix::fs::llistxattr(path, &mut names[..]).unwrap_or(0);
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let value = |name: &[u8]| {
        let mut value = vec![0; 1 << 16];
        let length = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap();
        value.truncate(length);
        value
    };
    names.map(|name| (name.to_vec(), value(name))).collect()
}

/// What runtimes put into every container.
fn is_injected(path: &[u8]) -> bool {
    const NAMES: [&[u8]; 9] =
        [b"", b"dev", b"proc", b"sys", b"etc", b"run", b".dockerenv", b"run/.containerenv", b"etc/mtab"];
    const FILES: [&[u8]; 3] = [b"etc/hostname", b"etc/hosts", b"etc/resolv.conf"];
    NAMES.contains(&path)
        || FILES.contains(&path)
        || [&b"dev/"[..], b"proc/", b"sys/"].iter().any(|directory| path.starts_with(directory))
}
