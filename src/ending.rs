//! How the process ends: by a signal, for want of something or with a code. Whichever it is, nothing is left behind.

use std::cell::Cell;
use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::stdio::{dup2_stderr, stderr};
use signal_hook::consts::{SIGABRT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXCPU, SIGXFSZ};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

/// Whether a signal is ending the process. Set before anything is taken away.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether there is a thread that tidies up.
static WATCHED: AtomicBool = AtomicBool::new(false);

/// Whether a write went beyond the largest size that a file may have.
static TOO_LARGE: AtomicBool = AtomicBool::new(false);

/// Memory put by for tidying up. Never touched, it takes none until there is no other.
static RESERVED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
/// Bytes of each: those of a few open directories.
const RESERVE: usize = 1 << 20;
/// How many there are, because other threads may take what is freed.
const RESERVES: usize = 4;

thread_local! {
    /// Whether this thread tidies up.
    static TIDIES: Cell<bool> = const { Cell::new(false) };
}

/// Input or output failed.
pub(crate) const FAILED: u8 = 3;

/// Sees to it that from now on signals end the process only when what they would leave behind is removed.
pub(crate) fn watch() -> io::Result<()> {
    // Handled in any way, the write fails instead, and that is an error like others.
    signal_hook::flag::register(SIGXFSZ, &TOO_LARGE)?;
    let is_ignored = ignored();
    let ending: Vec<i32> =
        [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU].into_iter().filter(|signal| !is_ignored(*signal)).collect();
    for signal in &ending {
        // By the handler, so that it holds before any thread could go on.
        signal_hook::flag::register(*signal, &INTERRUPTED)?;
    }
    let signals = Signals::new(ending.into_iter().chain([SIGABRT]))?;
    *reserved() = (0..RESERVES).map(|_| Vec::with_capacity(RESERVE)).collect();
    std::thread::Builder::new().spawn(|| tidy_up(signals))?;
    WATCHED.store(true, Ordering::SeqCst);
    Ok(())
}

/// What the thread for signals does.
fn tidy_up(mut signals: Signals) {
    for signal in signals.forever() {
        TIDIES.set(true);
        imgsquash::output::abandon(more);
        if signal == SIGABRT {
            low_level::exit(FAILED.into());
        }
        let _ = low_level::emulate_default_handler(signal);
    }
}

/// Frees a reserve of memory, if this is the thread that tidies up and there is one left.
pub(crate) fn more() -> bool {
    TIDIES.get() && reserved().pop().is_some()
}

fn reserved() -> MutexGuard<'static, Vec<Vec<u8>>> {
    RESERVED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The code to end with, unless a signal ends the process in a moment: what failed then may have failed because of it.
pub(crate) fn with(code: u8) -> ExitCode {
    while INTERRUPTED.load(Ordering::SeqCst) && WATCHED.load(Ordering::SeqCst) {
        std::thread::park();
    }
    ExitCode::from(code)
}

/// Says why, once, and ends the process when what would be left behind is removed. Takes no memory and nothing that
/// another thread may hold: that one tidies up.
pub(crate) fn at_once(line: &[u8]) -> ! {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::SeqCst) && !INTERRUPTED.load(Ordering::SeqCst) {
        let _ = rustix::io::write(stderr(), line);
        // The C library has something to say too when it lacks the same in another thread.
        if let Ok(nowhere) = open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
            let _ = dup2_stderr(nowhere);
        }
    }
    if WATCHED.load(Ordering::SeqCst) {
        let _ = low_level::raise(SIGABRT);
    }
    low_level::exit(FAILED.into())
}

/// Waits for the thread that tidies up to end the process, but not for ever: it may lack the same as the own one. Only
/// sleeps, as a signal handler may.
pub(crate) fn wait() {
    std::thread::sleep(Duration::from_secs(5));
}

/// Which signals were ignored when the process began, as `nohup` has it: they still are.
fn ignored() -> impl Fn(i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    move |signal| mask >> (signal - 1) & 1 == 1
}
