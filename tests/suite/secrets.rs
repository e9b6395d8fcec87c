//! Secrets along a squash: which are found and in what state, and what becomes of them. Values are made up while the
//! tests run, and are never told.

use std::process::Output;

use imgsquash::Verify;
use imgsquash::request::Origin;
use serde_json::{Value, json};

use crate::support::archive::{Codec, Form, Image};
use crate::support::layer::{Entry, Layer};
use crate::support::node::{Kind, Node};
use crate::support::read::{files, images};
use crate::support::run::{Place, command, stderr};

/// A password that nobody has.
fn password(seed: usize) -> String {
    let digits = b"kQ7vX2mZ9rT4wB8nC3hF6sD5gJ";
    let mut state = seed as u64 + 1;
    let mut digit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(digits[(state >> 40) as usize % digits.len()])
    };
    (0..24).map(|_| digit()).collect()
}

/// A token of npm that nobody has: the checksum at its end is right.
fn npm_token(seed: usize) -> String {
    let random: String = password(seed) + &password(seed + 1)[..6];
    let mut sum = crc32fast::hash(random.as_bytes());
    let mut digits = Vec::new();
    for _ in 0..6 {
        let digit = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[(sum % 62) as usize];
        digits.insert(0, digit);
        sum /= 62;
    }
    format!("npm{}{random}{}", "_", String::from_utf8(digits).unwrap())
}

/// A private key in PEM that nobody has.
fn key(seed: u8) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend((0..32_u8).map(|at| at.wrapping_mul(37).wrapping_add(seed.wrapping_mul(91)) ^ 0x5a));
    let mut text = String::new();
    for part in der.chunks(3) {
        let word = part.iter().fold(0, |word, byte| word << 8 | usize::from(*byte)) << (8 * (3 - part.len()));
        text.extend((0..=part.len()).map(|at| char::from(DIGITS[(word >> (18 - 6 * at)) & 63])));
    }
    let label = ["PRIVATE", " KEY"].concat();
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

fn file(name: &str, contents: &str) -> Entry {
    Entry { name: name.into(), node: Node::new(Kind::File(contents.into())) }
}

fn layer(entries: Vec<Entry>) -> Vec<u8> {
    Layer { entries, ..Layer::default() }.tar()
}

/// Squashes `image` with these options; what the report says of its secrets.
struct Run {
    place: Place,
    output: Output,
    report: Value,
}

fn run(image: &Image, form: Form, options: &str) -> Run {
    let place = Place::new();
    run_in(place, image, form, options)
}

fn run_in(place: Place, image: &Image, form: Form, options: &str) -> Run {
    place.write("in.tar", &image.save(form));
    let output = command()
        .current_dir(place.path(""))
        .args(["in.tar", "-o", "out.tar", "--report", "report.json"])
        .args(options.split_whitespace())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = serde_json::from_slice(&std::fs::read(place.path("report.json")).unwrap()).unwrap();
    Run { place, output, report }
}

impl Run {
    /// `rule place path state outcome` of each secret, sorted.
    fn secrets(&self) -> Vec<String> {
        let secrets = self.report["images"][0]["secrets"].as_array().expect("secrets were looked for");
        let word = |secret: &Value, member: &str| secret[member].as_str().unwrap().to_owned();
        let line = |secret: &Value| ["rule", "place", "path", "state", "outcome"].map(|it| word(secret, it)).join(" ");
        let mut lines: Vec<String> = secrets.iter().map(line).collect();
        lines.sort();
        lines
    }

    /// What there is to see of the output: its documents and its layers, uncompressed.
    fn written(&self) -> Vec<Vec<u8>> {
        let files = files(&std::fs::read(self.place.path("out.tar")).unwrap());
        let layers = images(&files).into_iter().flat_map(|(_, image)| image.layers);
        files.values().cloned().chain(layers).collect()
    }

    fn has(&self, text: &str) -> bool {
        self.written().iter().any(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    }

    /// `rule place path state` of each secret that `inspect` finds in the input, sorted. No value is told.
    fn inspected(&self, values: &[&str]) -> Vec<String> {
        let inspect = |arguments: &[&str]| {
            let output =
                command().current_dir(self.place.path("")).args(["inspect", "in.tar"]).args(arguments).output();
            let output = output.unwrap();
            let said = String::from_utf8([output.stdout.clone(), output.stderr].concat()).unwrap();
            assert!(values.iter().all(|value| !said.contains(value)), "{said}");
            (output.status.code(), String::from_utf8(output.stdout).unwrap(), said)
        };
        let gates = ["--fail-on", "secrets,secrets:live,npm-token,critical", "-q"];
        let (code, _, said) = inspect(&gates);
        assert!(code == Some(1) && said.lines().count() == 4, "{said}");
        assert_eq!(inspect(&["--no-secrets", "--fail-on", "root,setuid", "-q"]).1, "");
        assert_eq!(inspect(&["--no-secrets", "--fail-on", "secrets"]).0, Some(2), "that nobody could evaluate");
        assert!(
            inspect(&[]).1.contains("a squash removes it; rotate it") && inspect(&["-v"]).1.contains("hidden by 2")
        );
        let found: Value = serde_json::from_str(&inspect(&["--json"]).1).unwrap();
        let secrets = found["images"][0]["secrets"].as_array().unwrap();
        let line = |secret: &Value| ["rule", "place", "path", "state"].map(|it| secret[it].as_str().unwrap()).join(" ");
        let mut lines: Vec<String> = secrets.iter().map(line).collect();
        lines.sort();
        lines
    }

    /// That nothing which was told has the value, and that the output is what the report says.
    fn check(&self, values: &[&str]) {
        let told = format!("{}{}", stderr(&self.output), self.report);
        for value in values {
            assert!(!told.contains(value), "a value was told");
        }
        let path = |name: &str| Origin::Path(self.place.path(name));
        let receipt = imgsquash::Receipt::parse(&std::fs::read(self.place.path("report.json")).unwrap()).unwrap();
        let verify = Verify { receipt, ..Verify::new(path("out.tar"), path("in.tar")) };
        let found = imgsquash::verify(&verify, &()).unwrap();
        assert!(found.is_equal, "{found:#?}");
    }
}

#[test]
fn a_key_that_was_an_argument_and_a_file_is_nowhere_after_a_squash_that_scrubs() {
    // A key is passed as a build argument, copied in, used, and removed by a later step.
    let token = npm_token(1);
    let npmrc = format!("//registry.example.com/:_authToken={token}\n");
    let layers = || {
        vec![
            layer(vec![file("etc/app.conf", "port = 80\n")]),
            layer(vec![file("root/.npmrc", &npmrc)]),
            layer(vec![file("root/.wh..npmrc", "")]),
        ]
    };
    let rows = |with: &str| {
        json!([
            {"created_by": "COPY etc /etc # buildkit"},
            {"created_by": "ARG NPM_TOKEN", "empty_layer": true},
            {"created_by": format!("RUN |2 STAGE=prod NPM_TOKEN={with} /bin/sh -c npm-login # buildkit")},
            {"created_by": format!("RUN |2 STAGE=prod NPM_TOKEN={with} /bin/sh -c rm /root/.npmrc # buildkit")},
        ])
    };
    for (form, codec, options) in [
        (Form::Oci, Codec::Gzip, ""),
        (Form::Docker, Codec::Plain, "--compression zstd"),
        (Form::Both, Codec::Zstd, "--compression none"),
        (Form::Oci, Codec::GzipMembers, "--timestamp 0 --format oci-archive"),
    ] {
        let mut image = Image { codec, ..Image::new(layers()) };
        image.config["history"] = rows(&token);
        let found = |outcome: &str| {
            vec![
                "npm-token file /root/.npmrc hidden gone".to_owned(),
                format!("npm-token history row 3 live {outcome}"),
                format!("npm-token history row 4 live {outcome}"),
            ]
        };
        let plain = run(&image, form, options);
        assert!(plain.has(&token), "it is in the history");
        assert_eq!(plain.report["images"][0].get("secrets"), None);
        let looked = run(&image, form, &format!("{options} --secrets"));
        assert_eq!(looked.secrets(), found("remains"));
        assert_eq!(
            std::fs::read(looked.place.path("out.tar")).unwrap(),
            std::fs::read(plain.place.path("out.tar")).unwrap(),
            "looking changes nothing"
        );
        let account = stderr(&looked.output);
        assert!(account.contains("  3 secrets: 2 remain, 1 gone\n"), "{account}");
        assert!(
            account.contains("    gone        critical  npm-token: /root/.npmrc (layer 2, hidden by 3): "),
            "{account}"
        );
        let scrubbed = run(&image, form, &format!("{options} --scrub-history"));
        assert_eq!(scrubbed.secrets(), found("scrubbed"));
        assert!(!scrubbed.has(&token), "{form:?} {codec:?}");
        assert!(
            stderr(&scrubbed.output).contains("none remains, 2 scrubbed, 1 gone\n"),
            "{}",
            stderr(&scrubbed.output)
        );
        // Nothing else of the history changed: it is what it would be had the argument been ***.
        let mut masked = image.clone();
        masked.config["history"] = rows("***");
        let expected = run(&masked, form, options);
        let history = |run: &Run| {
            let files = files(&std::fs::read(run.place.path("out.tar")).unwrap());
            let config = files.values().filter_map(|bytes| serde_json::from_slice::<Value>(bytes).ok());
            config.into_iter().find(|document| document.get("rootfs").is_some()).unwrap()["history"].clone()
        };
        assert_eq!(history(&scrubbed), history(&expected));
        for run in [&plain, &looked, &scrubbed] {
            run.check(&[&token]);
        }
    }
}

#[test]
fn what_the_classic_builder_notes_of_its_last_step_is_scrubbed_too() {
    let token = npm_token(4);
    let mut image = Image::new(vec![layer(vec![file("a", "a")])]);
    image.config["history"] = json!([{"created_by": format!("|2 B=x NPM_TOKEN={token} y /bin/sh -c make")}]);
    image.config["container_config"] = json!({
        "Cmd": ["|2", "B=x", format!("NPM_TOKEN={token} y"), "/bin/sh", "-c", "make"], "Image": "sha256:1",
    });
    let scrubbed = run(&image, Form::Docker, "--scrub-history");
    assert!(!scrubbed.has(&token));
    let container = &scrubbed.report["images"][0]["edited_config"]["container_config"];
    assert_eq!(
        container,
        &json!({"Cmd": ["|2", "B=x", "NPM_TOKEN=***", "/bin/sh", "-c", "make"], "Image": "sha256:1"})
    );
    scrubbed.check(&[&token]);
    // What is not asked for is not done.
    assert!(run(&image, Form::Docker, "--secrets").has(&token));
}

#[test]
fn files_with_secrets_go_under_all_their_names_and_are_listed() {
    let (key, other, shadow) = (key(1), key(2), password(3));
    let link = |name: &str, target: &str| Entry { name: name.into(), node: Node::new(Kind::Link(target.into())) };
    let program = |name: &str, contents: &str| Entry {
        name: name.into(),
        node: Node { mode: 0o755, ..Node::new(Kind::File(contents.into())) },
    };
    let mut image = Image::new(vec![
        layer(vec![
            file("etc/shadow", &format!("root:$6$saltsalt${}{}{}:1::::::\n", shadow, password(5), password(6))),
            file("etc/ssl/private/server.key", &key),
            file("srv/a.key", &other),
            link("srv/b.key", "srv/a.key"),
            link("srv/c.key", "srv/a.key"),
            file("srv/data", "nothing of interest"),
        ]),
        // One name goes, two stay; the file is the same.
        layer(vec![file("srv/.wh.a.key", ""), program("usr/bin/start", &format!("#!/bin/sh\nexport K='\n{key}'\n"))]),
    ]);
    image.config["config"] = json!({"Entrypoint": ["/usr/bin/start"], "Env": ["KEY_FILE=/srv/b.key"]});
    let looked = run(&image, Form::Oci, "--secrets");
    let live = [
        "password-hash file /etc/shadow live remains",
        "private-key file /etc/ssl/private/server.key live remains",
        "private-key file /srv/b.key live remains",
        "private-key file /usr/bin/start live remains",
    ];
    assert_eq!(looked.secrets(), live, "a name that is gone hides nothing that has another one");
    let dropped = run(&image, Form::Oci, "--drop-secrets --verify -v");
    assert_eq!(
        dropped.secrets(),
        [
            "password-hash file /etc/shadow live remains",
            "private-key file /etc/ssl/private/server.key live dropped",
            "private-key file /srv/b.key live dropped",
            "private-key file /usr/bin/start live remains",
        ]
    );
    assert!(!dropped.has(&other) && dropped.has("nothing of interest"));
    let why = |at: usize| dropped.report["images"][0]["secrets"][at]["why"].clone();
    assert_eq!(why(0), "never removed: users and groups are in it: change a password instead");
    let rule = &dropped.report["images"][0]["pruned"][0];
    assert_eq!(rule["id"], "drop-secrets");
    assert_eq!(rule["gone"], json!(["/etc/ssl/private/server.key", "/srv/b.key", "/srv/c.key"]));
    let account = stderr(&dropped.output);
    for line in [
        "  4 secrets: 2 remain, 2 dropped\n",
        "drop-secrets: 3 files, files with secrets in them\n",
        "    kept 1 file from drop-secrets: referenced by Entrypoint (/usr/bin/start)\n",
        "private-key: /usr/bin/start (layer 2): Ed25519 key, 256 bits; referenced by Entrypoint\n",
    ] {
        assert!(account.contains(line), "{line}{account}");
    }
    let kept = run(&image, Form::Oci, "--drop-secrets --keep /srv/**");
    assert!(kept.has(&other) && !kept.secrets()[1].contains("remains") && kept.secrets()[2].ends_with("remains"));
    for run in [&looked, &dropped, &kept] {
        let lines: Vec<&str> = key.lines().chain(other.lines()).filter(|line| !line.starts_with('-')).collect();
        run.check(&[&lines[..], &[&shadow]].concat());
    }
}

#[test]
fn what_lies_in_a_kept_layer_remains_whatever_hides_it() {
    let key = key(7);
    let image = Image::new(vec![
        layer(vec![file("srv/base", "base")]),
        layer(vec![file("srv/app.key", &key)]),
        layer(vec![file("srv/app", "app")]),
    ]);
    let dropped = run(&image, Form::Oci, "--last 1 --drop-secrets");
    assert_eq!(dropped.secrets(), ["private-key file /srv/app.key live remains"]);
    assert_eq!(dropped.report["images"][0]["secrets"][0]["why"], "its layer is kept");
    assert!(dropped.has(&key));
    let layers: Vec<Vec<u8>> =
        images(&files(&std::fs::read(dropped.place.path("out.tar")).unwrap()))[0].1.layers.clone();
    assert!(String::from_utf8_lossy(layers.last().unwrap()).contains("srv/.wh.app.key"), "a whiteout hides it");
    dropped.check(&[]);
}

#[test]
fn every_place_and_state_is_told_and_decoys_are_not() {
    let tokens: Vec<String> = (10..20).map(npm_token).collect();
    let words: Vec<String> = (20..30).map(password).collect();
    for codec in [Codec::Gzip, Codec::Zstd] {
        let mut image = Image {
            codec,
            ..Image::new(vec![
                layer(vec![
                    file("srv/live.conf", &format!("password = \"{}\"\n", words[0])),
                    file("srv/deleted.conf", &format!("password = \"{}\"\n", words[1])),
                    file("srv/over.conf", &format!("password = \"{}\"\n", words[2])),
                    file("srv/decoy.conf", "password = \"changeme\"\ntoken = ${TOKEN}\npassword_file = /run/x\n"),
                    file("srv/dir/inside", &tokens[0]),
                    file("srv/same.conf", &format!("password = \"{}\"\n", words[3])),
                ]),
                layer(vec![
                    file("srv/.wh.deleted.conf", ""),
                    file("srv/over.conf", "password = \"\"\n"),
                    file("srv/dir/.wh..wh..opq", ""),
                    Entry {
                        name: b"srv/same.conf".to_vec(),
                        node: Node {
                            mode: 0o600,
                            ..Node::new(Kind::File(format!("password = \"{}\"\n", words[3]).into()))
                        },
                    },
                ]),
            ])
        };
        image.config["config"] = json!({
            "Env": [format!("DB_PASSWORD={}", words[4]), "PATH=/usr/bin", "PASSWORD_FILE=/run/secrets/db"],
            "Labels": {"org.example.token": words[5], "version": "1.2.3"},
            "Entrypoint": ["/app", format!("--token={}", tokens[1])],
            "Cmd": ["serve"],
        });
        image.config["history"] = json!([
            {"created_by": format!("RUN |1 API_TOKEN={} /bin/sh -c true", words[6])},
            {"created_by": format!("/bin/sh -c curl -u me:{} https://example.com", words[7]), "comment": tokens[2]},
        ]);
        let found = run(&image, Form::Oci, "--secrets");
        assert_eq!(
            found.secrets(),
            [
                "build-argument history row 1 live remains",
                "command-password history row 2 live remains",
                "config-secret file /srv/deleted.conf hidden gone",
                "config-secret file /srv/live.conf live remains",
                "config-secret file /srv/over.conf hidden gone",
                "config-secret file /srv/same.conf hidden gone",
                "config-secret file /srv/same.conf live remains",
                "npm-token cmd Entrypoint live remains",
                "npm-token file /srv/dir/inside hidden gone",
                "npm-token history row 2 live remains",
                "setting-secret env DB_PASSWORD live remains",
                "setting-secret label org.example.token live remains",
            ]
        );
        let values: Vec<&str> = tokens.iter().chain(&words).map(String::as_str).collect();
        found.check(&values);
        let told: Vec<String> =
            found.secrets().iter().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect();
        assert_eq!(found.inspected(&values), told, "inspect finds the same");
        let edited = run(&image, Form::Oci, "--secrets --rm-env DB_PASSWORD --history none");
        let gone = edited.secrets().iter().filter(|line| line.ends_with("live gone")).count();
        assert_eq!(gone, 4, "{:#?}", edited.secrets());
        edited.check(&values);
    }
}

#[test]
fn what_is_accepted_stays_and_is_told_so() {
    let key = key(9);
    let image = Image::new(vec![layer(vec![file("srv/test.key", &key)])]);
    let found = run(&image, Form::Oci, "--secrets");
    let fingerprint = found.report["images"][0]["secrets"][0]["fingerprint"].as_str().unwrap().to_owned();
    let with = |expires: &str| {
        let place = Place::new();
        let text = format!("[[accept]]\nfingerprint = \"{fingerprint}\"\nreason = \"a test\"\nexpires = {expires}\n");
        place.write("known.toml", text.as_bytes());
        run_in(place, &image, Form::Oci, "--drop-secrets --baseline known.toml")
    };
    let accepted = with("9999-12-31");
    assert_eq!(accepted.secrets(), ["private-key file /srv/test.key live remains"]);
    assert_eq!(accepted.report["images"][0]["secrets"][0]["accepted"], "a test");
    let account = stderr(&accepted.output);
    assert!(account.contains("  no secret was found\n    accepted    1 by the baseline\n"), "{account}");
    assert_eq!(with("2001-01-01").secrets(), ["private-key file /srv/test.key live dropped"]);
    let options = |run: &Run| {
        let files = files(&std::fs::read(run.place.path("out.tar")).unwrap());
        images(&files)[0].1.manifest["annotations"]["imgsquash.options"].clone()
    };
    assert_eq!((options(&accepted), options(&found)), (json!("drop-secrets baseline"), Value::Null));
    // Nothing that was read is replaced.
    let output = command()
        .current_dir(accepted.place.path(""))
        .args(["in.tar", "-o", "o", "--baseline", "known.toml", "--report", "known.toml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--report would replace the baseline"), "{}", stderr(&output));
}

#[test]
fn own_rules_find_and_wrong_files_are_told() {
    let image = Image::new(vec![layer(vec![file("srv/a", "ours-48213975")])]);
    let place = Place::new();
    place.write("own.toml", b"[[rule]]\nid = \"ours\"\nregex = 'ours-[0-9]{8}'\nkeywords = [\"ours-\"]\n");
    let found = run_in(place, &image, Form::Oci, "--secret-rules own.toml");
    assert_eq!(found.secrets(), ["ours file /srv/a live remains"]);
    for (option, text, expected) in [
        ("--secret-rules", "[[rule]]\nid = \"x\"\n", "x.toml, line 2, rule \"x\": it looks for nothing"),
        ("--secret-rules", "[[rule]\n", "x.toml, line 1: "),
        (
            "--baseline",
            "[[accept]]\nfingerprint = \"1\"\nreason = \"\"\nexpires = 2030-01-01\n",
            "x.toml, line 2: \"1\"",
        ),
    ] {
        found.place.write("x.toml", text.as_bytes());
        let output = command()
            .current_dir(found.place.path(""))
            .args(["in.tar", "-o", "new.tar", option, "x.toml"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).starts_with(&format!("imgsquash: {expected}")), "{}", stderr(&output));
    }
    let output =
        command().current_dir(found.place.path("")).args(["in.tar", "-o", "n", "--baseline", "no"]).output().unwrap();
    assert!(stderr(&output).starts_with("imgsquash: --baseline: cannot read no: "), "{}", stderr(&output));
}

#[test]
fn names_of_images_reach_the_terminal_as_text_only() {
    let image = Image::new(vec![layer(vec![file("srv/\u{1b}[31m\n\u{202e}.key", &key(4))])]);
    let found = run(&image, Form::Oci, "--secrets");
    let account = stderr(&found.output);
    assert!(!account.contains('\u{1b}') && !account.contains('\u{202e}'), "{account:?}");
    assert_eq!(account.lines().filter(|line| line.contains("private-key")).count(), 1, "{account}");
}

#[test]
fn squashes_that_share_layers_find_what_is_in_them() {
    let key = key(11);
    let place = Place::new();
    for name in ["a", "b"] {
        let layers = vec![layer(vec![file("srv/app.key", &key)]), layer(vec![file("srv/app", name)])];
        place.write(&format!("{name}.tar"), &Image::new(layers).save(Form::Oci));
    }
    let run = |arguments: &str| {
        let output = command().current_dir(place.path("")).args(arguments.split_whitespace()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    };
    run("batch a.tar b.tar --out-dir out --drop-secrets");
    for name in ["a", "b"] {
        run(&format!("{name}.tar -o alone.tar --drop-secrets"));
        let [alone, shared] =
            ["alone.tar".to_owned(), format!("out/{name}.tar")].map(|name| std::fs::read(place.path(&name)).unwrap());
        assert!(alone == shared, "{name}");
        let (_, image) = &images(&files(&shared))[0];
        assert!(!String::from_utf8_lossy(&image.layers.concat()).contains("srv/app.key"), "{name}");
    }
}
