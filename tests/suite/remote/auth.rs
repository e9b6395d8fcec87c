//! Who is asking: passwords and tokens, what they are good for, and how long.

use std::sync::{Arc, Mutex};

use imgsquash::remote::{Secret, Settings};

use super::{repository, said};
use crate::support::registry::{Act, Asked, Registry, machine};

/// `DOCKER_AUTH_CONFIG` with a password for a registry.
pub(super) fn password(registry: &Registry, user: &str, password: &str) -> Secret {
    let entry = format!(r#"{{"username": "{user}", "password": "{password}"}}"#);
    Secret::new(format!(r#"{{"auths": {{"{}": {entry}}}}}"#, registry.address))
}

/// With an identity token.
fn identity(registry: &Registry, token: &str) -> Secret {
    Secret::new(format!(r#"{{"auths": {{"{}": {{"identitytoken": "{token}"}}}}}}"#, registry.address))
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// `user:secret` in base 64.
const BASIC: &str = "Basic dXNlcjpzZWNyZXQ=";

/// A registry that takes the tokens of an authority, which answers requests for tokens as `make` says and counts them.
fn guarded(make: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> (Registry, Arc<Registry>) {
    let authority = Arc::new(Registry::told(move |asked, _| make(asked)));
    let realm = format!("http://{}/token", authority.address);
    let registry = Registry::told(move |asked, _| {
        let scope = match asked.method.as_str() {
            "GET" | "HEAD" => "pull",
            _ => "pull,push",
        };
        match asked.headers.get("authorization").and_then(|proof| proof.strip_prefix("Bearer good:")) {
            Some(allowed) if allowed.split(',').any(|one| one == scope.rsplit(',').next().unwrap()) => Act::Serve,
            proof => {
                let error = if proof.is_some() { ",error=\"insufficient_scope\"" } else { "" };
                let scope = format!("scope=\"repository:app:{scope}\"");
                let challenge = format!("Bearer realm=\"{realm}\",service=\"the registry\",{scope}{error}");
                Act::Answer(401, vec![("www-authenticate", challenge)], Vec::new())
            }
        }
    });
    registry.add_manifest("app", "1", INDEX, b"{}");
    (registry, authority)
}

fn token(value: &str) -> Act {
    Act::Answer(200, Vec::new(), format!(r#"{{"token": "{value}"}}"#).into_bytes())
}

#[test]
fn a_token_is_made_once_for_what_it_is_good_for_and_made_again_when_it_is_old() {
    let (registry, authority) = guarded(|asked| {
        assert_eq!(asked.headers.get("authorization").map(String::as_str), Some(BASIC));
        token(if asked.target.contains("push") { "good:pull,push" } else { "good:pull" })
    });
    let (mut settings, clock) = machine();
    settings.docker_auth_config = Some(password(&registry, "user", "secret"));
    let app = repository(&registry, settings);
    for _ in 0..3 {
        app.manifest("1", 100).unwrap();
    }
    let pull = "GET /token?service=the%20registry&scope=repository%3Aapp%3Apull&account=user";
    assert_eq!(authority.lines(), [pull]);
    app.check_push().unwrap();
    let push = "GET /token?service=the%20registry&scope=repository%3Aapp%3Apull%2Cpush&account=user";
    assert_eq!(authority.lines(), [pull, push]);
    // A token that does not tell lasts a minute.
    clock.pass(54);
    app.manifest("1", 100).unwrap();
    assert_eq!(authority.lines().len(), 2);
    clock.pass(2);
    app.manifest("1", 100).unwrap();
    assert_eq!(authority.lines(), [pull, push, pull]);
}

#[test]
fn a_token_that_is_refused_too_early_is_made_again() {
    let calls = Arc::new(Mutex::new(0));
    let (registry, authority) = guarded(move |_| {
        *calls.lock().unwrap() += 1;
        token(if *calls.lock().unwrap() == 1 { "stale" } else { "good:pull" })
    });
    let app = repository(&registry, machine().0);
    assert!(app.manifest("1", 100).is_err(), "a token that was just made and is refused is not good enough");
    app.manifest("1", 100).unwrap();
    assert_eq!(authority.lines().len(), 2);
}

#[test]
fn an_old_token_in_the_middle_of_things_costs_one_more_question() {
    let valid = Arc::new(Mutex::new("first".to_owned()));
    let current = valid.clone();
    let authority = Registry::told(move |_, _| token(&valid.lock().unwrap()));
    let (realm, expected) = (format!("http://{}/", authority.address), current.clone());
    let registry = Registry::told(move |asked, _| {
        let expected = format!("Bearer {}", expected.lock().unwrap());
        match asked.headers.get("authorization") == Some(&expected) {
            true => Act::Serve,
            false => Act::Answer(401, vec![("www-authenticate", format!("Bearer realm=\"{realm}\""))], Vec::new()),
        }
    });
    registry.add_manifest("app", "1", INDEX, b"{}");
    let app = repository(&registry, machine().0);
    app.manifest("1", 100).unwrap();
    *current.lock().unwrap() = "second".to_owned();
    app.manifest("1", 100).unwrap();
    assert_eq!(authority.lines().len(), 2);
}

#[test]
fn an_identity_token_is_exchanged_with_every_scope_that_is_needed() {
    let (registry, authority) = guarded(|asked| {
        let form = String::from_utf8(asked.body.clone()).unwrap();
        assert!(form.starts_with("grant_type=refresh_token&"), "{form}");
        assert!(form.contains("&refresh_token=the%2Ftoken") && form.contains("&service=the%20registry"), "{form}");
        let expected = "&scope=repository%3Aapp%3Apull%2Cpush%20repository%3Abase%3Apull&";
        assert_eq!(form.contains("base"), form.contains(expected), "{form}");
        Act::Answer(200, Vec::new(), br#"{"access_token": "good:pull,push", "expires_in": 600}"#.to_vec())
    });
    let mut settings = machine().0;
    settings.docker_auth_config = Some(identity(&registry, "the/token"));
    let registries = imgsquash::remote::Registries::new(settings);
    let named = |name: &str| registries.repository(&registry.name(name).parse().unwrap()).unwrap();
    let digest = registry.add_blob("base", b"layer");
    let open = || Ok(Box::new(std::io::empty()) as Box<dyn std::io::Read>);
    named("app").push_blob(digest, 5, Some(&named("base")), &open).unwrap();
    assert!(registry.blob("app", digest).is_some());
    assert!(authority.lines().iter().all(|line| line == "POST /token"));
}

#[test]
fn wrong_passwords_say_where_they_came_from_and_no_more() {
    for status in [400, 401, 403] {
        let (registry, _) = guarded(move |_| Act::Answer(status, Vec::new(), b"{}".to_vec()));
        let mut settings = machine().0;
        settings.docker_auth_config = Some(password(&registry, "user", "hidden"));
        let problem = said(&registry, repository(&registry, settings).manifest("1", 100));
        let expected = "HOST refused the credentials from DOCKER_AUTH_CONFIG (401), which are wrong or have expired: \
                        docker login HOST";
        assert_eq!(problem, format!("docker://HOST/app:1: {expected}"), "{status}");
    }
    let registry =
        Registry::told(|_, _| Act::Answer(401, vec![("www-authenticate", "Basic realm=\"x\"".to_owned())], Vec::new()));
    let mut settings = machine().0;
    settings.docker_auth_config = Some(password(&registry, "user", "hidden"));
    let problem = said(&registry, repository(&registry, settings).manifest("1", 100));
    assert!(problem.contains("HOST refused the credentials from DOCKER_AUTH_CONFIG (401)"), "{problem}");
}

#[test]
fn without_a_login_it_is_said_that_one_is_needed_and_why_there_is_none() {
    let expected = "HOST wants a login (401) and no credentials for it were found";
    let basic = || Act::Answer(401, vec![("www-authenticate", "Basic realm=\"x\"".to_owned())], Vec::new());
    let registry = Registry::told(move |_, _| basic());
    let problem = said(&registry, repository(&registry, machine().0).manifest("1", 100));
    assert_eq!(problem, format!("docker://HOST/app:1: {expected}: docker login HOST"));
    let mut settings = machine().0;
    settings.docker_auth_config = Some(Secret::new(r#"{"credsStore": "not-there"}"#));
    let problem = said(&registry, repository(&registry, settings).manifest("1", 100));
    let why = "(docker-credential-not-there: it is not installed (not on the PATH))";
    assert_eq!(problem, format!("docker://HOST/app:1: {expected} {why}: docker login HOST"));
    // A public image needs none, and a token for everybody does not do for a private one.
    let (registry, _) = guarded(|asked| {
        assert!(!asked.headers.contains_key("authorization"));
        token("good:pull")
    });
    let app = repository(&registry, machine().0);
    app.manifest("1", 100).unwrap();
    let problem = said(&registry, app.check_push());
    assert_eq!(problem, format!("docker://HOST/app: {expected}: docker login HOST"));
}

#[test]
fn a_login_that_is_not_good_enough_is_told_apart_from_a_wrong_one() {
    let (registry, _) = guarded(|_| token("good:pull"));
    let mut settings = machine().0;
    settings.docker_auth_config = Some(password(&registry, "user", "secret"));
    let app = repository(&registry, settings);
    app.manifest("1", 100).unwrap();
    let problem = said(&registry, app.check_push());
    assert_eq!(problem, "docker://HOST/app: HOST denied pushing there (401) to the login from DOCKER_AUTH_CONFIG");
}

#[test]
fn a_password_is_not_sent_in_the_open_because_a_registry_says_so() {
    // The authority is another machine and speaks no TLS; the registry is on this one, so it may be plain.
    let registry = Registry::told(|_, _| {
        let challenge = "Bearer realm=\"http://authority.invalid/token\"".to_owned();
        Act::Answer(401, vec![("www-authenticate", challenge)], Vec::new())
    });
    let login = |settings: &mut Settings| {
        settings.docker_auth_config = Some(password(&registry, "user", "secret"));
    };
    let mut settings = machine().0;
    login(&mut settings);
    let problem = said(&registry, repository(&registry, settings).manifest("1", 100));
    assert!(problem.ends_with("it wants the login to be sent to authority.invalid without TLS"), "{problem}");
}

#[test]
fn an_authority_that_makes_no_sense_is_told() {
    for (body, expected) in [
        ("", "its token is not valid JSON"),
        ("{}", "its answer has no token"),
        (r#"{"token": "a\nb"}"#, "a token: it has characters that cannot be sent"),
    ] {
        let (registry, _) = guarded(move |_| Act::Answer(200, Vec::new(), body.as_bytes().to_vec()));
        let problem = said(&registry, repository(&registry, machine().0).manifest("1", 100));
        assert!(problem.ends_with(expected), "{problem}");
    }
}
