//! The command against registries that refuse: one line, the right exit code, nothing tagged and nothing left behind.

use super::reading::{image, publish};
use crate::support::archive::{Form, collect};
use crate::support::registry::{Act, Registry, error};
use crate::support::run::{Place, alone, stderr};

/// Runs the command, which must fail; its exit code, and its line without the port, which is another one each time.
#[track_caller]
fn refused(place: &Place, registry: &Registry, arguments: &[&str]) -> (Option<i32>, String) {
    let output = alone(place, arguments);
    let said = stderr(&output);
    assert!(output.stdout.is_empty() && said.ends_with('\n') && said.lines().count() == 1, "{arguments:?}: {said:?}");
    (output.status.code(), said.trim_end().replace(&registry.address.to_string(), "HOST"))
}

#[test]
fn every_refusal_is_one_line_with_its_exit_code() {
    let archive = collect(&[image()], Form::Oci);
    // A registry that says when to come back, in an hour or more, is not waited for.
    let later = || vec![("retry-after", "9999".to_owned())];
    let basic = || vec![("www-authenticate", "Basic realm=\"x\"".to_owned())];
    type Headers = fn() -> Vec<(&'static str, String)>;
    let refusals: [(u16, Headers, &str, &str); 6] = [
        (401, basic, "HOST wants a login (401) and no credentials for it were found: docker login HOST", ""),
        (
            403,
            Vec::new,
            "HOST denied the request for the manifest (403): denied",
            "HOST denied an upload (403): denied",
        ),
        (404, Vec::new, "there is no tag 1 in the repository (404)", "HOST has no repository app, or does not show it"),
        (429, later, "HOST limits requests (429) and asks to come back in 9999 s", ""),
        (503, later, "HOST failed with status 503: denied", ""),
        (418, Vec::new, "HOST answered 418 to the request for the manifest: denied", "HOST answered 418 to an upload"),
    ];
    for (status, headers, reading, writing) in refusals {
        let registry = Registry::told(move |asked, _| match asked.target.as_str() {
            "/v2/" => Act::Serve,
            _ => Act::Answer(status, headers(), error(status, "DENIED").2),
        });
        let place = Place::new();
        place.write("in.tar", &archive.tar());
        let name = format!("docker://{}", registry.name("app:1"));
        let (code, said) = refused(&place, &registry, &[&name, "-o", "out.tar"]);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.starts_with(&format!("imgsquash: docker://HOST/app:1: {reading}")), "{said}");
        let (code, said) = refused(&place, &registry, &["in.tar", "-o", &name]);
        assert_eq!(code, Some(3), "{said}");
        let expected = if writing.is_empty() { reading } else { writing };
        assert!(said.starts_with(&format!("imgsquash: cannot write docker://HOST/app:1: {expected}")), "{said}");
        assert_eq!((registry.manifest("app", "1"), place.names()), (None, vec!["in.tar".to_owned()]));
    }
}

#[test]
fn an_output_that_names_the_input_or_the_base_is_wrong_usage() {
    let (registry, place) = (Registry::good(), Place::new());
    publish(&registry, &collect(&[image()], Form::Oci));
    let (one, other) = (format!("docker://{}", registry.name("app:1")), format!("docker://{}", registry.name("b:1")));
    let (code, said) = refused(&place, &registry, &[&one, "-o", &one]);
    let expected = "imgsquash: the output docker://HOST/app:1 is the input: name another";
    assert_eq!((code, said.as_str()), (Some(2), expected));
    let (code, said) = refused(&place, &registry, &[&other, "-o", &one, "--keep-base", &one]);
    let expected = "imgsquash: the output docker://HOST/app:1 is the base: name another";
    assert_eq!((code, said.as_str()), (Some(2), expected));
    assert!(registry.log().is_empty(), "nothing was asked: {:?}", registry.lines());
}

#[test]
fn every_verb_takes_names() {
    let (registry, place) = (Registry::good(), Place::new());
    let archive = collect(&[image()], Form::Oci);
    publish(&registry, &archive);
    place.write("in.tar", &archive.tar());
    let (one, slim) = (format!("docker://{}", registry.name("app:1")), format!("docker://{}", registry.name("app:s")));
    let run = |arguments: &[&str]| {
        let output = alone(&place, arguments);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output))
    };
    let (code, said) = run(&["inspect", &one]);
    assert!(code == Some(0) && said.contains(&format!("imgsquash {one} -o small.tar")), "{said}");
    assert_eq!(run(&[&one, "-o", &slim, "--quiet"]).0, Some(0));
    let (code, said) = run(&["verify", &slim, "--against", "in.tar"]);
    assert!(code == Some(0) && said.contains("the same: "), "{said}");
    let (code, said) = run(&["verify", &slim, "--against", &one]);
    assert!(code == Some(0) && said.contains("the same: "), "{said}");
    assert_eq!(run(&["diff", &one, &slim]).0, Some(0));
    assert_eq!(run(&[&one, "-o", &slim, "--quiet", "--prune-path", "/top"]).0, Some(0));
    let (code, said) = run(&["diff", "in.tar", &slim]);
    assert!(code == Some(1) && said.contains("- /top"), "{said}");
    let (code, said) = run(&["diff", "in.tar", &format!("docker://{}", registry.name("app:t"))]);
    assert!(code == Some(3) && said.contains("there is no tag t in the repository (404): is "), "{said}");
    assert_eq!(place.names(), ["in.tar"]);
}
