//! The kubelet, as far as Secrets go: a new pod waits for the Secrets that it uses, and starts a few
//! seconds after they exist. It tries again by itself, each way of use at its own pace.

use std::time::Duration;

use super::object::{Pod, Use};
use super::recorder::Saying;
use super::time::after;
use super::world::{Task, World};
use crate::model::{Kind, ObjectRef};

impl World {
    /// Looks at a pod that does not run yet.
    pub(super) fn kubelet(&mut self, key: &ObjectRef) {
        let Some(pod) = self.api.get(key).and_then(|object| object.pod()).cloned() else { return };
        if pod.running.is_some() {
            return;
        }
        let secret = |name: &str| ObjectRef::new(Kind::Secret, key.namespace.as_str(), name);
        let missing = pod.secrets.iter().find(|(_, name)| self.api.get(&secret(name)).is_none()).cloned();
        let now = self.now;
        match missing {
            Some((usage, name)) => {
                let (waiting, saying) = complaint(usage, &name, &pod);
                self.kubelet.record(&mut self.api, key, saying, now);
                self.change_pod(key, |pod| {
                    pod.started.get_or_insert(now);
                    pod.waiting = Some(waiting);
                    pod.tries += 1;
                });
                let wait = retry(usage, pod.tries, self.random.millis(0, 5000));
                self.schedule(after(now, wait), Task::Pod(key.clone()));
            }
            // Seen once with all its Secrets: the image is pulled and the container started.
            None if !pod.complete => {
                self.change_pod(key, |pod| {
                    pod.complete = true;
                    pod.started.get_or_insert(now);
                    pod.waiting = Some(("ContainerCreating", String::new()));
                });
                let wait = self.random.millis(1500, 4000);
                self.schedule(after(now, wait), Task::Pod(key.clone()));
            }
            None => self.change_pod(key, |pod| {
                pod.phase = "Running";
                pod.running = Some(now);
                pod.waiting = None;
                pod.ready = true;
            }),
        }
    }

    fn change_pod(&mut self, key: &ObjectRef, change: impl FnOnce(&mut Pod)) {
        self.api.change(key, |object| {
            if let Some(pod) = object.pod_mut() {
                change(pod);
            }
        });
    }
}

/// What the kubelet says of a Secret that is not there: the state of the container, and an event.
fn complaint(usage: Use, name: &str, pod: &Pod) -> ((&'static str, String), Saying) {
    let event = |reason: &'static str, message: String| Saying::warning("kubelet", reason, message);
    match usage {
        Use::Env | Use::EnvFrom => (
            ("CreateContainerConfigError", format!("secret \"{name}\" not found")),
            event("Failed", format!("Error: secret \"{name}\" not found")),
        ),
        // The container's state says nothing of it; only the event does.
        Use::Volume => (
            ("ContainerCreating", String::new()),
            event("FailedMount", format!("MountVolume.SetUp failed for volume \"{name}\" : secret \"{name}\" not found")),
        ),
        Use::ImagePull => (
            ("ImagePullBackOff", format!("Back-off pulling image \"{}\"", pod.image)),
            event(
                "FailedToRetrieveImagePullSecret",
                format!("Unable to retrieve some image pull secrets ({name}); attempting to pull the image may not succeed."),
            ),
        ),
    }
}

/// When it tries again: the pod's sync for variables, the volume manager's and the image puller's back-off.
fn retry(usage: Use, tries: u32, jitter: Duration) -> Duration {
    let doubled = |first: u64, most: u64| Duration::from_millis((first << tries.min(20)).min(most));
    match usage {
        Use::Env | Use::EnvFrom => Duration::from_secs(10) + jitter,
        Use::Volume => doubled(500, 122_000),
        Use::ImagePull => doubled(10_000, 300_000),
    }
}
