//! What tests share: trees as text, images made of them, and an independent reader of what comes out.

pub(crate) mod archive;
pub(crate) mod case;
#[cfg(feature = "remote")]
pub(crate) mod distribution;
pub(crate) mod elf;
pub(crate) mod imports;
pub(crate) mod layer;
pub(crate) mod measure;
pub(crate) mod model;
pub(crate) mod node;
pub(crate) mod read;
#[cfg(feature = "remote")]
pub(crate) mod registry;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod system;

/// As many random cases as usual, or so many times more as `IMGSQUASH_CAMPAIGN` says.
pub(crate) fn cases(usual: u32) -> proptest::test_runner::Config {
    let times = std::env::var("IMGSQUASH_CAMPAIGN").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    proptest::test_runner::Config { cases: usual * times, ..proptest::test_runner::Config::default() }
}
