//! A namespace of `OpenBao` that has a seal of its own: the same desk, with other shares and one place to bring them to.
//!
//! Measured on `OpenBao` 2.7.2: shares go to `sys/namespaces/<name>/unseal` in the namespace above, with a token that has `update`
//! there, once for the whole cluster. The leader alone knows how many it was given; a standby sends shares on to it. When it is open,
//! the standbys take that over after some 11 s, and answer `namespace is sealed` until then; a leader that is elected before has it
//! sealed. What is no share at all is refused with other words than by the seal of the server.

use super::{Desire, Desk, STEP, is_wrong_share};
use crate::model::vault::{NamespaceSeal, Replica, Told, VaultServer};
use crate::model::{Inventory, ObjectRef};
use crate::runbooks::steps::{asking, lacks};
use crate::runbooks::{
    Confirm, Item, ItemState, Next, Operation, Outcome, Preview, Progress, Right, Space, StepReport, VaultChange, VaultWrite,
};

/// What is known of a namespace whose shares are collected.
pub(super) struct Room<'a> {
    pub(super) space: &'a Space,
    pub(super) seal: &'a NamespaceSeal,
    pub(super) asked: jiff::Timestamp,
    /// The replica that counts the shares.
    leader: ObjectRef,
}

impl Room<'_> {
    /// The write that brings it a share.
    pub(super) fn share(&self, server: &VaultServer, share: usize) -> VaultWrite {
        self.write(server, VaultChange::UnsealSpace { space: self.space.clone(), share })
    }

    /// The write that throws away what it was given.
    pub(super) fn reset(&self, server: &VaultServer) -> VaultWrite {
        self.write(server, VaultChange::ResetSpace { space: self.space.clone() })
    }

    fn write(&self, server: &VaultServer, change: VaultChange) -> VaultWrite {
        VaultWrite::new(server.address.clone(), self.leader.clone(), change)
    }
}

/// The rights that it takes to give shares to a namespace; none while nobody leads.
pub(in crate::runbooks::steps) fn rights(server: &VaultServer, space: &Space, world: &Inventory) -> Vec<Right> {
    let change = VaultChange::UnsealSpace { space: space.clone(), share: 0 };
    let write = server.active().map(|leader| VaultWrite::new(server.address.clone(), leader, change).in_world(world));
    write.map_or_else(Vec::new, |write| write.rights())
}

pub(super) fn next(server: &VaultServer, space: &Space, world: &Inventory, progress: &Progress) -> Next {
    let vault = server.subject().short();
    let failed = |why: String| Next::Done(StepReport::new(Outcome::Failed, why));
    let Some(leader) = server.active() else {
        let why =
            format!("Nobody leads the Vault {vault} now, so no share can be given to a namespace of it: “unseal” on it first.");
        return asking(progress, STEP.id, "who leads").unwrap_or_else(|| failed(why));
    };
    // What was said before this replica opened or led is old: a namespace is sealed with its Vault.
    let opened = server.replicas.get(&leader.name).and_then(Replica::changed);
    let told = server.space(&space.object).filter(|(_, _, asked)| opened.is_none_or(|opened| *asked >= opened));
    let (seal, asked) = match told {
        Some((_, Told::Said(seal), asked)) => (seal, asked),
        Some((_, Told::Denied, _)) => {
            let why = format!(
                "Your token may not read {} in {}: without that nobody can say what this namespace needs. Log in with one that may.",
                space.endpoint().replace("/unseal", "/seal-status"),
                of_above(space)
            );
            return Next::Done(StepReport::new(Outcome::Refused, why));
        }
        Some((_, Told::Failed(fault), _)) => {
            return failed(format!("The Vault {vault} does not say how the namespace stands: {fault}"));
        }
        Some((_, Told::NotAsked | Told::Absent, _)) | None => {
            let why = match (&server.unreadable, &server.around) {
                (Some(fault), _) | (None, Told::Failed(fault)) => fault.to_string(),
                _ => format!("no store names the namespace {}, or there is no such namespace", space.path),
            };
            return asking(progress, STEP.id, "how the namespace stands")
                .unwrap_or_else(|| failed(format!("It is not known how the namespace stands: {why}")));
        }
    };
    if !seal.sealable {
        let why = format!("{} has no seal of its own: it is open whenever its Vault is. Nothing was done.", space.path);
        return Next::Done(StepReport::new(Outcome::Nothing, why));
    }
    let desk = Desk { world, server, progress, room: Some(Room { space, seal, asked, leader }) };
    desk.space_next()
}

pub(super) fn item(server: &VaultServer, space: &Space, progress: &Progress) -> Item {
    let (state, note) = match server.space(&space.object) {
        Some((_, Told::Said(seal), _)) if seal.sealed && seal.progress > 0 => {
            let attempt: String = seal.nonce.as_str().chars().take(8).collect();
            (ItemState::Applied, format!("sealed {}/{}, attempt {attempt}", seal.progress, seal.threshold))
        }
        Some((_, Told::Said(seal), _)) if seal.sealed => (ItemState::Queued, format!("sealed 0/{}", seal.threshold)),
        // What a colleague opened is not of this run's doing.
        Some((_, Told::Said(_), _)) => {
            let was_given = progress.last(STEP.id, &space.object).is_some();
            (if was_given { ItemState::Proved } else { ItemState::Well }, "open".to_owned())
        }
        Some((_, Told::Failed(fault), _)) => (ItemState::Failed, fault.message.to_string()),
        Some((_, Told::Denied, _)) => (ItemState::Failed, "your token may not ask".to_owned()),
        Some((_, Told::NotAsked | Told::Absent, _)) | None => (ItemState::Queued, "not asked yet".to_owned()),
    };
    Item { object: space.object.clone(), state, note }
}

fn of_above(space: &Space) -> String {
    match space.split().0 {
        "" => "the root namespace".to_owned(),
        above => format!("the namespace {above}"),
    }
}

impl Desk<'_> {
    fn space_next(&self) -> Next {
        let Some(room) = &self.room else { return Next::Done(StepReport::new(Outcome::Nothing, "No namespace is meant.")) };
        let object = room.space.object.clone();
        if !room.seal.sealed {
            let (outcome, summary) = match self.record(&object).next() {
                Some(_) => (Outcome::Proved, format!("The namespace {} is unsealed.", room.space.path)),
                None => (Outcome::Nothing, format!("The namespace {} is not sealed.", room.space.path)),
            };
            return Next::Done(StepReport::new(outcome, summary));
        }
        let needed = rights(self.server, room.space, self.world);
        let unasked: Vec<Right> = needed.iter().filter(|right| !self.progress.rights.contains_key(right)).cloned().collect();
        if !unasked.is_empty() {
            return Next::Ask(unasked);
        }
        if let Some(right) = needed.iter().find(|right| lacks(self.progress, right)) {
            return Next::Done(StepReport::new(Outcome::Refused, format!("You may not {right}: log in with a token that may.")));
        }
        let sealed = [object];
        if let Some(reset) = self.reset_after_wrong_share(&sealed) {
            return Next::Apply(vec![reset]);
        }
        match self.replica(&sealed[0]) {
            Desire::Send(share) => Next::Apply(vec![Operation::Vault(room.share(self.server, share).in_world(self.world))]),
            Desire::GiveUp(why) => {
                let left = vec![(sealed[0].clone(), "still sealed".to_owned())];
                Next::Done(StepReport { outcome: Outcome::Failed, summary: why, left })
            }
            Desire::Wait(until) => Next::Wait { what: format!("the namespace {} to open", room.space.path), until },
            Desire::Share => Next::Confirm(self.space_preview(room, &sealed)),
        }
    }

    fn space_preview(&self, room: &Room<'_>, sealed: &[ObjectRef]) -> Preview {
        let (threshold, given) = (self.threshold(), room.seal.progress as usize);
        let mut will = Vec::new();
        match self.wrong_share().map(|applied| &applied.result) {
            Some(Err(fault)) if threshold == 1 => {
                will.push(format!("The share was wrong ({}). Give another one.", fault.message));
            }
            Some(Err(fault)) => will.push(format!(
                "One of the shares was wrong; the server cannot say which ({}). All were dropped: give all shares again.",
                fault.message
            )),
            _ if given == 0 && self.own().next().is_some() && self.held().is_empty() => {
                will.push("The shares given so far were wiped after two minutes. Give them again.".to_owned());
            }
            _ => {}
        }
        let name = &room.space.path;
        will.push(match threshold {
            1 => format!("Send one share of the namespace {name} to {}, which leads.", room.leader.name),
            _ if given == 0 => format!(
                "Send {threshold} different shares of the namespace {name}, of {} that there are, one after the other, to {}, which leads.",
                room.seal.shares, room.leader.name
            ),
            _ => format!("{given} of {threshold} shares given; {} more.", threshold.saturating_sub(given)),
        });
        if self.duplicate(sealed) {
            will.push("The last share had been given already: the server counts it once. Give another one.".to_owned());
        }
        if given > 0 && self.own().next().is_none() {
            will.push("Somebody else has begun to unseal: the shares that were given count.".to_owned());
        }
        if sealed.iter().any(|object| self.was_reset(object)) {
            will.push("Somebody else has begun anew: what was given here before was dropped there.".to_owned());
        }
        let mut forecast = vec!["The shares of the Vault itself, or of another namespace, do not open it.".to_owned()];
        if self.server.replicas.len() > 1 {
            let follow = "The leader opens it at once; the standbys follow by themselves, after about 11 s on OpenBao 2.7.2, and some requests fail until then.";
            forecast.push(follow.to_owned());
        }
        if threshold > 1 {
            forecast.push(format!(
                "Others may give theirs here, or from where they are, and it counts: sealwatch --write runbook run unseal --target {}",
                room.space.object
            ));
        }
        Preview {
            exact: false,
            will,
            will_not: vec!["No share is stored, logged, put into an argument or sent through exec.".to_owned()],
            forecast,
            commands: vec![room.share(self.server, 0).in_world(self.world).unsealing_by_hand(threshold.saturating_sub(given))],
            objects: sealed.to_vec(),
            confirm: Confirm::Share { secret: None },
        }
    }

    /// Whether a namespace still counts shares from before one that was wrong: what is no share at all is refused at once, and
    /// those that were given stay.
    pub(super) fn counts_still(&self) -> bool {
        let last_is_wrong = self
            .own()
            .next_back()
            .is_some_and(|last| last.result.as_ref().is_err_and(|fault| is_wrong_share(fault.message.as_str())));
        self.room.as_ref().is_some_and(|room| room.seal.progress > 0) && last_is_wrong
    }
}
