//! Reading: what breaks is gone on with, what is wrong is found, and who is asking is told to no one else.

use imgsquash::oci::Digest;
use imgsquash::remote::{RemoteError, Repository};

use super::{repository, said, try_repository};
use crate::support::registry::{Act, Registry, machine, refuse};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn bytes(count: u32) -> Vec<u8> {
    (0..count).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

fn blob(repository: &Repository, digest: Digest, size: usize) -> Result<Vec<u8>, RemoteError> {
    let mut found = Vec::new();
    repository.blob(digest, size as u64, &mut |piece| {
        found.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(found)
}

#[test]
fn a_manifest_is_found_by_tag_and_by_digest() {
    let registry = Registry::good();
    let digest = registry.add_manifest("app", "1", INDEX, b"{\"a\": 1}");
    let app = repository(&registry, machine().0);
    for reference in ["1", &digest.to_string()] {
        let found = app.manifest(reference, 100).unwrap();
        assert_eq!((found.media_type.as_str(), &found.bytes[..], found.digest), (INDEX, &b"{\"a\": 1}"[..], digest));
    }
    let accept = &registry.log()[1].headers["accept"];
    for kind in ["oci.image.index.v1", "oci.image.manifest.v1", "manifest.list.v2", "distribution.manifest.v2"] {
        assert!(accept.contains(kind), "{accept}");
    }
    assert_eq!(
        said(&registry, app.manifest("1", 7)),
        "docker://HOST/app:1: HOST does not answer as a registry does: its manifest has more than the 7 bytes that a \
         manifest may have"
    );
}

#[test]
fn a_manifest_that_is_not_what_its_digest_says_is_refused() {
    let registry = Registry::told(|asked, _| match asked.target.contains("/manifests/") {
        true => Act::Answer(200, vec![("docker-content-digest", Digest::of(b"a").to_string())], b"b".to_vec()),
        false => Act::Serve,
    });
    let app = repository(&registry, machine().0);
    let expected = format!("the manifest: digest mismatch: expected {}, found {}", Digest::of(b"a"), Digest::of(b"b"));
    for reference in ["1", &Digest::of(b"a").to_string()] {
        let problem = said(&registry, app.manifest(reference, 100));
        assert!(problem.ends_with(&expected), "{problem}");
    }
}

#[test]
fn a_tag_that_is_not_there_is_told_with_the_one_that_was_meant() {
    let registry = Registry::good();
    let app = repository(&registry, machine().0);
    assert_eq!(
        said(&registry, app.manifest("1", 100)),
        "docker://HOST/app:1: HOST has no repository app, or does not show it to this login (404)"
    );
    for tag in ["1.0", "1.1", "2024-01-01", "stable"] {
        registry.add_manifest("app", tag, INDEX, tag.as_bytes());
    }
    for (tag, hint) in [("stabel", ": is stable meant?"), ("nightly-build", ": there are 1.0, 1.1, 2024-01-01 …")] {
        let problem = said(&registry, app.manifest(tag, 100));
        assert_eq!(problem, format!("docker://HOST/app:{tag}: there is no tag {tag} in the repository (404){hint}"));
    }
    let absent = Digest::of(b"absent");
    let problem = said(&registry, app.manifest(&absent.to_string(), 100));
    assert_eq!(problem, format!("docker://HOST/app@{absent}: there is no {absent} in the repository (404)"));
}

#[test]
fn a_blob_that_breaks_off_is_gone_on_with_where_it_was() {
    for is_reset in [false, true] {
        let content = bytes(300_000);
        let cut = content.len() / 3;
        let registry = Registry::told(move |asked, before| {
            match asked.method == "GET" && asked.target.contains("/blobs/") && before < 2 {
                true => Act::Cut { after: cut, is_reset },
                false => Act::Serve,
            }
        });
        let digest = registry.add_blob("app", &content);
        let (settings, clock) = machine();
        assert!(blob(&repository(&registry, settings), digest, content.len()).unwrap() == content);
        let asked: Vec<_> = registry.log().into_iter().filter(|asked| asked.target.contains("/blobs/")).collect();
        let ranges: Vec<_> = asked.iter().map(|asked| asked.headers.get("range").cloned()).collect();
        assert_eq!(ranges[0], None);
        if !is_reset {
            // A reset may take with it what had arrived.
            assert_eq!(ranges[1..], [Some(format!("bytes={cut}-")), Some(format!("bytes={}-", 2 * cut))]);
            assert_eq!(clock.waits(), [1, 1], "there was progress");
        }
    }
}

#[test]
fn a_registry_without_ranges_is_read_again_from_the_start() {
    let content = bytes(300_000);
    let registry = Registry::told(|asked, before| match (asked.target.contains("/blobs/"), before) {
        (true, 0) => Act::Cut { after: 500_000, is_reset: false },
        (true, _) => Act::Whole,
        _ => Act::Serve,
    });
    let digest = registry.add_blob("app", &content);
    assert!(blob(&repository(&registry, machine().0), digest, content.len()).unwrap() == content);
}

#[test]
fn a_blob_that_never_arrives_ends_with_an_error_after_five_tries() {
    let registry = Registry::told(|asked, _| match asked.target.contains("/blobs/") {
        true => Act::Hang,
        false => Act::Serve,
    });
    let (settings, clock) = machine();
    let digest = registry.add_blob("app", b"x");
    let problem = said(&registry, blob(&repository(&registry, settings), digest, 1));
    assert_eq!(problem, format!("docker://HOST/app@{digest}: HOST broke off 5 times: the connection was cut"));
    assert_eq!(clock.waits(), [1, 2, 4, 8]);
}

#[test]
fn a_blob_with_fewer_or_more_bytes_than_its_descriptor_says_is_refused() {
    let registry = Registry::good();
    let digest = registry.add_blob("app", b"0123");
    let app = repository(&registry, machine().0);
    let problem = said(&registry, blob(&app, digest, 3));
    assert!(problem.ends_with("the blob: size mismatch: expected 3 bytes, found 4"), "{problem}");
    let problem = said(&registry, blob(&app, digest, 5));
    assert!(problem.ends_with("HOST broke off 5 times: the blob ended after 4 of 5 bytes"), "{problem}");
}

#[test]
fn a_blob_that_is_not_there_means_an_image_pushed_in_part() {
    let registry = Registry::good();
    let absent = Digest::of(b"absent");
    let problem = said(&registry, blob(&repository(&registry, machine().0), absent, 5));
    let expected = "is not in the registry (404): the image was pushed only in part; push it again";
    assert_eq!(problem, format!("docker://HOST/app@{absent}: {absent} {expected}"));
}

#[test]
fn a_registry_under_stress_is_asked_again_when_it_says_so() {
    for (status, after, waits) in [(503, None, vec![1, 2]), (429, Some(7), vec![7, 7]), (500, Some(1), vec![1, 2])] {
        for kind in ["/manifests/", "/blobs/"] {
            let registry = Registry::told(move |asked, before| match asked.target.contains(kind) && before < 2 {
                true => {
                    let headers = after.map(|after| ("retry-after", after.to_string()));
                    Act::Answer(status, headers.into_iter().collect(), b"<html>".to_vec())
                }
                false => Act::Serve,
            });
            registry.add_manifest("app", "1", INDEX, b"{}");
            let digest = registry.add_blob("app", b"x");
            let (settings, clock) = machine();
            let app = repository(&registry, settings);
            assert_eq!(app.manifest("1", 100).unwrap().bytes, b"{}");
            assert_eq!(blob(&app, digest, 1).unwrap(), b"x");
            assert_eq!(clock.waits(), waits, "{status} {kind}");
        }
    }
}

#[test]
fn a_wait_that_is_too_long_is_told_and_not_made() {
    let registry = Registry::told(|asked, _| match asked.target.contains("/manifests/") {
        true => Act::Answer(429, vec![("retry-after", "3600".to_owned())], Vec::new()),
        false => Act::Serve,
    });
    let (settings, clock) = machine();
    let problem = said(&registry, repository(&registry, settings).manifest("1", 100));
    assert_eq!(problem, "docker://HOST/app:1: HOST limits requests (429) and asks to come back in 3600 s");
    assert_eq!(clock.waits(), [0_u64; 0]);
}

#[test]
fn a_registry_that_stays_ill_is_named_with_what_it_says() {
    let registry = Registry::told(|asked, _| match asked.target.contains("/manifests/") {
        true => refuse(503, "\\u001b[31mUNAVAILABLE"),
        false => Act::Serve,
    });
    let (settings, clock) = machine();
    let problem = said(&registry, repository(&registry, settings).manifest("1", 100));
    assert_eq!(problem, "docker://HOST/app:1: HOST failed with status 503: [31munavailable");
    assert_eq!(clock.waits(), [1, 2, 4, 8]);
}

#[test]
fn who_is_asking_is_told_to_no_other_host() {
    let content = bytes(1000);
    let storage = Registry::told(|asked, _| {
        assert!(!asked.headers.contains_key("authorization"), "{asked:?}");
        Act::Serve
    });
    let digest = storage.add_blob("app", &content);
    let place = format!("http://{}/v2/app/blobs/{digest}?signature=hidden", storage.address);
    let registry = Registry::told(move |asked, _| match (asked.headers.get("authorization"), &asked.target) {
        (None, _) => Act::Answer(401, vec![("www-authenticate", "Basic realm=\"x\"".to_owned())], Vec::new()),
        // First to itself, where it is told.
        (_, target) if target.contains("/blobs/") && !target.contains("moved") => {
            Act::Answer(307, vec![("location", format!("{target}?moved"))], Vec::new())
        }
        (_, target) if target.contains("/blobs/") => Act::Answer(302, vec![("location", place.clone())], Vec::new()),
        _ => Act::Serve,
    });
    let mut settings = machine().0;
    settings.docker_auth_config = Some(super::auth::password(&registry, "user", "hidden"));
    assert!(blob(&repository(&registry, settings), digest, content.len()).unwrap() == content);
    assert_eq!(storage.log().len(), 1);
}

#[test]
fn a_login_that_another_host_wants_is_not_given() {
    let storage = Registry::told(|_, _| {
        Act::Answer(401, vec![("www-authenticate", "Basic realm=\"mine\"".to_owned())], Vec::new())
    });
    let place = format!("http://{}/x?signature=hidden", storage.address);
    let registry = Registry::told(move |asked, _| match asked.target.contains("/blobs/") {
        true => Act::Answer(307, vec![("location", place.clone())], Vec::new()),
        false => Act::Serve,
    });
    let mut settings = machine().0;
    settings.docker_auth_config = Some(super::auth::password(&registry, "user", "hidden"));
    let problem = said(&registry, blob(&repository(&registry, settings), Digest::of(b"x"), 1));
    assert!(problem.ends_with("127.0.0.1 denied the request for the blob (401)"), "{problem}");
    assert_eq!(storage.log().len(), 1);
    assert!(!problem.contains("hidden"));
}

#[test]
fn redirects_end() {
    let registry = Registry::told(|asked, _| match asked.target.contains("/blobs/") {
        true => Act::Answer(307, vec![("location", asked.target.clone())], Vec::new()),
        false => Act::Serve,
    });
    let problem = said(&registry, blob(&repository(&registry, machine().0), Digest::of(b"x"), 1));
    assert!(problem.ends_with("it leads on and on to other addresses"), "{problem}");
}

#[test]
fn a_host_that_cannot_be_reached_or_is_no_registry_is_told_plainly() {
    let closed = Registry::none();
    assert_eq!(
        said(&closed, try_repository(&closed, machine().0)),
        "HOST/app: cannot reach HOST: connection refused: does anything listen there?"
    );
    let (settings, clock) = machine();
    let name = "no-such-host.invalid/app:1".parse().unwrap();
    let problem = imgsquash::remote::Registries::new(settings).repository(&name).unwrap_err().to_string();
    assert_eq!(
        problem,
        "no-such-host.invalid/app: cannot reach no-such-host.invalid: no host of this name is known: check the spelling"
    );
    assert_eq!(clock.waits(), [0_u64; 0], "a misspelled name is told at once");
}

#[test]
fn a_transfer_that_drips_is_given_up() {
    // Every try brings a few bytes and takes a minute.
    let content = bytes(100_000);
    let (settings, clock) = machine();
    let ticking = clock.clone();
    let registry = Registry::told(move |asked, before| match asked.target.contains("/blobs/") {
        true => {
            ticking.pass(60);
            Act::Cut { after: 1000 * (before + 1), is_reset: false }
        }
        false => Act::Serve,
    });
    let digest = registry.add_blob("app", &content);
    let problem = said(&registry, blob(&repository(&registry, settings), digest, content.len()));
    assert!(problem.ends_with("HOST sent less than 4096 bytes a second: given up"), "{problem}");
}
