//! Registries and daemons, against those of the tests' own that have every fault there is.

mod auth;
mod command;
mod daemon;
mod pull;
mod push;
mod reading;
mod writing;

use imgsquash::remote::{Registries, RemoteError, Repository, Settings};

use crate::support::registry::Registry;

/// The repository `app` of a registry, as a machine reaches it.
fn repository(registry: &Registry, settings: Settings) -> Repository {
    try_repository(registry, settings).unwrap()
}

fn try_repository(registry: &Registry, settings: Settings) -> Result<Repository, RemoteError> {
    Registries::new(settings).repository(&registry.name("app:1").parse().unwrap())
}

/// The error as a person sees it, without the port that is another one each time.
#[track_caller]
fn said<T>(registry: &Registry, result: Result<T, RemoteError>) -> String {
    let Err(problem) = result else { panic!("it succeeded") };
    problem.to_string().replace(&registry.address.to_string(), "HOST")
}
