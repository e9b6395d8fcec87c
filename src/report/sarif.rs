//! Findings and secrets as SARIF 2.1.0, as GitHub's code scanning takes it.
//!
//! # Decisions
//! - Every result has a relative location and a fingerprint of its own: one without rejects the whole file, and one
//!   without a fingerprint is looked for in the checkout, which has no such file. What is in no file lies in
//!   `image/config`.
//! - A fingerprint stays the same from build to build: it is made of the rule, the image's name without its tag, and
//!   what the finding is about, and not of layers or digests.
//! - What is beyond GitHub's limits is left out, the least first, and a notification counts it.
//! - What a baseline accepts is left out: GitHub would open an alert for it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::inspect::{InspectedImage, Inspection, SecretReport};
use crate::finding::{Finding, Severity};
use crate::inside::title;
use crate::oci::Digest;
use crate::text::{self, line};

/// Results that GitHub takes of a run.
const RESULTS: usize = 25_000;
/// Characters of a message and of a description.
const MESSAGE: usize = 1_000;
/// Characters of a location.
const LOCATION: usize = 4_096;
/// Where settings and history are.
const CONFIG: &str = "image/config";

/// One result.
struct Found<'f> {
    rule: String,
    severity: Severity,
    message: String,
    /// The file that it is about, without a slash at the beginning, percent-encoded; [`CONFIG`] for what is no file.
    location: String,
    line: u64,
    remedy: &'f str,
    /// What tells it from others, beside its rule and its location.
    identity: String,
}

/// What was found in all images.
pub fn document(inspection: &Inspection) -> String {
    let mut found: Vec<Found<'_>> = inspection.findings.iter().map(|finding| plain(finding, "")).collect();
    for image in &inspection.images {
        let name = without_tag(image);
        found.extend(image.findings.iter().map(|finding| plain(finding, &name)));
        let open = image.secrets.iter().filter(|secret| secret.accepted.is_none());
        found.extend(open.map(|found| secret(found, &name)));
    }
    found.sort_by_key(|found| std::cmp::Reverse(found.severity));
    let left_out = found.len().saturating_sub(RESULTS);
    found.truncate(RESULTS);
    let rules = rules(&found);
    let places: BTreeMap<&str, usize> = rules.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
    let mut known = BTreeMap::new();
    let results: Vec<Value> = found.iter().map(|found| result(found, places[&*found.rule], &mut known)).collect();
    let rules: Vec<Value> = rules.values().cloned().collect();
    let mut run = json!({
        "tool": {"driver": {
            "name": "imgsquash",
            "version": inspection.version,
            "semanticVersion": inspection.version,
            "rules": rules,
        }},
        "automationDetails": {"id": "imgsquash/inspect/"},
        "columnKind": "unicodeCodePoints",
        "results": results,
    });
    if left_out > 0 {
        let text = format!("{left_out} results are left out: no more than {RESULTS} are taken");
        let notification = json!({"level": "warning", "message": {"text": text}});
        run["invocations"] = json!([{"executionSuccessful": true, "toolExecutionNotifications": [notification]}]);
    }
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    });
    format!("{document:#}\n")
}

fn plain<'f>(finding: &'f Finding, image: &str) -> Found<'f> {
    let Finding { id, severity, subject, message, remedy } = finding;
    let about = if subject.is_empty() { String::new() } else { format!("{subject}: ") };
    Found {
        rule: (*id).to_owned(),
        severity: *severity,
        message: format!("{about}{message}"),
        location: location(subject),
        line: 1,
        remedy: remedy.as_deref().unwrap_or_default(),
        identity: format!("{image}\n{subject}"),
    }
}

fn secret<'f>(secret: &'f SecretReport, image: &str) -> Found<'f> {
    let SecretReport { rule, place, path, layer, state, hidden_by, redacted, removed_by_squash, .. } = secret;
    let layer = layer.map_or(String::new(), |layer| format!(" in layer {layer}"));
    let hidden = hidden_by.map_or(String::new(), |by| format!(", hidden by layer {by}"));
    let is_file = *place == "file";
    let named = if is_file { path.clone() } else { format!("{place} {path}") };
    Found {
        rule: format!("secret/{rule}"),
        severity: secret.severity,
        message: format!("{named}{layer}: a secret ({redacted}), {state}{hidden}"),
        location: if is_file { location(&format!("/{}", path.trim_start_matches('/'))) } else { CONFIG.to_owned() },
        line: secret.line.unwrap_or(1).max(1),
        remedy: if *removed_by_squash { "Rotate it. A squash removes it." } else { "Rotate it. A squash keeps it." },
        identity: format!("{image}\n{}", secret.fingerprint),
    }
}

/// What an image is called, from build to build: its first name without a tag or digest, and its platform.
fn without_tag(image: &InspectedImage) -> String {
    let name = image.names.first().map_or("", String::as_str);
    format!("{} {}", repository(name), image.platform)
}

fn repository(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or_default();
    let tag = name.rfind(':').filter(|at| !name[*at..].contains('/'));
    &name[..tag.unwrap_or(name.len())]
}

/// The relative location of a path, as reports write paths; of anything else, that of the config.
fn location(subject: &str) -> String {
    let path = subject.strip_prefix('/').map(|path| path.trim_start_matches('/'));
    let path = path.filter(|path| !path.is_empty() && path.len() <= LOCATION);
    let Some(path) = path else { return CONFIG.to_owned() };
    let bytes = text::bytes(path).unwrap_or_else(|| path.as_bytes().to_vec());
    let mut uri = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            // A colon in the first part of a path would make it a scheme.
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'+' | b'@' | b',' => {
                uri.push(char::from(byte));
            }
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

/// The rules that were met, by id. A rule is as grave as its gravest result.
fn rules<'f>(found: &'f [Found<'_>]) -> BTreeMap<&'f str, Value> {
    let mut rules = BTreeMap::new();
    // The gravest come first.
    for Found { rule, severity, remedy, .. } in found {
        rules.entry(&**rule).or_insert_with(|| {
            let name = match rule.strip_prefix("secret/") {
                Some(secret) => format!("Secret: {secret}"),
                None => title(rule),
            };
            let help = if remedy.is_empty() { name.clone() } else { remedy.to_string() };
            let mut properties = json!({"tags": ["security", "container"], "precision": "high"});
            if let Some(number) = security(*severity) {
                properties["security-severity"] = number.into();
            }
            json!({
                "id": line(rule, 255),
                "name": line(rule, 255),
                "shortDescription": {"text": message(&name)},
                "fullDescription": {"text": message(&format!("{name}."))},
                "help": {"text": message(&help)},
                "defaultConfiguration": {"level": level(*severity)},
                "properties": properties,
            })
        });
    }
    rules
}

/// A plain-text message (SARIF 3.11): links are made of brackets, and arguments of braces. No message is empty.
fn message(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in line(text, MESSAGE).chars() {
        match c {
            '[' | ']' | '\\' => plain.extend(['\\', c]),
            '{' | '}' => plain.extend([c, c]),
            c => plain.push(c),
        }
    }
    if plain.is_empty() { "-".to_owned() } else { plain }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info | Severity::Low => "note",
        Severity::Medium => "warning",
        Severity::High | Severity::Critical => "error",
    }
}

/// What GitHub sorts alerts of security by: above 9 is critical, from 7 high, from 4 medium.
fn security(severity: Severity) -> Option<&'static str> {
    match severity {
        Severity::Info => None,
        Severity::Low => Some("3.0"),
        Severity::Medium => Some("5.5"),
        Severity::High => Some("8.0"),
        Severity::Critical => Some("9.5"),
    }
}

/// One result. `known` counts results that nothing tells apart, so that each still has a fingerprint of its own.
fn result(found: &Found<'_>, rule: usize, known: &mut BTreeMap<Digest, u32>) -> Value {
    let Found { location, identity, line: at, .. } = found;
    let identity = Digest::of(format!("{}\n{location}\n{identity}", found.rule).as_bytes());
    let count = known.entry(identity).and_modify(|count| *count += 1).or_insert(1);
    json!({
        "ruleId": line(&found.rule, 255),
        "ruleIndex": rule,
        "level": level(found.severity),
        "message": {"text": message(&found.message)},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": location},
            "region": {"startLine": at, "startColumn": 1, "endLine": at, "endColumn": 2},
        }}],
        "partialFingerprints": {"primaryLocationLineHash": format!("{}:{count}", identity.hex())},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_relative_and_never_a_scheme() {
        for (subject, uri) in [
            ("/etc/passwd", "etc/passwd"),
            ("/a:b/c d", "a%3Ab/c%20d"),
            ("/a\\xffb\\\\", "a%FFb%5C"),
            ("/é%", "%C3%A9%25"),
            ("/a\\u{1b}", "a%5Cu%7B1b%7D"),
            ("/", CONFIG),
            ("", CONFIG),
            ("app:1", CONFIG),
            ("//etc", "etc"),
        ] {
            assert_eq!(location(subject), uri, "{subject}");
        }
    }

    #[test]
    fn messages_have_no_links_and_no_arguments() {
        assert_eq!(message("see [a](b) {0} \\"), "see \\[a\\](b) {{0}} \\\\");
        assert_eq!((message("a\nb"), message("")), ("a\\\\nb".to_owned(), "-".to_owned()));
    }

    #[test]
    fn images_are_called_the_same_from_build_to_build() {
        for (name, called) in [
            ("app:1", "app"),
            ("host:5000/app:1", "host:5000/app"),
            ("host:5000/app", "host:5000/app"),
            ("a@sha256:1", "a"),
        ] {
            assert_eq!(repository(name), called);
        }
    }
}
