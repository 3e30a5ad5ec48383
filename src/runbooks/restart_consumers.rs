//! What still runs with an older value is restarted.

use super::Runbook;
use super::steps::{restart};

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "restart-consumers",
    title: "Restart what keeps an old value",
    summary: "\
Restarts the workloads whose containers started before the data of their Secret was last written, and that read it only when
they start (environment, subPath). Two at a time, each by its own rollout; the proof is the start of every pod. Reloader does the
same by itself where a workload carries its annotation.",
    fixes: &[],
    steps: &[restart::STEP],
};
