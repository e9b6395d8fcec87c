//! Minified images: what stays, and why.

use std::collections::BTreeMap;

use imgsquash::Squash;
use imgsquash::request::{Compression, Grain, HistoryMode, Keep, Minify, Named, Split};
use serde_json::{Value, json};

use crate::support::elf::Elf;
use crate::support::node::{Kind, Node};
use crate::support::read::{entries, files, images};
use crate::support::run::{Place, squash_with, stderr, within};
use crate::support::system::{Small, System, by_files, elf, file, link, program, simple, whole};

#[test]
fn packages_stay_that_the_application_links_and_their_dependencies() {
    let small = simple().squash(whole()).unwrap();
    assert_eq!(small.packages(), ["libc", "libone1", "libtwo1"]);
    assert!(small.has("usr/local/bin/app") && small.has("usr/share/doc/libone1/changelog") && small.has("etc/passwd"));
    assert!(!small.has("usr/bin/tool") && !small.has("usr/share/tools/x"));
    assert!(!small.has("usr/share/tools"), "a directory of a package that is gone");
    let outcome = small.outcome();
    assert_eq!((outcome.packages_kept, outcome.packages_gone), (3, 1));
    assert_eq!(outcome.largest_gone[0].package, "tools");
}

#[test]
fn at_file_grain_only_what_is_reached_stays_and_lists_say_so() {
    let small = simple().squash(by_files()).unwrap();
    assert_eq!(small.packages(), ["libc", "libone1", "libtwo1"]);
    assert!(small.has("usr/share/doc/libone1/copyright") && !small.has("usr/share/doc/libone1/changelog"));
    let list = small.text("var/lib/dpkg/info/libone1.list");
    let directories = "/.\n/usr\n/usr/lib\n/usr/lib/libone.so.1\n/usr/lib/libone.so.1.0\n";
    assert_eq!(
        list,
        format!("{directories}/usr/share\n/usr/share/doc\n/usr/share/doc/libone1\n/usr/share/doc/libone1/copyright\n")
    );
}

#[test]
fn the_chain_of_a_library_leads_to_a_root() {
    let system = simple();
    assert_eq!(
        system.why("libtwo1"),
        "libtwo1: needed by libone1: has /usr/lib/libone.so.1: linked by /usr/local/bin/app: Cmd"
    );
    assert_eq!(system.why("tools"), "tools: goes, because nothing that stays needs it");
    assert_eq!(system.why("/usr/bin/tool"), "/usr/bin/tool: goes, because nothing that stays needs it");
    assert_eq!(
        system.why("/usr/share/doc/libone1/changelog"),
        "/usr/share/doc/libone1/changelog: has /usr/lib/libone.so.1: linked by /usr/local/bin/app: Cmd"
    );
    assert!(system.why("nothing").contains("it has no package called nothing"), "{}", system.why("nothing"));
    assert!(system.why("/no/file").contains("it has no file called /no/file"));
}

#[test]
fn a_script_keeps_what_it_names_and_what_runs_it() {
    let mut system = System::new(&["/srv/start"]);
    system.free(
        "srv/start",
        program(b"#!/usr/bin/env bash\n# find is only in a comment\nX=$(jq -r .a /srv/x | \"$D/cut\" -f1)\n"),
    );
    for name in ["bash", "jq", "cut", "find", "env"] {
        let path = format!("usr/bin/{name}");
        system.package(&format!("the-{name}"), "libc", &[(path.as_str(), elf(&Elf::program(&["libc.so.6"])))]);
    }
    let small = system.squash(whole()).unwrap();
    assert_eq!(small.packages(), ["libc", "the-bash", "the-cut", "the-env", "the-jq"]);
    assert_eq!(system.why("the-jq"), "the-jq: has /usr/bin/jq: called in /srv/start: Cmd");
}

#[test]
fn shells_health_checks_and_working_directories_are_followed_as_a_runtime_does() {
    let mut system = System::new(&[]);
    system.config = json!({
        "Entrypoint": ["./run"], "WorkingDir": "/srv/app", "Env": ["PATH=/opt/bin:/usr/bin", "DATA=/usr/share/data/file"],
        "Healthcheck": { "Test": ["CMD-SHELL", "probe --fast && test -e /x"] }
    });
    system.free("srv/app/run", elf(&Elf::program(&["libc.so.6"])));
    for name in ["sh", "probe", "test", "other"] {
        let path = format!("usr/bin/{name}");
        system.package(name, "", &[(path.as_str(), elf(&Elf::default()))]);
    }
    system.package("data", "", &[("usr/share/data/file", file(b"data"))]);
    let small = system.squash(whole()).unwrap();
    assert_eq!(small.packages(), ["data", "libc", "probe", "sh", "test"]);
}

#[test]
fn what_a_binary_names_stays() {
    // A library that is only opened by name, and a file whose path is in the program.
    let mut system = System::new(&["app"]);
    let names = ["libmagic.so.1", "/usr/share/misc/magic.mgc", "/usr/bin", "/usr/share"];
    system.free("usr/local/bin/app", elf(&Elf::program(&["libc.so.6"]).naming(&names)));
    system.package("libmagic1", "libc, libmagic-mgc", &[("usr/lib/libmagic.so.1", elf(&Elf::library(&["libc.so.6"])))]);
    system.package("libmagic-mgc", "", &[("usr/share/misc/magic.mgc", file(b"patterns"))]);
    system.package("other", "", &[("usr/bin/other", program(b"#!/bin/sh\n")), ("usr/share/other", file(b"other"))]);
    for minify in [whole(), by_files()] {
        let small = system.squash(minify).unwrap();
        assert_eq!(small.packages(), ["libc", "libmagic-mgc", "libmagic1"]);
    }
}

#[test]
fn libraries_are_found_where_the_loader_finds_them() {
    let mut system = System::new(&["/opt/app/bin/app"]);
    let app = Elf {
        runpath: Some("$ORIGIN/../lib:/usr/lib/private"),
        ..Elf::program(&["libown.so", "libprivate.so", "libconf.so", "libcaps.so"])
    };
    system.free("opt/app/bin/app", elf(&app));
    system.free("opt/app/lib/libown.so", elf(&Elf::library(&["libdeep.so"])));
    system.free("etc/ld.so.conf", file(b"include ld.so.conf.d/*.conf\n"));
    system.free("etc/ld.so.conf.d/x.conf", file(b"# comment\n/usr/lib/conf\n"));
    let library = || elf(&Elf::library(&[]));
    let foreign = elf(&Elf { is_foreign: true, ..Elf::default() });
    system.package("private", "", &[("usr/lib/private/libprivate.so", library())]);
    system.package("shadowed", "", &[("usr/lib/libown.so", foreign.clone())]);
    system.package("conf", "", &[("usr/lib/conf/libconf.so", library())]);
    system.package("foreign", "", &[("usr/lib/private/libconf.so", foreign)]);
    system.package("caps", "", &[("usr/lib/libcaps.so", library())]);
    system.package("caps3", "", &[("usr/lib/glibc-hwcaps/x86-64-v3/libcaps.so", library())]);
    system.package("deep", "", &[("usr/lib/private/libdeep.so", library())]);
    let small = system.squash(whole()).unwrap();
    assert_eq!(small.packages(), ["caps", "caps3", "conf", "deep", "libc", "private"]);
}

#[test]
fn rules_know_what_is_opened_by_name() {
    let mut system = System::new(&["app"]);
    system.free("usr/local/bin/app", elf(&Elf::program(&["libpam.so.0"])));
    system.package("libpam0g", "libc", &[("usr/lib/libpam.so.0", elf(&Elf::library(&["libc.so.6"])))]);
    system.package("libpam-modules", "", &[("usr/lib/security/pam_unix.so", elf(&Elf::library(&["libcrypt.so.1"])))]);
    system.package("libcrypt1", "", &[("usr/lib/libcrypt.so.1", elf(&Elf::library(&[])))]);
    system.package("tzdata", "debconf", &[("usr/share/zoneinfo/Europe/Berlin", file(b"zone"))]);
    system.package("debconf", "perl", &[("usr/share/debconf/confmodule", file(b"x"))]);
    system.package("perl", "", &[("usr/bin/perl", elf(&Elf::program(&["libc.so.6"])))]);
    system.free("var/cache/debconf/templates.dat", file(b"Name: x\n"));
    let small = system.squash(whole()).unwrap();
    assert_eq!(small.packages(), ["libc", "libcrypt1", "libpam-modules", "libpam0g", "tzdata"]);
}

#[test]
fn links_that_scripts_make_keep_nothing_and_go_when_they_lead_nowhere() {
    let mut system = simple();
    system.package("mawk", "", &[("usr/bin/mawk", elf(&Elf::default()))]);
    system.free("etc/alternatives/awk", link("/usr/bin/mawk"));
    system.free("usr/bin/awk", link("/etc/alternatives/awk"));
    system.package("python3", "", &[("usr/bin/python3", elf(&Elf::default()))]);
    system.free("opt/venv/bin/python", link("/usr/bin/python3"));
    let small = system.squash(whole()).unwrap();
    assert!(!small.has("etc/alternatives/awk") && !small.has("usr/bin/awk") && !small.has("usr/bin/mawk"));
    assert!(small.has("usr/bin/python3"), "a link of the user's leads to it");
}

#[test]
fn a_package_is_not_needed_because_it_has_a_directory_that_is_a_link() {
    // Packages list /lib and /bin, which are symlinks where /usr has everything.
    for lists in [&["tools", "libtwo1"][..], &["tools"]] {
        let mut system = simple();
        system.free("lib", link("usr/lib"));
        system.free("srv/start", program(b"#!/bin/sh\n/lib/libone.so.1 /bin/app\n"));
        for name in lists {
            let path = format!("var/lib/dpkg/info/{name}.list");
            let Kind::File(list) = system.nodes[&path].kind.clone() else { panic!() };
            system.free(&path, file(&[&list[..], b"/lib\n/bin\n"].concat()));
        }
        for minify in [whole(), by_files()] {
            let small = system.squash(minify).unwrap();
            assert_eq!(small.packages(), ["libc", "libone1", "libtwo1"]);
            assert!(small.has("lib") && small.has("bin") && !small.has("usr/bin/tool"));
        }
    }
}

#[test]
fn what_a_person_names_stays_with_all_it_needs() {
    let mut system = simple();
    system.package("shell", "libline", &[("usr/bin/sh", elf(&Elf::program(&["libc.so.6"])))]);
    system.package("libline", "", &[("usr/lib/libline.so", elf(&Elf::library(&[])))]);
    system.package("docs", "", &[("usr/share/docs/a", file(b"a")), ("usr/share/docs/b", file(b"b"))]);
    let with = |change: fn(&mut Minify)| {
        let mut minify = whole();
        change(&mut minify);
        system.squash(minify)
    };
    let small = with(|minify| minify.with = vec!["sh".to_owned()]).unwrap();
    assert_eq!(small.packages(), ["libc", "libline", "libone1", "libtwo1", "shell"]);
    let small = with(|minify| minify.with_packages = vec!["docs".to_owned()]).unwrap();
    assert!(small.has("usr/share/docs/b"));
    let small = with(|minify| minify.keep = Named::parse(&["/usr/share/docs/a".to_owned()]).unwrap()).unwrap();
    assert!(small.has("usr/share/docs/a"));
    let error = with(|minify| minify.with = vec!["nothing".to_owned()]).err().unwrap();
    assert_eq!(
        (error.to_string().contains("--with: the image has no program \"nothing\""), error.exit_code()),
        (true, 2)
    );
    let error = with(|minify| minify.with_packages = vec!["nothing".to_owned()]).err().unwrap();
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn images_whose_needs_nobody_can_tell_are_refused_in_one_line() {
    let refused = |config: Value| {
        let mut system = simple();
        for name in ["apt-get", "systemd", "sh"] {
            let path = format!("usr/bin/{name}");
            system.package(name, "", &[(path.as_str(), elf(&Elf::default()))]);
        }
        system.config = config;
        let error = system.squash(whole()).err().expect("it is refused");
        assert_eq!(error.exit_code(), 3, "{error}");
        error.to_string()
    };
    assert!(refused(json!({})).contains("neither Entrypoint nor Cmd"));
    assert!(
        refused(json!({ "Cmd": ["no-such-program"] }))
            .contains("Cmd runs \"no-such-program\", which is not in the image")
    );
    assert!(refused(json!({ "Entrypoint": ["apt-get"] })).contains("Entrypoint runs apt-get, which installs packages"));
    assert!(refused(json!({ "Cmd": ["/usr/bin/systemd"] })).contains("a whole system"));
    let line = json!({ "Cmd": ["/usr/bin/sh", "-c", "cd /srv && apt-get -y install \"$X\"; app"] });
    assert!(refused(line).contains("Cmd runs apt-get, which installs packages"));
    let mut system = simple();
    system.package("linux", "", &[("boot/vmlinuz-6.1", file(b"kernel"))]);
    let error = system.squash(whole()).err().unwrap();
    assert_eq!((error.exit_code(), error.to_string().contains("/boot/vmlinuz-6.1")), (3, true), "{error}");
    let mut system = simple();
    system.free("var/lib/rpm/Packages", file(b"hash"));
    let error = system.squash(whole()).err().unwrap();
    assert_eq!((error.exit_code(), error.to_string().contains("Berkeley DB form")), (3, true), "{error}");
}

#[test]
fn a_volume_and_what_settings_name_stay() {
    let mut system = simple();
    system.package("web", "", &[("usr/share/web/index.html", file(b"<p>"))]);
    system.config["Volumes"] = json!({ "/usr/share/web": {} });
    assert!(system.squash(whole()).unwrap().has("usr/share/web/index.html"));
}

#[test]
fn what_packages_recommend_stays_when_that_is_wished() {
    let mut system = simple();
    system.status =
        system.status.replace("Package: libtwo1\n", "Package: libtwo1\nRecommends: tools (>= 1), nothing\n");
    assert_eq!(system.squash(whole()).unwrap().packages(), ["libc", "libone1", "libtwo1"]);
    let small = system.squash(Minify { recommends: true, ..whole() }).unwrap();
    assert_eq!(small.packages(), ["libc", "libone1", "libtwo1", "tools"]);
}

#[test]
fn virtual_names_alternatives_and_paths_are_understood() {
    let mut system = System::new(&["app"]);
    system.free("usr/local/bin/app", elf(&Elf::program(&["liba.so"])));
    let depends = "mail (>= 1) | never, either | or [amd64], qualified:any <!x>";
    system.package("a", depends, &[("usr/lib/liba.so", elf(&Elf::library(&[])))]);
    for name in ["postfix", "either", "or", "qualified", "other"] {
        system.package(name, "", &[(&format!("usr/share/{name}/x"), file(name.as_bytes()))]);
    }
    system.status = system.status.replace("Package: postfix\n", "Package: postfix\nProvides: mail (= 2), x\n");
    assert_eq!(system.squash(whole()).unwrap().packages(), ["a", "either", "libc", "or", "postfix", "qualified"]);
}

#[test]
fn what_settings_name_stays_and_what_every_installation_names_does_not() {
    let mut system = System::new(&["starter"]);
    system.package("starter", "libc", &[("usr/bin/starter", elf(&Elf::program(&["libc.so.6"])))]);
    for name in ["worker", "other", "shown", "listed"] {
        system.package(name, "", &[(&format!("usr/bin/{name}"), elf(&Elf::default()))]);
    }
    system.free("etc/starter.d/app.conf", file(b"[program:x]\ncommand=nice worker --fast\n[other]\n"));
    system.free("srv/app/data.json", file(b"{ \"file\": \"/usr/bin/shown\" } other\n"));
    system.free("etc/shells", file(b"/usr/bin/listed\n"));
    let small = system.squash(whole()).unwrap();
    // "other" is a word of settings that start programs: too much rather than too little.
    assert_eq!(small.packages(), ["libc", "other", "shown", "starter", "worker"]);
    system.free("etc/starter.d/app.conf", file(b"other = 1\n"));
    assert_eq!(system.squash(whole()).unwrap().packages(), ["libc", "shown", "starter"]);
}

#[test]
fn musl_looks_where_its_own_file_says() {
    let mut system = System::new(&["app"]);
    let app = Elf { loader: Some("/lib/ld-musl-x86_64.so.1"), ..Elf::library(&["libown.so"]) };
    system.free("usr/local/bin/app", elf(&app));
    system.free("etc/ld-musl-x86_64.path", file(b"/lib\n/opt/lib\n"));
    system.package("musl", "", &[("usr/lib/ld-musl-x86_64.so.1", elf(&Elf::default()))]);
    system.free("lib", link("usr/lib"));
    system.package("own", "", &[("opt/lib/libown.so", elf(&Elf::library(&[])))]);
    system.package("not", "", &[("usr/local/lib/libown.so", elf(&Elf::library(&[])))]);
    assert_eq!(system.squash(whole()).unwrap().packages(), ["musl", "own"]);
}

#[test]
fn rpath_reaches_down_to_what_is_loaded() {
    let mut system = System::new(&["app"]);
    let app = Elf { rpath: Some("/usr/lib/private"), ..Elf::program(&["liba.so"]) };
    system.free("usr/local/bin/app", elf(&app));
    system.package("a", "", &[("usr/lib/liba.so", elf(&Elf::library(&["libb.so"])))]);
    system.package("b", "", &[("usr/lib/private/libb.so", elf(&Elf::library(&[])))]);
    assert_eq!(system.squash(whole()).unwrap().packages(), ["a", "b", "libc"]);
}

#[test]
fn what_every_image_has_stays() {
    let mut system = System::new(&["app"]);
    system.free("usr/local/bin/app", elf(&Elf::default()));
    let directory = || Node::new(Kind::Directory);
    system.package(
        "base-files",
        "awk",
        &[
            ("tmp", Node { mode: 0o1777, ..directory() }),
            ("var/tmp", directory()),
            ("usr/lib/os-release", file(b"ID=x")),
            ("etc/debian_version", file(b"12")),
            ("usr/share/common-licenses/GPL", file(b"GPL")),
        ],
    );
    system.package("awk", "", &[("usr/bin/awk", elf(&Elf::default()))]);
    system.package("tzdata", "", &[("usr/share/zoneinfo/Asia/Tokyo", file(b"TZif"))]);
    system.package("certificates", "openssl", &[("usr/share/ca-certificates/x.crt", file(b"x"))]);
    system.package("gone", "", &[("etc/gone.conf", file(b"a = 1")), ("usr/share/gone/x", file(b"x"))]);
    for (path, node) in [
        ("etc/os-release", link("../usr/lib/os-release")),
        ("etc/nsswitch.conf", file(b"passwd: files")),
        ("etc/group", file(b"root:x:0:")),
        ("etc/hosts", file(b"")),
        ("etc/resolv.conf", file(b"")),
        ("etc/ssl/certs/ca-certificates.crt", file(b"bundle")),
        ("run/lock", directory()),
    ] {
        system.free(path, node);
    }
    for minify in [whole(), by_files()] {
        let small = system.squash(minify).unwrap();
        for path in [
            "tmp",
            "var/tmp",
            "run/lock",
            "etc/passwd",
            "etc/group",
            "etc/hosts",
            "etc/resolv.conf",
            "etc/nsswitch.conf",
            "etc/os-release",
            "usr/lib/os-release",
            "etc/debian_version",
            "usr/share/common-licenses/GPL",
            "usr/share/zoneinfo/Asia/Tokyo",
            "etc/ssl/certs/ca-certificates.crt",
            "usr/share/ca-certificates/x.crt",
            "etc/gone.conf",
        ] {
            assert!(small.has(path), "{path}");
        }
        assert!(!small.has("usr/bin/awk") && !small.has("usr/share/gone"));
        assert_eq!(small.packages(), ["base-files", "certificates", "tzdata"]);
    }
}

#[test]
fn what_could_not_be_seen_is_told() {
    let mut system = System::new(&["app"]);
    system.free("usr/local/bin/app", elf(&Elf::program(&["libc.so.6", "libnever.so.1"]).naming(&["dlopen"])));
    system.free("srv/run", program(b"#!/bin/sh\n$COMMAND x\n"));
    let text = b"require('child_process').exec('git');";
    system.free("srv/node_modules/x/index.js", file(text));
    system.package("git", "", &[("usr/bin/git", elf(&Elf::default()))]);
    system.package("mailer", "", &[("usr/bin/mailer", elf(&Elf::default()))]);
    system.package(
        "web",
        "",
        &[("usr/share/web/x", file(b"x")), ("etc/web.conf", file(b"sendmail /usr/bin/mailer\n"))],
    );
    let small = system.squash(Minify { with_packages: vec!["web".to_owned()], ..whole() }).unwrap();
    let unseen = &small.outcome().unseen;
    assert_eq!(unseen.opens, ["/usr/local/bin/app"]);
    assert_eq!(unseen.computes, ["/srv/run"]);
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(unseen.named, [pair("git", "/srv/node_modules/x/index.js"), pair("/usr/bin/mailer", "/etc/web.conf")]);
    assert_eq!(unseen.missing, [pair("libnever.so.1", "/usr/local/bin/app")]);
}

#[test]
fn what_a_library_of_others_may_call_is_told_and_not_kept() {
    let mut system = System::new(&["app"]);
    system.free("usr/local/bin/app", elf(&Elf::program(&["libc.so.6"])));
    system.package("python3", "", &[("usr/bin/python3", elf(&Elf::default()))]);
    for name in ["git", "gcc", "make"] {
        system.package(name, "", &[(&format!("usr/bin/{name}"), elf(&Elf::default()))]);
    }
    let text = b"#!/usr/bin/python3\nimport subprocess\nsubprocess.run(['git', 'gcc'])\n";
    system.free("usr/local/lib/python3/dist-packages/x/info.py", program(text));
    system.package("lib", "", &[("usr/lib/python3/pydoc.py", program(text))]);
    system.free("srv/node_modules/x/build", program(b"#!/bin/sh\nmake all\n"));
    let small = system.squash(whole()).unwrap();
    assert_eq!(small.packages(), ["lib", "libc", "python3"]);
    let named: Vec<&str> = small.outcome().unseen.named.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(named, ["make", "gcc", "git"]);
    // What the application calls is followed wherever it lies.
    system.free("srv/start", program(b"#!/bin/sh\n/srv/node_modules/x/build\n"));
    assert_eq!(system.squash(whole()).unwrap().packages(), ["lib", "libc", "make", "python3"]);
}

#[test]
fn what_stands_in_backquotes_is_a_command_where_the_language_says_so() {
    let mut system = System::new(&["app"]);
    system.free("usr/local/bin/app", elf(&Elf::program(&["libc.so.6"])));
    for name in ["one", "two"] {
        system.package(name, "", &[(&format!("usr/bin/{name}"), elf(&Elf::default()))]);
    }
    system.free("srv/app.rb", file(b"puts `one --all`\n"));
    system.free("srv/app.js", file(b"const text = `two ${x}`;\n"));
    assert_eq!(system.squash(whole()).unwrap().packages(), ["libc", "one"]);
}

#[test]
fn a_manifest_names_commands_in_its_scripts_and_modules_elsewhere() {
    let mut system = System::new(&["app"]);
    system.free("usr/local/bin/app", elf(&Elf::program(&["libc.so.6"])));
    for name in ["webpack", "jest", "eslint"] {
        system.package(name, "", &[(&format!("usr/bin/{name}"), elf(&Elf::default()))]);
    }
    let manifest = br#"{ "scripts": { "start": "NODE_ENV=x jest --all" }, "devDependencies": { "webpack": "^5" } }"#;
    system.free("srv/package.json", file(manifest));
    system.free("srv/package-lock.json", file(br#"{ "scripts": {}, "packages": { "eslint": {} } }"#));
    assert_eq!(system.squash(whole()).unwrap().packages(), ["jest", "libc"]);
    // One that cannot be read is told.
    system.free("srv/package.json", file(b"{ \"scripts\": "));
    let small = system.squash(whole()).unwrap();
    assert_eq!(
        (small.packages(), &*small.outcome().unseen.cut),
        (vec!["libc".to_owned()], &["/srv/package.json".to_owned()][..])
    );
}

#[test]
fn settings_and_directories_of_everybody_need_no_package() {
    let mut system = System::new(&["app"]);
    let names = ["/etc/login.defs", "/usr/lib/tmpfiles.d", "/usr/share/app/data"];
    system.free("usr/local/bin/app", elf(&Elf::program(&["libc.so.6"]).naming(&names)));
    system.package("login", "", &[("etc/login.defs", file(b"UMASK 022\n")), ("usr/bin/login", elf(&Elf::default()))]);
    system.package("passwd", "", &[("usr/lib/tmpfiles.d/passwd.conf", file(b"x\n"))]);
    system.package("data", "", &[("usr/share/app/data/x", file(b"x\n"))]);
    let small = system.squash(whole()).unwrap();
    assert_eq!(small.packages(), ["data", "libc"]);
    assert!(small.has("etc/login.defs"), "a person may have changed it");
}

/// A path that a glob matches.
fn sample(glob: &str) -> String {
    let mut text = glob.to_owned();
    while let Some(end) = text.find('}') {
        let begin = text[..end].rfind('{').unwrap();
        let first = text[begin + 1..end].split(',').next().unwrap().to_owned();
        text.replace_range(begin..=end, &first);
    }
    let begin = if let Some(rest) = text.strip_prefix("**/") { format!("/usr/lib/{rest}") } else { text };
    let parts: Vec<String> = begin
        .split('/')
        .map(|part| if part == "**" { "x".to_owned() } else { part.replace(['*', '?'], "1") })
        .collect();
    parts
        .join("/")
        .trim_start_matches('/')
        .replace("lib/x86_64-linux-gnu", "lib")
        .replacen("bin/sh", "usr/bin/sh", 1)
        .replace("usr/usr/", "usr/")
}

#[test]
fn every_rule_keeps_what_it_says_because_of_what_it_says() {
    let rules: toml::Table = toml::from_str(include_str!("../../src/slim/closure/rules.toml")).unwrap();
    let texts = |rule: &toml::Value, key: &str| -> Vec<String> {
        let list = rule.get(key).and_then(toml::Value::as_array).cloned().unwrap_or_default();
        list.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let rules = rules["rule"].as_array().unwrap();
    assert!(rules.len() > 30);
    for rule in rules {
        let (id, keep, when) = (rule["id"].as_str().unwrap(), texts(rule, "keep"), texts(rule, "when"));
        assert!(!rule["source"].as_str().unwrap().is_empty() && !rule["title"].as_str().unwrap().is_empty());
        let keep: Vec<String> =
            keep.iter().filter(|glob| !glob.contains("{language}")).map(|glob| sample(glob)).collect();
        let mut system = System::new(&["app"]);
        system.free("usr/local/bin/app", elf(&Elf::default()));
        for (at, path) in keep.iter().enumerate() {
            system.package(&format!("kept{at}"), "", &[(path, file(b"data"))]);
        }
        let grain = if rule.get("files").is_some() { by_files() } else { whole() };
        let stays = |small: &Small| -> Vec<bool> {
            let packages = small.packages();
            (0..keep.len()).map(|at| packages.contains(&format!("kept{at}"))).collect()
        };
        let is_always = when.is_empty();
        assert_eq!(
            stays(&system.squash(grain.clone()).unwrap()),
            vec![is_always; keep.len()],
            "{id} without its cause"
        );
        for trigger in when.iter().map(|glob| sample(glob)) {
            let mut system = system.clone();
            system.package("trigger", "", &[(&trigger, elf(&Elf::default()))]);
            let small = system.squash(Minify { with_packages: vec!["trigger".to_owned()], ..grain.clone() }).unwrap();
            assert_eq!(stays(&small), vec![true; keep.len()], "{id} because of {trigger}: {keep:?}");
        }
    }
}

#[test]
fn the_command_tells_what_went_and_why_the_rest_stays() {
    let place = Place::new();
    place.write("in.tar", &simple().archive());
    let run = |arguments: &[&str]| {
        let output = within(60, &place, arguments);
        (output.status.code(), String::from_utf8(output.stdout.clone()).unwrap(), stderr(&output))
    };
    let (code, _, told) = run(&["in.tar", "-o", "out.tar", "--minify"]);
    assert!(code == Some(0) && told.contains("             1 of 4 packages went\n"), "{told}");
    let (code, _, told) = run(&["in.tar", "-o", "out.tar", "--minify", "--report", "report.json", "-v"]);
    assert_eq!(code, Some(0), "{told}");
    for line in
        ["of the system are gone, 1 of 4 packages", "stay in 3 packages", "libtwo1: needed by libone1, has", "tools"]
    {
        assert!(told.contains(line), "{line} is not in {told}");
    }
    let report: Value = serde_json::from_slice(&std::fs::read(place.path("report.json")).unwrap()).unwrap();
    let minified = &report["images"][0]["minified"];
    assert_eq!(
        (&minified["grain"], &minified["packages_kept"], &minified["packages_gone"]),
        (&json!("packages"), &json!(3), &json!(1))
    );
    assert_eq!(minified["largest_gone"][0]["package"], "tools");
    assert!(report["images"][0]["reclaimed_bytes"]["minified"].as_u64().unwrap() > 0);
    let chain = "libtwo1: needed by libone1: has /usr/lib/libone.so.1: linked by /usr/local/bin/app: Cmd\n";
    assert_eq!(run(&["why", "in.tar", "libtwo1"]), (Some(0), chain.to_owned(), String::new()));
    let (code, said, _) = run(&["why", "in.tar", "/usr/share/doc/libone1/changelog", "--minify=files"]);
    assert_eq!(
        (code, &*said),
        (Some(1), "/usr/share/doc/libone1/changelog: goes, because nothing that stays needs it\n")
    );
    let (code, said, _) = run(&["why", "in.tar", "tools", "--with", "tool"]);
    assert_eq!((code, &*said), (Some(0), "tools: has /usr/bin/tool: --with\n"));
    let (code, _, told) = run(&["why", "in.tar", "nothing"]);
    assert_eq!((code, told.lines().count()), (Some(2), 1), "{told}");
    let (code, said, _) = run(&["why", "in.tar", "tools", "--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &said["images"][0]["verdict"], &said["subject"]), (Some(1), &json!("goes"), &json!("tools")));
    let (code, _, told) = run(&["in.tar", "-o", "no.tar", "--with", "sh"]);
    assert_eq!(code, Some(2), "{told}");
    let mut refused = simple();
    refused.config = json!({ "Cmd": ["gone"] });
    place.write("refused.tar", &refused.archive());
    let (code, _, told) = run(&["refused.tar", "-o", "no.tar", "--minify"]);
    assert_eq!((code, told.lines().count()), (Some(3), 1), "{told}");
    assert!(told.contains("set --entrypoint or --cmd") && !place.names().contains(&"no.tar".to_owned()));
}

#[test]
fn the_manifest_tells_which_options_were_used() {
    let archive = simple().archive();
    let minify = Minify {
        grain: Grain::Files,
        with: vec!["tool".to_owned()],
        with_packages: vec!["tools".to_owned()],
        recommends: true,
        ..whole()
    };
    let (out, _) = squash_with(&archive, |request: &mut Squash| {
        (request.minify, request.tells_provenance) = (Some(minify), true);
    })
    .unwrap();
    let options = images(&files(&out)).remove(0).1.manifest["annotations"]["imgsquash.options"].clone();
    assert_eq!(options, "minify=files with with-package minify-recommends");
}

#[test]
fn kept_layers_and_divided_ones_come_out_the_same() {
    let archive = simple().archive_of(2);
    let flat = |change: &dyn Fn(&mut Squash)| -> BTreeMap<Vec<u8>, Node> {
        let (out, _) = squash_with(&archive, |request| {
            request.minify = Some(whole());
            change(request);
        })
        .unwrap();
        let (again, _) = squash_with(&out, |request| request.edits.history = HistoryMode::None).unwrap();
        entries(&images(&files(&again)).remove(0).1.layers[0]).0.into_iter().collect()
    };
    let one = flat(&|_| ());
    assert!(flat(&|request| request.keep = Keep::First(1)) == one, "a kept layer with whiteouts over it");
    assert!(flat(&|request| request.split = Split::Auto) == one, "several layers");
    assert!(flat(&|request| request.compression = Some(Compression::Zstd(1))) == one);
}

#[test]
fn a_minified_image_is_verified_by_its_report_to_the_last_byte_of_its_records() {
    let place = Place::new();
    let mut system = simple();
    // Another name of a record is the same file, and says the same.
    system.free("var/lib/zz-status", Node::new(Kind::Link(b"var/lib/dpkg/status".to_vec())));
    place.write("in.tar", &system.archive());
    let run = |arguments: &[&str]| {
        let output = within(60, &place, arguments);
        (output.status.code(), String::from_utf8(output.stdout.clone()).unwrap(), stderr(&output))
    };
    let squash = ["in.tar", "-q", "-o", "out.tar", "--report", "report.json", "--verify"];
    for grain in ["--minify", "--minify=files"] {
        let (code, _, told) = run(&[&squash[..], &[grain]].concat());
        assert_eq!(code, Some(0), "{told}");
        let verify = ["verify", "out.tar", "--against", "in.tar"];
        let (code, shown, _) = run(&verify);
        assert!(code == Some(4) && shown.contains("var/lib/dpkg/status"), "{shown}");
        let with_report = [&verify[..], &["--report", "report.json"]].concat();
        let (code, shown, told) = run(&with_report);
        assert_eq!((code, told), (Some(0), String::new()), "{shown}");
        let text = std::fs::read_to_string(place.path("report.json")).unwrap();
        let report: Value = serde_json::from_str(&text).unwrap();
        let rewritten = report["images"][0]["minified"]["rewritten"].as_array().unwrap();
        let paths: Vec<&str> = rewritten.iter().map(|file| file["path"].as_str().unwrap()).collect();
        assert!(paths.contains(&"var/lib/zz-status") && paths.contains(&"var/lib/dpkg/status"), "{paths:?}");
        // Other bytes than those that the report tells are a difference, whatever they are.
        let digest = rewritten[0]["digest"].as_str().unwrap();
        let other = format!("sha256:{}", "0".repeat(64));
        place.write("report.json", text.replace(digest, &other).as_bytes());
        assert_eq!(run(&with_report).0, Some(4));
        place.write("report.json", text.replace(digest, "sha256:0").as_bytes());
        let (code, _, told) = run(&with_report);
        assert!(code == Some(2) && told.contains("\"sha256:0\" is no digest"), "{told}");
        place.write("report.json", text.replace("usr/bin/tool\"", "usr/bin/other\"").as_bytes());
        assert_eq!(run(&with_report).0, Some(4), "what went and was not told");
    }
}
