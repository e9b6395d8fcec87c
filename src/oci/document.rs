//! JSON documents that keep what we do not know.
//!
//! A [`Document`] holds the members of an object in their order, each value as the text that was read. Only members
//! that are set change; every other one goes out byte for byte, unknown keys, number spellings and escapes included.

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use thiserror::Error;

/// A JSON object whose untouched members keep their exact text.
#[derive(Clone, Debug, Default)]
pub struct Document(Vec<(String, Box<RawValue>)>);

/// A document that is not the JSON it should be: which one, and what the parser found where.
#[derive(Debug, Error)]
#[error("{what} is not valid: {detail}")]
pub struct InvalidJson {
    /// The document, as a person would call it.
    pub what: String,
    /// The parser's finding with line and column.
    pub detail: String,
}

impl Document {
    /// Reads an object; `what` names it in errors.
    pub fn parse(bytes: &[u8], what: &str) -> Result<Self, InvalidJson> {
        serde_json::from_slice(bytes).map_err(|error| InvalidJson { what: what.to_owned(), detail: error.to_string() })
    }

    /// The last member called `key`, read as `T`; `None` when it is absent or null.
    pub fn get<T: DeserializeOwned>(&self, key: &str, what: &str) -> Result<Option<T>, InvalidJson> {
        let Some(value) = self.raw(key) else { return Ok(None) };
        serde_json::from_str(value)
            .map_err(|error| InvalidJson { what: format!("\"{key}\" of {what}"), detail: error.to_string() })
    }

    /// The text of the last member called `key`: repeated keys mean their last value, as in every JSON reader of the field.
    pub fn raw(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.get())
    }

    /// Sets `key`, in its place if it is there and at the end otherwise.
    pub fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        let Ok(raw) = serde_json::value::to_raw_value(value) else {
            unreachable!("strings, numbers, lists and string maps always serialise")
        };
        let place = self.0.iter().position(|(name, _)| name == key);
        match place {
            Some(place) => {
                self.0[place].1 = raw;
                let mut index = 0;
                self.0.retain(|(name, _)| {
                    index += 1;
                    index <= place + 1 || name != key
                });
            }
            None => self.0.push((key.to_owned(), raw)),
        }
    }

    /// Removes every member called `key`.
    pub fn remove(&mut self, key: &str) {
        self.0.retain(|(name, _)| name != key);
    }

    /// The names of the members, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// An error when one of `keys` is there in another spelling, or twice. Go reads keys without regard to case and
    /// puts together what has one name, so every consumer would see something else than we do.
    pub(crate) fn only_spellings(&self, keys: &[&str], what: &str) -> Result<(), InvalidJson> {
        let mut seen = vec![false; keys.len()];
        for other in self.keys() {
            let Some(at) = keys.iter().position(|key| reads_as(other, key)) else { continue };
            let key = keys[at];
            let detail = if other != key {
                format!("it has \"{other}\", which readers take for \"{key}\"")
            } else if std::mem::replace(&mut seen[at], true) {
                format!("it has \"{key}\" twice, which readers take differently")
            } else {
                continue;
            };
            return Err(InvalidJson { what: what.to_owned(), detail });
        }
        Ok(())
    }

    /// The document as bytes: members in order, no white space between them.
    pub fn to_bytes(&self) -> Vec<u8> {
        match serde_json::to_vec(self) {
            Ok(bytes) => bytes,
            Err(_) => unreachable!("a map of strings to JSON text always serialises"),
        }
    }
}

/// Whether Go's `encoding/json` takes `other` for `key`, which is ASCII. Two letters beyond ASCII fold to one of it.
fn reads_as(other: &str, key: &str) -> bool {
    let folded = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    other.chars().map(folded).eq(key.chars().map(folded))
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Document;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Document(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untouched_members_keep_their_text_and_order() {
        let text = br#"{"z":1.50,"a":"\u003c","n":{"k":  [1, 2]},"b":18446744073709551616}"#;
        let mut document = Document::parse(text, "it").unwrap();
        document.set("a", "new");
        document.set("later", &[1]);
        assert_eq!(
            String::from_utf8(document.to_bytes()).unwrap(),
            r#"{"z":1.50,"a":"new","n":{"k":  [1, 2]},"b":18446744073709551616,"later":[1]}"#
        );
    }

    #[test]
    fn a_repeated_key_means_its_last_value_and_setting_it_leaves_one() {
        let mut document = Document::parse(br#"{"a":1,"b":2,"a":3}"#, "it").unwrap();
        assert_eq!(document.get::<u32>("a", "it").unwrap(), Some(3));
        document.set("a", &4);
        assert_eq!(document.to_bytes(), br#"{"a":4,"b":2}"#);
    }

    #[test]
    fn a_key_has_one_spelling_and_stands_once() {
        let keys = ["mediaType", "size", "links"];
        for (text, problem) in [
            (r#"{"mediaType":1,"size":2,"other":3,"Other":4,"other":5}"#, None),
            (r#"{"MediaType":1}"#, Some("it has \"MediaType\", which readers take for \"mediaType\"")),
            (r#"{"mediaType":1,"MEDIATYPE":1}"#, Some("it has \"MEDIATYPE\", which readers take for \"mediaType\"")),
            (r#"{"m\u0065diatype":1}"#, Some("it has \"mediatype\", which readers take for \"mediaType\"")),
            (r#"{"\u017fize":1}"#, Some("it has \"\u{17f}ize\", which readers take for \"size\"")),
            (r#"{"lin\u212as":1}"#, Some("it has \"lin\u{212a}s\", which readers take for \"links\"")),
            (r#"{"size":1,"other":2,"size":1}"#, Some("it has \"size\" twice, which readers take differently")),
            (r#"{"sizes":1,"siz":2,"":3}"#, None),
        ] {
            let found = Document::parse(text.as_bytes(), "it").unwrap().only_spellings(&keys, "it");
            assert_eq!(found.err().map(|error| error.detail).as_deref(), problem, "{text}");
        }
    }

    #[test]
    fn an_error_names_the_document_and_the_place() {
        let error = Document::parse(b"[1]", "index.json").unwrap_err().to_string();
        assert_eq!(error, "index.json is not valid: invalid type: sequence, expected a JSON object at line 1 column 0");
    }
}
