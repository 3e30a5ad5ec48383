//! Before anything is touched: does External Secrets run and lead, and is every right there?

use std::collections::BTreeSet;

use super::{closed_server, counted, external_secrets_of, is_sealed, lacks, stores_of, unseal, upkeeps_of};
use crate::diagnosis::state::of_upkeep;
use crate::model::kinds::Watched;
use crate::model::{Health, Inventory};
use crate::runbooks::{Confirm, Next, Outcome, Preview, Progress, Right, StepDef, StepReport, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "check",
    explanation: "Asks whether External Secrets runs and leads, and whether every right is there. Writes nothing.",
    git: StepDef::NOT_IN_GIT,
    next,
    items: |_, _, _| Vec::new(),
};

fn next(target: &Target, world: &Inventory, progress: &Progress) -> Next {
    if !progress.confirmed.contains_key(STEP.id) {
        return Next::Confirm(preview(target, world));
    }
    let needed = rights(target, world);
    let open: Vec<Right> = needed.iter().filter(|right| !progress.rights.contains_key(right)).cloned().collect();
    if !open.is_empty() {
        return Next::Ask(open);
    }
    // A runbook about a Vault repairs that itself; one about objects cannot.
    if let (Target::Objects(_), Some(why)) = (target, closed_server(target, world)) {
        return Next::Done(StepReport::new(Outcome::Failed, why));
    }
    Next::Done(report(target, world, progress, &needed))
}

/// Whether only the Vault Secrets Operator brings what is meant. Its process is not watched.
fn is_beside(target: &Target, world: &Inventory) -> bool {
    stores_of(target, world).is_empty() && external_secrets_of(target, world).is_empty() && !upkeeps_of(target, world).is_empty()
}

fn rights(target: &Target, world: &Inventory) -> BTreeSet<Right> {
    let mut rights: BTreeSet<Right> = stores_of(target, world).iter().map(|store| Right::annotate(&store.store_ref())).collect();
    rights.extend(external_secrets_of(target, world).iter().map(|es| Right::annotate(&es.object_ref())));
    rights.extend(upkeeps_of(target, world).keys().map(Right::annotate));
    let spaces = target.vaults().iter().filter_map(|vault| unseal::space_of(vault, world));
    rights.extend(spaces.flat_map(|(server, space)| unseal::space::rights(server, &space, world)));
    let services = target.servers(world).into_iter().filter_map(|server| server.address.service());
    rights.extend(services.map(|(namespace, _)| Right::reach_pod(&namespace)));
    rights
}

fn preview(target: &Target, world: &Inventory) -> Preview {
    let stores = stores_of(target, world);
    let failing = external_secrets_of(target, world).iter().filter(|es| es.health() == Health::Failing).count();
    let sealed = target.servers(world).iter().map(|server| server.sealed().count()).sum();
    let spaces = target.vaults().iter().filter_map(|vault| unseal::space_of(vault, world));
    let spaces = spaces.filter(|(server, space)| is_sealed(server, &space.object)).count();
    let sealed = match (sealed, spaces) {
        (0, 1..) => format!("{} sealed", counted(spaces, "namespace")),
        (sealed, 0) => format!("{} sealed", counted(sealed, "replica")),
        (sealed, spaces) => format!("{} and {} sealed", counted(sealed, "replica"), counted(spaces, "namespace")),
    };
    let beside = upkeeps_of(target, world);
    let beside_failing = beside.values().filter(|of| of_upkeep(of).health == Health::Failing).count();
    let beside = if beside.is_empty() {
        String::new()
    } else {
        format!(", {beside_failing} of {} of the Vault Secrets Operator failing", counted(beside.len(), "object"))
    };
    let mut will = Vec::new();
    if !is_beside(target, world) {
        will.push("Look at the External Secrets Deployment and its lease.".to_owned());
    }
    will.push(format!("Ask the API server for {}.", counted(rights(target, world).len(), "right")));
    Preview {
        exact: false,
        will,
        will_not: vec!["No pod is restarted, no Secret deleted, no spec changed, in any step.".to_owned()],
        forecast: vec![format!(
            "In view: {sealed}, {}, {} failing{beside}.",
            counted(stores.len(), "store"),
            counted(failing, "ExternalSecret"),
        )],
        commands: rights(target, world).iter().map(Right::command).collect(),
        objects: Vec::new(),
        confirm: Confirm::Start,
    }
}

fn report(target: &Target, world: &Inventory, progress: &Progress, needed: &BTreeSet<Right>) -> StepReport {
    let missing: Vec<&Right> = needed.iter().filter(|right| lacks(progress, right)).collect();
    let unsure = needed.iter().filter(|right| progress.rights.get(right) == Some(&None)).count();
    let rights = match (missing.len(), unsure) {
        (0, 0) => "every right is there".to_owned(),
        (0, n) => format!("{} could not be asked for", counted(n, "right")),
        (_, _) => format!("missing: {}", missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    if !needed.is_empty() && missing.len() == needed.len() {
        return StepReport::new(Outcome::Refused, format!("Not one of the rights for this is there; {rights}."));
    }
    if is_beside(target, world) {
        let summary = format!("The Vault Secrets Operator cannot be asked whether it runs, its effects will tell; {rights}.");
        return StepReport::new(Outcome::Nothing, summary);
    }
    match &world.controller {
        Some(controller) if controller.works() => {
            let leads = if controller.leader.is_empty() { "runs" } else { "runs and leads" };
            StepReport::new(Outcome::Proved, format!("External Secrets {} {leads}; {rights}.", controller.version))
        }
        Some(controller) => StepReport::new(
            Outcome::Unproved,
            format!(
                "External Secrets ({}) does not run or has lost its lease: nothing will be synced until it is back; {rights}.",
                controller.deployment.short()
            ),
        ),
        None => StepReport::new(
            Outcome::Nothing,
            format!("External Secrets could not be seen from here, its effects will tell; {rights}."),
        ),
    }
}
