//! Against real runtimes and real images. `tests/run` prepares them; without root and the runtimes these tests are
//! ignored.

mod browser;
mod exports;
mod layers;
mod page;
mod real;
#[cfg(feature = "remote")]
mod remote;
mod runtime;
mod semantics;
mod slim;
