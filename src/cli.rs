//! The command line: what was typed, and the options it means.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{CommandFactory, Parser, ValueEnum};
use imgsquash::assemble::{Edits, HistoryMode};
use imgsquash::input::{Origin, Selection};
use imgsquash::layer::Compression;
use imgsquash::limits::Limits;
use imgsquash::oci::{Platform, Reference};
use imgsquash::options::Options;
use imgsquash::output::{Format, Target};

/// Squash a container image archive into one layer: the same image, smaller. Offline, no daemon, no root.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The archive (docker save, OCI archive or layout directory, compressed or not); - for standard input
    input: PathBuf,

    /// Where the new archive goes; - for standard output
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,

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

    /// What becomes of the history
    #[arg(long, value_enum, default_value_t = HistoryChoice::Keep)]
    history: HistoryChoice,

    /// The comment of the new history row
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,

    /// How the new layer is compressed
    #[arg(long, value_enum, default_value_t = CompressionChoice::Gzip)]
    compression: CompressionChoice,

    /// Level of the compression: 1 (fastest) to 9 for gzip [default: 6], 1 to 19 for zstd [default: 3]
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(1..=19))]
    compression_level: Option<u8>,

    /// Threads; the output is the same for any number [default: one for each core]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Write what was done as JSON; - for standard output
    #[arg(long, value_name = "PATH")]
    pub(crate) report: Option<PathBuf>,

    /// Refuse what would be repaired or left out
    #[arg(long)]
    strict: bool,

    /// No progress bar and no account
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Where streams and compressed archives are unpacked [default: $TMPDIR, else /var/tmp]
    #[arg(long, value_name = "DIR")]
    tmp_dir: Option<PathBuf>,

    /// Bytes a layer may have uncompressed, as in 200G [default: 16G, or 64 times its compressed size]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_layer_size: Option<u64>,

    /// Bytes of memory the image's file names and attributes may need [default: 2G]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_metadata: Option<u64>,
}

const AFTER_HELP: &str = "\
Examples:
  docker save app | imgsquash - -o app.tar && docker load -i app.tar
  imgsquash app.oci.tar -o small.tar --platform linux/arm64 -t app:small
  imgsquash layout/ -o - | skopeo copy docker-archive:/dev/stdin oci:squashed

Exit codes: 0 done, 2 wrong usage, 3 unreadable or unsupported input or failed output, 4 internal error.
SOURCE_DATE_EPOCH (seconds since 1970), if set, becomes the time of creation; otherwise the input's is kept.";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatChoice {
    /// One tar that every consumer loads: an OCI archive with Docker's manifest.json
    Universal,
    /// An OCI archive without manifest.json
    OciArchive,
    /// A Docker archive without index.json
    DockerArchive,
    /// An OCI image layout directory
    OciDir,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CompressionChoice {
    /// One gzip member, which every consumer reads
    Gzip,
    /// One zstd frame; docker reads it from version 23 on
    Zstd,
    /// None
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum HistoryChoice {
    /// All rows, and one for the squash
    Keep,
    /// One row for the squash
    Single,
    /// None at all
    None,
}

impl Arguments {
    fn compression(&self) -> Result<Compression, String> {
        match (self.compression, self.compression_level) {
            (CompressionChoice::None, None) => Ok(Compression::None),
            (CompressionChoice::None, Some(_)) => Err("--compression none has no level".to_owned()),
            (CompressionChoice::Gzip, Some(level @ 10..)) => {
                Err(format!("gzip has the levels 1 to 9, not {level}: lower --compression-level"))
            }
            (CompressionChoice::Gzip, level) => Ok(Compression::Gzip(level.map(u32::from))),
            (CompressionChoice::Zstd, level) => Ok(Compression::Zstd(level.unwrap_or(3).into())),
        }
    }

    /// What the arguments mean, or what is wrong with them.
    pub(crate) fn options(&self) -> Result<Options, String> {
        let stdout = |path: &PathBuf| path.as_os_str() == "-";
        if stdout(&self.output) && self.report.as_ref().is_some_and(stdout) {
            return Err("--output and --report cannot both go to standard output".to_owned());
        }
        if stdout(&self.output) && std::io::IsTerminal::is_terminal(&std::io::stdout()) {
            return Err("standard output is a terminal: redirect it, or name a file with --output".to_owned());
        }
        let mut limits = Limits { layer: self.max_layer_size, ..Limits::default() };
        limits.metadata = self.max_metadata.unwrap_or(limits.metadata);
        Ok(Options {
            input: if stdout(&self.input) { Origin::Stdin } else { Origin::Path(self.input.clone()) },
            selection: Selection { refs: self.refs.clone(), platforms: self.platforms.clone() },
            tags: self.tags.clone(),
            target: if stdout(&self.output) { Target::Stdout } else { Target::Path(self.output.clone()) },
            format: match self.format {
                FormatChoice::Universal => Format::Universal,
                FormatChoice::OciArchive => Format::OciArchive,
                FormatChoice::DockerArchive => Format::DockerArchive,
                FormatChoice::OciDir => Format::OciDirectory,
            },
            edits: Edits {
                history: match self.history {
                    HistoryChoice::Keep => HistoryMode::Keep,
                    HistoryChoice::Single => HistoryMode::Single,
                    HistoryChoice::None => HistoryMode::None,
                },
                message: self.message.clone(),
                created: created()?,
            },
            strict: self.strict,
            compression: self.compression()?,
            jobs: self.jobs.or(std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN),
            tmp_dir: self.tmp_dir.clone().unwrap_or_else(tmp_dir),
            limits,
        })
    }
}

/// Prints what is wrong and how it is done right, and ends the process with 2.
pub(crate) fn usage_error(problem: &str) -> ! {
    Arguments::command().error(clap::error::ErrorKind::ValueValidation, problem).exit()
}

/// As in podman and skopeo: large files do not belong into /tmp, which may be memory.
fn tmp_dir() -> PathBuf {
    match std::env::var_os("TMPDIR") {
        Some(named) if !named.is_empty() => named.into(),
        _ => PathBuf::from("/var/tmp"),
    }
}

/// The time of creation that reproducible-builds.org's variable asks for.
fn created() -> Result<Option<String>, String> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else { return Ok(None) };
    // Year 9999 is the last that RFC 3339 can spell.
    let seconds: Option<u64> =
        text.to_str().and_then(|text| text.parse().ok()).filter(|seconds| *seconds < 253_402_300_800);
    let Some(seconds) = seconds else {
        return Err(format!("SOURCE_DATE_EPOCH is \"{}\", expected seconds since 1970", text.to_string_lossy()));
    };
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    Ok(Some(humantime::format_rfc3339_seconds(time).to_string()))
}

/// Reads a number of bytes: 1048576, 500M, 16GiB. Units are powers of 1024.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text[digits.len()..].to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err("expected a number of bytes with K, M, G or T, as in 16G".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "expected a number of bytes, as in 16G".to_owned())?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).ok_or_else(|| "it is out of range".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in
            [("1", 1), ("5k", 5 << 10), ("16G", 16 << 30), ("2GiB", 2 << 30), ("3MB", 3 << 20), ("1T", 1 << 40)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "0", "1X", "-1", "99999999999T", "1.5G"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
