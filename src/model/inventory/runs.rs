//! The Jobs that fill a Vault, by their names, and the logs of those that failed.

use std::sync::Arc;

use super::Inventory;
use crate::model::kinds::{Job, Role, Watched as _};
use crate::model::object::{Kind, ObjectRef};
use crate::model::text::Text;

/// What the name of a client-patcher holds.
pub const CLIENT_PATCHER: &str = "client-patcher";
/// What the name of a Job that fills the Vault holds.
pub const BOOTSTRAP: &str = "vault-bootstrap";

/// The name that a run goes by: that of its timetable, if one made it.
#[must_use]
pub fn base_name(job: &Job) -> &str {
    match &job.meta.controller {
        Some((kind, name)) if kind.as_str() == "CronJob" => name.as_str(),
        _ => job.meta.name.as_str(),
    }
}

/// How many lines of a log are kept.
const KEPT: usize = 5;

/// The last lines of a log that tell of a failure; the others are nobody's business.
pub fn telling<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Text> {
    const SIGNS: [&str; 10] = [
        "ERROR",
        "FATAL",
        "DENIED",
        "NOT FOUND",
        "FORMAT ERROR",
        "MISSING",
        "REFUSED",
        "UNAUTHORIZED",
        "FORBIDDEN",
        "NO SUCH HOST",
    ];
    let tells = |line: &&str| {
        let upper = line.to_ascii_uppercase();
        SIGNS.iter().any(|sign| upper.contains(sign))
    };
    let lines: Vec<Text> = lines.filter(tells).map(Text::foreign).collect();
    let from = lines.len().saturating_sub(KEPT);
    lines.into_iter().skip(from).collect()
}

impl Inventory {
    /// The pods of failed runs whose logs were not read yet.
    #[must_use]
    pub fn unread_logs(&self) -> Vec<ObjectRef> {
        let named = |job: &&Arc<Job>| [CLIENT_PATCHER, BOOTSTRAP].iter().any(|what| base_name(job).contains(what));
        let failed: Vec<ObjectRef> =
            self.all::<Job>().iter().filter(|job| job.has_failed()).filter(named).map(|job| job.object_ref()).collect();
        let pods = failed.iter().flat_map(|job| self.pointing_at(job, Role::MadeBy)).filter(|pod| pod.kind == Kind::Pod);
        pods.filter(|pod| !self.logs.contains_key(pod)).cloned().collect()
    }
}
