//! Docker and podman as they are on this machine.

use std::io::{Read, Write};

use imgsquash::address::DaemonImage;
use imgsquash::oci::{Digest, Reference};
use imgsquash::remote::{Daemon, Settings, Which, holders};

use crate::e2e::runtime::unique;
use crate::support::registry::machine;
use crate::support::run::Place;

const BOTH: [(Which, &str); 2] = [(Which::Docker, "docker"), (Which::Podman, "podman")];

/// A Docker archive of one layer, and the digest of its config.
fn archive(name: &str) -> (Vec<u8>, Digest) {
    let mut layer = tar::Builder::new(Vec::new());
    add(&mut layer, "hello", name.as_bytes());
    let layer = layer.into_inner().unwrap();
    let rootfs = format!(r#""rootfs": {{"type": "layers", "diff_ids": ["{}"]}}"#, Digest::of(&layer));
    let config = format!(r#"{{"architecture": "amd64", "os": "linux", "config": {{}}, {rootfs}}}"#).into_bytes();
    let id = Digest::of(&config);
    let config_name = format!("{}.json", id.hex());
    let manifest = format!(r#"[{{"Config": "{config_name}", "RepoTags": ["{name}"], "Layers": ["layer.tar"]}}]"#);
    let mut archive = tar::Builder::new(Vec::new());
    add(&mut archive, "layer.tar", &layer);
    add(&mut archive, &config_name, &config);
    add(&mut archive, "manifest.json", manifest.as_bytes());
    (archive.into_inner().unwrap(), id)
}

fn add(builder: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, name, bytes).unwrap();
}

/// A name that no other test and no other run has.
fn own_name(test: &str) -> Reference {
    format!("{}-{test}:1", unique()).parse().unwrap()
}

/// Removes an image at the end.
struct Removed<'n>(&'n str, &'n Reference);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new(self.0).args(["rmi", "-f", &self.1.familiar()]).output();
    }
}

fn daemon(which: Which) -> Daemon {
    Daemon::find(which, &machine().0).unwrap()
}

fn load(daemon: &Daemon, archive: &[u8]) -> Result<Vec<String>, String> {
    let mut load = daemon.load().map_err(|problem| problem.to_string())?;
    load.write_all(archive).map_err(|problem| problem.to_string())?;
    load.finish().map_err(|problem| problem.to_string())
}

#[test]
#[ignore = "needs docker and podman"]
fn what_was_loaded_is_there_and_is_saved_again() {
    for (which, program) in BOTH {
        let name = own_name("saved");
        let _removed = Removed(program, &name);
        let (archive, id) = archive(&name.familiar());
        let daemon = daemon(which);
        let image = DaemonImage::Named(name.clone());
        assert_eq!(daemon.id(&image).unwrap(), None);
        let loaded = load(&daemon, &archive).unwrap();
        assert!(loaded.len() == 1 && loaded[0].ends_with(&name.familiar()), "{loaded:?}");
        daemon.check_loaded(&name, &[id]).unwrap();
        let problem = daemon.check_loaded(&name, &[Digest::of(b"other")]).unwrap_err().to_string();
        assert!(problem.contains(&format!("but under this name is {id}")), "{problem}");
        for image in [image, DaemonImage::Id(id)] {
            let mut saved = Vec::new();
            daemon.save(&image).unwrap().read_to_end(&mut saved).unwrap();
            let mut entries = tar::Archive::new(&saved[..]);
            let names: Vec<String> =
                entries.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
            assert!(names.iter().any(|name| name == "manifest.json"), "{names:?}");
        }
        assert!(
            holders(&name, &machine().0)
                .contains(&format!("{}:{name}", if which == Which::Docker { "docker-daemon" } else { "podman" }))
        );
    }
}

#[test]
#[ignore = "needs docker and podman"]
fn an_image_that_is_not_there_is_told_with_the_one_that_was_meant() {
    for (which, program) in BOTH {
        let name = own_name("meant");
        let _removed = Removed(program, &name);
        load(&daemon(which), &archive(&name.familiar()).0).unwrap();
        let misspelled = name.familiar().replace("meant", "maent");
        let problem = daemon(which).save(&misspelled.parse().unwrap()).err().unwrap().to_string();
        assert!(problem.ends_with(&format!("it has no image {misspelled}: is {name} meant?")), "{problem}");
    }
}

#[test]
#[ignore = "needs docker and podman"]
fn an_archive_that_cannot_be_loaded_is_an_error_and_leaves_nothing() {
    for (which, program) in BOTH {
        let name = own_name("broken");
        let _removed = Removed(program, &name);
        let (archive, _) = archive(&name.familiar());
        let daemon = daemon(which);
        assert!(load(&daemon, b"no tar").is_err());
        // A layer that is not what the config says.
        let mut wrong = archive.clone();
        wrong[512 + 512] ^= 1;
        let problem = load(&daemon, &wrong).unwrap_err();
        assert!(!problem.is_empty());
        // Given up in the middle.
        let mut load = daemon.load().unwrap();
        load.write_all(&archive[..archive.len() - 2000]).unwrap();
        drop(load);
        assert_eq!(daemon.id(&DaemonImage::Named(name.clone())).unwrap(), None, "{program}");
    }
}

#[test]
#[ignore = "needs docker"]
fn the_command_docker_leads_where_a_context_leads() {
    // Not a socket, as the settings say, so that the command has to dial; it finds the socket by itself.
    let settings = Settings { docker_host: Some("tcp://elsewhere.invalid".to_owned()), ..machine().0 };
    let daemon = Daemon::find(Which::Docker, &settings).unwrap();
    let name = own_name("dialed");
    let _removed = Removed("docker", &name);
    let (archive, id) = archive(&name.familiar());
    load(&daemon, &archive).unwrap();
    daemon.check_loaded(&name, &[id]).unwrap();
    let mut saved = Vec::new();
    daemon.save(&DaemonImage::Named(name.clone())).unwrap().read_to_end(&mut saved).unwrap();
    assert!(saved.len() > 1024);
    // For a hint nobody far away is asked.
    assert_eq!(holders(&name, &Settings { podman_is_far: true, ..settings }), [""; 0]);
    assert_eq!(holders(&name, &Settings { podman_is_far: true, ..machine().0 }), [format!("docker-daemon:{name}")]);
}

#[test]
#[ignore = "needs podman"]
fn the_service_of_podman_is_spoken_to_where_there_is_no_command() {
    let place = Place::new();
    std::fs::create_dir(place.path("podman")).unwrap();
    let socket = place.path("podman/podman.sock");
    let address = format!("unix://{}", socket.display());
    let mut service =
        std::process::Command::new("podman").args(["system", "service", "-t", "0", &address]).spawn().unwrap();
    while !socket.exists() {
        assert!(service.try_wait().unwrap().is_none(), "the service ended");
        std::thread::yield_now();
    }
    // By way of docker's settings, which any service of this interface does for.
    let settings = Settings { docker_host: Some(address), ..machine().0 };
    let daemon = Daemon::find(Which::Docker, &settings).unwrap();
    let name = own_name("service");
    let _removed = Removed("podman", &name);
    let (archive, id) = archive(&name.familiar());
    let loaded = load(&daemon, &archive);
    let saved = daemon.save(&DaemonImage::Named(name.clone())).map(|mut saved| {
        let mut bytes = Vec::new();
        saved.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let checked = daemon.check_loaded(&name, &[id]);
    service.kill().unwrap();
    service.wait().unwrap();
    loaded.unwrap();
    checked.unwrap();
    assert!(saved.unwrap().len() > 1024);
}
