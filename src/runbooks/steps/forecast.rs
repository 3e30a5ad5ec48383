//! What a forced sync or reconcile will bring, as far as the world tells before it is done. It is worked out anew whenever it is shown:
//! what Vault has is told only once it is open.

use std::collections::BTreeSet;

use super::restart::rolled;
use super::vso::is_issued;
use super::{KnownPath, counted, few, reads};
use crate::model::kinds::secret::Writer;
use crate::model::kinds::{ExternalSecret, Secret, VaultStaticSecret};
use crate::model::{Inventory, Kind, ObjectRef, PathState, Status};

/// What a sync of one does.
enum Brings {
    /// Its Secret is not there, and is made.
    New,
    /// Vault has something that was written after the last sync.
    Newer,
    /// Vault has what was read last.
    Same,
    /// Vault has not told.
    Untold,
}

/// In sentences.
pub(super) fn of_sync<'a>(world: &Inventory, all: impl IntoIterator<Item = &'a ExternalSecret>) -> Vec<String> {
    let (mut new, mut newer, mut same, mut untold, mut windows) = (0, 0, 0, 0, 0);
    let mut restarts: BTreeSet<ObjectRef> = BTreeSet::new();
    for es in all {
        windows += usize::from(es.more.as_ref().is_some_and(|more| more.windows.is_some()));
        match brings(world, es) {
            Brings::New => new += 1,
            Brings::Same => same += 1,
            Brings::Untold => untold += 1,
            Brings::Newer => {
                newer += 1;
                restarts.extend(reloaded(world, &es.target_ref()));
            }
        }
    }
    let mut says = Vec::new();
    if newer > 0 {
        says.push(format!("A newer value is in Vault for {}.", counted(newer, "Secret")));
        says.push(if restarts.is_empty() {
            "No workload that reads one asks Reloader for a restart.".to_owned()
        } else {
            by_reloader(&restarts)
        });
    }
    if new > 0 {
        says.push(format!("Made, because it was never or is not there: {}.", counted(new, "Secret")));
    }
    if same > 0 {
        says.push(format!("Nothing newer is in Vault for {}: the value stays.", counted(same, "Secret")));
    }
    if untold > 0 {
        says.push(format!(
            "Vault does not tell what it has for {}: a newer value is brought, if there is one.",
            counted(untold, "Secret")
        ));
    }
    if windows > 0 {
        says.push(format!("The sync windows of {} do not hold a forced sync back.", counted(windows, "ExternalSecret")));
    }
    says
}

fn brings(world: &Inventory, es: &ExternalSecret) -> Brings {
    let Some(read) = es.refreshed else { return Brings::New };
    if world.target_of(es).is_none() && world.would_show(&es.target_ref()) {
        return Brings::New;
    }
    let mut told = true;
    for (path, _) in reads(world, es) {
        match KnownPath::named(world, &path).map(|known| &known.path.facts.state) {
            Some(PathState::Present { written: Some(written), .. }) if *written > read => return Brings::Newer,
            Some(PathState::Present { written: Some(_), .. }) => {}
            _ => told = false,
        }
    }
    if told && !es.remote.is_empty() { Brings::Same } else { Brings::Untold }
}

/// The workloads that Reloader restarts at a change of this Secret.
fn reloaded(world: &Inventory, target: &ObjectRef) -> Vec<ObjectRef> {
    let Some(secret) = world.get::<Secret>(target) else { return Vec::new() };
    let workloads: BTreeSet<ObjectRef> = world.consumers_of(&target.namespace, &target.name).map(|pod| pod.consumer()).collect();
    let asks = |workload: &ObjectRef| {
        rolled(world, workload).and_then(|found| found.reloader.as_ref()).is_some_and(|reloader| reloader.restarts_for(secret))
    };
    workloads.into_iter().filter(asks).collect()
}

fn by_reloader(restarts: &BTreeSet<ObjectRef>) -> String {
    format!("Reloader, where it runs, restarts {}: {}.", counted(restarts.len(), "workload"), few(restarts.iter()))
}

/// What a reconcile of one by the Vault Secrets Operator does to its Secret (`vaultstaticsecret_controller.go`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Keeps {
    /// It is not there, and is made.
    New,
    /// Vault has something that was written after the last read.
    Newer,
    /// Somebody else wrote it since, which the operator's digest shows.
    Drifted,
    /// It keeps no digest: it is written whatever Vault has, and `rolloutRestartTargets` are ignored.
    Blind,
    /// There is no digest yet, since it was never synced: it is written.
    First,
    /// It stays: its digest is that of what Vault has.
    Same,
    /// Vault has not told.
    Untold,
    /// Vault rotates the credentials itself, and nobody sees from here whether it has.
    Rotated,
    /// A lease is issued for it.
    Leased,
    /// A certificate is issued for it.
    Certified,
}

/// Who is restarted by what happens to some Secrets.
#[derive(Default)]
struct Restarts {
    count: usize,
    /// What `rolloutRestartTargets` name.
    named: BTreeSet<ObjectRef>,
    /// What asks Reloader.
    reloaded: BTreeSet<ObjectRef>,
}

impl Restarts {
    fn after(world: &Inventory, all: &[(ObjectRef, Keeps)], which: &[Keeps]) -> Self {
        let mut restarts = Self::default();
        for (object, _) in all.iter().filter(|(_, keeps)| which.contains(keeps)) {
            let Some(upkeep) = world.upkeep(object) else { continue };
            restarts.count += 1;
            restarts.named.extend(upkeep.restarts.iter().cloned());
            restarts.reloaded.extend(reloaded(world, &upkeep.secret_ref(object)));
        }
        restarts
    }

    /// What the operator restarts, as the end of a sentence.
    fn clause(&self) -> String {
        match self.named.len() {
            0 => "no workload is named to be restarted then".to_owned(),
            n => format!("the operator then restarts {}: {}", counted(n, "workload"), few(self.named.iter())),
        }
    }

    fn tell(&self, says: &mut Vec<String>, sentence: &str) {
        if self.count == 0 {
            return;
        }
        says.push(format!("{sentence}; {}.", self.clause()));
        if !self.reloaded.is_empty() {
            says.push(by_reloader(&self.reloaded));
        }
    }
}

/// The same of what the Vault Secrets Operator keeps.
pub(super) fn of_upkeeps<'a>(world: &Inventory, objects: impl Iterator<Item = &'a ObjectRef>) -> Vec<String> {
    let all: Vec<(ObjectRef, Keeps)> = objects.filter_map(|one| Some((one.clone(), keeps(world, one)?))).collect();
    let after = |which: &[Keeps]| Restarts::after(world, &all, which);
    let count = |which: Keeps| all.iter().filter(|(_, keeps)| *keeps == which).count();
    let secrets = |count: usize| counted(count, "Secret");
    let mut says = Vec::new();
    let (newer, drifted, new) = (count(Keeps::Newer), count(Keeps::Drifted), count(Keeps::New));
    let newer_says = format!("A newer value is in Vault for {}: it is written", secrets(newer));
    after(&[Keeps::Newer]).tell(&mut says, &newer_says);
    let drifted_says = format!("Somebody else has changed {} since: what Vault has is written back", secrets(drifted));
    after(&[Keeps::Drifted]).tell(&mut says, &drifted_says);
    // Measured on 1.4.1: the first sync of a new object restarts too.
    after(&[Keeps::New]).tell(&mut says, &format!("Made, because it is not there: {}", secrets(new)));
    after(&[Keeps::First]).tell(&mut says, &format!("Written, because it was never synced: {}", secrets(count(Keeps::First))));
    if count(Keeps::Blind) > 0 {
        let blind = secrets(count(Keeps::Blind));
        says.push(format!(
            "Written again whatever Vault has, for want of a digest (hmacSecretData: false): {blind}; nothing restarts."
        ));
    }
    if count(Keeps::Same) > 0 {
        let same = secrets(count(Keeps::Same));
        says.push(format!(
            "Nothing newer is in Vault for {same}: the operator leaves it untouched, and restarts nothing for it."
        ));
    }
    let untold = secrets(count(Keeps::Untold));
    let untold_says = format!("Vault does not tell what it has for {untold}: if that is newer it is written");
    after(&[Keeps::Untold]).tell(&mut says, &untold_says);
    let rotated = secrets(count(Keeps::Rotated));
    let rotated_says = format!(
        "Vault rotates the credentials of {rotated} itself: no lease is issued, and if it has rotated them they are written"
    );
    after(&[Keeps::Rotated]).tell(&mut says, &rotated_says);
    let leased = counted(count(Keeps::Leased), Kind::VaultDynamicSecret.as_str());
    after(&[Keeps::Leased]).tell(&mut says, &format!("A new lease is issued for {leased}: the old credentials are replaced"));
    let certified = counted(count(Keeps::Certified), Kind::VaultPKISecret.as_str());
    after(&[Keeps::Certified])
        .tell(&mut says, &format!("A new certificate is issued for {certified}: the old one and its key are replaced"));
    says
}

fn keeps(world: &Inventory, object: &ObjectRef) -> Option<Keeps> {
    let upkeep = world.upkeep(object)?;
    if is_issued(world, object) {
        return Some(if object.kind == Kind::VaultPKISecret { Keeps::Certified } else { Keeps::Leased });
    }
    let target = upkeep.secret_ref(object);
    let secret = world.get::<Secret>(&target);
    if secret.is_none() && world.would_show(&target) {
        return Some(Keeps::New);
    }
    let Some(fixed) = world.get::<VaultStaticSecret>(object) else { return Some(Keeps::Rotated) };
    if !fixed.keeps_digest {
        return Some(Keeps::Blind);
    }
    if !upkeep.has_mac {
        return Some(Keeps::First);
    }
    let writers = secret.map_or(&[][..], |secret| &secret.writers);
    let ours = writers.iter().filter(|writer| is_operator(writer)).filter_map(|writer| writer.at).max();
    let others = writers.iter().filter(|writer| !is_operator(writer)).filter_map(|writer| writer.at).max();
    if ours.zip(others).is_some_and(|(ours, others)| others > ours) {
        return Some(Keeps::Drifted);
    }
    // Of one that is pinned to a version no other is read.
    if fixed.version.is_some() && ours.is_some() {
        return Some(Keeps::Same);
    }
    // It read last when it said so, and had done so when it wrote.
    let healthy = upkeep.healthy.as_ref().filter(|healthy| healthy.status == Status::True);
    let read = healthy.and_then(|healthy| healthy.since).max(ours);
    let path = world.static_path(fixed).and_then(|(address, full, _)| KnownPath::named(world, &address.path_ref(&full)));
    Some(match (path.map(|known| &known.path.facts.state), read) {
        (Some(PathState::Present { written: Some(written), .. }), Some(read)) if *written > read => Keeps::Newer,
        (Some(PathState::Present { written: Some(_), .. }), Some(_)) => Keeps::Same,
        _ => Keeps::Untold,
    })
}

/// Whether a writer of a Secret is the Vault Secrets Operator; its manager is called so (fixture 53).
fn is_operator(writer: &Writer) -> bool {
    writer.manager.as_str() == "vso"
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::model::kinds::{Deployment, Object, Pod, SecretStore, VaultAuth, VaultConnection, VaultDynamicSecret};
    use crate::model::kinds::{VaultPKISecret, Watched};
    use crate::model::{Change, Names, PathFacts, Text, VaultAddress};

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + 60 * minute).expect("a time")
    }

    fn object<K: Watched>(json: Value) -> Object {
        K::read(serde_json::from_value(json).expect("it parses"), &mut Names::default()).into_object()
    }

    fn address() -> VaultAddress {
        VaultAddress::parse("http://vault.vault.svc:8200").expect("a URL")
    }

    /// A world in which these stand, and Secrets are listed whole.
    fn world(objects: Vec<Object>, secrets: Vec<Object>) -> Inventory {
        let mut world = Inventory::default();
        let store = json!({ "metadata": { "name": "vault", "namespace": "shop" },
            "spec": { "provider": { "vault": { "server": address().to_string(), "path": "secret", "version": "v2" } } } });
        let connection =
            json!({ "metadata": { "name": "vault", "namespace": "shop" }, "spec": { "address": address().to_string() } });
        let auth = json!({ "metadata": { "name": "app", "namespace": "shop" }, "spec": { "vaultConnectionRef": "vault" } });
        let around = [object::<SecretStore>(store), object::<VaultConnection>(connection), object::<VaultAuth>(auth)];
        for object in around.into_iter().chain(objects) {
            world.apply(Change::Applied(object), at(0));
        }
        world.apply(Change::Listed(Kind::Secret.into(), secrets, Vec::new()), at(0));
        world.settle();
        world
    }

    /// Vault tells that a path was written then.
    fn written(world: &mut Inventory, path: &str, minute: i64) {
        let state = PathState::Present { version: 2, written: Some(at(minute)) };
        world.apply(Change::Paths(address(), vec![(Text::foreign(path), PathFacts { state, ..PathFacts::default() })]), at(0));
    }

    /// A Secret whose data these managers wrote.
    fn secret(name: &str, writers: &[(&str, i64)]) -> Object {
        let wrote = |(manager, minute): &(&str, i64)| json!({ "manager": manager, "operation": "Update", "time": at(*minute).to_string(), "fieldsV1": { "f:data": { "f:k": {} } } });
        let fields: Vec<Value> = writers.iter().map(wrote).collect();
        object::<Secret>(json!({ "metadata": { "name": name, "namespace": "shop", "managedFields": fields } }))
    }

    /// A Deployment that uses a Secret of its own name, and a pod of it.
    fn workload(name: &str, asks_reloader: bool) -> [Object; 2] {
        let annotations = if asks_reloader { json!({ "reloader.stakater.com/auto": "true" }) } else { json!({}) };
        let spec = json!({ "containers": [{ "name": "main", "envFrom": [{ "secretRef": { "name": name } }] }] });
        let labels = json!({ "pod-template-hash": "abcde" });
        let owner = json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{name}-abcde"), "controller": true, "uid": "x" }]);
        [
            object::<Deployment>(json!({ "metadata": { "name": name, "namespace": "shop", "annotations": annotations },
                "spec": { "replicas": 1, "template": { "spec": spec } } })),
            object::<Pod>(
                json!({ "metadata": { "name": format!("{name}-abcde-1"), "namespace": "shop", "labels": labels, "ownerReferences": owner },
                "spec": spec, "status": { "phase": "Running" } }),
            ),
        ]
    }

    mod of_sync {
        use super::*;

        /// One that reads the path of its own name, synced then.
        fn reader(name: &str, refreshed: Option<i64>) -> Object {
            let refreshed = refreshed.map(|minute| at(minute).to_string());
            object::<ExternalSecret>(json!({ "metadata": { "name": name, "namespace": "shop" },
                "spec": { "secretStoreRef": { "name": "vault" }, "data": [{ "secretKey": "k", "remoteRef": { "key": name } }] },
                "status": { "refreshTime": refreshed } }))
        }

        fn says(world: &Inventory) -> Vec<String> {
            super::super::of_sync(world, world.all::<ExternalSecret>().iter().map(AsRef::as_ref))
        }

        #[test]
        fn a_newer_value_is_told_with_the_workloads_that_reloader_restarts() {
            let mut objects = vec![reader("api", Some(10))];
            objects.extend(workload("api", true));
            let mut world = world(objects, vec![secret("api", &[])]);
            written(&mut world, "secret/api", 11);
            let told = ["A newer value is in Vault for 1 Secret.", "Reloader, where it runs, restarts 1 workload: shop/api."];
            assert_eq!(says(&world), told);
        }

        #[test]
        fn a_newer_value_that_nobody_asked_reloader_about_restarts_nothing() {
            let mut objects = vec![reader("api", Some(10))];
            objects.extend(workload("api", false));
            let mut world = world(objects, vec![secret("api", &[])]);
            written(&mut world, "secret/api", 11);
            let told = ["A newer value is in Vault for 1 Secret.", "No workload that reads one asks Reloader for a restart."];
            assert_eq!(says(&world), told);
        }

        #[test]
        fn one_that_was_read_since_it_was_written_keeps_its_value() {
            let mut world = world(vec![reader("api", Some(10))], vec![secret("api", &[])]);
            written(&mut world, "secret/api", 9);
            assert_eq!(says(&world), ["Nothing newer is in Vault for 1 Secret: the value stays."]);
        }

        #[test]
        fn one_that_was_never_synced_or_whose_secret_is_gone_is_made() {
            let world = world(vec![reader("never", None), reader("gone", Some(10))], vec![secret("other", &[])]);
            assert_eq!(says(&world), ["Made, because it was never or is not there: 2 Secrets."]);
        }

        #[test]
        fn what_vault_does_not_tell_is_not_guessed() {
            let world = world(vec![reader("api", Some(10))], vec![secret("api", &[])]);
            let told = "Vault does not tell what it has for 1 Secret: a newer value is brought, if there is one.";
            assert_eq!(says(&world), [told]);
        }

        #[test]
        fn sync_windows_are_said_not_to_hold_it_back() {
            let windowed = object::<ExternalSecret>(json!({ "metadata": { "name": "api", "namespace": "shop" },
                "spec": { "secretStoreRef": { "name": "vault" }, "data": [{ "secretKey": "k", "remoteRef": { "key": "api" } }],
                    "syncWindows": { "kind": "allow", "windows": [{ "schedule": "0 2 * * *", "duration": "1h" }] } },
                "status": { "refreshTime": at(10).to_string() } }));
            let mut world = world(vec![windowed], vec![secret("api", &[])]);
            written(&mut world, "secret/api", 9);
            let told = [
                "Nothing newer is in Vault for 1 Secret: the value stays.",
                "The sync windows of 1 ExternalSecret do not hold a forced sync back.",
            ];
            assert_eq!(says(&world), told);
        }

        #[test]
        fn many_workloads_are_counted_and_the_first_are_named() {
            let names = ["a", "b", "c", "d", "e", "f"];
            let objects = names.iter().flat_map(|name| {
                let mut here = vec![reader(name, Some(10))];
                here.extend(workload(name, true));
                here
            });
            let mut world = world(objects.collect(), names.iter().map(|name| secret(name, &[])).collect());
            for name in names {
                written(&mut world, &format!("secret/{name}"), 11);
            }
            let told = "Reloader, where it runs, restarts 6 workloads: shop/a, shop/b, shop/c, shop/d, and 2 more.";
            assert_eq!(says(&world)[1], told);
        }
    }

    mod of_upkeeps {
        use super::*;

        const TARGETS: [&str; 2] = ["api", "worker"];

        fn kept<K: Watched>(name: &str, spec: &Value, status: &Value) -> Object {
            let targets: Vec<Value> = TARGETS.iter().map(|name| json!({ "kind": "Deployment", "name": name })).collect();
            let mut all = json!({ "vaultAuthRef": "app", "mount": "secret", "type": "kv-v2", "path": name,
                "destination": { "name": name, "create": true }, "rolloutRestartTargets": targets });
            if let (Some(all), Some(spec)) = (all.as_object_mut(), spec.as_object()) {
                all.extend(spec.clone());
            }
            object::<K>(json!({ "metadata": { "name": name, "namespace": "shop" }, "spec": all, "status": status }))
        }

        /// One that said then that it is healthy.
        fn fixed(name: &str, minute: i64, spec: &Value) -> Object {
            let healthy = json!([{ "type": "Healthy", "status": "True", "lastTransitionTime": at(minute).to_string() }]);
            kept::<VaultStaticSecret>(name, spec, &json!({ "secretMAC": "x", "conditions": healthy }))
        }

        fn says(world: &Inventory) -> Vec<String> {
            let all: Vec<ObjectRef> = world.upkeeps().map(|(object, _)| object).collect();
            super::super::of_upkeeps(world, all.iter())
        }

        #[test]
        fn one_whose_value_vault_has_unchanged_is_left_untouched_and_restarts_nothing() {
            let mut world = world(vec![fixed("db", 10, &json!({}))], vec![secret("db", &[("vso", 5)])]);
            written(&mut world, "secret/db", 9);
            let told = "Nothing newer is in Vault for 1 Secret: the operator leaves it untouched, and restarts nothing for it.";
            assert_eq!(says(&world), [told]);
        }

        #[test]
        fn a_newer_value_is_written_and_restarts_every_target_by_name() {
            let mut world = world(vec![fixed("db", 10, &json!({}))], vec![secret("db", &[("vso", 5)])]);
            written(&mut world, "secret/db", 11);
            let told = "A newer value is in Vault for 1 Secret: it is written; \
                        the operator then restarts 2 workloads: shop/api, shop/worker.";
            assert_eq!(says(&world), [told]);
        }

        #[test]
        fn one_that_fails_has_read_when_it_wrote_last() {
            let failing = json!([{ "type": "Healthy", "status": "False", "lastTransitionTime": at(20).to_string() }]);
            let failing = kept::<VaultStaticSecret>("db", &json!({}), &json!({ "secretMAC": "x", "conditions": failing }));
            let mut world = world(vec![failing], vec![secret("db", &[("vso", 5)])]);
            written(&mut world, "secret/db", 11);
            assert!(says(&world)[0].starts_with("A newer value is in Vault for 1 Secret"), "its heartbeat of 20 read nothing");
        }

        #[test]
        fn a_drifted_secret_is_written_back_and_restarts_too() {
            let mut world = world(vec![fixed("db", 10, &json!({}))], vec![secret("db", &[("vso", 5), ("kubectl-edit", 8)])]);
            written(&mut world, "secret/db", 4);
            let told = "Somebody else has changed 1 Secret since: what Vault has is written back; \
                        the operator then restarts 2 workloads: shop/api, shop/worker.";
            assert_eq!(says(&world), [told]);
        }

        #[test]
        fn without_targets_it_is_said_that_nothing_restarts_by_the_operator_and_what_reloader_does() {
            let mut objects = vec![fixed("db", 10, &json!({ "rolloutRestartTargets": [] }))];
            objects.extend(workload("db", true));
            let mut world = world(objects, vec![secret("db", &[("vso", 5)])]);
            written(&mut world, "secret/db", 11);
            let told = [
                "A newer value is in Vault for 1 Secret: it is written; no workload is named to be restarted then.",
                "Reloader, where it runs, restarts 1 workload: shop/db.",
            ];
            assert_eq!(says(&world), told);
        }

        #[test]
        fn one_that_is_not_there_is_made_and_one_without_a_digest_is_written_in_any_case() {
            let blind = kept::<VaultStaticSecret>("blind", &json!({ "hmacSecretData": false }), &json!({}));
            let world = world(vec![fixed("new", 10, &json!({})), blind], vec![secret("blind", &[("vso", 5)])]);
            let told = [
                "Made, because it is not there: 1 Secret; the operator then restarts 2 workloads: shop/api, shop/worker.",
                "Written again whatever Vault has, for want of a digest (hmacSecretData: false): 1 Secret; nothing restarts.",
            ];
            assert_eq!(says(&world), told);
        }

        #[test]
        fn one_that_was_never_synced_has_no_digest_yet_and_restarts_as_a_new_one_does() {
            let never = kept::<VaultStaticSecret>("db", &json!({}), &json!({}));
            let world = world(vec![never], vec![secret("db", &[("kubectl", 5)])]);
            let told = "Written, because it was never synced: 1 Secret; \
                        the operator then restarts 2 workloads: shop/api, shop/worker.";
            assert_eq!(says(&world), [told]);
        }

        #[test]
        fn what_vault_does_not_tell_is_not_guessed_and_one_that_is_pinned_does_not_move() {
            let pinned = fixed("pinned", 10, &json!({ "version": 1 }));
            let mut world = world(
                vec![fixed("db", 10, &json!({})), pinned],
                vec![secret("db", &[("vso", 5)]), secret("pinned", &[("vso", 5)])],
            );
            written(&mut world, "secret/pinned", 11);
            let told = [
                "Nothing newer is in Vault for 1 Secret: the operator leaves it untouched, and restarts nothing for it.",
                "Vault does not tell what it has for 1 Secret: if that is newer it is written; \
                 the operator then restarts 2 workloads: shop/api, shop/worker.",
            ];
            assert_eq!(says(&world), told);
        }

        #[test]
        fn what_is_issued_is_issued_anew_unless_vault_rotates_it_itself() {
            let leased = kept::<VaultDynamicSecret>("leased", &json!({}), &json!({}));
            let rotated = kept::<VaultDynamicSecret>("rotated", &json!({ "allowStaticCreds": true }), &json!({}));
            let certificate = kept::<VaultPKISecret>("tls", &json!({ "rolloutRestartTargets": [] }), &json!({}));
            let world = world(vec![leased, rotated, certificate], vec![secret("leased", &[]), secret("rotated", &[])]);
            let told = [
                "Vault rotates the credentials of 1 Secret itself: no lease is issued, and if it has rotated them they are written; \
                 the operator then restarts 2 workloads: shop/api, shop/worker.",
                "A new lease is issued for 1 VaultDynamicSecret: the old credentials are replaced; \
                 the operator then restarts 2 workloads: shop/api, shop/worker.",
                "A new certificate is issued for 1 VaultPKISecret: the old one and its key are replaced; \
                 no workload is named to be restarted then.",
            ];
            assert_eq!(says(&world), told);
        }
    }
}
