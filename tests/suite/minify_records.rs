//! Package databases of minified images: what went is gone from them, what stayed is in them, byte for byte.

use std::num::NonZeroUsize;

use imgsquash::packages::{Staying, databases, inventory, owners_and_lists, record_files, without};
use imgsquash::tree::{Kind as TreeKind, LayerBuilder, Meta, NodeId, TreePath};

use crate::support::elf::Elf;
use crate::support::node::Kind;
use crate::support::run::squash_with;
use crate::support::system::{System, by_files, elf, file, link, simple, whole};

#[test]
fn records_that_stay_are_the_same_byte_for_byte() {
    let mut system = simple();
    system.status += "Package: old\nStatus: deinstall ok config-files\nVersion: 1\n\n";
    let small = system.squash(whole()).unwrap();
    let expected: String =
        system.status.split_inclusive("\n\n").filter(|one| !one.starts_with("Package: tools\n")).collect();
    assert_eq!(small.text("var/lib/dpkg/status"), expected);
    let again = squash_with(&system.archive(), |request| request.minify = Some(whole())).unwrap().0;
    assert_eq!(
        again,
        squash_with(&system.archive(), |request| {
            request.minify = Some(whole());
            request.resources.jobs = NonZeroUsize::new(1).unwrap();
        })
        .unwrap()
        .0
    );
}

#[test]
fn a_list_without_a_package_is_nobodys_and_stays() {
    let mut system = simple();
    system.status = system.status.replace("Package: tools\n", "Package: other\n");
    let small = system.squash(whole()).unwrap();
    assert!(small.has("usr/bin/tool"), "nobody says what it needs, so it stays");
}

#[test]
fn apk_loses_the_packages_that_nothing_needs() {
    let mut system = System::new(&["app"]);
    system.free("usr/bin/app", elf(&Elf { loader: Some("/lib/ld-musl-x86_64.so.1"), ..Elf::library(&["libz.so.1"]) }));
    system.free("lib/ld-musl-x86_64.so.1", elf(&Elf::default()));
    system.free("usr/lib/libz.so.1", elf(&Elf::library(&["libc.musl-x86_64.so.1"])));
    system.free("usr/bin/extra", elf(&Elf::default()));
    let installed = "C:Q1a=\nP:musl\nV:1\np:so:libc.musl-x86_64.so.1=1\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\nZ:Q1x=\n\n\
        P:zlib\nV:1\nD:so:libc.musl-x86_64.so.1\np:so:libz.so.1=1\nF:usr\nF:usr/lib\nR:libz.so.1\nZ:Q1y=\n\n\
        P:extra\nV:1\nD:musl\nF:usr\nF:usr/bin\nR:extra\nZ:Q1z=\n\n";
    system.free("lib/apk/db/installed", file(installed.as_bytes()));
    system.free("etc/apk/world", file(b"zlib\nextra>1\nmusl\n"));
    let small = system.squash(whole()).unwrap();
    assert!(small.has("usr/lib/libz.so.1"));
    assert!(small.has("lib/ld-musl-x86_64.so.1"));
    assert!(!small.has("usr/bin/extra"), "{}", system.why("extra"));
    assert_eq!(small.text("lib/apk/db/installed"), installed.split("P:extra").next().unwrap());
    assert_eq!(small.text("etc/apk/world"), "zlib\nmusl\n");
}

#[test]
fn architectures_of_one_package_are_told_apart() {
    let mut system = System::new(&["app"]);
    system.free("usr/local/bin/app", elf(&Elf::program(&["libz.so.1"])));
    system.free("usr/lib/amd64/libz.so.1", elf(&Elf::library(&[])));
    system.free("usr/lib/i386/libz.so.1", elf(&Elf { is_foreign: true, ..Elf::default() }));
    system.free("etc/ld.so.conf", file(b"/usr/lib/i386\n/usr/lib/amd64\n"));
    let status = system.status.clone();
    let paragraph = |architecture: &str| {
        format!(
            "Package: libz\nStatus: install ok installed\nArchitecture: {architecture}\nMulti-Arch: same\nVersion: 1\n\n"
        )
    };
    system.status = [paragraph("i386"), status.clone(), paragraph("amd64")].concat();
    for architecture in ["amd64", "i386"] {
        let list = format!("/.\n/usr\n/usr/lib\n/usr/lib/{architecture}\n/usr/lib/{architecture}/libz.so.1\n");
        system.free(&format!("var/lib/dpkg/info/libz:{architecture}.list"), file(list.as_bytes()));
        system.free(&format!("var/lib/dpkg/info/libz:{architecture}.md5sums"), file(b""));
    }
    let small = system.squash(whole()).unwrap();
    assert_eq!(small.text("var/lib/dpkg/status"), [status, paragraph("amd64")].concat());
    assert!(small.has("usr/lib/amd64/libz.so.1") && small.has("var/lib/dpkg/info/libz:amd64.list"));
    assert!(!small.has("usr/lib/i386") && !small.has("var/lib/dpkg/info/libz:i386.list"));
    assert!(!small.has("var/lib/dpkg/info/libz:i386.md5sums"));
}

#[test]
fn a_package_whose_files_no_list_tells_stays_in_the_records() {
    let mut system = simple();
    system.package("needed", "", &[("usr/share/needed/x", file(b"x"))]);
    system.status +=
        "Package: unlisted\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nDepends: needed\n\n";
    let small = system.squash(whole()).unwrap();
    let status = small.text("var/lib/dpkg/status");
    assert!(status.contains("Package: unlisted\n") && status.contains("Package: needed\n"), "{status}");
    assert!(!status.contains("Package: tools\n"));
}

#[test]
fn everything_that_dpkg_knows_of_a_package_goes_with_it() {
    let mut system = simple();
    for (name, text) in [
        ("var/lib/dpkg/available", "Package: tools\nVersion: 1\n\nPackage: libc\nVersion: 1\n\n"),
        (
            "var/lib/apt/extended_states",
            "Package: libtwo1\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: tools\nArchitecture: amd64\nAuto-Installed: 1\n\n",
        ),
        (
            "var/lib/dpkg/diversions",
            "/usr/bin/a\n/usr/bin/a.real\ntools\n/usr/bin/b\n/usr/bin/b.real\nlibone1\n/usr/bin/c\n/usr/bin/c.real\n:\n",
        ),
        ("var/lib/dpkg/triggers/File", "/usr/lib libc\n/usr/share/x tools/noawait\n"),
        ("var/lib/dpkg/triggers/ldconfig", "libc/noawait\ntools\n"),
        ("var/lib/dpkg/info/tools.postinst", "#!/bin/sh\n"),
        ("var/lib/dpkg/info/tools.md5sums", ""),
        ("var/lib/dpkg/info/libc.postinst", "#!/bin/sh\n"),
        ("var/lib/dpkg/alternatives/tool", "auto\n/usr/local/bin/t\n\n/usr/bin/tool\n50\n\n"),
        ("var/lib/dpkg/alternatives/app", "auto\n/usr/bin/a\n\n/usr/local/bin/app\n50\n\n"),
    ] {
        system.free(name, file(text.as_bytes()));
    }
    system.free("etc/alternatives/tool", link("/usr/bin/tool"));
    system.free("etc/alternatives/app", link("/usr/local/bin/app"));
    let small = system.squash(whole()).unwrap();
    assert_eq!(small.text("var/lib/dpkg/available"), "Package: libc\nVersion: 1\n\n");
    assert_eq!(
        small.text("var/lib/apt/extended_states"),
        "Package: libtwo1\nArchitecture: amd64\nAuto-Installed: 1\n\n"
    );
    let diversions = "/usr/bin/b\n/usr/bin/b.real\nlibone1\n/usr/bin/c\n/usr/bin/c.real\n:\n";
    assert_eq!(small.text("var/lib/dpkg/diversions"), diversions);
    assert_eq!(small.text("var/lib/dpkg/triggers/File"), "/usr/lib libc\n");
    assert_eq!(small.text("var/lib/dpkg/triggers/ldconfig"), "libc/noawait\n");
    assert!(!small.has("var/lib/dpkg/info/tools.postinst") && !small.has("var/lib/dpkg/info/tools.md5sums"));
    assert!(small.has("var/lib/dpkg/info/libc.postinst"));
    assert!(!small.has("var/lib/dpkg/alternatives/tool") && small.has("var/lib/dpkg/alternatives/app"));
}

#[test]
fn an_image_of_single_records_keeps_those_of_what_stays() {
    // As distroless images have them.
    let mut system = System::new(&["app"]);
    system.free("usr/local/bin/app", elf(&Elf::program(&["libz.so.1"])));
    for (name, path) in
        [("zlib1g", "usr/lib/libz.so.1"), ("tzdata", "usr/share/zoneinfo/UTC"), ("gone", "usr/share/gone/x")]
    {
        system.free(path, elf(&Elf::library(&[])));
        system.free(
            &format!("var/lib/dpkg/status.d/{name}"),
            file(format!("Package: {name}\nVersion: 1\nArchitecture: amd64\n").as_bytes()),
        );
        let sums = format!("{}  {path}\n", "0".repeat(32));
        system.free(&format!("var/lib/dpkg/status.d/{name}.md5sums"), file(sums.as_bytes()));
    }
    let small = system.squash(whole()).unwrap();
    for name in ["zlib1g", "zlib1g.md5sums", "tzdata"] {
        assert!(small.has(&format!("var/lib/dpkg/status.d/{name}")), "{name}");
    }
    assert!(!small.has("var/lib/dpkg/status.d/gone") && !small.has("var/lib/dpkg/status.d/gone.md5sums"));
    assert!(!small.has("usr/share/gone/x"));
}

#[test]
fn apk_and_pacman_tell_at_file_grain_what_is_there() {
    let mut system = System::new(&["app"]);
    system.free("usr/bin/app", elf(&Elf::program(&["libz.so.1", "liba.so"])));
    for path in ["usr/lib/libz.so.1", "usr/lib/liba.so", "usr/share/z/x", "usr/share/a/x", "usr/share/b/x"] {
        system.free(path, if path.contains(".so") { elf(&Elf::library(&[])) } else { file(b"x") });
    }
    let zlib = "P:zlib\nV:1\nF:usr\nF:usr/lib\nR:libz.so.1\na:0:0:755\nZ:Q1y=\n";
    system.free(
        "lib/apk/db/installed",
        file(format!("{zlib}F:usr/share\nF:usr/share/z\nR:x\na:0:0:644\nZ:Q1z=\n\n").as_bytes()),
    );
    for (name, paths) in [("a", "usr/\nusr/lib/\nusr/lib/liba.so\nusr/share/a/x\n"), ("b", "usr/share/b/x\n")] {
        system.free(
            &format!("var/lib/pacman/local/{name}-1-2/desc"),
            file(format!("%NAME%\n{name}\n\n%VERSION%\n1-2\n").as_bytes()),
        );
        system.free(
            &format!("var/lib/pacman/local/{name}-1-2/files"),
            file(format!("%FILES%\n{paths}\n%BACKUP%\netc/{name}\n").as_bytes()),
        );
    }
    let small = system.squash(by_files()).unwrap();
    assert_eq!(small.text("lib/apk/db/installed"), format!("{zlib}F:usr/share\nF:usr/share/z\n\n"));
    assert_eq!(
        small.text("var/lib/pacman/local/a-1-2/files"),
        "%FILES%\nusr/\nusr/lib/\nusr/lib/liba.so\n\n%BACKUP%\netc/a\n"
    );
    assert!(
        !small.has("usr/share/a/x") && !small.has("usr/share/z/x") && !small.has("var/lib/pacman/local/b-1-2/files")
    );
}

const RPMDB: &[u8] = include_bytes!("../../fixtures/packages/rpmdb.sqlite");

/// An image of the packages of the fixture, which runs one of them.
fn rpm() -> System {
    let mut system = System::new(&["tool7"]);
    for at in 0..40 {
        system.free(&format!("usr/bin/tool{at}"), elf(&Elf::default()));
        system.free(&format!("usr/share/package{at}/0"), file(b"x"));
    }
    system.free("usr/lib/sysimage/rpm/rpmdb.sqlite", file(RPMDB));
    system.free("var/lib/rpm", link("../../usr/lib/sysimage/rpm"));
    system
}

#[test]
fn rpm_loses_the_rows_of_packages_that_nothing_needs() {
    let small = rpm().squash(whole()).unwrap();
    assert!(small.has("usr/bin/tool7") && small.has("usr/share/package7/0"));
    assert!(!small.has("usr/bin/tool8") && !small.has("usr/share/package8/0"));
    let Kind::File(database) = &small.nodes["usr/lib/sysimage/rpm/rpmdb.sqlite"].kind else { panic!() };
    assert!(database.len() < RPMDB.len());
    let has = |text: &[u8]| memchr::memmem::find(database, text).is_some();
    assert!(has(b"/usr/share/package7/") && !has(b"package8") && !has(b"tool39"));
    // Minified again it is what it is.
    let mut again = rpm();
    again.nodes = small.nodes.clone();
    again.nodes.remove("var/lib/dpkg/status");
    assert_eq!(
        again.squash(whole()).unwrap().nodes["usr/lib/sysimage/rpm/rpmdb.sqlite"].kind,
        Kind::File(database.clone())
    );
    // Rows that are only in its log are not seen.
    let mut system = rpm();
    system.free("usr/lib/sysimage/rpm/rpmdb.sqlite-wal", file(b"rows"));
    let error = system.squash(whole()).err().unwrap();
    assert_eq!((error.exit_code(), error.to_string().contains("rpmdb.sqlite-wal")), (3, true), "{error}");
}

#[test]
fn an_rpm_database_that_lies_is_refused_or_written_but_never_worse() {
    let mut builder = LayerBuilder::new();
    let path = |text: &str| TreePath::parse(text.as_bytes()).unwrap();
    for file in ["var/lib/rpm/rpmdb.sqlite", "usr/bin/tool7", "usr/share/package7/0"] {
        builder.put(&path(file), TreeKind::File { size: 1, fingerprint: 1 }, Meta::implied(), true).unwrap();
    }
    let tree = builder.finish().unwrap().0.upper().clone();
    let at = tree.find(&path("var/lib/rpm/rpmdb.sqlite")).unwrap();
    let mut refused = 0;
    for place in (0..RPMDB.len()).step_by(3) {
        let mut bytes = RPMDB.to_vec();
        bytes[place] = bytes[place].wrapping_add(1);
        let contents = |id: NodeId| Some(if id == at { &bytes[..] } else { b"" });
        let edited = || {
            let found = databases(&tree)?;
            record_files(&tree, &found)?;
            let owners = owners_and_lists(&tree, &found, &contents)?;
            let inventory = inventory(&tree, &found, &owners, &contents)?;
            let staying = Staying {
                tree: &tree,
                inventory: &inventory,
                package: &|id| id.index() % 2 == 0,
                file: &|id| id != at,
                in_parts: true,
                contents: &|id| contents(id),
            };
            without(&found, staying)
        };
        match edited() {
            Ok(edits) => {
                assert!(edits.iter().all(|edit| edit.contents.as_ref().is_some_and(|new| new.len() < 2 * RPMDB.len())))
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn the_cache_of_the_loader_says_only_what_is_there() {
    let libraries = ["/usr/lib/libtwo.so.2", "/usr/lib/libgone.so.1"];
    let word = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let begin = 48 + 24 * libraries.len();
    let (mut entries, mut texts) = (Vec::new(), Vec::new());
    for path in libraries {
        let at = begin + texts.len();
        entries.extend([word(0x303), word(at + "/usr/lib/".len()), word(at), word(0), word(0), word(0)].concat());
        texts.extend([path.as_bytes(), b"\0"].concat());
    }
    let mut cache = b"glibc-ld.so.cache1.1".to_vec();
    cache.extend([word(libraries.len()), word(texts.len()), word(2)].concat());
    cache.resize(48, 0);
    let cache = [cache, entries, texts].concat();
    let mut system = simple();
    system.package("gone", "", &[("usr/lib/libgone.so.1", elf(&Elf::library(&[])))]);
    system.free("etc/ld.so.cache", file(&cache));
    let small = system.squash(whole()).unwrap();
    let Kind::File(new) = &small.nodes["etc/ld.so.cache"].kind else { panic!() };
    assert_eq!((new.len(), new[20]), (cache.len(), 1));
    assert!(memchr::memmem::find(new, b"/usr/lib/libtwo.so.2\0").is_some());
    assert!(memchr::memmem::find(new, b"gone").is_none());
}
