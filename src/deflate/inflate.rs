//! A safe face on raw inflate that stops at block boundaries.
//!
//! zlib-rs's safe interface does not tell where a block ends, nor can it begin in the middle of a stream; its C interface
//! does both (`Z_BLOCK`, `inflatePrime`, `inflateSetDictionary`).

#![allow(unsafe_code)]

use std::ffi::c_int;
use std::mem::MaybeUninit;

use libz_rs_sys::{
    Z_BLOCK, Z_BUF_ERROR, Z_NO_FLUSH, Z_OK, Z_STREAM_END, inflate, inflateEnd, inflateGetDictionary, inflateInit2_,
    inflatePrime, inflateReset, inflateSetDictionary, z_stream, zlibVersion,
};
use thiserror::Error;

/// Inflates one raw deflate stream after the other, a block at a time.
pub struct Inflater {
    // Boxed: the stream's state points back to it.
    stream: Box<z_stream>,
}

// SAFETY: the stream owns its state, which is plain memory; nothing of it is tied to a thread.
unsafe impl Send for Inflater {}

/// Bytes that are no deflate stream.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("corrupt deflate stream")]
pub struct Corrupt;

/// How far one call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input it took.
    pub consumed: usize,
    /// Bytes of the output it filled.
    pub produced: usize,
    /// Where it stopped.
    pub at: At,
}

/// How far to go at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The output is full; boundaries on the way are passed over.
    Full,
    /// A block ends.
    Boundary,
}

/// Where inflating stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Inside a block: the input is used up or the output is full.
    Inside,
    /// After a block.
    Boundary {
        /// Bits of the last byte taken that belong to what follows, 0 to 7.
        unused: u8,
        /// Whether it was the last block of the stream.
        last: bool,
    },
    /// After the stream, at the byte that follows it.
    End,
}

/// Raw deflate with the largest window.
const RAW: c_int = -15;
/// Bytes of that window.
const WINDOW: usize = 32 << 10;

impl Inflater {
    /// An inflater at the start of a stream. The start itself is a boundary that no call tells of.
    pub fn new() -> Self {
        let mut stream: Box<MaybeUninit<z_stream>> = Box::new(MaybeUninit::zeroed());
        let size = c_int::try_from(size_of::<z_stream>()).unwrap_or(c_int::MAX);
        // SAFETY: an all-zero z_stream is valid (no allocator, no input), and it stays where it is in its box.
        let done = unsafe { inflateInit2_(stream.as_mut_ptr(), RAW, zlibVersion(), size) };
        assert_eq!(done, Z_OK, "inflate can be set up");
        // SAFETY: it was zeroed and then initialised.
        Self { stream: unsafe { stream.assume_init() } }
    }

    /// Begins a new stream.
    pub fn reset(&mut self) {
        // SAFETY: the stream was initialised in `new`.
        let done = unsafe { inflateReset(&raw mut *self.stream) };
        assert_eq!(done, Z_OK, "a stream that is set up can be reset");
    }

    /// Makes `window` the text before what comes, up to 32 KiB of it. Only after [`Self::reset`].
    pub fn set_window(&mut self, window: &[u8]) {
        let window = &window[window.len().saturating_sub(WINDOW)..];
        let length = u32::try_from(window.len()).unwrap_or_default();
        // SAFETY: the stream was initialised in `new`, and the window is only read during the call.
        let done = unsafe { inflateSetDictionary(&raw mut *self.stream, window.as_ptr(), length) };
        assert_eq!(done, Z_OK, "raw inflate takes a window at any time");
    }

    /// Puts the lowest `count` bits of `bits`, 7 at most, before the input that comes. Only after [`Self::reset`].
    pub fn prime(&mut self, bits: u8, count: u32) {
        let count = c_int::try_from(count).unwrap_or(c_int::MAX);
        // SAFETY: the stream was initialised in `new`.
        let done = unsafe { inflatePrime(&raw mut *self.stream, count, c_int::from(bits)) };
        assert_eq!(done, Z_OK, "an empty bit buffer takes 7 bits");
    }

    /// The text before what comes that blocks may refer to, up to 32 KiB of it.
    pub fn window(&self) -> Vec<u8> {
        let mut window = vec![0; WINDOW];
        let mut length = 0;
        // SAFETY: the stream was initialised in `new`, and there is room for the largest window.
        let done = unsafe { inflateGetDictionary(&raw const *self.stream, window.as_mut_ptr(), &raw mut length) };
        assert_eq!(done, Z_OK, "an initialised stream has a window");
        window.truncate(length as usize);
        window
    }

    /// Inflates `input` into `output` until one of them is used up, the stream ends, or `until`. A boundary right where
    /// the output became full may be told by the next call.
    pub fn step(&mut self, input: &[u8], output: &mut [u8], until: Until) -> Result<Step, Corrupt> {
        let flush = match until {
            Until::Full => Z_NO_FLUSH,
            Until::Boundary => Z_BLOCK,
        };
        let available_in = u32::try_from(input.len()).unwrap_or(u32::MAX);
        let available_out = u32::try_from(output.len()).unwrap_or(u32::MAX);
        self.stream.next_in = input.as_ptr().cast_mut();
        self.stream.avail_in = available_in;
        self.stream.next_out = output.as_mut_ptr();
        self.stream.avail_out = available_out;
        // SAFETY: input and output are valid for the lengths given and outlive the call; inflate only reads the input.
        let code = unsafe { inflate(&raw mut *self.stream, flush) };
        let consumed = (available_in - self.stream.avail_in) as usize;
        let produced = (available_out - self.stream.avail_out) as usize;
        self.stream.next_in = std::ptr::null_mut();
        self.stream.next_out = std::ptr::null_mut();
        let state = self.stream.data_type;
        let at = match code {
            Z_STREAM_END => At::End,
            Z_OK | Z_BUF_ERROR if state & 128 != 0 => {
                At::Boundary { unused: u8::try_from(state & 7).unwrap_or_default(), last: state & 64 != 0 }
            }
            Z_OK | Z_BUF_ERROR => At::Inside,
            _ => return Err(Corrupt),
        };
        Ok(Step { consumed, produced, at })
    }
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: the stream was initialised in `new` and is not used again.
        unsafe { inflateEnd(&raw mut *self.stream) };
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// The bit positions of all boundaries, and the output.
    pub(super) fn boundaries(deflated: &[u8], piece: usize, room: usize) -> (Vec<u64>, Vec<u8>) {
        let mut inflater = Inflater::new();
        let (mut at, mut found, mut plain) = (0_usize, vec![0], Vec::new());
        let mut output = vec![0; room];
        loop {
            let end = at.saturating_add(piece).min(deflated.len());
            let step = inflater.step(&deflated[at..end], &mut output, Until::Boundary).unwrap();
            at += step.consumed;
            plain.extend(&output[..step.produced]);
            match step.at {
                At::Boundary { unused, .. } => {
                    let bit = at as u64 * 8 - u64::from(unused);
                    if found.last() != Some(&bit) {
                        found.push(bit);
                    }
                }
                At::Inside => assert!(at < deflated.len() || step.produced > 0, "the stream is cut"),
                At::End => return (found, plain),
            }
        }
    }

    fn sample() -> (Vec<u8>, Vec<u8>) {
        let plain: Vec<u8> =
            (0..400_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 20).to_le_bytes()).collect();
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
        encoder.write_all(&plain).unwrap();
        (encoder.finish().unwrap(), plain)
    }

    #[test]
    fn boundaries_do_not_depend_on_how_input_and_output_are_cut() {
        let (deflated, plain) = sample();
        let whole = boundaries(&deflated, usize::MAX, 1 << 24);
        assert!(whole.0.len() > 5, "several blocks");
        assert_eq!(whole.1, plain);
        for (piece, room) in [(1, 1000), (7, 64), (4096, 65_536), (100_000, 1), (1 << 20, 4096)] {
            assert!(boundaries(&deflated, piece, room) == whole, "pieces of {piece} into {room}");
        }
    }

    #[test]
    fn garbage_is_corrupt_and_a_reset_begins_anew() {
        let (deflated, _) = sample();
        let mut inflater = Inflater::new();
        let mut output = vec![0; 1 << 20];
        assert_eq!(inflater.step(&[0xff; 100], &mut output, Until::Full), Err(Corrupt));
        inflater.reset();
        assert!(inflater.step(&deflated, &mut output, Until::Full).is_ok());
    }
}
