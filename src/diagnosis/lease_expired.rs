//! The lease of a dynamic credential has ended.

use super::finding::{Finding, Source};
use super::{Case, Check, Rule, Severity};
use crate::model::Clock;
use crate::model::kinds::{VaultDynamicSecret, Watched as _};

pub(super) const RULE: Rule = Rule {
    slug: "lease-expired",
    title: "Lease has ended",
    severity: Severity::Error,
    runbooks: &["refresh"],
    check: Check::World(check),
    explain: "\
A credential that Vault made for a time has ended, and nobody renewed it: what uses it is refused.

**How it is known.** For the Vault Secrets Operator: `status.lastRenewalTime` plus the duration of the lease is past. External
Secrets keeps no lease (its generator VaultDynamicSecret makes a new one at each sync, external-secrets#2198), so of those
nothing can be said.

**How it is repaired.** The runbook `refresh` on it annotates the VaultDynamicSecret: the operator then makes a new lease, and
restarts what `rolloutRestartTargets` names. Look at its events first: if Vault refuses it, that is the cause.
",
};

fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    for lease in case.world.all::<VaultDynamicSecret>().iter() {
        let Some(end) = lease.expires().filter(|end| !lease.static_credentials && case.has_passed(*end)) else { continue };
        let summary = format!("Its lease of {} s ended at {} and was not renewed.", lease.lease, Clock(end));
        let finding = Finding::certain(RULE.slug, RULE.severity, lease.object_ref(), summary).since(Some(end));
        found.push(finding.seen(Source::Kubernetes, "status.lastRenewalTime", lease.renewed));
    }
}
