//! The Secret of an `ExternalSecret` was deleted because its source was not found.

use super::finding::{Finding, Source};
use super::{ReaderCase, Check, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "target-deleted-by-policy",
    title: "Secret was deleted by policy",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::ExternalSecret(check),
    explain: "\
With `deletionPolicy: Delete` External Secrets deletes the Secret when its source is gone. A wrong mount or KV version looks the
same to it as a deleted path. The ExternalSecret is green all the same: `Ready=True SecretDeleted`.

**How it is known.** By that reason, the Secret's absence, and a `MissingProviderSecret` event; why the source was not found,
Vault tells.

**How it is repaired.** Bring the source back (see the cause that it stands under), then annotate the ExternalSecret: the Secret
is made anew. If the source is gone for good, delete the ExternalSecret. `deletionPolicy: Retain` would have kept the Secret.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let deleted = case.es.ready.as_ref().filter(|ready| ready.reason.as_str() == "SecretDeleted");
    let Some(ready) = deleted.filter(|_| case.lacks_target()) else { return };
    let target = &case.es.target;
    let absence = case.absence();
    let why = absence.as_ref().map_or("its source was not found", |(why, _)| why.as_str());
    let summary = format!("It is green, but External Secrets deleted the Secret “{target}” (deletionPolicy Delete): {why}.");
    let mut finding = case.finding(RULE.slug, RULE.severity, summary).since(ready.since);
    if let Some((_, (slug, root))) = absence {
        finding = finding.under(slug, root);
    }
    let gone = case.event("Deleted");
    found.push(match gone {
        Some(event) => finding.seen(Source::Event, format!("Deleted: {}", event.message), event.last),
        None => finding,
    });
}
