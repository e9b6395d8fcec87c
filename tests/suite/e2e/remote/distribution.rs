//! Debian's `docker-registry`: plain, with passwords, with TLS, and killed in the middle.

use std::sync::{Arc, Mutex};

use imgsquash::remote::Secret;

use super::{Image, plainly, repository};
use crate::support::distribution::{Distribution, Extra, certificates, sh};
use crate::support::registry::machine;
use crate::support::run::Place;

#[test]
#[ignore = "needs docker-registry"]
fn what_was_pushed_is_pulled_by_us_and_by_others() {
    let registry = Distribution::start();
    let image = Image::new(1 << 20);
    image.push(&plainly(&registry, "team/app:1"), "1").unwrap();
    image.push(&plainly(&registry, "team/app:1"), "1").unwrap();
    image.pull(&plainly(&registry, "team/app:1"), "1", |_| ()).unwrap();
    let place = Place::new();
    let (from, to) = (format!("docker://{}", registry.name("team/app:1")), place.path("copy").display().to_string());
    sh("skopeo", &["copy", "-q", "--src-tls-verify=false", &from, &format!("dir:{to}")]);
    let layer = place.path("copy").join(image.layer_digest().hex());
    assert!(std::fs::read(layer).unwrap() == *image.layer);
}

#[test]
#[ignore = "needs docker-registry"]
fn what_others_pushed_is_pulled_in_part_and_mounted() {
    let registry = Distribution::start();
    let image = Image::new(1 << 16);
    let base = plainly(&registry, "base:1");
    image.push(&base, "1").unwrap();
    // The same registries object, so that the host is known to be the same one.
    let registries = imgsquash::remote::Registries::new(machine().0);
    let named = |name: &str| registries.repository(&registry.name(name).parse().unwrap()).unwrap();
    let open = || panic!("not sent, but mounted");
    let pushed = named("app:1").push_blob(image.layer_digest(), 1 << 16, Some(&named("base:1")), &open).unwrap();
    assert_eq!(pushed, imgsquash::remote::Pushed::Mounted);
    let problem = named("base:1").manifest("2", 100).unwrap_err().to_string();
    assert!(problem.ends_with("there is no tag 2 in the repository (404): is 1 meant?"), "{problem}");
    let problem = named("bas:1").manifest("1", 100).unwrap_err().to_string();
    assert!(problem.contains("bas"), "{problem}");
}

#[test]
#[ignore = "needs docker-registry"]
fn a_password_is_needed_and_found() {
    let registry = Distribution::with(|place| {
        let entry = sh("htpasswd", &["-Bbn", "user", "hidden"]);
        let path = place.write("htpasswd", &entry);
        let auth = format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", path.display());
        Extra { auth, ..Extra::default() }
    });
    let image = Image::new(1 << 10);
    let login = |password: &str| {
        let mut settings = machine().0;
        let auth = format!(r#"{{"username": "user", "password": "{password}"}}"#);
        settings.docker_auth_config = Some(Secret::new(format!(r#"{{"auths": {{"{}": {auth}}}}}"#, registry.address)));
        repository(&registry, "app:1", settings).unwrap()
    };
    let problem = image.push(&plainly(&registry, "app:1"), "1").unwrap_err().to_string();
    assert!(problem.contains("wants a login (401) and no credentials for it were found"), "{problem}");
    let problem = image.push(&login("wrong"), "1").unwrap_err().to_string();
    assert!(problem.contains("refused the credentials from DOCKER_AUTH_CONFIG (401)"), "{problem}");
    image.push(&login("hidden"), "1").unwrap();
    image.pull(&login("hidden"), "1", |_| ()).unwrap();
}

#[test]
#[ignore = "needs docker-registry and podman"]
fn the_login_of_podman_is_found() {
    let registry = Distribution::with(|place| {
        let entry = sh("htpasswd", &["-Bbn", "user", "hidden"]);
        let path = place.write("htpasswd", &entry);
        let auth = format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", path.display());
        Extra { auth, ..Extra::default() }
    });
    let place = Place::new();
    let file = place.path("auth.json");
    let name = file.display().to_string();
    let login = ["login", "--tls-verify=false", "--authfile", &name, "-u", "user", "-p", "hidden", &registry.address];
    sh("podman", &login);
    let mut settings = machine().0;
    settings.registry_auth_file = Some(file);
    Image::new(1 << 10).push(&repository(&registry, "app:1", settings).unwrap(), "1").unwrap();
}

/// A registry with TLS; its certificate is for `san`.
fn with_tls(san: &str, more: &str) -> Distribution {
    Distribution::with(|place| {
        let root = place.path("");
        certificates(&root, "server", san);
        let file = |name: &str| root.join(name).display().to_string();
        let more = more.replace("CA", &file("ca.crt"));
        let (certificate, key) = (file("server.crt"), file("server.key"));
        let tls = format!("  tls:\n    certificate: {certificate}\n    key: {key}\n{more}");
        Extra { tls, ..Extra::default() }
    })
}

/// A directory of certificates for a registry, with copies of these files.
fn certs_d(registry: &Distribution, files: &[(&str, &str)]) -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path(&registry.address)).unwrap();
    for (from, to) in files {
        std::fs::copy(registry.path(from), place.path(&registry.address).join(to)).unwrap();
    }
    place
}

#[test]
#[ignore = "needs docker-registry"]
fn an_authority_of_ones_own_is_trusted_where_certs_d_has_it() {
    let registry = with_tls("IP:127.0.0.1", "");
    let image = Image::new(2 << 20);
    let problem =
        repository(&registry, "app:1", machine().0).unwrap_err().to_string().replace(&registry.address, "HOST");
    assert_eq!(
        problem,
        "HOST/app: cannot trust HOST: no authority known here signed its certificate: put its authority into \
         /etc/docker/certs.d/HOST:PORT/ca.crt, or say --insecure"
    );
    let certs = certs_d(&registry, &[("ca.crt", "ca.crt")]);
    let mut settings = machine().0;
    settings.certs_d = vec!["/none".into(), certs.path("")];
    let app = repository(&registry, "app:1", settings).unwrap();
    image.push(&app, "1").unwrap();
    image.pull(&app, "1", |_| ()).unwrap();
    let mut settings = machine().0;
    settings.insecure = true;
    image.pull(&repository(&registry, "app:1", settings).unwrap(), "1", |_| ()).unwrap();
    // As a bundle of the system's.
    let mut settings = machine().0;
    settings.cert_file = Some(registry.path("ca.crt"));
    image.pull(&repository(&registry, "app:1", settings).unwrap(), "1", |_| ()).unwrap();
    // A file that is none is told, and not passed over.
    std::fs::write(certs.path(&registry.address).join("b.crt"), "x").unwrap();
    let mut settings = machine().0;
    settings.certs_d = vec![certs.path("")];
    let problem = repository(&registry, "app:1", settings).unwrap_err().to_string();
    assert!(problem.ends_with("b.crt: it has no certificate in PEM form"), "{problem}");
}

#[test]
#[ignore = "needs docker-registry"]
fn a_certificate_for_another_name_is_refused_and_one_that_signed_itself_is_known_word_for_word() {
    let registry = with_tls("DNS:other.example", "");
    let certs = certs_d(&registry, &[("ca.crt", "ca.crt")]);
    let mut settings = machine().0;
    settings.certs_d = vec![certs.path("")];
    let problem = repository(&registry, "app:1", settings).unwrap_err().to_string();
    assert!(problem.ends_with("its certificate is for another name"), "{problem}");
    // As docker's handbook makes one: it says of itself that it is an authority.
    for (san, is_trusted) in [("IP:127.0.0.1", true), ("DNS:other.example", false)] {
        let registry = Distribution::with(|place| {
            let file = |name: &str| place.path(name).display().to_string();
            let (key, certificate) = (file("server.key"), file("server.crt"));
            let san = format!("subjectAltName={san}");
            let rest = ["-keyout", &key, "-out", &certificate, "-subj", "/CN=self", "-addext", &san];
            let new = ["req", "-newkey", "rsa:2048", "-nodes", "-sha256", "-x509", "-days", "2"];
            sh("openssl", &[&new[..], &rest].concat());
            let tls = format!("  tls:\n    certificate: {certificate}\n    key: {key}\n");
            Extra { tls, ..Extra::default() }
        });
        let certs = certs_d(&registry, &[("server.crt", "ca.crt")]);
        let mut settings = machine().0;
        settings.certs_d = vec![certs.path("")];
        let reached = repository(&registry, "app:1", settings);
        assert_eq!(reached.is_ok(), is_trusted, "{:?}", reached.err());
    }
}

#[test]
#[ignore = "needs docker-registry"]
fn a_registry_may_want_to_know_who_is_asking_by_certificate() {
    let registry = with_tls("IP:127.0.0.1", "    clientcas:\n      - CA\n");
    certificates(&registry.path(""), "user", "DNS:user.example");
    let certs = certs_d(&registry, &[("ca.crt", "ca.crt")]);
    let mut settings = machine().0;
    settings.certs_d = vec![certs.path("")];
    assert!(repository(&registry, "app:1", settings).is_err());
    let files = [("ca.crt", "ca.crt"), ("user.crt", "client.cert"), ("user.key", "client.key")];
    let certs = certs_d(&registry, &files);
    let mut settings = machine().0;
    settings.certs_d = vec![certs.path("")];
    Image::new(1 << 10).push(&repository(&registry, "app:1", settings).unwrap(), "1").unwrap();
}

#[test]
#[ignore = "needs docker-registry"]
fn a_registry_that_is_killed_during_a_pull_is_gone_on_with() {
    let mut registry = Distribution::start();
    let image = Image::new(64 << 20);
    let app = plainly(&registry, "app:1");
    image.push(&app, "1").unwrap();
    let mut is_killed = false;
    image
        .pull(&app, "1", |count| {
            if count > 1 << 20 && !is_killed {
                is_killed = true;
                registry.kill();
                registry.resume();
            }
        })
        .unwrap();
    assert!(is_killed);
}

#[test]
#[ignore = "needs docker-registry"]
fn a_registry_that_is_killed_during_a_push_has_no_tag_and_the_next_run_goes_on() {
    let registry = Arc::new(Mutex::new(Distribution::start()));
    let image = Image::new(64 << 20);
    let app = plainly(&registry.lock().unwrap(), "app:1");
    let killed = registry.clone();
    let problem = image.push_through(&app, "1", move |count| {
        if count > 1 << 20 {
            killed.lock().unwrap().kill();
        }
    });
    assert!(problem.is_err());
    registry.lock().unwrap().resume();
    let problem = plainly(&registry.lock().unwrap(), "app:1").manifest("1", 1 << 20).unwrap_err().to_string();
    assert!(problem.contains("404"), "{problem}");
    // The next run, which is cut off once more in the middle but finds the registry alive again.
    let (killed, is_killed) = (registry.clone(), Arc::new(Mutex::new(false)));
    let done = image.push_through(&app, "1", move |count| {
        let mut is_killed = is_killed.lock().unwrap();
        if count > 1 << 20 && !*is_killed {
            *is_killed = true;
            let mut registry = killed.lock().unwrap();
            registry.kill();
            registry.resume();
        }
    });
    done.unwrap();
    image.pull(&plainly(&registry.lock().unwrap(), "app:1"), "1", |_| ()).unwrap();
}
