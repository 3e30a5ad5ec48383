//! Every write that sealwatch can do, as data. Each variant has one arm in one gateway; each says the
//! right it needs and the command that does the same by hand. No variant holds a secret.

use std::fmt;

use jiff::Timestamp;

use crate::model::{Name, ObjectRef, Text, VaultAddress, kinds};

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
    /// Replaces the pods of a workload one after the other, as `kubectl rollout restart` does.
    Restart {
        /// A Deployment, `StatefulSet` or `DaemonSet`.
        workload: ObjectRef,
        /// The time that is noted in its template.
        at: Timestamp,
    },
    /// Makes a Job from the template of a `CronJob`, as `kubectl create job --from` does.
    StartJob {
        /// The timetable.
        cron_job: ObjectRef,
        /// The Job that comes of it.
        job: ObjectRef,
    },
    /// Deletes a Job and makes it anew from its own spec. That the API server would take the new one is asked first.
    RunAgain {
        /// The Job.
        job: ObjectRef,
    },
    /// Has Argo CD sync an Application, hooks included: never single resources, since that skips the hooks.
    Sync {
        /// The Application.
        application: ObjectRef,
    },
    /// Lets an account ask the API server for reviews of tokens (`system:auth-delegator`).
    Delegate {
        /// The account that Vault asks with.
        account: ObjectRef,
    },
    /// `spec.refreshPolicy: CreatedOnce`: the value that is there stays.
    KeepValue {
        /// The `ExternalSecret`.
        external_secret: ObjectRef,
    },
}

/// A write to one replica of a Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultWrite {
    /// The server.
    pub server: VaultAddress,
    /// The replica.
    pub replica: ObjectRef,
    /// What is done there.
    pub change: VaultChange,
}

/// What a write does to a Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultChange {
    /// Gives the replica one unseal share.
    Unseal {
        /// Which of the shares that were given, by number; the first of the run is 0.
        share: usize,
    },
    /// Throws away the shares given so far, after one of them was wrong.
    ResetUnseal,
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

/// A kubernetes auth method.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A right that a write needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// At the API server.
    Cluster(ClusterRight),
    /// At a Vault.
    Vault(VaultRight),
}

/// A right at the API server, as a `SelfSubjectAccessReview` asks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterRight {
    /// `get`, `patch`, `create`, …
    pub verb: &'static str,
    /// API group; empty for core.
    pub group: &'static str,
    /// Plural, with its subresource after a slash.
    pub resource: &'static str,
    /// Where; empty for everywhere.
    pub namespace: Name,
}

/// A capability at a Vault (`sys/capabilities-self`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultRight {
    /// The server.
    pub server: VaultAddress,
    /// The replica that is asked.
    pub replica: ObjectRef,
    /// The Vault namespace; empty for that of the token.
    pub namespace: Text,
    /// The path of the API, such as `secret/data/shop/db`.
    pub path: String,
    /// Any of these is enough.
    pub any_of: &'static [&'static str],
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(right) => right.fmt(f),
            Self::Vault(right) => right.fmt(f),
        }
    }
}

impl fmt::Display for ClusterRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.namespace.is_empty() {
            write!(f, " in {}", self.namespace)?;
        }
        Ok(())
    }
}

impl fmt::Display for VaultRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {}", self.any_of.join(" or "), self.path, self.server)
    }
}

impl From<ClusterRight> for Right {
    fn from(right: ClusterRight) -> Self {
        Self::Cluster(right)
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
            Self::Kubernetes(write) => write.object(),
            Self::Vault(write) => write.object(),
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

/// The annotation of a pod template by which `kubectl rollout restart` restarts.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

impl KubernetesWrite {
    /// What it changes.
    #[must_use]
    pub const fn object(&self) -> &ObjectRef {
        match self {
            Self::Annotate { object, .. } => object,
            Self::Restart { workload, .. } => workload,
            Self::StartJob { job, .. } | Self::RunAgain { job } => job,
            Self::Sync { application } => application,
            Self::KeepValue { external_secret } => external_secret,
            Self::Delegate { account } => account,
        }
    }

    /// The rights it needs.
    #[must_use]
    pub fn rights(&self) -> Vec<ClusterRight> {
        let of = |verb, object: &ObjectRef| ClusterRight::on(verb, object);
        match self {
            Self::StartJob { cron_job, job } => vec![of("get", cron_job), of("create", job)],
            Self::Delegate { .. } => vec![ClusterRight {
                verb: "create",
                group: "rbac.authorization.k8s.io",
                resource: "clusterrolebindings",
                namespace: Name::empty(),
            }],
            Self::RunAgain { job } => vec![of("get", job), of("delete", job), of("create", job)],
            _ => vec![of("patch", self.object())],
        }
    }

    /// The change as a merge patch, where it is always the same one.
    #[must_use]
    pub const fn patch(&self) -> Option<&'static str> {
        match self {
            Self::Sync { .. } => {
                Some(r#"{"operation":{"initiatedBy":{"username":"sealwatch"},"sync":{"syncStrategy":{"hook":{}}}}}"#)
            }
            Self::KeepValue { .. } => Some(r#"{"spec":{"refreshPolicy":"CreatedOnce"}}"#),
            _ => None,
        }
    }

    /// The command that does the same by hand.
    fn command(&self) -> String {
        match self {
            Self::Annotate { object, key, value } => {
                format!("kubectl annotate {} {} --overwrite", named(object), quoted(&format!("{key}={value}")))
            }
            Self::Restart { workload, .. } => format!("kubectl rollout restart {}", named(workload)),
            Self::StartJob { cron_job, job } => {
                let (namespace, from) = (quoted(job.namespace.as_str()), quoted(cron_job.name.as_str()));
                format!("kubectl create job -n {namespace} {} --from=cronjob/{from}", quoted(job.name.as_str()))
            }
            Self::RunAgain { job } => format!(
                "kubectl get {named} -o json | jq 'del(.status, .metadata.uid, .metadata.resourceVersion, .spec.selector, \
                 .spec.template.metadata.labels[\"controller-uid\", \"batch.kubernetes.io/controller-uid\"])' | kubectl replace --force -f -",
                named = named(job)
            ),
            Self::Delegate { account } => format!(
                "kubectl create clusterrolebinding {} --clusterrole=system:auth-delegator --serviceaccount={}",
                quoted(&binding_name(account)),
                quoted(&account.short())
            ),
            Self::Sync { .. } | Self::KeepValue { .. } => {
                let patch = self.patch().unwrap_or_default();
                format!("kubectl patch {} --type merge -p {}", named(self.object()), quoted(patch))
            }
        }
    }
}

/// The name of the binding that [`KubernetesWrite::Delegate`] makes.
#[must_use]
pub fn binding_name(account: &ObjectRef) -> String {
    format!("sealwatch-auth-delegator-{}-{}", account.namespace, account.name)
}

/// Kind, namespace and name as `kubectl` takes them.
fn named(object: &ObjectRef) -> String {
    let kind = object.kind.as_str().to_ascii_lowercase();
    let namespace =
        if object.namespace.is_empty() { String::new() } else { format!(" -n {}", quoted(object.namespace.as_str())) };
    format!("{kind}{namespace} {}", quoted(object.name.as_str()))
}

impl VaultWrite {
    /// Gives a replica the share of this number.
    #[must_use]
    pub const fn unseal(server: VaultAddress, replica: ObjectRef, share: usize) -> Self {
        Self { server, replica, change: VaultChange::Unseal { share } }
    }

    /// Has a replica forget the shares that it was given.
    #[must_use]
    pub const fn reset(server: VaultAddress, replica: ObjectRef) -> Self {
        Self { server, replica, change: VaultChange::ResetUnseal }
    }

    /// What it changes.
    #[must_use]
    pub const fn object(&self) -> &ObjectRef {
        match &self.change {
            VaultChange::Unseal { .. } | VaultChange::ResetUnseal => &self.replica,
            VaultChange::Undelete { path, .. } | VaultChange::WriteValue { path, .. } => &path.object,
            VaultChange::Configure { method } | VaultChange::Bind { method, .. } => &method.object,
        }
    }

    /// Whether it only opens the Vault: that may be allowed where nothing else is.
    #[must_use]
    pub const fn is_unseal(&self) -> bool {
        matches!(self.change, VaultChange::Unseal { .. } | VaultChange::ResetUnseal)
    }

    /// The rights it needs.
    #[must_use]
    pub fn rights(&self) -> Vec<Right> {
        let reach = Right::reach_pod(&self.replica.namespace);
        let vault = |path: &KvPath, prefix: &str, any_of| {
            Right::Vault(VaultRight {
                server: self.server.clone(),
                replica: self.replica.clone(),
                namespace: path.namespace.clone(),
                path: format!("{}/{prefix}/{}", path.mount, path.key),
                any_of,
            })
        };
        let reach = (!self.replica.namespace.is_empty()).then_some(reach);
        let on_method = |method: &AuthMethod, below: String| {
            Right::Vault(VaultRight {
                server: self.server.clone(),
                replica: self.replica.clone(),
                namespace: method.namespace.clone(),
                path: method.path(&below),
                any_of: &["update", "create"],
            })
        };
        let own = match &self.change {
            VaultChange::Configure { method } => vec![on_method(method, "config".to_owned())],
            VaultChange::Bind { method, role, .. } => vec![on_method(method, format!("role/{role}"))],
            VaultChange::Unseal { .. } | VaultChange::ResetUnseal => Vec::new(),
            VaultChange::Undelete { path, .. } => vec![vault(path, "undelete", &["update", "create"])],
            // What is there is read, so that the other properties stay.
            VaultChange::WriteValue { path, version: 0, .. } => vec![vault(path, "data", &["create", "update"])],
            VaultChange::WriteValue { path, .. } => {
                vec![vault(path, "data", &["update"]), vault(path, "data", &["read"])]
            }
        };
        reach.into_iter().chain(own).collect()
    }

    /// The command that does the same by hand.
    fn command(&self) -> String {
        let space = |path: &KvPath| {
            if path.namespace.is_empty() { String::new() } else { format!(" -namespace={}", quoted(path.namespace.as_str())) }
        };
        let at = |path: &KvPath| format!("-mount={} {}", quoted(path.mount.as_str().trim_matches('/')), quoted(&path.key));
        let typed = match &self.change {
            VaultChange::Unseal { .. } => "bao operator unseal".to_owned(),
            VaultChange::ResetUnseal => "bao operator unseal -reset".to_owned(),
            VaultChange::Configure { method } => {
                format!(
                    "bao write {} kubernetes_host=https://kubernetes.default.svc disable_iss_validation=true disable_local_ca_jwt=false",
                    quoted(&method.path("config"))
                )
            }
            VaultChange::Bind { method, role, accounts, namespaces } => {
                let list = |names: &[Text]| names.iter().map(Text::as_str).collect::<Vec<_>>().join(",");
                format!(
                    "bao write {} {} {}",
                    quoted(&method.path(&format!("role/{role}"))),
                    quoted(&format!("bound_service_account_names={}", list(accounts))),
                    quoted(&format!("bound_service_account_namespaces={}", list(namespaces)))
                )
            }
            VaultChange::Undelete { path, version } => {
                format!("bao kv undelete{} -versions={version} {}", space(path), at(path))
            }
            VaultChange::WriteValue { path, property, version: 0 } => {
                format!("bao kv put{} -cas=0 {} {}", space(path), at(path), quoted(&format!("{property}=-")))
            }
            VaultChange::WriteValue { path, property, version } => {
                format!("bao kv patch{} -cas={version} {} {}", space(path), at(path), quoted(&format!("{property}=-")))
            }
        };
        by_hand(&self.server, &self.replica, &typed)
    }
}

impl Right {
    /// The command that asks for it by hand.
    #[must_use]
    pub fn command(&self) -> String {
        match self {
            Self::Cluster(right) => {
                let group = if right.group.is_empty() { String::new() } else { format!(".{}", right.group) };
                let (resource, subresource) = right.resource.split_once('/').unwrap_or((right.resource, ""));
                let namespace =
                    if right.namespace.is_empty() { String::new() } else { format!(" -n {}", quoted(right.namespace.as_str())) };
                let subresource = if subresource.is_empty() { String::new() } else { format!(" --subresource={subresource}") };
                format!("kubectl auth can-i {} {resource}{group}{subresource}{namespace}", right.verb)
            }
            Self::Vault(right) => {
                by_hand(&right.server, &right.replica, &format!("bao token capabilities {}", quoted(&right.path)))
            }
        }
    }

    /// The right to annotate this object.
    #[must_use]
    pub fn annotate(object: &ObjectRef) -> Self {
        Self::Cluster(ClusterRight::on("patch", object))
    }

    /// The right to reach a port of a pod in this namespace through the API server.
    #[must_use]
    pub fn reach_pod(namespace: &Name) -> Self {
        Self::Cluster(ClusterRight::reach_pod(namespace))
    }
}

impl ClusterRight {
    /// The right to reach a port of a pod in this namespace through the API server.
    #[must_use]
    pub fn reach_pod(namespace: &Name) -> Self {
        Self { verb: "create", group: "", resource: "pods/portforward", namespace: namespace.clone() }
    }

    /// The right to do this to an object.
    #[must_use]
    pub fn on(verb: &'static str, object: &ObjectRef) -> Self {
        let api = kinds::api(object.kind);
        let (group, resource) = api.map_or(("", "objects"), |api| (api.group, api.plural));
        Self { verb, group, resource, namespace: object.namespace.clone() }
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
