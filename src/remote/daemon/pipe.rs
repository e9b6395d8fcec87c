//! HTTP over what is no network: a socket of this machine, or the standard input and output of a command.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};

use super::endpoint::Endpoint;

/// Connects to an endpoint, whatever address is asked for.
#[derive(Debug)]
pub(super) struct Dial {
    pub(super) endpoint: Endpoint,
    /// How long is waited for anything; without it for ever, because a daemon that unpacks says nothing for minutes.
    pub(super) limit: Option<Duration>,
}

/// A connection.
pub(super) struct Pipe {
    ends: Ends,
    buffers: LazyBuffers,
}

enum Ends {
    Socket(UnixStream),
    Command(Dialed),
}

/// A command that leads to a daemon. It ends with the connection.
struct Dialed {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Drop for Dialed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Connector<()> for Dial {
    type Out = Pipe;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Pipe>, ureq::Error> {
        let ends = match &self.endpoint {
            Endpoint::Socket(path) => {
                let socket = UnixStream::connect(path)?;
                socket.set_read_timeout(self.limit)?;
                socket.set_write_timeout(self.limit)?;
                Ends::Socket(socket)
            }
            Endpoint::Command(_) => Ends::Command(dial()?),
        };
        let config = details.config;
        Ok(Some(Pipe { ends, buffers: LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size()) }))
    }
}

fn dial() -> io::Result<Dialed> {
    let mut command = Command::new("docker");
    // What it says goes to the person: ssh asks for things there.
    command.args(["system", "dial-stdio"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|problem| match problem.kind() {
        io::ErrorKind::NotFound => {
            io::Error::new(io::ErrorKind::NotFound, "the command docker leads there, and it is not on the PATH")
        }
        _ => problem,
    })?;
    match (child.stdin.take(), child.stdout.take()) {
        (Some(input), Some(output)) => Ok(Dialed { child, input, output }),
        _ => Err(io::Error::other("no pipes to the command")),
    }
}

impl Transport for Pipe {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let output = &self.buffers.output()[..amount];
        match &mut self.ends {
            Ends::Socket(socket) => socket.write_all(output)?,
            Ends::Command(command) => {
                command.input.write_all(output)?;
                command.input.flush()?;
            }
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let buffer = self.buffers.input_append_buf();
        let amount = loop {
            let read = match &mut self.ends {
                Ends::Socket(socket) => socket.read(buffer),
                Ends::Command(command) => command.output.read(buffer),
            };
            match read {
                Err(problem) if problem.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// A connection serves one question. Daemons are near.
    fn is_open(&mut self) -> bool {
        false
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pipe")
    }
}
