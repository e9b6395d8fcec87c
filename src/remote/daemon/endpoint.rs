//! Where a daemon listens.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::oci::Digest;
use crate::remote::error::shown;
use crate::remote::settings::Settings;

/// The way to an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A socket on this machine.
    Socket(PathBuf),
    /// Whatever `docker system dial-stdio` leads to: another machine, by TLS or ssh. With the name for messages.
    Command(String),
}

/// Where docker listens unless it is told otherwise.
const DOCKER: &str = "/var/run/docker.sock";

#[derive(Deserialize)]
struct Config {
    #[serde(default, rename = "currentContext")]
    context: String,
}

#[derive(Deserialize)]
struct Context {
    #[serde(rename = "Endpoints")]
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Option<Docker>,
}

#[derive(Deserialize)]
struct Docker {
    #[serde(default, rename = "Host")]
    host: String,
}

/// Where the docker that the command `docker` would talk to listens.
pub(super) fn docker(settings: &Settings) -> Result<Endpoint, String> {
    if let Some(host) = &settings.docker_host {
        return Ok(of(host, shown(host)));
    }
    let directory = settings.docker_directory();
    let current = || {
        let text = std::fs::read(directory.as_ref()?.join("config.json")).ok()?;
        serde_json::from_slice::<Config>(&text).ok().map(|config| config.context)
    };
    let context = settings.docker_context.clone().or_else(current).unwrap_or_default();
    if matches!(context.as_str(), "" | "default") {
        return Ok(Endpoint::Socket(DOCKER.into()));
    }
    let named = format!("context {}", shown(&context));
    let host = directory.and_then(|directory| host_of(&directory, &context));
    host.map(|host| of(&host, named.clone())).ok_or_else(|| format!("there is no {named}: docker context ls"))
}

/// The host of a context.
fn host_of(directory: &Path, context: &str) -> Option<String> {
    let meta = directory.join("contexts/meta").join(Digest::of(context.as_bytes()).hex()).join("meta.json");
    let context: Context = serde_json::from_slice(&std::fs::read(meta).ok()?).ok()?;
    context.endpoints.docker.map(|docker| docker.host)
}

fn of(host: &str, named: String) -> Endpoint {
    match host.strip_prefix("unix://") {
        Some(path) => Endpoint::Socket(path.into()),
        None => Endpoint::Command(named),
    }
}

/// Where podman's service listens, if there is a socket of it.
pub(super) fn podman(settings: &Settings) -> Option<Endpoint> {
    let runtime = settings.runtime_dir.clone().unwrap_or_else(|| "/run".into());
    let socket = runtime.join("podman/podman.sock");
    socket.exists().then_some(Endpoint::Socket(socket))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::settings::tests::bare;

    #[test]
    fn the_host_goes_before_the_context_and_that_before_what_is_set() {
        let home = tempfile::tempdir().unwrap();
        let context = |name: &str, host: &str| {
            let directory = home.path().join("contexts/meta").join(Digest::of(name.as_bytes()).hex());
            std::fs::create_dir_all(&directory).unwrap();
            let text = format!(r#"{{"Name": "{name}", "Endpoints": {{"docker": {{"Host": "{host}"}}}}}}"#);
            std::fs::write(directory.join("meta.json"), text).unwrap();
        };
        context("desktop", "unix:///run/desktop.sock");
        context("far", "ssh://far.example");
        let mut settings = bare().0;
        settings.docker_config = Some(home.path().to_owned());
        let socket = |path: &str| Endpoint::Socket(path.into());
        assert_eq!(docker(&settings), Ok(socket(DOCKER)));
        std::fs::write(home.path().join("config.json"), r#"{"currentContext": "desktop", "auths": {}}"#).unwrap();
        assert_eq!(docker(&settings), Ok(socket("/run/desktop.sock")));
        settings.docker_context = Some("far".to_owned());
        assert_eq!(docker(&settings), Ok(Endpoint::Command("context far".to_owned())));
        settings.docker_context = Some("default".to_owned());
        assert_eq!(docker(&settings), Ok(socket(DOCKER)));
        settings.docker_context = Some("gone".to_owned());
        assert_eq!(docker(&settings).unwrap_err(), "there is no context gone: docker context ls");
        settings.docker_host = Some("unix:///tmp/d.sock".to_owned());
        assert_eq!(docker(&settings), Ok(socket("/tmp/d.sock")));
        settings.docker_host = Some("tcp://far.example:2376".to_owned());
        assert_eq!(docker(&settings), Ok(Endpoint::Command("tcp://far.example:2376".to_owned())));
    }
}
