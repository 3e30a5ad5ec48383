//! Every write that sealwatch can do, as data. Each variant has one arm in one gateway; each says the
//! right it needs and the command that does the same by hand. No variant holds a secret.

use std::fmt;

use crate::model::{Kind, Name, ObjectRef, VaultAddress};

/// A write to the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// To the API server.
    Kubernetes(KubernetesWrite),
    /// To a Vault.
    Vault(VaultWrite),
}

/// A write to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KubernetesWrite {
    /// Sets an annotation, by which controllers are asked to look again.
    Annotate {
        /// On what.
        object: ObjectRef,
        /// Annotation key.
        key: &'static str,
        /// New value.
        value: String,
    },
}

/// A write to one replica of a Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultWrite {
    /// Gives it one unseal share.
    Unseal {
        /// The server.
        server: VaultAddress,
        /// The replica.
        replica: ObjectRef,
        /// Which of the shares that were given, by number; the first of the run is 0.
        share: usize,
    },
    /// Throws away the shares given so far, after one of them was wrong.
    ResetUnseal {
        /// The server.
        server: VaultAddress,
        /// The replica.
        replica: ObjectRef,
    },
}

/// A right at the API server, as a `SelfSubjectAccessReview` asks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Right {
    /// `get`, `patch`, `create`, …
    pub verb: &'static str,
    /// API group; empty for core.
    pub group: &'static str,
    /// Plural, with its subresource after a slash.
    pub resource: &'static str,
    /// Where; empty for everywhere.
    pub namespace: Name,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.namespace.is_empty() {
            write!(f, " in {}", self.namespace)?;
        }
        Ok(())
    }
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
            Self::Kubernetes(KubernetesWrite::Annotate { object, .. }) => object,
            Self::Vault(VaultWrite::Unseal { replica, .. } | VaultWrite::ResetUnseal { replica, .. }) => replica,
        }
    }

    /// The right it needs at the API server.
    #[must_use]
    pub fn right(&self) -> Right {
        match self {
            Self::Kubernetes(KubernetesWrite::Annotate { object, .. }) => Right::annotate(object),
            Self::Vault(VaultWrite::Unseal { replica, .. } | VaultWrite::ResetUnseal { replica, .. }) => {
                Right::reach_pod(&replica.namespace)
            }
        }
    }

    /// The command that does the same by hand, on one line, holding no secret.
    #[must_use]
    pub fn command(&self) -> String {
        match self {
            Self::Kubernetes(KubernetesWrite::Annotate { object, key, value }) => {
                let kind = object.kind.as_str().to_ascii_lowercase();
                let namespace = if object.namespace.is_empty() {
                    String::new()
                } else {
                    format!(" -n {}", quoted(object.namespace.as_str()))
                };
                let name = quoted(object.name.as_str());
                format!("kubectl annotate {kind}{namespace} {name} {} --overwrite", quoted(&format!("{key}={value}")))
            }
            Self::Vault(VaultWrite::Unseal { server, replica, .. }) => by_hand(server, replica, "bao operator unseal"),
            Self::Vault(VaultWrite::ResetUnseal { server, replica }) => by_hand(server, replica, "bao operator unseal -reset"),
        }
    }
}

impl Right {
    /// The right to annotate this object.
    #[must_use]
    pub fn annotate(object: &ObjectRef) -> Self {
        let (group, resource) = match object.kind {
            Kind::SecretStore => ("external-secrets.io", "secretstores"),
            Kind::ClusterSecretStore => ("external-secrets.io", "clustersecretstores"),
            Kind::ClusterExternalSecret => ("external-secrets.io", "clusterexternalsecrets"),
            _ => ("external-secrets.io", "externalsecrets"),
        };
        Self { verb: "patch", group, resource, namespace: object.namespace.clone() }
    }

    /// The right to reach a port of a pod in this namespace through the API server.
    #[must_use]
    pub fn reach_pod(namespace: &Name) -> Self {
        Self { verb: "create", group: "", resource: "pods/portforward", namespace: namespace.clone() }
    }
}

/// What a person would type for one replica. `bao` and `vault` prompt for the share: it never stands in
/// the arguments, which every user of the machine and, through `exec`, the audit log can read.
fn by_hand(server: &VaultAddress, replica: &ObjectRef, command: &str) -> String {
    let scheme = if server.tls { "https" } else { "http" };
    if replica.namespace.is_empty() {
        return format!("BAO_ADDR={} {command}", quoted(&server.to_string()));
    }
    format!(
        "kubectl -n {} port-forward pod/{} {port}:{port} & BAO_ADDR={scheme}://127.0.0.1:{port} {command}",
        quoted(replica.namespace.as_str()),
        quoted(replica.name.as_str()),
        port = server.port,
    )
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
            Operation::Vault(VaultWrite::Unseal { server, replica, share: 0 }).command(),
            "kubectl -n vault port-forward pod/vault-0 8200:8200 & BAO_ADDR=http://127.0.0.1:8200 bao operator unseal",
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
