//! External Secrets itself is looked at and restarted. The proof is a lease that is renewed by a pod that is ready.

use super::by_name;
use super::each::{Each, Effect, Task, preview};
use super::restart::rolled_since;
use crate::model::kinds::Deployment;
use crate::model::{Clock, Inventory};
use crate::runbooks::{Applied, KubernetesWrite, Next, Operation, Outcome, Preview, Progress, StepDef, StepReport, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "operator",
    explanation: "Looks at the Deployment and the lease of External Secrets, restarts it, and waits until it leads again.",
    git: StepDef::NOT_IN_GIT,
    next,
    items: |_, world, progress| task(world, progress).map_or_else(|_| Vec::new(), |task| EACH.items(&[task], progress)),
};

const EACH: Each = Each {
    id: "operator",
    noun: "Deployment",
    done: "restarted; it leads and renews its lease",
    awaited: "to lead again",
    patience: 180,
    at_once: 1,
    nothing: "There is nothing to restart.",
};

fn next(_: &Target, world: &Inventory, progress: &Progress) -> Next {
    let task = match task(world, progress) {
        Ok(task) => task,
        Err(why) => return Next::Done(StepReport::new(Outcome::Failed, why)),
    };
    EACH.next(&[task], progress, |open| {
            let base = preview(open);
        let state = world.controller.as_ref().map_or_else(String::new, |controller| {
            let leader = if controller.leader.is_empty() { "nobody holds a lease".to_owned() } else { format!("{} holds the lease", controller.leader) };
            let renewed = controller.renewed.map_or_else(String::new, |at| format!(", renewed at {}", Clock(at)));
            format!("Now: version {}, {} ready, {leader}{renewed}.", controller.version, controller.ready)
        });
        Preview {
            will: vec!["Restart the Deployment of External Secrets by a rollout.".to_owned(), state],
            will_not: vec!["No store, ExternalSecret or Secret is touched.".to_owned()],
            forecast: vec![
                "It looks at every object once when it starts: what is overdue is synced then, and generators that are due make a new value.".to_owned(),
            ],
            confirm: by_name(&base.objects, "Deployment"),
            ..base
        }
    })
}

fn task(world: &Inventory, progress: &Progress) -> Result<Task, String> {
    let controller = world
        .controller
        .as_ref()
        .ok_or("External Secrets cannot be seen from here: its Deployment may not be read, or is not there.")?;
    let workload = controller.deployment.clone();
    let found = world.get::<Deployment>(&workload).map(|found| &found.0);
    let applied = progress.last(STEP.id, &workload);
    if applied.is_none() && found.is_some_and(|found| found.wanted == 0) {
        return Err(format!(
            "{workload} is scaled to 0 on purpose: a restart starts nothing. Scale it up: kubectl scale deployment -n {} {} --replicas=1",
            workload.namespace, workload.name
        ));
    }
    let effect = match applied.map(Applied::effective) {
        Some(since) => {
            let rolled = rolled_since(world, &workload, since).is_some();
            let leads = controller.works() && controller.seen >= since && controller.renewed.is_none_or(|at| at >= since);
            if rolled && leads { Effect::Proved(format!("{} leads", controller.leader)) } else { Effect::None }
        }
        None => Effect::None,
    };
    let at = progress.entered_at(STEP.id);
    Ok(Task::new(Operation::Kubernetes(KubernetesWrite::Restart { workload, at }), effect))
}
