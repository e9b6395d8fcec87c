//! An archive on its way to a daemon: what is written here is read there, a little later.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::Feed;

/// Bytes that go over at once.
const PIECE: usize = 256 << 10;
/// Pieces that are on their way.
const PIECES: usize = 4;

/// The end that is written to. When it is dropped unfinished, the other end breaks off, so that nothing is loaded.
pub(super) struct Writer {
    piece: Vec<u8>,
    send: Option<SyncSender<Piece>>,
    /// What becomes of the archive.
    taker: Option<JoinHandle<Result<Vec<String>, String>>>,
}

enum Piece {
    Bytes(Vec<u8>),
    End,
}

/// The end that is read from.
pub(super) struct Reader {
    receive: Receiver<Piece>,
    piece: Vec<u8>,
    at: usize,
    is_ended: bool,
}

/// A stream whose other end `take` reads, in a thread of its own, and says what came of it.
pub(super) fn feed(take: impl FnOnce(Reader) -> Result<Vec<String>, String> + Send + 'static) -> io::Result<Writer> {
    let (send, receive) = sync_channel(PIECES);
    let reader = Reader { receive, piece: Vec::new(), at: 0, is_ended: false };
    let taker = std::thread::Builder::new().name("load".to_owned()).spawn(move || take(reader))?;
    Ok(Writer { piece: Vec::with_capacity(PIECE), send: Some(send), taker: Some(taker) })
}

impl Writer {
    fn pass(&mut self, piece: Piece) -> io::Result<()> {
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "the daemon takes no more");
        self.send.as_ref().ok_or_else(gone)?.send(piece).map_err(|_| gone())
    }

    fn pass_bytes(&mut self) -> io::Result<()> {
        let bytes = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        if bytes.is_empty() { Ok(()) } else { self.pass(Piece::Bytes(bytes)) }
    }

    /// Waits for the other side.
    fn outcome(&mut self) -> Result<Vec<String>, String> {
        self.send = None;
        match self.taker.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            _ => Err("the load ended without a reason".to_owned()),
        }
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..n]);
        if self.piece.len() == PIECE {
            // Why the daemon takes no more is what it answered.
            self.pass_bytes().map_err(|problem| match self.outcome() {
                Err(why) => io::Error::new(problem.kind(), why),
                Ok(_) => problem,
            })?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Feed for Writer {
    fn finish(mut self: Box<Self>) -> Result<Vec<String>, String> {
        let passed = self.pass_bytes().and_then(|()| self.pass(Piece::End));
        let outcome = self.outcome();
        match (passed, outcome) {
            (Err(problem), Ok(_)) => Err(problem.to_string()),
            (_, outcome) => outcome,
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.taker.is_some() {
            // The other side sees the end missing, and has done with it before anything else goes on.
            let _ = self.outcome();
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            if self.is_ended {
                return Ok(0);
            }
            match self.receive.recv() {
                Ok(Piece::Bytes(bytes)) => (self.piece, self.at) = (bytes, 0),
                Ok(Piece::End) => self.is_ended = true,
                Err(_) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive was given up")),
            }
        }
        let n = buffer.len().min(self.piece.len() - self.at);
        buffer[..n].copy_from_slice(&self.piece[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut reader: Reader) -> Result<Vec<String>, String> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(|problem| problem.to_string())?;
        Ok(vec![bytes.len().to_string(), bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>().to_string()])
    }

    #[test]
    fn everything_arrives_in_order() {
        let mut writer = feed(all).unwrap();
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        for piece in bytes.chunks(77_777) {
            writer.write_all(piece).unwrap();
        }
        let expected: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
        assert_eq!(Box::new(writer).finish().unwrap(), ["3000000".to_owned(), expected.to_string()]);
        assert_eq!(Box::new(feed(all).unwrap()).finish().unwrap(), ["0", "0"]);
    }

    #[test]
    fn an_archive_that_is_given_up_is_not_ended() {
        let (told, said) = std::sync::mpsc::channel();
        let mut writer = feed(move |reader| {
            let outcome = all(reader);
            told.send(outcome.clone()).unwrap();
            outcome
        })
        .unwrap();
        writer.write_all(b"half of it").unwrap();
        drop(writer);
        assert_eq!(said.try_recv().unwrap().unwrap_err(), "the archive was given up");
    }

    #[test]
    fn a_daemon_that_takes_no_more_is_told_with_its_reason() {
        let mut writer = feed(|_| Err("no space left".to_owned())).unwrap();
        let problem = loop {
            if let Err(problem) = writer.write_all(&[0; PIECE]) {
                break problem;
            }
        };
        assert_eq!(problem.to_string(), "no space left");
        let writer = feed(|_| Err("no space left".to_owned())).unwrap();
        assert_eq!(Box::new(writer).finish().unwrap_err(), "no space left");
    }
}
