//! One test binary, so that the runner's summary is one: `tests/run` runs all of it.

// A test that cannot go on panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod architecture;
mod batch;
mod changing;
mod cli;
mod compare;
mod digests;
mod e2e;
mod edits;
mod faults;
mod formats;
mod gates;
mod golden;
mod hostile;
mod inspect;
mod keep;
mod laws;
mod layouts;
mod linear;
mod memory;
mod minify;
mod minify_hostile;
mod minify_records;
mod output;
mod packages;
mod prune;
#[cfg(feature = "remote")]
mod remote;
mod render;
mod secrets;
mod shown;
mod splice;
mod split;
mod support;
mod tars;
