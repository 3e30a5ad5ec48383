//! Every sealed replica gets each share, typed once, in turn; of several Vaults, and of namespaces that are sealed by themselves, one after the other, each with shares of its
//! own: those that were given for one never go to another.
//!
//! What the servers answer (measured on OpenBao 2.7.2 and HashiCorp Vault 1.21.4): a wrong share is accepted
//! like a good one, and only the last share fails; which one was wrong cannot be known, so all shares are
//! given again. A raft replica that is still joining answers `200 sealed:true progress:0` to its last share
//! and may open a second later, or have dropped it.

pub(super) mod space;

use jiff::Timestamp;

use self::space::Room;
use super::{counted, lacks};
use crate::model::vault::{Replica, Seal, VaultServer};
use crate::model::{Inventory, Kind, Name, ObjectRef, Text};
use crate::runbooks::{
    Applied, Confirm, Item, ItemState, Next, Operation, Outcome, Preview, Progress, Receipt, Right, Space, StepDef, StepReport,
    Target, VaultWrite,
};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "unseal",
    explanation: "Gives every sealed replica the shares it needs, one replica after the other. A share is typed once and wiped when all hold it.",
    git: StepDef::NOT_IN_GIT,
    next,
    items,
};

/// The Secret in which ameide's bootstrap keeps the shares; used only where the policy allows it.
pub const SHARES_SECRET: &str = "vault-auto-credentials";
/// The beginning of the keys that hold shares: `unseal-key`, `unseal-key-2`, …
pub const SHARES_KEY: &str = "unseal-key";

/// How long a replica that took its last share may need to open by itself, in seconds.
const JOINING: i64 = 6;
/// How often a replica is given its shares before we say that it does not open.
const ROUNDS: usize = 5;

/// What has a seal: a server, or a namespace of one.
enum Sealed<'a> {
    Server(&'a VaultServer),
    Space(&'a VaultServer, Space),
}

impl<'a> Sealed<'a> {
    /// What is meant, in its order. A server stands before its namespaces, which are closed with it.
    fn meant(target: &Target, world: &'a Inventory) -> Vec<Self> {
        let one = |subject: &ObjectRef| match world.vault(subject) {
            Some(server) => Some(Self::Server(server)),
            None => space_of(subject, world).map(|(server, space)| Self::Space(server, space)),
        };
        let mut all: Vec<Self> = target.vaults().iter().filter_map(one).collect();
        all.sort_by_key(|one| matches!(one, Self::Space(..)));
        all
    }

    fn subject(&self) -> ObjectRef {
        match self {
            Self::Server(server) => server.subject(),
            Self::Space(_, space) => space.object.clone(),
        }
    }

    const fn noun(&self) -> &'static str {
        match self {
            Self::Server(_) => "Vault",
            Self::Space(..) => "Namespace",
        }
    }

    fn next(&self, world: &Inventory, progress: &Progress) -> Next {
        match self {
            Self::Server(server) => of_one(server, world, progress),
            Self::Space(server, space) => space::next(server, space, world, progress),
        }
    }
}

/// The namespace that a subject means, with its server.
pub(super) fn space_of<'a>(subject: &ObjectRef, world: &'a Inventory) -> Option<(&'a VaultServer, Space)> {
    let server = world.vault_with_space(subject)?;
    let path = server.address.space_named(subject)?;
    Some((server, Space::of(&server.address, &Text::foreign(path))))
}

fn next(target: &Target, world: &Inventory, progress: &Progress) -> Next {
    let closed = Sealed::meant(target, world);
    let mut over = Vec::new();
    for one in &closed {
        match one.next(world, progress) {
            Next::Done(report) => over.push((one.subject(), report)),
            Next::Confirm(mut preview) if closed.len() > 1 => {
                let (number, all) = (over.len() + 1, closed.len());
                preview.will.insert(0, format!("{} {number} of {all}: {}.", one.noun(), one.subject().short()));
                return Next::Confirm(preview);
            }
            next => return next,
        }
    }
    Next::Done(all_over(over))
}

/// How it ended at several: where one could be opened, the rest of a runbook makes sense.
fn all_over(mut over: Vec<(ObjectRef, StepReport)>) -> StepReport {
    if over.len() < 2 {
        let none = || StepReport::new(Outcome::Nothing, "There is no sealed Vault to open.");
        return over.pop().map_or_else(none, |(_, report)| report);
    }
    let well = |report: &StepReport| matches!(report.outcome, Outcome::Proved | Outcome::Nothing);
    let worst = over.iter().map(|(_, report)| report.outcome).max().unwrap_or(Outcome::Nothing);
    let outcome = match over.iter().filter(|(_, report)| well(report)).count() {
        0 => worst,
        n if n < over.len() => Outcome::Unproved,
        _ if over.iter().any(|(_, report)| report.outcome == Outcome::Proved) => Outcome::Proved,
        _ => Outcome::Nothing,
    };
    let said = over.iter().map(|(subject, report)| format!("{}: {}", subject.short(), report.summary));
    let summary = said.collect::<Vec<_>>().join(" ");
    let failed = over.iter().filter(|(_, report)| report.left.is_empty() && !well(report));
    let failed: Vec<_> = failed.map(|(subject, report)| (subject.clone(), report.summary.clone())).collect();
    let left = over.into_iter().flat_map(|(_, report)| report.left).chain(failed).collect();
    StepReport { outcome, summary, left }
}

fn of_one(server: &VaultServer, world: &Inventory, progress: &Progress) -> Next {
    let desk = Desk { world, server, progress, room: None };
    let mut sealed: Vec<ObjectRef> = server.sealed().map(|(pod, _)| server.replica_ref(pod)).collect();
    // First the one that the open ones follow: until it is open nobody may be elected.
    let followed = server.named_in_vain();
    sealed.sort_by_key(|replica| !followed.contains(&replica.name));
    if sealed.is_empty() {
        return desk.settled();
    }
    if let Some((namespace, _)) = server.address.service()
        && lacks(progress, &Right::reach_pod(&namespace))
    {
        return Next::Done(StepReport::new(Outcome::Refused, format!("You may not {}.", Right::reach_pod(&namespace))));
    }
    if server.sealed().any(|(_, replica)| replica.seal.as_ref().is_some_and(|seal| seal.recovery)) {
        let summary = "This Vault unseals itself with a key that it cannot reach or use now. Repair that key (its token, the KMS), then restart the pod; recovery shares do not open it.";
        return Next::Done(StepReport::new(Outcome::Failed, summary));
    }
    if let Some(reset) = desk.reset_after_wrong_share(&sealed) {
        return Next::Apply(vec![reset]);
    }
    let mut waits = None;
    for replica in &sealed {
        match desk.replica(replica) {
            Desire::Send(share) => {
                let write = VaultWrite::unseal(server.address.clone(), replica.clone(), share).in_world(world);
                return Next::Apply(vec![Operation::Vault(write)]);
            }
            Desire::GiveUp(why) => {
                return Next::Done(StepReport {
                    outcome: Outcome::Failed,
                    summary: why,
                    left: vec![(replica.clone(), "still sealed".to_owned())],
                });
            }
            // The others do not wait for one that is joining: it may be they who make a leader.
            Desire::Wait(until) => waits = waits.or(Some((replica, until))),
            Desire::Share => {}
        }
    }
    if let Some((replica, until)) = waits {
        return Next::Wait { what: format!("{} to open", replica.name), until };
    }
    Next::Confirm(desk.preview(&sealed))
}

fn items(target: &Target, world: &Inventory, progress: &Progress) -> Vec<Item> {
    let items = |one: Sealed<'_>| match one {
        Sealed::Server(server) => items_of(server, progress),
        Sealed::Space(server, space) => vec![space::item(server, &space, progress)],
    };
    Sealed::meant(target, world).into_iter().flat_map(items).collect()
}

fn items_of(server: &VaultServer, progress: &Progress) -> Vec<Item> {
    let item = |(pod, replica): (&Name, &Replica)| {
        let object = server.replica_ref(pod);
        let (state, note) = match (&replica.fault, &replica.seal) {
            (Some(fault), _) => (ItemState::Failed, fault.message.to_string()),
            (None, Some(seal)) if seal.sealed && seal.progress > 0 => {
                (ItemState::Applied, format!("sealed {}/{}{}", seal.progress, seal.threshold, attempt(seal)))
            }
            (None, Some(seal)) if seal.sealed => (ItemState::Queued, format!("sealed 0/{}", seal.threshold)),
            // What was open already, or was opened by a colleague, is not of this run's doing.
            (None, Some(_)) => {
                let was_given = progress.last(STEP.id, &object).is_some();
                (if was_given { ItemState::Proved } else { ItemState::Well }, format!("open {}", replica.role.as_str()))
            }
            (None, None) => (ItemState::Queued, "not asked yet".to_owned()),
        };
        Item { object, state, note }
    };
    server.replicas.iter().map(item).collect()
}

/// Which attempt the shares count for: who begins anew gets another nonce, and those who share one see it here.
fn attempt(seal: &Seal) -> String {
    let short: String = seal.nonce.as_str().chars().take(8).collect();
    if short.is_empty() { short } else { format!(", attempt {short}") }
}

/// What a sealed replica needs next.
enum Desire {
    /// This one of the shares that are held.
    Send(usize),
    /// Time to open by itself.
    Wait(Timestamp),
    /// A share that is not held.
    Share,
    /// It does not open.
    GiveUp(String),
}

/// The place where shares are handed out: works out from the record who has had which.
struct Desk<'a> {
    world: &'a Inventory,
    server: &'a VaultServer,
    progress: &'a Progress,
    /// The namespace of that server whose shares these are, if it is one.
    room: Option<Room<'a>>,
}

impl Desk<'_> {
    fn threshold(&self) -> usize {
        if let Some(room) = &self.room {
            return room.seal.threshold as usize;
        }
        self.server
            .replicas
            .values()
            .filter_map(|replica| replica.seal.as_ref())
            .map(|seal| seal.threshold as usize)
            .max()
            .unwrap_or(1)
    }

    /// The writes to this server.
    fn own(&self) -> impl DoubleEndedIterator<Item = &Applied> {
        self.progress.of_step(STEP.id).filter(|applied| self.is_own(applied.operation.object()))
    }

    fn is_own(&self, replica: &ObjectRef) -> bool {
        if let Some(room) = &self.room {
            return *replica == room.space.object;
        }
        self.server.replicas.contains_key(&replica.name) && *replica == self.server.replica_ref(&replica.name)
    }

    /// The shares that are held for this server, by number: those of another never come here.
    fn held(&self) -> std::ops::Range<usize> {
        let given_for = &self.progress.shares_for;
        let is_mine = given_for.is_empty() || given_for.iter().any(|replica| self.is_own(replica));
        if is_mine { self.progress.held_shares() } else { 0..0 }
    }

    /// How many shares a replica still needs.
    fn lacking(&self, replica: &ObjectRef) -> usize {
        let seal = self.server.replicas.get(&replica.name).and_then(|known| known.seal.as_ref());
        self.threshold().saturating_sub(seal.map_or(0, |seal| seal.progress as usize))
    }

    /// The writes to one replica, oldest first.
    fn record(&self, replica: &ObjectRef) -> impl DoubleEndedIterator<Item = &Applied> {
        self.progress.of_step(STEP.id).filter(move |applied| applied.operation.object() == replica)
    }

    /// The shares that a replica has taken since it was last reset or lost them, by number.
    fn taken(&self, replica: &ObjectRef) -> Vec<usize> {
        let mut taken = Vec::new();
        let mut attempt = "";
        for applied in self.record(replica) {
            match (&applied.operation, &applied.result) {
                (Operation::Vault(write), Ok(receipt)) if write.share().is_some() => {
                    let nonce = receipt.seal.as_ref().map_or("", |seal| seal.nonce.as_str());
                    // An open replica has none, and neither has one that took all.
                    if !attempt.is_empty() && !nonce.is_empty() && nonce != attempt {
                        taken.clear();
                    }
                    attempt = nonce;
                    taken.extend(write.share());
                    // Sealed now, although it took all it needs: it dropped them, or was restarted since.
                    if has_all(receipt) && self.waited(applied) {
                        taken.clear();
                    }
                }
                (Operation::Vault(write), Ok(_)) if write.is_reset() => taken.clear(),
                (_, Err(fault)) if is_wrong_share(fault.message.as_str()) => taken.clear(),
                _ => {}
            }
        }
        if self.was_reset(replica) {
            taken.clear();
        }
        taken
    }

    /// Whether somebody else dropped what a replica was given here: each attempt has a nonce, and this one's is gone.
    fn was_reset(&self, replica: &ObjectRef) -> bool {
        let Some((sealed_as, answered)) = self.seen(replica) else { return false };
        let Some((last, seal)) =
            self.record(replica).next_back().and_then(|last| Some((last, last.result.as_ref().ok()?.seal.as_ref()?)))
        else {
            return false;
        };
        let began = !seal.nonce.is_empty() && seal.sealed && seal.progress > 0;
        // What was taken in within the same second may have been answered before.
        let said_since = answered.is_some_and(|answered| answered.as_second() > last.at.as_second() + 1);
        began && said_since && sealed_as.is_some_and(|nonce| *nonce != seal.nonce)
    }

    /// The attempt that runs at what is sealed, and when that was said; no attempt where it is open.
    fn seen(&self, replica: &ObjectRef) -> Option<(Option<&Text>, Option<Timestamp>)> {
        if let Some(room) = &self.room {
            return Some((room.seal.sealed.then_some(&room.seal.nonce), Some(room.asked)));
        }
        let now = self.server.replicas.get(&replica.name)?;
        Some((now.seal.as_ref().filter(|seal| seal.sealed).map(|seal| &seal.nonce), now.answered))
    }

    fn waited(&self, applied: &Applied) -> bool {
        self.progress.now.as_second() - applied.at.as_second() >= JOINING
    }

    /// How often a replica had all its shares and stayed sealed.
    fn rounds(&self, replica: &ObjectRef) -> usize {
        self.record(replica).filter(|applied| unsealing(applied) && applied.result.as_ref().is_ok_and(has_all)).count()
    }

    fn replica(&self, replica: &ObjectRef) -> Desire {
        if let Some(desire) = self.after_failure(replica) {
            return desire;
        }
        if self.rounds(replica) >= ROUNDS {
            return Desire::GiveUp(format!(
                "{} took all its shares {ROUNDS} times and stays sealed. Look at its log: it may not reach the leader.",
                replica.name
            ));
        }
        let taken = self.taken(replica);
        if let Some(share) = self.held().find(|share| !taken.contains(share)) {
            return Desire::Send(share);
        }
        match self.record(replica).next_back() {
            // It has all it needs: it is joining, or the last poll of it is a moment old.
            Some(applied) if unsealing(applied) && applied.result.as_ref().is_ok_and(has_all) && !self.waited(applied) => {
                Desire::Wait(applied.at.checked_add(jiff::SignedDuration::from_secs(JOINING)).unwrap_or(applied.at))
            }
            _ => Desire::Share,
        }
    }

    /// What follows a write that failed for another reason than a wrong share: nothing more, or the same again
    /// after a while that doubles.
    fn after_failure(&self, replica: &ObjectRef) -> Option<Desire> {
        let failed = |applied: &&Applied| matches!(&applied.result, Err(fault) if !is_wrong_share(fault.message.as_str()));
        let last = self.record(replica).next_back().filter(|applied| failed(applied))?;
        let failures = self.record(replica).rev().take_while(failed).count();
        let Err(fault) = &last.result else { return None };
        if !fault.is_transient() || failures >= ROUNDS {
            return Some(Desire::GiveUp(format!("{} does not take a share: {fault}", replica.name)));
        }
        let again = last.at.checked_add(jiff::SignedDuration::from_secs(1 << failures)).unwrap_or(last.at);
        (self.progress.now < again).then_some(Desire::Wait(again))
    }

    /// After a wrong share, the replicas that hold some of the same shares must lose them too.
    fn reset_after_wrong_share(&self, sealed: &[ObjectRef]) -> Option<Operation> {
        self.wrong_share()?;
        sealed
            .iter()
            .find(|replica| !self.taken(replica).is_empty() || self.counts_still())
            .map(|replica| match &self.room {
                Some(room) => room.reset(self.server),
                None => VaultWrite::reset(self.server.address.clone(), replica.clone()),
            })
            .map(|write| write.in_world(self.world))
            .map(Operation::Vault)
    }

    /// The failure that says a share was wrong, unless shares were given again since.
    fn wrong_share(&self) -> Option<&Applied> {
        let wrong = |applied: &&Applied| matches!(&applied.result, Err(fault) if is_wrong_share(fault.message.as_str()));
        let last = self.own().rev().find(wrong)?;
        (self.progress.share_given_at.is_none_or(|given| given <= last.at)).then_some(last)
    }

    /// No replica says that it is sealed: is all well, or is something not known?
    fn settled(&self) -> Next {
        let all = self.server.replicas.len();
        let open = self.server.open().count();
        let unseen: Vec<&Name> =
            self.server.replicas.iter().filter(|(_, replica)| !replica.is_open()).map(|(pod, _)| pod).collect();
        if all == 0 {
            let why =
                self.server.unlisted.as_ref().map_or_else(|| "no pod stands behind its Service".to_owned(), ToString::to_string);
            return Next::Done(StepReport::new(Outcome::Failed, format!("The replicas of this Vault are not known: {why}.")));
        }
        let leads = self.server.replicas.values().any(Replica::leads);
        if (!unseen.is_empty() || !leads) && !self.patience_is_over() {
            let what =
                if unseen.is_empty() { "a leader to be elected".to_owned() } else { format!("{} to answer", names(&unseen)) };
            return Next::Wait { what, until: self.progress.in_seconds(1) };
        }
        if open == 0 {
            return Next::Done(StepReport::new(
                Outcome::Failed,
                format!("No replica of this Vault is open or says why ({}).", names(&unseen)),
            ));
        }
        let leader = self.server.replicas.iter().find(|(_, replica)| replica.leads());
        let leader = leader.map_or_else(|| "none leads yet".to_owned(), |(pod, _)| format!("{pod} leads"));
        let (outcome, done) = match self.opened().len() {
            _ if !unseen.is_empty() || !leads => (Outcome::Unproved, "Not every replica could be seen open".to_owned()),
            0 => (Outcome::Nothing, "No replica is sealed".to_owned()),
            n => (Outcome::Proved, format!("{} unsealed", counted(n, "replica"))),
        };
        let left = unseen.iter().map(|pod| (self.server.replica_ref(pod), "does not say that it is open".to_owned())).collect();
        Next::Done(StepReport { outcome, summary: format!("{done}; {open} of {all} open, {leader}."), left })
    }

    /// Replicas that were given a share in this run and are open.
    fn opened(&self) -> Vec<&Name> {
        self.server.open().map(|(pod, _)| pod).filter(|pod| self.record(&self.server.replica_ref(pod)).next().is_some()).collect()
    }

    fn patience_is_over(&self) -> bool {
        const ELECTION: i64 = 30;
        let entered = self.progress.entered.get(STEP.id).copied().unwrap_or(self.progress.started);
        let last = self.own().next_back().map_or(entered, |applied| applied.at);
        self.progress.now.as_second() - last.as_second() > ELECTION
    }

    fn preview(&self, sealed: &[ObjectRef]) -> Preview {
        let threshold = self.threshold();
        let shares = self.server.replicas.values().find_map(|replica| replica.seal.as_ref()).map_or(1, |seal| seal.shares);
        let (namespace, _) = self.server.address.service().unwrap_or_else(|| (Name::empty(), Name::empty()));
        let given =
            self.server.sealed().filter_map(|(_, replica)| Some(replica.seal.as_ref()?.progress as usize)).max().unwrap_or(0);
        let mut will = Vec::new();
        match self.wrong_share().map(|applied| &applied.result) {
            Some(Err(fault)) => {
                let which = if threshold == 1 {
                    "The share was wrong"
                } else {
                    "One of the shares was wrong; the server cannot say which"
                };
                will.push(format!("{which} ({}). Every replica was reset: give all shares again.", fault.message));
            }
            _ if given == 0 && self.own().next().is_some() && self.held().is_empty() => {
                will.push("The shares given so far were wiped after two minutes. Give them again.".to_owned());
            }
            _ => {}
        }
        will.push(match threshold {
            1 => format!("Send one share to {}.", each(sealed)),
            _ if given == 0 => {
                format!("Send {threshold} different shares of {shares}, one after the other, to {}.", each(sealed))
            }
            _ => format!("{given} of {threshold} shares given; {} more.", threshold.saturating_sub(given)),
        });
        if self.duplicate(sealed) {
            will.push("The last share had been given already: the server counts it once. Give another one.".to_owned());
        }
        if given > 0 && self.own().next().is_none() {
            will.push("Somebody else has begun to unseal: the shares that were given count.".to_owned());
        }
        if sealed.iter().any(|replica| self.was_reset(replica)) {
            will.push("Somebody else has begun anew: what was given here before was dropped there.".to_owned());
        }
        let (replicas, quorum) = (self.server.replicas.len(), self.server.quorum());
        let mut forecast = Vec::new();
        // Where enough are open, this would explain nothing.
        if replicas > 1 && self.server.open().count() < quorum {
            forecast.push(format!("A leader needs {quorum} of {replicas} replicas open."));
        }
        let followed = self.server.named_in_vain();
        if let Some(first) = sealed.iter().find(|replica| followed.contains(&replica.name)).filter(|_| self.server.is_unled()) {
            forecast.push(format!("The open replicas follow {}: nobody leads before it is open.", first.name));
        }
        if threshold > 1 {
            forecast.push(format!(
                "Others may give theirs here, or from where they are, and it counts: sealwatch --write runbook run unseal --target {}",
                self.server.subject()
            ));
        }
        Preview {
            exact: false,
            will,
            will_not: vec!["No share is stored, logged, put into an argument or sent through exec.".to_owned()],
            forecast,
            commands: sealed
                .iter()
                .map(|replica| {
                    let write = VaultWrite::unseal(self.server.address.clone(), replica.clone(), 0).in_world(self.world);
                    write.unsealing_by_hand(self.lacking(replica))
                })
                .collect(),
            objects: sealed.to_vec(),
            confirm: Confirm::Share { secret: Some(ObjectRef { kind: Kind::Secret, namespace, name: Name::new(SHARES_SECRET) }) },
        }
    }

    /// Whether the last share did not move the progress of the replica that took it.
    fn duplicate(&self, sealed: &[ObjectRef]) -> bool {
        let Some(first) = sealed.first() else { return false };
        let progress: Vec<u32> =
            self.record(first).filter_map(|a| a.result.as_ref().ok()?.seal.as_ref().map(|seal| seal.progress)).collect();
        matches!(progress.as_slice(), [.., before, last] if before == last && *last > 0)
    }
}

const fn unsealing(applied: &Applied) -> bool {
    matches!(&applied.operation, Operation::Vault(write) if write.share().is_some())
}

/// Whether a replica took its last share: it is open, or answers `200 sealed:true progress:0` and will be.
fn has_all(receipt: &Receipt) -> bool {
    receipt.seal.as_ref().is_some_and(|seal| !seal.sealed || seal.progress == 0)
}

/// Whether an answer says that the shares do not open this Vault: 400 on OpenBao, 400 or 500 on Vault
/// (vault#17792), and shares of another length or kind.
#[must_use]
pub fn is_wrong_share(message: &str) -> bool {
    [
        "message authentication failed",
        "must be the same length",
        "valid hex or base64",
        // In these words a namespace with a seal of its own says it (`OpenBao` 2.7.2).
        "illegal base64 data",
        "invalid key:",
        "failed to setup unseal key",
    ]
    .iter()
    .any(|needle| message.contains(needle))
}

fn each(sealed: &[ObjectRef]) -> String {
    match sealed {
        [one] => one.name.to_string(),
        many => format!("each of {} in turn", names(&many.iter().map(|replica| &replica.name).collect::<Vec<_>>())),
    }
}

fn names(names: &[&Name]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}
