//! How two configs differ.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::oci::{Config, InvalidJson};

/// A member of a config that differs. Numbers and texts are compared by what they mean, not by how they are spelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// The member: a key, and one of `config` after a dot.
    pub member: String,
    /// What the first config has.
    pub old: Option<Value>,
    /// What the second has.
    pub new: Option<Value>,
}

/// Members of `config` are told one by one.
const CONTAINER: &str = "config";
/// What tells of layers.
const OF_LAYERS: [&str; 2] = ["rootfs", "history"];

/// The members in which two configs differ, by name. A null is as good as nothing.
pub fn configs(old: &Config, new: &Config) -> Result<Vec<ConfigChange>, InvalidJson> {
    let (mut old, mut new) = (members(old)?, members(new)?);
    let names: std::collections::BTreeSet<String> = old.keys().chain(new.keys()).cloned().collect();
    let changes = names.into_iter().filter_map(|member| {
        let (old, new) = (old.remove(&member), new.remove(&member));
        (old != new).then_some(ConfigChange { member, old, new })
    });
    Ok(changes.collect())
}

fn members(config: &Config) -> Result<BTreeMap<String, Value>, InvalidJson> {
    let invalid =
        |error: serde_json::Error| InvalidJson { what: "the image config".to_owned(), detail: error.to_string() };
    let all: BTreeMap<String, Value> = serde_json::from_slice(&config.to_bytes()).map_err(invalid)?;
    let mut members = BTreeMap::new();
    for (key, value) in all {
        match (key.as_str(), value) {
            (_, Value::Null) => {}
            (key, _) if OF_LAYERS.contains(&key) => {}
            (CONTAINER, Value::Object(inner)) => {
                let inner = inner.into_iter().filter(|(_, value)| !value.is_null());
                members.extend(inner.map(|(key, value)| (format!("{CONTAINER}.{key}"), value)));
            }
            (_, value) => _ = members.insert(key, value),
        }
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(members: &str) -> Config {
        let text =
            format!(r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":[]}}{members}}}"#);
        Config::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn members_are_compared_one_by_one_whether_they_are_known_or_not() {
        let one = config(r#","config":{"Env":["A=1"],"Cmd":null,"New":{"x":1.0}},"moby.x":"1","created":"2020""#);
        let same =
            config(r#","created":"2020","moby.x":"\u0031","config":{"New":{"x":1.0},"Env":["A=1"]},"author":null"#);
        assert_eq!(configs(&one, &same).unwrap(), []);
        let other = config(r#","config":{"Env":["A=2"],"User":"5","New":{"x":1.0}},"created":"2020""#);
        let found = configs(&one, &other).unwrap();
        let names: Vec<&str> = found.iter().map(|change| change.member.as_str()).collect();
        assert_eq!(names, ["config.Env", "config.User", "moby.x"]);
        assert_eq!((&found[1].old, &found[1].new), (&None, &Some(Value::from("5"))));
    }
}
