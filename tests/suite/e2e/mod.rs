//! Against real runtimes and real images. `tests/run` prepares them; without root and the runtimes these tests are ignored.

mod layers;
mod real;
#[cfg(feature = "remote")]
mod remote;
mod runtime;
mod semantics;
mod slim;
