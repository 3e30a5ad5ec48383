//! The Secret that an `ExternalSecret` should write is controlled by something else.

use super::finding::{Finding, Source};
use super::{ReaderCase, Check, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "target-owned-by-controller",
    title: "Secret belongs to another controller",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Failing(check),
    explain: "\
The Secret exists and is controlled by an object of another kind: a SealedSecret, an operator's resource. External Secrets with
`creationPolicy: Owner` cannot take it.

**How it is known.** The condition says `failed to take ownership of target secret`; the Secret's own controller reference
names its owner.

**How it is repaired.** Decide who writes it. Either remove the other owner (for a SealedSecret delete that object, and the
Secret with it), or give the ExternalSecret another `spec.target.name`, or let it add its keys with `creationPolicy: Merge`.
Then annotate it: External Secrets does not try again by itself.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let condition = case.es.ready.as_ref().is_some_and(|ready| ready.message.as_str().contains("failed to take ownership"));
    let event = case.text().contains("is already owned by another") && !case.text().contains("another ExternalSecret");
    if !condition && !event {
        return;
    }
    let secret = case.case.world.target_of(case.es);
    let owner = secret.and_then(|secret| secret.meta.controller.as_ref()).map(|(kind, name)| format!("{kind} “{name}”"));
    let (target, owner) = (&case.es.target, owner.unwrap_or_else(|| "another controller".to_owned()));
    let summary = format!("The Secret “{target}” is controlled by {owner}, so External Secrets cannot take it.");
    let mut finding = case.finding(RULE.slug, RULE.severity, summary);
    if let Some(secret) = secret {
        finding = finding.seen(Source::Kubernetes, format!("Secret {target}: its controller is {owner}"), secret.meta.created);
    }
    found.push(finding);
}
