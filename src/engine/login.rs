//! Logging in at a Vault for the person: at which replica, what comes of it, and the sentence about it.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::Ports;
use super::prober::reader;
use crate::model::vault::{Login, Token};
use crate::model::{Change, Clock, Fault, FaultKind, Inventory, VaultAddress};
use crate::ports::{ReplicaAddress, Typed};

/// What came of the last login, or of logging out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginView {
    /// When.
    pub at: Timestamp,
    /// A sentence.
    pub said: String,
}

/// A login that is being made.
pub(super) struct LoggingIn {
    pub(super) ports: Ports,
    pub(super) world: Arc<Inventory>,
    pub(super) server: VaultAddress,
    pub(super) login: Login,
    pub(super) typed: Option<Typed>,
    pub(super) changes: mpsc::Sender<Change>,
    pub(super) nudge: watch::Sender<u64>,
    pub(super) view: watch::Sender<Option<Arc<LoginView>>>,
}

impl LoggingIn {
    /// Logs in, says what came of it, and has everything read anew with the new token.
    pub(super) async fn run(self) {
        let said = match self.log_in().await {
            Ok(token) => {
                let said = welcome(&self.server, &self.login, token.as_ref());
                let told = [Change::Token(self.server.clone(), token), Change::Unreadable(self.server.clone(), None)];
                for change in told {
                    // Nobody listens any more: then nobody reads either.
                    let _ = self.changes.send(change).await;
                }
                self.nudge.send_modify(|count| *count += 1);
                said
            }
            Err(fault) => {
                self.look_why().await;
                format!("Not logged in at {}: {fault}", self.server)
            }
        };
        self.view.send_replace(Some(Arc::new(LoginView { at: self.ports.clock.now(), said })));
    }

    /// Goes through a store's login that was refused step by step, since the person asked for one.
    async fn look_why(&self) {
        let Login::Store(login) = &self.login else { return };
        let Some(pod) = self.world.vaults.get(&self.server).and_then(|server| reader(server)) else { return };
        let replica = ReplicaAddress { server: self.server.clone(), pod };
        let checks = self.ports.vault.login_checks(&replica, login, true).await;
        let of = (login.store.clone(), login.account.clone());
        // Nobody listens any more: then nobody looks either.
        let _ = self.changes.send(Change::Login(self.server.clone(), of, Arc::new(checks))).await;
    }

    async fn log_in(&self) -> Result<Option<Token>, Fault> {
        let closed = || {
            Fault::new(FaultKind::Sealed, "no replica of it is open, and a sealed one lets nobody in.").hinted("Unseal it first.")
        };
        let pod = self.world.vaults.get(&self.server).and_then(|server| reader(server)).ok_or_else(closed)?;
        let replica = ReplicaAddress { server: self.server.clone(), pod };
        self.ports.vault.log_in(&replica, &self.login, self.typed.as_ref()).await
    }
}

/// Ends every login.
pub(super) async fn log_out(ports: Ports, nudge: watch::Sender<u64>, view: watch::Sender<Option<Arc<LoginView>>>) {
    let failed = ports.vault.log_out().await;
    let said = if failed.is_empty() {
        "Logged out: what a login got is revoked, what was typed is forgotten.".to_owned()
    } else {
        failed.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    nudge.send_modify(|count| *count += 1);
    view.send_replace(Some(Arc::new(LoginView { at: ports.clock.now(), said })));
}

/// Whose token reads there from now on, what it may, and until when.
fn welcome(server: &VaultAddress, login: &Login, token: Option<&Token>) -> String {
    let Some(token) = token else {
        return format!("Logged in at {server} {login}; the token may not look at itself, so nobody knows how long it lives.");
    };
    let policies: Vec<&str> = token.policies.iter().map(crate::model::Text::as_str).collect();
    let policies = if policies.is_empty() { "no policy".to_owned() } else { format!("policies {}", policies.join(", ")) };
    let end = match token.expires {
        None => "it never ends".to_owned(),
        Some(at) if token.from.is_ours() => format!("until {}, renewed while it can be and revoked when you leave", Clock(at)),
        Some(at) => format!("until {}", Clock(at)),
    };
    format!("Logged in at {server} {login}: token of {}, {policies}; {end}.", token.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Text;
    use crate::model::vault::TokenSource;

    #[test]
    fn the_person_is_told_who_they_are_there_and_for_how_long() {
        let server = VaultAddress::parse("https://vault.vault.svc:8200").unwrap();
        let mut token = Token {
            name: Text::foreign("userpass-alice"),
            policies: vec![Text::foreign("default"), Text::foreign("dev")],
            expires: "2026-11-25T03:31:00Z".parse().ok(),
            renewable: true,
            from: TokenSource::User,
        };
        assert_eq!(
            welcome(&server, &Login::parse("alice"), Some(&token)),
            "Logged in at https://vault.vault.svc:8200 as alice (userpass): token of userpass-alice, policies default, dev; \
             until 03:31:00Z, renewed while it can be and revoked when you leave."
        );
        (token.from, token.expires) = (TokenSource::Typed, None);
        assert!(welcome(&server, &Login::Token, Some(&token)).ends_with("; it never ends."));
        assert!(welcome(&server, &Login::Token, None).contains("may not look at itself"));
    }
}
