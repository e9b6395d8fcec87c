//! Compression of layers and archives, told by magic bytes: media types and file names are not asked.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

/// How a tar is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    Plain,
    /// RFC 1952, in one member or several.
    Gzip,
    /// RFC 8878, in one frame or several, skippable ones too.
    Zstd,
}

impl Codec {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// A compression that no runtime reads.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("it is compressed with {0}, expected gzip, zstd or none")]
pub struct UnknownCodec(&'static str);

/// Bytes that [`sniff`] wants to see.
pub const MAGIC_BYTES: usize = 6;
/// Bytes read from the archive at a time.
const READ_BUFFER: usize = 256 << 10;

/// Tells the compression from the first [`MAGIC_BYTES`] bytes. What has no known magic is taken as plain.
pub fn sniff(magic: &[u8]) -> Result<Codec, UnknownCodec> {
    match magic {
        [0x1f, 0x8b, ..] => Ok(Codec::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Codec::Zstd),
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Codec::Zstd),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Err(UnknownCodec("xz")),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Err(UnknownCodec("bzip2")),
        [0x04, 0x22, 0x4d, 0x18, ..] => Err(UnknownCodec("lz4")),
        _ => Ok(Codec::Plain),
    }
}

/// The uncompressed bytes of `compressed`, read once and in order.
pub fn decode<'r, R: Read + Send + 'r>(compressed: R, codec: Codec) -> io::Result<Box<dyn BufRead + Send + 'r>> {
    let input = BufReader::with_capacity(READ_BUFFER, compressed);
    Ok(match codec {
        Codec::Plain => Box::new(input),
        Codec::Gzip => Box::new(BufReader::with_capacity(READ_BUFFER, MultiGzDecoder::new(input))),
        Codec::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            Box::new(BufReader::with_capacity(READ_BUFFER, decoder))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic_bytes_tell_the_compression() {
        assert_eq!(sniff(&[0x1f, 0x8b, 8, 0, 0, 0]), Ok(Codec::Gzip));
        assert_eq!(sniff(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0]), Ok(Codec::Zstd));
        assert_eq!(sniff(&[0x5e, 0x2a, 0x4d, 0x18, 0, 0]), Ok(Codec::Zstd));
        assert_eq!(sniff(b"\xfd7zXZ\0"), Err(UnknownCodec("xz")));
        assert_eq!(sniff(b"BZh91A"), Err(UnknownCodec("bzip2")));
        assert_eq!(sniff(b"etc/pa"), Ok(Codec::Plain));
        assert_eq!(sniff(b""), Ok(Codec::Plain));
    }
}
