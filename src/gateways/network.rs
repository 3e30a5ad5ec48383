//! What both gateways do with a network: how a value stands in a URL, and what a broken connection means: one
//! reading of the errors of sockets, resolvers, TLS and HTTP, of which those of TLS are in `tls.rs`. It looks at types, never at `{:?}` of a client's error, which may hold tokens and bodies.

mod tls;

use std::collections::hash_map::RandomState;
use std::error::Error;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::time::Duration;

use tokio_rustls::rustls;

use crate::model::FaultKind;

/// A value as it stands in the query of a URL.
pub(in crate::gateways) fn quoted(value: &str) -> String {
    use std::fmt::Write as _;
    let mut quoted = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            quoted.push(char::from(byte));
        } else {
            let _ = write!(quoted, "%{byte:02X}");
        }
    }
    quoted
}

/// A time between nothing and this one, another for everybody who asks: what failed together must not knock together.
pub(in crate::gateways) fn jittered(most: Duration) -> Duration {
    let random = u32::try_from(RandomState::new().build_hasher().finish() % 1000).unwrap_or_default();
    most * random / 1000
}

/// A broken connection: what kind it is, how a sentence about the server goes on, and what helps, where that is the
/// same for every server.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::gateways) struct Broken {
    pub(in crate::gateways) kind: FaultKind,
    pub(in crate::gateways) how: String,
    pub(in crate::gateways) hint: &'static str,
}

impl Broken {
    pub(super) fn new(kind: FaultKind, how: impl Into<String>) -> Self {
        Self { kind, how: how.into(), hint: "" }
    }
}

pub(in crate::gateways) use tls::is_untrusted;

/// Reads an error and everything it was caused by; the innermost cause that says something wins.
pub(in crate::gateways) fn broken(error: &(dyn Error + 'static)) -> Option<Broken> {
    causes(error).filter_map(read).last()
}

/// An error and everything it was caused by.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        inner(error).or_else(|| error.source())
    })
}

/// An `io::Error` hides the error it was made of from `source`.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let inner: &'a (dyn Error + 'static) = error.downcast_ref::<io::Error>()?.get_ref()?;
    Some(inner)
}

fn read(error: &(dyn Error + 'static)) -> Option<Broken> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(tls::broken(error));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return socket(error);
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return http(error);
    }
    // hyper-util's connector keeps its error type to itself.
    (error.to_string() == "dns error").then(|| Broken::new(FaultKind::Dns, "cannot be found: no name server knows the name"))
}

fn socket(error: &io::Error) -> Option<Broken> {
    if error.raw_os_error().is_some_and(is_want_of_descriptors) {
        let how = "is not asked: this process has as many files and connections open as it may (ulimit -n)";
        return Some(Broken::new(FaultKind::Local, how));
    }
    let (kind, how) = match error.kind() {
        io::ErrorKind::ConnectionRefused => (FaultKind::Tcp, "refuses connections: nothing listens there"),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            (FaultKind::Tcp, "cut the connection")
        }
        io::ErrorKind::UnexpectedEof => (FaultKind::Tcp, "ended the connection in the middle of an answer"),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            (FaultKind::Tcp, "cannot be reached: there is no route to it")
        }
        io::ErrorKind::AddrNotAvailable => (FaultKind::Tcp, "has an address that cannot be used from here"),
        io::ErrorKind::TimedOut => (FaultKind::Timeout, "did not answer in time"),
        _ if error.to_string().starts_with("failed to lookup address") => {
            (FaultKind::Dns, "cannot be found: no name server knows the name")
        }
        _ => return None,
    };
    Some(Broken::new(kind, how))
}

/// `EMFILE` of this process, `ENFILE` of the whole machine.
fn is_want_of_descriptors(code: i32) -> bool {
    [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE].iter().any(|error| error.raw_os_error() == code)
}

fn http(error: &hyper::Error) -> Option<Broken> {
    if error.is_timeout() {
        return Some(Broken::new(FaultKind::Timeout, "did not answer in time"));
    }
    if error.is_parse() || error.is_parse_status() {
        return Some(Broken::new(FaultKind::Http, "does not speak HTTP: is it https?"));
    }
    (error.is_closed() || error.is_incomplete_message() || error.is_canceled())
        .then(|| Broken::new(FaultKind::Tcp, "closed the connection without an answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_cause_is_named() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let wrapped = io::Error::other(io::Error::other(refused));
        assert_eq!(broken(&wrapped).map(|b| b.kind), Some(FaultKind::Tcp));
        let certificate = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let tls = io::Error::new(io::ErrorKind::InvalidData, certificate);
        let broken_tls = broken(&tls).unwrap();
        assert_eq!(broken_tls.kind, FaultKind::Tls);
        assert!(broken_tls.how.contains("not trusted"), "{}", broken_tls.how);
        let full = broken(&io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error())).unwrap();
        assert!(full.kind == FaultKind::Local && full.how.contains("ulimit -n"), "{}", full.how);
        assert_eq!(broken(&io::Error::other("eyJhbGciOi.secret")), None);
    }
}
