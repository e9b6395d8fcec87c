//! Package databases.

use imgsquash::packages::{Owner, Owners, PackagesError, databases, owners};
use imgsquash::tree::{Kind, LayerBuilder, Meta, Tree, TreePath};

fn tree(files: &[&str]) -> Tree {
    let mut builder = LayerBuilder::new();
    for file in files {
        let (name, kind) = match file.split_once(" -> ") {
            Some((name, target)) => (name, Kind::Symlink(target.as_bytes().into())),
            None => (*file, Kind::File { size: 1, fingerprint: 1 }),
        };
        let path = TreePath::parse(name.as_bytes()).unwrap();
        builder.put(&path, kind, Meta::implied(), true).unwrap();
    }
    builder.finish().unwrap().0.upper().clone()
}

/// What a database of these bytes says; all others are empty.
fn read(tree: &Tree, path: &str, bytes: &[u8]) -> Result<Owners, PackagesError> {
    let at = tree.find(&TreePath::parse(path.as_bytes()).unwrap()).unwrap();
    owners(tree, &databases(tree).unwrap(), &|id| Some(if id == at { bytes } else { b"" }))
}

fn owner(tree: &Tree, owners: &Owners, path: &str) -> String {
    match owners.owner(tree.find(&TreePath::parse(path.as_bytes()).unwrap()).unwrap()) {
        Owner::Nobody => "nobody".to_owned(),
        Owner::Several => "several".to_owned(),
        Owner::Package(name) => String::from_utf8(name.to_vec()).unwrap(),
    }
}

#[test]
fn dpkg_paths_are_resolved_and_diversions_followed() {
    let lists = "var/lib/dpkg/info/shell:amd64.list";
    let tree =
        tree(&[lists, "var/lib/dpkg/diversions", "usr/bin/sh", "usr/bin/sh.distrib", "bin -> usr/bin", "usr/bin/x"]);
    let found = read(&tree, lists, b"/.\n/bin\n/bin/sh\n/usr\n/usr/bin\n/not/there\n").unwrap();
    assert_eq!(owner(&tree, &found, "usr/bin/sh"), "shell");
    assert_eq!(owner(&tree, &found, "usr/bin"), "shell");
    assert_eq!(owner(&tree, &found, "usr/bin/x"), "nobody");
    let found = read(&tree, "var/lib/dpkg/diversions", b"/bin/sh\n/bin/sh.distrib\ndash\n").unwrap();
    assert_eq!(owner(&tree, &found, "usr/bin/sh.distrib"), "dash");
}

const RPMDB: &[u8] = include_bytes!("../../fixtures/packages/rpmdb.sqlite");

#[test]
fn rpm_headers_are_read_through_all_kinds_of_pages() {
    let mut files =
        vec!["usr/lib/sysimage/rpm/rpmdb.sqlite".to_owned(), "var/lib/rpm -> ../../usr/lib/sysimage/rpm".to_owned()];
    for at in 0..40 {
        files.push(format!("usr/bin/tool{at}"));
        files.push(format!("usr/share/package{at}/0"));
    }
    files.push("usr/share/package7/long-1".to_owned());
    let tree = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let found = read(&tree, "usr/lib/sysimage/rpm/rpmdb.sqlite", RPMDB).unwrap();
    assert_eq!(found.packages(), 40);
    for at in 0..40 {
        assert_eq!(owner(&tree, &found, &format!("usr/bin/tool{at}")), format!("package{at}"));
        assert_eq!(owner(&tree, &found, &format!("usr/share/package{at}/0")), format!("package{at}"));
    }
    assert_eq!(owner(&tree, &found, "usr/share/package7/long-1"), "nobody", "a ghost is only known of");
}

#[test]
fn an_rpm_database_that_lies_is_refused_or_read_but_never_worse() {
    let tree = tree(&["var/lib/rpm/rpmdb.sqlite"]);
    let with = |bytes: &[u8]| read(&tree, "var/lib/rpm/rpmdb.sqlite", bytes);
    for cut in [0, 15, 99, 100, 511, 512, 1000, 5000, RPMDB.len() - 1] {
        assert!(with(&RPMDB[..cut]).is_err(), "{cut}");
    }
    let mut refused = 0;
    for at in 0..RPMDB.len() {
        for value in [0, 0xff, RPMDB[at] ^ 1, RPMDB[at].wrapping_add(1)] {
            let mut bytes = RPMDB.to_vec();
            bytes[at] = value;
            refused += u32::from(with(&bytes).is_err());
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn databases_of_a_size_that_is_not_real_are_refused() {
    let mut builder = LayerBuilder::new();
    let path = TreePath::parse(b"var/lib/dpkg/info/a.list").unwrap();
    builder.put(&path, Kind::File { size: u64::MAX, fingerprint: 1 }, Meta::implied(), true).unwrap();
    let tree = builder.finish().unwrap().0.upper().clone();
    assert!(matches!(databases(&tree), Err(PackagesError::TooLarge { .. })));
}
