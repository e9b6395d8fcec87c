//! Names of images, and what they lead to: the disk, a daemon, a registry.

use std::path::Path;
use std::sync::Arc;

use imgsquash::address::{Address, DaemonImage};
use imgsquash::request::{Dock, Door, Format, Origin, Reference, Target};

/// What this machine leads to, as the environment and the options say.
pub(super) struct Elsewhere {
    #[cfg(feature = "remote")]
    remote: imgsquash::remote::Remote,
    #[cfg(feature = "remote")]
    settings: imgsquash::remote::Settings,
}

/// An image or several that are read: where they are, and what is called so there.
pub(super) struct Given {
    pub(super) origin: Origin,
    pub(super) called: Option<String>,
}

/// Where an image goes, and what the name says besides.
pub(super) struct Place {
    pub(super) target: Target,
    /// What is written there, if the name says it.
    pub(super) format: Option<Format>,
    /// What the image is called there.
    pub(super) called: Option<Reference>,
}

/// What a person typed as a name. Bytes that are no text are a path.
pub(super) fn address(text: &Path) -> Result<Address, String> {
    match text.to_str() {
        Some(text) => text.parse().map_err(|problem: imgsquash::address::InvalidAddress| problem.to_string()),
        None => Ok(Address::Path(text.to_owned())),
    }
}

/// What else may have been meant by the name of an input that is not there, for the end of a message; `command` is what
/// to type where a name is the right one, if that can be told.
pub(super) fn hint(error: &imgsquash::Error, command: impl Fn(&str) -> Option<String>) -> String {
    let imgsquash::Error::Input { input, cause } = error else { return String::new() };
    if !cause.is_absent() || !matches!(address(Path::new(input)), Ok(Address::Path(_))) {
        return String::new();
    }
    if let Some(transport) = Address::meant(input) {
        return format!("; is {transport}: meant?");
    }
    let Ok(name) = input.parse::<Reference>() else { return String::new() };
    if !cause.may_be_an_image() {
        return String::new();
    }
    let told = |found: &String| command(found).unwrap_or_else(|| format!("say {found}"));
    match &Elsewhere::new(false).holders(&name)[..] {
        [] => String::new(),
        [found] => format!("; it is there: {}", told(found)),
        [found, other, ..] => format!("; it is there: {}, or {other}", told(found)),
    }
}

impl Elsewhere {
    /// What `text` leads to; nothing is opened yet.
    pub(super) fn given(&self, text: &Path) -> Result<Given, String> {
        if text.as_os_str() == "-" {
            return Ok(Given { origin: Origin::Stdin, called: None });
        }
        let address = address(text)?;
        let on_disk = |path: &Path, called: Option<&String>| Given {
            origin: Origin::Path(path.to_owned()),
            called: called.cloned(),
        };
        match &address {
            Address::Path(path) => Ok(on_disk(path, None)),
            Address::DockerArchive(path, called)
            | Address::OciArchive(path, called)
            | Address::OciDirectory(path, called) => Ok(on_disk(path, called.as_ref())),
            _ => self.door(&address).map(|door| Given { origin: Origin::Door(door), called: None }),
        }
    }

    /// Where `text` leads to write there. What is at the names `beside` may be taken from there.
    pub(super) fn place(&self, text: &Path, beside: &[Address]) -> Result<Place, String> {
        let address = address(text)?;
        let on_disk = |path: &Path, format, called: Option<&String>| {
            let called = called.map(|name| match name.parse() {
                // Without a tag it would be called otherwise in the layout than it was typed.
                Ok(name_and_tag) if name.contains(':') => Ok(name_and_tag),
                Ok(_) => Err(format!("{address}: say NAME:TAG after the path")),
                Err(problem) => Err(format!("{address}: {problem}")),
            });
            Ok(Place { target: Target::Path(path.to_owned()), format, called: called.transpose()? })
        };
        match &address {
            Address::Path(path) => match path.to_str().and_then(Address::meant) {
                Some(meant) if !path.exists() => {
                    let name = path.display();
                    Err(format!("{name}: is {meant}: meant? As a file it is named ./{name}"))
                }
                _ => on_disk(path, None, None),
            },
            Address::DockerArchive(path, called) => on_disk(path, Some(Format::DockerArchive), called.as_ref()),
            Address::OciArchive(path, called) => on_disk(path, Some(Format::OciArchive), called.as_ref()),
            Address::OciDirectory(path, called) => on_disk(path, Some(Format::OciDirectory), called.as_ref()),
            Address::Docker(_) | Address::Podman(_) => {
                let dock = self.dock(&address, beside)?;
                let called = match &address {
                    Address::Docker(DaemonImage::Named(name)) | Address::Podman(DaemonImage::Named(name)) => Some(name),
                    _ => None,
                };
                Ok(Place { target: Target::Dock(dock), format: Some(Format::Universal), called: called.cloned() })
            }
            Address::Registry(image) => {
                let (dock, called) = (self.dock(&address, beside)?, Some(image.name.clone()));
                Ok(Place { target: Target::Dock(dock), format: Some(Format::OciArchive), called })
            }
        }
    }
}

#[cfg(feature = "remote")]
impl Elsewhere {
    /// What the environment says.
    pub(super) fn new(is_insecure: bool) -> Self {
        let uid = rustix::process::getuid().as_raw();
        let clock = Arc::new(Monotonic(std::time::Instant::now()));
        let settings = imgsquash::remote::Settings::new(&|name| std::env::var_os(name), uid, clock);
        let settings = imgsquash::remote::Settings { insecure: is_insecure, ..settings };
        Self { remote: imgsquash::remote::Remote::new(settings.clone()), settings }
    }

    fn door(&self, address: &Address) -> Result<Arc<dyn Door>, String> {
        self.remote.door(address).ok_or_else(|| format!("{address} is no image that is elsewhere"))
    }

    fn dock(&self, address: &Address, beside: &[Address]) -> Result<Arc<dyn Dock>, String> {
        self.remote.dock(address, beside)?.ok_or_else(|| format!("{address} is no place that is elsewhere"))
    }

    /// Whether compressing what goes to `address` is work for nothing.
    pub(super) fn unpacks(&self, address: &Address) -> bool {
        self.remote.unpacks(address)
    }

    /// Where an image of this name is, as one would have to type it.
    pub(super) fn holders(&self, name: &Reference) -> Vec<String> {
        imgsquash::remote::holders(name, &self.settings)
    }
}

/// The time since the process began.
#[cfg(feature = "remote")]
#[derive(Debug)]
struct Monotonic(std::time::Instant);

#[cfg(feature = "remote")]
impl imgsquash::remote::Clock for Monotonic {
    fn now(&self) -> std::time::Duration {
        self.0.elapsed()
    }

    fn wait(&self, time: std::time::Duration) {
        std::thread::sleep(time);
    }
}

#[cfg(not(feature = "remote"))]
impl Elsewhere {
    pub(super) fn new(_: bool) -> Self {
        Self {}
    }

    fn door(&self, address: &Address) -> Result<Arc<dyn Door>, String> {
        Err(without(address))
    }

    fn dock(&self, address: &Address, _: &[Address]) -> Result<Arc<dyn Dock>, String> {
        Err(without(address))
    }

    pub(super) fn unpacks(&self, _: &Address) -> bool {
        false
    }

    pub(super) fn holders(&self, _: &Reference) -> Vec<String> {
        Vec::new()
    }
}

#[cfg(not(feature = "remote"))]
fn without(address: &Address) -> String {
    format!("{address}: this imgsquash was built without the feature \"remote\", which leads there")
}
