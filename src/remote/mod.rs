//! Images that live elsewhere: in registries and in the daemons of docker and podman.
//!
//! [`Remote::door`] leads to an image that is read, [`Remote::dock`] to where one is put. Rooms below know only the
//! traits that it implements.

mod arriving;
mod credentials;
mod daemon;
mod door;
mod error;
mod http;
mod registry;
mod secret;
mod settings;
mod sink;

pub use self::arriving::{Arriving, Get, Take, Transfers};
pub use self::daemon::{Daemon, Load, Which, holders};
pub use self::door::Remote;
pub use self::error::{RemoteError, Trouble};
pub use self::registry::{Fetched, Into, Open, Pushed, Registries, Repository};
pub use self::secret::Secret;
pub use self::settings::{Clock, Patience, Proxies, Settings};
