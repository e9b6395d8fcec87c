//! Where the files of an archive are.

use super::error::OpenError;
use crate::blob::Span;
use crate::oci::{Digest, Layer};

/// The files of an archive, by name. A new kind of place implements this.
pub trait Store: Send + Sync {
    /// The bytes of the file called `name`, links followed; `None` when there is none.
    fn file(&self, name: &str) -> Result<Option<Span>, OpenError>;

    /// The bytes of the manifest, index or config with this digest and size; `None` when it is not there.
    fn document(&self, digest: Digest, _size: u64) -> Result<Option<Span>, OpenError> {
        self.file(&digest.blob_path())
    }

    /// The bytes of a layer's blob; `None` when it is not there.
    fn layer(&self, layer: &Layer) -> Result<Option<Span>, OpenError> {
        self.file(&layer.name)
    }

    /// Whether there is a file whose name `wanted` takes.
    fn any(&self, wanted: &dyn Fn(&str) -> bool) -> bool;

    /// What would have been expected of such a place, when it holds no image.
    fn expected(&self) -> &'static str;
}
