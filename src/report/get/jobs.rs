//! Jobs and their timetables.

use super::What;
use super::column::{Column, Listing, Value};
use super::consumers::{secrets, uses};
use crate::diagnosis::state::{causes, of_job};
use crate::model::Kind;
use crate::model::kinds::{CronJob, Job, Watched as _};

/// Jobs.
pub(super) const JOBS: What = What {
    name: "jobs",
    words: &[],
    about: "Jobs",
    kinds: &[Kind::Job],
    also: &[],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<Job>().iter();
        Listing::of(what.name, COLUMNS, snapshot, all.map(|job| (job.object_ref(), job.as_ref())))
    },
};

/// `CronJob`s.
pub(super) const CRON_JOBS: What = What {
    name: "cronjobs",
    words: &[],
    about: "CronJobs",
    kinds: &[Kind::CronJob],
    also: &[],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<CronJob>().iter();
        Listing::of(what.name, CRON_COLUMNS, snapshot, all.map(|job| (job.object_ref(), job.as_ref())))
    },
};

const COLUMNS: &[Column<Job>] = &[
    Column::always("NAMESPACE", "namespace", |_, job| Value::text(&job.meta.namespace)),
    Column::always("NAME", "name", |_, job| Value::text(&job.meta.name)),
    Column::data("health", |_, job| Value::Health(of_job(job).health)),
    Column::always("STATE", "state", |_, job| Value::State(of_job(job))),
    Column::wide("REASON", "reason", |_, job| job.failed.as_ref().map_or(Value::None, |failed| Value::text(&failed.reason))),
    Column::data("message", |_, job| job.failed.as_ref().map_or(Value::None, |failed| Value::text(&failed.message))),
    Column::always("STARTED", "started", |_, job| Value::since(job.started)),
    Column::always("ENDED", "completed", |_, job| {
        Value::since(job.completed.or_else(|| job.failed.as_ref().filter(|_| job.has_failed()).and_then(|failed| failed.since)))
    }),
    Column::always("CRONJOB", "owner", |_, job| Value::object(job.meta.owner())),
    Column::always("SECRETS", "secrets", |_, job| secrets(&job.template)),
    Column::data("uses", |_, job| uses(job.template.secrets.iter())),
    Column::always("CAUSE", "causes", |snapshot, job| {
        Value::texts(causes(&snapshot.world, &snapshot.diagnosis, &job.object_ref()))
    }),
    Column::data("seen", |snapshot, _| super::seen::at(snapshot, Kind::Job)),
];

const CRON_COLUMNS: &[Column<CronJob>] = &[
    Column::always("NAMESPACE", "namespace", |_, job| Value::text(&job.meta.namespace)),
    Column::always("NAME", "name", |_, job| Value::text(&job.meta.name)),
    Column::always("SCHEDULE", "schedule", |_, job| Value::text(&job.schedule)),
    Column::wide("ZONE", "zone", |_, job| Value::text(&job.zone)),
    Column::always("SUSPENDED", "suspended", |_, job| Value::Flag(job.suspended)),
    Column::always("LAST", "last_scheduled", |_, job| Value::since(job.last_scheduled)),
    Column::always("SUCCEEDED", "last_succeeded", |_, job| Value::since(job.last_succeeded)),
    Column::always("SECRETS", "secrets", |_, job| secrets(&job.template)),
    Column::data("uses", |_, job| uses(job.template.secrets.iter())),
    Column::always("CAUSE", "causes", |snapshot, job| {
        Value::texts(causes(&snapshot.world, &snapshot.diagnosis, &job.object_ref()))
    }),
    Column::data("seen", |snapshot, _| super::seen::at(snapshot, Kind::CronJob)),
];
