//! What went wrong when the outside was asked: a kind that the program can act on, a sentence, a hint.
//! Gateways make these from their clients' errors; nobody else sees a client's error.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::Text;

/// Why an answer from outside is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What kind of failure it is.
    pub kind: FaultKind,
    /// One sentence: what was asked and what came back.
    pub message: Text,
    /// What the person can do about it; empty if nothing is known.
    #[serde(skip)]
    pub hint: &'static str,
}

/// The kinds of failure that change what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FaultKind {
    /// The server knows who asks and refuses (403).
    Forbidden,
    /// The server does not accept who asks (401).
    Unauthorized,
    /// There is nothing to say who asks: no token, or none that is for this server.
    NoToken,
    /// There is no such object, path or API (404).
    NotFound,
    /// The cluster does not serve this kind of object: its CRD is not installed.
    Absent,
    /// The object is not what it was when we looked (409, a precondition).
    Conflict,
    /// Asked too often (429): wait and ask again.
    Throttled,
    /// Refused as malformed or not allowed by admission (400, 422).
    Invalid,
    /// The Vault is sealed (503 with that text).
    Sealed,
    /// The namespace is sealed, with a seal of its own (503 with that text): nothing in it answers, all else does.
    SealedNamespace,
    /// The server failed (5xx).
    Server,
    /// No name server knows the name.
    Dns,
    /// No connection: refused, reset, no route.
    Tcp,
    /// The certificate or the handshake was refused.
    Tls,
    /// An answer that is not what the protocol says: HTML, a redirect, bad JSON.
    Http,
    /// No answer in time.
    Timeout,
    /// Something on this machine: a file, the clipboard, a plug-in.
    Local,
    /// The request left, the answer never came: the world decides what happened.
    Unknown,
}

impl Fault {
    /// A fault without a hint. The message passes the scrubber: clients put foreign text into their errors.
    #[must_use]
    pub fn new(kind: FaultKind, message: &str) -> Self {
        Self { kind, message: Text::foreign(message), hint: "" }
    }

    /// The same with advice.
    #[must_use]
    pub fn hinted(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }

    /// Whether trying again later can help without anybody's doing.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            FaultKind::Throttled | FaultKind::Server | FaultKind::Dns | FaultKind::Tcp | FaultKind::Timeout | FaultKind::Unknown
        )
    }

    /// Whether every further question to the same Vault would fail in the same way: no answer, no token, sealed.
    #[must_use]
    pub const fn concerns_all(&self) -> bool {
        self.is_transient() || matches!(self.kind, FaultKind::Unauthorized | FaultKind::NoToken | FaultKind::Sealed)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message.as_str())?;
        if !self.hint.is_empty() {
            write!(f, " {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}
