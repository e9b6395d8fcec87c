//! `docker-registry` with an authority that makes tokens, as large registries have one.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use imgsquash::remote::Secret;

use super::{Image, plainly, repository};
use crate::support::distribution::{Distribution, Extra, certificates, sh};
use crate::support::registry::{Act, Asked, Registry, machine};
use crate::support::run::Place;

/// What an authority lets someone do to a repository.
type Allow = fn(&Asked, &str) -> &'static str;

/// A registry and its authority.
fn guarded(allow: Allow) -> (Distribution, Arc<Registry>) {
    let place = Arc::new(Place::new());
    certificates(&place.path(""), "authority", "DNS:authority.example");
    let certificate = place.path("authority.crt").display().to_string();
    let der = sh("openssl", &["x509", "-in", &certificate, "-outform", "der"]);
    let chain = BASE64_STANDARD.encode(der);
    let (key, bundle) = (place.path("authority.key"), place.path("ca.crt").display().to_string());
    let kept = place.clone();
    let authority = Arc::new(Registry::told(move |asked, _| {
        let token = token(asked, &chain, &key, &kept, allow);
        Act::Answer(200, Vec::new(), format!(r#"{{"token": "{token}", "expires_in": 300}}"#).into_bytes())
    }));
    let realm = format!("http://{}/token", authority.address);
    let registry = Distribution::with(|_| Extra {
        auth: format!(
            "auth:\n  token:\n    realm: {realm}\n    service: test\n    issuer: authority\n    rootcertbundle: {bundle}\n"
        ),
        ..Extra::default()
    });
    // The authority outlives the registry.
    std::mem::forget(place);
    (registry, authority)
}

fn token(asked: &Asked, chain: &str, key: &Path, place: &Place, allow: Allow) -> String {
    let query = asked.target.split_once('?').unwrap().1;
    let scopes = query.split('&').filter_map(|pair| pair.strip_prefix("scope=repository%3A"));
    let access = scopes.map(|scope| {
        let (name, _) = scope.split_once("%3A").unwrap();
        let name = name.replace("%2F", "/");
        format!(r#"{{"type": "repository", "name": "{name}", "actions": [{}]}}"#, allow(asked, &name))
    });
    let access = access.collect::<Vec<_>>().join(",");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (from, until) = (now - 60, now + 600);
    let claims = format!(
        r#"{{"iss": "authority", "sub": "user", "aud": "test", "exp": {until}, "nbf": {from}, "iat": {from},
            "jti": "1", "access": [{access}]}}"#
    );
    let header = format!(r#"{{"typ": "JWT", "alg": "ES256", "x5c": ["{chain}"]}}"#);
    let signed = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims));
    let input = tempfile::NamedTempFile::new_in(place.path("")).unwrap();
    std::fs::write(input.path(), &signed).unwrap();
    let (key, input) = (key.display().to_string(), input.path().display().to_string());
    let signature = raw(&sh("openssl", &["dgst", "-sha256", "-sign", &key, &input]));
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// The two numbers of a signature, without the DER around them.
fn raw(der: &[u8]) -> Vec<u8> {
    let number = |at: usize| {
        let length = usize::from(der[at + 1]);
        let bytes = &der[at + 2..at + 2 + length];
        let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        let mut fixed = vec![0; 32 - bytes.len()];
        fixed.extend_from_slice(bytes);
        (fixed, at + 2 + length)
    };
    let (first, next) = number(2);
    [first, number(next).0].concat()
}

#[test]
#[ignore = "needs docker-registry"]
fn tokens_are_fetched_for_what_is_done() {
    let (registry, authority) = guarded(|asked, _| match asked.headers.contains_key("authorization") {
        true => r#""pull", "push""#,
        false => r#""pull""#,
    });
    let mut settings = machine().0;
    let auth = r#"{"username": "user", "password": "hidden"}"#;
    settings.docker_auth_config = Some(Secret::new(format!(r#"{{"auths": {{"{}": {auth}}}}}"#, registry.address)));
    let image = Image::new(1 << 20);
    let app = repository(&registry, "team/app:1", settings).unwrap();
    image.push(&app, "1").unwrap();
    image.pull(&app, "1", |_| ()).unwrap();
    assert_eq!(authority.lines().len(), 2, "one for pushing, one for pulling: {:?}", authority.lines());
    // Who has no login may pull and not push.
    let nobody = plainly(&registry, "team/app:1");
    image.pull(&nobody, "1", |_| ()).unwrap();
    let problem = nobody.check_push().unwrap_err().to_string();
    assert!(problem.contains("wants a login (401) and no credentials for it were found"), "{problem}");
}

#[test]
#[ignore = "needs docker-registry"]
fn a_login_that_may_only_pull_cannot_push() {
    let (registry, _authority) = guarded(|_, _| r#""pull""#);
    let mut settings = machine().0;
    let auth = r#"{"username": "user", "password": "hidden"}"#;
    settings.docker_auth_config = Some(Secret::new(format!(r#"{{"auths": {{"{}": {auth}}}}}"#, registry.address)));
    let problem = repository(&registry, "app:1", settings).unwrap().check_push().unwrap_err().to_string();
    assert!(problem.ends_with("denied pushing there (401) to the login from DOCKER_AUTH_CONFIG"), "{problem}");
}
