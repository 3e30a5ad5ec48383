//! Pictures of the engine, as it would publish them.

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use sealwatch::diagnosis::diagnose;
use sealwatch::engine::config::PolicyName;
use sealwatch::engine::run::{RunResult, StepView};
use sealwatch::engine::{Policy, RunState, RunView, Snapshot, StepState};
use sealwatch::model::{Fault, FaultKind, Inventory, Kind, ObjectRef, Text};
use sealwatch::ports::{Identity, Scope};
use sealwatch::runbooks::{Aim, Applied, Confirm, Item, ItemState, Operation, Outcome, Preview, Receipt, StepReport, runbook};

use super::worlds::{Fares, at, town};

/// A picture of this world, on a cluster called `context`.
pub(crate) fn picture(world: Inventory, now: Timestamp, context: &str, policy: Policy) -> Snapshot {
    let diagnosis = Arc::new(diagnose(&world, now));
    Snapshot {
        identity: Identity {
            context: Text::foreign(context),
            server: Text::foreign("https://10.0.0.1:6443"),
            user: Text::foreign("oncall@sre"),
            cluster_uid: Text::foreign("7c1f"),
            insecure: false,
            aim: Aim::context(Text::foreign(context)),
        },
        world: Arc::new(world),
        diagnosis,
        told_at: Some(0),
        asked_at: Some(0),
        ..Snapshot::empty(now, Scope::Everywhere, policy)
    }
}

/// Production, under break-glass.
pub(crate) fn production() -> Policy {
    Policy { name: PolicyName::BreakGlass, configured: true, production: true, unseal: false, shares_secret: None }
}

/// The first second of the incident.
pub(crate) fn sealed() -> Snapshot {
    static MADE: LazyLock<Snapshot> = LazyLock::new(|| of_town(Fares::Sealed));
    MADE.clone()
}

/// All is well.
pub(crate) fn healthy() -> Snapshot {
    static MADE: LazyLock<Snapshot> = LazyLock::new(|| of_town(Fares::Well));
    MADE.clone()
}

fn of_town(fares: Fares) -> Snapshot {
    let (world, now) = town(fares);
    picture(world, now, "prod-weu", production())
}

/// The middle of the recovery: the fourth step runs.
pub(crate) fn healing() -> Snapshot {
    static MADE: LazyLock<Snapshot> = LazyLock::new(|| of_town(Fares::Healing));
    let mut snapshot = MADE.clone();
    snapshot.writes.open = true;
    snapshot.writes.until = Some(at("03:08:30"));
    snapshot.run = Some(Arc::new(recovering(&snapshot)));
    snapshot
}

/// Before the first list.
pub(crate) fn loading() -> Snapshot {
    Snapshot::empty(at("02:40:07"), Scope::Everywhere, Policy::default())
}

/// The API server went away two minutes ago.
pub(crate) fn offline() -> Snapshot {
    let (world, _) = town(Fares::Sealed);
    let mut snapshot = picture(world, at("02:42:11"), "prod-weu", production());
    let fault = Fault::new(FaultKind::Tcp, "connection refused by https://10.0.0.1:6443.")
        .hinted("Is the VPN up? It is tried again every 5 s.");
    snapshot.offline = Some(fault);
    snapshot
}

/// External Secrets is not installed, and Secrets may not be listed.
pub(crate) fn half_blind() -> Snapshot {
    use sealwatch::model::Change;
    let (mut world, now) = town(Fares::Well);
    let forbidden = Fault::new(FaultKind::Forbidden, "You may not list secrets at the cluster scope (403).")
        .hinted("Ask for get, list and watch on secrets (metadata is enough), or name a namespace with -n.");
    world.apply(Change::Lost(Kind::Secret.into(), forbidden), now);
    let absent = Fault::new(FaultKind::NotFound, "This cluster serves no externalsecrets.external-secrets.io (404).")
        .hinted("Is External Secrets installed here?");
    world.apply(Change::Lost(Kind::ExternalSecret.into(), absent), now);
    picture(world, now, "kind-dev", Policy::default())
}

/// A run of `recover` that asks `preview` at this step.
pub(crate) fn asking(mut snapshot: Snapshot, step: usize, preview: Preview) -> Snapshot {
    let mut run = recovering(&snapshot);
    run.started = snapshot.now;
    run.applied.clear();
    for (number, view) in run.steps.iter_mut().enumerate() {
        view.items.clear();
        if number >= step {
            view.state = if number == step { StepState::Runs } else { StepState::Next };
            view.started = (number == step).then_some(snapshot.now);
            view.ended = None;
            view.report = None;
        }
    }
    run.state = RunState::Asks(preview);
    snapshot.run = Some(Arc::new(run));
    snapshot
}

/// A preview that asks for this.
pub(crate) fn preview(confirm: Confirm) -> Preview {
    Preview {
        exact: false,
        will: vec!["Annotate 51 ExternalSecrets that failed, and prove that each is synced.".to_owned()],
        will_not: vec![
            "11 ExternalSecrets left out: a refresh makes a new password.".to_owned(),
            "Those that are synced are not touched.".to_owned(),
        ],
        forecast: vec!["Where Vault holds a newer value, the Secret gets it; its data-hash changes then.".to_owned()],
        commands: vec![
            "kubectl annotate externalsecret -n orders db-0 force-sync=1790412451 --overwrite".to_owned(),
            "kubectl annotate externalsecret -n orders db-1 force-sync=1790412451 --overwrite".to_owned(),
        ],
        objects: (0..51).map(|n| ObjectRef::new(Kind::ExternalSecret, "orders", format!("db-{n}").as_str())).collect(),
        confirm,
    }
}

/// The run that shares are asked in.
pub(crate) fn share() -> Confirm {
    Confirm::Share { secret: Some(ObjectRef::new(Kind::Secret, "vault", "vault-auto-credentials")) }
}

fn recovering(snapshot: &Snapshot) -> RunView {
    let recover = runbook("recover").expect("it exists");
    let done = |outcome, summary: &str| Some(StepReport::new(outcome, summary));
    let times = [("02:41:29", "02:41:31"), ("02:41:31", "02:45:50"), ("02:45:52", "02:46:12"), ("02:46:14", "")];
    let reports = [
        done(Outcome::Proved, "External Secrets v2.9.0 runs and leads; every right is there."),
        done(Outcome::Proved, "3 replicas unsealed; 3 of 3 open, vault-0 leads."),
        done(Outcome::Proved, "8 of 8 stores Ready, each validated after the annotation."),
    ];
    let mut steps: Vec<StepView> = recover
        .steps
        .iter()
        .map(|step| StepView {
            id: step.id,
            explanation: step.explanation,
            state: StepState::Next,
            started: None,
            ended: None,
            report: None,
            items: Vec::new(),
            commits: Vec::new(),
        })
        .collect();
    for (number, (start, end)) in times.into_iter().enumerate() {
        steps[number].started = Some(at(start));
        match reports.get(number) {
            Some(report) => {
                steps[number].ended = Some(at(end));
                steps[number].report.clone_from(report);
                steps[number].state = StepState::Ended(Outcome::Proved);
            }
            None => steps[number].state = StepState::Runs,
        }
    }
    steps[3].items = items();
    let annotate = |name: &str| Applied {
        step: "external-secrets",
        operation: Operation::annotate(
            ObjectRef::new(Kind::ExternalSecret, "orders", name),
            "force-sync",
            "1795661174".to_owned(),
        ),
        at: at("02:47:10"),
        result: Ok(Receipt::default()),
    };
    RunView {
        runbook: "recover",
        title: recover.title,
        target: "vault/vault".to_owned(),
        started: at("02:41:29"),
        ended: None,
        state: RunState::Running { waiting: Some("187 of 222 proved, 3 in flight".to_owned()) },
        steps,
        applied: vec![annotate("db-3"), annotate("db-4")],
        answers: 0,
        taken_up: None,
        withdrawn: 0,
        notice: snapshot.run.as_ref().and_then(|run| run.notice.clone()),
    }
}

fn items() -> Vec<Item> {
    let item = |namespace: &str, name: String, state, note: &str| Item {
        object: ObjectRef::new(Kind::ExternalSecret, namespace, name.as_str()),
        state,
        note: note.to_owned(),
    };
    let mut items = vec![
        item("payments", "stripe-0".to_owned(), ItemState::Failed, "Secret does not exist: secret/payments/stripe-0"),
        item("payments", "smtp-0".to_owned(), ItemState::Failed, "Secret does not exist: secret/payments/smtp-0"),
    ];
    items.extend((0..187).map(|n| item("orders", format!("db-{n}"), ItemState::Proved, "")));
    items.extend((0..3).map(|n| item("web", format!("session-{n}"), ItemState::Applied, "2s")));
    items.extend((3..33).map(|n| item("web", format!("session-{n}"), ItemState::Queued, "")));
    items
        .extend((0..11).map(|n| item("platform", format!("password-{n}"), ItemState::LeftOut, "a refresh makes a new password")));
    items
}

/// A run that is over.
pub(crate) fn recovered() -> Snapshot {
    let mut snapshot = healing();
    let mut run = recovering(&snapshot);
    run.state = RunState::Over(RunResult::Proved);
    run.ended = Some(at("02:48:01"));
    let synced = "220 of 222 ExternalSecrets synced and proved, 2 failed of another cause, 11 left out.";
    let nothing = "Nothing of the Vault Secrets Operator is concerned.";
    for (number, (start, end, outcome, summary)) in [
        (3, ("02:46:14", "02:47:58", Outcome::Proved, synced)),
        (4, ("02:47:58", "02:47:58", Outcome::Nothing, nothing)),
        (5, ("02:47:58", "02:48:01", Outcome::Proved, "3 pods that could not start run now.")),
    ] {
        run.steps[number].started = Some(at(start));
        run.steps[number].ended = Some(at(end));
        run.steps[number].state = StepState::Ended(outcome);
        run.steps[number].report = Some(StepReport::new(outcome, summary));
    }
    snapshot.run = Some(Arc::new(run));
    snapshot
}

/// A run that the person stopped in the middle of its fourth step.
pub(crate) fn stopped() -> Snapshot {
    let mut snapshot = healing();
    let mut run = recovering(&snapshot);
    run.state = RunState::Over(RunResult::Cancelled);
    run.ended = Some(at("02:47:20"));
    let summary = "Stopped: 187 of 222 proved, 30 not touched.";
    run.steps[3].ended = run.ended;
    run.steps[3].state = StepState::Ended(Outcome::Unproved);
    run.steps[3].report = Some(StepReport::new(Outcome::Unproved, summary));
    snapshot.run = Some(Arc::new(run));
    snapshot
}

/// No replica of the Vault answers.
pub(crate) fn unreachable() -> Snapshot {
    use sealwatch::model::Change;
    let (mut world, now) = town(Fares::Well);
    let replicas: Vec<_> = world
        .vaults
        .iter()
        .flat_map(|(address, server)| server.replicas.keys().map(|pod| (address.clone(), pod.clone())))
        .collect();
    for (address, pod) in replicas {
        let fault = Fault::new(FaultKind::Timeout, "no answer within 3 s.");
        world.apply(Change::Answered(address, pod, Err(fault)), at("02:19:12"));
    }
    picture(world, now, "prod-weu", production())
}
