//! Debian's `docker-registry`, started for one test: its own port, its own data, ended with the test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::run::Place;

/// A running registry.
pub(crate) struct Distribution {
    place: Place,
    process: Option<Child>,
    /// Host and port.
    pub(crate) address: String,
    /// What its configuration has besides storage and address.
    extra: Extra,
}

/// What a configuration has besides.
#[derive(Clone, Default)]
pub(crate) struct Extra {
    /// The section `auth`, indented by two.
    pub(crate) auth: String,
    /// The section `http.tls`, indented by four.
    pub(crate) tls: String,
}

/// Runs a command that must succeed; what it printed.
#[track_caller]
pub(crate) fn sh(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

impl Distribution {
    /// A registry that everybody may write to, without TLS.
    pub(crate) fn start() -> Self {
        Self::with(|_| Extra::default())
    }

    /// A registry with more in its configuration, which may lie in files of its place.
    pub(crate) fn with(extra: impl FnOnce(&Place) -> Extra) -> Self {
        let place = Place::new();
        let extra = extra(&place);
        let mut registry = Self { place, process: None, address: "127.0.0.1:0".to_owned(), extra };
        registry.resume();
        registry
    }

    /// How an image in the registry is called.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    /// The directory of its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.place.path("data")
    }

    /// A path in its place.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// Ends the process at once, in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it again with its data, at its address.
    pub(crate) fn resume(&mut self) {
        let Extra { auth, tls } = &self.extra;
        let config = format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: \
             true\nhttp:\n  addr: {}\n{tls}{auth}",
            self.data().display(),
            self.address,
        );
        let config = self.place.write("config.yml", config.as_bytes());
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(config).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let line = lines.by_ref().map_while(Result::ok).find(|line| line.contains("listening on "));
        let line = line.expect("the registry does not start");
        let address = line.split("listening on ").nth(1).unwrap().split([',', '"', ' ']).next().unwrap();
        self.address = address.to_owned();
        self.process = Some(process);
        // What it says is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Makes an authority (`ca.crt`, `ca.key`) and a certificate that it signed for a name (`NAME.crt`, `NAME.key`).
pub(crate) fn certificates(place: &Path, name: &str, san: &str) {
    let path = |file: &str| place.join(file).display().to_string();
    let subject = |name: &str| format!("/CN={name}");
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    if !place.join("ca.crt").exists() {
        let (key_file, out) = (path("ca.key"), path("ca.crt"));
        let rest = ["-x509", "-days", "2", "-subj", "/CN=test authority", "-keyout", &key_file, "-out", &out];
        sh("openssl", &[&["req"], &key[..], &rest].concat());
    }
    let (key_file, request, out) = (path(&format!("{name}.key")), path("request"), path(&format!("{name}.crt")));
    let subject = subject(name);
    sh("openssl", &[&["req"], &key[..], &["-subj", &subject, "-keyout", &key_file, "-out", &request]].concat());
    let extensions = path("extensions");
    std::fs::write(&extensions, format!("subjectAltName={san}\nbasicConstraints=CA:FALSE\n")).unwrap();
    let (ca, ca_key) = (path("ca.crt"), path("ca.key"));
    let signing = ["x509", "-req", "-days", "2", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"];
    sh("openssl", &[&signing[..], &["-extfile", &extensions, "-out", &out]].concat());
}
