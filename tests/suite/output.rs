//! Where output goes: what is never replaced, what becomes of links and modes, and that only whole outputs are seen.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::archive::{Form, Image};
use crate::support::layer::Entry;
use crate::support::node::{Kind, Node};
use crate::support::run::{Place, interruptible, stderr};

const BINARY: &str = env!("CARGO_BIN_EXE_imgsquash");

/// An image of two layers.
fn image() -> Image {
    let layer = |name: &str| {
        let node = Node::new(Kind::File(name.repeat(1000).into_bytes()));
        [Entry { name: name.as_bytes().to_vec(), node }.tar(), vec![0; 1024]].concat()
    };
    Image { tags: vec!["app:1".to_owned()], ..Image::new(vec![layer("one"), layer("two")]) }
}

/// A place with an archive, a layout, a base and rules.
fn place() -> Place {
    let place = Place::new();
    place.write("in.tar", &image().save(Form::Both));
    place.write("rules.toml", b"[[rule]]\nid = \"mine\"\ntake = [\"/a\"]\n");
    let base = Image { layers: image().layers[..1].to_vec(), ..Image::new(Vec::new()) };
    place.write("base.tar", &base.save(Form::Docker));
    assert_eq!(code(&run(&place, "imgsquash -q in.tar -o lay --format oci-dir")), 0);
    place
}

/// Runs a line of the shell in which `imgsquash` is the command.
fn run(place: &Place, line: &str) -> Output {
    let script = format!("imgsquash() {{ {BINARY} \"$@\"; }}; {line}");
    shell(place, &script)
}

fn shell(place: &Place, script: &str) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).current_dir(place.path("")).stdin(Stdio::null());
    shell.env_remove("SOURCE_DATE_EPOCH").env_remove("TMPDIR").output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("it was ended by a signal: {}", stderr(output)))
}

/// Every file and link with what it holds; directories are told by what is in them.
pub(crate) fn snapshot(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![directory.to_owned()];
    while let Some(path) = todo.pop() {
        let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
        if path.is_symlink() {
            found.insert(name, fs::read_link(path).unwrap().into_os_string().into_encoded_bytes());
        } else if path.is_dir() {
            let entries = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
            todo.extend(entries);
            found.insert(format!("{name}/"), Vec::new());
        } else {
            found.insert(name, fs::read(path).unwrap());
        }
    }
    found
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_report_replaces_nothing_that_is_read_or_written() {
    let place = place();
    let blob = fs::read_dir(place.path("lay/blobs/sha256")).unwrap().next().unwrap().unwrap().path();
    fs::hard_link(place.path("in.tar"), place.path("link")).unwrap();
    fs::hard_link(&blob, place.path("blob")).unwrap();
    fs::hard_link(place.path("base.tar"), place.path("base")).unwrap();
    symlink("rules.toml", place.path("rules")).unwrap();
    symlink("new.tar", place.path("to-new")).unwrap();
    symlink("to-new", place.path("to-to-new")).unwrap();
    place.write("old.tar", b"old");
    fs::hard_link(place.path("old.tar"), place.path("old")).unwrap();
    fs::create_dir(place.path("linked")).unwrap();
    symlink("../lay/blobs", place.path("linked/blobs")).unwrap();
    fs::copy(place.path("lay/index.json"), place.path("linked/index.json")).unwrap();
    fs::copy(place.path("lay/oci-layout"), place.path("linked/oci-layout")).unwrap();
    let before = snapshot(&place.path(""));
    let line = "imgsquash: --report would replace";
    for (arguments, text) in [
        ("in.tar -o out --report in.tar", format!("{line} the input: name another file")),
        ("in.tar -o out --report link", format!("{line} the input")),
        ("in.tar --dry-run --report ./link", format!("{line} the input")),
        ("- -o out --report in.tar <in.tar", format!("{line} the input")),
        ("- -o out --report link <in.tar", format!("{line} the input")),
        ("/dev/stdin -o out --report link <in.tar", format!("{line} the input")),
        ("lay -o out --report lay/index.json", format!("{line} a file of the input")),
        ("lay -o out --report blob", format!("{line} a file of the input")),
        ("linked -o out --report blob", format!("{line} a file of the input")),
        ("in.tar -o out --keep-base base.tar --report base", format!("{line} the base")),
        ("in.tar -o out --keep-base - --report base <base.tar", format!("{line} the base")),
        ("in.tar -o out --keep-base lay --report lay/oci-layout", format!("{line} the base")),
        ("in.tar -o out --rules rules.toml --report rules", format!("{line} the rules")),
        ("in.tar -o out --rules rules --report rules.toml", format!("{line} the rules")),
        ("in.tar -o new.tar --report to-new", format!("{line} --output")),
        ("in.tar -o new.tar --report to-to-new", format!("{line} --output")),
        ("in.tar -o to-to-new --report new.tar", format!("{line} --output")),
        ("in.tar -o old.tar --report old", format!("{line} --output")),
        ("in.tar -o lay --format oci-dir --report lay/report", format!("{line} --output")),
        ("in.tar -o - --report old >>old.tar", format!("{line} --output")),
        ("in.tar -o out --report - >>link", "imgsquash: standard output is the input".to_owned()),
        ("in.tar -o old --report - >>old.tar", "imgsquash: standard output is --output".to_owned()),
        ("in.tar -o - >>link", "imgsquash: standard output is the input".to_owned()),
        ("in.tar -o /dev/stdout 1<>link", "imgsquash: standard output is the input".to_owned()),
    ] {
        let output = run(&place, &format!("imgsquash {arguments}"));
        let message = stderr(&output);
        assert_eq!(code(&output), 2, "{arguments}: {message}");
        assert!(message.starts_with(&text), "{arguments}: {message}");
        assert!(snapshot(&place.path("")) == before, "{arguments}");
    }
    for arguments in
        ["in.tar -o out.tar --report report", "lay -o out.tar --report report", "lay --dry-run --report base"]
    {
        let output = run(&place, &format!("imgsquash -q {arguments}"));
        assert_eq!(code(&output), 0, "{arguments}: {}", stderr(&output));
    }
}

#[test]
fn links_of_a_layout_lead_to_its_own_files_and_not_to_all_of_the_machine() {
    let place = place();
    // A file in many directories behind links, which lead back as well.
    fs::create_dir_all(place.path("far/deep/deeper")).unwrap();
    place.write("far/deep/deeper/report", b"old");
    place.write("far/blob", b"old");
    fs::create_dir(place.path("lay/manifest.d")).unwrap();
    place.write("lay/manifest.d/layer.tar", b"old");
    symlink("../far", place.path("lay/far")).unwrap();
    symlink("../../..", place.path("lay/blobs/up")).unwrap();
    symlink("../../far", place.path("lay/blobs/far")).unwrap();
    for (report, is_taken) in [
        ("far/deep/deeper/report", false),
        ("far/blob", true),
        ("lay/manifest.d/layer.tar", true),
        ("lay/far/deep/deeper/report", false),
    ] {
        let output = run(&place, &format!("imgsquash -q lay --dry-run --report {report}"));
        let expected =
            if is_taken { "imgsquash: --report would replace a file of the input: name another file\n" } else { "" };
        assert_eq!((code(&output), stderr(&output).as_str()), (if is_taken { 2 } else { 0 }, expected), "{report}");
    }
}

/// Runs the command up to where it waits for its base, does `meanwhile`, and lets it go on.
fn with_meanwhile(place: &Place, arguments: &[&str], meanwhile: impl FnOnce(u32)) -> Output {
    assert!(Command::new("mkfifo").arg(place.path("fifo")).status().unwrap().success());
    let mut command = interruptible();
    command.args(arguments).args(["--keep-base", "fifo"]).current_dir(place.path(""));
    let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // Opened when the other end is: what can be known before the work is known by then.
    let mut fifo = File::options().write(true).open(place.path("fifo")).unwrap();
    meanwhile(child.id());
    // It may be gone by now.
    let _ = fifo.write_all(&fs::read(place.path("base.tar")).unwrap());
    drop(fifo);
    fs::remove_file(place.path("fifo")).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn what_comes_into_being_meanwhile_is_not_replaced_either() {
    let place = place();
    let expected = |name: &str| {
        format!("imgsquash: the image is written, but not the report: it would replace {name}: name another file\n")
    };
    type Link = fn(&Place, &Path) -> std::io::Result<()>;
    let cases: [(Link, &str); 4] = [
        (|place, report| fs::hard_link(place.path("in.tar"), report), "the input"),
        (|_, report| symlink("in.tar", report), "the input"),
        (|place, report| fs::hard_link(place.path("rules.toml"), report), "the rules"),
        (|_, report| symlink("out.tar", report), "--output"),
    ];
    for (link, name) in cases {
        let report = place.path("report");
        let arguments = ["-q", "in.tar", "-o", "out.tar", "--rules", "rules.toml", "--report", "report"];
        let output = with_meanwhile(&place, &arguments, |_| link(&place, &report).unwrap());
        assert_eq!((code(&output), stderr(&output)), (3, expected(name)));
        fs::remove_file(&report).unwrap();
        fs::remove_file(place.path("out.tar")).unwrap();
        assert_eq!(place.names(), ["base.tar", "in.tar", "lay", "rules.toml"]);
    }
    assert!(fs::read(place.path("in.tar")).unwrap() == image().save(Form::Both));
    // What is nobody's is replaced, as it would have been at the beginning.
    let output = with_meanwhile(&place, &["-q", "in.tar", "-o", "out.tar", "--report", "report"], |_| {
        place.write("report", b"old");
        place.write("out.tar", b"old");
    });
    assert_eq!((code(&output), stderr(&output)), (0, String::new()));
    assert!(fs::metadata(place.path("report")).unwrap().len() > 3 && mode(&place.path("report")) == 0o644);
}

#[test]
fn a_report_is_put_in_its_place_as_an_output_is() {
    let place = place();
    fs::create_dir(place.path("reports")).unwrap();
    for (report, text) in [
        ("none/report", "cannot write none/report: the directory none does not exist"),
        ("reports", "cannot write reports: it is a directory: name a file"),
    ] {
        let output = run(&place, &format!("imgsquash in.tar -o out.tar --report {report}"));
        assert_eq!((code(&output), stderr(&output)), (3, format!("imgsquash: {text}\n")));
        assert!(!place.path("out.tar").exists(), "it is refused before the work");
    }
    symlink("reports/new.json", place.path("link")).unwrap();
    place.write("old.json", b"old");
    chmod(&place.path("old.json"), 0o600);
    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(place.path(name)).unwrap()).unwrap() };
    let ino = |name: &str| fs::metadata(place.path(name)).unwrap().ino();
    let before = ino("old.json");
    for report in ["link", "old.json", "/dev/stdout >stdout", "- >stdout"] {
        let output = run(&place, &format!("imgsquash -q in.tar -o out.tar --report {report}"));
        assert_eq!((code(&output), stderr(&output)), (0, String::new()), "{report}");
    }
    assert!(place.path("link").is_symlink());
    assert_eq!(read("reports/new.json"), read("old.json"));
    assert_eq!(read("stdout"), read("old.json"));
    assert_eq!(mode(&place.path("old.json")), 0o600);
    assert_ne!(ino("old.json"), before, "it is replaced, never half written");
    let output = run(&place, "imgsquash -q in.tar -o out.tar --report - >/dev/full");
    let text = "the image is written, but not the report: No space left on device (os error 28)";
    assert_eq!((code(&output), stderr(&output)), (3, format!("imgsquash: {text}\n")));
    let output = run(&place, "imgsquash -q in.tar -o out.tar --report /dev/full");
    assert_eq!((code(&output), stderr(&output)), (3, format!("imgsquash: {text}\n")));
    let output = run(&place, "imgsquash -q in.tar --dry-run --report /dev/full");
    let text = "no report is written: No space left on device (os error 28)";
    assert_eq!((code(&output), stderr(&output)), (3, format!("imgsquash: {text}\n")));
}

#[test]
fn the_output_replaces_the_input_as_a_whole_or_not_at_all() {
    let place = place();
    fs::create_dir(place.path("like")).unwrap();
    fs::copy(place.path("rules.toml"), place.path("like/index.json")).unwrap();
    let before = snapshot(&place.path(""));
    let line = "imgsquash: --output would replace";
    for (arguments, text) in [
        ("lay -o lay/index.json", "a file of the input"),
        ("lay -o lay/blobs --format oci-dir", "a file of the input"),
        ("./lay/ -o lay/../lay/oci-layout", "a file of the input"),
        ("in.tar -o base.tar --keep-base base.tar", "the base"),
        ("in.tar -o lay --format oci-dir --keep-base lay", "the base"),
        ("in.tar -o like --format oci-dir --rules like/index.json", "the rules"),
        ("in.tar -o rules.toml --rules rules.toml", "the rules"),
    ] {
        let output = run(&place, &format!("imgsquash {arguments}"));
        let message = stderr(&output);
        assert_eq!(code(&output), 2, "{arguments}: {message}");
        assert!(message.starts_with(&format!("{line} {text}: name another file")), "{arguments}: {message}");
        assert!(snapshot(&place.path("")) == before, "{arguments}");
    }
    for arguments in ["in.tar -o in.tar", "lay -o lay --format oci-dir", "lay -o lay/new.tar"] {
        let output = run(&place, &format!("imgsquash -q {arguments}"));
        assert_eq!((code(&output), stderr(&output)), (0, String::new()), "{arguments}");
    }
}

#[test]
fn a_closed_standard_output_is_told_before_the_work() {
    let place = place();
    for arguments in ["in.tar -o -", "in.tar -o /dev/stdout", "in.tar -o out.tar --report -"] {
        let output = run(&place, &format!("imgsquash {arguments} >&-"));
        let message = stderr(&output);
        assert_eq!(code(&output), 2, "{arguments}: {message}");
        assert!(
            message.starts_with("imgsquash: standard output is closed: redirect it, or name a file\n"),
            "{message}"
        );
        assert!(!place.path("out.tar").exists());
    }
    let output = run(&place, "imgsquash rules >&-");
    assert_eq!(code(&output), 3);
    for line in ["-q in.tar -o - >/dev/null", "-q in.tar -o - 1<>/dev/null", "-q in.tar -o out.tar >&- <&- 2>&-"] {
        assert_eq!(code(&run(&place, &format!("imgsquash {line}"))), 0, "{line}");
    }
}

#[test]
fn a_link_that_leads_to_nothing_says_where_the_output_is_to_be() {
    let place = place();
    fs::create_dir(place.path("releases")).unwrap();
    symlink("releases/next", place.path("latest")).unwrap();
    symlink("latest", place.path("link")).unwrap();
    symlink("none/next", place.path("astray")).unwrap();
    symlink("circle", place.path("circle")).unwrap();
    for format in ["universal", "oci-dir"] {
        for _ in 0..2 {
            let output = run(&place, &format!("imgsquash -q in.tar -o link --format {format}"));
            assert_eq!((code(&output), stderr(&output)), (0, String::new()));
            assert!(place.path("link").is_symlink() && place.path("latest").is_symlink());
        }
        let next = place.path("releases/next");
        assert_eq!((next.is_dir(), next.is_file()), (format == "oci-dir", format == "universal"));
        assert_eq!(fs::read_dir(place.path("releases")).unwrap().count(), 1);
        let _ = fs::remove_file(next);
        for (link, text) in [("astray", "the directory none does not exist"), ("circle", "Too many levels of symbolic")]
        {
            let output = run(&place, &format!("imgsquash -q in.tar -o {link} --format {format}"));
            let message = stderr(&output);
            assert_eq!(code(&output), 3);
            assert!(message.starts_with(&format!("imgsquash: cannot write {link}: {text}")), "{message}");
        }
    }
}

#[test]
fn what_is_replaced_gives_its_mode_and_owner() {
    let place = place();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    for (name, arguments) in [("out.tar", ""), ("report", "--report report"), ("out", "--format oci-dir -o out")] {
        for old in [0o600, 0o640, 0o644, 0o444, 0o660] {
            let run = || run(&place, &format!("umask 022; imgsquash -q in.tar -o out.tar {arguments}"));
            let run =
                || if name == "out" { self::run(&place, &format!("imgsquash -q in.tar {arguments}")) } else { run() };
            assert_eq!(code(&run()), 0);
            let path = place.path(name);
            chmod(&path, if path.is_dir() { old | 0o300 } else { old });
            if is_root {
                std::os::unix::fs::chown(&path, Some(12_345), Some(54_321)).unwrap();
            }
            let before = fs::metadata(&path).unwrap();
            assert_eq!(code(&run()), 0);
            let after = fs::metadata(&path).unwrap();
            assert_ne!(after.ino(), before.ino());
            assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()), "{name}");
        }
    }
    // Nobody may read the new files who could not read the old ones.
    chmod(&place.path("lay/index.json"), 0o600);
    chmod(&place.path("lay/blobs"), 0o750);
    chmod(&place.path("lay/blobs/sha256"), 0o700);
    assert_eq!(code(&run(&place, "umask 022; imgsquash -q in.tar -o lay --format oci-dir")), 0);
    assert_eq!((mode(&place.path("lay/blobs")), mode(&place.path("lay/blobs/sha256"))), (0o750, 0o700));
    for (name, _) in snapshot(&place.path("lay")).iter().filter(|(name, _)| !name.ends_with('/')) {
        assert_eq!(mode(&place.path("lay").join(name)), 0o600, "{name}");
    }
}

#[test]
fn the_place_of_a_report_is_where_it_was_when_the_work_began() {
    let place = place();
    let output = run(&place, "cd lay && imgsquash -q ../in.tar -o . --format oci-dir --report ../report");
    assert_eq!((code(&output), stderr(&output)), (0, String::new()));
    assert_eq!(place.names(), ["base.tar", "in.tar", "lay", "report", "rules.toml"]);
    let output =
        run(&place, "imgsquash -q in.tar -o new.tar && imgsquash -q in.tar -o - >>old.tar && cmp new.tar old.tar");
    assert_eq!((code(&output), stderr(&output)), (0, String::new()));
    let output = run(&place, "imgsquash -q in.tar -o /dev/fd/1 >>old.tar; wc -c <old.tar; wc -c <new.tar");
    let sizes: Vec<u64> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim().parse().unwrap()).collect();
    assert_eq!(sizes[0], 2 * sizes[1], "what a stream holds stays before what is written to it");
}

#[test]
fn an_access_control_list_is_kept_and_none_is_added() {
    let place = place();
    // Version 2; owner, one other user, group, the most that named ones may have, others.
    let list = |other: u16| -> Vec<u8> {
        let entry =
            |tag: u16, may: u16, id: u32| [&tag.to_le_bytes()[..], &may.to_le_bytes(), &id.to_le_bytes()].concat();
        let none = u32::MAX;
        let all =
            [entry(1, 6, none), entry(2, other, 1234), entry(4, 0, none), entry(16, other, none), entry(32, 0, none)];
        [&2_u32.to_le_bytes()[..], &all.concat()].concat()
    };
    let name = "system.posix_acl_access";
    let get = |path: &Path| -> Option<Vec<u8>> {
        let mut bytes = vec![0; 1000];
        let len = rustix::fs::getxattr(path, name, &mut bytes[..]).ok()?;
        bytes.truncate(len);
        Some(bytes)
    };
    let set = |path: &Path, name: &str| rustix::fs::setxattr(path, name, &list(4), rustix::fs::XattrFlags::empty());
    let (out, plain) = (place.write("out.tar", b"old"), place.write("plain.tar", b"old"));
    if set(&out, name).is_err() {
        return; // not on this file system
    }
    chmod(&plain, 0o640);
    set(&place.path(""), "system.posix_acl_default").unwrap();
    for output in ["out.tar", "plain.tar"] {
        assert_eq!(code(&run(&place, &format!("imgsquash -q in.tar -o {output}"))), 0);
    }
    assert_eq!((mode(&out), get(&out)), (0o640, Some(list(4))));
    assert_eq!((mode(&plain), get(&plain)), (0o640, None), "those named by the directory could not read the old one");
}

#[test]
fn nothing_but_a_layout_is_replaced_by_a_layout() {
    for unknown in [
        "lay/notes.txt",
        "lay/blobs/notes.txt",
        "lay/blobs/sha256/notes.txt",
        "lay/blobs/sha256/.next0",
        "lay/blobs/md5/",
        "lay/blobs/sha256/dir/",
        "lay/manifest.json/",
    ] {
        let place = place();
        match unknown.strip_suffix('/') {
            Some(directory) => fs::create_dir(place.path(directory)).unwrap(),
            None => drop(place.write(unknown, b"mine")),
        }
        let before = snapshot(&place.path(""));
        let output = run(&place, "imgsquash in.tar -o lay --format oci-dir");
        let name = unknown.trim_start_matches("lay/").trim_end_matches('/');
        let expected = format!(
            "imgsquash: cannot write lay: it holds {name:?}, which would be lost: give a new or empty directory\n"
        );
        assert_eq!((code(&output), stderr(&output)), (3, expected));
        assert!(snapshot(&place.path("")) == before);
    }
    let place = place();
    place.write("file", b"mine");
    let output = run(&place, "imgsquash in.tar -o file --format oci-dir");
    let text = "imgsquash: cannot write file: it is not a directory: give a new or empty directory\n";
    assert_eq!((code(&output), stderr(&output).as_str()), (3, text));
    // What turns up while the work is done stays too.
    let arguments = ["-q", "in.tar", "-o", "lay", "--format", "oci-dir"];
    let output = with_meanwhile(&place, &arguments, |_| drop(place.write("lay/blobs/sha256/mine", b"mine")));
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(place.path("lay/blobs/sha256/mine").exists() && place.names().len() == 5, "{:?}", place.names());
}

#[test]
fn a_signal_ends_the_process_and_one_that_was_ignored_does_not() {
    let place = place();
    let before = snapshot(&place.path(""));
    for (name, number) in [("INT", 2), ("TERM", 15), ("HUP", 1), ("QUIT", 3), ("XCPU", 24)] {
        for format in ["universal", "oci-dir"] {
            let arguments = ["-q", "in.tar", "-o", "out", "--format", format];
            let output = with_meanwhile(&place, &arguments, |id| {
                assert!(shell(&place, &format!("kill -s {name} {id}")).status.success());
            });
            assert_eq!((output.status.signal(), stderr(&output)), (Some(number), String::new()), "{name}");
            assert!(snapshot(&place.path("")) == before, "{name}");
        }
    }
    let script = format!(
        "mkfifo fifo; trap '' HUP; {BINARY} -q fifo -o out.tar & exec 3>fifo; kill -s HUP $!; cat in.tar >&3; exec 3>&-; \
         wait $!"
    );
    let output = shell(&place, &script);
    assert_eq!((code(&output), stderr(&output)), (0, String::new()));
}
