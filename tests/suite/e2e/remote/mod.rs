//! Registries and daemons that people have.

mod command;
mod daemons;
mod distribution;
mod refused;
mod token;

use std::io::Read;
use std::sync::Arc;

use imgsquash::oci::Digest;
use imgsquash::remote::{RemoteError, Repository, Settings};

use crate::support::distribution::Distribution;
use crate::support::registry::machine;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An image of one layer: its bytes, its config's and its manifest's.
struct Image {
    layer: Arc<Vec<u8>>,
    config: Vec<u8>,
    manifest: Vec<u8>,
}

impl Image {
    /// An image with a layer of so many bytes, which no other number has.
    fn new(size: u32) -> Self {
        let words = (0..size / 4).map(|n| n.wrapping_add(size).wrapping_mul(2_654_435_761));
        let layer: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        let diff_id = Digest::of(&layer);
        let rootfs = format!(r#""rootfs": {{"type": "layers", "diff_ids": ["{diff_id}"]}}"#);
        let config = format!(r#"{{"architecture": "amd64", "os": "linux", "config": {{}}, {rootfs}}}"#).into_bytes();
        let descriptor = |kind: &str, bytes: &[u8]| {
            let (digest, size) = (Digest::of(bytes), bytes.len());
            format!(r#"{{"mediaType": "application/vnd.oci.image.{kind}", "digest": "{digest}", "size": {size}}}"#)
        };
        let (config_at, layer_at) = (descriptor("config.v1+json", &config), descriptor("layer.v1.tar", &layer));
        let manifest = format!(
            r#"{{"schemaVersion": 2, "mediaType": "{MANIFEST}", "config": {config_at}, "layers": [{layer_at}]}}"#
        );
        Self { layer: Arc::new(layer), config, manifest: manifest.into_bytes() }
    }

    fn layer_digest(&self) -> Digest {
        Digest::of(&self.layer)
    }

    /// Pushes the image as one would that squashed it.
    fn push(&self, repository: &Repository, tag: &str) -> Result<(), RemoteError> {
        self.push_through(repository, tag, |_| ())
    }

    /// The same, with a look at how much of the layer was read.
    fn push_through(
        &self,
        repository: &Repository,
        tag: &str,
        look: impl FnMut(usize) + Clone + 'static,
    ) -> Result<(), RemoteError> {
        repository.check_push()?;
        let open = || Ok(Box::new(Looked { bytes: self.layer.clone(), at: 0, look: look.clone() }) as Box<dyn Read>);
        repository.push_blob(self.layer_digest(), self.layer.len() as u64, None, &open)?;
        let config = self.config.clone();
        let open = move || Ok(Box::new(std::io::Cursor::new(config.clone())) as Box<dyn Read>);
        repository.push_blob(Digest::of(&self.config), self.config.len() as u64, None, &open)?;
        repository.push_manifest(MANIFEST, &self.manifest)?;
        repository.push_tag(tag, MANIFEST, &self.manifest)?;
        Ok(())
    }

    /// Pulls it and compares every byte, with a look at how many there are.
    fn pull(&self, repository: &Repository, tag: &str, mut look: impl FnMut(usize)) -> Result<(), RemoteError> {
        let found = repository.manifest(tag, 1 << 20)?;
        assert_eq!((found.media_type.as_str(), &found.bytes), (MANIFEST, &self.manifest));
        for (digest, bytes) in [(self.layer_digest(), &*self.layer), (Digest::of(&self.config), &self.config)] {
            let mut got = Vec::new();
            repository.blob(digest, bytes.len() as u64, &mut |piece| {
                got.extend_from_slice(piece);
                look(got.len());
                Ok(())
            })?;
            assert!(got == *bytes);
        }
        Ok(())
    }
}

struct Looked<F> {
    bytes: Arc<Vec<u8>>,
    at: usize,
    look: F,
}

impl<F: FnMut(usize)> Read for Looked<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = buffer.len().min(self.bytes.len() - self.at);
        buffer[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        (self.look)(self.at);
        Ok(n)
    }
}

/// The repository called `name`, as a machine reaches it.
fn repository(registry: &Distribution, name: &str, settings: Settings) -> Result<Repository, RemoteError> {
    imgsquash::remote::Registries::new(settings).repository(&registry.name(name).parse().unwrap())
}

/// The same from a machine that has nothing.
fn plainly(registry: &Distribution, name: &str) -> Repository {
    repository(registry, name, machine().0).unwrap()
}
