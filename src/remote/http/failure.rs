//! Why there is no answer.

use std::io;

use rustls::CertificateError;

use crate::remote::error::{Trouble, shown};

/// Why there is no answer, or only a part of one.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody knows the host.
    Unknown,
    /// There is no way to it, or nobody answers there.
    Unreachable(String),
    /// There is no such socket.
    Absent,
    /// The socket may not be used.
    Forbidden,
    /// Nothing came for too long.
    Silent,
    /// The connection broke.
    Broken(String),
    /// What answered does not speak TLS.
    NotTls,
    /// What answered is not trusted.
    Untrusted(String),
    /// The proxy does not let it through.
    Proxy(String),
    /// What answered does not speak HTTP, or makes no sense.
    Nonsense(String),
    /// Something on this side: what was to be sent could not be read.
    Here(String),
}

impl Failure {
    /// Whether the next try may be luckier, if the host was reached before.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Unknown | Self::Unreachable(_) | Self::Silent | Self::Broken(_))
    }

    /// Whether it may pass even if nothing ever came from the host.
    pub(crate) fn is_of_the_moment(&self) -> bool {
        matches!(self, Self::Silent | Self::Broken(_))
    }

    /// The same as an error about `host`, after so many tries.
    pub(crate) fn trouble(self, host: &str, tries: u32) -> Trouble {
        let host = host.to_owned();
        match self {
            Self::Unknown => {
                Trouble::Unreachable { host, why: "no host of this name is known: check the spelling".to_owned() }
            }
            Self::Unreachable(why) | Self::Proxy(why) => Trouble::Unreachable { host, why },
            Self::Absent | Self::Forbidden => Trouble::Unreachable { host, why: "no connection".to_owned() },
            Self::Silent => Trouble::Unreachable { host, why: "it does not answer in time".to_owned() },
            Self::Broken(why) if tries > 1 => Trouble::Broken { host, tries, why },
            Self::Broken(why) => Trouble::Unreachable { host, why },
            Self::NotTls => Trouble::NotTls { host },
            Self::Untrusted(why) => Trouble::Untrusted { host, why },
            Self::Nonsense(why) => Trouble::NoRegistry { host, why },
            Self::Here(why) => Trouble::Here { what: "cannot read what is to be sent".to_owned(), why },
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // Takes the client's own error out of what a reader had to put it into.
        ureq::Error::from(error).into()
    }
}

impl From<ureq::Error> for Failure {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Io(error) => from_io(error),
            ureq::Error::Rustls(error) => from_tls(&error),
            ureq::Error::HostNotFound => Self::Unknown,
            ureq::Error::Timeout(_) => Self::Silent,
            ureq::Error::ConnectionFailed => Self::Unreachable("no connection".to_owned()),
            ureq::Error::ConnectProxyFailed(why) => {
                Self::Proxy(format!("the proxy does not let it through: {}", shown(&why)))
            }
            ureq::Error::Protocol(problem) => Self::Nonsense(shown(&format!("it does not speak HTTP ({problem})"))),
            ureq::Error::LargeResponseHeader(..) => Self::Nonsense("its headers have no end".to_owned()),
            other => Self::Nonsense(shown(&other.to_string())),
        }
    }
}

fn from_io(error: io::Error) -> Failure {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return from_tls(tls);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            Failure::Unreachable("connection refused: does anything listen there?".to_owned())
        }
        io::ErrorKind::NotFound => Failure::Absent,
        io::ErrorKind::PermissionDenied => Failure::Forbidden,
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Failure::Silent,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::NotConnected => Failure::Broken("the connection was cut".to_owned()),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            Failure::Unreachable("there is no way to this host".to_owned())
        }
        // The resolver of the system has no kind of its own.
        _ if error.to_string().contains("lookup") => Failure::Unknown,
        _ => Failure::Broken(shown(&error.to_string())),
    }
}

/// What helps when a certificate is not trusted.
const REMEDY: &str = "put its authority into /etc/docker/certs.d/HOST:PORT/ca.crt, or say --insecure";

fn from_tls(error: &rustls::Error) -> Failure {
    let why = match error {
        rustls::Error::InvalidMessage(_) => return Failure::NotTls,
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::UnknownIssuer => format!("no authority known here signed its certificate: {REMEDY}"),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired (or the clock of this machine is wrong)".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet (or the clock of this machine is wrong)".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name".to_owned()
            }
            CertificateError::Revoked => "its certificate was revoked".to_owned(),
            other => format!("its certificate is not acceptable ({}): {REMEDY}", shown(&format!("{other:?}"))),
        },
        rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired) => {
            "it wants a client certificate: put client.cert and client.key into /etc/docker/certs.d/HOST:PORT"
                .to_owned()
        }
        other => shown(&other.to_string()),
    };
    Failure::Untrusted(why)
}
