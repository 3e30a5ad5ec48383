//! The one door through which every write leaves. It runs a runbook: asks the current step what is next,
//! shows it, waits for the person, checks the gate, journals the intent, grants a [`Permit`], applies,
//! journals the result, and asks the step again with what the world says then.

mod in_git;
mod leave;
mod record;
mod show;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leave::{Leave, Shown, replaces};
pub(super) use show::first_view;
use tokio::sync::{mpsc, watch};

use super::gate::Writes;
use super::may::may;
use super::past::Resume;
use super::run::{RunResult, RunState, RunView};
use super::{Decision, Ports};
use crate::model::vault::NamespaceSeal;
use crate::model::{Change, Fault, FaultKind, Inventory, Name, ObjectRef, ReplicaRole};
use crate::ports::{Clock, Identity, MountPaths, Permit, ReplicaAddress, Seen, Typed};
use crate::runbooks::operation::quoted;
use crate::runbooks::steps::unseal::{self, SHARES_KEY, is_wrong_share};
use crate::runbooks::{
    Applied, Confirm, Item, ItemState, KvPath, Next, Operation, Preview, Progress, Receipt, Right, Runbook, StepDef, Target,
    VaultChange, VaultWrite,
};

/// How long typed shares are held, in seconds.
const SHARES_HELD: i64 = 120;
/// On more objects than this, break-glass asks for the context's name.
const MANY: usize = 10;

/// What a person says to a run.
pub(super) enum Order {
    /// An answer to what is shown.
    Decide(Decision),
    /// Begin nothing new, or go on.
    Pause(bool),
    /// End after what is in flight.
    Stop,
}

/// Everything that a run needs.
pub(super) struct Door {
    pub(super) ports: Ports,
    pub(super) identity: Identity,
    pub(super) worlds: watch::Receiver<Arc<Inventory>>,
    pub(super) writes: watch::Receiver<Writes>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) view: watch::Sender<Arc<RunView>>,
    pub(super) changes: mpsc::Sender<Change>,
    pub(super) runbook: &'static Runbook,
    pub(super) target: Target,
    /// Which earlier run is taken up.
    pub(super) resume: Resume,
}

impl Door {
    /// Runs the runbook to its end and publishes every stage of it.
    pub(super) async fn run(self) {
        let now = self.ports.clock.now();
        let mut run = Run {
            progress: Progress::new(now),
            began: now,
            taken_up: None,
            ended: BTreeMap::new(),
            shares: Vec::new(),
            notice: None,
            asked: None,
            unheard: None,
            shown: Arc::default(),
            agreed_on: BTreeMap::new(),
            refused: BTreeMap::new(),
            withdrawn: 0,
            risky: BTreeSet::new(),
            answers: 0,
            paused: false,
            stopping: false,
            door: self,
        };
        if let Some(past) = run.door.past() {
            let world = run.door.worlds.borrow().clone();
            run.take_up(past, &world);
        }
        let result = run.work().await;
        run.end(result);
        run.shares.clear();
        let world = run.door.worlds.borrow().clone();
        run.publish(&world, RunState::Over(result));
    }
}

/// Ends when shares are to be wiped; never, if none are held.
async fn wiped(clock: &Arc<dyn Clock>, left: Option<Duration>) {
    match left {
        Some(left) => clock.sleep(left).await,
        None => std::future::pending().await,
    }
}

/// A run in the making.
struct Run {
    door: Door,
    progress: Progress,
    /// When it began, or the run that it takes up.
    began: Timestamp,
    /// What it takes up, in a sentence.
    taken_up: Option<String>,
    ended: BTreeMap<&'static str, Timestamp>,
    /// The shares that are held, oldest first; wiped on drop.
    shares: Vec<Typed>,
    notice: Option<String>,
    /// What was asked last, while it is.
    asked: Option<Preview>,
    /// The world from which that was worked out.
    shown: Arc<Inventory>,
    /// How the objects of each step were when the person agreed to it.
    agreed_on: BTreeMap<(&'static str, ObjectRef), Shown>,
    /// How often the server said that an object of a step is not the one that we saw.
    refused: BTreeMap<(&'static str, ObjectRef), u32>,
    /// How many agreements were withdrawn, because what they were about is another thing by now.
    withdrawn: u32,
    /// A decision that came while nothing was waited for.
    unheard: Option<Decision>,
    /// The steps that asked for the context's name.
    risky: BTreeSet<&'static str>,
    /// How many answers were heard.
    answers: u32,
    paused: bool,
    stopping: bool,
}

impl Run {
    async fn work(&mut self) -> RunResult {
        loop {
            self.hear();
            self.progress.now = self.door.ports.clock.now();
            self.wipe_old_shares();
            let world = self.door.worlds.borrow_and_update().clone();
            let Some((step, next)) = self.door.runbook.next(&self.door.target, &world, &self.progress) else {
                return self.result(&world);
            };
            self.progress.entered.entry(step.id).or_insert(self.progress.now);
            if !matches!(next, Next::Confirm(_)) {
                self.answer_to(None);
                self.asked = None;
            }
            match next {
                Next::Done(report) => {
                    self.ended.insert(step.id, self.progress.now);
                    self.progress.done.insert(step.id, report);
                    self.wipe_shares();
                    // That something was changed meanwhile is still worth knowing when that ended the step.
                    self.notice.take_if(|_| self.withdrawn == 0);
                }
                _ if self.paused => self.wait(&world, RunState::Paused, None).await,
                Next::Ask(rights) => {
                    self.publish(&world, RunState::Running { waiting: Some("the API server to say what you may do".to_owned()) });
                    self.ask(rights).await;
                }
                Next::Wait { what, until } => self.wait(&world, RunState::Running { waiting: Some(what) }, Some(until)).await,
                Next::Confirm(_) | Next::Apply(_) if self.stopping && self.in_flight(step, &world) => {
                    let soon = self.progress.in_seconds(1);
                    self.wait(&world, RunState::Running { waiting: Some("what is in flight".to_owned()) }, Some(soon)).await;
                }
                Next::Confirm(_) | Next::Apply(_) if self.stopping => {
                    self.cut_short(step, &world);
                    return RunResult::Cancelled;
                }
                Next::Confirm(preview) if self.belongs_to_git(&preview.confirm) => self.leave_to_git(step, &world),
                Next::Confirm(preview) => {
                    let preview = self.by_risk(step, preview);
                    self.confirm(&world, step, preview).await;
                }
                Next::Apply(operations) => {
                    self.publish(&world, RunState::Running { waiting: None });
                    for operation in operations {
                        if let Some(end) = self.apply(step, operation).await {
                            return end;
                        }
                        // The step is asked again anyway: what a stop or a pause leaves here is not lost.
                        self.hear();
                        if self.stopping || self.paused {
                            break;
                        }
                    }
                }
            }
        }
    }

    /// Takes the orders that came meanwhile.
    fn hear(&mut self) {
        while let Ok(order) = self.door.orders.try_recv() {
            self.obey(order);
        }
    }

    /// The decision that came meanwhile, if it answers just this; one that answers what is no longer shown is
    /// dropped.
    fn answer_to(&mut self, preview: Option<&Preview>) -> Option<Decision> {
        let decision = self.unheard.take()?;
        self.answers += 1;
        let (now, shown) = (preview?, self.asked.as_ref()?);
        now.is_covered_by(shown).then_some(decision)
    }

    /// Whether a write of this step left and its effect is not seen yet.
    fn in_flight(&self, step: &StepDef, world: &Inventory) -> bool {
        let items = (step.items)(&self.door.target, world, &self.progress);
        let applied = |item: &Item| item.state == ItemState::Applied && self.progress.last(step.id, &item.object).is_some();
        step.id != unseal::STEP.id && items.iter().any(applied)
    }

    /// Asks for rights, all at once; a question that fails is noted as such.
    async fn ask(&mut self, rights: Vec<Right>) {
        let ports = &self.door.ports;
        let asked = rights.into_iter().map(|right| async move {
            let answer = may(ports, &right).await;
            (right, answer)
        });
        self.progress.rights.extend(futures::future::join_all(asked).await);
    }

    /// Waits for the world, for the person, or for the time.
    async fn wait(&mut self, world: &Inventory, state: RunState, until: Option<Timestamp>) {
        self.publish(world, state);
        let clock = self.door.ports.clock.clone();
        let shares_left = self.shares_left();
        let left = until.map_or(i64::MAX, |until| until.as_millisecond() - self.progress.now.as_millisecond());
        let left = Duration::from_millis(u64::try_from(left.max(50)).unwrap_or(50));
        tokio::select! {
            biased;
            order = self.door.orders.recv() => match order {
                Some(order) => self.obey(order),
                None => self.stopping = true,
            },
            _ = self.door.worlds.changed() => {}
            _ = self.door.writes.changed() => {}
            () = clock.sleep(left), if until.is_some() => {}
            () = wiped(&clock, shares_left) => {}
        }
    }

    /// How long the shares that are held may be held on.
    fn shares_left(&self) -> Option<Duration> {
        let given = self.progress.share_given_at.filter(|_| self.progress.shares_held > 0)?;
        let left = given.as_second() + SHARES_HELD + 1 - self.progress.now.as_second();
        Some(Duration::from_secs(u64::try_from(left).unwrap_or_default()))
    }

    /// Shows a step and waits until the person agrees, the world makes it pointless, or the run is stopped.
    async fn confirm(&mut self, world: &Arc<Inventory>, step: &StepDef, preview: Preview) {
        if let Some(decision) = self.answer_to(Some(&preview)) {
            return self.decide(step, &preview, decision).await;
        }
        self.wipe_those_of_others(&preview);
        self.asked = Some(preview.clone());
        self.shown = world.clone();
        self.publish(world, RunState::Asks(preview.clone()));
        let clock = self.door.ports.clock.clone();
        let shares_left = self.shares_left();
        tokio::select! {
            biased;
            order = self.door.orders.recv() => match order {
                Some(Order::Decide(decision)) => {
                    self.answers += 1;
                    self.decide(step, &preview, decision).await;
                }
                Some(order) => self.obey(order),
                None => self.stopping = true,
            },
            _ = self.door.worlds.changed() => {}
            _ = self.door.writes.changed() => {}
            () = wiped(&clock, shares_left) => {}
        }
    }

    async fn decide(&mut self, step: &StepDef, preview: &Preview, decision: Decision) {
        let now = self.door.ports.clock.now();
        let sharing = matches!(preview.confirm, Confirm::Share { .. });
        if preview.confirm != Confirm::Start
            && let Err(why) = self.door.writes.borrow().allow(sharing, now)
        {
            self.notice = Some(why);
            return;
        }
        let refused = match (&preview.confirm, decision) {
            (Confirm::Start | Confirm::Yes, Decision::Agree) => self.agreed(step, preview, now),
            (Confirm::TypeName(name), Decision::Name(typed)) if typed == *name => self.agreed(step, preview, now),
            (Confirm::TypeName(name), _) => Some(format!("Type “{name}” to agree. Nothing was done.")),
            (Confirm::Share { .. }, Decision::Share(share)) if !share.is_empty() => {
                self.take_shares(vec![share], preview, now);
                self.agreed(step, preview, now)
            }
            (Confirm::Value(_), Decision::Share(value)) if !value.is_empty() => {
                self.take_shares(vec![value], preview, now);
                None
            }
            (Confirm::Value(_), _) => Some("Type the value. Nothing was done.".to_owned()),
            (Confirm::Share { secret: Some(secret) }, Decision::SharesFromSecret)
                if self.door.writes.borrow().policy.shares_from_secret() =>
            {
                self.shares_from(step, preview, secret, now).await
            }
            // Under break-glass the context's name opens the Secret; once, and it is said.
            (Confirm::Share { secret: Some(secret) }, Decision::Name(typed)) if typed == self.door.identity.context.as_str() => {
                self.shares_from(step, preview, secret, now).await
            }
            (Confirm::Share { secret: None }, Decision::SharesFromSecret) => {
                Some("No Secret is known to hold these shares. Type a share.".to_owned())
            }
            (Confirm::Share { .. }, Decision::SharesFromSecret) => {
                Some("The policy of this context does not take shares from a Secret. Type a share.".to_owned())
            }
            (Confirm::Share { .. }, _) => Some("Type a share. Nothing was done.".to_owned()),
            (_, _) => Some("That is not what was asked. Nothing was done.".to_owned()),
        };
        self.notice = refused;
    }

    /// The person agreed to this step on what was shown, and on nothing else.
    fn agreed(&mut self, step: &StepDef, preview: &Preview, now: Timestamp) -> Option<String> {
        self.progress.confirmed.insert(step.id, now);
        self.progress.agreed.entry(step.id).or_default().extend(preview.objects.iter().cloned());
        self.remember(step, preview);
        None
    }

    /// Takes shares in; their numbers go on from those given before.
    fn take_shares(&mut self, shares: Vec<Typed>, preview: &Preview, now: Timestamp) {
        self.wipe_those_of_others(preview);
        self.progress.shares_for.clone_from(&preview.objects);
        self.progress.shares_given += shares.len();
        self.progress.share_given_at = Some(now);
        self.shares.extend(shares);
        self.progress.shares_held = self.shares.len();
    }

    /// Takes the shares out of a Secret. It reads, but it opens a safe: it is journalled like a write.
    async fn shares_from(&mut self, step: &StepDef, preview: &Preview, secret: &ObjectRef, now: Timestamp) -> Option<String> {
        let command = format!(
            "kubectl get secret -n {} {} (its unseal shares)",
            quoted(secret.namespace.as_str()),
            quoted(secret.name.as_str())
        );
        if let Err(fault) = self.journal("intent", step, secret, &command, String::new()) {
            return Some(format!("The Secret was not read, because the journal cannot be written: {fault}"));
        }
        let read = self.door.ports.cluster.shares(Permit::grant(), secret, SHARES_KEY).await;
        let note = read.as_ref().map_or_else(ToString::to_string, |shares| format!("{} read", shares.len()));
        if let Err(fault) = self.journal("result", step, secret, &command, note) {
            return Some(format!("The result could not be journalled: {fault}"));
        }
        match read {
            Ok(shares) if shares.is_empty() => {
                Some(format!("{secret} holds no key that begins with “{SHARES_KEY}”. Type a share."))
            }
            Ok(shares) => {
                self.take_shares(shares, preview, now);
                None
            }
            Err(fault) => Some(format!("The shares could not be read from {secret}: {fault}")),
        }
    }

    /// Does one write, if the gate and the journal let it out. Says how the run ends if they do not.
    async fn apply(&mut self, step: &StepDef, operation: Operation) -> Option<RunResult> {
        let at = self.door.ports.clock.now();
        let unseal = matches!(&operation, Operation::Vault(write) if write.is_unseal());
        let allowed = self.door.writes.borrow().allow(unseal, at);
        if let Err(why) = allowed {
            // It was open when the person agreed; the time ran out in between. The run can be taken up again.
            self.notice = Some(why);
            self.paused = true;
            return None;
        }
        let Leave::Granted(seen) = self.leave(step, &operation) else {
            self.withdraw(step, operation.object());
            return None;
        };
        if let Err(fault) = self.intend(step, &operation) {
            self.notice = Some(format!("Nothing was written, because the journal cannot be: {fault}"));
            return Some(RunResult::Refused);
        }
        let result = self.send(&operation, seen).await;
        let note = match &result {
            Ok(_) => "done".to_owned(),
            Err(fault) if fault.kind == FaultKind::Unknown => format!("unknown: {fault}"),
            Err(fault) => fault.to_string(),
        };
        // The write is out: a journal that fails now cannot take it back, so this is only said.
        if let Err(fault) = self.came(step, &operation, &result, note) {
            self.notice = Some(format!("The result could not be journalled: {fault}"));
        }
        self.tell_the_world(&operation, &result).await;
        if result.as_ref().is_err_and(|fault| unseal && is_wrong_share(fault.message.as_str())) {
            self.wipe_shares();
        }
        if result.as_ref().is_err_and(|fault| fault.kind == FaultKind::Conflict) && replaces(&operation) {
            self.changed_meanwhile(step, operation.object()).await;
            return None;
        }
        self.progress.applied.push(Applied { step: step.id, operation, at, result });
        None
    }

    async fn send(&self, operation: &Operation, seen: Option<Seen>) -> Result<Receipt, Fault> {
        let ports = &self.door.ports;
        match operation {
            Operation::Kubernetes(write) => ports.cluster.write(Permit::grant_on(seen), write).await,
            Operation::Vault(write) => {
                let moved = match &write.change {
                    VaultChange::MoveValue { from, key, .. } => Some(ports.cluster.value(Permit::grant(), from, key).await?),
                    _ => None,
                };
                let typed = match &write.change {
                    VaultChange::MoveValue { .. } => moved.as_ref(),
                    VaultChange::Unseal { share } | VaultChange::UnsealSpace { share, .. } => {
                        let first_held = self.progress.shares_given - self.shares.len();
                        let held = share.checked_sub(first_held).and_then(|index| self.shares.get(index));
                        Some(held.ok_or_else(|| Fault::new(FaultKind::Local, "That share is no longer held."))?)
                    }
                    // The last one that was typed counts.
                    VaultChange::WriteValue { .. } => self.shares.last(),
                    VaultChange::ResetUnseal
                    | VaultChange::ResetSpace { .. }
                    | VaultChange::Undelete { .. }
                    | VaultChange::Configure { .. }
                    | VaultChange::Bind { .. } => None,
                };
                ports.vault.write(Permit::grant(), write, typed).await
            }
        }
    }

    /// What a write to a Vault did is shown now, not at the next poll: an unseal answers with the new seal, and a path
    /// that was written, or was not because it is another one by now, is asked for.
    async fn tell_the_world(&mut self, operation: &Operation, result: &Result<Receipt, Fault>) {
        let Operation::Vault(write) = operation else { return };
        let seal = match result {
            Ok(receipt) => receipt.seal.as_ref(),
            Err(fault) if fault.kind == FaultKind::Conflict => None,
            Err(_) => return,
        };
        let change = match (&write.change, seal) {
            (VaultChange::Unseal { .. } | VaultChange::ResetUnseal, Some(seal)) => {
                let answer = Ok((seal.clone(), ReplicaRole::Unknown));
                Some(Change::Answered(write.server.clone(), write.replica.name.clone(), answer))
            }
            (VaultChange::UnsealSpace { space, .. } | VaultChange::ResetSpace { space }, Some(seal)) => {
                Some(Change::Space(write.server.clone(), space.path.clone(), NamespaceSeal::of(seal)))
            }
            (
                VaultChange::Undelete { path, .. } | VaultChange::WriteValue { path, .. } | VaultChange::MoveValue { path, .. },
                _,
            ) => self.read_path(write, path).await,
            _ => None,
        };
        let Some(change) = change else { return };
        if self.door.changes.send(change).await.is_ok() {
            let clock = self.door.ports.clock.clone();
            tokio::select! {
                _ = self.door.worlds.changed() => {}
                () = clock.sleep(Duration::from_millis(100)) => {}
            }
        }
    }

    /// What a path is now.
    async fn read_path(&self, write: &VaultWrite, path: &KvPath) -> Option<Change> {
        let full = self.door.worlds.borrow().vaults.get(&write.server)?.path_named(&path.object)?;
        let (namespace, mount) = (path.namespace.clone(), path.mount.clone());
        let asked = MountPaths { namespace, mount, kv: Name::new("v2"), keys: vec![path.key.clone()] };
        let at = ReplicaAddress::of(&write.server, &write.replica);
        let facts = self.door.ports.vault.classify(&at, &asked).await.ok()?.paths.into_iter().next()?;
        Some(Change::Paths(write.server.clone(), vec![(full, facts)]))
    }

    /// Follows an order. A decision waits until it is known whether what it answers is still asked.
    fn obey(&mut self, order: Order) {
        match order {
            Order::Pause(pause) => self.paused = pause,
            Order::Stop => {
                self.stopping = true;
                self.paused = false;
            }
            Order::Decide(decision) => self.unheard = Some(decision),
        }
    }

    fn wipe_old_shares(&mut self) {
        let given = self.progress.share_given_at.map_or(i64::MAX, Timestamp::as_second);
        if self.progress.now.as_second().saturating_sub(given) > SHARES_HELD {
            self.wipe_shares();
        }
    }

    /// Wipes the shares of another Vault than the one for which shares are asked now.
    fn wipe_those_of_others(&mut self, preview: &Preview) {
        if matches!(preview.confirm, Confirm::Share { .. })
            && !self.progress.shares_for.iter().any(|replica| preview.objects.contains(replica))
        {
            self.wipe_shares();
        }
    }

    fn wipe_shares(&mut self) {
        self.shares.clear();
        self.progress.shares_held = 0;
        self.progress.shares_for.clear();
    }

    /// Under break-glass, many objects at once need more than a `y`. Once a step has asked for the name it goes
    /// on asking for it: an answer that changes while one types is no question.
    fn by_risk(&mut self, step: &StepDef, mut preview: Preview) -> Preview {
        let policy = self.door.writes.borrow().policy.clone();
        let break_glass = policy.name == super::config::PolicyName::BreakGlass;
        if let (Confirm::Share { secret: Some(secret) }, Some(configured)) = (&mut preview.confirm, policy.shares_secret) {
            *secret = configured;
        }
        if break_glass && preview.objects.len() > MANY {
            self.risky.insert(step.id);
        }
        if matches!(preview.confirm, Confirm::Yes | Confirm::TypeName(_)) && self.risky.contains(step.id) {
            preview.confirm = Confirm::TypeName(self.door.identity.context.to_string());
        }
        preview
    }
}
