//! The text of a zstd blob, frame by frame: what a frame needs to be decoded is known from its header, and readers that
//! need much wait for each other.
//!
//! Format: RFC 8878, section 3.1.1.1.

use std::io::{self, BufRead, Read};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// Bytes that a frame may need: what `zstd -d` takes by default, and what the highest level makes.
const MAX_WINDOW: u64 = 128 << 20;
/// What any frame needs: two blocks and tables.
const LEAST: u64 = 512 << 10;
/// Bytes of the longest header.
const MAX_HEADER: usize = 18;

/// A frame that needs more than is given.
#[derive(Debug, Error)]
#[error(
    "a zstd frame needs a window of {window} bytes, expected no more than {MAX_WINDOW}: compress it without --long"
)]
struct TooLong {
    window: u64,
}

/// Memory for the windows of all readers together, as much as one frame may need.
#[derive(Debug)]
pub(super) struct Windows {
    left: Mutex<u64>,
    more: Condvar,
}

/// Memory that a frame has while it is decoded.
struct Lease<'w> {
    windows: &'w Windows,
    size: u64,
}

impl Windows {
    pub(super) fn new() -> Self {
        Self { left: Mutex::new(MAX_WINDOW), more: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there are `size` bytes. Who asks must have none, or two would wait for each other.
    fn lend(&self, size: u64) -> Lease<'_> {
        let mut left = self.lock();
        while *left < size {
            left = self.more.wait(left).unwrap_or_else(PoisonError::into_inner);
        }
        *left -= size;
        Lease { windows: self, size }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        *self.windows.lock() += self.size;
        self.windows.more.notify_all();
    }
}

/// Reads the frames of a zstd blob.
pub(super) struct Frames<'w, R> {
    input: R,
    windows: &'w Windows,
    /// The beginning of a frame, looked at already.
    head: Vec<u8>,
    /// Bytes of it that were decoded.
    at: usize,
    decoder: Option<(Decoder<'static>, Lease<'w>)>,
    /// Whether a frame is under way.
    inside: bool,
}

impl<'w, R: BufRead> Frames<'w, R> {
    pub(super) fn new(input: R, windows: &'w Windows) -> Self {
        Self { input, windows, head: Vec::new(), at: 0, decoder: None, inside: false }
    }

    /// Looks at the header of the next frame, and gets what it needs. False at the end.
    fn begin(&mut self) -> io::Result<bool> {
        self.head.drain(..self.at);
        self.at = 0;
        while self.head.len() < MAX_HEADER {
            let piece = fill(&mut self.input)?;
            if piece.is_empty() {
                break;
            }
            let n = piece.len().min(MAX_HEADER - self.head.len());
            self.head.extend_from_slice(&piece[..n]);
            self.input.consume(n);
        }
        if self.head.is_empty() {
            return Ok(false);
        }
        let window = window(&self.head);
        if window > MAX_WINDOW {
            return Err(io::Error::other(TooLong { window }));
        }
        let size = window.max(LEAST);
        if self.decoder.as_ref().is_none_or(|(_, lease)| lease.size < size) {
            self.decoder = None;
            let lease = self.windows.lend(size);
            self.decoder = Some((Decoder::new()?, lease));
        }
        self.inside = true;
        Ok(true)
    }
}

impl<R: BufRead> Read for Frames<'_, R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        while !output.is_empty() {
            if !self.inside && !self.begin()? {
                // Others may wait for it.
                self.decoder = None;
                break;
            }
            let Some((decoder, _)) = &mut self.decoder else { break };
            let in_head = self.at < self.head.len();
            let piece = if in_head { &self.head[self.at..] } else { fill(&mut self.input)? };
            let is_end = piece.is_empty();
            let (mut from, mut to) = (InBuffer::around(piece), OutBuffer::around(&mut *output));
            let left = decoder.run(&mut from, &mut to)?;
            let (read, written) = (from.pos(), to.pos());
            if in_head {
                self.at += read;
            } else {
                self.input.consume(read);
            }
            self.inside = left != 0;
            if written > 0 {
                return Ok(written);
            }
            if is_end && self.inside {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the zstd stream is cut short"));
            }
        }
        Ok(0)
    }
}

fn fill(input: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    input.fill_buf()
}

/// Bytes of text that decoding the frame with this header has to look back at. None for a frame that is skipped; what
/// is no header at all is left to the decoder.
fn window(header: &[u8]) -> u64 {
    let [0x28, 0xb5, 0x2f, 0xfd, descriptor, rest @ ..] = header else { return 0 };
    let is_single = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content = match (descriptor >> 6, is_single) {
        (0, false) => 0,
        (0, true) => 1,
        (1, _) => 2,
        (2, _) => 4,
        _ => 8,
    };
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let before = dictionary + usize::from(!is_single);
    let size = rest.get(before..before + content).filter(|bytes| !bytes.is_empty()).map(number);
    // Two bytes count from 256 on.
    let size = if content == 2 { size.map(|size| size + 256) } else { size };
    match (is_single, rest.first()) {
        (true, _) => size.unwrap_or(0),
        (false, Some(byte)) => {
            let base = 1_u64 << (10 + (byte >> 3));
            let window = base + base / 8 * u64::from(byte & 7);
            // What is short needs no more than it has.
            size.map_or(window, |size| size.min(window))
        }
        (false, None) => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::atomic::{AtomicU64, Ordering};

    use zstd::zstd_safe::CParameter;

    use super::*;

    fn frame(text: &[u8], window_log: u32, pledged: bool) -> Vec<u8> {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.set_parameter(CParameter::WindowLog(window_log)).unwrap();
        encoder.include_contentsize(pledged).unwrap();
        if pledged {
            encoder.set_pledged_src_size(Some(text.len() as u64)).unwrap();
        }
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(blob: &[u8], windows: &Windows) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        // A small buffer, so that headers lie across its ends.
        Frames::new(io::BufReader::with_capacity(7, blob), windows).read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn frames_of_all_kinds_come_out_as_zstd_has_them() {
        let skipped = [&b"\x50\x2a\x4d\x18\x03\0\0\0abc"[..], &frame(b"", 10, true)].concat();
        let text: Vec<u8> = (0..300_000_u32).flat_map(|n| (n % 1000).to_le_bytes()).collect();
        let blob = [frame(&text, 20, false), skipped, frame(b"x", 12, true), frame(&text, 22, true)].concat();
        let windows = Windows::new();
        assert_eq!(read(&blob, &windows).unwrap(), [&text[..], b"x", &text].concat());
        assert_eq!(*windows.lock(), MAX_WINDOW, "all is given back");
        assert_eq!(read(b"", &windows).unwrap(), b"");
        for cut in [1, 4, 5, 17, 100, blob.len() - 1] {
            assert!(read(&blob[..cut], &windows).is_err(), "{cut}");
        }
        assert!(read(&[&blob[..], b"garbage"].concat(), &windows).is_err());
        assert_eq!(*windows.lock(), MAX_WINDOW, "whatever happens");
    }

    #[test]
    fn windows_are_known_from_the_header() {
        let window = |log, pledged| window(&frame(&[7; 5000], log, pledged)[..MAX_HEADER.min(15)]);
        assert_eq!(window(20, false), 1 << 20);
        assert_eq!(window(27, false), 128 << 20);
        assert_eq!(window(27, true), 5000, "a short text needs no long window");
        let too_long = [0x28, 0xb5, 0x2f, 0xfd, 0, (28 - 10) << 3, 0, 0];
        let error = read(&too_long, &Windows::new()).unwrap_err().to_string();
        assert!(error.contains("a zstd frame needs a window of 268435456 bytes"), "{error}");
        assert_eq!(super::window(b"\x50\x2a\x4d\x18\xff\xff\xff\xff"), 0);
    }

    #[test]
    fn readers_together_have_no_more_than_one_may_need() {
        let blob = frame(&vec![1; 2 << 20], 26, false);
        let (windows, now, most) = (Windows::new(), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut frames = Frames::new(&blob[..], &windows);
                    let mut byte = [0];
                    while frames.read(&mut byte).unwrap() > 0 {
                        let size = frames.decoder.as_ref().map_or(0, |(_, lease)| lease.size);
                        most.fetch_max(now.fetch_add(size, Ordering::SeqCst) + size, Ordering::SeqCst);
                        let mut rest = [0; 1 << 16];
                        let _ = frames.read(&mut rest).unwrap();
                        now.fetch_sub(size, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!((1..=MAX_WINDOW).contains(&most.into_inner()));
    }
}
