//! The copy of a Job that stands beside it while it is deleted and made anew. It is suspended, so it never runs; it stands
//! in the cluster, where the Job stood and with the same rights on it, so nothing of it lies on the disk of whoever runs
//! this; and whoever comes next, on whatever machine, can make the Job from it.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{GOING, Inner, LOOK, anew, creating, delete, place};
use crate::model::kinds::job::KEPT_FOR;
use crate::model::{Fault, FaultKind, Kind, ObjectRef};

/// What the annotation holds that the copy does not show: the metadata of the Job, and whether it was suspended.
const KEPT: &str = "sealwatch.dev/kept";
/// What the copy's name ends with.
const ENDING: &str = "-sealwatch-kept";
/// The longest name of a Job.
const LONGEST: usize = 63;

/// A copy that was found.
pub(super) struct Kept {
    /// The Job, as it is to be made.
    pub(super) manifest: Value,
    uid: String,
}

/// What the copy of a Job is called.
pub(super) fn name(job: &ObjectRef) -> ObjectRef {
    let stem: String = job.name.as_str().chars().take(LONGEST - ENDING.len()).collect();
    ObjectRef::new(Kind::Job, job.namespace.clone(), format!("{}{ENDING}", stem.trim_end_matches(['-', '.'])).as_str())
}

/// Makes the copy. One that is left from before is made anew, since the Job may be another one by now.
pub(super) async fn keep(inner: &Inner, job: &ObjectRef, manifest: &Value, asked: &str) -> Result<(), Fault> {
    let copy = name(job);
    let until = Instant::now() + GOING;
    loop {
        let made = inner.send(creating(inner, &copy, &copied(job, &copy, manifest), "", asked).await?, asked).await;
        let Err(failure) = made else { return Ok(()) };
        if failure.fault.kind != FaultKind::Conflict || Instant::now() > until {
            return Err(failure.fault);
        }
        match find(inner, job, asked).await? {
            Some(old) => delete(inner, &place(inner, &copy, asked).await?, &old.uid, "Background", asked).await?,
            None if inner.get::<Value>(&place(inner, &copy, asked).await?, asked).await.is_ok() => {
                let message = format!("Could not {asked}: {copy} stands in the way, and is not ours.");
                return Err(Fault::new(FaultKind::Invalid, &message));
            }
            None => {}
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The copy of a Job, if there is one.
pub(super) async fn find(inner: &Inner, job: &ObjectRef, asked: &str) -> Result<Option<Kept>, Fault> {
    match inner.get::<Value>(&place(inner, &name(job), asked).await?, asked).await {
        Ok(found) => Ok(restored(job, &found)),
        Err(failure) if failure.fault.kind == FaultKind::NotFound => Ok(None),
        Err(failure) => Err(failure.fault),
    }
}

/// Takes the copy away again. One that stays harms nobody: it is suspended, and is taken for what it is.
pub(super) async fn forget(inner: &Inner, job: &ObjectRef, asked: &str) {
    if let Ok(Some(kept)) = find(inner, job, asked).await
        && let Ok(at) = place(inner, &name(job), asked).await
    {
        let _ = delete(inner, &at, &kept.uid, "Background", asked).await;
    }
}

/// The copy: nobody owns it, nobody's labels select it, and it does not run.
fn copied(job: &ObjectRef, copy: &ObjectRef, manifest: &Value) -> Value {
    let mut spec = manifest["spec"].clone();
    let suspended = spec["suspend"].take();
    spec["suspend"] = json!(true);
    let kept = json!({ "metadata": manifest["metadata"], "suspend": suspended }).to_string();
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": copy.name, "namespace": copy.namespace, "annotations": { KEPT_FOR: job.name, KEPT: kept } },
        "spec": spec,
    })
}

/// The Job, from its copy; nothing if it is the copy of no such Job.
fn restored(job: &ObjectRef, copy: &Value) -> Option<Kept> {
    let annotations = &copy["metadata"]["annotations"];
    if annotations[KEPT_FOR] != job.name.as_str() {
        return None;
    }
    let kept: Value = serde_json::from_str(annotations[KEPT].as_str()?).ok()?;
    let mut manifest = anew(copy);
    manifest["metadata"] = kept["metadata"].clone();
    if kept["suspend"].is_null() {
        manifest["spec"].as_object_mut()?.remove("suspend");
    } else {
        manifest["spec"]["suspend"] = kept["suspend"].clone();
    }
    Some(Kept { manifest, uid: copy["metadata"]["uid"].as_str()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_suspended_and_gives_the_job_back_as_it_was() {
        let job = ObjectRef::new(Kind::Job, "a", "client-patcher");
        for suspend in [None, Some(false)] {
            let mut manifest = json!({
                "apiVersion": "batch/v1", "kind": "Job",
                "metadata": {"name": "client-patcher", "namespace": "a", "labels": {"app": "x"}, "annotations": {"note": "kept"}},
                "spec": {"backoffLimit": 2, "template": {"metadata": {"labels": {"app": "x"}}, "spec": {
                    "containers": [{"name": "c", "env": [{"name": "A", "value": "b"}]}]}}},
            });
            if let Some(suspend) = suspend {
                manifest["spec"]["suspend"] = json!(suspend);
            }
            let mut copy = copied(&job, &name(&job), &manifest);
            assert_eq!((&copy["spec"]["suspend"], &copy["metadata"]["labels"]), (&json!(true), &Value::Null));
            assert_eq!(copy["metadata"]["name"], "client-patcher-sealwatch-kept");
            // What the API server adds.
            copy["metadata"]["uid"] = json!("u");
            copy["metadata"]["resourceVersion"] = json!("1");
            copy["spec"]["selector"] = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}});
            copy["spec"]["template"]["metadata"]["labels"]["batch.kubernetes.io/controller-uid"] = json!("u");
            copy["status"] = json!({});
            let kept = restored(&job, &copy).expect("its copy");
            assert_eq!((kept.manifest, kept.uid.as_str()), (manifest, "u"));
            assert!(restored(&ObjectRef::new(Kind::Job, "a", "another"), &copy).is_none());
        }
        let long = ObjectRef::new(Kind::Job, "a", "x".repeat(63).as_str());
        assert!(name(&long).name.as_str().len() <= LONGEST);
    }
}
