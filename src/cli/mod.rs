//! The command line: what was typed, and the options it means.

mod batch;
mod choices;
mod diff;
mod gates;
mod inspect;
mod machine;
mod meta;
mod parse;
mod rules;
mod secrets;
mod shard;
mod shown;
mod slim;
mod usage;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Parser, Subcommand};
use imgsquash::Squash;
use imgsquash::output::Taken;
use imgsquash::request::Compression;
use imgsquash::request::Selection;
use imgsquash::request::{Format, Target};
use imgsquash::request::{Keep, Pick, Split};
use imgsquash::request::{Platform, Reference};

pub(crate) use self::batch::{Asked as BatchAsked, BatchArguments};
use self::choices::{CompressionChoice, ExactnessChoice, FormatChoice};
pub(crate) use self::diff::{DiffArguments, VerifyArguments};
use self::gates::GateArguments;
pub(crate) use self::inspect::InspectArguments;
use self::machine::MachineArguments;
use self::meta::MetaArguments;
use self::parse::{Stamp, count, level, origin, range, split, stamp, times};
pub(crate) use self::rules::RulesArguments;
use self::secrets::SecretArguments;
pub(crate) use self::shown::Shown;
use self::slim::SlimArguments;
use crate::closed;

/// Squash a container image archive into one layer: the same image, smaller. Offline, no daemon, no root.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = AFTER_HELP)]
#[command(override_usage = USAGE, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(group = ArgGroup::new("kept").args(["keep_base", "keep_layers", "last", "from", "layers"]))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The archive (docker save, OCI archive or layout directory, compressed or not); - for standard input
    #[arg(required = true)]
    input: Option<PathBuf>,

    /// Where the new archive goes; - for standard output
    #[arg(short, long, value_name = "PATH", required_unless_present = "dry_run")]
    output: Option<PathBuf>,

    /// Do everything but write, whatever --output says: show what would come of it
    #[arg(long)]
    dry_run: bool,

    /// Name the image NAME[:TAG] instead of what the archive calls it; may be repeated
    #[arg(short, long = "tag", value_name = "NAME")]
    tags: Vec<Reference>,

    /// What to write
    #[arg(long, value_enum, default_value_t = FormatChoice::Universal)]
    format: FormatChoice,

    /// Only the image called NAME; may be repeated
    #[arg(long = "ref", value_name = "NAME")]
    refs: Vec<String>,

    /// Only images for OS/ARCH[/VARIANT]; may be repeated
    #[arg(long = "platform", value_name = "PLATFORM")]
    platforms: Vec<Platform>,

    /// Keep the layers of the base image IMAGE (an archive or layout), or of the one that the history shows (auto)
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

    /// How new layers are compressed
    #[arg(long, value_enum, default_value_t = CompressionChoice::Gzip, help_heading = LAYERS)]
    compression: CompressionChoice,

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
}

const USAGE: &str = "\
imgsquash [OPTIONS] <INPUT> --output <PATH>
       imgsquash batch [OPTIONS] <INPUT>... --out-dir <DIR>
       imgsquash inspect [OPTIONS] <INPUT>
       imgsquash diff [OPTIONS] <OLD> <NEW>
       imgsquash verify [OPTIONS] <OUTPUT> --against <IN>
       imgsquash rules [OPTIONS] [ID]";

const KEEP: &str = "Layers that stay";
const LAYERS: &str = "New layers";

const AFTER_HELP: &str = "\
Examples:
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
    /// What the arguments mean, or what is wrong with them.
    pub(crate) fn request(&self) -> Result<Squash, String> {
        let to_stdout = |path: &Option<PathBuf>| path.as_deref().is_some_and(is_stdout);
        let output_to_stdout = !self.dry_run && to_stdout(&self.output);
        if output_to_stdout && to_stdout(&self.report) {
            return Err("--output and --report cannot both go to standard output".to_owned());
        }
        if output_to_stdout && matches!(self.format, FormatChoice::OciDir) {
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
        let target = match &self.output {
            _ if self.dry_run => Target::Nowhere,
            None => Target::Nowhere,
            Some(path) => target(path),
        };
        Ok(Squash {
            selection: Selection { refs: self.refs.clone(), platforms: self.platforms.clone() },
            tags: self.tags.clone(),
            keep: self.keep(),
            exactness: self.exact.into(),
            format: Format::from(self.format),
            edits: self.meta.edits(times(self.timestamp)?),
            tells_provenance: !self.meta.no_provenance,
            prune: self.slim.choice(self.secrets.drop_secrets)?,
            secrets: self.secrets.search()?,
            link_equal_files: self.slim.hardlink_duplicates,
            split: self.split.clone().unwrap_or_default(),
            strict: self.strict,
            verify: self.verify,
            gates: self.gates.gates()?,
            compression: self.compression()?,
            resources: self.machine.resources(),
            ..Squash::between(origin(self.input.as_deref().unwrap_or(Path::new("-"))), target)
        })
    }

    /// What is read and written. An error if one would replace the other; the output may replace the input as a whole.
    pub(crate) fn taken(&self) -> Result<Taken, String> {
        let mut taken = Taken::default();
        let is_auto = |base: &&PathBuf| base.as_os_str() == "auto";
        let input = self.input.as_ref();
        let read = |taken: &mut Taken, name: &str, path: Option<&PathBuf>| match path {
            Some(path) if path.as_os_str() == "-" => taken.read_open(name, std::io::stdin()),
            Some(path) => taken.read(name, path),
            None => {}
        };
        read(&mut taken, "the base", self.keep_base.as_ref().filter(|base| !is_auto(base)));
        read(&mut taken, "the rules", self.slim.rules.as_ref());
        read(&mut taken, "the rules for secrets", self.secrets.secret_rules.as_ref());
        read(&mut taken, "the baseline", self.secrets.baseline.as_ref());
        read(&mut taken, "the config file", self.gates.config_file().as_ref());
        if let Some(input) = input {
            taken.read_inside("a file of the input", input);
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
        let output = self.output.as_ref().filter(|path| !self.dry_run || !is_stdout(path));
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

    /// Which layers stay.
    fn keep(&self) -> Keep {
        match self {
            Self { keep_base: Some(base), .. } if base.as_os_str() == "auto" => Keep::Guess,
            Self { keep_base: Some(base), .. } => Keep::Base(origin(base)),
            Self { keep_layers: Some(count), .. } => Keep::First(*count),
            Self { last: Some(count), .. } => Keep::AllButLast(*count),
            Self { from: Some(pick), .. } => Keep::Below(pick.clone()),
            Self { layers: Some((from, Some(to))), .. } => Keep::Around(from.clone(), to.clone()),
            Self { layers: Some((from, None)), .. } => Keep::Below(from.clone()),
            _ => Keep::Nothing,
        }
    }

    /// `None` keeps what the layers have.
    fn compression(&self) -> Result<Option<Compression>, String> {
        let name = self.compression.name();
        match (self.compression, self.compression_level) {
            (CompressionChoice::Keep, None) => Ok(None),
            (CompressionChoice::None, None) => Ok(Some(Compression::None)),
            (CompressionChoice::Gzip, None) => Ok(Some(Compression::Gzip(None))),
            (CompressionChoice::Gzip, Some(level @ 1..=9)) => Ok(Some(Compression::Gzip(Some(level)))),
            (CompressionChoice::Zstd, None) => Ok(Some(Compression::Zstd(3))),
            (CompressionChoice::Zstd, Some(level @ 1..=19)) => {
                i32::try_from(level).map(|level| Some(Compression::Zstd(level))).map_err(|error| error.to_string())
            }
            (CompressionChoice::Gzip, Some(level)) => {
                Err(format!("--compression-level: gzip has the levels 1 to 9, not {level}"))
            }
            (CompressionChoice::Zstd, Some(level)) => {
                Err(format!("--compression-level: zstd has the levels 1 to 19, not {level}"))
            }
            (CompressionChoice::Keep | CompressionChoice::None, Some(_)) => {
                Err(format!("--compression-level: there are no levels with --compression {name}"))
            }
        }
    }
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
