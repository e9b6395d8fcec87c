//! `imgsquash batch`: what was typed, and what is printed.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, Parser};
use imgsquash::address::Address;
use imgsquash::output::Taken;
use imgsquash::{Batch, Done, Job};
use serde::Deserialize;

use super::machine::MachineArguments;
use super::{Arguments, shard};

#[derive(Debug, Args)]
pub(crate) struct BatchArguments {
    /// Archives, layout directories, directories of archives, or patterns as '*.tar'
    #[arg(required_unless_present = "from_file")]
    inputs: Vec<OsString>,

    /// Take inputs from FILE too, one in a line; a line that begins with # says nothing
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,

    /// Write each archive into DIR, under the name of its input
    #[arg(long, value_name = "DIR", conflicts_with = "out_name")]
    out_dir: Option<PathBuf>,

    /// Write each archive to TEMPLATE, in which {name} is the name of its input without an ending, and {dir} the
    /// directory that it lies in
    #[arg(long, value_name = "TEMPLATE", required_unless_present = "out_dir")]
    out_name: Option<String>,

    /// Leave out what the report of an earlier run has as done, when nothing has changed since
    #[arg(long, requires = "report")]
    resume: bool,

    /// Do only the part K of N (from 1), so that N machines do all [default: what the CI system says of itself]
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,

    /// Write what became of each job as JSON, after each
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// No progress bar and no account
    #[arg(short, long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    machine: MachineArguments,

    /// Options of a squash, which hold for each
    #[arg(skip)]
    options: Vec<OsString>,
}

/// A batch that was asked for, and what it may not replace.
pub(crate) struct Asked {
    pub(crate) batch: Batch,
    pub(crate) taken: Taken,
}

/// What an earlier report tells.
#[derive(Deserialize)]
struct Earlier {
    jobs: Vec<EarlierJob>,
}

#[derive(Deserialize)]
struct EarlierJob {
    output: Option<String>,
    status: String,
    made_from: Option<String>,
    output_bytes: Option<u64>,
}

/// The argument that a word is of, if it is an option of `command`: whether a value comes after it.
fn takes_value(command: &clap::Command, word: &str) -> Option<bool> {
    let (long, short) = (word.strip_prefix("--"), word.strip_prefix('-').and_then(|rest| rest.chars().next()));
    let is_it = |argument: &&clap::Arg| match long {
        Some(name) => argument.get_long() == Some(name.split('=').next().unwrap_or_default()),
        None => short.is_some() && argument.get_short() == short,
    };
    let argument = command.get_arguments().find(is_it).filter(|_| word.len() > 1)?;
    let least = argument.get_num_args().map_or(1, |range| range.min_values());
    // A value may be glued to its option.
    let is_apart = !word.contains('=') && (long.is_some() || word.len() == 2);
    Some(argument.get_action().takes_values() && least > 0 && !argument.is_require_equals_set() && is_apart)
}

/// The words of a verb, or of a squash, each option with the value that comes after it.
pub(super) fn parted(verb: Option<&str>, given: &[OsString]) -> Vec<(OsString, Option<OsString>)> {
    let command = Arguments::command();
    let command = verb.and_then(|verb| command.find_subcommand(verb)).unwrap_or(&command);
    let (mut parted, mut words) = (Vec::new(), given.iter().cloned());
    while let Some(word) = words.next() {
        let takes_value = takes_value(command, &word.to_string_lossy()).unwrap_or(false);
        let value = if takes_value { words.next() } else { None };
        parted.push((word, value));
    }
    parted
}

/// Takes the options of a squash out of the arguments of a batch. Returns the arguments that are left, and these
/// options.
pub(super) fn divided(given: &[OsString]) -> (Vec<OsString>, Vec<OsString>) {
    let command = Arguments::command();
    let batch = command.find_subcommand("batch").cloned().unwrap_or_default();
    let (mut own, mut options) = (Vec::new(), Vec::new());
    let mut words = given.iter().cloned();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        if text == "--" {
            own.push(word);
            own.extend(words);
            break;
        }
        let of_squash = match takes_value(&batch, &text) {
            Some(_) => None,
            None => takes_value(&command, &text),
        };
        match of_squash {
            None => own.push(word),
            Some(takes_value) => {
                options.push(word);
                if takes_value {
                    options.extend(words.next());
                }
            }
        }
    }
    (own, options)
}

impl BatchArguments {
    pub(super) fn set_options(&mut self, options: Vec<OsString>) {
        self.options = options;
    }

    /// What the arguments mean, or what is wrong with them.
    pub(crate) fn request(&self) -> Result<Asked, String> {
        let mut inputs = Vec::new();
        for given in self.inputs.iter().chain(&self.listed()?) {
            expand(given, &mut inputs)?;
        }
        if inputs.is_empty() {
            return Err("there is nothing to do: no input was found".to_owned());
        }
        let outputs = self.outputs(&inputs)?;
        let mut taken = Taken::default();
        for input in &inputs {
            taken.read("an input", Path::new(input));
        }
        if let Some(taken_by) = outputs.iter().find_map(|output| taken.replaced_by(output).map(|name| (output, name))) {
            return Err(format!("{} is {}: choose another place", taken_by.0.display(), taken_by.1));
        }
        self.check_report(&taken, &outputs)?;
        let jobs = self.jobs(inputs.into_iter().zip(outputs))?;
        let jobs = shard::of(self.shard.as_deref(), |name| std::env::var(name).ok())?.take(jobs);
        Ok(Asked { batch: Batch { jobs, resources: self.machine.resources() }, taken })
    }

    /// Where each input goes.
    fn outputs(&self, inputs: &[OsString]) -> Result<Vec<PathBuf>, String> {
        let mut seen: HashSet<PathBuf> = HashSet::new();
        let output = |input: &OsString| {
            let output = self.output(Path::new(input))?;
            if !seen.insert(output.clone()) {
                let (input, output) = (Path::new(input).display(), output.display());
                return Err(format!(
                    "two inputs would be written to {output}, the second is {input}: name outputs with {{dir}}"
                ));
            }
            Ok(output)
        };
        inputs.iter().map(output).collect()
    }

    /// The squash of each input to its output.
    fn jobs(&self, places: impl Iterator<Item = (OsString, PathBuf)>) -> Result<Vec<Job>, String> {
        let earlier = self.earlier()?;
        let (mut jobs, mut search) = (Vec::new(), None);
        for (input, output) in places {
            let words = [OsString::from("imgsquash"), input, "-o".into(), output.clone().into()];
            // It must not replace the base, rules or a baseline either.
            let report = self.report.iter().flat_map(|report| ["--report".into(), report.clone().into()]);
            let words: Vec<OsString> = words.into_iter().chain(report).chain(self.options.iter().cloned()).collect();
            let arguments = Arguments::try_parse_from(&words).map_err(|error| super::usage::line(&error, &words))?;
            let (mut squash, _) = (arguments.request()?, arguments.taken()?);
            // One search for all, because layers that they share are read once.
            search = search.or(squash.secrets.take());
            squash.secrets.clone_from(&search);
            let done = earlier.get(&output).filter(|job| job.is_there(&output)).and_then(EarlierJob::done);
            jobs.push(Job { squash, done });
        }
        Ok(jobs)
    }

    /// An error when the report would replace what is read or written. Outputs get new files, so they are told once.
    fn check_report(&self, taken: &Taken, outputs: &[PathBuf]) -> Result<(), String> {
        let Some(report) = &self.report else { return Ok(()) };
        let mut written = Taken::default();
        outputs.iter().for_each(|output| written.read("an output", output));
        let same_path = outputs.iter().any(|output| output == report);
        match taken.replaced_by(report).or(written.replaced_by(report)).or(same_path.then_some("an output")) {
            Some(name) => Err(format!("--report would replace {name}: name another file")),
            None => Ok(()),
        }
    }

    /// Makes the directory that outputs go to.
    pub(crate) fn make_out_dir(&self) -> Result<(), String> {
        let Some(directory) = &self.out_dir else { return Ok(()) };
        let made = std::fs::create_dir_all(directory);
        made.map_err(|problem| format!("--out-dir: cannot make {}: {problem}", directory.display()))
    }

    /// The inputs that a file lists.
    fn listed(&self) -> Result<Vec<OsString>, String> {
        let Some(file) = &self.from_file else { return Ok(Vec::new()) };
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|problem| format!("--from-file: cannot read {}: {problem}", file.display()))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(lines.map(OsString::from).collect())
    }

    fn output(&self, input: &Path) -> Result<PathBuf, String> {
        let name = stem(input);
        if let Some(directory) = &self.out_dir {
            return Ok(directory.join(name.replace([':', '@'], "_") + ".tar"));
        }
        let template = self.out_name.as_deref().unwrap_or_default();
        let directory = input.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let text = template.replace("{name}", &name).replace("{dir}", &directory.to_string_lossy());
        match text.contains(['{', '}']) {
            true => Err(format!("--out-name: \"{template}\" has something else in braces than {{name}} and {{dir}}")),
            false => Ok(PathBuf::from(text)),
        }
    }

    /// What an earlier run did, if that is asked for.
    fn earlier(&self) -> Result<HashMap<PathBuf, EarlierJob>, String> {
        let Some(file) = self.report.as_ref().filter(|_| self.resume) else { return Ok(HashMap::new()) };
        let by_output = |mut job: EarlierJob| Some((PathBuf::from(job.output.take()?), job));
        match std::fs::read(file) {
            Ok(text) => serde_json::from_slice::<Earlier>(&text)
                .map(|earlier| earlier.jobs.into_iter().filter_map(by_output).collect())
                .map_err(|problem| format!("--resume: {} is no report of a batch: {problem}", file.display())),
            // The first run has none.
            Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(HashMap::new()),
            Err(problem) => Err(format!("--resume: cannot read {}: {problem}", file.display())),
        }
    }
}

impl EarlierJob {
    fn done(&self) -> Option<Done> {
        Some(Done { made_from: self.made_from.clone()?, output_bytes: self.output_bytes? })
    }

    /// Whether its output is still there as it left it.
    fn is_there(&self, output: &Path) -> bool {
        let found = std::fs::metadata(output).ok();
        let same_size = found.is_some_and(|found| found.is_dir() || Some(found.len()) == self.output_bytes);
        self.status != "failed" && same_size
    }
}

/// Endings of archives, longest first.
const ENDINGS: [&str; 10] =
    [".oci.tar.gz", ".tar.zst", ".tar.gz", ".tar.xz", ".oci.tar", ".tgz", ".tzst", ".tar", ".oci", ".zst"];

/// The name of an input without its ending; of an image of a daemon or registry its last component, with the tag.
fn stem(input: &Path) -> String {
    let address = super::elsewhere::address(input);
    if let Ok(Address::Docker(_) | Address::Podman(_) | Address::Registry(_)) = &address {
        let name = input.to_string_lossy();
        let name = name.split_once(':').map_or(&*name, |(_, name)| name);
        return name.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let name = input.file_name().unwrap_or(OsStr::new("image")).to_string_lossy().into_owned();
    let ending = ENDINGS.iter().find(|ending| name.len() > ending.len() && name.ends_with(*ending));
    ending.map_or(name.clone(), |ending| name[..name.len() - ending.len()].to_owned())
}

/// The inputs that an argument names: itself, the archives in a directory, or what fits a pattern.
fn expand(given: &OsStr, inputs: &mut Vec<OsString>) -> Result<(), String> {
    let path = Path::new(given);
    if path.is_dir() && !path.join("oci-layout").exists() && !path.join("index.json").exists() {
        let found = names(path, |name| ENDINGS.iter().any(|ending| name.ends_with(ending)))?;
        if found.is_empty() {
            return Err(format!("{} is a directory without archives, and no image layout", path.display()));
        }
        inputs.extend(found);
        return Ok(());
    }
    let pattern = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if path.exists() || !pattern.contains(['*', '?', '[']) {
        inputs.push(given.to_owned());
        return Ok(());
    }
    let bad = |problem: &dyn std::fmt::Display| format!("{}: {problem}", path.display());
    let glob = globset::Glob::new(&pattern).map_err(|problem| bad(&problem.kind()))?.compile_matcher();
    let directory = path.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let found = names(directory, |name| glob.is_match(name) && !name.starts_with('.'))?;
    if found.is_empty() {
        return Err(bad(&"nothing fits the pattern"));
    }
    inputs.extend(found);
    Ok(())
}

/// What is in a directory and wanted, by name.
fn names(directory: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<OsString>, String> {
    let entries = std::fs::read_dir(directory).map_err(|problem| format!("{}: {problem}", directory.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(|problem| format!("{}: {problem}", directory.display()))?.file_name();
        if is_wanted(&name.to_string_lossy()) {
            let path = if directory == Path::new(".") { PathBuf::from(&name) } else { directory.join(&name) };
            found.push(path.into_os_string());
        }
    }
    found.sort();
    Ok(found)
}
