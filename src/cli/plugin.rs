//! The command as a plugin of the docker CLI: installed under the name `docker-squash`, it is `docker squash`.
//!
//! # Decisions
//! - docker hands over its whole list of arguments, its own options first. What they say of the engine goes to the
//!   environment, where docker itself looks for it, and the command begins once more with that.
//! - Images are those of the engine that docker talks to, and `-t` names the new one there.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::elsewhere;
use imgsquash::address::Address;

/// What docker calls the plugin.
const NAME: &str = "docker-squash";
/// What docker asks a plugin first.
const METADATA: &str = "docker-cli-plugin-metadata";

/// Options of docker that take a value, and the variable that says the same.
const GLOBAL: [(&str, &str, &str); 3] =
    [("--context", "-c", "DOCKER_CONTEXT"), ("--host", "-H", "DOCKER_HOST"), ("--config", "", "DOCKER_CONFIG")];

/// Verbs whose arguments are images.
const VERBS: [&str; 3] = ["inspect", "diff", "why"];

/// What a plugin does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plugin {
    /// Say what it is.
    Metadata(String),
    /// Begin as the command with these arguments and variables.
    Command { arguments: Vec<OsString>, variables: Vec<(&'static str, OsString)> },
}

/// What is to be done when the command runs as a plugin; `None` when it does not.
pub(crate) fn called(given: &[OsString]) -> Option<Result<Plugin, String>> {
    let name = given.first().and_then(|program| Path::new(program).file_name())?;
    (name == NAME).then(|| plugin(&given[1..]))
}

fn metadata() -> String {
    let description = "Squash an image of the engine: the same image, smaller";
    let said = serde_json::json!({
        "SchemaVersion": "0.1.0",
        "Vendor": "imgsquash",
        "Version": env!("CARGO_PKG_VERSION"),
        "ShortDescription": description,
    });
    format!("{said}\n")
}

fn plugin(given: &[OsString]) -> Result<Plugin, String> {
    if given.first().is_some_and(|word| word == METADATA) {
        return Ok(Plugin::Metadata(metadata()));
    }
    let mut variables = Vec::new();
    let mut words = given.iter();
    loop {
        let Some(word) = words.next() else { return Err(USAGE.to_owned()) };
        let text = word.to_string_lossy();
        if text == "help" {
            return Ok(Plugin::Command { arguments: vec!["--help".into()], variables });
        }
        if text == "squash" {
            break;
        }
        let (name, glued) = text.split_once('=').map_or((&*text, None), |(name, value)| (name, Some(value)));
        match GLOBAL.iter().find(|(long, short, _)| name == *long || name == *short) {
            Some((.., variable)) => {
                let value = glued.map(OsString::from).or_else(|| words.next().cloned());
                variables.push((*variable, value.ok_or_else(|| format!("{name} needs a value"))?));
            }
            None if matches!(name, "--debug" | "-D") => {}
            None if matches!(name, "--log-level" | "-l") => drop(words.next()),
            None => return Err(format!("docker's {name} is not known here: say it with docker context create")),
        }
    }
    Ok(Plugin::Command { arguments: translated(words.as_slice())?, variables })
}

const USAGE: &str = "usage: docker squash IMAGE -t NAME [OPTIONS], or docker squash inspect IMAGE";

/// The arguments of the command for those of `docker squash`.
fn translated(given: &[OsString]) -> Result<Vec<OsString>, String> {
    if given.is_empty() || given.iter().any(|word| word == "--help" || word == "-h") {
        return Ok(vec!["--help".into()]);
    }
    if let Some(verb) = VERBS.into_iter().find(|verb| given[0] == *verb) {
        let words = super::batch::parted(Some(verb), &given[1..]).into_iter().flat_map(|(word, value)| {
            let word = if is_option(&word) { word } else { in_engine(&word) };
            std::iter::once(word).chain(value)
        });
        return Ok(std::iter::once(OsString::from(verb)).chain(words).collect());
    }
    let (mut arguments, mut has_output) = (Vec::new(), false);
    for (word, value) in super::batch::parted(None, given) {
        let name = word.to_string_lossy().into_owned();
        match (name.split('=').next().unwrap_or_default(), value) {
            ("-t" | "--tag", value) if !has_output => {
                let glued = name.split_once('=').map(|(_, value)| OsString::from(value));
                let named = value.or(glued).ok_or_else(|| format!("{name} needs a name"))?;
                arguments.extend(["-o".into(), in_engine(&named)]);
                has_output = true;
            }
            ("-o" | "--output" | "--dry-run", value) => {
                has_output = true;
                arguments.push(word);
                arguments.extend(value);
            }
            (name, None) if !name.starts_with('-') => arguments.push(in_engine(&word)),
            (_, value) => {
                arguments.push(word);
                arguments.extend(value);
            }
        }
    }
    match has_output {
        true => Ok(arguments),
        false => Err(format!("name the new image with -t, or a file with -o; {USAGE}")),
    }
}

fn is_option(word: &OsStr) -> bool {
    word.to_string_lossy().starts_with('-')
}

/// A name as one of the engine's images, unless it says where it is or is a file.
fn in_engine(word: &OsStr) -> OsString {
    let is_path = matches!(elsewhere::address(Path::new(word)), Ok(Address::Path(_)));
    if !is_path || Path::new(word).exists() || word == "-" {
        return word.to_owned();
    }
    let mut name = OsString::from("docker-daemon:");
    name.push(word);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The arguments of the command, and the variables that it gets.
    type Translated = (String, Vec<(&'static str, String)>);

    fn of(line: &str) -> Result<Translated, String> {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        match called(&words).expect("it is a plugin")? {
            Plugin::Metadata(text) => Ok((text, Vec::new())),
            Plugin::Command { arguments, variables } => {
                let arguments: Vec<String> =
                    arguments.into_iter().map(|word| word.into_string().expect("text")).collect();
                let text = |(name, value): (&'static str, OsString)| (name, value.into_string().expect("text"));
                Ok((arguments.join(" "), variables.into_iter().map(text).collect()))
            }
        }
    }

    #[test]
    fn docker_squash_is_the_command_with_images_of_the_engine() {
        for (line, expected, variables) in [
            ("docker-squash squash app:1 -t app:slim", "docker-daemon:app:1 -o docker-daemon:app:slim", vec![]),
            ("/usr/lib/docker-squash squash --tag=b --prune a", "-o docker-daemon:b --prune docker-daemon:a", vec![]),
            (
                "docker-squash --context far -H tcp://h:1 squash a -t b -t c",
                "docker-daemon:a -o docker-daemon:b -t c",
                vec![("DOCKER_CONTEXT", "far".to_owned()), ("DOCKER_HOST", "tcp://h:1".to_owned())],
            ),
            (
                "docker-squash -D --config=/c squash a -o x.tar",
                "docker-daemon:a -o x.tar",
                vec![("DOCKER_CONFIG", "/c".to_owned())],
            ),
            ("docker-squash squash a --dry-run --split 3", "docker-daemon:a --dry-run --split 3", vec![]),
            ("docker-squash squash docker://r/a -t b", "docker://r/a -o docker-daemon:b", vec![]),
            ("docker-squash squash inspect a -v --max-layers 3", "inspect docker-daemon:a -v --max-layers 3", vec![]),
            ("docker-squash squash diff a b", "diff docker-daemon:a docker-daemon:b", vec![]),
            ("docker-squash help squash", "--help", vec![]),
            ("docker-squash squash --help", "--help", vec![]),
        ] {
            assert_eq!(of(line), Ok((expected.to_owned(), variables)), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_is_told() {
        for (line, expected) in [
            ("docker-squash squash a", "name the new image with -t, or a file with -o"),
            ("docker-squash", "usage: docker squash IMAGE"),
            ("docker-squash --tlscacert x squash a -t b", "docker's --tlscacert is not known here"),
            ("docker-squash squash a -t", "-t needs a name"),
            ("docker-squash --context", "--context needs a value"),
        ] {
            let problem = of(line).unwrap_err();
            assert!(problem.contains(expected), "{line}: {problem}");
        }
        assert!(called(&["imgsquash".into(), "squash".into()]).is_none());
    }

    #[test]
    fn docker_is_told_what_it_is() {
        let said = of("docker-squash docker-cli-plugin-metadata").expect("it says").0;
        let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!((said["SchemaVersion"].as_str(), said["Vendor"].as_str()), (Some("0.1.0"), Some("imgsquash")));
    }
}
