//! The sync of an `ExternalSecret`: is it due, may its store be used, what does the source say, write it.
//! (`externalsecret_controller.go` of 0.16.2.)

use std::time::Duration;

use jiff::Timestamp;

use super::target::Written;
use super::{Failure, Job, Plan, Release, Verdict};
use crate::gateways::simulation::object::{External, Meta, Object, Ready, Refresh, Words};
use crate::gateways::simulation::recorder::Saying;
use crate::gateways::simulation::time::{after, between, whole};
use crate::gateways::simulation::world::World;
use crate::model::kinds::external_secret::synced_resource_version;
use crate::model::{Kind, ObjectRef};

const COMPONENT: &str = "external-secrets";

impl World {
    /// What is to be done with it, and how long the worker holds it for that.
    pub(super) fn plan_sync(&mut self, key: &ObjectRef) -> (Plan, Duration) {
        let Some(object) = self.api.get(key) else { return (Plan::Skip, Duration::from_millis(1)) };
        let Some(external) = object.external() else { return (Plan::Skip, Duration::from_millis(1)) };
        if !is_due(object, external, self.now) && self.target_is_valid(key, external) {
            return (Plan::Skip, Duration::from_millis(2));
        }
        if external.data.is_empty() {
            return (Plan::Go, self.operator.random.millis(25, 45));
        }
        match self.usable(key) {
            Ok(()) => (Plan::Go, self.operator.random.millis(110, 170)),
            Err(text) => (Plan::Fail(text), self.operator.random.millis(6, 14)),
        }
    }

    /// The flood gate: a store that is not Ready is not asked.
    fn usable(&self, key: &ObjectRef) -> Result<(), String> {
        let Some(store) = self.store_of(key) else { return Ok(()) };
        let (kind, name) = (store.kind, &store.name);
        let Some(found) = self.api.get(&store).and_then(|object| object.store()) else {
            return Err(format!("could not get {kind} \"{name}\", {kind}.external-secrets.io \"{name}\" not found"));
        };
        if found.ready.as_ref().is_some_and(|ready| ready.status) {
            return Ok(());
        }
        Err(format!("{kind} \"{name}\" is not ready"))
    }

    /// Does it; an error means that Vault's client will ask again.
    pub(super) fn sync(&mut self, key: &ObjectRef, job: &Job) -> Result<Verdict, Failure> {
        let Some(external) = self.api.get(key).and_then(|object| object.external()).cloned() else {
            return Ok(Verdict::Done(None));
        };
        let gathered = match &job.plan {
            Plan::Skip => return Ok(requeue(&external, external.refreshed, self.now)),
            Plan::Fail(text) => Err(Failure { text: in_data(&external, 0, text), retried: false, at_validation: false }),
            Plan::Go => self.gather(key, &external, job),
        };
        let data = match gathered {
            Ok(data) => data,
            Err(failure) if failure.retried && job.attempt < 3 => return Err(failure),
            Err(failure) => {
                self.failed(key, job, "could not get secret data from provider", failure.text);
                return Ok(Verdict::Failed);
            }
        };
        Ok(match self.write_target(key, &external, &data) {
            Written::Failed { condition, text } => {
                self.failed(key, job, condition, text);
                Verdict::GivenUp
            }
            Written::Done { reason, message } => self.done(key, &external, job, reason, message),
        })
    }

    fn gather(&mut self, key: &ObjectRef, external: &External, job: &Job) -> Result<Words, Failure> {
        let mut data = Words::new();
        if external.generator.is_some() {
            // Every sync makes a new value; the old one is lost.
            data.insert("password".to_owned(), self.operator.random.hex(12));
        }
        let Some(store) = self.store_of(key).and_then(|store| self.api.get(&store)?.store().cloned()) else { return Ok(data) };
        if external.data.is_empty() {
            return Ok(data);
        }
        let fail = |index: usize, failure: Failure| Failure { text: in_data(external, index, &failure.text), ..failure };
        let session = self.log_in(&store, key.namespace.as_str(), job.connection).map_err(|failure| fail(0, failure))?;
        for (index, remote) in external.data.iter().enumerate() {
            let Some((server, replica)) = job.connection.and_then(|(server, replica)| Some((self.servers.get(server)?, replica)))
            else {
                continue;
            };
            let mount = (store.mount.as_str(), store.version.as_str());
            let plainly = |text: String| Failure { text, retried: false, at_validation: false };
            let space = server.within(replica, &store.space);
            let found =
                space.and_then(|(server, replica)| server.read(replica, &session, mount, &remote.key)).map_err(|refusal| {
                    let prefix = if store.version == "v1" { "" } else { "data/" };
                    let url = format!("{}/v1/{}/{prefix}{}", store.url, store.mount, remote.key);
                    let text = format!("cannot read secret data from Vault: {}", refusal.said_in(&store.space, "GET", &url));
                    fail(index, Failure { retried: refusal.is_retried(), ..plainly(text) })
                })?;
            let value = match found {
                None if external.delete_with_source => {
                    let text = format!("secret does not exist at provider using spec.dataFrom[{index}] (key={})", remote.key);
                    self.say(key, Saying::normal(COMPONENT, "MissingProviderSecret", text));
                    continue;
                }
                None => return Err(fail(index, plainly("Secret does not exist".to_owned()))),
                Some(found) if remote.property.is_empty() => serde_json::to_string(found).unwrap_or_default(),
                Some(found) => found
                    .get(&remote.property)
                    .cloned()
                    .ok_or_else(|| fail(index, plainly(format!("cannot find secret data for key: \"{}\"", remote.property))))?,
            };
            data.insert(remote.secret_key.clone(), value);
        }
        Ok(data)
    }

    /// Writes the status of a failure, unless somebody wrote the object meanwhile (a conflict).
    fn failed(&mut self, key: &ObjectRef, job: &Job, condition: &'static str, text: String) {
        self.say(key, Saying::warning(COMPONENT, "UpdateFailed", text));
        let now = self.now;
        self.api.change(key, |object| {
            if object.meta.version == job.seen
                && let Some(external) = object.external_mut()
            {
                Ready::set(&mut external.ready, false, "SecretSyncedError", condition, now);
            }
        });
    }

    fn done(&mut self, key: &ObjectRef, external: &External, job: &Job, reason: &'static str, message: &'static str) -> Verdict {
        let (now, started) = (self.now, job.started);
        let mut conflict = false;
        self.api.change(key, |object| {
            if object.meta.version != job.seen {
                conflict = true;
                return;
            }
            let synced = version_of(&object.meta);
            if let Some(external) = object.external_mut() {
                Ready::set(&mut external.ready, true, reason, message, now);
                external.refreshed = Some(whole(started));
                external.synced = synced;
                external.bound = true;
            }
        });
        if conflict { Verdict::Again } else { requeue(external, Some(started), now) }
    }

    /// The Secret exists, is marked as ours, and holds what we last wrote.
    fn target_is_valid(&self, key: &ObjectRef, external: &External) -> bool {
        let target = ObjectRef::new(Kind::Secret, key.namespace.as_str(), external.target.as_str());
        match self.api.get(&target) {
            Some(object) => super::target::is_valid(object),
            // From 0.18.1 an Orphan that is gone is no reason to write it again (#4956).
            None => {
                self.operator.release == Release::V29
                    && external.creation == crate::gateways::simulation::object::Creation::Orphan
            }
        }
    }
}

/// Whether it is to be read again (`shouldRefresh`).
fn is_due(object: &Object, external: &External, now: Timestamp) -> bool {
    let Some(refreshed) = external.refreshed.filter(|_| !external.synced.is_empty()) else { return true };
    let changed = external.synced != version_of(&object.meta);
    match external.refresh {
        Refresh::CreatedOnce => false,
        Refresh::OnChange => changed,
        Refresh::Periodic if external.interval.1 == 0 => false,
        Refresh::Periodic => changed || after(refreshed, Duration::from_secs(external.interval.1)) < now,
    }
}

/// When to look again (`getRequeueResult`).
fn requeue(external: &External, refreshed: Option<Timestamp>, now: Timestamp) -> Verdict {
    let interval = Duration::from_secs(external.interval.1);
    if interval.is_zero() {
        return Verdict::Done(None);
    }
    match refreshed.map(|at| between(at, now)) {
        None => Verdict::Done(Some(interval)),
        Some(passed) if passed < interval => Verdict::Done(interval.checked_sub(passed)),
        Some(_) => Verdict::Again,
    }
}

fn version_of(meta: &Meta) -> String {
    synced_resource_version(meta.generation, &meta.annotations, &meta.labels)
}

/// The text of an error in `spec.data`.
fn in_data(external: &External, index: usize, text: &str) -> String {
    let key = external.data.get(index).map_or("", |remote| remote.key.as_str());
    format!("error processing spec.data[{index}] (key: {key}), err: {text}")
}
