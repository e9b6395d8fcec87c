//! The command: reads arguments, runs one squash, prints what came of it, and picks the exit code.

mod account;
mod bar;
mod cli;

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use imgsquash::progress::Progress;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Nothing went wrong on our side, but a promise was broken: see `imgsquash::Error`.
const INTERNAL: u8 = 4;
/// Input or output failed.
const FAILED: u8 = 3;

/// Characters of a message. What an archive says in it may be long.
const MAX_MESSAGE: usize = 2000;

/// Whether a signal is ending the process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    let arguments = cli::arguments();
    if let Some(cli::Command::Rules { id, rules }) = &arguments.command {
        return match cli::rules(id.as_deref(), rules.as_deref()) {
            Ok(text) => print_out(&text),
            Err(problem) => cli::usage_error(&problem),
        };
    }
    let request = match arguments.request() {
        Ok(request) => request,
        Err(problem) => cli::usage_error(&problem),
    };
    remove_temporary_files_on_signals();
    std::panic::set_hook(Box::new(|_| ()));
    let bar = (!arguments.quiet).then(bar::Bar::for_terminal).flatten();
    let progress: &dyn Progress = bar.as_ref().map_or(&(), |bar| bar);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| imgsquash::squash(&request, progress)));
    drop(bar);
    if INTERRUPTED.load(Ordering::SeqCst) {
        // What failed now failed because its files were taken away; the signal ends the process in a moment.
        std::thread::park();
    }
    match outcome {
        Ok(Ok(report)) => {
            account::notes(&report);
            if !arguments.quiet {
                account::print(&report, &request);
            }
            match write_report(arguments.report.as_deref(), &report) {
                Ok(()) => ExitCode::SUCCESS,
                Err(problem) => fail(&format!("the image is written, but not the report: {problem}"), FAILED),
            }
        }
        Ok(Err(error)) => fail(&error.to_string(), error.exit_code()),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
            let text = text.unwrap_or("unknown");
            fail(&format!("internal error, nothing was written: {text}; please report this"), INTERNAL)
        }
    }
}

/// Prints what was asked for. A reader that has seen enough is no failure.
fn print_out(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(problem) if problem.kind() != std::io::ErrorKind::BrokenPipe => {
            fail(&format!("cannot write to standard output: {problem}"), FAILED)
        }
        _ => ExitCode::SUCCESS,
    }
}

fn fail(message: &str, code: u8) -> ExitCode {
    // Names from archives are escaped where they come in; a message is one line whatever else it carries.
    let mut line: String = message.chars().take(MAX_MESSAGE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() < message.len() {
        line.push('…');
    }
    let _ = writeln!(std::io::stderr(), "imgsquash: {line}");
    ExitCode::from(code)
}

fn write_report(target: Option<&std::path::Path>, report: &imgsquash::report::Report) -> std::io::Result<()> {
    let Some(path) = target else { return Ok(()) };
    let mut json = serde_json::to_vec_pretty(report)?;
    json.push(b'\n');
    if path.as_os_str() == "-" { std::io::stdout().write_all(&json) } else { std::fs::write(path, json) }
}

fn remove_temporary_files_on_signals() {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    std::thread::spawn(move || {
        for signal in signals.forever() {
            INTERRUPTED.store(true, Ordering::SeqCst);
            imgsquash::output::abandon();
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
}
