//! The share desk, without an engine: the step is asked what is next, a small server that behaves as
//! OpenBao was measured answers, and the step is asked again.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says why")]

use jiff::Timestamp;
use sealwatch::model::inventory::Change;
use sealwatch::model::kinds::{OnShelf as _, SecretStore, Watched};
use sealwatch::model::vault::{LeaderAt, NamespaceSeal, ReplicaRole, Seal, Surroundings, Told};
use sealwatch::model::{Fault, FaultKind, Inventory, Kind, Name, Names, ObjectRef, Text, VaultAddress};
use sealwatch::runbooks::steps::unseal::STEP;
use sealwatch::runbooks::{
    Applied, Confirm, ItemState, Next, Operation, Outcome, Progress, Receipt, Right, StepReport, Target, VaultChange, VaultWrite,
};

const WRONG: &str =
    "unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: cipher: message authentication failed";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("a time")
}

/// One replica: what it holds, and how it answers.
struct Server {
    sealed: bool,
    given: Vec<u8>,
    /// How many full sets of shares it takes and drops, because it has not joined its cluster yet.
    joining: usize,
    /// How often somebody began to give it shares.
    attempts: usize,
}

/// The whole scene: replicas, the shares that were typed, the record.
struct Scene {
    world: Inventory,
    address: VaultAddress,
    servers: Vec<Server>,
    threshold: usize,
    good: Vec<u8>,
    typed: Vec<u8>,
    progress: Progress,
    now: i64,
}

impl Scene {
    fn new(replicas: usize, threshold: usize) -> Self {
        let address = VaultAddress::parse("http://vault.ns.svc:8200").expect("a URL");
        let store = serde_json::json!({
            "metadata": { "name": "store", "namespace": "ns" },
            "spec": { "provider": { "vault": { "server": address.to_string(), "path": "secret", "auth": { "kubernetes": { "role": "r" } } } } },
        });
        let store = SecretStore::read(serde_json::from_value(store).expect("a store"), &mut Names::default());
        let mut world = Inventory::default();
        world.apply(Change::Listed(Kind::SecretStore.into(), vec![store.into_object()], Vec::new()), at(0));
        world.settle();
        let pods = (0..replicas).map(|n| (Name::new(&format!("vault-{n}")), None)).collect();
        world.apply(Change::Replicas(address.clone(), Ok(pods)), at(0));
        let servers = (0..replicas).map(|_| Server { sealed: true, given: Vec::new(), joining: 0, attempts: 0 }).collect();
        let good = (1..=5).collect();
        let mut scene =
            Self { world, address, servers, threshold, good, typed: Vec::new(), progress: Progress::new(at(0)), now: 0 };
        scene.poll();
        scene
    }

    fn target() -> Target {
        Target::Vault(ObjectRef::new(Kind::Vault, "ns", "vault"))
    }

    /// What the prober would tell the world.
    fn poll(&mut self) {
        let open = self.servers.iter().filter(|server| !server.sealed).count();
        let leads = open > self.servers.len() / 2;
        let mut led = false;
        for n in 0..self.servers.len() {
            let role = match self.servers[n].sealed {
                true => ReplicaRole::Unknown,
                false if leads && !std::mem::replace(&mut led, true) => ReplicaRole::Active(LeaderAt::default()),
                false if leads => ReplicaRole::Standby(LeaderAt::default()),
                false => ReplicaRole::Leaderless,
            };
            let answer = Ok((self.seal(n), role));
            self.world.apply(Change::Answered(self.address.clone(), Name::new(&format!("vault-{n}")), answer), at(self.now));
        }
    }

    fn seal(&self, n: usize) -> Seal {
        Seal {
            kind: Text::foreign("shamir"),
            initialized: true,
            sealed: self.servers[n].sealed,
            threshold: u32::try_from(self.threshold).expect("small"),
            shares: 5,
            progress: u32::try_from(self.servers[n].given.len()).expect("small"),
            nonce: match &self.servers[n] {
                server if server.given.is_empty() => Text::default(),
                server => Text::foreign(&format!("attempt-{}", server.attempts)),
            },
            recovery: false,
            version: Text::foreign("2.7.2"),
            storage: Text::foreign("raft"),
        }
    }

    /// A person types a share.
    fn give(&mut self, share: u8) {
        self.typed.push(share);
        self.progress.shares_given += 1;
        self.progress.shares_held += 1;
        self.now += 1;
        self.progress.share_given_at = Some(at(self.now));
        self.progress.confirmed.insert(STEP.id, at(self.now));
    }

    fn answer(&mut self, write: &VaultWrite) -> Result<Receipt, Fault> {
        let n: usize = write.replica.name.as_str().trim_start_matches("vault-").parse().expect("a replica");
        let (threshold, good) = (self.threshold, self.good.clone());
        let server = &mut self.servers[n];
        match &write.change {
            VaultChange::ResetUnseal => server.given.clear(),
            VaultChange::Unseal { share } => {
                let share = self.typed[*share];
                if server.sealed && !server.given.contains(&share) {
                    server.attempts += usize::from(server.given.is_empty());
                    server.given.push(share);
                }
                if server.sealed && server.given.len() == threshold {
                    let given = std::mem::take(&mut server.given);
                    if !given.iter().all(|share| good.contains(share)) {
                        return Err(Fault::new(FaultKind::Invalid, WRONG));
                    }
                    if server.joining > 0 {
                        server.joining -= 1;
                    } else {
                        server.sealed = false;
                    }
                }
            }
            other => panic!("{other:?}"),
        }
        Ok(Receipt { seal: Some(self.seal(n)), ..Receipt::default() })
    }

    /// Lets the step work until it asks a person or is done; says what it asks, or how it ended.
    fn until_it_asks(&mut self) -> Result<Vec<String>, StepReport> {
        for _ in 0..200 {
            self.progress.now = at(self.now);
            match (STEP.next)(&Self::target(), &self.world, &self.progress) {
                Next::Confirm(preview) => {
                    assert!(matches!(preview.confirm, Confirm::Share { .. }), "{preview:?}");
                    return Ok(preview.will);
                }
                Next::Done(report) => return Err(report),
                Next::Apply(operations) => {
                    for operation in operations {
                        let Operation::Vault(write) = &operation else { panic!("{operation:?}") };
                        let result = self.answer(write);
                        if result.is_err() {
                            self.progress.shares_held = 0;
                        }
                        self.progress.applied.push(Applied { step: STEP.id, operation, at: at(self.now), result });
                    }
                    self.poll();
                }
                Next::Wait { .. } => {
                    self.now += 1;
                    self.poll();
                }
                Next::Ask(rights) => panic!("{rights:?}"),
            }
        }
        panic!("the step neither asks nor ends");
    }

    fn sent(&self) -> Vec<String> {
        let line = |applied: &Applied| match &applied.operation {
            Operation::Vault(VaultWrite { replica, change: VaultChange::Unseal { share }, .. }) => {
                format!("{} {share}", replica.name)
            }
            Operation::Vault(VaultWrite { replica, change: VaultChange::ResetUnseal, .. }) => format!("{} reset", replica.name),
            other => panic!("{other:?}"),
        };
        self.progress.applied.iter().map(line).collect()
    }
}

#[test]
fn one_share_goes_to_each_sealed_replica_in_turn() {
    let mut scene = Scene::new(3, 1);
    assert_eq!(scene.until_it_asks(), Ok(vec!["Send one share to each of vault-0, vault-1, vault-2 in turn.".to_owned()]));
    scene.give(1);
    let report = scene.until_it_asks().expect_err("it ends");
    assert_eq!(report.outcome, Outcome::Proved);
    assert_eq!(report.summary, "3 replicas unsealed; 3 of 3 open, vault-0 leads.");
    assert_eq!(scene.sent(), ["vault-0 0", "vault-1 0", "vault-2 0"]);
}

#[test]
fn three_of_five_shares_are_asked_for_one_by_one() {
    let mut scene = Scene::new(3, 3);
    let asked = scene.until_it_asks().expect("it asks");
    assert_eq!(asked, ["Send 3 different shares of 5, one after the other, to each of vault-0, vault-1, vault-2 in turn."]);
    scene.give(4);
    assert_eq!(scene.until_it_asks(), Ok(vec!["1 of 3 shares given; 2 more.".to_owned()]));
    scene.give(2);
    assert_eq!(scene.until_it_asks(), Ok(vec!["2 of 3 shares given; 1 more.".to_owned()]));
    scene.give(5);
    assert_eq!(scene.until_it_asks().expect_err("it ends").outcome, Outcome::Proved);
    assert_eq!(scene.sent().len(), 9);
}

#[test]
fn a_wrong_share_fails_at_the_last_and_every_replica_is_reset() {
    let mut scene = Scene::new(3, 2);
    for share in [99, 1] {
        scene.until_it_asks().expect("it asks");
        scene.give(share);
    }
    let asked = scene.until_it_asks().expect("it asks again");
    assert!(asked[0].starts_with("One of the shares was wrong; the server cannot say which"), "{asked:?}");
    assert!(asked[0].ends_with("Every replica was reset: give all shares again."), "{asked:?}");
    assert_eq!(scene.sent(), ["vault-0 0", "vault-1 0", "vault-2 0", "vault-0 1", "vault-1 reset", "vault-2 reset"]);
    for share in [1, 2] {
        scene.give(share);
        let _ = scene.until_it_asks();
    }
    assert!(scene.servers.iter().all(|server| !server.sealed), "the good shares open it: {:?}", scene.sent());
}

#[test]
fn the_same_share_twice_is_flagged_and_counts_once() {
    let mut scene = Scene::new(1, 2);
    scene.until_it_asks().expect("it asks");
    scene.give(1);
    scene.until_it_asks().expect("it asks");
    scene.give(1);
    let asked = scene.until_it_asks().expect("it asks");
    assert_eq!(
        asked,
        ["1 of 2 shares given; 1 more.", "The last share had been given already: the server counts it once. Give another one."]
    );
    scene.give(2);
    assert_eq!(scene.until_it_asks().expect_err("it ends").outcome, Outcome::Proved);
}

#[test]
fn what_somebody_else_dropped_is_given_again_and_said() {
    let mut scene = Scene::new(1, 3);
    scene.until_it_asks().unwrap();
    let Next::Confirm(preview) = (STEP.next)(&Scene::target(), &scene.world, &scene.progress) else { panic!("it asks") };
    let theirs = "sealwatch --write runbook run unseal --target Vault/ns/vault";
    assert!(preview.forecast.iter().any(|line| line.ends_with(theirs)), "a colleague is shown how: {preview:?}");
    scene.give(1);
    scene.until_it_asks().unwrap();
    scene.give(2);
    scene.until_it_asks().unwrap();
    // A colleague resets, and gives their own share first.
    scene.servers[0].given = vec![5];
    scene.servers[0].attempts += 1;
    scene.now += 2;
    scene.poll();
    let asks = scene.until_it_asks();
    assert_eq!(
        scene.sent(),
        ["vault-0 0", "vault-0 1", "vault-0 0", "vault-0 1"],
        "both are still held: nobody types them again"
    );
    let Err(report) = asks else { panic!("{asks:?}") };
    assert_eq!(report.outcome, Outcome::Proved, "with theirs it is enough");
}

#[test]
fn a_joining_replica_that_drops_its_shares_is_given_them_again() {
    let mut scene = Scene::new(3, 1);
    scene.servers[2].joining = 2;
    scene.until_it_asks().expect("it asks");
    scene.give(1);
    assert_eq!(scene.until_it_asks().expect_err("it ends").outcome, Outcome::Proved);
    assert_eq!(scene.sent(), ["vault-0 0", "vault-1 0", "vault-2 0", "vault-2 0", "vault-2 0"]);
}

#[test]
fn a_replica_that_never_opens_is_given_up_with_a_reason() {
    let mut scene = Scene::new(3, 1);
    scene.servers[1].joining = usize::MAX;
    scene.until_it_asks().expect("it asks");
    scene.give(1);
    let report = scene.until_it_asks().expect_err("it ends");
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.summary.starts_with("vault-1 took all its shares 5 times and stays sealed."), "{}", report.summary);
}

#[test]
fn shares_that_were_wiped_are_not_taken_for_those_given_later() {
    let mut scene = Scene::new(1, 2);
    scene.until_it_asks().expect("it asks");
    scene.give(1);
    scene.until_it_asks().expect("it asks");
    scene.progress.shares_held = 0;
    scene.give(2);
    assert_eq!(scene.until_it_asks().expect_err("it ends").outcome, Outcome::Proved);
    assert_eq!(scene.sent(), ["vault-0 0", "vault-0 1"]);
}

#[test]
fn a_replica_that_is_sealed_again_is_opened_again() {
    let mut scene = Scene::new(3, 1);
    scene.until_it_asks().expect("it asks");
    scene.give(1);
    scene.until_it_asks().expect_err("it ends");
    scene.servers[2].sealed = true;
    scene.poll();
    assert_eq!(scene.until_it_asks().expect_err("it ends").outcome, Outcome::Proved);
    assert_eq!(scene.sent().last().map(String::as_str), Some("vault-2 0"));
}

#[test]
fn what_was_open_already_is_not_claimed() {
    let mut scene = Scene::new(3, 1);
    scene.servers[0].sealed = false;
    scene.servers[2].sealed = false;
    scene.poll();
    assert_eq!(scene.until_it_asks(), Ok(vec!["Send one share to vault-1.".to_owned()]));
    scene.give(1);
    assert_eq!(scene.until_it_asks().expect_err("it ends").outcome, Outcome::Proved);
    let items = (STEP.items)(&Scene::target(), &scene.world, &scene.progress);
    let states: Vec<ItemState> = items.iter().map(|item| item.state).collect();
    assert_eq!(states, [ItemState::Well, ItemState::Proved, ItemState::Well], "{items:?}");
}

#[test]
fn a_vault_that_is_open_needs_nothing() {
    let mut scene = Scene::new(3, 1);
    scene.servers.iter_mut().for_each(|server| server.sealed = false);
    scene.poll();
    let report = scene.until_it_asks().expect_err("it ends");
    assert_eq!(
        (report.outcome, report.summary.as_str()),
        (Outcome::Nothing, "No replica is sealed; 3 of 3 open, vault-0 leads.")
    );
}

/// A namespace with a seal of its own: two of three shares, counted by the leader.
struct Space {
    world: Inventory,
    server: VaultAddress,
    sealed: bool,
    given: Vec<&'static str>,
    typed: Vec<&'static str>,
    progress: Progress,
    now: i64,
}

impl Space {
    fn new() -> Self {
        let mut scene = Scene::new(3, 1);
        scene.servers.iter_mut().for_each(|server| server.sealed = false);
        scene.poll();
        let mut space = Self {
            world: scene.world,
            server: scene.address,
            sealed: true,
            given: Vec::new(),
            typed: Vec::new(),
            progress: Progress::new(at(0)),
            now: 1,
        };
        space.told(Told::Said(space.seal()));
        space.allow(Some(true));
        space
    }

    fn object() -> ObjectRef {
        ObjectRef::parse("Vault/ns/vault/team").expect("a namespace")
    }

    fn seal(&self) -> NamespaceSeal {
        let (progress, nonce) =
            (u32::try_from(self.given.len()).expect("small"), Text::foreign(if self.given.is_empty() { "" } else { "a" }));
        NamespaceSeal { sealable: true, sealed: self.sealed, progress, threshold: 2, shares: 3, nonce }
    }

    /// What the prober would tell the world of it.
    fn told(&mut self, seal: Told<NamespaceSeal>) {
        let around = Surroundings { namespaces: vec![(Text::foreign("team"), seal)], ..Surroundings::default() };
        self.world.apply(Change::Around(self.server.clone(), Ok(around)), at(self.now));
    }

    /// Whether the token may give shares to it, as far as that is known.
    fn allow(&mut self, may: Option<bool>) {
        let Next::Ask(rights) = self.next() else { panic!("it asks for the right first") };
        let told: Vec<String> = rights.iter().map(ToString::to_string).collect();
        assert_eq!(told[1], "update sys/namespaces/team/unseal at http://vault.ns.svc:8200", "{told:?}");
        self.progress.rights.extend(
            rights.into_iter().map(|right| (right.clone(), if matches!(right, Right::Vault(_)) { may } else { Some(true) })),
        );
    }

    fn next(&mut self) -> Next {
        self.progress.now = at(self.now);
        (STEP.next)(&Target::Vault(Self::object()), &self.world, &self.progress)
    }

    /// A person types a share; whatever is sent of it is answered as `OpenBao` 2.7.2 does.
    fn give(&mut self, share: &'static str) -> Next {
        self.typed.push(share);
        self.progress.shares_given += 1;
        self.progress.shares_held += 1;
        self.progress.shares_for = vec![Self::object()];
        self.now += 1;
        self.progress.share_given_at = Some(at(self.now));
        loop {
            let Next::Apply(operations) = self.next() else { return self.next() };
            for operation in operations {
                let Operation::Vault(write) = &operation else { panic!("{operation:?}") };
                assert_eq!(
                    (write.replica.name.as_str(), operation.object()),
                    ("vault-0", &Self::object()),
                    "it goes to the leader"
                );
                let result = self.answer(write);
                if result.is_err() {
                    self.progress.shares_held = 0;
                }
                self.progress.applied.push(Applied { step: STEP.id, operation, at: at(self.now), result });
            }
            self.world.apply(Change::Space(self.server.clone(), Text::foreign("team"), self.seal()), at(self.now));
        }
    }

    fn answer(&mut self, write: &VaultWrite) -> Result<Receipt, Fault> {
        match &write.change {
            VaultChange::ResetSpace { .. } => self.given.clear(),
            VaultChange::UnsealSpace { share, .. } => match self.typed[*share] {
                "no share" => return Err(Fault::new(FaultKind::Invalid, "illegal base64 data at input byte 2")),
                share if !self.given.contains(&share) => self.given.push(share),
                _ => {}
            },
            other => panic!("{other:?}"),
        }
        if self.given.len() == 2 {
            let given = std::mem::take(&mut self.given);
            if given.contains(&"wrong") {
                return Err(Fault::new(FaultKind::Invalid, WRONG));
            }
            self.sealed = false;
        }
        let seal = self.seal();
        let seal = serde_json::json!({
            "initialized": true, "sealed": seal.sealed, "progress": seal.progress, "t": seal.threshold, "n": seal.shares, "nonce": seal.nonce,
        });
        Ok(Receipt { seal: Some(serde_json::from_value(seal).expect("a seal")), ..Receipt::default() })
    }

    fn asked(next: Next) -> Vec<String> {
        let Next::Confirm(preview) = next else { panic!("it asks: {next:?}") };
        assert_eq!(preview.confirm, Confirm::Share { secret: None }, "the Secret of the Vault holds other shares");
        preview.will
    }
}

#[test]
fn a_namespace_takes_its_shares_at_the_leader_and_says_before_what_it_needs() {
    let mut space = Space::new();
    let Next::Confirm(preview) = space.next() else { panic!("it asks") };
    assert_eq!(
        preview.will,
        ["Send 2 different shares of the namespace team, of 3 that there are, one after the other, to vault-0, which leads."]
    );
    assert_eq!(preview.objects, [Space::object()]);
    let by_hand =
        "bao namespace unseal -address=http://127.0.0.1:8200 team; bao namespace unseal -address=http://127.0.0.1:8200 team; ";
    assert!(preview.commands[0].contains(by_hand), "{:?}", preview.commands);
    assert!(preview.forecast.iter().any(|line| line.ends_with("unseal --target Vault/ns/vault/team")), "{preview:?}");
    let next = space.give("one");
    assert_eq!(Space::asked(next), ["1 of 2 shares given; 1 more."]);
    let next = space.give("one");
    let twice = "The last share had been given already: the server counts it once. Give another one.";
    assert_eq!(Space::asked(next), ["1 of 2 shares given; 1 more.", twice]);
    let Next::Done(report) = space.give("two") else { panic!("it is over") };
    assert_eq!((report.outcome, report.summary.as_str()), (Outcome::Proved, "The namespace team is unsealed."));
}

#[test]
fn a_wrong_share_of_a_namespace_has_all_given_again_and_what_is_no_share_too() {
    let mut space = Space::new();
    space.give("wrong");
    let will = Space::asked(space.give("one"));
    assert!(will[0].starts_with("One of the shares was wrong; the server cannot say which"), "{will:?}");
    assert!(will[0].ends_with("All were dropped: give all shares again.") && will[1].starts_with("Send 2 different"), "{will:?}");
    // What is no share is refused at once, and the server still counts those before it: they are thrown away, as is said.
    space.give("one");
    let will = Space::asked(space.give("no share"));
    assert!(will[1].starts_with("Send 2 different") && space.given.is_empty(), "{will:?}");
    assert!(
        space
            .progress
            .applied
            .last()
            .is_some_and(|applied| matches!(&applied.operation, Operation::Vault(write) if write.is_reset()))
    );
    space.give("one");
    let Next::Done(report) = space.give("two") else { panic!("it is over") };
    assert_eq!(report.outcome, Outcome::Proved);
}

#[test]
fn who_may_not_open_a_namespace_is_told_before_a_share_is_asked_for() {
    let mut space = Space::new();
    space.progress.rights.clear();
    space.allow(Some(false));
    let Next::Done(report) = space.next() else { panic!("it is refused") };
    assert_eq!(report.outcome, Outcome::Refused);
    assert_eq!(
        report.summary,
        "You may not update sys/namespaces/team/unseal at http://vault.ns.svc:8200: log in with a token that may."
    );
    space.told(Told::Denied);
    let Next::Done(report) = space.next() else { panic!("it is refused") };
    assert!(
        report.outcome == Outcome::Refused && report.summary.contains("sys/namespaces/team/seal-status in the root namespace"),
        "{report:?}"
    );
    // HashiCorp Vault Community, and a namespace without a seal.
    space.told(Told::Said(NamespaceSeal::default()));
    let Next::Done(report) = space.next() else { panic!("there is nothing to do") };
    assert_eq!(
        (report.outcome, report.summary.as_str()),
        (Outcome::Nothing, "team has no seal of its own: it is open whenever its Vault is. Nothing was done.")
    );
}

#[test]
fn the_shares_of_a_vault_are_not_sent_to_its_namespace() {
    let mut space = Space::new();
    space.typed.push("one");
    space.progress.shares_given = 1;
    space.progress.shares_held = 1;
    space.progress.shares_for = vec![ObjectRef::new(Kind::VaultReplica, "ns", "vault-0")];
    assert_eq!(Space::asked(space.next()).len(), 1, "it asks for its own");
}
