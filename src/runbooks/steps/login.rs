//! The login of stores is mended where its checklist says how: the configuration of the method, a role's bindings, the
//! right to review tokens. What needs a decision is said and left. The stores prove it, in the step after.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::each::{self, Aside, Each, Effect, Task};
use super::{asking, by_name, counted, external_secrets_of, stores_of, unseen};
use crate::diagnosis::login::{Mending, Remedy, mending};
use crate::model::kinds::Watched as _;
use crate::model::vault::AuthConfig;
use crate::model::{Inventory, ObjectRef, Text, VaultServer};
use crate::runbooks::operation::IN_CLUSTER;
use crate::runbooks::{
    AuthMethod, KubernetesWrite, Next, Operation, Preview, Progress, Right, StepDef, Target, VaultChange, VaultRight, VaultWrite,
};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "login",
    explanation: "Goes through the checklist of each login that fails and mends what it names: configuration, role or the right to review tokens.",
    git: StepDef::NOT_IN_GIT,
    next,
    items: |target, world, progress| EACH.items(&plan(target, world, progress).tasks, progress),
};

const EACH: Each = Each {
    id: "login",
    noun: "change",
    done: "made; the stores prove it",
    awaited: "to reach every replica (up to 30 s)",
    patience: 60,
    at_once: 1,
    nothing: "No login of a store fails at a Vault that is open.",
};

fn next(target: &Target, world: &Inventory, progress: &Progress) -> Next {
    let plan = plan(target, world, progress);
    if plan.is_unasked
        && let Some(wait) = asking(progress, STEP.id, "how the logins stand")
    {
        return wait;
    }
    // What mends a login that one may not look into is not known: the right to look is named.
    if plan.tasks.is_empty()
        && let Some(refused) = unseen(progress, plan.unread.into_iter())
    {
        return refused;
    }
    EACH.next_beside(plan.by_hand, &plan.tasks, progress, |open| preview(open, plan.differences))
}

struct Plan {
    tasks: Vec<Task>,
    /// What needs a decision: stores, each with a sentence.
    by_hand: Aside,
    /// What is changed, line by line, for each method.
    differences: Vec<String>,
    /// Whether a Vault was not yet asked about a login that fails.
    is_unasked: bool,
    /// What your token may not read of logins that a person would have to mend.
    unread: Vec<Right>,
}

fn plan(target: &Target, world: &Inventory, progress: &Progress) -> Plan {
    let mut plan =
        Plan { tasks: Vec::new(), by_hand: Vec::new(), differences: Vec::new(), is_unasked: false, unread: Vec::new() };
    let mut wanted: BTreeMap<ObjectRef, Operation> = BTreeMap::new();
    let mut methods = Vec::new();
    for store in stores_of(target, world) {
        let (Some(server), Some(found)) = (world.vault_of(store), mending(world, store, progress.now)) else { continue };
        plan.is_unasked |= !found.is_asked;
        if let Remedy::ByHand(why) = &found.remedy {
            plan.by_hand.push((store.store_ref(), why.clone()));
            plan.unread.extend(unread(world, server, &found));
            continue;
        }
        let Some(operation) = operation(world, server, &found) else {
            plan.by_hand.push((store.store_ref(), "no replica of its Vault takes writes now".to_owned()));
            continue;
        };
        // Twenty stores behind one method are one change.
        match wanted.entry(operation.object().clone()) {
            Entry::Vacant(place) => {
                methods.push((found, place.key().clone()));
                place.insert(operation);
            }
            Entry::Occupied(mut known) => join(known.get_mut(), &operation),
        }
    }
    plan.differences = methods.iter().flat_map(|(found, object)| differences(found, wanted.get(object))).collect();
    // What was done stays on the list when the login is mended.
    for applied in progress.of_step(STEP.id) {
        wanted.insert(applied.operation.object().clone(), applied.operation.clone());
    }
    let stores = stores_of(target, world).into_iter().map(|store| Right::annotate(&store.store_ref()));
    let read = external_secrets_of(target, world).into_iter().map(|es| Right::annotate(&es.object_ref()));
    let follows: BTreeSet<Right> = stores.chain(read).collect();
    plan.tasks.extend(wanted.into_values().map(|operation| {
        let done = progress.last(STEP.id, operation.object()).filter(|applied| applied.result.is_ok());
        let everywhere = done.is_some_and(|applied| {
            let passed = progress.now.as_second() - applied.at.as_second();
            !is_late_elsewhere(world, &operation) || passed >= STANDBYS
        });
        let effect = if everywhere { Effect::Proved("made".to_owned()) } else { Effect::None };
        Task::new(operation, effect).followed_by(follows.iter().cloned().collect())
    }));
    plan
}

/// After how many seconds every standby uses a new configuration of an auth method: it looks that often (measured on
/// `OpenBao` 2.7.2 and HashiCorp Vault 1.21.4). Until then a login that comes to it is refused, and so a store flaps.
const STANDBYS: i64 = 31;

/// Whether some replica uses this change later than the one that took it.
fn is_late_elsewhere(world: &Inventory, operation: &Operation) -> bool {
    match operation {
        Operation::Vault(VaultWrite { server, change: VaultChange::Configure { .. }, .. }) => {
            world.vaults.get(server).is_some_and(|server| server.replicas.len() > 1)
        }
        _ => false,
    }
}

fn operation(world: &Inventory, server: &VaultServer, found: &Mending) -> Option<Operation> {
    let change = match &found.remedy {
        Remedy::Delegate(account) => return Some(Operation::Kubernetes(KubernetesWrite::Delegate { account: account.clone() })),
        Remedy::Configure => VaultChange::Configure { method: method(found, found.method.clone()) },
        Remedy::Bind(accounts, namespaces) => VaultChange::Bind {
            method: method(found, server.address.path_ref(&Text::foreign(&role_path(found)))),
            role: found.login.role.clone(),
            accounts: accounts.clone(),
            namespaces: namespaces.clone(),
        },
        Remedy::ByHand(_) => return None,
    };
    Some(Operation::Vault(VaultWrite::new(server.address.clone(), server.active()?, change).in_world(world)))
}

/// The right to read what could not be read of a login.
fn unread(world: &Inventory, server: &VaultServer, found: &Mending) -> Option<Right> {
    let (path, replica) = (found.unread.as_ref()?, server.active()?);
    let path = method(found, found.method.clone()).path(path);
    let (server, namespace) = (server.address.clone(), found.login.namespace.clone());
    let port = world.pod_port(&server, &replica.name);
    Some(Right::Vault(VaultRight { server, replica, port, namespace, path, any_of: &["read"] }))
}

fn method(found: &Mending, object: ObjectRef) -> AuthMethod {
    AuthMethod { object, namespace: found.login.namespace.clone(), mount: found.login.mount.clone() }
}

/// Two roles of one method are two changes.
fn role_path(found: &Mending) -> String {
    format!("auth/{}/role/{}", found.login.mount.as_str().trim_matches('/'), found.login.role)
}

/// Two stores with one role want one change of it, with what both need.
fn join(known: &mut Operation, other: &Operation) {
    let (
        Operation::Vault(VaultWrite { change: VaultChange::Bind { accounts, namespaces, .. }, .. }),
        Operation::Vault(VaultWrite { change: VaultChange::Bind { accounts: more, namespaces: further, .. }, .. }),
    ) = (known, other)
    else {
        return;
    };
    for (all, new) in [(accounts, more), (namespaces, further)] {
        let missing: Vec<Text> = new.iter().filter(|name| !all.contains(name)).cloned().collect();
        all.extend(missing);
    }
}

/// What a change changes, old beside new.
fn differences(found: &Mending, operation: Option<&Operation>) -> Vec<String> {
    let bound = match operation {
        Some(Operation::Vault(VaultWrite { change: VaultChange::Bind { accounts, namespaces, .. }, .. })) => {
            Some((accounts, namespaces))
        }
        _ => None,
    };
    match &found.remedy {
        Remedy::Configure => changed(found.config.as_ref()),
        Remedy::Bind(accounts, namespaces) => {
            let (accounts, namespaces) = bound.unwrap_or((accounts, namespaces));
            let list = |names: &[Text]| names.iter().map(Text::as_str).collect::<Vec<_>>().join(", ");
            let beside = |new: &[Text], old: Option<&Vec<Text>>| match old.filter(|old| old.as_slice() != new) {
                Some(old) if old.is_empty() => format!("{} (now none)", list(new)),
                Some(old) => format!("{} (now {})", list(new), list(old)),
                None => list(new),
            };
            let role = found.role.as_ref();
            vec![format!(
                "The role “{}” binds the accounts {} in the namespaces {}.",
                found.login.role,
                beside(accounts, role.map(|role| &role.accounts)),
                beside(namespaces, role.map(|role| &role.namespaces))
            )]
        }
        Remedy::Delegate(account) => vec![format!("{account} gets the ClusterRole system:auth-delegator, and nothing else.")],
        Remedy::ByHand(_) => Vec::new(),
    }
}

/// Each field of a configuration that gets another value.
fn changed(config: Option<&AuthConfig>) -> Vec<String> {
    let Some(config) = config else {
        return vec!["What is configured now cannot be read; it is replaced by the form of a Vault in a pod.".to_owned()];
    };
    let now = |field: &str| match field {
        "kubernetes_ca_cert" => "what is set".to_owned(),
        "kubernetes_host" => config.host.to_string(),
        "disable_iss_validation" => config.issuer_is_off.to_string(),
        "disable_local_ca_jwt" => config.local_is_off.to_string(),
        "issuer" => config.issuer.to_string(),
        "token_reviewer_jwt" => if config.reviewer { "(set)" } else { "" }.to_owned(),
        "pem_keys" => {
            if config.pem_keys.is_empty() {
                "[]".to_owned()
            } else {
                counted(config.pem_keys.len(), "key")
            }
        }
        _ => String::new(),
    };
    let shown = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
    let lines = IN_CLUSTER.iter().filter_map(|(field, value)| {
        let (old, new) = (now(field), value.trim_matches('"'));
        (old != new).then(|| format!("{field}: {} -> {}", shown(&old), shown(new)))
    });
    lines.collect()
}

fn preview(open: &[&Task], differences: Vec<String>) -> Preview {
    let base = each::preview(open);
    let configures = open
        .iter()
        .any(|task| matches!(&task.operation, Operation::Vault(VaultWrite { change: VaultChange::Configure { .. }, .. })));
    let forecast: &[&str] = if configures { &CONFIGURED } else { &[] };
    Preview {
        exact: true,
        will: differences,
        will_not: vec!["No policy, role or token is removed; no pod is restarted.".to_owned()],
        forecast: forecast.iter().map(ToString::to_string).collect(),
        confirm: by_name(&base.objects, EACH.noun),
        ..base
    }
}

/// What follows when a method gets another configuration.
const CONFIGURED: [&str; 3] = [
    "A standby uses it up to 30 s later: this waits for that, or a store would flap.",
    "Writing the configuration replaces all of it: a reviewer's token that was set by hand is dropped, and the pod's own is used.",
    "What set it up (a bootstrap Job, Terraform) may write it back: change it there too.",
];
