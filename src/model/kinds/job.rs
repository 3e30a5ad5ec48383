//! `Job`: a run that ends. The bootstrap of Vault and the client patcher are Jobs; so are consumers that read a
//! Secret once.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Api, Link, Meta, Watched, WireCondition, condition};
use crate::model::health::{Condition, Status};
use crate::model::object::{Kind, Name, Names};
use crate::model::pod_spec::{PodSpec, WireTemplate};
use crate::model::text::Text;
use crate::model::wire::Whole;

/// A Job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Metadata; the controller is its `CronJob`, if one made it.
    pub meta: Meta,
    /// The condition `Failed`, with reason and sentence.
    pub failed: Option<Condition>,
    /// When it was complete.
    pub completed: Option<Timestamp>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// Pods that run, succeeded, failed.
    pub pods: [u32; 3],
    /// How many pods may fail before it does.
    pub backoff_limit: u32,
    /// Seconds after which it is ended.
    pub deadline: Option<i64>,
    /// Whether it is held.
    pub suspended: bool,
    /// The Job for whose making anew it is kept; empty for any other.
    pub kept_for: Name,
    /// The phases of a sync in which Argo CD runs it (`argocd.argoproj.io/hook`, and where that is not set `helm.sh/hook`);
    /// empty if it is no hook.
    pub hook: Name,
    /// What its pods need.
    pub template: PodSpec,
}

impl Job {
    /// Whether it has failed for good.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.as_ref().is_some_and(|failed| failed.status == Status::True)
    }

    /// Whether a sync of Argo CD runs it again, as a hook of it.
    #[must_use]
    pub fn is_run_by_sync(&self) -> bool {
        self.hook.as_str().split(',').any(|phase| IN_A_SYNC.contains(&phase.trim()))
    }

    /// Whether it has done its work.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.completed.is_some()
    }
}

/// The spec of a Job on the wire, also inside a `CronJob`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireSpec {
    backoff_limit: Option<u32>,
    active_deadline_seconds: Option<i64>,
    suspend: Option<bool>,
    /// The pods.
    pub template: WireTemplate,
}

/// The status on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireStatus {
    conditions: Vec<WireCondition>,
    start_time: Option<Timestamp>,
    completion_time: Option<Timestamp>,
    active: u32,
    succeeded: u32,
    failed: u32,
}

/// Argo CD reads the second where the first is not set (docs/user-guide/helm.md, “Helm Hooks”).
const HOOKS: [&str; 2] = ["argocd.argoproj.io/hook", "helm.sh/hook"];
/// Phases that every sync has, in the words of both.
const IN_A_SYNC: [&str; 7] = ["PreSync", "Sync", "PostSync", "pre-install", "pre-upgrade", "post-install", "post-upgrade"];
/// The annotation by which sealwatch marks the suspended copy of a Job that it makes anew: the name of that Job.
pub const KEPT_FOR: &str = "sealwatch.dev/kept-for";

impl Watched for Job {
    const KIND: Kind = Kind::Job;
    const API: Api = Api { group: "batch", versions: &["v1"], plural: "jobs", namespaced: true };
    type Wire = Whole<WireSpec, WireStatus>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, status } = wire;
        Self {
            failed: condition(&status.conditions, "Failed", names),
            completed: status.completion_time,
            started: status.start_time,
            pods: [status.active, status.succeeded, status.failed],
            backoff_limit: spec.backoff_limit.unwrap_or(6),
            deadline: spec.active_deadline_seconds,
            suspended: spec.suspend.unwrap_or(false),
            hook: HOOKS
                .iter()
                .find_map(|key| metadata.annotations.get(*key))
                .map_or_else(Name::empty, |hook| names.intern(Text::foreign(hook).as_str())),
            kept_for: metadata.annotations.get(KEPT_FOR).map_or_else(Name::empty, |job| names.intern(Text::foreign(job).as_str())),
            template: spec.template.spec.read(names),
            meta: Meta::read(&metadata, names).marked(Self::KIND, &metadata, names),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn links(&self) -> Vec<Link> {
        self.template.links(&self.meta).chain(self.meta.made_by()).collect()
    }
}
