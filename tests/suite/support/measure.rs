//! What a run of the command takes: processor time, as Linux counts it for its process.

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
    let time = watch(&mut child, limit);
    let status = child.wait().unwrap();
    Measured { status, stderr: std::fs::read_to_string(errors).unwrap(), time }
}

/// Looks at a process again and again until it has ended. It is not waited for until then, so that what it took can still
/// be read.
fn watch(child: &mut Child, limit: Duration) -> Duration {
    let directory = format!("/proc/{}", child.id());
    loop {
        let stat = std::fs::read_to_string(format!("{directory}/stat")).unwrap();
        // Behind the name, which may have spaces in it: the state, and as the 12th and 13th the time in ticks.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
        let time = Duration::from_millis(10 * (ticks(11) + ticks(12)));
        if fields[0] == "Z" {
            return time;
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
