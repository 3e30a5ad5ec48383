//! Every write that sealwatch can do, as data. Each variant has one arm in one gateway; each says the
//! right it needs and the command that does the same by hand. No variant holds a secret.

mod aim;
mod kubernetes;
mod rights;
mod vault;

pub use aim::Aim;
pub use kubernetes::{Guard, KubernetesWrite, RESTARTED_AT, binding_name};
pub use rights::{ClusterRight, Right, Vacancy, VaultRight};
pub use vault::{AuthMethod, IN_CLUSTER, KvPath, Space, VaultChange, VaultWrite};

use serde::{Deserialize, Serialize};

use crate::model::{ObjectRef, VaultAddress};

/// A write to the outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// To the API server.
    Kubernetes(KubernetesWrite),
    /// To a Vault.
    Vault(VaultWrite),
}

impl Operation {
    /// Asks a controller to look at an object again.
    #[must_use]
    pub fn annotate(object: ObjectRef, key: &'static str, value: String) -> Self {
        Self::Kubernetes(KubernetesWrite::Annotate { object, key, value })
    }

    /// What it changes.
    #[must_use]
    pub const fn object(&self) -> &ObjectRef {
        match self {
            Self::Kubernetes(write) => write.object(),
            Self::Vault(write) => write.object(),
        }
    }

    /// Whether it does no harm when it is done twice.
    #[must_use]
    pub const fn is_repeatable(&self) -> bool {
        matches!(self, Self::Kubernetes(write) if write.is_repeatable())
    }

    /// What must still be as it was shown. A write to a Vault names the version that it replaces itself (`cas`).
    #[must_use]
    pub const fn guard(&self) -> Guard {
        match self {
            Self::Kubernetes(write) => write.guard(),
            Self::Vault(_) => Guard::Nothing,
        }
    }

    /// The rights it needs.
    #[must_use]
    pub fn rights(&self) -> Vec<Right> {
        match self {
            Self::Kubernetes(write) => write.rights().into_iter().map(Right::Cluster).collect(),
            Self::Vault(write) => write.rights(),
        }
    }

    /// The command that does the same by hand, on one line, holding no secret.
    #[must_use]
    pub fn command(&self) -> String {
        match self {
            Self::Kubernetes(write) => write.command(),
            Self::Vault(write) => write.command(),
        }
    }
}

/// What a person would type for one replica; `command` is told the flags that lead there. `bao` and `vault` prompt for the
/// share: it never stands in the arguments, which every user of the machine and, through `exec`, the audit log can read.
/// Each replica has a port of its own, so that what is sent to one never reaches another whose way is still open. The pod's
/// port is the pod's own: behind a Service it may be another than the one in the URL of the stores.
fn by_hand((server, replica, port): (&VaultAddress, &ObjectRef, u16), command: impl FnOnce(&str) -> String) -> String {
    if replica.namespace.is_empty() {
        return command(&format!("-address={}", quoted(&server.to_string())));
    }
    let local = local_port(server, replica);
    let reach = if server.tls {
        // The certificate is for the name that the stores use.
        format!("-address=https://127.0.0.1:{local} -tls-server-name={}", quoted(server.host.as_str()))
    } else {
        format!("-address=http://127.0.0.1:{local}")
    };
    format!(
        "kubectl -n {} port-forward pod/{} {local}:{} >/dev/null & sleep 2; {}; kill $!",
        quoted(replica.namespace.as_str()),
        quoted(replica.name.as_str()),
        if port == 0 { server.port } else { port },
        command(&reach),
    )
}

/// The local port for a replica: that of the server, and one more for each number of a pod of a `StatefulSet`.
fn local_port(server: &VaultAddress, replica: &ObjectRef) -> u16 {
    // Ports below 1024 are not for everybody.
    let base = if server.port < 1024 { 8200 } else { server.port };
    let ordinal = replica.name.as_str().rsplit_once('-').and_then(|(_, last)| last.parse::<u16>().ok());
    base.checked_add(ordinal.filter(|ordinal| *ordinal < 1000).unwrap_or(0)).unwrap_or(base)
}

/// Quotes a word for a POSIX shell, if it needs it. Names are foreign text.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    #[test]
    fn the_command_is_what_a_person_would_type() {
        let es = ObjectRef::new(Kind::ExternalSecret, "orders", "db-creds");
        assert_eq!(
            Operation::annotate(es, "force-sync", "1790412451".to_owned()).command(),
            "kubectl annotate externalsecret -n orders db-creds force-sync=1790412451 --overwrite",
        );
        let server = VaultAddress::parse("http://vault.vault.svc:8200").expect("a URL");
        let replica = ObjectRef::new(Kind::VaultReplica, "vault", "vault-0");
        assert_eq!(
            Operation::Vault(VaultWrite::unseal(server, replica, 0)).command(),
            "kubectl -n vault port-forward pod/vault-0 8200:8200 >/dev/null & sleep 2; bao operator unseal -address=http://127.0.0.1:8200; kill $!",
        );
    }

    #[test]
    fn hostile_names_cannot_leave_their_word() {
        for (name, word) in
            [("a b", "'a b'"), ("$(rm -rf /)", "'$(rm -rf /)'"), ("it's", r"'it'\''s'"), ("-rf", "'-rf'"), ("", "''")]
        {
            assert_eq!(quoted(name), word);
        }
    }
}
