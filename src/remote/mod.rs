//! Images that live elsewhere: in registries and in the daemons of docker and podman.

mod credentials;
mod daemon;
mod error;
mod http;
mod registry;
mod secret;
mod settings;

pub use self::daemon::{Daemon, Load, Which, holders};
pub use self::error::{RemoteError, Trouble};
pub use self::registry::{Fetched, Into, Open, Pushed, Registries, Repository};
pub use self::secret::Secret;
pub use self::settings::{Clock, Patience, Proxies, Settings};
