//! The docks of images that are elsewhere: what output writes to.
//!
//! # Decisions
//! - A name that is written to is the image's name there. What an archive says of other names goes with the archive
//!   only.
//! - Nothing has a name before everything is there: a tag is the last that is pushed, and a daemon that does not get
//!   the end of an archive loads nothing of it.

mod archive;
mod registry;

use std::io;
use std::path::Path;
use std::sync::Arc;

use self::archive::Loading;
use self::registry::Pushing;
use super::daemon::{Daemon, Which};
use super::door::Remote;
use super::error::RemoteError;
use super::registry::Registries;
use super::settings::Settings;
use crate::address::{Address, DaemonImage, RegistryImage};
use crate::oci::Reference;
use crate::output::{Dock, Sink};

impl Remote {
    /// The dock at an address; `None` for one on this machine's disk. An error when no image can be put there. What is
    /// at the addresses `beside` may be taken from there.
    pub fn dock(&self, address: &Address, beside: &[Address]) -> Result<Option<Arc<dyn Dock>>, String> {
        let named = |image: &DaemonImage| match image {
            DaemonImage::Named(name) => Ok(name.clone()),
            DaemonImage::Id(_) => Err(format!("{address}: an id cannot be given to an image, say a name")),
        };
        let daemon =
            |which, name| -> Arc<dyn Dock> { Arc::new(DaemonDock { which, name, settings: self.settings().clone() }) };
        match address {
            Address::Docker(image) => Ok(Some(daemon(Which::Docker, named(image)?))),
            Address::Podman(image) => Ok(Some(daemon(Which::Podman, named(image)?))),
            Address::Registry(RegistryImage { digest: Some(_), .. }) => {
                Err(format!("{address}: a digest cannot be given to an image, say a tag"))
            }
            Address::Registry(RegistryImage { name, .. }) => {
                let beside = beside.iter().filter_map(|address| match address {
                    Address::Registry(image) if image.name.domain() == name.domain() => Some(image.name.clone()),
                    _ => None,
                });
                let (name, beside, registries) = (name.clone(), beside.collect(), self.registries().clone());
                Ok(Some(Arc::new(RegistryDock { name, beside, registries, connections: self.settings().connections })))
            }
            _ => Ok(None),
        }
    }

    /// Whether what is at an address is kept unpacked, so that compressing it for the way there is work for nothing.
    /// Who does not answer is taken not to.
    pub fn unpacks(&self, address: &Address) -> bool {
        let which = match address {
            Address::Docker(_) => Which::Docker,
            Address::Podman(_) => Which::Podman,
            _ => return false,
        };
        Daemon::find(which, self.settings()).and_then(|daemon| daemon.unpacks()).unwrap_or(false)
    }
}

/// A name in a daemon.
#[derive(Debug)]
struct DaemonDock {
    which: Which,
    name: Reference,
    settings: Arc<Settings>,
}

impl Dock for DaemonDock {
    fn name(&self) -> String {
        format!("{}:{}", self.which.transport(), self.name)
    }

    fn open(&self, tmp_dir: &Path) -> io::Result<Box<dyn Sink>> {
        let daemon = Daemon::find(self.which, &self.settings).map_err(failed)?;
        let load = daemon.load().map_err(failed)?;
        Ok(Box::new(Loading::new(daemon, load, self.name.clone(), tmp_dir)))
    }

    fn next(&self) -> String {
        format!("{} run --rm {}", self.which.name(), self.name)
    }

    fn takes_one(&self) -> bool {
        true
    }
}

/// A tag in a registry.
#[derive(Debug)]
struct RegistryDock {
    name: Reference,
    /// Repositories of the same registry that may have blobs already.
    beside: Vec<Reference>,
    registries: Arc<Registries>,
    connections: usize,
}

impl Dock for RegistryDock {
    fn name(&self) -> String {
        format!("docker://{}", self.name)
    }

    fn open(&self, tmp_dir: &Path) -> io::Result<Box<dyn Sink>> {
        let repository = |name| self.registries.repository(name).map_err(failed);
        let into = repository(&self.name)?;
        into.check_push().map_err(failed)?;
        let beside = self.beside.iter().map(repository).collect::<io::Result<_>>()?;
        Ok(Box::new(Pushing::new(into, self.name.tag(), beside, self.connections, tmp_dir)))
    }

    fn next(&self) -> String {
        format!("docker pull {}", self.name)
    }

    fn takes_one(&self) -> bool {
        false
    }
}

/// The same about an output, which whoever writes names.
fn failed(error: RemoteError) -> io::Error {
    io::Error::other(error.trouble)
}
