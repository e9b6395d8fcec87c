//! What an inspection is rendered as for other programs: ncdu, Markdown, SARIF, and the schema of its JSON.

use std::collections::BTreeMap;
use std::process::Output;

use imgsquash::report::{
    FileKind, FileState, Folder, InspectedLayer, Inspection, ListedFile, Listing, SecretReport, Severity, html,
    markdown, ncdu, sarif,
};
use imgsquash::request::Origin;
use imgsquash::{Inspect, inspect};
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::{Value, json};

use crate::support::archive::{Codec, Form, Image, save};
use crate::support::case::parse;
use crate::support::layer::Layer;
use crate::support::run::{Place, command, stderr};
use crate::support::schema;

pub(crate) fn image(text: &str) -> Image {
    let layers = parse(&format!("case x\n{text}\ntree\n")).remove(0).layers.iter().map(Layer::tar).collect();
    Image { codec: Codec::Plain, tags: vec!["app:1".to_owned()], ..Image::new(layers) }
}

/// What is inside an archive, its files too.
fn inspected(archive: &[u8]) -> Inspection {
    let place = Place::new();
    let input = place.write("in.tar", archive);
    inspect(&Inspect { lists_files: true, ..Inspect::new(Origin::Path(input)) }, &()).unwrap()
}

fn run(place: &Place, arguments: &[&str]) -> Output {
    command().current_dir(place.path("")).arg("inspect").args(arguments).output().unwrap()
}

fn secret(place: &'static str, path: &str, fingerprint: &str) -> SecretReport {
    SecretReport {
        rule: "private-key".to_owned(),
        severity: Severity::Critical,
        place,
        path: path.to_owned(),
        layer: (place == "file").then_some(1),
        step: None,
        line: None,
        state: "hidden",
        hidden_by: (place == "file").then_some(2),
        removed_by_squash: place == "file",
        redacted: "a [key] {0}".to_owned(),
        fingerprint: fingerprint.to_owned(),
        accepted: None,
    }
}

/// What a person calls hostile: names that are markup, links or escapes somewhere.
pub(crate) const HOSTILE: [&str; 10] = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "[a](http://www.example.com)",
    "a|b\\|c\\\\|d",
    "``` ` `````````` `",
    "www.example.com a@example.com @app #1",
    "\u{1b}[2J\u{202e}\n# head",
    "{{0}} ${x} %s",
    "' \" \\",
    "![p](x) **b** ~~s~~ &lt;",
];

/// An image that says these things wherever an image can.
pub(crate) fn hostile() -> Vec<u8> {
    let mut first = Layer { entries: Vec::new(), ..parse("case x\nlayer\ntree\n").remove(0).layers.remove(0) };
    let mut second = first.clone();
    for (at, name) in HOSTILE.iter().enumerate() {
        let named = |name: String, bytes: &[u8]| {
            let mut entry =
                parse("case x\nlayer\n f a mode=4755 \"\"\ntree\n").remove(0).layers.remove(0).entries.remove(0);
            entry.name = name.into_bytes();
            entry.node.kind = crate::support::node::Kind::File(bytes.to_vec());
            entry
        };
        let flat = name.replace('/', "-");
        first.entries.push(named(format!("d{at}/{flat}"), &vec![b'x'; 5000 + at]));
        first.entries.push(named(format!("e/{flat}"), &vec![b'y'; 700 + at]));
        second.entries.push(named(format!("d{at}/{flat}"), b"z"));
    }
    let mut image = Image { codec: Codec::Plain, ..Image::new(vec![first.tar(), second.tar()]) };
    image.tags = vec!["app:latest".to_owned()];
    let steps: Vec<Value> = HOSTILE[..2].iter().map(|step| json!({"created_by": step})).collect();
    let empty = HOSTILE[2..].iter().map(|step| json!({"created_by": step, "empty_layer": true}));
    image.config["history"] = steps.into_iter().chain(empty).collect();
    image.config["config"] = json!({"User": HOSTILE[2], "Cmd": HOSTILE, "Volumes": {"/proc/<b>": {}}});
    image.save(Form::Docker)
}

/// The items of an export: path, bytes, and whether it is a hard link.
pub(crate) fn items(export: &str) -> BTreeMap<String, (u64, bool)> {
    fn walk(folder: &Value, path: &str, found: &mut BTreeMap<String, (u64, bool)>) {
        let (head, items) = folder.as_array().unwrap().split_first().unwrap();
        found.insert(format!("{path}{}/", head["name"].as_str().unwrap()), (0, false));
        let path = format!("{path}{}/", head["name"].as_str().unwrap());
        for item in items {
            match item.is_array() {
                true => walk(item, &path, found),
                false => {
                    let path = format!("{path}{}", item["name"].as_str().unwrap());
                    let is_link = item["hlnkc"] == true && item["ino"].as_u64().unwrap() > 0;
                    assert_eq!(item["asize"], item["dsize"]);
                    let known = found.insert(path.clone(), (item["asize"].as_u64().unwrap(), is_link));
                    assert_eq!(known, None, "{path} is there twice");
                }
            }
        }
    }
    let export: Value = serde_json::from_str(export).unwrap();
    assert_eq!((&export[0], &export[1], &export[2]["progname"]), (&json!(1), &json!(2), &json!("imgsquash")));
    let mut found = BTreeMap::new();
    walk(&export[3], "", &mut found);
    found
}

#[test]
fn ncdu_has_the_final_file_system_or_one_layer() {
    let text = "layer\n d empty\n f a/b/c \"12345\"\n h a/l -> a/b/c\n l a/s -> c\n f old/gone \"123\"\n f app \"1234567\"\n\
                layer\n f old/.wh.gone\n f app \"12\"\n f a/x \"1\"";
    let found = inspected(&image(text).save(Form::Docker));
    let root = "app:1 linux/amd64";
    let expect = |items: &[(&str, (u64, bool))]| -> BTreeMap<String, (u64, bool)> {
        let items = items.iter().map(|(path, item)| (format!("{root}/{path}"), *item));
        items.collect()
    };
    let folder = (0, false);
    let last = [
        ("", folder),
        ("a/", folder),
        ("a/b/", folder),
        ("a/b/c", (5, true)),
        ("a/l", (5, true)),
        ("a/s", (0, false)),
        ("a/x", (1, false)),
        ("app", (2, false)),
        ("empty/", folder),
        ("old/", folder),
    ];
    assert_eq!(items(&ncdu::document(&found, None).unwrap()), expect(&last));
    let first = [
        ("", folder),
        ("a/", folder),
        ("a/b/", folder),
        ("a/b/c", (5, true)),
        ("a/l", (5, true)),
        ("a/s", (0, false)),
        ("app", (7, false)),
        ("empty/", folder),
        ("old/", folder),
        ("old/gone", (3, false)),
    ];
    assert_eq!(items(&ncdu::document(&found, Some(1)).unwrap()), expect(&first));
    let second = [("", folder), ("a/", folder), ("a/x", (1, false)), ("app", (2, false))];
    assert_eq!(items(&ncdu::document(&found, Some(2)).unwrap()), expect(&second));
    let problem = ncdu::document(&found, Some(3)).unwrap_err().to_string();
    assert_eq!(problem, "layer 3 was asked for, but app:1 linux/amd64 has 2: --ref and --platform choose an image");
}

#[test]
fn ncdu_has_a_folder_for_each_of_several_images() {
    let other = Image { tags: vec!["host/other:2".to_owned()], ..image("layer\n f b \"12\"") };
    let found = inspected(&save(&[image("layer\n f a \"1\""), other], Form::Docker));
    let found = items(&ncdu::document(&found, None).unwrap());
    let files: Vec<&str> =
        found.keys().filter(|path| !path.ends_with('/')).map(|path| path.split_once("in.tar/").unwrap().1).collect();
    assert_eq!(files, ["1 app:1 linux-amd64/a", "2 host-other:2 linux-amd64/b"]);
}

#[test]
fn a_file_system_as_deep_as_can_be_is_exported() {
    let name = "d/".repeat(2000);
    let found = inspected(&image(&format!("layer\n f {name}x \"1\"")).save(Form::Docker));
    let export = ncdu::document(&found, None).unwrap();
    assert!(export.matches("\"name\":\"d\"").count() == 2000 && export.len() < 100_000);
}

/// Cells of a row as GitHub's dialect cuts them: by bars, before which no backslash stands that escapes.
fn cells(row: &str) -> usize {
    let (mut bars, mut characters) = (0, row.chars().peekable());
    while let Some(c) = characters.next() {
        if c == '\\' && characters.peek().is_some_and(char::is_ascii_punctuation) {
            characters.next();
        } else if c == '|' {
            bars += 1;
        }
    }
    bars
}

#[test]
fn markdown_shows_what_matters_and_makes_nothing_of_what_strangers_say() {
    let mut found = inspected(&hostile());
    found.images[0].names.extend(HOSTILE.map(str::to_owned));
    found.images[0].secrets = HOSTILE.iter().map(|path| secret("file", path, path)).collect();
    found.images[0].secrets[0].rule = HOSTILE[4].to_owned();
    found.input = HOSTILE[3].to_owned();
    let text = markdown::document(&found);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_GFM;
    let mut spans = 0;
    for event in Parser::new_ext(&text, options) {
        match event {
            Event::Html(_)
            | Event::InlineHtml(_)
            | Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::List(_)) => {
                panic!("{event:?} in {text}")
            }
            Event::Start(Tag::Emphasis | Tag::Strikethrough | Tag::CodeBlock(_)) => panic!("{event:?} in {text}"),
            Event::Text(words) => {
                for word in ["http", "www", "@", "alert", "onerror", "`"] {
                    assert!(!words.contains(word), "{words} in {text}");
                }
            }
            Event::Code(_) => spans += 1,
            _ => {}
        }
    }
    assert!(spans > 60, "{spans}");
    let mut width = 0;
    for line in text.lines() {
        width = match (line.starts_with('|'), width) {
            (false, _) => 0,
            (true, 0) => cells(line),
            (true, width) => {
                assert_eq!(cells(line), width, "{line}");
                width
            }
        };
    }
    let is_fine = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
    assert!(text.chars().all(is_fine), "{text:?}");
    for expected in
        ["2 layers", "are hidden**: nobody sees them", "| critical | secret", "| what made it |", "--prune`"]
    {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
}

#[test]
fn markdown_stays_below_what_ci_takes() {
    let layers: String = (0..300).map(|at| format!("layer\n f f{at} \"{at}\"\n")).collect();
    let mut image = image(&layers);
    let step = "word ".repeat(2000);
    image.config["history"] = (0..300).map(|at| json!({"created_by": format!("{at} {step}")})).collect();
    let mut found = inspected(&image.save(Form::Docker));
    assert!(markdown::document(&found).contains("170 more layers"));
    let one = found.images[0].clone();
    found.images = vec![one; 100];
    let text = markdown::document(&found);
    assert!(text.len() < 1 << 20 && text.ends_with("have no room here.\n"), "{}", text.len());
}

/// A SARIF document that is what is required of it; its results.
fn results(found: &Inspection) -> Vec<Value> {
    let text = sarif::document(found);
    let required: Value = serde_json::from_str(include_str!("../../fixtures/sarif-required.schema.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let problems: Vec<String> = schema::problems(&required, &document)
        .into_iter()
        .filter(|found| !found.ends_with("no schema says what it is"))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
    let run = &document["runs"][0];
    let results = run["results"].as_array().unwrap().clone();
    let mut known = std::collections::HashSet::new();
    for result in &results {
        let rule = &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        let is_fine = |byte: u8| byte.is_ascii_graphic() && !b":<>\"\\^`{|}[]".contains(&byte);
        assert!(!uri.starts_with('/') && uri.bytes().all(is_fine), "{uri}");
        let print = result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap().to_owned();
        assert!(known.insert(print), "two results have one fingerprint: {result:#}");
    }
    let id = run["automationDetails"]["id"].as_str().unwrap();
    assert!(id.contains('/'));
    results
}

#[test]
fn sarif_has_a_relative_location_and_a_fingerprint_of_its_own_for_every_result() {
    let mut found = inspected(&hostile());
    found.images[0].secrets = HOSTILE.iter().map(|path| secret("file", path, path)).collect();
    found.images[0].secrets.push(secret("env", "TOKEN", "same"));
    found.images[0].secrets.push(secret("env", "TOKEN", "same"));
    let results = results(&found);
    assert_eq!(results.len(), 12 + found.images[0].findings.len());
    let first = &results[0];
    assert_eq!((&first["ruleId"], &first["level"]), (&json!("secret/private-key"), &json!("error")));
    let text = first["message"]["text"].as_str().unwrap();
    assert!(text.ends_with("in layer 1: a secret (a \\[key\\] {{0}}), hidden, hidden by layer 2"), "{text}");
    let at = |rule: &str| {
        results.iter().find(|result| result["ruleId"] == rule).unwrap()["locations"][0]["physicalLocation"].clone()
    };
    assert_eq!(at("setuid")["artifactLocation"]["uri"].as_str().unwrap().split('/').next(), Some("d0"));
    assert_eq!(at("no-healthcheck")["artifactLocation"]["uri"], "image/config");
}

#[test]
fn fingerprints_stay_the_same_when_only_tag_and_layers_change() {
    let prints = |tag: &str, text: &str| -> Vec<Value> {
        let found = inspected(&Image { tags: vec![tag.to_owned()], ..image(text) }.save(Form::Docker));
        results(&found).into_iter().map(|result| result["partialFingerprints"].clone()).collect()
    };
    let first = prints("app:1", "layer\n f bin/su mode=4755 \"x\"");
    assert_eq!(first, prints("app:2", "layer\n f a \"x\"\nlayer\n f bin/su mode=4755 \"y\""));
    assert_ne!(first, prints("other:1", "layer\n f bin/su mode=4755 \"x\""));
}

#[test]
fn sarif_stays_within_the_limits_of_code_scanning() {
    let mut found = inspected(&image("layer\n f a \"x\"").save(Form::Docker));
    found.images[0].secrets = (0..26_000).map(|at| secret("file", &format!("f{at}"), &at.to_string())).collect();
    found.images[0].secrets[0].accepted = Some("a test key".to_owned());
    assert_eq!(results(&found).len(), 25_000);
    let text = sarif::document(&found);
    assert!(text.contains("results are left out") && text.len() < 40 << 20);
}

#[test]
fn files_are_written_as_a_report_is() {
    let place = Place::new();
    place.write("in.tar", &image("layer\n f a \"x\"").save(Form::Docker));
    std::os::unix::fs::symlink("in.tar", place.path("link")).unwrap();
    std::fs::hard_link(place.path("in.tar"), place.path("hard")).unwrap();
    std::os::unix::fs::symlink("a.md", place.path("to-a")).unwrap();
    let accepted = format!("[[accept]]\nfingerprint = \"{}\"\nreason = \"a\"\nexpires = 2999-01-01\n", "0".repeat(32));
    place.write("known.toml", accepted.as_bytes());
    for (arguments, code, expected) in [
        (&["--markdown", "in.tar"][..], 2, "--markdown would replace the input: name another file"),
        (&["--sarif", "link"], 2, "--sarif would replace the input: name another file"),
        (&["--ncdu", "hard"], 2, "--ncdu would replace the input: name another file"),
        (
            &["--baseline", "known.toml", "--sarif", "known.toml"],
            2,
            "--sarif would replace the baseline: name another file",
        ),
        (&["--ncdu", "a.md", "--markdown", "a.md"], 2, "--markdown would replace --ncdu: name another file"),
        (&["--sarif", "to-a", "--markdown", "a.md"], 2, "would replace --"),
        (&["--markdown", "-", "--json"], 2, "--json and --markdown cannot both go to standard output"),
        (&["--markdown", "-", "--sarif", "-"], 2, "--markdown and --sarif cannot both go to standard output"),
        (&["--ncdu-layer", "1"], 2, "--ncdu"),
        (&["--ncdu", "x", "--ncdu-layer", "2"], 2, "--ncdu-layer: layer 2 was asked for, but app:1 linux/amd64 has 1"),
        (&["--markdown", "no/x.md"], 3, "cannot write no/x.md: the directory no does not exist"),
        (&["--markdown", "ok.md", "--ref", "none"], 2, "none"),
    ] {
        let output = run(&place, &[&["in.tar"], arguments].concat());
        let said = stderr(&output);
        assert_eq!((output.status.code(), said.lines().count()), (Some(code), 1), "{arguments:?}: {said}");
        assert!(said.contains(expected) && output.stdout.is_empty(), "{said}");
        assert_eq!(
            place.names(),
            ["hard", "in.tar", "known.toml", "link", "to-a"],
            "nothing is left behind by {arguments:?}"
        );
    }
    let output = run(&place, &["in.tar", "--markdown", "a.md", "--sarif", "b.sarif", "--ncdu", "c.json", "--json"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok());
    assert_eq!(place.names(), ["a.md", "b.sarif", "c.json", "hard", "in.tar", "known.toml", "link", "to-a"]);
    assert!(std::fs::read_to_string(place.path("a.md")).unwrap().starts_with("## `app:1`\n"));
    let output = run(&place, &["in.tar", "--ncdu", "-"]);
    assert_eq!(output.stdout, std::fs::read(place.path("c.json")).unwrap());
    // A gate that is not passed changes nothing about files.
    let output = run(&place, &["in.tar", "--markdown", "a.md", "--max-size", "1B"]);
    assert_eq!((output.status.code(), place.names().len()), (Some(1), 8));
    // What is printed would be lost.
    let printed = std::fs::File::create(place.path("printed")).unwrap();
    let mut command = command();
    command.current_dir(place.path("")).args(["inspect", "in.tar", "--sarif", "printed"]).stdout(printed);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(stderr(&output).contains("--sarif would replace the file that standard output goes to: name another file"));
    std::fs::remove_file(place.path("printed")).unwrap();
    // What is there already is replaced.
    let output = run(&place, &["in.tar", "--markdown", "c.json", "-q"]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(std::fs::read_to_string(place.path("c.json")).unwrap().starts_with("## "));
}

/// The schema of the JSON.
fn inspect_schema() -> Value {
    serde_json::from_str(include_str!("../../src/report/inspect.schema.json")).unwrap()
}

#[test]
fn json_is_as_its_schema_says() {
    let schema = inspect_schema();
    let healthy =
        json!({"User": "5", "Healthcheck": {"Test": ["CMD", "x"]}, "ExposedPorts": {"80/tcp": {}}, "WorkingDir": "/w"});
    let mut other = image("layer\n f var/log/x.log \"1\"\n f a \"1\"\nlayer\n f a \"2\"");
    other.config["config"] = healthy;
    other.config["history"] = json!([]);
    let place = Place::new();
    for archive in [hostile(), other.save(Form::Oci), save(&[image("layer\n f a \"1\""), other], Form::Docker)] {
        place.write("in.tar", &archive);
        let output = run(&place, &["in.tar", "--json"]);
        assert!(output.status.success(), "{}", stderr(&output));
        let found = serde_json::from_slice(&output.stdout).unwrap();
        let problems = schema::problems(&schema, &found);
        assert!(problems.is_empty(), "{problems:#?}");
    }
    // Nothing finds secrets in these.
    let mut found = inspected(&hostile());
    found.images[0].secrets = vec![secret("file", "/a", "1"), secret("env", "B", "2")];
    let problems = schema::problems(&schema, &serde_json::to_value(&found).unwrap());
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_member_of_the_schema_is_described_and_required() {
    fn walk(schema: &Value, place: &str) {
        let members = schema.get("properties").and_then(Value::as_object);
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
        for (name, member) in members.into_iter().flatten() {
            let place = format!("{place}.{name}");
            let is_told = member.get("description").is_some() || member.get("$ref").is_some();
            assert!(is_told, "{place} is not described");
            // What is hidden by a cause has no member when nothing is.
            assert!(required.contains(&&**name) || place.starts_with("layer.hidden."), "{place} is not required");
            walk(member, &place);
        }
    }
    let schema = inspect_schema();
    walk(&schema, "$");
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        assert!(definition["description"].is_string(), "{name}");
        walk(definition, name);
    }
    let mut broken = serde_json::to_value(inspected(&hostile())).unwrap();
    broken["images"][0]["layers"][0]["position"] = json!(0);
    broken["images"][0]["new"] = json!(1);
    broken["images"][0].as_object_mut().unwrap().remove("pushed");
    assert_eq!(schema::problems(&schema, &broken).len(), 3);
}

#[test]
fn a_page_has_less_than_8_mb_however_many_files_an_image_has() {
    let mut found = inspected(&image("layer\n f a \"1\"").save(Form::Docker));
    let folder = |at: usize, name: String| Folder { name, up: at.saturating_sub(1) / 10, layer: Some(1) };
    let file = |folder: usize, name: String, at: usize| ListedFile {
        folder,
        name: name.into(),
        bytes: at as u64 % 5_000,
        layer: at as u64 % 4_000,
        state: match at % 3 {
            0 => FileState::Live,
            _ => FileState::Hidden { cause: "deleted", by: at as u64 % 3_999 },
        },
        link: None,
        package: None,
        kind: FileKind::Unknown,
        is_regular: true,
    };
    let usual = Listing {
        folders: (0..10_000)
            .map(|at| folder(at, if at == 0 { String::new() } else { format!("folder{at}") }))
            .collect(),
        files: (0..100_000).map(|at| file(at / 10, format!("a_file_with_a_name_{at}.py"), at)).collect(),
        packages: Vec::new(),
    };
    found.images[0].listing = Some(usual);
    let page = html::inspection(&found);
    assert!(page.len() < 8_000_000 && !page.contains("no row of their own"), "{}", page.len());
    let hostile = Listing {
        folders: (0..40_000).map(|at| folder(at, if at == 0 { String::new() } else { "<".repeat(250) })).collect(),
        files: (0..120_000).map(|at| file(at / 3, "\"".repeat(250), at)).collect(),
        packages: Vec::new(),
    };
    found.images[0].listing = Some(hostile);
    let page = html::inspection(&found);
    assert!(page.len() < 8_000_000 && page.contains("no row of their own"), "{}", page.len());
    // Far more layers than an image has.
    let layer = found.images[0].layers[0].clone();
    let layer = InspectedLayer { step: Some("<".repeat(10_000)), ..layer };
    found.images[0].layers = vec![layer; 4_096];
    let page = html::inspection(&found);
    assert!(page.len() < 16_000_000, "{}", page.len());
}
