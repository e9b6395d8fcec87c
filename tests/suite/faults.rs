//! Everything that the system may refuse, refused once: whatever fails, the target is the old or the new, nothing else
//! is left, and the exit code says which.
//!
//! A run is watched with strace. Then it is repeated for each call that it made where its output goes: the call fails,
//! or a signal arrives with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

use super::output::snapshot;
use crate::support::archive::{Form, Image};
use crate::support::layer::Entry;
use crate::support::node::{Kind, Node};
use crate::support::run::{Place, stderr};

const BINARY: &str = env!("CARGO_BIN_EXE_imgsquash");

/// The calls that can leave half of something, and those that clear it away.
const CALLS: &str = "open,openat,write,pwrite64,copy_file_range,sendfile,splice,ftruncate,rename,renameat,renameat2,\
                     link,linkat,fsync,fdatasync,mkdir,mkdirat,unlink,unlinkat,rmdir,chmod,fchmod,fchown";

/// A layer that is kept and copied, and two that are squashed.
fn archive() -> Vec<u8> {
    let layer = |name: &str| {
        let node = Node::new(Kind::File(name.repeat(3000).into_bytes()));
        [Entry { name: name.as_bytes().to_vec(), node }.tar(), vec![0; 1024]].concat()
    };
    Image::new(["one", "two", "three"].map(layer).to_vec()).save(Form::Oci)
}

/// One kind of target.
struct Case {
    place: Place,
    /// What is done with `in.tar`.
    arguments: &'static str,
    /// What is there before: the outputs of an earlier run, without `in.tar`.
    old: Snapshot,
    /// What is there after a run.
    new: Snapshot,
    stdout: Stdout,
    /// Calls that this system does not have, and how strace is told.
    refused: Vec<(&'static str, String)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Stdout {
    Nothing,
    File,
    Pipe,
}

type Snapshot = BTreeMap<String, Vec<u8>>;

impl Case {
    fn new(arguments: &'static str, prepare: impl FnOnce(&Place)) -> Self {
        Self::with_stdout(arguments, Stdout::Nothing, prepare)
    }

    fn with_stdout(arguments: &'static str, stdout: Stdout, prepare: impl FnOnce(&Place)) -> Self {
        let place = Place::new();
        place.write("in.tar", &archive());
        prepare(&place);
        let old = snapshot(&place.path(""));
        let mut case = Self { place, arguments, new: old.clone(), old, stdout, refused: Vec::new() };
        let output = case.run(&mut Command::new(BINARY));
        assert!(output.status.success(), "{}", stderr(&output));
        case.new = snapshot(&case.place.path(""));
        assert!(case.new != case.old || stdout == Stdout::Pipe);
        case.restore();
        case
    }

    /// Runs a command with the arguments; what it prints to standard output goes where the case says.
    fn run(&self, command: &mut Command) -> Output {
        command.args(["-q", "in.tar", "--keep-layers", "1", "-j", "1"]).args(self.arguments.split(' '));
        command.env_remove("SOURCE_DATE_EPOCH").env_remove("TMPDIR").current_dir(self.place.path(""));
        if self.stdout == Stdout::File {
            command.stdout(fs::File::create(self.place.path("stdout")).unwrap());
        } else {
            command.stdout(Stdio::piped());
        }
        command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
    }

    /// The same on a system that lacks what it uses in calls that `is_it` says something of.
    fn without(mut self, call: &'static str, error: &str, is_it: &str) -> Self {
        let (_, log) = self.trace(call, None);
        self.restore();
        let lines = log.lines().filter(|line| line.contains(&format!(" {call}(")));
        let calls: Vec<usize> =
            lines.enumerate().filter(|(_, line)| line.contains(is_it)).map(|(at, _)| at + 1).collect();
        assert_eq!(calls.len(), 1, "{log}");
        self.refused.push((call, format!("inject={call}:error={error}:when={}", calls[0])));
        self
    }

    /// Runs it under strace, which watches these calls. Returns what was seen too.
    fn trace(&self, calls: &str, inject: Option<&str>) -> (Output, String) {
        let log = Place::new();
        let mut strace = Command::new("strace");
        strace.args(["-f", "--seccomp-bpf", "-qq", "-y", "-s", "512", "-o"]).arg(log.path("log"));
        let refused = self.refused.iter().map(|(call, _)| format!(",{call}"));
        strace.args(["-e", &format!("trace={calls}{}", refused.collect::<String>())]);
        let refused = self.refused.iter().map(|(_, inject)| inject.as_str());
        for inject in refused.chain(inject) {
            strace.args(["-e", inject]);
        }
        let output = self.run(strace.arg(BINARY));
        (output, fs::read_to_string(log.path("log")).unwrap())
    }

    /// Makes everything as it was before.
    fn restore(&self) {
        let found = snapshot(&self.place.path(""));
        if found == self.old {
            return;
        }
        for name in found.keys().rev().filter(|name| !name.is_empty() && *name != "/") {
            let path = self.place.path(name);
            if !self.old.contains_key(name) && fs::symlink_metadata(&path).is_ok() {
                if path.is_dir() && !path.is_symlink() {
                    fs::remove_dir_all(path).unwrap();
                } else {
                    fs::remove_file(path).unwrap();
                }
            }
        }
        for (name, bytes) in &self.old {
            let path = self.place.path(name);
            if name.ends_with('/') {
                fs::create_dir_all(path).unwrap();
            } else if !path.is_symlink() && fs::read(&path).ok().as_ref() != Some(bytes) {
                fs::write(path, bytes).unwrap();
            }
        }
        assert!(snapshot(&self.place.path("")) == self.old);
    }

    /// The calls where the output goes: each with the how-manieth of a thread's it was.
    fn calls(&self) -> BTreeSet<(String, usize)> {
        let (output, log) = self.trace(CALLS, None);
        assert!(output.status.success(), "{}", stderr(&output));
        self.restore();
        let directory = self.place.path("").to_str().unwrap().trim_end_matches('/').to_owned();
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut calls = BTreeSet::new();
        for line in log.lines() {
            let Some((thread, call)) = line.split_once(' ') else { continue };
            let Some((name, arguments)) = call.trim_start().split_once('(') else { continue };
            if name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
                continue;
            }
            let count = counts.entry((thread, name)).or_default();
            *count += 1;
            // Relative paths are below the directory that is given for them.
            let named = arguments.replacen(&format!("AT_FDCWD<{directory}>, \"/"), "\"/", 1);
            if named.contains(&directory) || arguments.starts_with("1<") || arguments.contains(" 1<") {
                calls.insert((name.to_owned(), *count));
            }
        }
        calls
    }

    /// Runs it with one thing gone wrong, and looks at what is left. Returns whether it went wrong.
    fn inject(&self, call: &str, what: &str, at: usize) -> bool {
        let inject = format!("inject={call}:{what}:when={at}");
        let (output, log) = self.trace(call, Some(&inject));
        let mut found = snapshot(&self.place.path(""));
        let (about, message) = (format!("{inject} of {}", self.arguments), stderr(&output));
        let is_stream = self.stdout != Stdout::Nothing;
        if is_stream {
            found.remove("stdout");
        }
        let is_old = found.iter().eq(self.old.iter().filter(|(name, _)| !is_stream || *name != "stdout"));
        let is_new = found.iter().eq(self.new.iter().filter(|(name, _)| !is_stream || *name != "stdout"));
        let mut image = self.new.clone();
        match self.old.get("report.json") {
            Some(old) => drop(image.insert("report.json".to_owned(), old.clone())),
            None => drop(image.remove("report.json")),
        }
        let left: Vec<&String> = found.keys().filter(|name| name.contains(".imgsquash-")).collect();
        // The message may be what fails.
        let is_mute = log.lines().any(|line| line.contains(" write(2<") && line.ends_with("(INJECTED)"));
        match (output.status.code(), output.status.signal()) {
            (Some(0), _) if message.is_empty() => assert!(is_new, "{about}: {left:?}"),
            (Some(0), _) => {
                // What is left of the old directory is told, and that is all that there is.
                let expected = "note: the old directory is now ";
                assert!(message.starts_with(expected) && message.lines().count() == 1, "{about}: {message}");
                assert!(call.starts_with("unlink") || call == "rmdir", "{about}");
                found.retain(|name, _| !name.contains(".imgsquash-"));
                assert!(found == self.new, "{about}");
            }
            (Some(3), _) => {
                let is_line = message.starts_with("imgsquash: ") && message.lines().count() == 1;
                assert!(is_line || is_mute, "{about}: {message}");
                let is_expected = if message.contains("the image is written") { found == image } else { is_old };
                assert!(is_expected, "{about}: {message}: {left:?}");
            }
            (None, Some(15)) if what == "signal=TERM" => {
                assert_eq!(message, "", "{about}");
                assert!(is_old || is_new || found == image, "{about}: {left:?}");
            }
            (None, Some(9)) if what == "signal=KILL" => {
                // Nobody can clear up then; but what has its name is whole.
                found.retain(|name, _| !name.contains(".imgsquash-"));
                assert!(found == self.old || found == self.new || found == image || is_stream, "{about}");
            }
            _ => panic!("{about}: {:?}: {message}", output.status),
        }
        if self.stdout == Stdout::Pipe && output.status.success() {
            assert!(output.stdout.len() > 1000 && output.stdout.ends_with(&[0; 1024]), "{about}");
        }
        self.restore();
        let is_it = |line: &str| line.contains(&format!(" {call}(")) || line.contains(&format!("<... {call} resumed>"));
        what.starts_with("signal") || log.lines().any(|line| is_it(line) && line.ends_with("(INJECTED)"))
    }

    /// Everything once.
    fn fail_everything(&self) {
        let calls = self.calls();
        let mut missed = Vec::new();
        for (call, at) in &calls {
            let error = match call.as_str() {
                "fsync" | "fdatasync" => "error=EIO",
                "open" | "openat" => "error=EMFILE",
                _ => "error=ENOSPC",
            };
            if self.refused.iter().any(|(refused, _)| refused == call) {
                continue;
            }
            for what in [error, "signal=TERM", "signal=KILL"] {
                // Between two renames there is no target, and nobody who could give the old one its name back.
                if what == "signal=KILL" && !self.refused.is_empty() {
                    continue;
                }
                if !self.inject(call, what, *at) {
                    missed.push((call, at));
                }
            }
        }
        // How much one write takes may differ from run to run, and nothing else.
        assert!(calls.len() > 5 && missed.iter().all(|(call, _)| *call == "write"), "{missed:?} of {calls:?}");
    }
}

/// What must be so whenever the system has too little: the new and nothing said, or the old and a line.
fn whole_or_nothing(case: &Case, limit: &str) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit {limit}; exec \"$0\" \"$@\""), BINARY]);
    let output = case.run(&mut shell);
    let (found, message) = (snapshot(&case.place.path("")), stderr(&output));
    let about = format!("{limit} for {}: {message}", case.arguments);
    match output.status.code() {
        Some(0) => assert!(message.is_empty() && found == case.new, "{about}"),
        Some(3) => {
            // The C library speaks for itself when it has no memory.
            let is_said = |line: &str| line.starts_with("imgsquash: ") || line.starts_with("Fatal glibc error: ");
            assert!(message.lines().all(is_said) && (1..3).contains(&message.lines().count()), "{about}");
            assert!(found == case.old, "{about}");
        }
        _ => panic!("{about}: {:?}", output.status),
    }
    case.restore();
    output.status.success()
}

/// The first of the limits with which the command begins at all.
fn beginning(limits: impl Iterator<Item = String>) -> Vec<String> {
    let begins = |limit: &String| {
        let script = format!("ulimit {limit}; exec {BINARY} --version");
        Command::new("sh").args(["-c", &script]).output().unwrap().status.success()
    };
    limits.skip_while(|limit| !begins(limit)).collect()
}

/// Runs it with more and more until it is enough, which it must be in the end.
fn until_it_is_enough(limits: &[String]) {
    for arguments in ["-o out.tar", "-o out --format oci-dir"] {
        let case = Case::new(arguments, |place| first(place, arguments));
        let refused = limits.iter().take_while(|limit| !whole_or_nothing(&case, limit)).count();
        assert!(0 < refused && refused < limits.len(), "{refused} of {}", limits.len());
    }
}

#[test]
fn a_file_that_may_not_be_as_large_is_not_there() {
    until_it_is_enough(&beginning((0..100).map(|blocks| format!("-f {blocks}"))));
}

#[test]
fn too_few_open_files_are_told() {
    until_it_is_enough(&beginning((3..100).map(|files| format!("-n {files}"))));
}

#[test]
fn the_end_of_memory_is_told() {
    until_it_is_enough(&beginning((4..500).map(|steps| format!("-v {}", steps * 1024))));
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_thread_that_cannot_begin_is_told() {
    let case = Case::new("-o out.tar", |_| ());
    let mut at = 0;
    loop {
        at += 1;
        let inject = format!("inject=clone3,clone:error=EAGAIN:when={at}");
        let (output, log) = case.trace("clone3,clone", Some(&inject));
        if !log.contains("(INJECTED)") {
            break;
        }
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{message}");
        assert!(message.starts_with("imgsquash: cannot begin") && message.lines().count() == 1, "{message}");
        assert!(snapshot(&case.place.path("")) == case.old);
    }
    assert!(at > 3);
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_file_that_has_to_have_a_name_is_the_old_or_the_new() {
    let case = Case::new("-o out.tar", |place| drop(place.write("out.tar", b"old")));
    case.without("open", "EOPNOTSUPP", "O_TMPFILE").fail_everything();
    let case = Case::new("-o out.tar", |place| drop(place.write("out.tar", b"old")));
    case.without("linkat", "EXDEV", "out.tar").fail_everything();
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_directory_that_cannot_be_exchanged_is_the_old_or_the_new() {
    let case = Case::new("-o out --format oci-dir", |place| first(place, "-o out --format oci-dir"));
    case.without("renameat2", "EINVAL", "RENAME_EXCHANGE").fail_everything();
}

#[test]
#[ignore = "needs root or namespaces of users: tests/run"]
fn a_machine_without_proc_makes_the_same() {
    for arguments in ["-o out.tar", "-o out --format oci-dir", "-o out.tar --report report.json"] {
        let case = Case::new(arguments, |_| ());
        for _ in 0..2 {
            let mut unshare = Command::new("unshare");
            unshare.args(["--map-root-user", "--mount", "sh", "-c"]);
            unshare.args(["mount -t tmpfs none /proc && ! [ -e /proc/self ] && exec \"$0\" \"$@\"", BINARY]);
            let output = case.run(&mut unshare);
            assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
            assert!(snapshot(&case.place.path("")) == case.new);
        }
    }
}

#[test]
#[ignore = "needs root or namespaces of users: tests/run"]
fn what_is_mounted_is_refused_before_the_work() {
    for (format, make) in [("universal", "touch out at"), ("oci-dir", "mkdir out at")] {
        let place = Place::new();
        place.write("in.tar", &archive());
        let script = format!("{make} && mount --bind at out && exec {BINARY} in.tar -o out --format {format}");
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--mount", "sh", "-c", &script]).current_dir(place.path(""));
        let output = unshare.output().unwrap();
        let text = "something is mounted there, which cannot be replaced: name a file or directory in it";
        assert_eq!(stderr(&output), format!("imgsquash: cannot write out: {text}\n"));
        assert_eq!(
            (output.status.code(), place.names()),
            (Some(3), ["at", "in.tar", "out"].map(str::to_owned).to_vec())
        );
    }
}

fn first(place: &Place, arguments: &str) {
    let mut command = Command::new(BINARY);
    let output =
        command.args(["-q", "in.tar"]).args(arguments.split(' ')).current_dir(place.path("")).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_new_file_is_whole_or_not_there() {
    Case::new("-o out.tar", |_| ()).fail_everything();
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_file_that_is_replaced_is_the_old_or_the_new() {
    Case::new("-o out.tar", |place| drop(place.write("out.tar", b"old"))).fail_everything();
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_file_behind_a_link_is_the_old_or_the_new() {
    let case = Case::new("-o link", |place| {
        fs::create_dir(place.path("deep")).unwrap();
        place.write("deep/out.tar", b"old");
        symlink("deep/out.tar", place.path("link")).unwrap();
    });
    case.fail_everything();
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_new_directory_is_whole_or_not_there() {
    Case::new("-o out --format oci-dir", |_| ()).fail_everything();
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_directory_that_is_replaced_is_the_old_or_the_new() {
    Case::new("-o out --format oci-dir", |place| first(place, "-o out --format oci-dir")).fail_everything();
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_stream_is_whole_when_the_code_says_so() {
    Case::with_stdout("-o - --tmp-dir .", Stdout::File, |_| ()).fail_everything();
    Case::with_stdout("-o - --tmp-dir .", Stdout::Pipe, |_| ()).fail_everything();
}

#[test]
#[ignore = "needs strace: tests/run"]
fn a_report_is_the_old_or_the_new_whatever_becomes_of_the_image() {
    let case = Case::new("-o out.tar --report report.json", |place| {
        place.write("out.tar", b"old");
        place.write("report.json", b"old");
    });
    case.fail_everything();
}
