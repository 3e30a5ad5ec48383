//! What is to be done outside, as values: that no write leaves without an agreement is one test over these.

use crate::model::VaultAddress;
use crate::model::vault::Login;
use crate::runbooks::Target;

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The engine is asked for something.
    Engine(Ask),
    /// This goes to the clipboard.
    Copy(Clip),
    /// Everything is drawn anew.
    Redraw,
    /// The process stops until the shell wakes it.
    Suspend,
    /// The console ends.
    Quit,
}

/// Something to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clip {
    /// Words for a person, or a file.
    Words(String),
    /// Commands for a shell.
    Commands(String),
}

impl Clip {
    /// As it is to be pasted.
    #[must_use]
    pub fn text(&self) -> &str {
        let (Self::Words(text) | Self::Commands(text)) = self;
        text
    }
}

/// What the engine is asked for: its [`Command`](crate::engine::Command), in a form that can be compared.
/// Shares are not among these: the event loop hands them over, unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Open writes.
    OpenWrites {
        /// What was typed for the context's name.
        context: String,
        /// Why.
        reason: String,
    },
    /// Close them.
    CloseWrites,
    /// Begin a runbook; it asks before it does anything.
    Start {
        /// Its name.
        runbook: &'static str,
        /// On what.
        target: Target,
    },
    /// Agree to what is shown.
    Agree,
    /// The name that was asked for.
    Name(String),
    /// Take the shares from the Secret that is shown.
    SharesFromSecret,
    /// Begin nothing new, or go on.
    Pause(bool),
    /// End after what is in flight.
    Stop,
    /// Ask every Vault again.
    Refresh,
    /// Log in at a Vault without anything that is typed.
    LogIn {
        /// Where.
        server: VaultAddress,
        /// How.
        login: Login,
    },
    /// End every login.
    LogOut,
}

impl Ask {
    /// Whether it is an agreement to a step, after which something may be written.
    #[must_use]
    pub const fn agrees(&self) -> bool {
        matches!(self, Self::Agree | Self::Name(_) | Self::SharesFromSecret)
    }
}
