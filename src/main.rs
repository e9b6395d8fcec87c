//! The command: reads arguments, does what one verb does, prints what came of it, and picks the exit code.

mod bar;
mod cli;
mod closed;
mod ending;
mod many;
mod memory;

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::process::CommandExt as _;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::OnceLock;

use imgsquash::output::{SideFile, Taken};
use imgsquash::progress::Progress;
use imgsquash::report::{Report, text};
use imgsquash::text::line;

use self::ending::FAILED;

/// The arguments are wrong, or contradict each other.
const WRONG_USAGE: u8 = 2;

/// Nothing went wrong on our side, but a promise was broken: see `imgsquash::Error`.
const INTERNAL: u8 = 4;

/// Characters of a message. What an archive says in it may be long.
const MAX_MESSAGE: usize = 2000;

/// What the first thread that panicked said, and where: those that wait for it only know that it did.
static PANIC: OnceLock<String> = OnceLock::new();

fn main() -> ExitCode {
    if let Err(problem) = ending::watch().and_then(|()| memory::watch()) {
        return fail(&format!("cannot begin: {problem}"), FAILED);
    }
    let given: Vec<OsString> = std::env::args_os().collect();
    if let Some(plugin) = cli::called(&given) {
        return plugin.map_or_else(|problem| fail(&problem, WRONG_USAGE), as_plugin);
    }
    cli::arguments().and_then(|arguments| asked(&arguments)).unwrap_or_else(|problem| fail(&problem, WRONG_USAGE))
}

/// Does what docker asks its plugin for.
fn as_plugin(plugin: cli::Plugin) -> ExitCode {
    match plugin {
        cli::Plugin::Metadata(text) => print_out(&text),
        cli::Plugin::Command { arguments, variables } => {
            let failed = |problem: std::io::Error| fail(&format!("cannot begin as a command: {problem}"), FAILED);
            match std::env::current_exe() {
                Ok(program) => failed(Command::new(program).arg0("imgsquash").args(arguments).envs(variables).exec()),
                Err(problem) => failed(problem),
            }
        }
    }
}

/// Does what was asked for; an error is wrong usage.
fn asked(arguments: &cli::Arguments) -> Result<ExitCode, String> {
    Ok(match &arguments.command {
        Some(cli::Command::Rules(rules)) => print_out(&rules.text()?),
        Some(cli::Command::Inspect(inspect)) => {
            let (request, files) = (inspect.request()?, inspect.files()?);
            let is_silent = files.to_stdout;
            with_files(arguments, files, |progress| inspect.run(&request, progress, is_silent))
        }
        Some(cli::Command::Batch(batch)) => many::run(arguments, batch, batch.request()?)?,
        Some(cli::Command::Diff(diff)) => {
            let (request, files) = (diff.request()?, diff.files()?);
            let is_silent = files.to_stdout;
            with_files(arguments, files, |progress| diff.run(&request, progress, is_silent))
        }
        Some(cli::Command::Verify(verify)) => {
            let request = verify.request()?;
            with_progress(arguments, |progress| verify.run(&request, progress), shown)
        }
        Some(cli::Command::Why(why)) => {
            let request = why.request()?;
            with_progress(arguments, |progress| why.run(&request, progress), shown)
        }
        None => {
            let (request, taken) = (arguments.request()?, arguments.taken()?);
            let side = match side_file(arguments.report.as_ref()) {
                Ok(side) => side,
                Err(problem) => return Ok(fail(&problem, FAILED)),
            };
            with_progress(
                arguments,
                |progress| imgsquash::squash(&request, progress),
                |report| squashed(arguments, &report, side, &taken),
            )
        }
    })
}

/// Does what was asked for, prints what came of it and writes it to files, whose places are found before.
fn with_files(
    arguments: &cli::Arguments,
    files: cli::Files,
    what: impl FnOnce(&dyn Progress) -> Result<cli::Shown, imgsquash::Error>,
) -> ExitCode {
    match files.places() {
        Ok(places) => with_progress(arguments, what, |shown| written(shown, places)),
        Err(problem) => fail(&problem, FAILED),
    }
}

/// Does what was asked for, and tells what came of it with `tell`; whatever goes wrong is one line.
fn with_progress<T>(
    arguments: &cli::Arguments,
    what: impl FnOnce(&dyn Progress) -> Result<T, imgsquash::Error>,
    tell: impl FnOnce(T) -> ExitCode,
) -> ExitCode {
    std::panic::set_hook(Box::new(note_panic));
    let bar = (!arguments.is_quiet()).then(bar::Bar::for_terminal).flatten();
    let progress: &dyn Progress = bar.as_ref().map_or(&(), |bar| bar);
    let outcome = catch_unwind(AssertUnwindSafe(|| what(progress)));
    drop(bar);
    match outcome {
        Ok(Ok(done)) => tell(done),
        Ok(Err(error)) => {
            let (hint, code) = (arguments.hint(&error), error.exit_code());
            error.lines().iter().fold(ExitCode::from(code), |_, line| fail(&format!("{line}{hint}"), code))
        }
        Err(_) => {
            let text = PANIC.get().map_or("unknown", String::as_str);
            fail(&format!("internal error, nothing was written: {text}; please report this"), INTERNAL)
        }
    }
}

/// Tells of a squash.
fn squashed(arguments: &cli::Arguments, report: &Report, side: Option<SideFile>, taken: &Taken) -> ExitCode {
    say(&text::notes(report));
    if !arguments.quiet {
        say(&text::account(report, arguments.verbose));
    }
    let image =
        if report.output.is_some() { "the image is written, but not the report" } else { "no report is written" };
    match write_report(side, report, taken) {
        Ok(()) => ending::with(0),
        Err(problem) => fail(&format!("{image}: {problem}"), FAILED),
    }
}

/// Writes the files that a verb was asked for, and prints what it has to say.
fn written(shown: cli::Shown, places: cli::Places) -> ExitCode {
    let written = match &shown.texts {
        Ok(texts) => places.write(texts).map_err(|problem| (problem, FAILED)),
        Err(problem) => Err((problem.clone(), WRONG_USAGE)),
    };
    match written {
        Ok(()) => self::shown(shown),
        Err((problem, code)) => fail(&problem, code),
    }
}

/// Prints what a verb has to say.
fn shown(shown: cli::Shown) -> ExitCode {
    let printed = print_out(&if shown.is_json { shown.out.concat() + "\n" } else { lines(&shown.out) });
    say(&shown.failed);
    if printed == ExitCode::SUCCESS { ExitCode::from(shown.code) } else { printed }
}

/// Keeps what a panic says. If it is that the system has no more of something, that is the end: the unwinding would
/// want more of it.
fn note_panic(info: &PanicHookInfo<'_>) {
    let text = info.payload();
    let text = text.downcast_ref::<&str>().copied().or(text.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("unknown");
    // The words of the standard library, and those of libraries that are written in C.
    if text.starts_with("failed to spawn thread") {
        ending::at_once(format!("imgsquash: cannot begin a thread: {}\n", memory::ADVICE).as_bytes());
    }
    if text.contains("out of memory") || text.contains("returned null pointer") {
        ending::at_once(format!("imgsquash: out of memory: {}\n", memory::ADVICE).as_bytes());
    }
    let place = info.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
    let _ = PANIC.set(format!("{text}{}", place.unwrap_or_default()));
}

/// Prints what was asked for. A reader that has seen enough is no failure.
fn print_out(text: &str) -> ExitCode {
    if closed::stdout() {
        return fail("cannot write to standard output: it is closed", FAILED);
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(problem) if problem.kind() != std::io::ErrorKind::BrokenPipe => {
            fail(&format!("cannot write to standard output: {problem}"), FAILED)
        }
        _ => ending::with(0),
    }
}

/// Tells that it failed, in one line.
fn fail(message: &str, code: u8) -> ExitCode {
    // If a signal is why, it speaks for itself.
    let code = ending::with(code);
    let text = format!("imgsquash: {}\n", line(message, MAX_MESSAGE));
    let _ = std::io::stderr().write_all(text.as_bytes());
    code
}

/// Prints lines to standard error, so that an archive can go to standard output.
fn say(lines: &[String]) {
    let _ = std::io::stderr().write_all(self::lines(lines).as_bytes());
}

/// Lines that are fit to be shown.
fn lines(lines: &[String]) -> String {
    lines.iter().map(|text| line(text, MAX_MESSAGE) + "\n").collect()
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
