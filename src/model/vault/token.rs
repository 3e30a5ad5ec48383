//! Whose token it is that reads a Vault, and for how long; never the token.

use std::fmt;

use jiff::Timestamp;

use crate::model::object::ObjectRef;
use crate::model::text::Text;

/// A token by what it says of itself (`auth/token/lookup-self`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// Its display name, such as `root` or `kubernetes-payments-external-secrets`.
    pub name: Text,
    /// Its policies.
    pub policies: Vec<Text>,
    /// When it ends; `None` if it never does.
    pub expires: Option<Timestamp>,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Where sealwatch has it from.
    pub from: TokenSource,
}

/// Where a token comes from that reads a Vault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenSource {
    /// The variables of `bao` and `vault`, or the file that their `login` leaves.
    #[default]
    Environment,
    /// It was typed.
    Typed,
    /// A login with a password got it.
    User,
    /// A login in the stead of this store got it.
    Store(ObjectRef),
    /// A key of this Secret, which the configuration names.
    Secret(ObjectRef),
}

impl TokenSource {
    /// Whether a login got it, so that sealwatch renews it while it needs it, and revokes it in the end.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::User | Self::Store(_))
    }
}

/// For a column: where it comes from.
impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("environment"),
            Self::Typed => f.write_str("typed"),
            Self::User => f.write_str("login"),
            Self::Store(of) | Self::Secret(of) => write!(f, "{of}"),
        }
    }
}

impl Token {
    /// Less than this many seconds left are worth a warning.
    const SOON: i64 = 600;

    /// Whether it ends soon, or has ended.
    #[must_use]
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at.as_second() - now.as_second() < Self::SOON)
    }
}
