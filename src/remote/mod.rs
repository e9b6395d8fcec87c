//! Images that live elsewhere: in registries.

mod credentials;
mod error;
mod http;
mod registry;
mod secret;
mod settings;

pub use self::error::{RemoteError, Trouble};
pub use self::registry::{Fetched, Into, Open, Pushed, Registries, Repository};
pub use self::secret::Secret;
pub use self::settings::{Clock, Patience, Proxies, Settings};
