//! Prune rules and the guards of their engine.

use std::collections::BTreeMap;

use imgsquash::Squash;
use imgsquash::report::{PrunedReport, Report};
use imgsquash::request::{Choice, Named, Rules};
use serde_json::{Value, json};

use crate::support::archive::{Codec, Form, Image};
use crate::support::layer::{Entry, Layer};
use crate::support::node::{Kind, Node};
use crate::support::read::{self, entries, files, images};
use crate::support::run::squash_with;

const CONTENTS: &[u8] = b"some contents";
const RPMDB: &[u8] = include_bytes!("../../fixtures/packages/rpmdb.sqlite");

/// A case of `fixtures/prune`; its README describes the form.
#[derive(Debug, Default)]
struct Case {
    name: String,
    config: Option<Value>,
    lines: Vec<Line>,
    skipped: bool,
}

#[derive(Debug)]
struct Line {
    path: String,
    kind: Kind,
    /// `-`, `=` or `0`.
    fate: char,
    owned: bool,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("case ") {
            cases.push(Case { name: name.to_owned(), ..Case::default() });
            continue;
        }
        let case = cases.last_mut().expect("a case comes first");
        if let Some(config) = line.strip_prefix("config ") {
            case.config = Some(serde_json::from_str(config).unwrap());
        } else if line == "skipped" {
            case.skipped = true;
        } else {
            case.lines.push(parse(line));
        }
    }
    cases
}

fn parse(line: &str) -> Line {
    let (fate, rest) = line.split_at(1);
    let fate = fate.chars().next().filter(|fate| "-=0".contains(*fate)).unwrap_or_else(|| panic!("what is {line}?"));
    let rest = rest.trim();
    let (rest, owned) = rest.strip_suffix("(owned)").map_or((rest, false), |rest| (rest.trim(), true));
    // A database has to be one, or nothing is pruned.
    let contents = if rest.ends_with("rpmdb.sqlite") { RPMDB } else { CONTENTS };
    let file = || Kind::File(contents.to_vec());
    let (path, kind) = match (rest.split_once(" -> "), rest.strip_suffix(" fifo"), rest.strip_suffix('/')) {
        (Some((path, target)), ..) => (path, Kind::Symlink(target.into())),
        (_, Some(path), _) => (path, Kind::Fifo),
        (.., Some(path)) => (path, Kind::Directory),
        _ => (rest, file()),
    };
    Line { path: path.trim_start_matches('/').to_owned(), kind, fate, owned }
}

/// An image with these files and the directories that they lie in, with times and modes of their own.
fn image(nodes: &[(&str, Kind)]) -> Image {
    let mut all: BTreeMap<String, Node> = BTreeMap::new();
    for (path, kind) in nodes {
        for (at, _) in path.match_indices('/') {
            let directory = Node { mode: 0o711, mtime: (77, 0), ..Node::new(Kind::Directory) };
            all.entry(path[..at].to_owned()).or_insert(directory);
        }
        all.insert((*path).to_owned(), Node::new(kind.clone()));
    }
    // A symlinked directory must be there before what is reached through it is not put: cases name real paths.
    let entries = all.into_iter().map(|(name, node)| Entry { name: name.into_bytes(), node });
    Image::new(vec![Layer { entries: entries.collect(), ..Layer::default() }.tar()])
}

/// Squashes with these rules of the built-in ones.
fn pruned(image: &Image, list: &str) -> (BTreeMap<String, Node>, Report) {
    pruned_with(image, Some(list), &[], &[], None).unwrap()
}

fn choice(list: Option<&str>, paths: &[&str], keep: &[&str], own: Option<&str>) -> Choice {
    let mut rules = Rules::built_in().unwrap();
    if let Some(own) = own {
        rules.add("own.toml", own).unwrap();
    }
    let named =
        |globs: &[&str]| Named::parse(&globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>()).unwrap();
    Choice::new(&rules, list, named(paths), named(keep)).unwrap()
}

fn pruned_with(
    image: &Image,
    list: Option<&str>,
    paths: &[&str],
    keep: &[&str],
    own: Option<&str>,
) -> Result<(BTreeMap<String, Node>, Report), imgsquash::Error> {
    let with = |options: &mut Squash| options.prune = choice(list, paths, keep, own);
    let (out, report) = squash_with(&image.save(Form::Docker), with)?;
    Ok((nodes(&images(&files(&out)).remove(0).1), report))
}

fn nodes(image: &read::Image) -> BTreeMap<String, Node> {
    let found = entries(image.layers.last().unwrap()).0;
    found
        .into_iter()
        .map(|(name, node)| (String::from_utf8(name).unwrap().trim_end_matches('/').to_owned(), node))
        .collect()
}

fn rule<'r>(report: &'r Report, id: &str) -> &'r PrunedReport {
    report.images[0].pruned.as_ref().unwrap().iter().find(|rule| rule.id == id).unwrap()
}

/// Runs a case of a rule and says what came out otherwise.
fn check(id: &str, case: &Case) -> Result<(), String> {
    let mut all: Vec<(&str, Kind)> = case.lines.iter().map(|line| (line.path.as_str(), line.kind.clone())).collect();
    let owned: String = case.lines.iter().filter(|line| line.owned).map(|line| format!("/{}\n", line.path)).collect();
    if !owned.is_empty() {
        all.push(("var/lib/dpkg/info/example.list", Kind::File(owned.into_bytes())));
    }
    let mut image = image(&all);
    if let Some(config) = &case.config {
        image.config["config"] = config.clone();
    }
    let (found, report) = pruned(&image, id);
    let report = rule(&report, id);
    if report.skipped.is_some() != case.skipped {
        return Err(format!("skipped: {:?}", report.skipped));
    }
    let mut taken = 0;
    for line in &case.lines {
        let node = found.get(&line.path).map(|node| &node.kind);
        let empty = Kind::File(Vec::new());
        let expected = match line.fate {
            '-' => None,
            '0' => Some(&empty),
            _ => Some(&line.kind),
        };
        if node != expected {
            return Err(format!("{}: expected {expected:?}, found {node:?}; {report:?}", line.path));
        }
        taken += u64::from(line.fate != '=');
    }
    if report.files != taken {
        return Err(format!("{} files are reported and {taken} went", report.files));
    }
    Ok(())
}

#[test]
fn every_rule_takes_and_keeps_what_its_cases_say() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/prune");
    let mut failures = Vec::new();
    for rule in Rules::built_in().unwrap().all() {
        let path = directory.join(format!("{}.txt", rule.id));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("the rule {} has no cases", rule.id));
        let cases = cases(&text);
        let takes = |case: &Case| case.lines.iter().any(|line| line.fate != '=');
        let keeps = |case: &Case| case.lines.iter().any(|line| line.fate == '=');
        assert!(cases.len() >= 3, "{} needs a case of what goes, of what is kept and of a guard", rule.id);
        assert!(cases.iter().any(takes) && cases.iter().any(keeps), "{}", rule.id);
        for case in cases {
            if let Err(problem) = check(&rule.id, &case) {
                failures.push(format!("{}: {}: {problem}", rule.id, case.name));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_rule_says_what_people_ask() {
    for rule in Rules::built_in().unwrap().all() {
        assert!(!rule.title.is_empty() && !rule.breaks.is_empty() && !rule.source.is_empty(), "{}", rule.id);
    }
}

fn file(contents: &[u8]) -> Kind {
    Kind::File(contents.to_vec())
}

#[test]
fn directories_stay_with_their_own_metadata() {
    // update-alternatives failed in slim images without the directories of man pages (debuerreotype#10).
    let image = image(&[("usr/share/man/man1/a.1.gz", file(b"x")), ("tmp/x/y/z", file(b"1"))]);
    let (found, _) = pruned(&image, "man,tmp-files");
    assert_eq!(found["usr/share/man/man1"].mode, 0o711);
    assert_eq!(found["tmp/x/y"].mtime, (77, 0));
    assert!(!found.contains_key("tmp/x/y/z") && !found.contains_key("usr/share/man/man1/a.1.gz"));
}

#[test]
fn paths_are_matched_where_they_lie() {
    // /var/run and usr-merge: a rule for the one path must find the other, and a link out of the root finds nothing.
    let image = image(&[
        ("run/app.pid", file(b"1")),
        ("var/run", Kind::Symlink(b"/run".to_vec())),
        ("usr/lib/debug/x", file(b"1")),
        ("lib", Kind::Symlink(b"usr/lib".to_vec())),
        ("etc/apk/cache", Kind::Symlink(b"../../../../var/cache/apk".to_vec())),
        ("var/cache/apk/index", file(b"1")),
    ]);
    let own = "[[rule]]\nid = \"own\"\ntake = [\"/var/run/*.pid\", \"/lib/debug/*\", \"/etc/apk/cache/*\"]\n";
    let (found, report) = pruned_with(&image, None, &[], &[], Some(own)).unwrap();
    assert_eq!(rule(&report, "own").files, 3);
    assert!(found.contains_key("var/run") && found.contains_key("lib") && found.contains_key("etc/apk/cache"));
}

#[test]
fn links_and_devices_are_no_rules_business() {
    // nginx logs to /dev/stdout through symlinks in /var/log (docker-nginx).
    let image = image(&[
        ("var/log/dpkg.log", Kind::Symlink(b"/dev/stdout".to_vec())),
        ("tmp/device", Kind::Char(1, 3)),
        ("tmp/fifo", Kind::Fifo),
        ("tmp/file", file(b"1")),
    ]);
    let (found, _) = pruned(&image, "safe");
    let names: Vec<&str> = found.keys().map(String::as_str).filter(|name| name.contains('/')).collect();
    assert_eq!(names, ["tmp/device", "tmp/fifo", "var/log", "var/log/dpkg.log"]);
}

#[test]
fn a_name_that_goes_leaves_the_contents_to_another() {
    // goldmann/docker-squash#80, #94, #99: links to names that were gone.
    let mut entries = vec![
        Entry { name: b"tmp/a".to_vec(), node: Node::new(file(b"data")) },
        Entry { name: b"keep/b".to_vec(), node: Node::new(Kind::Link(b"tmp/a".to_vec())) },
        Entry { name: b"keep/c".to_vec(), node: Node::new(Kind::Link(b"tmp/a".to_vec())) },
    ];
    for name in ["keep", "tmp"] {
        entries.insert(0, Entry { name: name.into(), node: Node::new(Kind::Directory) });
    }
    let image = Image::new(vec![Layer { entries, ..Layer::default() }.tar()]);
    let (found, report) = pruned(&image, "tmp-files");
    assert_eq!(found["keep/b"].kind, file(b"data"));
    assert_eq!(found["keep/c"].kind, Kind::Link(b"keep/b".to_vec()));
    assert_eq!((rule(&report, "tmp-files").files, rule(&report, "tmp-files").bytes), (1, 0), "nothing is freed");
}

/// The files of /tmp that are left by an image with this config, and the guards.
fn guarded(config: Value) -> (Vec<String>, Vec<String>) {
    let mut image = image(&[
        ("tmp/app/run.sh", file(b"1")),
        ("tmp/app/lib.sh", file(b"1")),
        ("tmp/other", file(b"1")),
        ("usr/bin/start", Kind::Symlink(b"/tmp/other".to_vec())),
    ]);
    image.config["config"] = config;
    let (found, report) = pruned(&image, "tmp-files");
    let names = found.keys().filter(|name| name.starts_with("tmp/") && *name != "tmp/app").cloned().collect();
    let guards = rule(&report, "tmp-files").kept.iter().map(|kept| format!("{} {}", kept.files, kept.guard));
    (names, guards.collect())
}

#[test]
fn what_the_config_names_stays() {
    // UV_CACHE_DIR=/app/.cache and entrypoints in /tmp are seen in public Dockerfiles.
    let both = vec!["tmp/app/lib.sh".to_owned(), "tmp/app/run.sh".to_owned()];
    let run = vec!["tmp/app/run.sh".to_owned()];
    for (config, names, guard) in [
        (json!({"Entrypoint": ["/tmp/app/run.sh"]}), &run, "1 referenced by Entrypoint"),
        (json!({"Cmd": ["/bin/sh", "-c", "cd / && exec /tmp/app/run.sh --x"]}), &run, "1 referenced by Cmd"),
        (json!({"Cmd": ["run.sh"], "WorkingDir": "/", "Env": ["PATH=/bin:/x"]}), &vec![], ""),
        (json!({"Healthcheck": {"Test": ["CMD", "/tmp/app/run.sh"]}}), &run, "1 referenced by Healthcheck"),
        (json!({"WorkingDir": "/tmp/app"}), &both, "2 referenced by WorkingDir"),
        (json!({"Env": ["CACHE=/tmp/app"]}), &both, "2 referenced by Env CACHE"),
        (json!({"Env": ["HOME=/tmp"]}), &vec![], ""),
        (json!({"Volumes": {"/tmp/app": {}}}), &both, "2 under the volume /tmp/app"),
        (json!({"Cmd": ["start"]}), &vec!["tmp/other".to_owned()], "1 referenced by Cmd"),
    ] {
        let (found, guards) = guarded(config.clone());
        assert_eq!(found, *names, "{config}");
        assert_eq!(guards.join(", "), guard, "{config}");
    }
}

#[test]
fn guards_know_what_the_new_image_runs() {
    let mut image = image(&[("tmp/start", file(b"1")), ("tmp/old", file(b"1"))]);
    image.config["config"] = json!({"Entrypoint": ["/tmp/old"]});
    let with = |options: &mut Squash| {
        options.prune = choice(Some("tmp-files"), &[], &[], None);
        options.edits.config.entrypoint = Some(vec!["/tmp/start".to_owned()]);
    };
    let (out, _) = squash_with(&image.save(Form::Docker), with).unwrap();
    let found = nodes(&images(&files(&out)).remove(0).1);
    assert!(found.contains_key("tmp/start") && !found.contains_key("tmp/old"));
}

#[test]
fn packages_keep_what_is_theirs_from_safe_rules() {
    // The postgres image asks dpkg -S for every file that it would delete.
    let owned = |list: &str, contents: &[u8]| {
        image(&[
            (list, file(contents)),
            ("tmp/owned", file(b"1")),
            ("tmp/free", file(b"1")),
            ("usr/share/man/man1/x", file(b"1")),
        ])
    };
    for image in [
        owned("var/lib/dpkg/info/a:amd64.list", b"/.\n/tmp\n/tmp/owned\n/usr/share/man/man1/x\n"),
        owned("var/lib/dpkg/status.d/a.md5sums", b"d41d8cd98f00b204e9800998ecf8427e  tmp/owned\n"),
        owned("lib/apk/db/installed", b"P:a\nV:1\nF:tmp\nR:owned\nZ:x\n\nP:b\nF:usr/share/man/man1\nR:x\n"),
        owned("var/lib/pacman/local/a-b-1.0-1/files", b"%FILES%\ntmp/\ntmp/owned\n\n%BACKUP%\n"),
    ] {
        let (found, report) = pruned(&image, "tmp-files,man");
        assert!(found.contains_key("tmp/owned") && !found.contains_key("tmp/free"));
        assert!(!found.contains_key("usr/share/man/man1/x"), "an opt-in rule may");
        assert_eq!(rule(&report, "tmp-files").kept[0].guard, "owned by a package");
    }
}

#[test]
fn an_rpm_database_that_cannot_be_read_is_told() {
    let image = image(&[("var/lib/rpm/Packages", file(b"hash")), ("tmp/x", file(b"1"))]);
    let (found, report) = pruned(&image, "tmp-files");
    assert!(!found.contains_key("tmp/x"));
    let note = "the rpm database /var/lib/rpm/Packages is in Berkeley DB form, of which only sqlite can be read: \
                prune rules could not spare what its packages own";
    assert_eq!(report.notes, [note]);
}

#[test]
fn some_things_never_go() {
    let database = ("var/lib/dpkg/status", file(b"Package: a\n"));
    let image = image(&[database.clone(), ("tmp/app.cdx.json", file(b"{}")), ("tmp/x", file(b"1"))]);
    let (found, report) = pruned(&image, "tmp-files");
    assert!(found.contains_key("tmp/app.cdx.json") && !found.contains_key("tmp/x"));
    assert!(rule(&report, "tmp-files").kept[0].guard.starts_with("never removed: "));
    let own = "[[rule]]\nid = \"mine\"\ntake = [\"/var/lib/**\"]\n";
    for (paths, own, name) in [(&["/var/lib"][..], None, "--prune-path"), (&[], Some(own), "mine")] {
        let error = pruned_with(&image, None, paths, &[], own).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&format!("the rule \"{name}\" would remove /var/lib/dpkg/status, which must stay: ")),
            "{text}"
        );
        assert_eq!(error.exit_code(), 2);
    }
    // What only identifies packages of languages may go when a person names it.
    let (found, _) = pruned_with(&image, None, &["/tmp/app.cdx.json"], &[], None).unwrap();
    assert!(!found.contains_key("tmp/app.cdx.json") && found.contains_key("tmp/x"));
}

#[test]
fn a_cache_directory_is_no_reason_to_empty_it() {
    // ~/.cache holds installs: "Executable doesn't exist at /root/.cache/ms-playwright"; without /var/cache/apt/archives
    // apt fails with "archives/partial is missing" (BelaPlatform/bela-image#15).
    let all = [
        "root/.cache/ms-playwright/chromium/chrome",
        "root/.cache/puppeteer/chrome/chrome",
        "root/.cache/node/corepack/pnpm/bin",
        "root/.cache/pypoetry/virtualenvs/app/bin/python",
        "root/.cache/huggingface/hub/model.bin",
        "home/app/.cache/uv/environments/x/bin/python",
        "var/cache/example/state",
        "var/cache/CACHEDIR.TAG",
        "opt/app/cache/CACHEDIR.TAG",
    ];
    let nodes: Vec<(&str, Kind)> = all.iter().map(|name| (*name, file(b"1"))).collect();
    let mut image = image(&[&nodes[..], &[("var/cache/apt/archives/partial/x", file(b"1"))]].concat());
    image.config["config"] = json!({});
    let (found, _) = pruned(&image, "safe");
    for name in all {
        assert!(found.contains_key(name), "{name}");
    }
    assert!(found.contains_key("var/cache/apt/archives/partial"));
    assert!(!found.contains_key("var/cache/apt/archives/partial/x"));
}

#[test]
fn a_person_names_paths_and_exceptions() {
    let image = image(&[
        ("opt/app/a.txt", file(b"1")),
        ("opt/app/b.txt", file(b"1")),
        ("opt/app/link", Kind::Symlink(b"a.txt".to_vec())),
        ("opt/app/data/c.txt", file(b"1")),
        ("var/cache/apt/archives/x.deb", file(b"1")),
    ]);
    let left = |paths: &[&str], keep: &[&str], list: Option<&str>| -> Vec<String> {
        let (found, _) = pruned_with(&image, list, paths, keep, None).unwrap();
        found.into_iter().filter(|(_, node)| node.kind != Kind::Directory).map(|(name, _)| name).collect()
    };
    assert_eq!(left(&["/opt/app"], &[], None), ["var/cache/apt/archives/x.deb"]);
    assert_eq!(
        left(&["/opt/app/*", "!**/*.txt", "/opt/app/b.txt"], &[], None),
        ["opt/app/a.txt", "opt/app/data/c.txt", "var/cache/apt/archives/x.deb"]
    );
    assert_eq!(left(&["/opt/**"], &["**/c.txt"], Some("safe")), ["opt/app/data/c.txt"]);
    let keep = ["/var/cache/**", "!**/*.deb"];
    assert_eq!(left(&["/opt"], &keep, Some("safe")), [""; 0]);
    assert_eq!(left(&["/opt"], &keep[..1], Some("safe")), ["var/cache/apt/archives/x.deb"]);
    assert_eq!(left(&["/opt"], &["/var/cache"], Some("safe")), ["var/cache/apt/archives/x.deb"], "with all in it");
    assert_eq!(left(&["/nothing/**"], &[], None).len(), 5, "a glob that matches nothing is no error");
}

#[test]
fn a_person_may_prune_the_working_directory_but_not_what_runs() {
    let mut image = image(&[("app/run.sh", file(b"1")), ("app/tests/x", file(b"1")), ("data/x", file(b"1"))]);
    image.config["config"] = json!({"WorkingDir": "/app", "Cmd": ["/app/run.sh"], "Volumes": {"/data": {}}});
    let (found, report) = pruned_with(&image, None, &["/app/**", "/data"], &[], None).unwrap();
    assert!(found.contains_key("app/run.sh") && !found.contains_key("app/tests/x") && found.contains_key("data/x"));
    let kept: Vec<&str> = rule(&report, "prune-path").kept.iter().map(|kept| kept.guard.as_str()).collect();
    assert_eq!(kept, ["referenced by Cmd", "under the volume /data"]);
}

#[test]
fn rules_that_are_none_are_told_with_line_rule_and_glob() {
    for (text, expected) in [
        (
            "[[rule]]\nid = \"a\"\ntake = [\n \"/x\",\n \"y\",\n]\n",
            "own.toml, line 5, rule \"a\": the glob \"y\" has no place to begin",
        ),
        ("[[rule]]\nid = \"a\"\n", "own.toml, line 2, rule \"a\": it takes nothing"),
        ("[[rule]]\nid = \"a\"\nfoo = 1\n", "own.toml, line 3: unknown field `foo`"),
        ("[[rule]\n", "own.toml, line 1: "),
        ("[[rule]]\nid = \"a b\"\ntake = [\"/x\"]\n", "own.toml, line 2: \"a b\" is no id"),
        (
            "[[rule]]\nid = \"pyc\"\ntake = [\"/x\"]\n",
            "own.toml, line 2, rule \"pyc\": there is a rule of this name already",
        ),
        ("[[rule]]\nid = \"a\"\nclass = \"bold\"\ntake = [\"/x\"]\n", "own.toml, line 3: unknown variant `bold`"),
    ] {
        let error = Rules::built_in().unwrap().add("own.toml", text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn the_account_tells_what_went() {
    let large = vec![b'x'; 10_000];
    let image = image(&[("tmp/a", file(&large)), ("tmp/b", file(b"12")), ("var/log/dpkg.log", file(b"123"))]);
    let image = Image { codec: Codec::Plain, ..image };
    let (_, report) = pruned(&image, "safe");
    let tmp = rule(&report, "tmp-files");
    assert_eq!(
        (tmp.files, tmp.bytes, tmp.largest[0].path.as_str(), tmp.largest[0].bytes),
        (2, 10_002, "/tmp/a", 10_000)
    );
    assert_eq!(rule(&report, "pkg-logs").bytes, 3);
    let pruned = report.images[0].reclaimed_bytes.of("pruned");
    assert_eq!(pruned, 3 * 512 + 10_240 + 2 * 512, "headers and contents as they lie in the tar");
    assert_eq!(tmp.estimated_compressed_bytes, 10_002, "the layer is not compressed");
}

#[test]
fn a_file_of_a_kept_layer_is_hidden_and_frees_nothing() {
    let layer = |nodes: &[(&str, Kind)]| image(nodes).layers.remove(0);
    let image =
        Image::new(vec![layer(&[("tmp/a", file(b"12345"))]), layer(&[("tmp/b", file(b"123")), ("x", file(b"1"))])]);
    let with = |options: &mut Squash| {
        options.keep = imgsquash::request::Keep::First(1);
        options.prune = choice(Some("tmp-files"), &[], &[], None);
    };
    let (out, report) = squash_with(&image.save(Form::Oci), with).unwrap();
    let found = nodes(&images(&files(&out)).remove(0).1);
    assert!(found.contains_key("x") && !found.contains_key("tmp/b"));
    assert!(found.contains_key("tmp/.wh.a"), "{found:?}");
    let tmp = rule(&report, "tmp-files");
    assert_eq!((tmp.files, tmp.bytes, tmp.hidden_in_kept_layers_bytes), (2, 8, 5));
}

#[test]
fn equal_files_are_told_and_linked_when_asked() {
    let same = |at: &str| (at.to_owned(), file(b"the same contents"));
    let all = [same("a"), same("d/b"), same("c"), ("other".to_owned(), file(b"other contents :)"))];
    let all: Vec<(&str, Kind)> = all.iter().map(|(name, kind)| (name.as_str(), kind.clone())).collect();
    let image = image(&all);
    let (out, report) = squash_with(&image.save(Form::Oci), |_| ()).unwrap();
    let equal = report.images[0].equal_files;
    assert_eq!((equal.files, equal.bytes, equal.linked), (2, 34, false));
    assert_eq!(nodes(&images(&files(&out)).remove(0).1)["c"].kind, file(b"the same contents"));
    let (out, report) = squash_with(&image.save(Form::Oci), |options| options.link_equal_files = true).unwrap();
    let found = nodes(&images(&files(&out)).remove(0).1);
    assert_eq!(found["c"].kind, Kind::Link(b"a".to_vec()));
    assert_eq!(found["d/b"].kind, Kind::Link(b"a".to_vec()));
    assert_eq!(found["other"].kind, file(b"other contents :)"));
    assert_eq!(report.images[0].reclaimed_bytes.of("linked"), 2 * 512);
    let (again, report) = squash_with(&out, |options| options.link_equal_files = true).unwrap();
    let blobs = |archive: &[u8]| images(&files(archive)).remove(0).1.blobs;
    assert_eq!((report.images[0].equal_files.files, blobs(&again) == blobs(&out)), (0, true));
}

#[test]
fn hostile_settings_and_trees_end() {
    let mut image = image(&[
        ("a", Kind::Symlink(b"a".to_vec())),
        ("tmp/l", Kind::Symlink(b"/tmp".to_vec())),
        ("tmp/x", file(b"1")),
    ]);
    image.config["config"] =
        json!({"Entrypoint": "a", "Cmd": 5, "Env": {"a": 1}, "Volumes": ["/"], "WorkingDir": "/a/../.."});
    let (found, _) = pruned_with(&image, Some("max"), &["**/l/l/l/**", "/a/**"], &[], None).unwrap();
    assert!(!found.contains_key("tmp/x"));
}
