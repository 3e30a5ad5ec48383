//! What a pod said last. Only lines that tell of a failure are handed out: a log may hold anything.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::Inner;
use super::faults::Failure;
use super::requests::{get, segment};
use crate::model::inventory::runs::telling;
use crate::model::{Fault, FaultKind, ObjectRef, Text};

/// So many bytes of a log are looked at.
const BYTES: usize = 65_536;
/// And so many of its last lines. The server counts the bytes from the first of these, so that of long ones it leaves out the
/// last, which say most: then fewer are asked for (Kubernetes, `PodLogOptions.limitBytes`).
const LINES: [usize; 3] = [100, 20, 4];
/// Of so many containers of a pod.
const CONTAINERS: usize = 4;

/// The containers of a pod, and how each fares.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Pod {
    status: Status,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    init_container_statuses: Vec<Container>,
    container_statuses: Vec<Container>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    name: Text,
    state: State,
    last_state: State,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct State {
    terminated: Option<Ended>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Ended {
    exit_code: i64,
}

impl Pod {
    /// Whose log is read: the containers that failed, in the order in which they ran; all if none did.
    fn failed(&self) -> Vec<&str> {
        let all = || self.status.init_container_statuses.iter().chain(&self.status.container_statuses);
        let has_failed = |one: &&Container| {
            [&one.state, &one.last_state].iter().any(|state| state.terminated.as_ref().is_some_and(|end| end.exit_code != 0))
        };
        let failed: Vec<&str> = all().filter(has_failed).map(|one| one.name.as_str()).collect();
        let chosen = if failed.is_empty() { all().map(|one| one.name.as_str()).collect() } else { failed };
        chosen.into_iter().take(CONTAINERS).collect()
    }
}

/// See [`crate::ports::Cluster::failures`].
pub(super) async fn failures(inner: &Inner, pod: &ObjectRef) -> Result<Vec<Text>, Fault> {
    let path = format!("/api/v1/namespaces/{}/pods/{}", segment(pod.namespace.as_str())?, segment(pod.name.as_str())?);
    let refused = match log(inner, pod, &path, None).await {
        Ok(log) => return Ok(telling(String::from_utf8_lossy(&log).lines())),
        Err(failure) if failure.fault.kind == FaultKind::Invalid => failure.fault,
        Err(failure) => return Err(failure.fault),
    };
    // It has several containers and one must be named, or the only one has not begun because another failed before it.
    let Ok(shown) = inner.get::<Pod>(&path, &format!("read {pod}")).await else { return Err(refused) };
    let mut logs = Vec::new();
    for container in shown.failed() {
        // One that has not begun has no log; that of another may tell.
        logs.extend(log(inner, pod, &path, Some(container)).await);
    }
    // Not put together: a log may hold anything, and no copy of it is left behind.
    let texts: Vec<_> = logs.iter().map(|log| String::from_utf8_lossy(log)).collect();
    if texts.is_empty() { Err(refused) } else { Ok(telling(texts.iter().flat_map(|text| text.lines()))) }
}

/// The end of the log of a pod, or of one of its containers.
async fn log(inner: &Inner, pod: &ObjectRef, path: &str, container: Option<&str>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let named = container.map(segment).transpose()?.map(|name| format!("&container={name}")).unwrap_or_default();
    let mut log = Zeroizing::default();
    for lines in LINES {
        let request = get(&format!("{path}/log?tailLines={lines}&limitBytes={BYTES}{named}"))?;
        log = inner.bytes(request, &format!("read the log of {pod}")).await?;
        if log.len() < BYTES {
            break;
        }
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(status: &str) -> Vec<String> {
        let pod: Pod = serde_json::from_str(&format!(r#"{{"status": {status}}}"#)).unwrap();
        pod.failed().into_iter().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn the_containers_that_failed_are_read_and_all_if_none_did() {
        let side = r#"{"name": "proxy", "state": {"running": {"startedAt": "2026-11-25T00:00:00Z"}}}"#;
        let ended = |name: &str, code: i64| format!(r#"{{"name": "{name}", "state": {{"terminated": {{"exitCode": {code}}}}}}}"#);
        let again = r#"{"name": "patcher", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 2}}}"#;
        for (status, names) in [
            (format!(r#"{{"containerStatuses": [{side}, {}]}}"#, ended("patcher", 1)), vec!["patcher"]),
            (format!(r#"{{"containerStatuses": [{side}, {again}]}}"#), vec!["patcher"]),
            (format!(r#"{{"initContainerStatuses": [{}], "containerStatuses": [{side}]}}"#, ended("init", 127)), vec!["init"]),
            (format!(r#"{{"containerStatuses": [{side}, {}]}}"#, ended("patcher", 0)), vec!["proxy", "patcher"]),
            ("{}".to_owned(), vec![]),
        ] {
            assert_eq!(failed(&status), names, "{status}");
        }
    }
}
