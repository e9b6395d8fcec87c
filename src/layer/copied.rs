//! The copy of a blob, read while it is written.
//!
//! # Decisions
//! - What is verified of a kept layer is its copy in the output, not the layer: between being copied and being read once
//!   more it may change. So its bytes are copied inside the kernel, which shares blocks where it can, and read back while
//!   the rest is copied. That costs a few percent of a squash that keeps most of an image, and nothing where no layer is
//!   kept.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::blob::Span;

/// The copy of a layer. Reading it waits for what is still to be written and ends where no more comes.
#[derive(Debug)]
pub struct Copied {
    /// The position of the layer, oldest 0.
    pub(super) position: usize,
    /// All that is there of the copy, again and again.
    there: Receiver<Span>,
    known: Option<Span>,
    at: u64,
}

impl Copied {
    /// A copy of the layer at `position`, and who has to be told of all that is there of it.
    pub fn new(position: usize) -> (Sender<Span>, Self) {
        let (sender, there) = channel();
        (sender, Self { position, there, known: None, at: 0 })
    }
}

impl Read for Copied {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &self.known {
                Some(known) if known.len() > self.at => {
                    let n = known.part(self.at, known.len() - self.at).reader().read(buffer)?;
                    self.at += n as u64;
                    return Ok(n);
                }
                _ => match self.there.recv() {
                    Ok(more) => self.known = Some(more),
                    Err(_) => return Ok(0),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_copy_is_read_as_it_grows() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"01234567").unwrap();
        let whole = Span::private(file).unwrap();
        let (sender, mut copy) = Copied::new(0);
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            copy.read_to_end(&mut bytes).map(|_| bytes)
        });
        for len in [0, 3, 3, 8] {
            sender.send(whole.part(0, len)).unwrap();
        }
        drop(sender);
        assert_eq!(reader.join().unwrap().unwrap(), b"01234567");
    }
}
