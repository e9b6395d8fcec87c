//! Against the real consumers: docker, podman, containerd, skopeo and umoci, as root. `tests/run` installs and starts
//! them and builds the images; without that these tests are ignored.

mod real;
mod runtime;
mod semantics;
