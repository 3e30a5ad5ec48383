//! Whose token it is that reads a Vault, and for how long; never the token.

use jiff::Timestamp;

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
