//! What the Vault Secrets Operator keeps is reconciled at once: it does so at any change of an annotation, and reads none
//! that forces a sync (vso#680). The proof is its heartbeat, newer than the annotation (`model/vso.rs`), and for what is
//! issued that it was issued since.
//!
//! For a `VaultDynamicSecret` and a `VaultPKISecret` the same annotation issues a new lease or a new certificate (`ForceSync`,
//! controllers/predicates.go). So these are treated like generators: touched only if they fail, or if they are named.
//! Nothing else does: a change of the spec and the deletion of the Secret restart every `rolloutRestartTarget` although the
//! data is the same (measured on 1.4.1).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::each::{Each, Effect, Task, preview};
use super::{closed_server, counted, forecast, had_just_opened, is_closed, upkeeps_of, without_closed};
use crate::diagnosis::state::of_upkeep;
use crate::model::kinds::{Event, VaultDynamicSecret, VaultPKISecret};
use crate::model::vso::{ASKED, Upkeep};
use crate::model::{Age, Health, Inventory, Kind, ObjectRef, Status, Text, VaultServer};
use crate::runbooks::{Applied, Confirm, Next, Operation, Outcome, Preview, Progress, StepDef, StepReport, Target};

/// Those that fail, whatever they are. What is left over from a failure that is over is told, and left alone.
pub const FAILED: StepDef = StepDef {
    id: ID,
    explanation: "Annotates each object of the Vault Secrets Operator that failed, so that it is reconciled now; waits until it is healthy since then.",
    git: StepDef::NOT_IN_GIT,
    next: |target, world, progress| next(Which::Failed, target, world, progress),
    items: |target, world, progress| EACH.items(&tasks(Which::Failed, target, world, progress), progress),
};

/// Those that the target means, whether they fail or not; what is issued only if it is named itself.
pub const MEANT: StepDef = StepDef {
    id: ID,
    explanation: "Annotates each object of the Vault Secrets Operator that is meant, so that it is reconciled now; waits until it is healthy since then.",
    git: StepDef::NOT_IN_GIT,
    next: |target, world, progress| next(Which::Meant, target, world, progress),
    items: |target, world, progress| EACH.items(&tasks(Which::Meant, target, world, progress), progress),
};

const ID: &str = "vso";

/// The operator's own wait after a failed read grows to 60 s and some (cmd/main.go): one that fails at first has had its
/// second turn by then.
const EACH: Each = Each {
    id: ID,
    noun: "object",
    done: "reconciled and proved",
    awaited: "of the Vault Secrets Operator to be reconciled",
    patience: 150,
    at_once: 8,
    nothing: "Nothing of the Vault Secrets Operator is concerned.",
};

/// Which of those that a target means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Failed,
    Meant,
}

fn next(which: Which, target: &Target, world: &Inventory, progress: &Progress) -> Next {
    let target = &*without_closed(target, world);
    // Of a whole Vault that is closed there is one thing to say, and not one for each.
    if let Some(why) = closed_server(target, world).filter(|_| !target.vaults().is_empty()) {
        return Next::Done(StepReport::new(Outcome::Failed, why));
    }
    let tasks = tasks(which, target, world, progress);
    match EACH.next(&tasks, progress, |open| shown(open, &tasks, world)) {
        // What fails for its own reason is no reason to leave the rest of a runbook undone.
        Next::Done(mut report) if report.outcome >= Outcome::Failed => {
            report.outcome = Outcome::Unproved;
            Next::Done(report)
        }
        next => next,
    }
}

fn shown(open: &[&Task], all: &[Task], world: &Inventory) -> Preview {
    let objects = || open.iter().map(|task| task.operation.object());
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    objects().for_each(|object| *kinds.entry(object.kind).or_default() += 1);
    let kinds: Vec<String> = kinds.into_iter().map(|(kind, count)| counted(count, kind.as_str())).collect();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for task in all {
        if let Effect::LeftOut(why) = &task.effect {
            *reasons.entry(why).or_default() += 1;
        }
    }
    let mut will_not: Vec<String> =
        reasons.iter().map(|(why, count)| format!("{} left out: {why}.", counted(*count, "object"))).collect();
    will_not.push(
        "No spec is changed and no Secret deleted: either would restart workloads although the data is the same.".to_owned(),
    );
    let mut forecast = forecast::of_upkeeps(world, objects());
    forecast
        .push("There is no way back: what is written or issued then stays. The annotation does nothing after that.".to_owned());
    Preview {
        will: vec![format!(
            "Annotate {}, and wait until the operator has reconciled each and says Healthy.",
            kinds.join(" and ")
        )],
        will_not,
        forecast,
        confirm: Confirm::Yes,
        ..preview(open)
    }
}

fn tasks(which: Which, target: &Target, world: &Inventory, progress: &Progress) -> Vec<Task> {
    let meant = upkeeps_of(target, world);
    meant.into_iter().filter_map(|(object, upkeep)| One::of(world, object, upkeep, ID).task(which, target, progress)).collect()
}

/// A reconcile of one for another step, whether it fails or not, as far as it is.
pub(super) fn reconciled(step: &'static str, world: &Inventory, object: ObjectRef, upkeep: &Upkeep, progress: &Progress) -> Task {
    let one = One::of(world, object, upkeep, step);
    let effect = one.effect(progress).unwrap_or_else(|| one.why_it_cannot().map_or(Effect::None, Effect::LeftOut));
    Task::new(one.annotate(progress), effect)
}

/// Whether what Vault gives for an object is made for it: its annotation has that made anew.
pub(super) fn is_issued(world: &Inventory, object: &ObjectRef) -> bool {
    match object.kind {
        // Of a role that Vault rotates itself the present credentials are read.
        Kind::VaultDynamicSecret => world.get::<VaultDynamicSecret>(object).is_some_and(|one| !one.static_credentials),
        Kind::VaultPKISecret => true,
        _ => false,
    }
}

/// One of them, with what is known of it.
struct One<'a> {
    world: &'a Inventory,
    object: ObjectRef,
    upkeep: &'a Upkeep,
    server: Option<&'a VaultServer>,
    issued: bool,
    /// The step that has it reconciled.
    step: &'static str,
    /// The last complaint, if it complained last.
    complaint: Option<&'a Event>,
}

impl<'a> One<'a> {
    fn of(world: &'a Inventory, object: ObjectRef, upkeep: &'a Upkeep, step: &'static str) -> Self {
        let complaint = world.events_of(&object).into_iter().next_back().map(AsRef::as_ref).filter(|event| event.warning);
        let server = world.vault_beside(upkeep).and_then(|address| world.vaults.get(address)).map(AsRef::as_ref);
        Self { world, upkeep, server, issued: is_issued(world, &object), step, complaint, object }
    }

    /// What is to be done with it, if it is concerned at all.
    fn task(&self, which: Which, target: &Target, progress: &Progress) -> Option<Task> {
        let effect = match self.effect(progress) {
            Some(effect) => effect,
            None => self.why_not(which, target, progress.now)?.map_or(Effect::None, Effect::LeftOut),
        };
        Some(Task::new(self.annotate(progress), effect))
    }

    fn annotate(&self, progress: &Progress) -> Operation {
        let mine = || progress.of_step(self.step).filter(|applied| *applied.operation.object() == self.object);
        // The value that stands there already changes nothing. That is wanted where a second change would issue a second
        // lease: an answer that was lost need not mean that the first did not arrive, whichever process sent it.
        if let Some(first) = mine().next().filter(|_| self.issued) {
            return first.operation.clone();
        }
        let again = i64::try_from(mine().count()).unwrap_or(0);
        Operation::annotate(self.object.clone(), ASKED, (progress.stamp(self.step) + again).to_string())
    }

    /// Nothing if it is not concerned; else why it is left out, if it is.
    #[allow(clippy::option_option, reason = "not concerned, or concerned and perhaps left out")]
    fn why_not(&self, which: Which, target: &Target, now: Timestamp) -> Option<Option<String>> {
        let is_broad = !target.vaults().is_empty() || which == Which::Failed;
        let is_named = which == Which::Meant && matches!(target, Target::Objects(all) if all.contains(&self.object));
        if is_broad && !self.fails(now) {
            let is_stale = of_upkeep(self.upkeep).health == Health::Warning;
            let why = "its SecretSynced=False is left over: Healthy is True and newer (vso#1225)";
            return is_stale.then(|| Some(why.to_owned()));
        }
        if self.issued && !is_named && which == Which::Meant {
            let made = if self.object.kind == Kind::VaultPKISecret { "certificate" } else { "lease" };
            return Some(Some(format!("its annotation issues a new {made}: name it itself to have that done")));
        }
        Some(self.why_it_cannot())
    }

    /// Why nothing would come of it, if so.
    fn why_it_cannot(&self) -> Option<String> {
        if let Some(server) = self.server.filter(|server| is_closed(server)) {
            return Some(format!("its Vault {} does not serve now", server.subject().short()));
        }
        let upkeep = self.upkeep;
        let secret = upkeep.secret_ref(&self.object);
        let is_missing = self.world.would_show(&secret) && !self.world.has(&secret);
        let why = || format!("its Secret {} is not there, and it may not make it (destination.create)", secret.name);
        (is_missing && !upkeep.creates).then(why)
    }

    /// Whether it fails now: as it says, as its newest event does while its status is silent (a login that fails is written
    /// into no status: `VaultClientConfigError`), or because what was issued has ended.
    fn fails(&self, now: Timestamp) -> bool {
        let heartbeat = self.upkeep.healthy.as_ref().and_then(|healthy| healthy.since);
        let complains = self.complaint.is_some_and(|event| heartbeat.is_none_or(|beat| event.last.is_some_and(|at| at > beat)));
        let ended = self.issued && self.ends().is_some_and(|end| end <= now);
        of_upkeep(self.upkeep).health == Health::Failing || complains || ended
    }

    /// When what was issued ends.
    fn ends(&self) -> Option<Timestamp> {
        match self.object.kind {
            Kind::VaultDynamicSecret => self.world.get::<VaultDynamicSecret>(&self.object)?.expires(),
            _ => self.world.get::<VaultPKISecret>(&self.object)?.expires,
        }
    }

    /// When it was last issued, as far as it tells.
    fn issued_at(&self) -> Option<Timestamp> {
        match self.object.kind {
            Kind::VaultDynamicSecret => self.world.get::<VaultDynamicSecret>(&self.object)?.renewed,
            _ => self.world.get::<VaultPKISecret>(&self.object)?.rotated,
        }
    }

    /// What came of its annotation, if it was annotated.
    fn effect(&self, progress: &Progress) -> Option<Effect> {
        let applied = progress.last(self.step, &self.object)?;
        Some(self.seen(applied, progress.counts_from(self.step, &self.object).unwrap_or(applied.at)))
    }

    /// What is seen of that annotation, of what came since.
    fn seen(&self, applied: &Applied, since: Timestamp) -> Effect {
        let version = applied.result.as_ref().map_or(0, |receipt| receipt.resource_version);
        let newer = self.world.meta_of(&self.object).is_some_and(|meta| version > 0 && meta.resource_version > version);
        // Times have whole seconds: within the same one, the object's version tells what came after.
        let beat = self.upkeep.healthy.as_ref();
        let beat = beat.filter(|healthy| healthy.since.is_some_and(|at| at > since || (at == since && newer)));
        let is_issued = !self.issued || self.issued_at().is_some_and(|at| at >= since);
        if beat.is_some_and(|healthy| healthy.status == Status::True) && is_issued {
            return Effect::Proved(self.in_words());
        }
        let complaint = || self.complaint.filter(|event| event.last.is_some_and(|at| at > since));
        let failing = beat.filter(|healthy| healthy.status == Status::False);
        let said = failing.map(|healthy| (healthy.since, self.own_words()));
        let said = said.or_else(|| complaint().map(|event| (event.last, event.message.clone())));
        match said {
            // What a Vault refuses that opened a moment ago may go well at the operator's own next try.
            Some((Some(at), words)) if self.server.is_some_and(|server| had_just_opened(server, at)) => {
                Effect::NotYet(format!("{words}, a moment after its Vault opened"))
            }
            Some((_, words)) => Effect::Failed(format!("fails again: {words}")),
            None => Effect::None,
        }
    }

    /// What it says itself of its failure. `Healthy` says only that there is one.
    fn own_words(&self) -> Text {
        let synced = self.upkeep.synced.as_ref().filter(|synced| synced.status == Status::False).map(|synced| &synced.message);
        let certificate = self.world.get::<VaultPKISecret>(&self.object).map(|one| &one.error);
        let healthy = self.upkeep.healthy.as_ref().map(|healthy| &healthy.message);
        let complaint = self.complaint.map(|event| &event.message);
        let words = synced.into_iter().chain(complaint).chain(certificate).chain(healthy);
        words.into_iter().find(|words| !words.is_empty()).cloned().unwrap_or_default()
    }

    fn in_words(&self) -> String {
        match self.object.kind {
            Kind::VaultDynamicSecret if self.issued => {
                let lease = self.world.get::<VaultDynamicSecret>(&self.object).map_or(0, |one| one.lease);
                format!("reconciled, with a new lease of {}", Age(lease))
            }
            Kind::VaultPKISecret => match self.ends() {
                Some(end) => format!("reconciled, with a new certificate until {end}"),
                None => "reconciled, with a new certificate".to_owned(),
            },
            _ => "reconciled".to_owned(),
        }
    }
}
