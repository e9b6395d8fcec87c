//! How new layers are compressed.

use crate::codec::Codec;

/// How a new layer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// As one gzip member; blocks of gzip layers are copied, what is compressed anew has this level, 1 to 12. `None` is
    /// what measurements suggest: 6, and between copied blocks 3.
    Gzip(Option<u32>),
    /// As one zstd frame of this level, 1 to 22.
    Zstd(i32),
}

impl Compression {
    /// The one that makes blobs like those that are there.
    pub fn like(codec: Codec) -> Self {
        match codec {
            Codec::Plain => Self::None,
            Codec::Gzip => Self::Gzip(None),
            Codec::Zstd => Self::Zstd(3),
        }
    }

    /// What it makes of a layer.
    pub fn codec(self) -> Codec {
        match self {
            Self::None => Codec::Plain,
            Self::Gzip(_) => Codec::Gzip,
            Self::Zstd(_) => Codec::Zstd,
        }
    }
}
