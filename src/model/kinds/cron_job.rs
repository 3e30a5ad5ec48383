//! `CronJob`: makes a Job by a timetable.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Api, Link, Meta, Watched, job};
use crate::model::object::{Kind, Name, Names};
use crate::model::pod_spec::PodSpec;
use crate::model::text::Text;
use crate::model::wire::Whole;

/// A `CronJob`.
#[derive(Clone, Debug)]
pub struct CronJob {
    /// Metadata.
    pub meta: Meta,
    /// The timetable, five fields of cron.
    pub schedule: Text,
    /// The zone that the timetable is in; empty for that of the cluster, mostly UTC.
    pub zone: Name,
    /// Whether it is held.
    pub suspended: bool,
    /// When it last made a Job.
    pub last_scheduled: Option<Timestamp>,
    /// When a Job of it last succeeded.
    pub last_succeeded: Option<Timestamp>,
    /// What the pods of its Jobs need.
    pub template: PodSpec,
}

/// The spec on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireSpec {
    schedule: Text,
    time_zone: Text,
    suspend: bool,
    job_template: WireJobTemplate,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireJobTemplate {
    spec: job::WireSpec,
}

/// The status on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireStatus {
    last_schedule_time: Option<Timestamp>,
    last_successful_time: Option<Timestamp>,
}

impl Watched for CronJob {
    const KIND: Kind = Kind::CronJob;
    const API: Api = Api { group: "batch", versions: &["v1"], plural: "cronjobs", namespaced: true };
    type Wire = Whole<WireSpec, WireStatus>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, status } = wire;
        Self {
            schedule: spec.schedule,
            zone: names.intern(spec.time_zone.as_str()),
            suspended: spec.suspend,
            last_scheduled: status.last_schedule_time,
            last_succeeded: status.last_successful_time,
            template: spec.job_template.spec.template.spec.read(names),
            meta: Meta::read(&metadata, names),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn links(&self) -> Vec<Link> {
        self.template.links(&self.meta).chain(self.meta.made_by()).collect()
    }
}
