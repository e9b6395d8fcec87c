//! The daemons of this machine and what leads to others: docker by its interface, podman by its command.
//!
//! # Decisions
//! - Docker is spoken to on its socket; where contexts, TLS or ssh are in the way, `docker system dial-stdio` is the
//!   way to the same interface, so that there is one way to save and one to load.
//! - Podman is no daemon: its own command knows its storage, its user namespace and its remote connections. Where there
//!   is no command but a socket, as in a container, its docker-like interface does.
//! - Saving and loading are streams. What daemons hide in them is an error here: a save that ends in a message, a load
//!   that fails and answers that all is well.

mod api;
mod command;
mod endpoint;
mod feed;
mod pipe;
mod replies;
mod saved;

use std::io::{self, Read, Write};
use std::time::Duration;

use self::api::Api;
use self::command::Podman;
use self::endpoint::Endpoint;
use super::error::{RemoteError, Trouble, shown};
use super::settings::Settings;
use crate::address::DaemonImage;
use crate::oci::{Digest, Reference};

/// What keeps images on this machine, or on another one that it is set up for.
#[derive(Debug)]
pub struct Daemon {
    which: Which,
    way: Way,
}

/// Whose images they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

#[derive(Debug)]
enum Way {
    Api(Api),
    Command(Podman),
}

/// A load under way: an archive is written to it. Nothing is loaded before [`Load::finish`].
pub struct Load {
    which: Which,
    feed: Box<dyn Feed>,
}

/// Takes an archive.
trait Feed: Write + Send {
    /// Ends the archive. What was loaded, as the daemon calls it.
    fn finish(self: Box<Self>) -> Result<Vec<String>, String>;
}

impl Which {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    /// The transport that leads to it.
    pub fn transport(self) -> &'static str {
        match self {
            Self::Docker => "docker-daemon",
            Self::Podman => "podman",
        }
    }

    fn trouble(self, why: String) -> Trouble {
        Trouble::Daemon { daemon: self.name(), why }
    }
}

/// How long a question for a hint may take.
const HINT: Duration = Duration::from_secs(3);

impl Daemon {
    /// The daemon as `settings` lead to it, if it answers.
    pub fn find(which: Which, settings: &Settings) -> Result<Self, RemoteError> {
        Self::within(which, settings, None).map_err(|why| which.trouble(why).about(which.transport()))
    }

    fn within(which: Which, settings: &Settings, limit: Option<Duration>) -> Result<Self, String> {
        let way = match which {
            Which::Docker => Way::Api(Api::open(endpoint::docker(settings)?, limit)?),
            Which::Podman if Podman::is_installed() => Way::Command(Podman { limit }),
            Which::Podman => match endpoint::podman(settings) {
                Some(endpoint) => Way::Api(Api::open(endpoint, limit)?),
                None => return Err("it is not installed (not on the PATH), and there is no socket of it".to_owned()),
            },
        };
        Ok(Self { which, way })
    }

    /// The image as a Docker archive, which comes as the daemon writes it. An error in the middle is one of reading.
    pub fn save(&self, image: &DaemonImage) -> Result<Box<dyn Read + Send>, RemoteError> {
        let name = image.to_string();
        let saved = match &self.way {
            Way::Api(api) => api.save(&name),
            Way::Command(podman) => podman.save(&name),
        };
        match saved {
            Ok(Some(saved)) => Ok(saved),
            Ok(None) => {
                let why = format!("it has no image {name}{}", self.hint(image));
                Err(self.which.trouble(why).about(self.subject(image)))
            }
            Err(why) => Err(self.which.trouble(why).about(self.subject(image))),
        }
    }

    /// Begins to load an archive.
    pub fn load(&self) -> Result<Load, RemoteError> {
        let feed = match &self.way {
            Way::Api(api) => api.load(),
            Way::Command(podman) => podman.load(),
        };
        match feed {
            Ok(feed) => Ok(Load { which: self.which, feed }),
            Err(why) => Err(self.which.trouble(why).about(self.which.transport())),
        }
    }

    /// The id of an image; `None` when it is not there.
    pub fn id(&self, image: &DaemonImage) -> Result<Option<Digest>, RemoteError> {
        let name = image.to_string();
        let id = match &self.way {
            Way::Api(api) => api.id(&name),
            Way::Command(podman) => podman.id(&name),
        };
        id.map_err(|why| self.which.trouble(why).about(self.subject(image)))
    }

    /// Whether it keeps images unpacked, whatever their layers were compressed with.
    pub fn unpacks(&self) -> Result<bool, RemoteError> {
        match &self.way {
            Way::Api(api) => api.unpacks().map_err(|why| self.which.trouble(why).about(self.which.transport())),
            Way::Command(_) => Ok(true),
        }
    }

    /// Whether `name` is, after a load, one of `ids`: what its config or manifest is called. Daemons have been seen to
    /// say that they loaded what they did not.
    pub fn check_loaded(&self, name: &Reference, ids: &[Digest]) -> Result<(), RemoteError> {
        let image = DaemonImage::Named(name.clone());
        let why = match self.id(&image)? {
            Some(id) if ids.contains(&id) => return Ok(()),
            Some(id) => format!("it says that it loaded {name}, but under this name is {id}"),
            None => format!("it says that it loaded {name}, but has no such image"),
        };
        Err(self.which.trouble(why).about(self.subject(&image)))
    }

    fn subject(&self, image: &DaemonImage) -> String {
        format!("{}:{image}", self.which.transport())
    }

    /// What else may have been meant, for the end of a message.
    fn hint(&self, image: &DaemonImage) -> String {
        let DaemonImage::Named(name) = image else { return String::new() };
        let names = match &self.way {
            Way::Api(api) => api.names(),
            Way::Command(podman) => podman.names(),
        };
        let (name, names) = (name.familiar(), names.unwrap_or_default());
        let near = |known: &String| strsim::damerau_levenshtein(known, &name);
        match names.iter().min_by_key(|known| (near(known), (*known).clone())) {
            Some(best) if near(best) <= 2.max(name.len() / 3) => format!(": is {} meant?", shown(best)),
            _ => String::new(),
        }
    }
}

/// Where on this machine the image `name` is, as one would have to type it, for the hint to someone who named it as if
/// it were a file. Daemons that do not answer soon are passed over, and those of other machines are not asked.
pub fn holders(name: &Reference, settings: &Settings) -> Vec<String> {
    let image = DaemonImage::Named(name.clone());
    let has = |which: &Which| {
        let is_near = match which {
            Which::Docker => matches!(endpoint::docker(settings), Ok(Endpoint::Socket(_))),
            Which::Podman => !settings.podman_is_far,
        };
        let daemon = is_near.then(|| Daemon::within(*which, settings, Some(HINT)).ok()).flatten();
        daemon.and_then(|daemon| daemon.id(&image).ok().flatten()).is_some()
    };
    let found = [Which::Docker, Which::Podman].into_iter().filter(has);
    found.map(|which| format!("{}:{image}", which.transport())).collect()
}

impl Load {
    /// Ends the archive, and waits for the daemon to take it in. The names of what was loaded, as the daemon tells
    /// them.
    pub fn finish(self) -> Result<Vec<String>, RemoteError> {
        let which = self.which;
        let loaded = self.feed.finish().and_then(|loaded| match loaded.is_empty() {
            true => Err("it took the archive and loaded nothing".to_owned()),
            false => Ok(loaded),
        });
        loaded.map_err(|why| which.trouble(why).about(which.transport()))
    }
}

impl Write for Load {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.feed.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.feed.flush()
    }
}
