//! Jobs that are started by hand, from a timetable or from what ran before.

mod kept;

use std::time::Duration;

use http::{Method, Request};
use kube::client::Body;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{DRY, Inner, MANAGER, place, told};
use crate::gateways::kubernetes::requests::with_body;
use crate::model::{Fault, FaultKind, ObjectRef};
use crate::ports::Seen;
use crate::runbooks::Receipt;

/// How long a deleted Job may take to go: its pods are ended first, each in its grace period.
const GOING: Duration = Duration::from_secs(180);
/// For how long it is tried to make it again.
const MAKING: Duration = Duration::from_secs(120);
/// How long between two tries.
const BETWEEN: Duration = Duration::from_secs(2);
/// How often it is looked whether it is gone.
const LOOK: Duration = Duration::from_millis(250);

/// Makes a Job from a timetable's template, as `kubectl create job --from` does: owned by the timetable, so that its
/// history limits hold for it.
pub(super) async fn starting(
    inner: &Inner,
    cron_job: &ObjectRef,
    job: &ObjectRef,
    more: &str,
    asked: &str,
) -> Result<Request<Body>, Fault> {
    creating(inner, job, &from_template(inner, cron_job, job, asked).await?, more, asked).await
}

/// Whether the API server would take a Job that is made anew.
pub(super) async fn rehearse(inner: &Inner, job: &ObjectRef, asked: &str) -> Result<(), Fault> {
    let found: Value = inner.get(&place(inner, job, asked).await?, asked).await?;
    would_be_taken(inner, job, &anew(&found), asked).await
}

async fn from_template(inner: &Inner, cron_job: &ObjectRef, job: &ObjectRef, asked: &str) -> Result<Value, Fault> {
    let found: Value = inner.get(&place(inner, cron_job, asked).await?, asked).await?;
    let template = &found["spec"]["jobTemplate"];
    let mut annotations = object(&template["metadata"]["annotations"]);
    annotations.insert("cronjob.kubernetes.io/instantiate".to_owned(), json!("manual"));
    Ok(json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job.name,
            "namespace": job.namespace,
            "labels": object(&template["metadata"]["labels"]),
            "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": "batch/v1", "kind": "CronJob", "name": cron_job.name, "uid": found["metadata"]["uid"], "controller": true
            }],
        },
        "spec": template["spec"],
    }))
}

async fn would_be_taken(inner: &Inner, job: &ObjectRef, manifest: &Value, asked: &str) -> Result<(), Fault> {
    // Under another name, since this one is taken.
    let mut rehearsal = manifest.clone();
    if let Some(metadata) = rehearsal["metadata"].as_object_mut() {
        metadata.remove("name");
        metadata.insert("generateName".to_owned(), json!("sealwatch-"));
    }
    inner.send(creating(inner, job, &rehearsal, DRY, asked).await?, asked).await?;
    Ok(())
}

/// Deletes a Job and makes it anew from its own spec. The API server is asked first whether it would take the new one,
/// and a suspended copy of it stands beside it until the new one is there: nothing is deleted that could not be made
/// again, by this process or by another.
pub(super) async fn run_again(inner: &Inner, job: &ObjectRef, seen: Option<&Seen>, asked: &str) -> Result<Receipt, Fault> {
    let at = place(inner, job, asked).await?;
    let found: Value = match inner.get(&at, asked).await {
        Ok(found) => found,
        Err(failure) if failure.fault.kind == FaultKind::NotFound => {
            let kept = kept::find(inner, job, asked).await?.ok_or(failure.fault)?;
            return make(inner, job, &kept.manifest, asked).await;
        }
        Err(failure) => return Err(failure.fault),
    };
    let uid = found["metadata"]["uid"].as_str().unwrap_or_default();
    if seen.is_some_and(|seen| seen.uid.to_string() != uid) {
        return Err(Fault::new(FaultKind::Conflict, &format!("{job} is another one than was shown.")));
    }
    let manifest = anew(&found);
    would_be_taken(inner, job, &manifest, asked).await?;
    kept::keep(inner, job, &manifest, asked).await?;
    let gone = delete(inner, &at, uid, "Foreground", asked).await;
    if let Err(fault) = gone {
        if fault.kind != FaultKind::Unknown {
            kept::forget(inner, job, asked).await;
        }
        return Err(fault);
    }
    if !is_gone(inner, &at, &found["metadata"]["uid"], asked).await? {
        // Somebody made it anew already: its owner.
        kept::forget(inner, job, asked).await;
        return Ok(Receipt::default());
    }
    make(inner, job, &manifest, asked).await
}

async fn delete(inner: &Inner, at: &str, uid: &str, how: &str, asked: &str) -> Result<(), Fault> {
    let options = json!({
        "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": how, "preconditions": { "uid": uid },
    });
    inner.send(with_body(Method::DELETE, at, "application/json", &options)?, asked).await.map_err(super::unknown_if_cut)?;
    Ok(())
}

/// Waits until a deleted Job is gone; says no if another stands in its place.
async fn is_gone(inner: &Inner, at: &str, uid: &Value, asked: &str) -> Result<bool, Fault> {
    let until = Instant::now() + GOING;
    loop {
        match inner.get::<Value>(at, asked).await {
            Err(failure) if failure.fault.kind == FaultKind::NotFound => return Ok(true),
            Ok(found) if found["metadata"]["uid"] != *uid => return Ok(false),
            // Not one that is tried again: that would delete what is made meanwhile.
            _ if Instant::now() > until => {
                let message = format!("Could not {asked}: it was deleted, and was not gone after {} s.", GOING.as_secs());
                return Err(Fault::new(FaultKind::Invalid, &message).hinted(
                    "Look what holds it (finalizers, pods that end slowly); once it is gone, run this again: a copy of it is kept.",
                ));
            }
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Makes a Job, and does not give up at the first fault: the one that it replaces is gone.
async fn make(inner: &Inner, job: &ObjectRef, manifest: &Value, asked: &str) -> Result<Receipt, Fault> {
    let until = Instant::now() + MAKING;
    loop {
        let made = told(inner, creating(inner, job, manifest, "", asked).await?, asked).await;
        match made {
            Err(fault) if fault.kind == FaultKind::Conflict => {
                kept::forget(inner, job, asked).await;
                return Ok(Receipt::default());
            }
            Err(fault) if Instant::now() < until && (fault.is_transient() || fault.kind == FaultKind::Unknown) => {
                tokio::time::sleep(BETWEEN).await;
            }
            Err(fault) => {
                let message = format!(
                    "{job} was deleted, and could not be made again: {} It is kept as {}, which is suspended.",
                    fault.message,
                    kept::name(job)
                );
                return Err(Fault::new(FaultKind::Invalid, &message).hinted("Run this again: it is made from what is kept."));
            }
            Ok(receipt) => {
                kept::forget(inner, job, asked).await;
                return Ok(receipt);
            }
        }
    }
}

async fn creating(inner: &Inner, job: &ObjectRef, manifest: &Value, more: &str, asked: &str) -> Result<Request<Body>, Fault> {
    let at = place(inner, job, asked).await?;
    let collection = at.rsplit_once('/').map_or(at.as_str(), |(collection, _)| collection);
    with_body(Method::POST, &format!("{collection}?fieldManager={MANAGER}{more}"), "application/json", manifest)
}

/// A Job as it was before it ran: what the API server and the Job controller added to it is left out.
fn anew(job: &Value) -> Value {
    let mut manifest = job.clone();
    let Some(whole) = manifest.as_object_mut() else { return manifest };
    whole.remove("status");
    let kept = ["name", "namespace", "labels", "annotations", "ownerReferences", "finalizers"];
    if let Some(metadata) = whole.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| kept.contains(&key.as_str()));
        without_controller(metadata.get_mut("labels"));
        // Those that the Job controller puts there for the pods of a run that is over.
        if let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
            finalizers.retain(|finalizer| finalizer != "foregroundDeletion" && finalizer != "orphan");
        }
    }
    if let Some(spec) = whole.get_mut("spec").and_then(Value::as_object_mut)
        && spec.get("manualSelector") != Some(&Value::Bool(true))
    {
        spec.remove("selector");
        without_controller(spec.get_mut("template").and_then(|template| template.get_mut("metadata")?.get_mut("labels")));
    }
    manifest
}

/// Takes out the labels that name one life of a Job.
fn without_controller(labels: Option<&mut Value>) {
    if let Some(labels) = labels.and_then(Value::as_object_mut) {
        labels.retain(|key, _| !key.ends_with("controller-uid") && !key.ends_with("job-name"));
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_made_anew_without_what_its_life_added() {
        let ran = json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {
                "name": "client-patcher", "namespace": "a", "uid": "u", "resourceVersion": "9", "managedFields": [{}],
                "labels": {"app": "x", "batch.kubernetes.io/controller-uid": "u"}, "annotations": {"note": "kept"},
                "finalizers": ["foregroundDeletion"]
            },
            "spec": {
                "backoffLimit": 2, "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
                "template": {"metadata": {"labels": {"app": "x", "controller-uid": "u", "job-name": "client-patcher"}}, "spec": {"containers": []}}
            },
            "status": {"failed": 3}
        });
        let wanted = json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "client-patcher", "namespace": "a", "labels": {"app": "x"}, "annotations": {"note": "kept"}, "finalizers": []},
            "spec": {"backoffLimit": 2, "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": []}}}
        });
        assert_eq!(anew(&ran), wanted);
        let chosen =
            json!({"metadata": {}, "spec": {"manualSelector": true, "selector": {"matchLabels": {"a": "b"}}, "template": {}}});
        assert_eq!(anew(&chosen)["spec"], chosen["spec"], "who chose the selector keeps it");
    }
}
