//! What a run of the command takes: processor time and memory, as Linux counts them for its process.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use super::run::{Place, command};

/// A run that has ended.
pub(crate) struct Measured {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
    /// Processor time of all its threads, to 10 ms.
    pub(crate) time: Duration,
    /// The most memory it had, in bytes.
    pub(crate) memory: u64,
}

/// Squashes `archive` with these arguments. A run that takes more processor time than `limit` is ended.
pub(crate) fn measured(archive: &[u8], arguments: &[&str], limit: Duration) -> Measured {
    let place = Place::new();
    let input = place.write("in.tar", archive);
    let errors = place.path("errors");
    let mut child = command()
        .arg(&input)
        .arg("-o")
        .arg(place.path("out.tar"))
        .arg("--quiet")
        .args(arguments)
        .stderr(File::create(&errors).unwrap())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let (time, memory) = watch(&mut child, limit);
    let status = child.wait().unwrap();
    Measured { status, stderr: std::fs::read_to_string(errors).unwrap(), time, memory }
}

/// Looks at a process again and again until it has ended. It is not waited for until then, so that what it took can
/// still be read.
fn watch(child: &mut Child, limit: Duration) -> (Duration, u64) {
    let directory = format!("/proc/{}", child.id());
    let mut memory = 0;
    loop {
        let status = std::fs::read_to_string(format!("{directory}/status")).unwrap();
        if let Some(line) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
            let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
            memory = memory.max(kibibytes << 10);
        }
        let stat = std::fs::read_to_string(format!("{directory}/stat")).unwrap();
        // Behind the name, which may have spaces in it: the state, and as the 12th and 13th the time in ticks.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
        let time = Duration::from_millis(10 * (ticks(11) + ticks(12)));
        if fields[0] == "Z" {
            return (time, memory);
        }
        if time > limit {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Measured {
    /// The exit code, or why there is none.
    pub(crate) fn code(&self) -> Result<i32, String> {
        self.status.code().ok_or_else(|| format!("ended by signal {:?}", self.status.signal()))
    }
}
