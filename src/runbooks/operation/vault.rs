//! Writes to a Vault.

use serde::{Deserialize, Serialize};

use super::{ClusterRight, Right, Vacancy, VaultRight, by_hand, quoted};
use crate::model::{Inventory, ObjectRef, Text, VaultAddress};

/// A write to one replica of a Vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultWrite {
    /// The server.
    pub server: VaultAddress,
    /// The replica.
    pub replica: ObjectRef,
    /// The port of its pod, for whoever goes there by hand; 0 where it is not known.
    #[serde(default)]
    pub port: u16,
    /// What is done there.
    pub change: VaultChange,
}

/// What a write does to a Vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VaultChange {
    /// Gives the replica one unseal share.
    Unseal {
        /// Which of the shares that were given, by number; the first of the run is 0.
        share: usize,
    },
    /// Throws away the shares given so far, after one of them was wrong.
    ResetUnseal,
    /// Gives a namespace that has a seal of its own one of its shares. The leader counts them, whichever replica is asked.
    UnsealSpace {
        /// The namespace.
        space: Space,
        /// Which of the shares that were given, by number.
        share: usize,
    },
    /// Throws away the shares that such a namespace was given so far.
    ResetSpace {
        /// The namespace.
        space: Space,
    },
    /// Gives a kubernetes auth method the form of a Vault that runs in a pod (see [`IN_CLUSTER`]).
    Configure {
        /// The method.
        method: AuthMethod,
    },
    /// Binds a role to these accounts and namespaces.
    Bind {
        /// The method.
        method: AuthMethod,
        /// The role.
        role: Text,
        /// All accounts that it binds then.
        accounts: Vec<Text>,
        /// All namespaces that it binds then.
        namespaces: Vec<Text>,
    },
    /// Brings a deleted version of a path back.
    Undelete {
        /// The path.
        path: KvPath,
        /// Which version.
        version: u64,
    },
    /// Writes the value under a key of a Secret as a property of a path. It goes from gateway to gateway.
    MoveValue {
        /// The path.
        path: KvPath,
        /// The property.
        property: String,
        /// The version that is replaced (`cas`); 0 if there must be none.
        version: u64,
        /// The store through which it is read then.
        store: ObjectRef,
        /// The Secret.
        from: ObjectRef,
        /// Its key.
        key: String,
    },
    /// Writes one property of a path, with the value that the person typed; all others stay as they are.
    WriteValue {
        /// The path.
        path: KvPath,
        /// The property.
        property: String,
        /// The version that is replaced (`cas`); 0 if there must be none.
        version: u64,
    },
}

/// A namespace of `OpenBao` that has a seal of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// What the world calls it: its Vault with the namespace behind it.
    pub object: ObjectRef,
    /// The namespace, without slashes around it.
    pub path: Text,
}

impl Space {
    /// One of this server's namespaces.
    #[must_use]
    pub fn of(server: &VaultAddress, path: &Text) -> Self {
        let path = path.as_str().trim_matches('/');
        Self { object: server.space_ref(path), path: Text::foreign(path) }
    }

    /// The namespace above it, which is asked about it, and its name there; the first is empty for that of the server.
    #[must_use]
    pub fn split(&self) -> (&str, &str) {
        self.path.as_str().rsplit_once('/').unwrap_or(("", self.path.as_str()))
    }

    /// Where shares are given to it, in the namespace above.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("sys/namespaces/{}/unseal", self.split().1)
    }
}

/// A kubernetes auth method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthMethod {
    /// What the world calls it: `VaultPath/<host:port>/auth/<mount>`.
    pub object: ObjectRef,
    /// The Vault namespace; empty for that of the token.
    pub namespace: Text,
    /// Where it is mounted.
    pub mount: Text,
}

impl AuthMethod {
    /// A path of its API.
    #[must_use]
    pub fn path(&self, below: &str) -> String {
        format!("auth/{}/{below}", self.mount.as_str().trim_matches('/'))
    }
}

/// The configuration of kubernetes auth for a Vault in a pod: it asks its own cluster, with its pod's own token and CA, and
/// takes any issuer. A pinned `token_reviewer_jwt` ends with the life of that token; without one the pod's is read anew
/// (vault-plugin-auth-kubernetes `path_config.go`; the seed's own repair). Field and value, as JSON.
pub const IN_CLUSTER: [(&str, &str); 7] = [
    ("kubernetes_host", r#""https://kubernetes.default.svc""#),
    ("disable_iss_validation", "true"),
    ("disable_local_ca_jwt", "false"),
    ("issuer", r#""""#),
    ("kubernetes_ca_cert", r#""""#),
    ("token_reviewer_jwt", r#""""#),
    ("pem_keys", "[]"),
];

/// A path of a KV v2 mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvPath {
    /// What the world calls it: `VaultPath/<host:port>/<mount>/<path>`.
    pub object: ObjectRef,
    /// The Vault namespace; empty for that of the token.
    pub namespace: Text,
    /// The mount.
    pub mount: Text,
    /// What stands after the mount.
    pub key: String,
}

/// What it takes to write what is not there yet: servers ask whether it is, and then for this or for the other (measured on
/// `OpenBao` 2.7.2 with tokens that have one of them: 200 and 403).
const CREATES: &[&str] = &["create"];
/// What it takes to write what is there; also where a server does not ask whether it is (`undelete`, measured likewise).
const UPDATES: &[&str] = &["update"];
/// What it takes to write either.
const WRITES: &[&str] = &["update", "create"];
/// What is there is read first.
const READS: &[&str] = &["read"];

impl VaultWrite {
    /// A write to a replica whose pod listens where its Service does.
    #[must_use]
    pub const fn new(server: VaultAddress, replica: ObjectRef, change: VaultChange) -> Self {
        Self { server, replica, port: 0, change }
    }

    /// The same, where the pod has a port of its own.
    #[must_use]
    pub fn in_world(self, world: &Inventory) -> Self {
        Self { port: world.pod_port(&self.server, &self.replica.name), ..self }
    }

    /// Gives a replica the share of this number.
    #[must_use]
    pub const fn unseal(server: VaultAddress, replica: ObjectRef, share: usize) -> Self {
        Self::new(server, replica, VaultChange::Unseal { share })
    }

    /// Has a replica forget the shares that it was given.
    #[must_use]
    pub const fn reset(server: VaultAddress, replica: ObjectRef) -> Self {
        Self::new(server, replica, VaultChange::ResetUnseal)
    }

    /// What it changes.
    #[must_use]
    pub const fn object(&self) -> &ObjectRef {
        match &self.change {
            VaultChange::Unseal { .. } | VaultChange::ResetUnseal => &self.replica,
            VaultChange::UnsealSpace { space, .. } | VaultChange::ResetSpace { space } => &space.object,
            VaultChange::Undelete { path, .. } | VaultChange::WriteValue { path, .. } | VaultChange::MoveValue { path, .. } => {
                &path.object
            }
            VaultChange::Configure { method } | VaultChange::Bind { method, .. } => &method.object,
        }
    }

    /// Whether it only opens the Vault, or a namespace of it: that may be allowed where nothing else is.
    #[must_use]
    pub const fn is_unseal(&self) -> bool {
        self.is_reset() || self.share().is_some()
    }

    /// Which of the shares that were given it sends.
    #[must_use]
    pub const fn share(&self) -> Option<usize> {
        match self.change {
            VaultChange::Unseal { share } | VaultChange::UnsealSpace { share, .. } => Some(share),
            _ => None,
        }
    }

    /// Whether it throws shares away that were given.
    #[must_use]
    pub const fn is_reset(&self) -> bool {
        matches!(self.change, VaultChange::ResetUnseal | VaultChange::ResetSpace { .. })
    }

    /// The rights it needs.
    #[must_use]
    pub fn rights(&self) -> Vec<Right> {
        let reach = Right::reach_pod(&self.replica.namespace);
        let vault = |path: &KvPath, prefix: &str, any_of| {
            Right::Vault(VaultRight {
                server: self.server.clone(),
                replica: self.replica.clone(),
                port: self.port,
                namespace: path.namespace.clone(),
                path: format!("{}/{prefix}/{}", path.mount, path.key),
                any_of,
            })
        };
        let reach = (!self.replica.namespace.is_empty()).then_some(reach);
        let on_method = |method: &AuthMethod, below: String, any_of| {
            Right::Vault(VaultRight {
                server: self.server.clone(),
                replica: self.replica.clone(),
                port: self.port,
                namespace: method.namespace.clone(),
                path: method.path(&below),
                any_of,
            })
        };
        let own = match &self.change {
            VaultChange::Configure { method } => {
                vec![on_method(method, "config".to_owned(), WRITES), on_method(method, "config".to_owned(), READS)]
            }
            VaultChange::Bind { method, role, .. } => {
                vec![on_method(method, format!("role/{role}"), WRITES), on_method(method, format!("role/{role}"), READS)]
            }
            VaultChange::Unseal { .. } | VaultChange::ResetUnseal => Vec::new(),
            VaultChange::UnsealSpace { space, .. } | VaultChange::ResetSpace { space } => vec![Right::Vault(VaultRight {
                server: self.server.clone(),
                replica: self.replica.clone(),
                port: self.port,
                namespace: Text::foreign(space.split().0),
                path: space.endpoint(),
                any_of: UPDATES,
            })],
            VaultChange::Undelete { path, .. } => vec![vault(path, "undelete", UPDATES)],
            VaultChange::MoveValue { path, from, .. } => {
                let vacant = Right::Vacant(Vacancy::of((&self.server, &self.replica, self.port), path));
                vec![vault(path, "data", CREATES), Right::Cluster(ClusterRight::on("get", from)), vacant]
            }
            // What is there is read, so that the other properties stay.
            VaultChange::WriteValue { path, version: 0, .. } => vec![vault(path, "data", CREATES)],
            VaultChange::WriteValue { path, .. } => {
                vec![vault(path, "data", UPDATES), vault(path, "data", READS)]
            }
        };
        reach.into_iter().chain(own).collect()
    }

    /// The command that does the same by hand.
    pub(super) fn command(&self) -> String {
        by_hand((&self.server, &self.replica, self.port), |reach| self.typed(reach))
    }

    /// The command that gives a replica so many shares by hand; it asks for each, unseen.
    #[must_use]
    pub fn unsealing_by_hand(&self, shares: usize) -> String {
        let unseal = |reach: &str| vec![self.typed(reach); shares.max(1)].join("; ");
        by_hand((&self.server, &self.replica, self.port), unseal)
    }

    /// What is typed for `bao`, with the flags that lead to the replica.
    fn typed(&self, reach: &str) -> String {
        let at = |path: &KvPath| format!("-mount={} {}", quoted(path.mount.as_str().trim_matches('/')), quoted(&path.key));
        // Typed unseen and without the end of the line, as the step takes it; `printf` is no process of its own.
        let unseen =
            |write: String| format!("printf 'value: '; IFS= read -rs value; printf %s \"$value\" | {write}; unset value");
        match &self.change {
            VaultChange::Unseal { .. } => format!("bao operator unseal {reach}"),
            VaultChange::ResetUnseal => format!("bao operator unseal {reach} -reset"),
            VaultChange::UnsealSpace { space, .. } => in_space(reach, "", space),
            VaultChange::ResetSpace { space } => in_space(reach, " -reset", space),
            VaultChange::Configure { method } => {
                let fields: Vec<String> = IN_CLUSTER
                    .iter()
                    .map(|(field, value)| quoted(&format!("{field}={}", value.trim_matches(['"', '[', ']']))))
                    .collect();
                let space = in_namespace(&method.namespace);
                format!("bao write {reach}{space} {} {}", quoted(&method.path("config")), fields.join(" "))
            }
            VaultChange::Bind { method, role, accounts, namespaces } => {
                let list = |names: &[Text]| names.iter().map(Text::as_str).collect::<Vec<_>>().join(",");
                format!(
                    "bao write {reach}{} {} {} {}",
                    in_namespace(&method.namespace),
                    quoted(&method.path(&format!("role/{role}"))),
                    quoted(&format!("bound_service_account_names={}", list(accounts))),
                    quoted(&format!("bound_service_account_namespaces={}", list(namespaces)))
                )
            }
            VaultChange::Undelete { path, version } => {
                format!("bao kv undelete {reach}{} -versions={version} {}", in_namespace(&path.namespace), at(path))
            }
            VaultChange::MoveValue { path, property, version, from, key, .. } => {
                let jsonpath = key.replace('.', "\\.");
                format!(
                    "kubectl get secret -n {} {} -o jsonpath={} | base64 -d | bao kv put {reach}{} -cas={version} {} {}",
                    quoted(from.namespace.as_str()),
                    quoted(from.name.as_str()),
                    quoted(&format!("{{.data.{jsonpath}}}")),
                    in_namespace(&path.namespace),
                    at(path),
                    quoted(&format!("{property}=-"))
                )
            }
            VaultChange::WriteValue { path, property, version } => {
                let verb = if *version == 0 { "put" } else { "patch" };
                let space = in_namespace(&path.namespace);
                let property = quoted(&format!("{property}=-"));
                unseen(format!("bao kv {verb} {reach}{space} -cas={version} {} {property}", at(path)))
            }
        }
    }
}

/// What is typed to give a share to a namespace, or to throw away those that it has.
fn in_space(reach: &str, reset: &str, space: &Space) -> String {
    let (above, name) = space.split();
    format!("bao namespace unseal {reach}{}{reset} {}", in_namespace(&Text::foreign(above)), quoted(name))
}

/// The flag for a Vault namespace, after a blank; nothing for that of the token.
pub(super) fn in_namespace(namespace: &Text) -> String {
    if namespace.is_empty() { String::new() } else { format!(" -namespace={}", quoted(namespace.as_str())) }
}
