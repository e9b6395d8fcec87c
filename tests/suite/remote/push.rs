//! Writing: nothing is sent twice, nothing is tagged before it is whole, and what was lost is sent anew.

use std::io::Read;

use imgsquash::oci::Digest;
use imgsquash::remote::{Pushed, Registries, RemoteError, Repository};

use super::{repository, said};
use crate::support::registry::{Act, Registry, machine, refuse};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn push(repository: &Repository, bytes: &[u8], beside: Option<&Repository>) -> Result<Pushed, RemoteError> {
    let open = || Ok(Box::new(std::io::Cursor::new(bytes.to_vec())) as Box<dyn Read>);
    repository.push_blob(Digest::of(bytes), bytes.len() as u64, beside, &open)
}

/// The lines of what was asked, with short digests.
fn lines(registry: &Registry, digests: &[(Digest, &str)]) -> Vec<String> {
    let mut lines = registry.lines();
    for line in &mut lines {
        for (digest, name) in digests {
            *line = line.replace(&digest.to_string(), name).replace(&digest.to_string().replace(':', "%3A"), name);
        }
    }
    lines
}

#[test]
fn a_blob_is_looked_for_and_then_sent_in_one_piece() {
    let registry = Registry::good();
    let app = repository(&registry, machine().0);
    let bytes = vec![7; 3 << 20];
    assert_eq!(push(&app, &bytes, None).unwrap(), Pushed::Sent);
    assert_eq!(push(&app, &bytes, None).unwrap(), Pushed::Existed);
    assert_eq!(push(&app, b"", None).unwrap(), Pushed::Sent);
    assert!(registry.blob("app", Digest::of(&bytes)).unwrap() == bytes);
    assert_eq!(
        lines(&registry, &[(Digest::of(&bytes), "B"), (Digest::of(b""), "E")]),
        [
            "HEAD /v2/app/blobs/B",
            "POST /v2/app/blobs/uploads/",
            "PUT /v2/app/blobs/uploads/1?state=a%2Bb&digest=B",
            "HEAD /v2/app/blobs/B",
            "HEAD /v2/app/blobs/E",
            "POST /v2/app/blobs/uploads/",
            "PUT /v2/app/blobs/uploads/2?state=a%2Bb&digest=E",
        ]
    );
    assert_eq!(registry.log()[3].headers["content-length"], (3 << 20).to_string());
}

#[test]
fn an_upload_that_broke_or_lost_bytes_begins_anew_in_another_session() {
    type Fault = (&'static str, fn() -> Act);
    let faults: [Fault; 4] = [
        ("it hangs up", || Act::Hang),
        ("it loses bytes", || Act::Lose(10)),
        ("it forgets the session", || refuse(404, "BLOB_UPLOAD_UNKNOWN")),
        ("it is down", || refuse(503, "UNAVAILABLE")),
    ];
    for (what, fault) in faults {
        let registry = Registry::told(move |asked, _| match asked.line() {
            line if line.starts_with("PUT /v2/app/blobs/uploads/1?") => fault(),
            line if line.starts_with("PUT /v2/app/blobs/uploads/2?") => fault(),
            _ => Act::Serve,
        });
        let (settings, clock) = machine();
        let bytes = vec![1; 2 << 20];
        assert_eq!(push(&repository(&registry, settings), &bytes, None).unwrap(), Pushed::Sent, "{what}");
        assert!(registry.blob("app", Digest::of(&bytes)).unwrap() == bytes, "{what}");
        assert_eq!(clock.waits(), [1, 2], "{what}");
        let sessions = registry.lines().iter().filter(|line| line.starts_with("POST")).count();
        assert_eq!(sessions, 3, "{what}");
    }
}

#[test]
fn a_registry_that_says_it_took_a_blob_and_has_it_not_is_found_out() {
    // What loses all but the first piece and answers 201, without saying what it has.
    let registry = Registry::told(|asked, _| match asked.method.as_str() {
        "PUT" => Act::Answer(201, Vec::new(), Vec::new()),
        _ => Act::Serve,
    });
    let problem = said(&registry, push(&repository(&registry, machine().0), b"abc", None));
    let expected = "HOST broke off 5 times: it took a blob and does not have it";
    assert!(problem.ends_with(expected), "{problem}");
}

#[test]
fn only_the_answer_was_lost_and_the_blob_is_there() {
    let registry = Registry::told(|asked, _| match asked.method.as_str() {
        "PUT" => Act::Cut { after: 0, is_reset: false },
        _ => Act::Serve,
    });
    let app = repository(&registry, machine().0);
    assert_eq!(push(&app, b"abc", None).unwrap(), Pushed::Sent);
    assert_eq!(registry.lines().iter().filter(|line| line.starts_with("PUT")).count(), 1);
}

#[test]
fn a_blob_is_mounted_from_the_repository_beside_or_else_sent() {
    let registry = Registry::good();
    let registries = Registries::new(machine().0);
    let named = |name: &str| registries.repository(&registry.name(name).parse().unwrap()).unwrap();
    let (app, base) = (named("app"), named("base"));
    let digest = registry.add_blob("base", b"layer");
    assert_eq!(push(&app, b"layer", Some(&base)).unwrap(), Pushed::Mounted);
    assert_eq!(push(&app, b"other", Some(&base)).unwrap(), Pushed::Sent);
    let other = Digest::of(b"other");
    assert_eq!(
        lines(&registry, &[(digest, "L"), (other, "O")]),
        [
            "HEAD /v2/app/blobs/L",
            "POST /v2/app/blobs/uploads/?mount=L&from=base",
            "HEAD /v2/app/blobs/O",
            "POST /v2/app/blobs/uploads/?mount=O&from=base",
            "PUT /v2/app/blobs/uploads/1?state=a%2Bb&digest=O",
        ],
        "a refused mount is the beginning of an upload"
    );
    for status in [401, 403, 404, 500] {
        let registry = Registry::told(move |asked, _| match asked.target.contains("mount=") {
            true => refuse(status, "DENIED"),
            false => Act::Serve,
        });
        let registries = Registries::new(machine().0);
        let named = |name: &str| registries.repository(&registry.name(name).parse().unwrap()).unwrap();
        registry.add_blob("base", b"layer");
        assert_eq!(push(&named("app"), b"layer", Some(&named("base"))).unwrap(), Pushed::Sent, "{status}");
    }
}

#[test]
fn a_tag_is_set_once_and_a_tag_that_stands_is_left_alone() {
    let registry = Registry::good();
    let app = repository(&registry, machine().0);
    assert_eq!(app.push_manifest(MANIFEST, b"{}").unwrap(), Pushed::Sent);
    assert_eq!(app.push_tag("1", MANIFEST, b"{}").unwrap(), Pushed::Sent);
    assert_eq!(app.push_tag("1", MANIFEST, b"{}").unwrap(), Pushed::Existed);
    assert_eq!(registry.manifest("app", "1").unwrap(), b"{}");
    let puts = registry.lines().iter().filter(|line| line.starts_with("PUT")).count();
    assert_eq!(puts, 2);
}

#[test]
fn a_tag_that_may_not_be_moved_is_told_plainly_in_every_dialect() {
    for (status, code) in [(400, "TAG_INVALID"), (412, "PRECONDITION"), (403, "tag is IMMUTABLE"), (409, "CONFLICT")] {
        let registry = Registry::told(move |asked, _| match asked.method.as_str() {
            "PUT" => refuse(status, code),
            _ => Act::Serve,
        });
        registry.add_manifest("app", "1", MANIFEST, b"old");
        let app = repository(&registry, machine().0);
        assert_eq!(app.push_tag("1", MANIFEST, b"old").unwrap(), Pushed::Existed, "{status}");
        let problem = said(&registry, app.push_tag("1", MANIFEST, b"new"));
        let expected = "the tag 1 is there already and immutable in this registry: choose another tag";
        assert!(problem.starts_with(&format!("docker://HOST/app:1: {expected} ({status}: ")), "{problem}");
        let problem = said(&registry, app.push_tag("2", MANIFEST, b"new"));
        assert!(!problem.contains("choose another tag"), "{problem}");
    }
}

#[test]
fn whether_one_may_push_is_known_before_the_work_begins() {
    let registry = Registry::told(|asked, _| match asked.method.as_str() {
        "POST" => refuse(403, "DENIED"),
        _ => Act::Serve,
    });
    let problem = said(&registry, repository(&registry, machine().0).check_push());
    assert_eq!(problem, "docker://HOST/app: HOST denied an upload (403): denied");
    let registry = Registry::good();
    repository(&registry, machine().0).check_push().unwrap();
    let expected = ["POST /v2/app/blobs/uploads/", "DELETE /v2/app/blobs/uploads/1?state=a%2Bb"];
    assert_eq!(registry.lines(), expected, "and nothing is left of it");
}

#[test]
fn a_blob_that_is_too_large_for_something_in_between_is_told_so() {
    let registry = Registry::told(|asked, _| match asked.method.as_str() {
        "PUT" => Act::Answer(413, Vec::new(), b"<html>".to_vec()),
        _ => Act::Serve,
    });
    let problem = said(&registry, push(&repository(&registry, machine().0), b"abc", None));
    let expected = "HOST answered 413 to an upload: a blob of 3 bytes is too large for it, or for a proxy before it";
    assert!(problem.ends_with(expected), "{problem}");
}

#[test]
fn what_cannot_be_read_here_is_no_fault_of_the_registry() {
    let registry = Registry::good();
    let app = repository(&registry, machine().0);
    let open = || Ok(Box::new(&b"ab"[..]) as Box<dyn Read>);
    let problem = said(&registry, app.push_blob(Digest::of(b"abc"), 3, None, &open));
    let expected = "cannot read what is to be sent: there are fewer bytes than were promised";
    assert!(problem.ends_with(expected), "{problem}");
}
