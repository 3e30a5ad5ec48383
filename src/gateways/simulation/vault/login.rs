//! Logging in: kubernetes auth with its roles, and static tokens. The answers are those of OpenBao 2.7.2
//! (facts/vault.md, section 3).

use super::{Refusal, Server};

/// A role of a kubernetes auth mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) accounts: Vec<String>,
    pub(crate) namespaces: Vec<String>,
    /// What its policy allows to read: `mount/path`, with `*` at the end for everything below.
    pub(crate) allows: Vec<String>,
}

/// What a login gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) allows: Vec<String>,
}

impl Session {
    /// Whether its policy allows to read `mount/path`.
    pub(super) fn may_read(&self, full: &str) -> bool {
        self.allows.iter().any(|allowed| match allowed.strip_suffix('*') {
            Some(prefix) => full.starts_with(prefix),
            None => *allowed == full,
        })
    }
}

impl Server {
    /// Has credentials issued, or a lease of them renewed: for how many seconds.
    pub(crate) fn lease(&self, replica: usize, session: &Session, full: &str) -> Result<u64, Refusal> {
        self.serves(replica)?;
        if !session.may_read(full) {
            return Err(Refusal::new(403, "1 error occurred:\n\t* permission denied\n\n"));
        }
        let lasts = self.leases.get(full).copied();
        lasts.ok_or_else(|| Refusal::new(404, format!("no handler for route \"{full}\". route entry not found.")))
    }

    /// `PUT auth/<mount>/login` with a token of this service account.
    pub(crate) fn login(
        &self,
        replica: usize,
        mount: &str,
        role: &str,
        (namespace, account): (&str, &str),
    ) -> Result<Session, Refusal> {
        self.serves(replica)?;
        if !self.has_method(mount) {
            return Err(Refusal::new(403, "permission denied"));
        }
        let Some(found) = self.roles.get(&(mount.to_owned(), role.to_owned())) else {
            return Err(Refusal::new(400, format!("invalid role name \"{role}\"")));
        };
        let among = |bound: &[String], name: &str| bound.iter().any(|bound| bound == "*" || bound == name);
        if !among(&found.accounts, account) {
            return Err(Refusal::new(403, "service account name not authorized"));
        }
        if !among(&found.namespaces, namespace) {
            return Err(Refusal::new(403, "namespace not authorized"));
        }
        Ok(Session { allows: found.allows.clone() })
    }

    /// Whether kubernetes auth stands at this mount.
    pub(super) fn has_method(&self, mount: &str) -> bool {
        self.roles.keys().any(|(known, _)| known == mount)
    }

    /// `GET auth/token/lookup-self`.
    pub(crate) fn lookup(&self, replica: usize, token: &str) -> Result<Session, Refusal> {
        self.serves(replica)?;
        if token == self.root_token {
            return Ok(Session { allows: vec!["*".to_owned()] });
        }
        Err(Refusal::new(403, "permission denied"))
    }
}
