//! Words that options take, and what they mean.

use clap::ValueEnum;
use imgsquash::request::Compression;
use imgsquash::request::Exactness;
use imgsquash::request::{Format, Grain};
use imgsquash::request::{HistoryMode, MediaTypes};

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum FormatChoice {
    /// One tar that every consumer loads: an OCI archive with Docker's manifest.json
    Universal,
    /// An OCI archive without manifest.json
    OciArchive,
    /// A Docker archive without index.json
    DockerArchive,
    /// An OCI image layout directory
    OciDir,
}

impl From<FormatChoice> for Format {
    fn from(choice: FormatChoice) -> Self {
        match choice {
            FormatChoice::Universal => Self::Universal,
            FormatChoice::OciArchive => Self::OciArchive,
            FormatChoice::DockerArchive => Self::DockerArchive,
            FormatChoice::OciDir => Self::OciDirectory,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum GrainChoice {
    /// A package stays whole or goes whole
    Packages,
    /// Of packages that are needed, files stay that are needed
    Files,
}

impl From<GrainChoice> for Grain {
    fn from(choice: GrainChoice) -> Self {
        match choice {
            GrainChoice::Packages => Self::Packages,
            GrainChoice::Files => Self::Files,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CompressionChoice {
    /// One gzip member, which every consumer reads
    Gzip,
    /// One zstd frame; docker reads it from version 23 on
    Zstd,
    /// None
    None,
    /// What the squashed layers have
    Keep,
}

impl CompressionChoice {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::None => "none",
            Self::Keep => "keep",
        }
    }

    /// The compression at a level, or at the usual one; `None` for what the layers have.
    pub(super) fn at(self, level: Option<u32>) -> Result<Option<Compression>, String> {
        let name = self.name();
        match (self, level) {
            (Self::Keep, None) => Ok(None),
            (Self::None, None) => Ok(Some(Compression::None)),
            (Self::Gzip, None) => Ok(Some(Compression::Gzip(None))),
            (Self::Gzip, Some(level @ 1..=9)) => Ok(Some(Compression::Gzip(Some(level)))),
            (Self::Zstd, None) => Ok(Some(Compression::Zstd(3))),
            (Self::Zstd, Some(level @ 1..=19)) => {
                i32::try_from(level).map(|level| Some(Compression::Zstd(level))).map_err(|error| error.to_string())
            }
            (Self::Gzip, Some(level)) => Err(format!("--compression-level: gzip has the levels 1 to 9, not {level}")),
            (Self::Zstd, Some(level)) => Err(format!("--compression-level: zstd has the levels 1 to 19, not {level}")),
            (Self::Keep | Self::None, Some(_)) => {
                Err(format!("--compression-level: there are no levels with --compression {name}"))
            }
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum HistoryChoice {
    /// All rows, and one for each new layer
    Keep,
    /// Rows of kept layers, and one for each new layer
    Single,
    /// None at all
    None,
}

impl From<HistoryChoice> for HistoryMode {
    fn from(choice: HistoryChoice) -> Self {
        match choice {
            HistoryChoice::Keep => Self::Keep,
            HistoryChoice::Single => Self::Single,
            HistoryChoice::None => Self::None,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ExactnessChoice {
    /// When they are plain, small, or no larger than what is squashed
    Auto,
    /// Always
    Always,
    /// Never: what the squashed layers say is said again
    Never,
}

impl From<ExactnessChoice> for Exactness {
    fn from(choice: ExactnessChoice) -> Self {
        match choice {
            ExactnessChoice::Auto => Self::Auto,
            ExactnessChoice::Always => Self::Always,
            ExactnessChoice::Never => Self::Never,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum MediaTypesChoice {
    /// application/vnd.oci.image.…
    Oci,
    /// application/vnd.docker.…
    Docker,
}

impl From<MediaTypesChoice> for MediaTypes {
    fn from(choice: MediaTypesChoice) -> Self {
        match choice {
            MediaTypesChoice::Oci => Self::Oci,
            MediaTypesChoice::Docker => Self::Docker,
        }
    }
}
