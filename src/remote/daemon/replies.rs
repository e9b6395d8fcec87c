//! What a daemon says of a load, line by line, while it answers that all is well.

use serde::Deserialize;

use crate::remote::error::shown;

#[derive(Deserialize)]
struct Line {
    stream: Option<String>,
    error: Option<String>,
    #[serde(rename = "errorDetail")]
    detail: Option<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    message: Option<String>,
}

/// What an image that was loaded is called follows one of these.
const LOADED: [&str; 4] = ["Loaded image ID: ", "Loaded image(s): ", "Loaded image: ", "Loaded images: "];

/// The names of what was loaded, from a stream of JSON; an error if anything in it says so.
pub(super) fn of_api(body: &[u8]) -> Result<Vec<String>, String> {
    let mut text = String::new();
    for line in serde_json::Deserializer::from_slice(body).into_iter::<Line>() {
        let line = line.map_err(|_| format!("its answer makes no sense: {}", shown(&String::from_utf8_lossy(body))))?;
        if let Some(problem) = line.detail.and_then(|detail| detail.message).or(line.error) {
            return Err(shown(&problem));
        }
        text.push_str(&line.stream.unwrap_or_default());
    }
    of_text(&text)
}

/// The same from lines for people.
pub(super) fn of_text(text: &str) -> Result<Vec<String>, String> {
    // With the store of containerd an image that cannot be unpacked is loaded all the same, and broken.
    if let Some(problem) = text.lines().find(|line| line.contains("Error unpacking")) {
        return Err(shown(problem));
    }
    let named = |line: &str| LOADED.iter().find_map(|prefix| line.strip_prefix(prefix).map(str::to_owned));
    let names = text.lines().filter_map(named);
    Ok(names.flat_map(|names| names.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_of_what_was_loaded() {
        let body = b"{\"stream\":\"Loaded image: app:1\\n\"}\r\n{\"stream\":\"Loaded image ID: sha256:00\\n\"}\r\n";
        assert_eq!(of_api(body).unwrap(), ["app:1", "sha256:00"]);
        let body = b"{\"status\":\"Loading layer\",\"progressDetail\":{\"current\":1},\"id\":\"x\"}";
        assert_eq!(of_api(body).unwrap(), [""; 0]);
        assert_eq!(of_text("Getting image\nLoaded image(s): localhost/app:1,localhost/app:2\n").unwrap().len(), 2);
    }

    #[test]
    fn failures_that_are_answered_as_if_all_were_well() {
        for (body, expected) in [
            (r#"{"errorDetail":{"message":"no space left\non device"},"error":"x"}"#, "no space left on device"),
            (r#"{"error":"x"}"#, "x"),
            (
                "{\"stream\":\"Error unpacking image app:1: apply layer: bad\\n\"}{\"stream\":\"Loaded image: app:1\\n\"}",
                "Error unpacking image app:1: apply layer: bad",
            ),
            ("{\"stream\":\"Loaded image: a\\n\"}<html>", "its answer makes no sense: "),
        ] {
            let problem = of_api(body.as_bytes()).unwrap_err();
            assert!(problem.starts_with(expected), "{problem}");
        }
    }
}
