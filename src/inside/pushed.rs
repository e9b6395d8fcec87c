//! Bytes that a registry holds, before anything is pushed.
//!
//! # Decisions
//! - A compressed layer is pushed as it is. One that comes uncompressed is compressed by whoever pushes it, so samples
//!   of it are, evenly spread, at the level that docker and imgsquash use: 16 MiB of a layer at most for whoever asks,
//!   and one byte of 32 where it is only told by the way.
//! - A new layer is made of stretches of old ones, and each is as dense as it was there: between two places where a
//!   gzip blob can be entered it is known how much lies between them, and of zstd the average of the blob is taken.

use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::blob::Span;
use crate::codec::Codec;
use crate::deflate::ChunkEncoder;
use crate::layer::{LayerIndex, Layers, Recipe, WriteError};

/// Bytes that are compressed together. Deflate looks back 32 KiB, so little is lost at their ends.
const WINDOW: u64 = 128 << 10;
/// How closely layers are looked at that come uncompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Samples {
    /// 128 windows of each.
    Many,
    /// At most 16, and of small layers one byte of 32.
    Few,
}

impl Samples {
    /// Windows of a layer of so many bytes.
    fn of(self, plain: u64) -> u64 {
        match self {
            Self::Many => 128,
            Self::Few => (plain / (32 * WINDOW)).clamp(1, 16),
        }
    }
}

/// Level of the samples.
const LEVEL: u32 = 6;
/// Of headers that are written anew one byte in so many remains: names and zeros compress well.
const HEADER_SHRINKS: u64 = 8;
/// Parts of a byte that stretches are counted in, because there are many and short ones.
const FINE: u128 = 1 << 16;
/// What a new blob has besides its text, in bytes.
const FRAME: u64 = 20;

/// Bytes that a registry holds, or would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// How many.
    pub bytes: u64,
    /// Whether that is an estimate.
    pub is_estimated: bool,
}

impl std::iter::Sum for Size {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::default(), |sum, size| Self {
            bytes: sum.bytes.saturating_add(size.bytes),
            is_estimated: sum.is_estimated || size.is_estimated,
        })
    }
}

/// How dense the layers of an image are.
#[derive(Debug)]
pub struct Densities(Vec<Density>);

/// How dense a layer is: bytes of its blob by bytes of its tar.
#[derive(Debug)]
struct Density {
    /// Places in the tar, and bytes of the blob up to there; both grow.
    points: Vec<(u64, u64)>,
    is_estimated: bool,
}

impl Densities {
    /// Looks at the layers, with so many threads.
    pub fn of(layers: Layers<'_>, samples: Samples, jobs: NonZeroUsize) -> Result<Self, WriteError> {
        let count = layers.indexes.len();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut found = Vec::new();
            let mut encoder = None;
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= count {
                    return Ok(found);
                }
                let density = Density::of(&layers.indexes[at], &layers.sources[at].blob, samples, &mut encoder);
                let layer = u16::try_from(at).unwrap_or(u16::MAX);
                found.push((at, density.map_err(|problem| WriteError::Read { layer, problem })?));
            }
        };
        let found = std::thread::scope(|scope| {
            let others: Vec<_> = (1..jobs.get().min(count)).map(|_| scope.spawn(work)).collect();
            let mut found: Result<Vec<(usize, Density)>, WriteError> = work();
            for other in others {
                let theirs = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                found = found.and_then(|mut found| theirs.map(|theirs| found.extend(theirs)).map(|()| found));
            }
            found
        });
        let mut found = found?;
        found.sort_unstable_by_key(|(at, _)| *at);
        Ok(Self(found.into_iter().map(|(_, density)| density).collect()))
    }

    /// What a registry holds of the layer at `position`.
    pub fn layer(&self, position: usize) -> Size {
        self.0.get(position).map_or(Size::default(), |density| Size {
            bytes: density.points.last().map_or(0, |(_, packed)| *packed),
            is_estimated: density.is_estimated,
        })
    }

    /// What a registry would hold of a new layer.
    pub fn new_layer(&self, recipe: &Recipe) -> Size {
        let (mut bytes, mut copied) = (0, 0);
        for (layer, range) in recipe.copies() {
            copied += range.end - range.start;
            bytes += self.0.get(usize::from(layer)).map_or(0, |density| density.packed(range));
        }
        let headers = recipe.plain_size.saturating_sub(copied) / HEADER_SHRINKS;
        let bytes = u64::try_from(bytes / FINE).unwrap_or(u64::MAX);
        Size { bytes: bytes + headers + FRAME, is_estimated: true }
    }
}

impl Density {
    fn of(index: &LayerIndex, blob: &Span, samples: Samples, encoder: &mut Option<ChunkEncoder>) -> io::Result<Self> {
        let (plain, packed) = (index.plain_size, blob.len());
        let mut points = vec![(0, 0)];
        match index.codec {
            // What a registry has is what it holds, and where it is not read it stays there.
            Codec::Plain if blob.is_distant() && matches!(samples, Samples::Few) => {}
            Codec::Plain => {
                let encoder = encoder.get_or_insert_with(|| ChunkEncoder::new(LEVEL));
                return sampled(blob, samples, encoder);
            }
            Codec::Gzip => points.extend(index.ways_in.iter().map(|way| (way.text, way.bit / 8))),
            Codec::Zstd => {}
        }
        points.push((plain, packed));
        Ok(Self { points, is_estimated: false })
    }

    /// Bytes of the blob that this much of the tar takes, times [`FINE`].
    fn packed(&self, range: Range<u64>) -> u128 {
        self.up_to(range.end) - self.up_to(range.start)
    }

    fn up_to(&self, text: u64) -> u128 {
        let next = self.points.partition_point(|(at, _)| *at <= text);
        let known = |(_, packed): (u64, u64)| u128::from(packed) * FINE;
        match (next.checked_sub(1).map(|at| self.points[at]), self.points.get(next)) {
            (Some(before), Some(after)) => {
                let (passed, all) = (u128::from(text - before.0), u128::from(after.0 - before.0));
                known(before) + u128::from(after.1 - before.1) * FINE * passed / all
            }
            (Some(last), None) => known(last),
            (None, _) => 0,
        }
    }
}

/// How dense a tar would be, by samples of it.
fn sampled(blob: &Span, samples: Samples, encoder: &mut ChunkEncoder) -> io::Result<Density> {
    let plain = blob.len();
    let stride = plain.div_ceil(samples.of(plain)).max(WINDOW);
    let (mut points, mut packed) = (vec![(0, 0)], 0);
    let mut at = 0;
    while at < plain {
        let end = plain.min(at + stride);
        let window = WINDOW.min(end - at);
        let bytes = blob.part(at, window).read_all(WINDOW)?;
        packed += u128::from(encoder.measure(&bytes)) * u128::from(end - at) / u128::from(window);
        points.push((end, u64::try_from(packed).unwrap_or(u64::MAX)));
        at = end;
    }
    Ok(Density { points, is_estimated: true })
}
