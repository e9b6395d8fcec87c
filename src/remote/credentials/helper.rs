//! Credential helpers: programs called `docker-credential-NAME` that are asked on standard input.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::Deserialize;

use super::Proof;
use super::entries::proof;
use crate::remote::error::shown;

/// Bytes of an answer.
const MAX_ANSWER: u64 = 1 << 20;

/// What helpers say when they know nothing, which is no failure.
const UNKNOWN: [&str; 3] = ["credentials not found", "no credentials server URL", "no credentials username"];

#[derive(Deserialize)]
struct Answer {
    #[serde(default, rename = "Username")]
    user: String,
    #[serde(default, rename = "Secret")]
    secret: String,
}

/// What the helper called `name` has for `server`, waited for no longer than `limit`.
pub(super) fn get(name: &str, server: &str, limit: Duration) -> Result<Option<Proof>, String> {
    if name.contains(['/', '\0']) {
        return Err("this is not the name of a helper".to_owned());
    }
    run(Command::new(format!("docker-credential-{name}")), server, limit)
}

fn run(mut command: Command, server: &str, limit: Duration) -> Result<Option<Proof>, String> {
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|problem| match problem.kind() {
        std::io::ErrorKind::NotFound => "it is not installed (not on the PATH)".to_owned(),
        _ => problem.to_string(),
    })?;
    let output = exchange(&mut child, server, limit);
    if output.is_none() {
        let _ = child.kill();
    }
    let ended = child.wait().map_err(|problem| problem.to_string())?;
    let output = output.ok_or_else(|| format!("no answer within {} s", limit.as_secs()))?;
    if !ended.success() {
        // On failure the output is a message and no secret.
        let said = String::from_utf8_lossy(&output);
        return match UNKNOWN.iter().any(|text| said.contains(text)) {
            true => Ok(None),
            false => Err(format!("failed: {}", shown(&said))),
        };
    }
    let answer: Answer = serde_json::from_slice(&output).map_err(|_| "its answer is not valid JSON".to_owned())?;
    Ok(proof(&answer.user, &answer.secret))
}

/// Tells a helper the server and takes what it says; `None` when that takes too long.
fn exchange(child: &mut Child, server: &str, limit: Duration) -> Option<Vec<u8>> {
    if let Some(mut input) = child.stdin.take() {
        // One that knows the answer without reading the question has closed its input.
        let _ = input.write_all(server.as_bytes());
    }
    let output = child.stdout.take()?;
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = output.take(MAX_ANSWER).read_to_end(&mut bytes);
        let _ = send.send(bytes);
    });
    receive.recv_timeout(limit).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::remote::secret::Secret;

    /// What a helper that is this shell script has for `server`.
    fn helped(script: &str, server: &str, limit: Duration) -> Result<Option<Proof>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("docker-credential-test");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        // Another test that forks at the wrong moment keeps the script open for writing for an instant.
        loop {
            match run(Command::new(&path), server, limit) {
                Err(problem) if problem.contains("Text file busy") => {}
                answer => return answer,
            }
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_helper_is_asked_for_the_server_and_answers_on_standard_output() {
        let echo = r#"printf '{"ServerURL": "x", "Username": "%s", "Secret": "%s"}' "$1" "$(cat)""#;
        let password = Proof::Password("get".to_owned(), Secret::new("r.example:5000"));
        assert_eq!(helped(echo, "r.example:5000", LONG), Ok(Some(password)));
        let token = r#"cat >/dev/null; echo '{"Username": "<token>", "Secret": "t"}'; echo noise >&2"#;
        assert_eq!(helped(token, "r", LONG), Ok(Some(Proof::Identity(Secret::new("t")))));
    }

    #[test]
    fn what_a_helper_does_not_know_is_no_failure_and_everything_else_is() {
        assert_eq!(helped("echo 'credentials not found in native keychain'; exit 1", "r", LONG), Ok(None));
        assert_eq!(helped("echo '{}'", "r", LONG), Ok(None));
        assert_eq!(
            helped("printf 'the \\033[1mkeychain\n is locked'; exit 1", "r", LONG).unwrap_err(),
            "failed: the [1mkeychain is locked"
        );
        assert_eq!(helped("echo hidden", "r", LONG).unwrap_err(), "its answer is not valid JSON");
        assert_eq!(get("../../bin/sh", "r", LONG).unwrap_err(), "this is not the name of a helper");
        assert_eq!(get("no-such-helper", "r", LONG).unwrap_err(), "it is not installed (not on the PATH)");
    }

    #[test]
    fn a_helper_that_says_nothing_is_ended() {
        let problem = helped("exec sleep 600", "r", Duration::from_millis(50)).unwrap_err();
        assert_eq!(problem, "no answer within 0 s");
    }
}
