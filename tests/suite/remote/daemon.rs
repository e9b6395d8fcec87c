//! Daemons that hide what went wrong, or that are not there.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;

use imgsquash::remote::{Daemon, Settings, Which};

use crate::support::registry::machine;
use crate::support::run::Place;

fn load(daemon: &Daemon, archive: &[u8]) -> Result<Vec<String>, String> {
    let mut load = daemon.load().map_err(|problem| problem.to_string())?;
    load.write_all(archive).map_err(|problem| problem.to_string())?;
    load.finish().map_err(|problem| problem.to_string())
}

/// A daemon that answers each question as told, and every other that all is well. It ends with its socket.
fn pretend(socket: &Path, answers: &'static [(&'static str, &'static str)]) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = Vec::new();
            let mut byte = [0];
            while !asked.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                asked.push(byte[0]);
            }
            let asked = String::from_utf8(asked).unwrap();
            if asked.contains("chunked") {
                let mut body = Vec::new();
                while !body.ends_with(b"0\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                    body.push(byte[0]);
                }
            }
            let known = answers.iter().find(|(part, _)| asked.lines().next().unwrap().contains(part));
            let (status, body) = known.map_or(("200 OK", "{}"), |(_, answer)| answer.split_once('|').unwrap());
            let head = format!("HTTP/1.1 {status}\r\napi-version: 1.41\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
}

#[test]
fn failures_that_a_daemon_hides_are_errors() {
    let place = Place::new();
    let socket = place.path("docker.sock");
    pretend(
        &socket,
        &[
            (
                "/images/full:1/json",
                "200 OK|{\"Id\": \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"}",
            ),
            ("/images/get?names=full%3A1", "200 OK|half a tar{\"message\":\"no space left on device\"}\n"),
            ("/images/gone:1/json", "404 Not Found|{\"message\": \"no such image\"}"),
            ("/images/ill:1/json", "500 Error|{\"message\": \"ill \\u001b[1m\"}"),
            (
                "/images/load",
                "200 OK|{\"errorDetail\":{\"message\":\"unexpected EOF\"},\"error\":\"unexpected EOF\"}\r\n",
            ),
            ("/images/json", "200 OK|[{\"RepoTags\": null}, {\"RepoTags\": [\"gome:1\"]}]"),
        ],
    );
    let settings = Settings { docker_host: Some(format!("unix://{}", socket.display())), ..machine().0 };
    let daemon = Daemon::find(Which::Docker, &settings).unwrap();
    let save = |name: &str| daemon.save(&name.parse().unwrap()).map(|mut saved| saved.read_to_end(&mut Vec::new()));
    let problem = save("full:1").unwrap().unwrap_err().to_string();
    assert_eq!(problem, "the daemon broke the save off: no space left on device");
    let said = |name: &str| save(name).unwrap_err().to_string();
    assert_eq!(said("gone:1"), "docker-daemon:gone:1: docker: it has no image gone:1: is gome:1 meant?");
    assert_eq!(said("ill:1"), "docker-daemon:ill:1: docker: ill [1m");
    assert_eq!(load(&daemon, &[0; 1024]).unwrap_err(), "docker-daemon: docker: unexpected EOF");
}

#[test]
fn a_daemon_that_is_not_there_is_told_plainly() {
    let settings = Settings { docker_host: Some("unix:///none/docker.sock".to_owned()), ..machine().0 };
    let problem = Daemon::find(Which::Docker, &settings).unwrap_err().to_string();
    assert_eq!(problem, "docker-daemon: docker: nothing is at /none/docker.sock: is the daemon running?");
    let place = Place::new();
    let socket = place.path("dead.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let settings = Settings { docker_host: Some(format!("unix://{}", socket.display())), ..machine().0 };
    let problem = Daemon::find(Which::Docker, &settings).unwrap_err().to_string();
    assert_eq!(
        problem,
        format!("docker-daemon: docker: nothing listens at {}: is the daemon running?", socket.display())
    );
}
