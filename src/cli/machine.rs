//! What of the machine may be used.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use imgsquash::request::{Limits, Resources};

use super::elsewhere::Elsewhere;
use super::parse::{size, threads};

#[derive(Debug, Args)]
pub(super) struct MachineArguments {
    /// Threads; the output is the same for any number [default: one for each core]
    #[arg(short, long, value_name = "N", value_parser = threads, allow_negative_numbers = true)]
    jobs: Option<NonZeroUsize>,

    /// Take plain HTTP and certificates that nobody vouches for from registries
    #[arg(long)]
    insecure: bool,

    /// Where streams and compressed archives are unpacked [default: $TMPDIR, else /var/tmp]
    #[arg(long, value_name = "DIR")]
    tmp_dir: Option<PathBuf>,

    /// Bytes a layer may have uncompressed, as in 200G [default: 16G, or 64 times its compressed size]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_layer_size: Option<u64>,

    /// Bytes of memory the archive's names, attributes and documents may need [default: 96M and 64 times its size]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_metadata: Option<u64>,
}

impl MachineArguments {
    /// What names of images lead to.
    pub(super) fn elsewhere(&self) -> Elsewhere {
        Elsewhere::new(self.insecure)
    }

    pub(super) fn resources(&self) -> Resources {
        let given = Resources::default();
        let limits = Limits { layer: self.max_layer_size, metadata: self.max_metadata, ..Limits::default() };
        let tmp_dir = self.tmp_dir.clone().unwrap_or_else(tmp_dir);
        Resources { jobs: self.jobs.unwrap_or(given.jobs), tmp_dir, limits }
    }
}

/// As in podman and skopeo: large files do not belong into /tmp, which may be memory.
fn tmp_dir() -> PathBuf {
    match std::env::var_os("TMPDIR") {
        Some(named) if !named.is_empty() => named.into(),
        _ => PathBuf::from("/var/tmp"),
    }
}
