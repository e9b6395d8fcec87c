//! What a registry wants to see before it answers: the header `WWW-Authenticate`.

use crate::remote::http::Url;

/// What a registry wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A name and a password.
    Basic,
    /// A token of its authority.
    Bearer {
        /// Where tokens are made.
        realm: Url,
        /// For whom the token is.
        service: Option<String>,
        /// What the token must allow, as the registry sees it.
        scope: Vec<String>,
        /// Whether a token was there, but does not allow enough.
        too_little: bool,
    },
}

/// The challenge in the headers of an answer, a token before a password; `None` when there is none that is understood.
pub(super) fn parse<'h>(headers: impl Iterator<Item = &'h str>) -> Option<Challenge> {
    let mut found = None;
    for (scheme, parameters) in headers.flat_map(split) {
        let value = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        if scheme == "bearer" {
            let Some(realm) = value("realm").and_then(|realm| Url::parse(&realm)) else { continue };
            let scope = value("scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
            let too_little = value("error").is_some_and(|error| error == "insufficient_scope");
            return Some(Challenge::Bearer { realm, service: value("service"), scope, too_little });
        }
        if scheme == "basic" {
            found = Some(Challenge::Basic);
        }
    }
    found
}

/// A scheme in lower case, and its parameters.
type Parts = (String, Vec<(String, String)>);

/// The challenges of one header.
fn split(header: &str) -> Vec<Parts> {
    let mut challenges: Vec<Parts> = Vec::new();
    let mut rest = header.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_whitespace() || c == '=' || c == ',').unwrap_or(rest.len());
        let (word, after) = (rest[..end].to_ascii_lowercase(), rest[end..].trim_start());
        if let Some(value) = after.strip_prefix('=') {
            let (value, after) = text(value.trim_start());
            if let Some((_, parameters)) = challenges.last_mut() {
                parameters.push((word, value));
            }
            rest = after;
        } else {
            challenges.push((word, Vec::new()));
            rest = after;
        }
        rest = rest.trim_start_matches([' ', ',', '\t']);
    }
    challenges
}

/// A value, quoted or not, and what comes after it.
fn text(rest: &str) -> (String, &str) {
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(rest.len());
        return (rest[..end].to_owned(), &rest[end..]);
    };
    let (mut value, mut is_escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            _ if is_escaped => {
                value.push(c);
                is_escaped = false;
            }
            '\\' => is_escaped = true,
            '"' => return (value, &quoted[at + 1..]),
            _ => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(header: &str) -> Option<Challenge> {
        parse([header].into_iter())
    }

    #[test]
    fn a_token_is_asked_for_with_realm_service_and_scope() {
        let expected = Challenge::Bearer {
            realm: Url::parse("https://auth.example/token").unwrap(),
            service: Some("r.example, the \"best\"".to_owned()),
            scope: vec!["repository:a:pull,push".to_owned(), "repository:b:pull".to_owned()],
            too_little: true,
        };
        let header = "Bearer realm=\"https://auth.example/token\" , service=\"r.example, the \\\"best\\\"\",\
                      scope=\"repository:a:pull,push repository:b:pull\",error=insufficient_scope";
        assert_eq!(one(header), Some(expected));
    }

    #[test]
    fn a_token_goes_before_a_password() {
        let bearer = "BEARER realm=\"https://a.example/\"";
        assert!(matches!(parse(["Basic realm=\"x\"", bearer].into_iter()), Some(Challenge::Bearer { .. })));
        assert!(matches!(one(&format!("Basic realm=x, {bearer}")), Some(Challenge::Bearer { .. })));
        assert_eq!(one("basic"), Some(Challenge::Basic));
        assert_eq!(
            one("Negotiate, Basic realm=\"Bearer realm=\\\"https://evil.example/\\\"\""),
            Some(Challenge::Basic)
        );
    }

    #[test]
    fn what_makes_no_sense_is_none() {
        for header in
            ["", ",", "=", "Bearer", "Bearer realm=", "Bearer realm=\"ftp://x\"", "Bearer realm=\"unclosed", "\""]
        {
            assert_eq!(one(header), None, "{header}");
        }
        assert_eq!(one(&"a=\"".repeat(100_000)), None);
    }
}
