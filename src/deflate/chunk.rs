//! Compressing a chunk by itself, as blocks that can be joined with others.

use libdeflater::{CompressionLvl, Compressor};

use super::inflate::{At, Inflater, Until};

/// Compresses chunks with libdeflate, which is faster and denser than zlib on whole buffers; see `benches/README.md`.
pub struct ChunkEncoder {
    compressor: Compressor,
    inflater: Inflater,
    scratch: Vec<u8>,
}

/// Deflate blocks that refer to nothing before them.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// The blocks, beginning at the first bit.
    pub bytes: Vec<u8>,
    /// Number of their bits.
    pub bits: u64,
    /// The bit where the last block begins, which says that the stream ends.
    pub last: u64,
}

impl ChunkEncoder {
    /// An encoder for `level` 1 (fastest) to 12 (smallest).
    pub fn new(level: u32) -> Self {
        let level = i32::try_from(level).ok().and_then(|level| CompressionLvl::new(level).ok()).unwrap_or_default();
        Self { compressor: Compressor::new(level), inflater: Inflater::new(), scratch: vec![0; 64 << 10] }
    }

    /// How many bytes `plain` has compressed.
    pub fn measure(&mut self, plain: &[u8]) -> u64 {
        self.scratch.resize(self.compressor.deflate_compress_bound(plain.len()).max(self.scratch.len()), 0);
        let Ok(length) = self.compressor.deflate_compress(plain, &mut self.scratch) else {
            unreachable!("the bound leaves room for any input")
        };
        length as u64
    }

    /// The blocks of `plain`, in the vector `bytes`. They are inflated again to find where the last one begins, so that
    /// what cannot be read back never leaves.
    pub fn encode(&mut self, plain: &[u8], mut bytes: Vec<u8>) -> Chunk {
        bytes.resize(self.compressor.deflate_compress_bound(plain.len()), 0);
        let Ok(length) = self.compressor.deflate_compress(plain, &mut bytes) else {
            unreachable!("the bound leaves room for any input")
        };
        bytes.truncate(length);
        self.inflater.reset();
        let (mut at, mut produced, mut begin) = (0, 0, 0);
        loop {
            let step = match self.inflater.step(&bytes[at..], &mut self.scratch, Until::Boundary) {
                Ok(step) => step,
                Err(corrupt) => panic!("a chunk just compressed is a {corrupt}"),
            };
            let piece = &self.scratch[..step.produced];
            assert_eq!(plain.get(produced..produced + piece.len()), Some(piece), "a chunk inflates to what it was");
            at += step.consumed;
            produced += piece.len();
            let At::Boundary { unused, last } = step.at else { continue };
            let end = at as u64 * 8 - u64::from(unused);
            if last {
                assert_eq!(produced, plain.len(), "a chunk inflates to all that it was");
                return Chunk { bytes, bits: end, last: begin };
            }
            begin = end;
        }
    }
}

impl std::fmt::Debug for ChunkEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkEncoder").finish_non_exhaustive()
    }
}
