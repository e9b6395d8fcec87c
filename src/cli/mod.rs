//! The command line: what was typed, and the options it means.

mod batch;
mod choices;
mod diff;
mod elsewhere;
mod gates;
mod inspect;
mod machine;
mod meta;
mod parse;
mod plugin;
mod render;
mod rules;
mod secrets;
mod select;
mod shard;
mod shown;
mod slim;
mod usage;
mod why;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Parser, Subcommand};
use imgsquash::Squash;
use imgsquash::address::Address;
use imgsquash::output::Taken;
use imgsquash::request::{Compression, Keep, Pick, Reference, Split, Target};
use imgsquash::text::quoted;

pub(crate) use self::batch::{Asked as BatchAsked, BatchArguments};
use self::choices::{CompressionChoice, ExactnessChoice, FormatChoice};
pub(crate) use self::diff::{DiffArguments, VerifyArguments};
use self::elsewhere::{Elsewhere, Given, Place, address};
use self::gates::GateArguments;
pub(crate) use self::inspect::InspectArguments;
use self::machine::MachineArguments;
use self::meta::MetaArguments;
use self::parse::{Stamp, count, level, range, split, stamp, times};
pub(crate) use self::plugin::{Plugin, called};
pub(crate) use self::render::{Files, Places};
pub(crate) use self::rules::RulesArguments;
use self::secrets::SecretArguments;
use self::select::SelectArguments;
pub(crate) use self::shown::Shown;
use self::slim::SlimArguments;
use crate::closed;

/// Squash a container image into one layer: the same image, smaller. No daemon, no root, offline unless a name leads
/// elsewhere.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = AFTER_HELP)]
#[command(override_usage = USAGE, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(group = ArgGroup::new("kept").args(["keep_base", "keep_layers", "last", "from", "layers"]))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The archive (docker save, OCI archive or layout directory, compressed or not); - for standard input; or a name:
    /// docker-daemon:NAME, podman:NAME, docker://REGISTRY/NAME, docker-archive:, oci-archive: or oci:PATH[:NAME]
    #[arg(required = true)]
    input: Option<PathBuf>,

    /// Where the new image goes: a path, - for standard output, or a name as for the input
    #[arg(short, long, value_name = "PATH", required_unless_present = "dry_run")]
    output: Option<PathBuf>,

    /// Do everything but write, whatever --output says: show what would come of it
    #[arg(long)]
    dry_run: bool,

    /// Name the image NAME[:TAG] instead of what the archive calls it; may be repeated
    #[arg(short, long = "tag", value_name = "NAME")]
    tags: Vec<Reference>,

    /// What to write [default: universal, or what the name to write to says]
    #[arg(long, value_enum)]
    format: Option<FormatChoice>,

    #[command(flatten)]
    select: SelectArguments,

    /// Keep the layers of the base image IMAGE (an archive or a name), or of the one that the history shows (auto)
    #[arg(long, value_name = "IMAGE|auto", help_heading = KEEP)]
    keep_base: Option<PathBuf>,

    /// Keep the oldest N layers
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true, help_heading = KEEP)]
    keep_layers: Option<usize>,

    /// Squash the newest N layers and keep the others
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true, help_heading = KEEP)]
    last: Option<usize>,

    /// Squash this layer (its position from 1, digest or diff_id) and all above it
    #[arg(long, value_name = "LAYER", help_heading = KEEP)]
    from: Option<Pick>,

    /// Squash the layers A to B, both included, and keep those below and above
    #[arg(long, value_name = "A..B", value_parser = range, help_heading = KEEP)]
    layers: Option<(Pick, Option<Pick>)>,

    /// Whether to read kept layers too, and leave out what equals theirs; auto does when it costs little
    #[arg(long, value_enum, default_value_t = ExactnessChoice::Auto, value_name = "WHEN", help_heading = KEEP)]
    exact: ExactnessChoice,

    /// Divide the squashed file system by how often it changes: auto, a number of layers, or a list of os, packages,
    /// deps, app
    #[arg(long, value_name = "auto|N|LIST", value_parser = split, allow_negative_numbers = true, help_heading = LAYERS)]
    split: Option<Split>,

    /// How new layers are compressed [default: gzip, or none for a daemon that keeps them unpacked]
    #[arg(long, value_enum, help_heading = LAYERS)]
    compression: Option<CompressionChoice>,

    /// Level of the compression: 1 (fastest) to 9 for gzip [default: 6], 1 to 19 for zstd [default: 3]
    #[arg(long, value_name = "LEVEL", value_parser = level, allow_negative_numbers = true, help_heading = LAYERS)]
    compression_level: Option<u32>,

    /// Times of files and of the image: keep them, clamp them to SOURCE_DATE_EPOCH, or set them to seconds since 1970
    /// [default: clamp if SOURCE_DATE_EPOCH is set, else keep]
    #[arg(long, value_name = "keep|clamp|SECONDS", value_parser = stamp, allow_negative_numbers = true)]
    #[arg(help_heading = LAYERS)]
    timestamp: Option<Stamp>,

    #[command(flatten)]
    meta: MetaArguments,

    #[command(flatten)]
    slim: SlimArguments,

    #[command(flatten)]
    secrets: SecretArguments,

    #[command(flatten)]
    gates: GateArguments,

    /// Read the output back before it takes its place, and compare it with the input
    #[arg(long)]
    verify: bool,

    /// Write what was done as JSON; - for standard output
    #[arg(long, value_name = "PATH")]
    pub(crate) report: Option<PathBuf>,

    /// Refuse what would be repaired or left out
    #[arg(long)]
    strict: bool,

    /// Tell where every byte went, and what each rule did
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// No progress bar and no account
    #[arg(short, long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    machine: MachineArguments,
}

/// What to do besides squashing.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the prune rules and those for secrets, or explain one (an archive of this name is ./rules)
    Rules(RulesArguments),

    /// Squash many archives, which share what they have in common; every option of a squash holds for each
    ///
    /// Exit codes: 0 all done, 1 some failed, 2 wrong usage.
    Batch(BatchArguments),

    /// Look inside images: what nobody sees of them, what squashing would save, and what a person should know
    ///
    /// Exit codes: 0 done, 1 a gate is not passed, 2 wrong usage, 3 unreadable.
    Inspect(InspectArguments),

    /// Compare the final file systems and the configs of images, whatever layers they are made of
    ///
    /// Exit codes: 0 equal, 1 different, 2 wrong usage, 3 unreadable.
    Diff(DiffArguments),

    /// Verify that an image is the one that it was made from, less what the report of the squash tells
    ///
    /// Exit codes: 0 the same, 2 wrong usage, 3 unreadable, 4 not the same.
    Verify(VerifyArguments),

    /// Tell why a file or a package of an image stays with --minify (an archive of this name is ./why)
    ///
    /// Exit codes: 0 it stays, 1 it goes, 2 wrong usage or no such thing, 3 unreadable.
    Why(why::WhyArguments),
}

const USAGE: &str = "\
imgsquash [OPTIONS] <INPUT> --output <PATH>
       imgsquash batch [OPTIONS] <INPUT>... --out-dir <DIR>
       imgsquash inspect [OPTIONS] <INPUT>
       imgsquash diff [OPTIONS] <OLD> <NEW>
       imgsquash verify [OPTIONS] <OUTPUT> --against <IN>
       imgsquash why [OPTIONS] <INPUT> <PATH|PACKAGE>
       imgsquash rules [OPTIONS] [ID]";

const KEEP: &str = "Layers that stay";
const LAYERS: &str = "New layers";

const AFTER_HELP: &str = "\
Examples:
  imgsquash docker-daemon:app:1 -o docker-daemon:app:1-slim
  imgsquash docker://registry.example/app:1 -o docker://registry.example/app:1-slim
  docker save app | imgsquash - -o app.tar && docker load -i app.tar
  imgsquash app.oci.tar -o small.tar --platform linux/arm64 -t app:small
  imgsquash app.tar -o small.tar --prune
  imgsquash app.tar -o small.tar --keep-base auto
  imgsquash app.tar -o layers.tar --split auto
  imgsquash app.tar -o small.tar --scrub-history --drop-secrets
  imgsquash rules npm-cache
  imgsquash layout/ -o - | docker load

Exit codes: 0 done, 1 a gate is not passed (nothing is written), 2 wrong usage, 3 unreadable or unsupported input or
failed output, 4 internal error.
SOURCE_DATE_EPOCH (seconds since 1970), if set, is the latest time of a file and of the image.";

impl Arguments {
    /// Whether nothing is said unless something is wrong.
    pub(crate) fn is_quiet(&self) -> bool {
        match &self.command {
            Some(Command::Batch(batch)) => batch.quiet,
            Some(Command::Diff(diff)) => diff.is_quiet(),
            Some(Command::Inspect(inspect)) => inspect.is_quiet(),
            Some(Command::Verify(verify)) => verify.is_quiet(),
            Some(Command::Why(why)) => why.is_quiet(),
            Some(Command::Rules { .. }) | None => self.quiet,
        }
    }

    /// What to type instead, for the end of the message of `error`.
    pub(crate) fn hint(&self, error: &imgsquash::Error) -> String {
        elsewhere::hint(error, |name| {
            let imgsquash::Error::Input { input, .. } = error else { return None };
            let is_input = self.input.as_ref().is_some_and(|given| given.as_os_str() == input.as_str());
            let output = self.output.as_ref().filter(|_| is_input)?;
            Some(format!("imgsquash {name} -o {}", quoted(&output.display().to_string())))
        })
    }

    /// What the arguments mean, or what is wrong with them.
    pub(crate) fn request(&self) -> Result<Squash, String> {
        let to_stdout = |path: &Option<PathBuf>| path.as_deref().is_some_and(is_stdout);
        let output_to_stdout = !self.dry_run && to_stdout(&self.output);
        if output_to_stdout && to_stdout(&self.report) {
            return Err("--output and --report cannot both go to standard output".to_owned());
        }
        if output_to_stdout && matches!(self.format, Some(FormatChoice::OciDir)) {
            let problem =
                "--format oci-dir makes a directory, which cannot go to standard output: name one with --output";
            return Err(problem.to_owned());
        }
        if output_to_stdout && std::io::IsTerminal::is_terminal(&std::io::stdout()) {
            return Err("standard output is a terminal: redirect it, or name a file with --output".to_owned());
        }
        if (output_to_stdout || to_stdout(&self.report)) && closed::stdout() {
            return Err("standard output is closed: redirect it, or name a file".to_owned());
        }
        let elsewhere = self.machine.elsewhere();
        let place = self.place(&elsewhere)?;
        let Given { origin, called } = elsewhere.given(self.input.as_deref().unwrap_or(Path::new("-")))?;
        let gates = self.gates.gates(self.secrets.secret_rules.as_deref())?;
        Ok(Squash {
            selection: self.select.selection(called),
            tags: self.tags.iter().cloned().chain(place.called).collect(),
            keep: self.keep(&elsewhere)?,
            exactness: self.exact.into(),
            format: place.format.unwrap_or(self.format.unwrap_or(FormatChoice::Universal).into()),
            edits: self.meta.edits(times(self.timestamp)?),
            tells_provenance: !self.meta.no_provenance,
            prune: self.slim.choice(self.secrets.drop_secrets)?,
            secrets: self.secrets.search(gates.need_secrets())?,
            minify: self.slim.minify()?,
            link_equal_files: self.slim.hardlink_duplicates,
            split: self.split.clone().unwrap_or_default(),
            strict: self.strict,
            verify: self.verify,
            gates,
            compression: self.compression(&elsewhere)?,
            resources: self.machine.resources(),
            ..Squash::between(origin, if self.dry_run { Target::Nowhere } else { place.target })
        })
    }

    /// What is read and written. An error if one would replace the other; the output may replace the input as a whole.
    pub(crate) fn taken(&self) -> Result<Taken, String> {
        let mut taken = Taken::default();
        let is_auto = |base: &&PathBuf| base.as_os_str() == "auto";
        let input = self.input.as_ref();
        let read = |taken: &mut Taken, name: &str, path: Option<&PathBuf>| match path {
            Some(path) if path.as_os_str() == "-" => taken.read_open(name, std::io::stdin()),
            path => _ = path.and_then(|path| on_disk(path)).map(|path| taken.read(name, &path)),
        };
        read(&mut taken, "the base", self.keep_base.as_ref().filter(|base| !is_auto(base)));
        read(&mut taken, "the rules", self.slim.rules.as_ref());
        read(&mut taken, "the rules for secrets", self.secrets.secret_rules.as_ref());
        read(&mut taken, "the baseline", self.secrets.baseline.as_ref());
        read(&mut taken, "the config file", self.gates.config_file().as_ref());
        if let Some(input) = input.and_then(|path| on_disk(path)) {
            taken.read_inside("a file of the input", &input);
        }
        let check = |taken: &Taken, option: &str, path: Option<&PathBuf>| match path {
            Some(path) if is_stdout(path) => match taken.is_open(std::io::stdout()) {
                Some(name) => Err(format!("standard output is {name}: redirect it to another file")),
                None => Ok(()),
            },
            path => match path.and_then(|path| taken.replaced_by(path)) {
                Some(name) => Err(format!("{option} would replace {name}: name another file")),
                None => Ok(()),
            },
        };
        let output =
            self.output.as_ref().and_then(|path| on_disk(path)).filter(|path| !self.dry_run || !is_stdout(path));
        let output = output.as_ref();
        check(&taken, "--output", output)?;
        read(&mut taken, "the input", input);
        match output {
            Some(path) if is_stdout(path) => {
                check(&taken, "--output", output)?;
                taken.read_open("--output", std::io::stdout());
            }
            Some(path) => taken.written("--output", path),
            None => {}
        }
        check(&taken, "--report", self.report.as_ref())?;
        Ok(taken)
    }

    /// Where the image goes.
    fn place(&self, elsewhere: &Elsewhere) -> Result<Place, String> {
        let nothing = |target| Place { target, format: None, called: None };
        let path = match &self.output {
            None => return Ok(nothing(Target::Nowhere)),
            Some(path) if is_stdout(path) => return Ok(nothing(Target::Stdout)),
            Some(path) => path,
        };
        let mut beside: Vec<Address> = Vec::new();
        for (what, read) in [("the input", &self.input), ("the base", &self.keep_base)] {
            let Some(read) = read.as_ref().and_then(|read| address(read).ok()) else { continue };
            if read.path().is_none() && address(path).is_ok_and(|to| to == read) {
                return Err(format!("the output {read} is {what}: name another"));
            }
            beside.push(read);
        }
        let place = elsewhere.place(path, &beside)?;
        if place.format.is_some() && self.format.is_some() {
            return Err(format!("--format: the name {} says what is written", path.display()));
        }
        if place.called.is_some() && !self.tags.is_empty() {
            return Err(format!("--tag: the name {} says what the image is called", path.display()));
        }
        Ok(place)
    }

    /// Which layers stay.
    fn keep(&self, elsewhere: &Elsewhere) -> Result<Keep, String> {
        Ok(match self {
            Self { keep_base: Some(base), .. } if base.as_os_str() == "auto" => Keep::Guess,
            Self { keep_base: Some(base), .. } => {
                let Given { origin, called } = elsewhere.given(base)?;
                Keep::Base(origin, called)
            }
            Self { keep_layers: Some(count), .. } => Keep::First(*count),
            Self { last: Some(count), .. } => Keep::AllButLast(*count),
            Self { from: Some(pick), .. } => Keep::Below(pick.clone()),
            Self { layers: Some((from, Some(to))), .. } => Keep::Around(from.clone(), to.clone()),
            Self { layers: Some((from, None)), .. } => Keep::Below(from.clone()),
            _ => Keep::Nothing,
        })
    }

    /// `None` keeps what the layers have.
    fn compression(&self, elsewhere: &Elsewhere) -> Result<Option<Compression>, String> {
        let unpacks = || self.output.as_ref().is_some_and(|path| address(path).is_ok_and(|to| elsewhere.unpacks(&to)));
        let chosen = match self.compression {
            Some(chosen) => chosen,
            None if self.compression_level.is_none() && !self.dry_run && unpacks() => CompressionChoice::None,
            None => CompressionChoice::Gzip,
        };
        chosen.at(self.compression_level)
    }
}

/// The path that a name leads to; `None` for what is elsewhere.
fn on_disk(name: &Path) -> Option<PathBuf> {
    address(name).ok()?.path().map(Path::to_owned)
}

/// Whether a path means standard output.
fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path.as_os_str() == *name)
}

/// Where a path says that something goes.
pub(crate) fn target(path: &Path) -> Target {
    if is_stdout(path) { Target::Stdout } else { Target::Path(path.to_owned()) }
}

/// What was typed, or what is wrong with it. Help and version are printed, and end the process.
pub(crate) fn arguments() -> Result<Arguments, String> {
    let mut given: Vec<OsString> = std::env::args_os().collect();
    let mut options = Vec::new();
    if given.get(1).is_some_and(|verb| verb == "batch") {
        (given, options) = batch::divided(&given);
    }
    let parsed = Arguments::try_parse_from(&given).map(|mut arguments| {
        if let Some(Command::Batch(batch)) = &mut arguments.command {
            batch.set_options(options);
        }
        arguments
    });
    parsed.map_err(|error| match error.use_stderr() {
        true => usage::line(&error, &given),
        false => error.exit(),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
