//! Every scenario, from the first look to the proof: the engine looks at the simulation, must name the
//! causes that the scenario's file names and blame nothing else, runs the repair as a person would, and the
//! world must be well by the deadline. The same files are run on the lab.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says why")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sealwatch::diagnosis::Severity;
use sealwatch::diagnosis::state::of_upkeep;
use sealwatch::engine::run::RunResult;
use sealwatch::engine::{Command, Decision, Engine, Options, Policy, Ports, RunState, Snapshot, target_of};
use sealwatch::gateways::journal::MemoryJournal;
use sealwatch::gateways::simulation::{Expected, Repair, Scenario, Shares, Simulation};
use sealwatch::model::kinds::{Deployment, ExternalSecret, Secret, VaultDynamicSecret, VaultStaticSecret, Watched as _};
use sealwatch::model::{Clock, Health, Kind, ObjectRef};
use sealwatch::ports::{Scope, Typed};
use sealwatch::runbooks::{Confirm, Preview, Target, recover, runbook};
use tokio::sync::watch;
use tokio::time::Instant;

/// A scenario with an engine on it.
struct Drill {
    scenario: Scenario,
    simulation: Simulation,
    engine: Engine,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    journal: Arc<MemoryJournal>,
    /// What was agreed to, in order.
    shown: Vec<Preview>,
}

impl Drill {
    fn start(slug: &str) -> Self {
        let scenario = Scenario::named(slug).expect("a scenario");
        let simulation = Simulation::start(&scenario, 1.0);
        let journal = Arc::new(MemoryJournal::default());
        let ports = Ports {
            cluster: simulation.cluster(),
            vault: simulation.vault(),
            clock: simulation.clock(),
            journal: journal.clone(),
        };
        let engine = Engine::start(
            ports,
            Options { scope: Scope::Everywhere, policy: Policy::simulated(), write: true, ..Options::default() },
        );
        let snapshots = engine.snapshots();
        Self { scenario, simulation, engine, snapshots, journal, shown: Vec::new() }
    }

    fn now(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    /// Waits until this is so; says what the last picture was if it never is.
    async fn until(&mut self, what: &str, most: Duration, so: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let deadline = Instant::now() + most;
        loop {
            let snapshot = self.snapshots.borrow_and_update().clone();
            if so(&snapshot) {
                return snapshot;
            }
            assert!(
                tokio::time::timeout_at(deadline, self.snapshots.changed()).await.is_ok(),
                "{}: not within {most:?}: {what}\n{}",
                self.scenario.slug,
                picture(&snapshot)
            );
        }
    }

    /// The first picture in which everything was seen once and examined.
    async fn look(&mut self) -> Arc<Snapshot> {
        self.until("everything was seen", Duration::from_secs(20), |snapshot| {
            let vaults = snapshot
                .world
                .vaults
                .values()
                .all(|vault| !vault.replicas.is_empty() && vault.replicas.values().all(|replica| replica.answered.is_some()));
            let kinds = [Kind::SecretStore, Kind::ExternalSecret, Kind::Event, Kind::Secret, Kind::Pod];
            let listed = kinds.into_iter().all(|kind| snapshot.world.is_complete(kind));
            vaults
                && listed
                && snapshot.world.controller.is_some()
                && snapshot.diagnosed == snapshot.world.revision
                && snapshot.writes.open
        })
        .await
    }

    /// Runs the repair: agrees to each step, and gives the shares as the scenario says.
    async fn repair(&mut self, repair: &Repair) -> Arc<Snapshot> {
        let all: Vec<ObjectRef> =
            std::iter::once(&repair.target).chain(&repair.and).map(|one| ObjectRef::parse(one).expect("an object")).collect();
        let name = runbook(&repair.runbook).expect("a runbook").name;
        // Each has its own paper.
        let paper = |vault: &ObjectRef| (paper_of(vault), self.simulation.paper_shares(vault).into_iter());
        let mut papers: BTreeMap<ObjectRef, std::vec::IntoIter<String>> = all.iter().map(paper).collect();
        let target = if all.len() > 1 { Target::Vaults(all) } else { target_of(&all[0]) };
        self.say(Command::Start { runbook: name, target }).await;
        let mut answered = String::new();
        let deadline = Instant::now() + Duration::from_secs(repair.within.0);
        loop {
            let snapshot = self.snapshots.borrow_and_update().clone();
            // One that ran before is still shown until this one begins.
            match snapshot.run.as_ref().filter(|run| run.runbook == name).map(|run| &run.state) {
                Some(RunState::Over(_)) => return snapshot,
                Some(RunState::Asks(preview)) if format!("{preview:?}") != answered => {
                    answered = format!("{preview:?}");
                    self.shown.push(preview.clone());
                    let decision = match (&preview.confirm, repair.shares) {
                        (Confirm::Start | Confirm::Yes, _) => Decision::Agree,
                        (Confirm::TypeName(name), _) => Decision::Name(name.clone()),
                        (Confirm::Share { .. }, Shares::FromSecret) => Decision::SharesFromSecret,
                        (Confirm::Value(_), _) => Decision::Share(typed("a value that nobody knows")),
                        (Confirm::Share { .. }, Shares::Typed) => {
                            let paper = papers.get_mut(&paper_of(&preview.objects[0])).expect("the paper of this Vault");
                            Decision::Share(typed(&paper.next().expect("a share that was not used")))
                        }
                    };
                    self.say(Command::Decide(decision)).await;
                }
                _ => {}
            }
            assert!(
                tokio::time::timeout_at(deadline, self.snapshots.changed()).await.is_ok(),
                "{}: {name} is not over within {} s\n{}",
                self.scenario.slug,
                repair.within.0,
                picture(&snapshot)
            );
        }
    }

    async fn say(&self, command: Command) {
        self.engine.commands().send(command).await.expect("the engine runs");
    }
}

/// On which paper the shares of an object stand: a namespace with a seal of its own has one, a Vault one for all its replicas.
fn paper_of(object: &ObjectRef) -> ObjectRef {
    if object.name.as_str().contains('/') { object.clone() } else { ObjectRef::new(Kind::Vault, object.namespace.as_str(), "") }
}

fn typed(share: &str) -> Typed {
    let mut typed = Typed::new();
    share.chars().for_each(|c| typed.push(c));
    typed
}

/// What a person would see of it, for a failed test.
fn picture(snapshot: &Snapshot) -> String {
    let mut lines = vec![format!("at {}", Clock(snapshot.now))];
    for vault in snapshot.world.vaults.values() {
        for (pod, replica) in &vault.replicas {
            lines.push(format!(
                "  {pod}: {:?} {:?}",
                replica.seal.as_ref().map(|seal| (seal.sealed, seal.progress)),
                replica.role
            ));
        }
    }
    for cause in &snapshot.diagnosis.causes {
        lines.push(format!("  cause {} {}: {}", cause.slug, cause.subject, cause.summary));
    }
    if let Some(run) = &snapshot.run {
        lines.push(format!("  run {:?} {:?}", run.state, run.notice));
        for step in &run.steps {
            lines.push(format!("    {} {:?} {:?}", step.id, step.state, step.report));
        }
        for applied in run.applied.iter().rev().take(12) {
            lines.push(format!("    {} {} {:?}", Clock(applied.at), applied.operation.command(), applied.result));
        }
    }
    lines.join("\n")
}

/// What is broken. The seed world has a generator that rotates, which every other tool shows green; of that warning a
/// test of its own tells.
fn causes(snapshot: &Snapshot) -> Vec<Expected> {
    let mut found: Vec<Expected> = snapshot
        .diagnosis
        .causes
        .iter()
        .filter(|cause| cause.severity == Severity::Error)
        .map(|cause| Expected { slug: cause.slug.to_owned(), subject: cause.subject.to_string() })
        .collect();
    found.sort();
    found
}

/// Whether an object that a scenario names is well.
fn is_well(snapshot: &Snapshot, object: &ObjectRef) -> bool {
    match object.kind {
        Kind::Vault if object.name.as_str().contains('/') => {
            let space = snapshot.world.vault_with_space(object).and_then(|server| server.space(object));
            space.is_some_and(|(_, seal, _)| seal.said().is_some_and(|seal| seal.sealable && !seal.sealed))
        }
        Kind::Vault => snapshot.world.vault(object).is_some_and(|vault| {
            vault.replicas.values().all(sealwatch::model::Replica::is_open)
                && vault.replicas.values().any(sealwatch::model::Replica::leads)
        }),
        Kind::SecretStore | Kind::ClusterSecretStore => {
            snapshot.world.store(object).is_some_and(|store| store.health() == Health::Healthy)
        }
        Kind::ExternalSecret => {
            snapshot.world.get::<ExternalSecret>(object).is_some_and(|es| es.health() == Health::Healthy && es.synced_current)
        }
        // An old `SecretSynced=False` is no failure.
        Kind::VaultStaticSecret | Kind::VaultDynamicSecret => {
            let health = snapshot.world.upkeep(object).map(|upkeep| of_upkeep(upkeep).health);
            matches!(health, Some(Health::Healthy | Health::Warning))
        }
        kind => panic!("a {kind} cannot be a proof"),
    }
}

/// The data-hash of every Secret.
fn hashes(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let secrets = snapshot.world.all::<Secret>().iter();
    secrets
        .map(|secret| (format!("Secret/{}/{}", secret.meta.namespace, secret.meta.name), secret.data_hash.to_string()))
        .collect()
}

async fn run(slug: &str) {
    let mut drill = Drill::start(slug);
    let mut expected = drill.scenario.expect.clone();
    expected.sort();
    drill.look().await;
    // What only a Vault knows is asked for after the first look.
    let named = |snapshot: &Snapshot| causes(snapshot) == expected && snapshot.diagnosis.unexplained.is_empty();
    let first = drill.until("its causes are named, and no other", Duration::from_secs(20), named).await;
    assert_eq!(causes(&first), expected, "{slug}\n{}", picture(&first));
    assert_eq!(first.diagnosis.unexplained.len(), 0, "{slug}: everything that fails is explained");
    let Some(repair) = drill.scenario.repair.clone() else {
        assert!(expected.is_empty(), "{slug}: what is broken has a repair");
        return;
    };
    let begun = Instant::now();
    let before = hashes(&drill.now());
    let over = drill.repair(&repair).await;
    let over_after = begun.elapsed();
    let view = over.run.clone().expect("it ran");
    assert_eq!(view.state, RunState::Over(RunResult::Proved), "{slug}\n{}", picture(&over));
    let left = Duration::from_secs(repair.within.0).saturating_sub(begun.elapsed());
    for proof in &repair.proofs {
        let object = ObjectRef::parse(proof).expect("an object");
        drill.until(&format!("{proof} is well"), left, |snapshot| is_well(snapshot, &object)).await;
    }
    let well = drill
        .until("the world is well", left, |snapshot| {
            snapshot.diagnosed == snapshot.world.revision && causes(snapshot).is_empty() && snapshot.diagnosis.broken.total() == 0
        })
        .await;
    for secret in &repair.untouched {
        assert_eq!(hashes(&well).get(secret), before.get(secret), "{slug}: {secret} was not to be touched");
    }
    assert!(drill.journal.entries().iter().filter(|entry| entry.what == "intent").count() >= view.applied.len());
    println!("{slug}: {} writes, proved {:.1} s after the first key", view.applied.len(), over_after.as_secs_f64());
}

#[tokio::test(start_paused = true)]
async fn healthy() {
    run("healthy").await;
}

#[tokio::test(start_paused = true)]
async fn sealed() {
    run("sealed").await;
}

#[tokio::test(start_paused = true)]
async fn sealed_three_of_five() {
    run("sealed-three-of-five").await;
}

#[tokio::test(start_paused = true)]
async fn vso_sealed() {
    run("vso-sealed").await;
}

#[tokio::test(start_paused = true)]
async fn two_vaults_sealed() {
    run("two-vaults-sealed").await;
}

/// In one run, each Vault is asked for its own shares, and none goes to the other: also where one was given and held on.
#[tokio::test(start_paused = true)]
async fn the_shares_of_one_vault_never_go_to_another() {
    let mut drill = Drill::start("two-vaults-sealed");
    drill.look().await;
    let named = |snapshot: &Snapshot| causes(snapshot).len() == 2;
    let first = drill.until("both are named", Duration::from_secs(20), named).await;
    let target = recover::closed(&first.diagnosis.causes, "unseal").expect("both are closed");
    let [first, second] = target.vaults() else { panic!("{target:?}") };
    assert_eq!([first, second].map(ToString::to_string), ["Vault/ameide-dev/vault-core-dev", "Vault/payments/vault-payments"]);
    let repair = Repair { runbook: "unseal".to_owned(), ..drill.scenario.repair.clone().expect("a repair") };
    let over = drill.repair(&repair).await;
    let view = over.run.clone().expect("it ran");
    assert_eq!(view.state, RunState::Over(RunResult::Proved), "{}", picture(&over));
    let sent = |namespace: &str| -> Vec<String> {
        let to = view.applied.iter().filter(|applied| applied.operation.object().namespace.as_str() == namespace);
        to.map(|applied| format!("{:?}", applied.operation)).collect()
    };
    // One share to each of three replicas; two of three to the one. A share of the other would be a wrong one.
    assert_eq!((sent("ameide-dev").len(), sent("payments").len()), (3, 2), "{:#?}", view.applied);
    assert!(view.applied.iter().all(|applied| applied.result.is_ok()));
    assert!(sent("ameide-dev").iter().all(|one| one.contains("share: 0")) && !sent("payments").concat().contains("share: 0"));
    let told: Vec<&String> = drill.shown.iter().filter_map(|preview| preview.will.first()).collect();
    assert!(told.iter().any(|will| *will == "Vault 2 of 2: payments/vault-payments."), "{told:?}");
    let report = view.steps[0].report.as_ref().expect("a report");
    assert!(
        report.summary.contains("ameide-dev/vault-core-dev: 3 replicas unsealed")
            && report.summary.contains("payments/vault-payments: 1 replica unsealed"),
        "{report:?}"
    );
}

/// Of both objects of the Vault Secrets Operator: whether they fail, the lease, and when it was issued.
fn kept(snapshot: &Snapshot) -> (ObjectRef, ObjectRef, Arc<VaultDynamicSecret>) {
    let (fixed, leased) = (["VaultStaticSecret", "orders-smtp"], ["VaultDynamicSecret", "orders-db"]);
    let [fixed, leased] = [fixed, leased].map(|[kind, name]| ObjectRef::parse(&format!("{kind}/ameide-dev/{name}")).unwrap());
    let lease = snapshot.world.get::<VaultDynamicSecret>(&leased).expect("it is there").clone();
    (fixed, leased, lease)
}

/// How often the two workloads of that operator were restarted or changed: the one that reads the static Secret, the other.
fn generations(snapshot: &Snapshot) -> [i64; 2] {
    ["orders-mailer", "orders-api"].map(|name| {
        let workload = ObjectRef::new(Kind::Deployment, "ameide-dev", name);
        snapshot.world.get::<Deployment>(&workload).map_or(0, |found| found.meta().generation)
    })
}

#[tokio::test(start_paused = true)]
async fn a_recovery_has_the_other_operator_reconcile_too_and_says_before_what_restarts() {
    let mut drill = Drill::start("vso-sealed");
    drill.look().await;
    let broken = |snapshot: &Snapshot| {
        let (fixed, leased, _) = kept(snapshot);
        !is_well(snapshot, &fixed) && !is_well(snapshot, &leased)
    };
    let before = drill.until("both fail", Duration::from_secs(60), broken).await;
    let repair = drill.scenario.repair.clone().expect("a repair");
    let over = drill.repair(&repair).await;
    let view = over.run.clone().expect("it ran");
    assert_eq!(view.state, RunState::Over(RunResult::Proved), "{}", picture(&over));

    let step = view.steps.iter().find(|step| step.id == "vso").expect("the step");
    let report = step.report.as_ref().expect("it is over");
    assert_eq!(report.summary, "2 of 2 objects reconciled and proved.");
    let notes: Vec<&str> = step.items.iter().map(|item| item.note.as_str()).collect();
    assert_eq!(notes, ["reconciled", "reconciled, with a new lease of 10m00s"]);

    let told = drill.shown.iter().find(|preview| preview.objects.iter().any(|one| one.kind == Kind::VaultStaticSecret));
    let told = told.expect("it was asked about");
    assert_eq!(told.will[0].split(',').next(), Some("Annotate 1 VaultStaticSecret and 1 VaultDynamicSecret"));
    assert_eq!(
        told.forecast[..2],
        [
            // It opened a moment ago, and was not asked since.
            "Vault does not tell what it has for 1 Secret: if that is newer it is written; \
             the operator then restarts 1 workload: ameide-dev/orders-mailer.",
            "A new lease is issued for 1 VaultDynamicSecret: the old credentials are replaced; \
             the operator then restarts 1 workload: ameide-dev/orders-api.",
        ]
    );
    assert!(told.commands[0].starts_with("kubectl annotate vaultstaticsecret -n ameide-dev orders-smtp sealwatch.dev/asked="));

    let (_, _, old) = kept(&before);
    let (fixed, _, new) = kept(&over);
    assert!(new.renewed > old.renewed, "the lease is a new one");
    let flag = over.world.get::<VaultStaticSecret>(&fixed).and_then(|one| one.upkeep.synced.clone()).expect("a flag");
    assert_eq!(flag.status, sealwatch::model::Status::False, "nothing was written, so the old flag stays (vso#1225)");
    let [mailer, api] = generations(&before);
    assert_eq!(generations(&over), [mailer, api + 1], "what was foretold restarted, and nothing else");
    let written = drill.journal.entries();
    let step = written.iter().filter(|entry| entry.step.ends_with("/vso") && entry.what == "result").count();
    assert_eq!(step, 2, "both are in the journal");
}

#[tokio::test(start_paused = true)]
async fn one_static_secret_is_refreshed_by_name_and_nothing_beside_it_is_touched() {
    let mut drill = Drill::start("vso-sealed");
    drill.look().await;
    let recover = drill.scenario.repair.clone().expect("a repair");
    drill.repair(&recover).await;
    let (fixed, _, lease) = kept(&drill.now());
    let [mailer, api] = generations(&drill.now());
    // By then Vault was asked how its paths stand.
    drill.simulation.clock().sleep(Duration::from_secs(60)).await;

    drill.shown.clear();
    let refresh = Repair { runbook: "refresh".to_owned(), target: fixed.to_string(), ..recover };
    let over = drill.repair(&refresh).await;
    let view = over.run.clone().expect("it ran");
    assert_eq!(view.state, RunState::Over(RunResult::Proved), "{}", picture(&over));
    assert_eq!(view.applied.len(), 1, "nothing but that one is touched");
    let told =
        drill.shown.iter().find(|preview| !preview.forecast.is_empty() && !preview.objects.is_empty()).expect("it was asked");
    let stays = "Nothing newer is in Vault for 1 Secret: the operator leaves it untouched, and restarts nothing for it.";
    assert_eq!(told.forecast[0], stays);
    assert_eq!(generations(&over), [mailer, api], "its digest is equal: nothing restarts");
    let (_, _, after) = kept(&over);
    assert_eq!((after.renewed, after.lease), (lease.renewed, lease.lease), "the lease beside it is not touched");
}

#[tokio::test(start_paused = true)]
async fn partly_sealed() {
    run("partly-sealed").await;
}

#[tokio::test(start_paused = true)]
async fn leader_sealed() {
    run("leader-sealed").await;
}

#[tokio::test(start_paused = true)]
async fn namespace_sealed() {
    run("namespace-sealed").await;
}

#[tokio::test(start_paused = true)]
async fn version_deleted() {
    run("version-deleted").await;
}

#[tokio::test(start_paused = true)]
async fn property_missing() {
    run("property-missing").await;
}

#[tokio::test(start_paused = true)]
async fn auth_service_account_not_bound() {
    run("auth-service-account-not-bound").await;
}

#[tokio::test(start_paused = true)]
async fn the_generators_of_the_seed_are_warned_of() {
    let well = Drill::start("healthy").look().await;
    let mut warned: Vec<_> = well.diagnosis.causes.iter().map(|cause| (cause.slug, cause.subject.to_string())).collect();
    warned.sort();
    let of = |namespace: &str| ("generator-rotates", format!("ExternalSecret/{namespace}/powerdns-api-key"));
    assert_eq!(warned, [of("ameide-dev"), of("ameide-prod"), of("ameide-staging")]);
}

#[test]
fn every_scenario_is_run_above() {
    let source = include_str!("scenarios.rs");
    for scenario in Scenario::all() {
        assert!(source.contains(&format!("run(\"{}\").await", scenario.slug)), "{}", scenario.slug);
    }
}
