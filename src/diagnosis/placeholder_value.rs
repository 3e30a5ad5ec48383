//! A Secret holds the placeholder that a bootstrap left.

use std::sync::Arc;

use super::finding::{Finding, Source};
use super::{Case, Check, Rule, Severity};
use crate::model::kinds::{ExternalSecret, Role, Secret, Watched as _};

pub(super) const RULE: Rule = Rule {
    slug: "placeholder-value",
    title: "Value is still a placeholder",
    severity: Severity::Error,
    runbooks: &["client-patcher", "write-value"],
    check: Check::World(check),
    explain: "\
A bootstrap wrote a placeholder into Vault, to be replaced by a real value later (by the client-patcher, or by a person), and that has
not happened. Everything is green; what uses the Secret is refused by the other side.

**How it is known.** External Secrets leaves a hash of the Secret's data on it (`data-hash`); that of a known placeholder under the same
key is the same. The value itself is not read.

**How it is repaired.** Run what should have replaced it (the client-patcher), or write the value. Then annotate the ExternalSecret, and
restart what read the placeholder.
",
};

fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    let world = case.world;
    let holds = |secret: &&Arc<Secret>| secret.marks.as_ref().is_some_and(|marks| marks.placeholder);
    for secret in world.all::<Secret>().iter().filter(holds) {
        let object = secret.object_ref();
        for by in world.pointing_at(&object, Role::Writes) {
            let Some(es) = world.get::<ExternalSecret>(by) else { continue };
            let keys: Vec<&str> = es.remote.iter().map(|remote| remote.key.as_str()).collect();
            let summary = format!(
                "The Secret “{}” holds a known placeholder: nobody wrote the real value to {} yet.",
                es.target,
                keys.join(", ")
            );
            let finding = Finding::certain(RULE.slug, RULE.severity, by.clone(), summary).since(secret.written());
            found.push(finding.seen(Source::Kubernetes, "its data-hash is that of a known placeholder", secret.written()));
        }
    }
}
