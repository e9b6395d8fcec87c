//! The stream of a save, which may end in the middle as if nothing had happened.

use std::io::{self, Read};

use crate::remote::error::shown;

/// The end of every tar: two blocks of zeros.
const END: usize = 1024;
/// Bytes of the end of a stream that are kept to look for a message in.
const TAIL: usize = 8 << 10;

/// Passes a tar on; an error where it ends before its end.
pub(super) struct Saved<R> {
    reader: R,
    /// The last bytes, and maybe a few more before them.
    tail: Vec<u8>,
    /// Told at the end of the stream, before it is looked at: what the command has to say.
    ended: Option<Box<dyn FnOnce() -> Result<(), String> + Send>>,
}

impl<R: Read> Saved<R> {
    /// A stream that came from a daemon; `ended` says at its end whether the daemon knows of a failure.
    pub(super) fn new(reader: R, ended: impl FnOnce() -> Result<(), String> + Send + 'static) -> Self {
        Self { reader, tail: Vec::new(), ended: Some(Box::new(ended)) }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if bytes.len() >= TAIL {
            self.tail.clear();
        }
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
        if self.tail.len() > 2 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
    }

    fn check(&mut self) -> io::Result<()> {
        if let Some(ended) = self.ended.take() {
            ended().map_err(io::Error::other)?;
        }
        let end = &self.tail[self.tail.len().saturating_sub(END)..];
        if end.len() == END && end.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let why = match message(&self.tail) {
            Some(message) => format!("the daemon broke the save off: {}", shown(&message)),
            None => "the daemon broke the save off and does not say why".to_owned(),
        };
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, why))
    }
}

impl<R: Read> Read for Saved<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        if n == 0 && !buffer.is_empty() {
            self.check()?;
        }
        self.keep(&buffer[..n]);
        Ok(n)
    }
}

/// The message that a daemon put behind a tar that it could not end.
fn message(tail: &[u8]) -> Option<String> {
    let text = tail.trim_ascii_end();
    // The last object that ends where the stream ends.
    let starts = text.iter().enumerate().rev().filter(|(_, byte)| **byte == b'{').map(|(at, _)| at);
    for at in starts.take(16) {
        let Ok(said) = serde_json::from_slice::<serde_json::Value>(&text[at..]) else { continue };
        for path in ["/message", "/errorDetail/message", "/error"] {
            if let Some(message) = said.pointer(path).and_then(|message| message.as_str()) {
                return Some(message.to_owned());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut result = Vec::new();
        Saved::new(bytes, || Ok(())).read_to_end(&mut result)?;
        Ok(result)
    }

    fn with_end(bytes: &[u8]) -> Vec<u8> {
        [bytes, &[0; END]].concat()
    }

    #[test]
    fn a_tar_with_its_end_passes() {
        for bytes in [with_end(b"x"), with_end(&[7; 100_000]), with_end(b""), with_end(&[0; 9216])] {
            assert!(read(&bytes).unwrap() == bytes);
        }
    }

    #[test]
    fn a_message_behind_a_broken_tar_is_told() {
        for (message, expected) in [
            ("{\"message\":\"no \\u001b[1mspace\"}\n", "the daemon broke the save off: no [1mspace"),
            (r#"{"errorDetail": {"message": "a {b} c"}, "error": "x"}"#, "the daemon broke the save off: a {b} c"),
            (r#"{"error": "x"}"#, "the daemon broke the save off: x"),
            ("", "the daemon broke the save off and does not say why"),
            ("}", "the daemon broke the save off and does not say why"),
        ] {
            let bytes = [&[b'{'; 20_000][..], message.as_bytes()].concat();
            assert_eq!(read(&bytes).unwrap_err().to_string(), expected);
        }
        assert!(read(b"").is_err());
        assert!(read(&[&with_end(b"x")[..], b"{\"message\": \"late\"}"].concat()).is_err());
    }

    #[test]
    fn what_the_command_says_goes_first() {
        let ended = || Err("exit code 125".to_owned());
        let problem = Saved::new(&with_end(b"x")[..], ended).read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(problem.to_string(), "exit code 125");
    }
}
