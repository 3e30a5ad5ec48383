//! Writes to the API server.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::{ClusterRight, quoted};
use crate::model::gitops::HELD;
use crate::model::kinds::external_secret::FORCE_SYNC;
use crate::model::vso::ASKED;
use crate::model::{Kind, Name, ObjectRef, Text, kinds};

/// The key of an annotation that sealwatch sets.
pub(super) type Key = &'static str;

/// Every one of them: a journal that names another is not ours.
const KEYS: &[Key] = &[FORCE_SYNC, ASKED];

fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
    let key = String::deserialize(deserializer)?;
    KEYS.iter().copied().find(|known| *known == key).ok_or_else(|| serde::de::Error::custom("an annotation that nobody sets"))
}

/// A write to the API server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KubernetesWrite {
    /// Sets an annotation, by which controllers are asked to look again.
    Annotate {
        /// On what.
        object: ObjectRef,
        /// Annotation key.
        #[serde(deserialize_with = "known")]
        key: Key,
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
    /// Has an `ExternalSecret` read one property of a path in place of its generator.
    ReadVault {
        /// The `ExternalSecret`.
        external_secret: ObjectRef,
        /// The store that it reads through then.
        store: ObjectRef,
        /// The path, relative to the mount of the store.
        remote: String,
        /// The property.
        property: String,
        /// The key of its Secret.
        secret_key: String,
        /// External Secrets' hash of the Secret's data: it must be the same after.
        data_hash: Text,
    },
    /// `spec.refreshPolicy: CreatedOnce`: the value that is there stays.
    KeepValue {
        /// The `ExternalSecret`.
        external_secret: ObjectRef,
    },
    /// Keeps what deploys others from reverting what is written there, until it is given back.
    Hold {
        /// An `Application`, a `Kustomization` or a `HelmRelease`.
        object: ObjectRef,
        /// Since when; noted on it.
        at: Timestamp,
    },
    /// Gives back what was held.
    GiveBack {
        /// The same.
        object: ObjectRef,
    },
}

/// What must still be as it was shown when a write is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nothing: it makes something new.
    Nothing,
    /// It must be the same object, and not one of its name that was made since.
    Life,
    /// Its spec must be the one that was shown too.
    Spec,
}

/// The annotation of a pod template by which `kubectl rollout restart` restarts.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

impl KubernetesWrite {
    /// What it changes.
    #[must_use]
    pub const fn object(&self) -> &ObjectRef {
        match self {
            Self::Annotate { object, .. } | Self::Hold { object, .. } | Self::GiveBack { object } => object,
            Self::Restart { workload, .. } => workload,
            Self::StartJob { job, .. } | Self::RunAgain { job } => job,
            Self::Sync { application } => application,
            Self::KeepValue { external_secret } | Self::ReadVault { external_secret, .. } => external_secret,
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

    /// Whether it does no harm when it is done twice.
    #[must_use]
    pub const fn is_repeatable(&self) -> bool {
        matches!(self, Self::Annotate { .. } | Self::KeepValue { .. } | Self::Hold { .. } | Self::GiveBack { .. })
    }

    /// What must still be as it was shown.
    #[must_use]
    pub const fn guard(&self) -> Guard {
        match self {
            Self::StartJob { .. } | Self::Delegate { .. } => Guard::Nothing,
            // None of these rests on what the rest of a spec says.
            Self::Annotate { .. } | Self::Sync { .. } | Self::RunAgain { .. } | Self::Hold { .. } | Self::GiveBack { .. } => {
                Guard::Life
            }
            Self::Restart { .. } | Self::ReadVault { .. } | Self::KeepValue { .. } => Guard::Spec,
        }
    }

    /// The change as a merge patch, where no foreign word stands in it.
    #[must_use]
    pub fn patch(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Sync { .. } => {
                Some(r#"{"operation":{"initiatedBy":{"username":"sealwatch"},"sync":{"syncStrategy":{"hook":{}}}}}"#.into())
            }
            Self::KeepValue { .. } => Some(r#"{"spec":{"refreshPolicy":"CreatedOnce"}}"#.into()),
            Self::Hold { object, at } => {
                let at = Timestamp::from_second(at.as_second()).unwrap_or(*at);
                let before = if object.kind == Kind::Application { "selfHeal=true" } else { "suspend=false" };
                Some(holding(object, true, &format!(r#""{at} {before}""#)).into())
            }
            Self::GiveBack { object } => Some(holding(object, false, "null").into()),
            _ => None,
        }
    }

    /// The command that does the same by hand.
    pub(super) fn command(&self) -> String {
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
                quoted(&format!("{}:{}", account.namespace, account.name))
            ),
            Self::ReadVault { store, remote, property, secret_key, .. } => {
                let patch = format!(
                    r#"{{"spec":{{"dataFrom":null,"refreshPolicy":"Periodic","secretStoreRef":{{"kind":"{}","name":{}}},"data":[{{"secretKey":{},"remoteRef":{{"key":{},"property":{}}}}}]}}}}"#,
                    store.kind,
                    json(store.name.as_str()),
                    json(secret_key),
                    json(remote),
                    json(property),
                );
                format!("kubectl patch {} --type merge -p {}", named(self.object()), quoted(&patch))
            }
            Self::Sync { .. } | Self::KeepValue { .. } | Self::Hold { .. } | Self::GiveBack { .. } => {
                let patch = self.patch().unwrap_or_default();
                format!("kubectl patch {} --type merge -p {}", named(self.object()), quoted(&patch))
            }
        }
    }
}

/// The patch that holds something or gives it back, and notes that on it.
fn holding(object: &ObjectRef, hold: bool, note: &str) -> String {
    let spec = match object.kind {
        Kind::Application => format!(r#"{{"syncPolicy":{{"automated":{{"selfHeal":{}}}}}}}"#, !hold),
        _ => format!(r#"{{"suspend":{hold}}}"#),
    };
    format!(r#"{{"metadata":{{"annotations":{{"{HELD}":{note}}}}},"spec":{spec}}}"#)
}

/// The name of the binding that [`KubernetesWrite::Delegate`] makes.
#[must_use]
pub fn binding_name(account: &ObjectRef) -> String {
    format!("sealwatch-auth-delegator-{}-{}", account.namespace, account.name)
}

/// A foreign word as a string of JSON.
fn json(word: &str) -> String {
    let mut quoted = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Kind, namespace and name as `kubectl` takes them.
fn named(object: &ObjectRef) -> String {
    // Several groups have kinds of these names: the one that is meant is named.
    let kind = match (object.kind, kinds::api(object.kind)) {
        (Kind::Application | Kind::Kustomization | Kind::HelmRelease, Some(api)) => format!("{}.{}", api.plural, api.group),
        _ => object.kind.as_str().to_ascii_lowercase(),
    };
    let namespace =
        if object.namespace.is_empty() { String::new() } else { format!(" -n {}", quoted(object.namespace.as_str())) };
    format!("{kind}{namespace} {}", quoted(object.name.as_str()))
}
