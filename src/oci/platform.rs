//! Platforms: operating system, architecture and variant.

use std::fmt;
use std::str::FromStr;

/// What an image runs on, in the words of Go's GOOS and GOARCH. Ordered by those words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    /// `linux`, `windows`, …
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `v7`, `v8`, …; `None` when not said.
    pub variant: Option<String>,
}

impl Platform {
    /// Whether an image for `self` is one that a person asking for `wanted` means. A variant that is not said is the
    /// architecture's usual one (arm64 is v8, arm is v7), as containerd's platform matching has it; a wanted platform
    /// without a variant takes every variant.
    pub fn matches(&self, wanted: &Self) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_none() || self.usual_variant() == wanted.usual_variant())
    }

    fn usual_variant(&self) -> Option<&str> {
        match (self.variant.as_deref(), self.architecture.as_str()) {
            (None | Some(""), "arm64") => Some("v8"),
            (None | Some(""), "arm") => Some("v7"),
            (None | Some(""), _) => None,
            (Some("v1"), "amd64") => None,
            (said, _) => said,
        }
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('/');
        let platform = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(os), Some(architecture), variant, None) => Self {
                os: os.to_lowercase(),
                architecture: match architecture.to_lowercase().as_str() {
                    "x86_64" | "x86-64" => "amd64".to_owned(),
                    "aarch64" => "arm64".to_owned(),
                    other => other.to_owned(),
                },
                variant: variant.map(str::to_lowercase),
            },
            _ => return Err(format!("expected os/arch or os/arch/variant, as in linux/arm64, got \"{text}\"")),
        };
        if text.split('/').any(str::is_empty) {
            return Err(format!("a part of \"{text}\" is empty: expected os/arch or os/arch/variant"));
        }
        Ok(platform)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) if !variant.is_empty() => write!(f, "/{variant}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn a_variant_matters_only_when_it_is_asked_for() {
        assert!(platform("linux/arm64/v8").matches(&platform("linux/arm64")));
        assert!(platform("linux/arm64").matches(&platform("linux/arm64/v8")));
        assert!(platform("linux/amd64").matches(&platform("linux/x86_64/v1")));
        assert!(!platform("linux/amd64/v3").matches(&platform("linux/amd64/v1")));
        assert!(!platform("linux/arm/v6").matches(&platform("linux/arm/v7")));
        assert!(!platform("windows/amd64").matches(&platform("linux/amd64")));
    }

    #[test]
    fn a_platform_has_two_or_three_words() {
        for text in ["linux", "linux/", "/arm64", "linux/arm/v7/x", ""] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
        assert_eq!(platform("linux/arm/v7").to_string(), "linux/arm/v7");
    }
}
