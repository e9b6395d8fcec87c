//! Telling someone how far it is. What they make of it is their business.

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A stream is copied to a temporary file.
    Copying,
    /// Layers are read and verified.
    Reading,
    /// The new layer is written.
    Writing,
}

/// Is told how far a squash is, from any thread.
pub trait Progress: Sync {
    /// A stage begins that will read `bytes` bytes; `None` when that cannot be known.
    fn begin(&self, stage: Stage, bytes: Option<u64>);

    /// `bytes` more were read.
    fn advance(&self, bytes: u64);
}

/// Tells no one.
impl Progress for () {
    fn begin(&self, _: Stage, _: Option<u64>) {}

    fn advance(&self, _: u64) {}
}
