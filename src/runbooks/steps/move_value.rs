//! A generated value moves to Vault. First the generator is stopped; then the present value is written there, from the Secret
//! and to a path where nothing stands (`cas=0`); it goes from gateway to gateway and is not seen. Then the `ExternalSecret`
//! reads it from there. The proof is the hash of the Secret's data: the same as before.
//!
//! Whatever refuses one of the three is looked at before the first: a generator that is stopped for a move that cannot be
//! done is worse than one that is left alone.

use serde::Serialize;

use super::each::{Aside, Each, Effect, Task, preview};
use super::reverted::{Stays, stays, told};
use super::{by_name, external_secrets_of, keep_value, lacks};
use crate::model::gitops::SpecField;
use crate::model::kinds::external_secret::RefreshPolicy;
use crate::model::kinds::{ExternalSecret, Secret, SecretStore, Watched as _};
use crate::model::{Health, Inventory, ObjectRef, VaultAddress};
use crate::runbooks::commit::{manifest, place, terraform};
use crate::runbooks::{
    Applied, Commit, KubernetesWrite, KvPath, Next, Operation, Preview, Progress, Right, StepDef, Target, Vacancy, VaultChange,
    VaultWrite,
};

/// Stops the generator of what can be moved, and of nothing else.
pub const STOP: StepDef = StepDef {
    id: keep_value::STEP.id,
    explanation: "Looks whether anything refuses the move; then sets refreshPolicy: CreatedOnce, so that no new value is made meanwhile.",
    git: keep_value::STEP.git,
    next: |target, world, progress| {
        let (tasks, by_hand) = stops(target, world, progress);
        keep_value::ask(by_hand, &tasks, world, progress)
    },
    items: |target, world, progress| keep_value::items(&stops(target, world, progress).0, progress),
};

/// Writes the present value to Vault.
pub const COPY: StepDef = StepDef {
    id: "copy",
    explanation: "Writes the present value of each Secret to a new path of Vault. It goes from the API server to Vault and is not shown.",
    git: |target, world, progress| commits(target, world, progress, path_in_git),
    next: |target, world, progress| next(&COPYING, target, world, progress, copy),
    items: |target, world, progress| COPYING.items(&tasks(target, world, progress, copy).0, progress),
};

/// Has the `ExternalSecret` read it from there.
pub const SWITCH: StepDef = StepDef {
    id: "switch",
    explanation: "Has each ExternalSecret read that path in place of its generator, and compares the hash of the Secret's data with the one before.",
    git: |target, world, progress| commits(target, world, progress, spec_in_git),
    next: |target, world, progress| next(&SWITCHING, target, world, progress, switch),
    items: |target, world, progress| SWITCHING.items(&tasks(target, world, progress, switch).0, progress),
};

const COPYING: Each = Each {
    id: "copy",
    noun: "value",
    done: "written to Vault",
    awaited: "to be written",
    patience: 30,
    at_once: 1,
    nothing: "None of them has a generator.",
};

const SWITCHING: Each = Each {
    id: "switch",
    noun: "ExternalSecret",
    done: "read from Vault, the value unchanged",
    awaited: "to be synced",
    patience: 90,
    at_once: 1,
    nothing: "There is nothing to switch.",
};

/// What is moved, from where to where.
struct Move<'a> {
    es: &'a ExternalSecret,
    secret: &'a Secret,
    key: String,
    store: &'a SecretStore,
    path: KvPath,
    server: VaultAddress,
    replica: ObjectRef,
}

type MakeTask = fn(&Move<'_>, &Inventory, &Progress) -> Task;

fn next(each: &Each, target: &Target, world: &Inventory, progress: &Progress, make: MakeTask) -> Next {
    let (tasks, by_hand) = tasks(target, world, progress, make);
    each.next_beside(by_hand, &tasks, progress, |open| {
        let base = preview(open);
        Preview {
            exact: true,
            will: open.iter().map(|task| said(&task.operation)).collect(),
            will_not: vec![
                "No value is shown, made anew or put into an argument.".to_owned(),
                "Nothing that stands in Vault is replaced: where the path exists already, nothing is written (cas=0).".to_owned(),
            ],
            forecast: forecast(target, world),
            confirm: by_name(&base.objects, each.noun),
            ..base
        }
    })
}

/// What the switch writes.
const TOUCHED: &[SpecField] = &[SpecField::DataFrom, SpecField::Data, SpecField::SecretStoreRef, SpecField::RefreshPolicy];

fn forecast(target: &Target, world: &Inventory) -> Vec<String> {
    let deployed: Vec<ObjectRef> = external_secrets_of(target, world).into_iter().map(ExternalSecret::object_ref).collect();
    let mut says = vec![
        "If the manifest stands in Git, put the same spec.data and secretStoreRef there, and take dataFrom out, or the next sync brings the generator back: the YAML is shown at the end.".to_owned(),
    ];
    says.extend(told(world, deployed.iter(), TOUCHED));
    says
}

fn said(operation: &Operation) -> String {
    match operation {
        Operation::Vault(VaultWrite { change: VaultChange::MoveValue { path, property, from, key, .. }, .. }) => {
            format!("Write “{key}” of {from} as “{property}” to {}.", path.object.name)
        }
        Operation::Kubernetes(KubernetesWrite::ReadVault { external_secret, store, remote, property, .. }) => {
            format!("{external_secret} reads “{property}” of {remote} through {}, and has no generator any more.", store.short())
        }
        other => other.command(),
    }
}

fn tasks(target: &Target, world: &Inventory, progress: &Progress, make: MakeTask) -> (Vec<Task>, Aside) {
    let (mut tasks, mut by_hand) = (Vec::new(), Vec::new());
    for es in external_secrets_of(target, world) {
        let object = es.object_ref();
        let begun = progress.applied.iter().any(|applied| *applied.operation.object() == object);
        if !es.rotates() && !begun {
            continue;
        }
        let reverted = match stays(world, es, TOUCHED) {
            Stays::No(why) if progress.last(SWITCHING.id, &object).is_none() => Some(why),
            _ => None,
        };
        match reverted.map_or_else(|| of(es, world, progress), Err) {
            Ok(one) => tasks.push(make(&one, world, progress)),
            Err(why) => by_hand.push((object, why)),
        }
    }
    (tasks, by_hand)
}

fn of<'a>(es: &'a ExternalSecret, world: &'a Inventory, progress: &Progress) -> Result<Move<'a>, String> {
    let object = es.object_ref();
    if progress.last(SWITCHING.id, &object).is_none() {
        if !es.remote.is_empty() {
            return Err("it reads a Vault beside its generator: move it by hand".to_owned());
        }
        // A template is applied to what is read: what stands in the Secret went through it once already.
        if es.templated || es.creation_policy.as_str() != "Owner" {
            return Err("it has a template, or does not own its Secret: move it by hand".to_owned());
        }
    }
    let target = es.target_ref();
    let secret = world.get::<Secret>(&target).ok_or_else(|| format!("its {target} cannot be seen"))?;
    let keys = secret.keys();
    let [key] = keys.as_slice() else {
        return Err(format!("its Secret has {} keys, and only one can be moved by this", keys.len()));
    };
    let store = store(es, world).ok_or("no Ready store of a KV v2 mount is there that it could read through")?;
    let vault = store.vault.as_ref().ok_or("its store reads no Vault")?;
    let server = world.vault_of(store).ok_or("its Vault is not known")?;
    let replica = server.active().ok_or("no replica of its Vault takes writes now")?;
    // Namespaces that share a mount do not share a path.
    let place = format!("{}/{}", es.meta.namespace, es.target);
    let path = KvPath {
        object: vault.address.path_ref(&vault.path_of(&place)),
        namespace: vault.namespace.clone(),
        mount: vault.mount.clone(),
        key: place,
    };
    let one = Move { es, secret, key: key.to_string(), store, path, server: vault.address.clone(), replica };
    let port = world.pod_port(&one.server, &one.replica.name);
    let vacant = Right::Vacant(Vacancy::of((&one.server, &one.replica, port), &one.path));
    if copied(&one, progress).is_none() && lacks(progress, &vacant) {
        return Err(format!("something stands at {} already, and is not replaced: move it by hand", one.path.object.name));
    }
    Ok(one)
}

/// The store of its namespace, or one for all that the namespace reads through already, and so may; the one that most do.
fn store<'a>(es: &ExternalSecret, world: &'a Inventory) -> Option<&'a SecretStore> {
    let near = |store: &&SecretStore| {
        let reads = |reader: &std::sync::Arc<ExternalSecret>| {
            reader.meta.namespace == es.meta.namespace && reader.health() == Health::Healthy
        };
        store.meta.namespace == es.meta.namespace
            || store.meta.namespace.is_empty() && world.readers_of(&store.store_ref()).any(reads)
    };
    let fits = |store: &&SecretStore| {
        let kv2 = store.vault.as_ref().is_some_and(|vault| vault.version.as_str() != "v1" && !vault.mount.is_empty());
        store.health() == Health::Healthy && kv2 && !store.is_referent()
    };
    let of_namespace = |store: &&SecretStore| !store.meta.namespace.is_empty();
    world
        .stores()
        .filter(near)
        .filter(fits)
        .max_by_key(|store| (of_namespace(store), world.readers_of(&store.store_ref()).count()))
}

fn stops(target: &Target, world: &Inventory, progress: &Progress) -> (Vec<Task>, Aside) {
    let (mut tasks, mut by_hand) = tasks(target, world, progress, stop);
    // What was stopped stays on the list, whatever refuses the rest by now.
    by_hand.retain(|(object, _)| {
        let stopped = progress.last(STOP.id, object).and_then(|_| world.get::<ExternalSecret>(object));
        tasks.extend(stopped.map(|es| keep_value::task(es, world, progress)));
        stopped.is_none()
    });
    (tasks, by_hand)
}

fn stop(one: &Move<'_>, world: &Inventory, progress: &Progress) -> Task {
    let is_stopped = one.es.policy == RefreshPolicy::CreatedOnce && progress.last(STOP.id, &one.es.object_ref()).is_none();
    let task = if is_stopped {
        let task = keep_value::task(one.es, world, progress);
        Task::new(task.operation, Effect::LeftOut("it makes no new value any more".to_owned()))
    } else {
        keep_value::task(one.es, world, progress)
    };
    let after = [copy(one, world, progress), switch(one, world, progress)];
    task.needing(after.iter().flat_map(Task::rights).collect())
}

fn copy(one: &Move<'_>, world: &Inventory, progress: &Progress) -> Task {
    let change = VaultChange::MoveValue {
        path: one.path.clone(),
        property: one.key.clone(),
        version: 0,
        store: one.store.store_ref(),
        from: one.secret.object_ref(),
        key: one.key.clone(),
    };
    let write = VaultWrite::new(one.server.clone(), one.replica.clone(), change).in_world(world);
    let operation = copied(one, progress).map_or(Operation::Vault(write), |applied| applied.operation.clone());
    let effect = if is_written(one, progress) { Effect::Proved("version 1 is there".to_owned()) } else { Effect::None };
    Task::new(operation, effect).needing(switch(one, world, progress).rights().collect())
}

/// The write of this value to a Vault, as far as it left.
fn copied<'a>(one: &Move<'_>, progress: &'a Progress) -> Option<&'a Applied> {
    let secret = one.secret.object_ref();
    progress.of_step(COPYING.id).rfind(|applied| {
        matches!(&applied.operation, Operation::Vault(VaultWrite { change: VaultChange::MoveValue { from, .. }, .. }) if *from == secret)
    })
}

/// Whether the value stands in Vault by now.
fn is_written(one: &Move<'_>, progress: &Progress) -> bool {
    copied(one, progress).is_some_and(|applied| applied.result.is_ok())
}

/// Through which store the value is to be read, and where: what was written, and not what would be chosen now.
fn read_from(one: &Move<'_>, progress: &Progress) -> (ObjectRef, String) {
    match copied(one, progress).filter(|applied| applied.result.is_ok()).map(|applied| &applied.operation) {
        Some(Operation::Vault(VaultWrite { change: VaultChange::MoveValue { store, path, .. }, .. })) => {
            (store.clone(), path.key.clone())
        }
        _ => (one.store.store_ref(), one.path.key.clone()),
    }
}

fn switch(one: &Move<'_>, _: &Inventory, progress: &Progress) -> Task {
    let object = one.es.object_ref();
    let applied = progress.last(SWITCHING.id, &object);
    let written = is_written(one, progress);
    let operation = applied.map_or_else(
        || {
            let (store, remote) = read_from(one, progress);
            Operation::Kubernetes(KubernetesWrite::ReadVault {
                external_secret: object.clone(),
                store,
                remote,
                property: one.key.clone(),
                secret_key: one.key.clone(),
                data_hash: one.secret.data_hash.clone(),
            })
        },
        |applied| applied.operation.clone(),
    );
    if !written {
        return Task::new(operation, Effect::LeftOut("its value was not written to Vault".to_owned()));
    }
    let effect = match (&operation, progress.counts_from(SWITCHING.id, &object)) {
        (Operation::Kubernetes(KubernetesWrite::ReadVault { data_hash, .. }), Some(since)) => {
            let synced = one.es.health() == Health::Healthy
                && one.es.synced_current
                && !one.es.rotates()
                && one.es.refreshed.is_some_and(|at| at >= since);
            match (synced, one.secret.data_hash == *data_hash) {
                (true, true) => Effect::Proved("read from Vault; the hash of the data is the same".to_owned()),
                (true, false) => Effect::Failed("it reads Vault, and the value is another one than before".to_owned()),
                (false, _) => Effect::None,
            }
        }
        _ => Effect::None,
    };
    Task::new(operation, effect)
}

type MakeCommit = fn(&Inventory, &Move<'_>, &Progress) -> Commit;

/// What is to be committed, also where a live change would be reverted: it is the same.
fn commits(target: &Target, world: &Inventory, progress: &Progress, make: MakeCommit) -> Vec<Commit> {
    let begun = |es: &&ExternalSecret| progress.last(SWITCHING.id, &es.object_ref()).is_some();
    let concerned =
        external_secrets_of(target, world).into_iter().filter(|es| es.parent().is_none() && (es.rotates() || begun(es)));
    concerned.filter_map(|es| Some(make(world, &of(es, world, progress).ok()?, progress))).collect()
}

/// The path, as Terraform keeps it.
fn path_in_git(_: &Inventory, one: &Move<'_>, progress: &Progress) -> Commit {
    let value = if is_written(one, progress) {
        "The value stands there already: hand the same one over, and do not import the path."
    } else {
        "Nothing was written to Vault: its value is to be the present one of the Secret, handed over unseen."
    };
    let says = vec![
        value.to_owned(),
        "It is not in Git: Terraform takes it as a variable and, written so, keeps it nowhere.".to_owned(),
    ];
    let place = format!("where the paths of {} are kept, if Terraform keeps them", one.server.host_port());
    Commit { object: one.path.object.clone(), place, says, snippets: vec![terraform(&one.path, &one.key)] }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reads<'a> {
    refresh_policy: &'static str,
    secret_store_ref: Store<'a>,
    data: [Datum<'a>; 1],
    data_from: Option<()>,
}

#[derive(Serialize)]
struct Store<'a> {
    kind: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Datum<'a> {
    secret_key: &'a str,
    remote_ref: Remote<'a>,
}

#[derive(Serialize)]
struct Remote<'a> {
    key: &'a str,
    property: &'a str,
}

/// The spec that reads the path.
fn spec_in_git(world: &Inventory, one: &Move<'_>, progress: &Progress) -> Commit {
    let (object, (store, remote)) = (one.es.object_ref(), read_from(one, progress));
    let spec = Reads {
        refresh_policy: "Periodic",
        secret_store_ref: Store { kind: store.kind.as_str(), name: store.name.as_str() },
        data: [Datum { secret_key: &one.key, remote_ref: Remote { key: &remote, property: &one.key } }],
        data_from: None,
    };
    let says = vec![
        "Commit it only when the path holds the value: before that the Secret is not synced.".to_owned(),
        "null stands for: take dataFrom out.".to_owned(),
    ];
    let snippets = vec![manifest(&object, spec)];
    Commit { place: place(world, &object, &one.es.meta), object, says, snippets }
}
