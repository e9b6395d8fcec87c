//! What a person's machine says about registries and daemons. Nothing here reads the environment: who starts a verb
//! does, and hands on what it found.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::secret::Secret;

/// Where credentials, authorities and daemons are looked for, and how patient transfers are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The home directory.
    pub home: Option<PathBuf>,
    /// Where a person's settings are: `$XDG_CONFIG_HOME`, else `.config` in the home directory.
    pub config_home: Option<PathBuf>,
    /// Where podman keeps what lasts as long as a session: `$XDG_RUNTIME_DIR`, else `/run`.
    pub runtime_dir: Option<PathBuf>,
    /// `DOCKER_AUTH_CONFIG`: a `config.json` as text.
    pub docker_auth_config: Option<Secret>,
    /// `DOCKER_CONFIG`: the directory of docker's `config.json`.
    pub docker_config: Option<PathBuf>,
    /// `REGISTRY_AUTH_FILE`: podman's credentials.
    pub registry_auth_file: Option<PathBuf>,
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// Whether `CONTAINER_HOST` or `CONTAINER_CONNECTION` lead podman to another machine.
    pub podman_is_far: bool,
    /// `SSL_CERT_FILE`: the authorities that are trusted, instead of the system's.
    pub cert_file: Option<PathBuf>,
    /// `SSL_CERT_DIR`: directories of authorities, instead of the system's.
    pub cert_dirs: Vec<PathBuf>,
    /// Directories with a directory of certificates a registry (`certs.d`), the first goes first.
    pub certs_d: Vec<PathBuf>,
    /// What goes by way of a proxy.
    pub proxies: Proxies,
    /// Whether plain HTTP and certificates that no one vouches for are taken.
    pub insecure: bool,
    /// The user, for the places that have the number in their name.
    pub uid: u32,
    /// Transfers at once.
    pub connections: usize,
    /// How long is waited for what may yet come.
    pub patience: Patience,
    /// Tells the time and waits.
    pub clock: Arc<dyn Clock>,
}

/// A clock that only goes forward.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Time since some moment.
    fn now(&self) -> Duration;
    /// Returns after `time`.
    fn wait(&self, time: Duration);
}

/// Addresses of proxies, which may have passwords in them.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// `HTTP_PROXY`: for plain HTTP.
    pub http: Option<Secret>,
    /// `HTTPS_PROXY`: for HTTPS.
    pub https: Option<Secret>,
    /// `NO_PROXY`: hosts, domains, addresses and networks that are reached directly, with commas between them.
    pub none_for: String,
}

/// How long is waited, and how often tried again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Tries of one thing that does not get on.
    pub tries: u32,
    /// The wait before the second try; each further one is twice as long.
    pub first: Duration,
    /// All waits for one thing together.
    pub total: Duration,
    /// For a connection.
    pub connect: Duration,
    /// For the next bytes of something.
    pub stall: Duration,
    /// Bytes a second that a transfer must reach on average after `total`.
    pub slowest: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 5,
            first: Duration::from_secs(1),
            total: Duration::from_secs(120),
            connect: Duration::from_secs(20),
            stall: Duration::from_secs(60),
            slowest: 4 << 10,
        }
    }
}

impl Settings {
    /// What `env` says, a function that knows the environment's variables, for the user `uid`.
    pub fn new(env: &dyn Fn(&str) -> Option<OsString>, uid: u32, clock: Arc<dyn Clock>) -> Self {
        // A variable that is set to nothing says nothing.
        let value = |name: &str| env(name).filter(|value| !value.is_empty());
        let text = |name: &str| value(name).and_then(|value| value.into_string().ok());
        let path = |name: &str| value(name).map(PathBuf::from);
        // Only the lower-case form of HTTP_PROXY is safe in a CGI script: there the other one comes from a header.
        let either = |name: &str| text(&name.to_ascii_lowercase()).or_else(|| text(name));
        let home = path("HOME");
        let config_home = path("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|home| home.join(".config")));
        let mut certs_d = vec![PathBuf::from("/etc/docker/certs.d"), PathBuf::from("/etc/containers/certs.d")];
        if let Some(config) = &config_home {
            // Docker without root has its own there; podman looks there whoever it is.
            let docker = (uid != 0).then(|| config.join("docker/certs.d"));
            certs_d.splice(0..0, [config.join("containers/certs.d")].into_iter().chain(docker));
        }
        let in_cgi = value("REQUEST_METHOD").is_some();
        Self {
            config_home,
            home,
            runtime_dir: path("XDG_RUNTIME_DIR"),
            docker_auth_config: text("DOCKER_AUTH_CONFIG").map(Secret::new),
            docker_config: path("DOCKER_CONFIG"),
            registry_auth_file: path("REGISTRY_AUTH_FILE"),
            docker_host: text("DOCKER_HOST"),
            docker_context: text("DOCKER_CONTEXT"),
            podman_is_far: ["CONTAINER_HOST", "CONTAINER_CONNECTION"].into_iter().any(|name| value(name).is_some()),
            cert_file: path("SSL_CERT_FILE"),
            cert_dirs: value("SSL_CERT_DIR").map(|dirs| std::env::split_paths(&dirs).collect()).unwrap_or_default(),
            certs_d,
            proxies: Proxies {
                http: if in_cgi { text("http_proxy") } else { either("HTTP_PROXY") }.map(Secret::new),
                https: either("HTTPS_PROXY").map(Secret::new),
                none_for: either("NO_PROXY").unwrap_or_default(),
            },
            insecure: false,
            uid,
            connections: 6,
            patience: Patience::default(),
            clock,
        }
    }

    /// The directory of docker's settings.
    pub fn docker_directory(&self) -> Option<PathBuf> {
        self.docker_config.clone().or_else(|| self.home.as_ref().map(|home| home.join(".docker")))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A clock on which waiting takes no time.
    #[derive(Debug, Default)]
    pub(crate) struct Hand {
        now: Mutex<Duration>,
        pub(crate) waits: Mutex<Vec<Duration>>,
    }

    impl Clock for Hand {
        fn now(&self) -> Duration {
            *self.now.lock().unwrap()
        }

        fn wait(&self, time: Duration) {
            *self.now.lock().unwrap() += time;
            self.waits.lock().unwrap().push(time);
        }
    }

    /// Settings of a machine that has nothing, and its clock.
    pub(crate) fn bare() -> (Settings, Arc<Hand>) {
        let clock = Arc::new(Hand::default());
        let settings = Settings { certs_d: Vec::new(), ..Settings::new(&|_| None, 0, clock.clone()) };
        (settings, clock)
    }

    fn with(variables: &[(&str, &str)]) -> Settings {
        let known = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Settings::new(&known, 1000, Arc::new(Hand::default()))
    }

    #[test]
    fn places_follow_the_variables() {
        let settings = with(&[("HOME", "/home/u"), ("DOCKER_CONFIG", ""), ("http_proxy", "http://p:1")]);
        assert_eq!(settings.docker_directory(), Some("/home/u/.docker".into()));
        assert_eq!(settings.config_home, Some("/home/u/.config".into()));
        assert_eq!(settings.certs_d[0], PathBuf::from("/home/u/.config/containers/certs.d"));
        assert_eq!(settings.proxies.http, Some(Secret::new("http://p:1")));
        let settings = with(&[("DOCKER_CONFIG", "/d"), ("HTTP_PROXY", "http://p:1"), ("REQUEST_METHOD", "GET")]);
        assert_eq!(settings.docker_directory(), Some("/d".into()));
        assert_eq!(settings.proxies.http, None);
    }

    #[test]
    fn no_secret_is_in_what_debug_shows() {
        let settings = with(&[("DOCKER_AUTH_CONFIG", "hidden-a"), ("HTTPS_PROXY", "http://u:hidden-b@p:1")]);
        assert!(!format!("{settings:?}").contains("hidden"));
    }
}
