//! JSON Schema (draft 2020-12), as far as the schemas here use it; a keyword that is not known panics.

use serde_json::Value;

/// What is wrong with `value`, each with its place. Members that a schema does not name are wrong, unless it says
/// `additionalProperties`: a new member has to be written down.
pub(crate) fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let schema = schema.as_object().unwrap_or_else(|| panic!("{place}: a schema is an object"));
    let mut wrong = |problem: String| found.push(format!("{place}: {problem}"));
    for (keyword, wanted) in schema {
        match &**keyword {
            "$schema" | "$id" | "$defs" | "$comment" | "title" | "description" => {}
            "properties" | "additionalProperties" | "items" | "$ref" => {}
            "type" => {
                let names = wanted.as_array().cloned().unwrap_or_else(|| vec![wanted.clone()]);
                if !names.iter().any(|name| is_a(value, name.as_str().unwrap())) {
                    wrong(format!("{value} is no {wanted}"));
                }
            }
            "required" => {
                let missing = wanted
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|name| value.is_object() && value.get(name.as_str().unwrap()).is_none());
                missing.for_each(|name| wrong(format!("{name} is missing")));
            }
            "enum" => {
                if !wanted.as_array().unwrap().contains(value) {
                    wrong(format!("{value} is none of {wanted}"));
                }
            }
            "const" => {
                if wanted != value {
                    wrong(format!("{value} is not {wanted}"));
                }
            }
            "minimum" | "maximum" => {
                let Some(found) = value.as_f64() else { continue };
                let limit = wanted.as_f64().unwrap();
                if (keyword == "minimum" && found < limit) || (keyword == "maximum" && found > limit) {
                    wrong(format!("{found} is beyond {limit}"));
                }
            }
            "minLength" | "maxLength" => {
                let Some(count) = value.as_str().map(|text| text.chars().count() as u64) else { continue };
                let limit = wanted.as_u64().unwrap();
                if (keyword == "minLength" && count < limit) || (keyword == "maxLength" && count > limit) {
                    wrong(format!("it has {count} characters"));
                }
            }
            "minItems" | "maxItems" => {
                let Some(count) = value.as_array().map(|list| list.len() as u64) else { continue };
                let limit = wanted.as_u64().unwrap();
                if (keyword == "minItems" && count < limit) || (keyword == "maxItems" && count > limit) {
                    wrong(format!("it has {count} items"));
                }
            }
            other => panic!("{place}: the keyword {other} is not known here"),
        }
    }
    if let Some(to) = schema.get("$ref") {
        let to = to.as_str().unwrap().strip_prefix('#').unwrap();
        check(root, root.pointer(to).unwrap_or_else(|| panic!("{to} is missing")), value, place, found);
    }
    if let (Some(items), Some(list)) = (schema.get("items"), value.as_array()) {
        list.iter().enumerate().for_each(|(at, item)| check(root, items, item, &format!("{place}[{at}]"), found));
    }
    let Some(members) = value.as_object().filter(|_| schema.get("type").is_some()) else { return };
    for (name, member) in members {
        let place = format!("{place}.{name}");
        match (schema.get("properties").and_then(|all| all.get(name)), schema.get("additionalProperties")) {
            (Some(schema), _) => check(root, schema, member, &place, found),
            (None, Some(Value::Bool(true))) => {}
            (None, Some(schema @ Value::Object(_))) => check(root, schema, member, &place, found),
            (None, _) => found.push(format!("{place}: no schema says what it is")),
        }
    }
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type is called {other}"),
    }
}
