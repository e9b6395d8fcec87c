//! Minifying images of people who mean no good: bounded time and memory, a clear word, and nothing lost.

use imgsquash::slim::closure::elf::{Bytes, parse};
use imgsquash::slim::closure::script::Shebang;
use proptest::prelude::*;

use crate::support::cases;
use crate::support::elf::Elf;
use crate::support::system::{System, elf, file, link, program, simple, whole};

#[test]
fn circles_of_dependencies_and_libraries_end() {
    let mut system = System::new(&["app"]);
    system.free("usr/local/bin/app", elf(&Elf::program(&["liba.so", "liba.so"])));
    system.package("a", "b", &[("usr/lib/liba.so", elf(&Elf::library(&["libb.so"])))]);
    system.package("b", "a, b, missing | c", &[("usr/lib/libb.so", elf(&Elf::library(&["liba.so", "libb.so"])))]);
    assert_eq!(system.squash(whole()).unwrap().packages(), ["a", "b", "libc"]);
}

#[test]
fn elf_files_that_lie_are_bounded_and_told() {
    let good = Elf::program(&["libc.so.6"]).bytes();
    for at in 0..good.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = value;
            let _ = parse(Bytes { head: &bytes, tail: (&[], u64::MAX) });
        }
        let _ = parse(Bytes { head: &good[..at], tail: (&good[at..], at as u64) });
    }
    let mut system = System::new(&["app"]);
    let mut bytes = good;
    // The table of program headers lies beyond the end.
    bytes[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
    system.free("usr/local/bin/app", program(&bytes));
    let small = system.squash(whole()).unwrap();
    assert_eq!(small.outcome().unseen.cut, ["/usr/local/bin/app"]);
}

#[test]
fn a_hundred_thousand_that_need_what_a_hundred_thousand_provide_end() {
    let mut system = System::new(&["app"]);
    system.free("usr/local/bin/app", elf(&Elf::program(&["liba.so"])));
    system.free("usr/lib/liba.so", elf(&Elf::library(&[])));
    let mut installed = "P:p\nV:1\nD:x\nF:usr/lib\nR:liba.so\n\n".to_owned();
    for at in 0..100_000 {
        installed += &format!("P:p{at}\nV:1\np:x p\nD:x p{}\n\n", (at + 1) % 100_000);
    }
    system.free("lib/apk/db/installed", file(installed.as_bytes()));
    let small = system.squash(whole()).unwrap();
    assert_eq!(small.text("lib/apk/db/installed"), installed, "all are needed");
}

#[test]
fn one_file_of_a_hundred_thousand_packages_ends() {
    let mut system = simple();
    let mut installed = String::new();
    for at in 0..100_000 {
        installed += &format!("P:p\nV:{at}\nF:usr/share\nR:x\n\n");
    }
    system.free("usr/share/x", file(b"x"));
    system.free("lib/apk/db/installed", file(installed.as_bytes()));
    let small = system.squash(whole()).unwrap();
    assert!(!small.has("usr/share/x"));
    assert_eq!(small.outcome().packages_gone, 100_001);
}

#[test]
fn paths_through_too_many_symlinks_are_refused() {
    // Each path costs some thousand steps, and a script has many.
    let mut system = simple();
    let far = "a/../".repeat(60);
    for at in 0..39 {
        system.free(&format!("s{at}"), link(&format!("{far}s{}", at + 1)));
    }
    system.free("a/x", file(b"x"));
    system.free("s39", link("a"));
    let script: String = (0..150_000).map(|at| format!("/s0/x{at}\n")).collect();
    system.free("srv/run", program(format!("#!/bin/sh\n{script}").as_bytes()));
    let error = system.squash(whole()).err().unwrap();
    assert_eq!((error.exit_code(), error.to_string().lines().count()), (3, 1));
    assert!(error.to_string().contains("lead through too many directories"), "{error}");
}

#[test]
fn symlinks_in_circles_lead_nowhere() {
    let mut system = simple();
    system.free("usr/lib/x", link("y"));
    system.free("usr/lib/y", link("../lib/x"));
    system.free("usr/lib/self", link("self/self"));
    system.free("srv/run", program(b"#!/usr/lib/x/sh\n/usr/lib/y/a /usr/lib/self\n"));
    assert_eq!(system.squash(whole()).unwrap().packages(), ["libc", "libone1", "libtwo1"]);
}

#[test]
fn files_that_name_more_than_fits_are_refused() {
    // Two thousand libraries whose names are one text, seen from another place each.
    let mut system = simple();
    let long: &'static str = "x".repeat(4000).leak();
    let mut app = Elf::library(&[]);
    app.needed = vec![long; 2000];
    let mut bytes = app.bytes();
    // All of them are the first one, so the file is small and says much.
    let begin = bytes.len() - 16 * (2000 + 3);
    for entry in 1..2000 {
        let at = begin + 16 * entry + 8;
        bytes.copy_within(begin + 8..begin + 16, at);
    }
    for at in 0..8 {
        system.free(&format!("srv/app{at}"), program(&[&bytes[..], &[at]].concat()));
    }
    let error = system.squash(whole()).err().unwrap();
    assert_eq!((error.exit_code(), error.to_string().lines().count()), (3, 1));
    assert!(error.to_string().contains("bytes of names of others"), "{error}");
}

#[test]
fn a_long_script_is_read_to_its_end() {
    let mut system = simple();
    let mut script = b"#!/bin/sh\n".to_vec();
    script.resize(8 << 20, b'-');
    script.extend(b"\ntool --last\n");
    system.free("srv/run", program(&script));
    assert!(system.squash(whole()).unwrap().has("usr/bin/tool"));
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn bytes_that_are_no_elf_file_are_read_without_harm(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        changes in prop::collection::vec((0..700_usize, any::<u8>()), 1..20),
        cut in 0..700_usize,
    ) {
        let mut good = Elf { rpath: Some("$ORIGIN"), runpath: Some("/x"), ..Elf::program(&["libc.so.6", "liba.so"]) }.bytes();
        let end = good.len();
        for (at, value) in changes {
            good[at % end] = value;
        }
        let random = [&b"\x7fELF"[..], &bytes].concat();
        for bytes in [&good[..], &random] {
            let cut = cut.min(bytes.len());
            let _ = parse(Bytes { head: bytes, tail: (&[], u64::MAX) });
            let _ = parse(Bytes { head: &bytes[..cut], tail: (&bytes[cut..], cut as u64) });
            let _ = Shebang::parse(bytes);
        }
    }
}
