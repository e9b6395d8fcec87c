//! The command: reads arguments, runs one squash, prints what came of it, and picks the exit code.

mod bar;
mod cli;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use imgsquash::output::{SideFile, Taken};
use imgsquash::progress::Progress;
use imgsquash::report::{Report, text};
use imgsquash::text::line;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The arguments are wrong, or contradict each other.
const WRONG_USAGE: u8 = 2;
/// Nothing went wrong on our side, but a promise was broken: see `imgsquash::Error`.
const INTERNAL: u8 = 4;
/// Input or output failed.
const FAILED: u8 = 3;

/// Characters of a message. What an archive says in it may be long.
const MAX_MESSAGE: usize = 2000;

/// Whether a signal is ending the process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    cli::arguments().and_then(|arguments| asked(&arguments)).unwrap_or_else(|problem| fail(&problem, WRONG_USAGE))
}

/// Does what was asked for; an error is wrong usage.
fn asked(arguments: &cli::Arguments) -> Result<ExitCode, String> {
    Ok(match &arguments.command {
        Some(cli::Command::Rules { id, rules }) => print_out(&cli::rules(id.as_deref(), rules.as_deref())?),
        Some(cli::Command::Diff(diff)) => {
            let request = diff.request()?;
            run(diff.is_quiet(), |progress| diff.run(&request, progress), shown)
        }
        Some(cli::Command::Verify(verify)) => {
            let request = verify.request()?;
            run(verify.is_quiet(), |progress| verify.run(&request, progress), shown)
        }
        None => {
            let (request, taken) = (arguments.request()?, arguments.taken()?);
            let side = match side_file(arguments.report.as_ref()) {
                Ok(side) => side,
                Err(problem) => return Ok(fail(&problem, FAILED)),
            };
            run(
                arguments.quiet,
                |progress| imgsquash::squash(&request, progress),
                |report| squashed(arguments.quiet, &report, side, &taken),
            )
        }
    })
}

/// Does what was asked for, and tells what came of it with `tell`; whatever goes wrong is one line.
fn run<T>(
    is_quiet: bool,
    what: impl FnOnce(&dyn Progress) -> Result<T, imgsquash::Error>,
    tell: impl FnOnce(T) -> ExitCode,
) -> ExitCode {
    remove_temporary_files_on_signals();
    std::panic::set_hook(Box::new(|_| ()));
    let bar = (!is_quiet).then(bar::Bar::for_terminal).flatten();
    let progress: &dyn Progress = bar.as_ref().map_or(&(), |bar| bar);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| what(progress)));
    drop(bar);
    if INTERRUPTED.load(Ordering::SeqCst) {
        // What failed now failed because its files were taken away; the signal ends the process in a moment.
        std::thread::park();
    }
    match outcome {
        Ok(Ok(done)) => tell(done),
        Ok(Err(error)) => fail(&error.to_string(), error.exit_code()),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
            let text = text.unwrap_or("unknown");
            fail(&format!("internal error, nothing was written: {text}; please report this"), INTERNAL)
        }
    }
}

/// Tells of a squash.
fn squashed(is_quiet: bool, report: &Report, side: Option<SideFile>, taken: &Taken) -> ExitCode {
    say(&text::notes(report));
    if !is_quiet {
        say(&text::account(report));
    }
    let image =
        if report.output.is_some() { "the image is written, but not the report" } else { "no report is written" };
    match write_report(side, report, taken) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => fail(&format!("{image}: {problem}"), FAILED),
    }
}

/// Prints what a verb has to say.
fn shown(shown: cli::Shown) -> ExitCode {
    say(&shown.err);
    let lines = shown.out.iter().map(|text| if shown.is_json { text.clone() } else { line(text, MAX_MESSAGE) } + "\n");
    let printed = print_out(&lines.collect::<String>());
    if printed == ExitCode::SUCCESS { ExitCode::from(shown.code) } else { printed }
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

/// Tells that it failed, in one line.
fn fail(message: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "imgsquash: {}", line(message, MAX_MESSAGE));
    ExitCode::from(code)
}

/// Prints lines to standard error, so that an archive can go to standard output.
fn say(lines: &[String]) {
    let text: String = lines.iter().map(|text| line(text, MAX_MESSAGE) + "\n").collect();
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The file for the report, whose place is found before the work.
fn side_file(path: Option<&PathBuf>) -> Result<Option<SideFile>, String> {
    let Some(path) = path else { return Ok(None) };
    let file = SideFile::create(cli::target(path));
    file.map(Some).map_err(|problem| format!("cannot write {}: {problem}", path.display()))
}

fn write_report(file: Option<SideFile>, report: &Report, taken: &Taken) -> std::io::Result<()> {
    let Some(file) = file else { return Ok(()) };
    let json = imgsquash::text::json(&serde_json::to_string_pretty(report)?) + "\n";
    file.finish(json.as_bytes(), taken)
}

fn remove_temporary_files_on_signals() {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    std::thread::spawn(move || {
        for signal in signals.forever() {
            INTERRUPTED.store(true, Ordering::SeqCst);
            imgsquash::output::abandon(|| false);
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
}
