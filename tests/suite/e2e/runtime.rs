//! The runtimes: loading an archive and looking at the file system a container would see.
//!
//! Tests run side by side, in several processes, and share the daemons. So each loads images under names of its own
//! ([`unique`]) and removes those and nothing else ([`Loaded`], [`Namespace`]); what `tests/e2e/prepare` loaded is only
//! looked at.

use std::cell::RefCell;
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

/// What begins the names that [`unique`] makes.
const PREFIX: &str = "imgsquash-test-";

/// A name that nothing else has: of an image, a container or a namespace. `tests/run` puts its own mark into it, by
/// which it finds what a test that was killed has left.
pub(super) fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let run = std::env::var("IMGSQUASH_TEST_RUN").unwrap_or_default();
    format!("{PREFIX}{run}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

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

    /// Loads the archive and tells the file system of a container of it. Docker and podman want an image with a name of
    /// its own: [`Loaded`].
    pub(super) fn tree(self, archive: &Path) -> Result<Tree, String> {
        match self {
            Self::Docker | Self::Podman => self.tree_of(Loaded::new(self, archive)?.name()),
            Self::Containerd => {
                let place = Place::new();
                Ok(as_runtimes_show(Namespace::new().mount(archive, &place.path("mounted"))?))
            }
        }
    }

    /// The file system of a container of an image that is there.
    pub(super) fn tree_of(self, image: &str) -> Result<Tree, String> {
        let place = Place::new();
        let export = place.path("export.tar");
        let container = Container::new(self, image)?;
        run(Command::new(self.name()).args(["export", &container.name, "-o"]).arg(&export))?;
        Ok(as_runtimes_show(entries(&std::fs::read(export).unwrap()).0))
    }
}

/// A tree without what runtimes put into it, and without names of users, which not all tell.
fn as_runtimes_show(mut nodes: Vec<(Vec<u8>, Node)>) -> Tree {
    nodes.retain(|(path, _)| !is_injected(path));
    for (_, node) in &mut nodes {
        (node.uname, node.gname) = (Vec::new(), Vec::new());
    }
    tree(&nodes)
}

/// An image that a test loaded into docker or podman. It goes with this, also when the test panics.
pub(super) struct Loaded {
    runtime: Runtime,
    name: String,
}

impl Loaded {
    /// Loads an archive with one image, which is called as [`unique`] said.
    pub(super) fn new(runtime: Runtime, archive: &Path) -> Result<Self, String> {
        let said = run(Command::new(runtime.name()).args(["load", "-q", "-i"]).arg(archive))?;
        let name = said.trim().rsplit_once(": ").map(|(_, name)| name.to_owned());
        let name = name.unwrap_or_else(|| panic!("{} load told no name: {said}", runtime.name()));
        assert!(name.contains(PREFIX), "{name} may be another test's: give the image a name of its own");
        Ok(Self { runtime, name })
    }

    /// The name as the runtime tells it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let _ = run(Command::new(self.runtime.name()).args(["rmi", &self.name]));
    }
}

/// A container that never ran. It goes with this, also when the test panics.
struct Container {
    runtime: Runtime,
    name: String,
}

impl Container {
    fn new(runtime: Runtime, image: &str) -> Result<Self, String> {
        let name = unique();
        run(Command::new(runtime.name()).args(["create", "--pull", "never", "--name", &name, image, "/none"]))?;
        Ok(Self { runtime, name })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = run(Command::new(self.runtime.name()).args(["rm", "-f", &self.name]));
    }
}

/// A namespace of containerd, whose images no other one has. It goes with this and all that is in it, also when the
/// test panics.
pub(super) struct Namespace {
    name: String,
    mounted: RefCell<Option<PathBuf>>,
}

impl Namespace {
    pub(super) fn new() -> Self {
        Self { name: unique(), mounted: RefCell::new(None) }
    }

    /// containerd's client, with the socket of the containerd that dockerd started, or the system's.
    pub(super) fn ctr(&self) -> Command {
        let mut command = Command::new("ctr");
        let started = Path::new("/run/docker/containerd/containerd.sock");
        if started.exists() {
            command.arg("-a").arg(started);
        }
        command.args(["-n", &self.name]);
        command
    }

    /// The names of its images.
    pub(super) fn images(&self) -> Result<Vec<String>, String> {
        let listed = run(self.ctr().args(["images", "ls", "-q"]))?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// Imports an archive and tells what its image shows.
    fn mount(&self, archive: &Path, mounted: &Path) -> Result<Vec<(Vec<u8>, Node)>, String> {
        std::fs::create_dir(mounted).unwrap();
        run(self.ctr().args(["images", "import"]).arg(archive))?;
        let image = self.images()?.into_iter().next().unwrap_or_default();
        run(self.ctr().args(["images", "mount", &image]).arg(mounted))?;
        *self.mounted.borrow_mut() = Some(mounted.to_owned());
        Ok(walk(mounted))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Some(mounted) = self.mounted.take() {
            let _ = run(Command::new("umount").arg(&mounted));
            let _ = run(self.ctr().args(["snapshots", "rm"]).arg(&mounted));
        }
        let images = self.images().unwrap_or_default();
        let _ = run(self.ctr().args(["images", "rm", "--sync"]).args(images));
        let _ = run(self.ctr().args(["namespaces", "rm", &self.name]));
    }
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
