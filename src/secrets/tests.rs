//! The engine as a whole: what it finds, what it passes over, and how long it takes.

use super::samples::{Random, base64, ed25519, pem, place, sample};
use super::*;

fn engine() -> Engine {
    Engine::new(&SecretRules::built_in().unwrap()).unwrap()
}

/// The rules that find something in a file.
fn in_file(engine: &Engine, path: &str, text: &[u8]) -> Vec<String> {
    let mut scanner = Scanner::new(engine);
    scanner.file(path.as_bytes());
    scanner.feed(text);
    scanner.finish().found.iter().map(|found| found.rule.id.clone()).collect()
}

#[test]
fn every_rule_finds_what_it_is_for_and_never_shows_it() {
    let engine = engine();
    let mut scanner = Scanner::new(&engine);
    let mut missed = Vec::new();
    for rule in &engine.rules {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut hits = 0;
        for _ in 0..12 {
            let (path, text) = sample(rule, &mut random);
            let said = String::from_utf8_lossy(&text).into_owned();
            let looked = match place(rule) {
                Place::History => scanner.history(&said),
                Place::Env => scanner.env(&said),
                Place::Cmd => scanner.command(std::slice::from_ref(&said)),
                _ => {
                    scanner.file(path.as_bytes());
                    scanner.feed(&text);
                    scanner.finish()
                }
            };
            hits += usize::from(looked.found.iter().any(|found| found.rule.id == rule.id));
            for found in &looked.found {
                let (begin, length) = (usize::try_from(found.offset).unwrap(), usize::try_from(found.length).unwrap());
                let value = String::from_utf8_lossy(&text[begin..begin + length]).into_owned();
                let shown = format!("{found:?} {}", found.redacted);
                assert!(value.len() < 12 || !shown.contains(&value), "{}: {shown}", rule.id);
            }
        }
        if hits < 3 {
            missed.push(format!("{} {hits}", rule.id));
        }
    }
    assert!(missed.is_empty(), "found fewer than 3 of 12: {missed:#?}");
}

#[test]
fn where_pieces_are_cut_changes_nothing() {
    let engine = engine();
    let mut random = Random(7);
    let key = pem("PRIVATE KEY", &ed25519(&mut random));
    let mut text = Vec::new();
    let mut wanted = 0;
    while text.len() < 900_000 {
        let length = 1 + random.below(50_000);
        text.extend(random.text(b"abc def\n.,=", length));
        text.extend_from_slice(b"\n");
        text.extend(key.bytes());
        text.extend(
            format!("url = postgres://me:{}@host/\n", String::from_utf8(random.text(b"aB3x9Qk7", 20)).unwrap()).bytes(),
        );
        wanted += 1;
    }
    let look = |size: usize| {
        let mut scanner = Scanner::new(&engine);
        scanner.file(b"srv/a");
        text.chunks(size).for_each(|piece| scanner.feed(piece));
        let found = scanner.finish().found;
        found.iter().map(|found| (found.offset, found.length, found.line, found.rule.id.clone())).collect::<Vec<_>>()
    };
    let whole = look(usize::MAX);
    // The key is the same every time and is told once.
    assert_eq!(whole.len(), wanted + 1);
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    for (_, _, line, rule) in whole.iter().filter(|(.., rule)| rule == "url-password") {
        let line = lines[usize::try_from(line.unwrap()).unwrap() - 1];
        assert!(line.starts_with(b"url = "), "{rule}: {}", line.escape_ascii());
    }
    for size in [1, 511, 4096, 65_537, 262_144] {
        assert_eq!(look(size), whole, "pieces of {size}");
    }
}

#[test]
fn bait_takes_no_longer_than_its_size_is_worth() {
    let engine = engine();
    let key = "-----BEGIN RSA PRIVATE KEY-----";
    for (name, bait) in [
        ("keywords", "-eyJ".to_owned()),
        ("keys", key.to_owned()),
        ("headers of keys", format!("{key}\na: {key}\n")),
        ("encoded keys", "+LS0tLS1CRUdJTi".to_owned()),
        ("PuTTY", "PuTTY-User-Key-File-2: x\nEncryption: none\nPublic-Lines: 999\n".to_owned()),
        ("names", "password=".to_owned()),
        ("quoted names", "token='secret=\"auth=`".to_owned()),
        ("addresses", "://a:b".to_owned()),
        ("many at", "://a:b@@@@".to_owned()),
        ("slack", "xoxb-".to_owned()),
    ] {
        let piece: Vec<u8> = bait.bytes().cycle().take(16 << 10).collect();
        let mut scanner = Scanner::new(&engine);
        scanner.file(b"srv/app/config.json");
        for _ in 0..8 {
            scanner.feed(&piece);
        }
        let looked = scanner.finish();
        let worth = (1 << 20) + 32 * (128 << 10);
        assert!(scanner.work() <= worth + (64 << 10), "{name}: {} bytes were looked at", scanner.work());
        assert!(looked.found.len() < 10, "{name}: {:?}", looked.found);
    }
    // What is passed over is said.
    let piece: Vec<u8> = "-eyJ".bytes().cycle().take(64 << 10).collect();
    let mut scanner = Scanner::new(&engine);
    scanner.file(b"srv/a");
    scanner.feed(&piece);
    assert!(scanner.finish().is_partial);
    scanner.file(b"srv/b");
    scanner.feed(b"nothing");
    assert!(!scanner.finish().is_partial);
}

/// One line that goes on and on, of what makes every part of the engine work.
const LINES: [&str; 7] = ["x", "pass", "password=a1b2c3d4", "token='", "://a:b@", "eyJ", "AKIA"];

#[test]
fn one_line_of_any_length_is_looked_at_in_the_memory_of_a_short_one() {
    let engine = engine();
    for bait in LINES {
        let piece: Vec<u8> = bait.bytes().cycle().take(1 << 20).collect();
        let mut scanner = Scanner::new(&engine);
        scanner.file(b"srv/app/log.txt");
        (0..8).for_each(|_| scanner.feed(&piece));
        assert!(scanner.held() <= 256 << 10 && scanner.work() <= (2 << 20) + 32 * (8 << 20), "{bait}");
        // A secret behind it is found where it is.
        let end = format!("\n{}", pem("PRIVATE KEY", &ed25519(&mut Random(5))));
        scanner.feed(end.as_bytes());
        let found = scanner.finish().found;
        let key = found.iter().find(|found| found.rule.id == "private-key").map(|found| (found.line, found.offset));
        assert_eq!(key, Some((Some(2), (8 << 20) + 1)), "{bait}");
    }
}

#[test]
fn binaries_and_bytes_that_are_no_text_are_looked_at() {
    let engine = engine();
    let mut random = Random(9);
    let token = format!("dop{}{}", "_v1_", String::from_utf8(random.text(b"0123456789abcdef", 64)).unwrap());
    let password = format!("password = \"{}\"", String::from_utf8(random.text(b"aB3x9Qk7", 24)).unwrap());
    let noise: Vec<u8> = (0..50_000).map(|_| u8::try_from(random.below(255) + 1).unwrap()).collect();
    let with = |secret: &str, zero: &[u8]| [zero, &noise, b"\n", secret.as_bytes(), b"\n\xff\xfe", &noise].concat();
    assert_eq!(in_file(&engine, "srv/a", &with(&token, b"")), ["digitalocean-token"]);
    assert_eq!(in_file(&engine, "srv/a", &with(&token, b"\x7fELF\0")), ["digitalocean-token"]);
    // Names that are given values are for texts: programs are full of them.
    assert_eq!(in_file(&engine, "srv/a.conf", &with(&password, b"")), ["config-secret"]);
    assert_eq!(in_file(&engine, "srv/a.conf", &with(&password, b"\x7fELF\0")), [""; 0]);
    let mut scanner = Scanner::new(&engine);
    scanner.file(b"srv/\xff\xfe");
    scanner.feed(token.as_bytes());
    assert_eq!(scanner.finish().found.len(), 1, "a name that is no text");
}

#[test]
fn what_only_looks_like_a_secret_is_none() {
    let engine = engine();
    let aws = ["AK", "IA", "IOSFODNN7EXAMPLE"].concat();
    for text in [
        "password = \"changeme\"",
        "PASSWORD=${DB_PASSWORD}",
        "password: {{ vault.password }}",
        "password = os.environ[\"DB_PASSWORD\"]",
        "secret_key = <your-secret-key>",
        "token = \"xxxxxxxxxxxxxxxxxxxxxxxx\"",
        "api_key = \"1234567890abcdef1234567890abcdef\"",
        "password_file = /run/secrets/a1B2c3D4e5F6g7H8",
        "publicKey = \"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\"",
        "postgres://user:password@localhost/db",
        "https://user:$PASSWORD@example.com/",
        "-----BEGIN RSA PRIVATE KEY-----\nabcd\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n…\n-----END PRIVATE KEY-----",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "integrity sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
        aws.as_str(),
    ] {
        for path in ["srv/app.js", "srv/app/config.yml"] {
            assert_eq!(in_file(&engine, path, text.as_bytes()), [""; 0], "{text} in {path}");
        }
    }
}

#[test]
fn keys_are_known_by_what_they_are_made_of() {
    let mut random = Random(3);
    let der = ed25519(&mut random);
    let key = pem("PRIVATE KEY", &der);
    let mut engine = engine();
    let escaped = format!("{{\"key\": \"{}\"}}", key.replace('\n', "\\n"));
    let forms = [key.clone(), escaped, key.replace('\n', "\r\n"), base64(key.as_bytes())];
    let fingerprint = |engine: &Engine, text: &str| {
        let mut scanner = Scanner::new(engine);
        scanner.file(b"srv/a");
        scanner.feed(text.as_bytes());
        scanner.finish().found.first().map(|found| found.fingerprint)
    };
    let one = fingerprint(&engine, &key);
    assert!(one.is_some());
    for form in &forms {
        assert_eq!(fingerprint(&engine, form), one, "{form}");
    }
    assert_eq!(in_file(&engine, "srv/a.der", &der), ["private-key"]);
    // Cut, it is none; neither is it when everybody has it.
    assert_eq!(fingerprint(&engine, &key.replacen("MC4", "MC5", 1)), None);
    engine.known.add_for_test(&der[16..]);
    for form in &forms {
        assert_eq!(fingerprint(&engine, form), None, "{form}");
    }
}

#[test]
fn arguments_of_the_build_are_read_as_builders_write_them() {
    let engine = engine();
    let mut scanner = Scanner::new(&engine);
    let token = ["q7Zt", "Kd02", "mXw8", "Lr5v"].concat();
    for (row, scrubbed) in [
        (format!("|1 NPM_TOKEN={token} /bin/sh -c npm ci"), "|1 NPM_TOKEN=*** /bin/sh -c npm ci".to_owned()),
        (format!("|2 A=1 TOKEN={token} x y /bin/sh -c a"), "|2 A=1 TOKEN=*** /bin/sh -c a".to_owned()),
        (
            format!("RUN |2 TOKEN={token} A=1 /bin/sh -c npm ci # buildkit"),
            "RUN |2 TOKEN=*** A=1 /bin/sh -c npm ci # buildkit".to_owned(),
        ),
        (format!("ARG TOKEN={token}"), "ARG TOKEN=***".to_owned()),
        (format!("/bin/sh -c #(nop) ARG TOKEN={token}"), "/bin/sh -c #(nop) ARG TOKEN=***".to_owned()),
        (format!("RUN |1 URL=postgres://me:{token}@host/db /bin/sh -c x"), "RUN |1 URL=*** /bin/sh -c x".to_owned()),
        ("RUN |1 TOKEN=$TOKEN /bin/sh -c x".to_owned(), "RUN |1 TOKEN=$TOKEN /bin/sh -c x".to_owned()),
        ("RUN |1 VERSION=1.2.3 /bin/sh -c x".to_owned(), "RUN |1 VERSION=1.2.3 /bin/sh -c x".to_owned()),
    ] {
        let said = scanner.scrub(&row);
        assert_eq!(said.text, scrubbed);
        assert_eq!(said.replaced.is_empty(), row == scrubbed, "{row}");
        assert!(said.remains.is_empty(), "{row}");
        assert!(!scanner.conceal(&row).contains(&token), "{row}");
    }
    // What the command itself has stays when scrubbed, and is not shown.
    let row = format!("RUN /bin/sh -c curl -u me:{token} host");
    let said = scanner.scrub(&row);
    assert_eq!((said.text == row, said.replaced.len(), said.remains.len()), (true, 0, 1));
    assert_eq!(scanner.conceal(&row), "RUN /bin/sh -c curl -u me:*** host");
    let words = ["sh".to_owned(), "-c".to_owned(), format!("curl -u me:{token} host"), "é".to_owned()];
    assert_eq!(scanner.conceal_words(&words), ["sh", "-c", "curl -u me:*** host", "é"]);
}

#[test]
fn a_file_of_rules_adds_and_switches_off() {
    let mut rules = SecretRules::built_in().unwrap();
    let text = "off = [\"jwt\"]\n[[rule]]\nid = \"ours\"\nregex = 'ours-[0-9]{8}'\nkeywords = [\"ours-\"]\n";
    rules.add("own.toml", text).unwrap();
    let engine = Engine::new(&rules).unwrap();
    assert_eq!(in_file(&engine, "srv/a", b"x ours-48213975 y"), ["ours"]);
    assert!(rules.find("jwt").is_none());
    for (text, expected) in [
        ("off = [\"jwtt\"]", "own.toml, line 1: there is no rule \"jwtt\" to switch off: is \"jwt\" meant?"),
        (
            "[[rule]]\nid = \"x\"\n",
            "own.toml, line 2, rule \"x\": it looks for nothing: it needs \"regex\" or \"paths\"",
        ),
        (
            "[[rule]]\nid = \"x\"\nregex = 'ab+c'\nkeywords = [\"abc\"]\n",
            "own.toml, line 3, rule \"x\": a match of the regex can have more than 4096 bytes: write {1,200} for + and {0,200} for *",
        ),
        (
            "[[rule]]\nid = \"x\"\nregex = 'a(b'\n",
            "own.toml, line 3, rule \"x\": the regex is not valid: unclosed group",
        ),
        (
            "[[rule]]\nid = \"x\"\nregex = 'abc'\n",
            "own.toml, line 3, rule \"x\": it needs \"keywords\": texts of which every match has one; or \"paths\"",
        ),
        (
            "[[rule]]\nid = \"x\"\nregex = 'abc'\nkeywords = [\"ab\"]\n",
            "own.toml, line 4, rule \"x\": the keyword \"ab\" is not 3 or more ASCII characters",
        ),
        (
            "[[rule]]\nid = \"npmrc\"\npaths = [\"/x\"]\n",
            "own.toml, line 2, rule \"npmrc\": there is a rule of this name already",
        ),
        (
            "[[rule]]\nid = \"x\"\npaths = [\"x\"]\n",
            "own.toml, line 3, rule \"x\": the glob \"x\" has no place to begin: write /…, ~/… or **/…",
        ),
        (
            "[[rule]]\nid = \"x\"\npaths = [\"/x\"]\nseverity = \"bad\"\n",
            "own.toml, line 4, rule \"x\": \"bad\" is none of info, low, medium, high, critical",
        ),
    ] {
        let error = SecretRules::built_in().unwrap().add("own.toml", text).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn every_built_in_regex_can_be_made_and_fits_its_keywords() {
    let mut wrong = Vec::new();
    for rule in SecretRules::built_in().unwrap().all() {
        let rule::Reads::Regex(pattern) = &rule.reads else { continue };
        assert!(pattern.regex().is_some(), "{}", rule.id);
        let mut random = Random(11);
        for _ in 0..20 {
            let (_, text) = sample(rule, &mut random);
            let lower = text.to_ascii_lowercase();
            let at = pattern
                .keywords
                .iter()
                .filter_map(|word| lower.windows(word.len()).position(|part| part == word.as_bytes()));
            if !pattern.keywords.is_empty() && at.min().is_none_or(|at| at > pattern.before) {
                wrong.push(format!("{}: {}", rule.id, text.escape_ascii()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
