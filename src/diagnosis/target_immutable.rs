//! The Secret of an `ExternalSecret` cannot be changed.

use super::finding::{Finding, Source};
use super::{ReaderCase, Check, Rule, Severity};
use crate::model::Clock;

pub(super) const RULE: Rule = Rule {
    slug: "target-immutable",
    title: "Secret cannot follow: it is immutable",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::ExternalSecret(check),
    explain: "\
The Secret is immutable, so a new value does not reach it. One that somebody else made immutable fails. One that is made so by
`spec.target.immutable` fails up to External Secrets 0.19.0 and says `SecretSynced` with a fresh time since (#5110), although
the value is old.

**How it is known.** The condition says `could not update secret, target is immutable`; or Vault holds a version that is newer
than the Secret's data, and the spec makes the Secret immutable.

**How it is repaired.** Delete the Secret: External Secrets makes it anew with the present value, and its consumers must be
restarted. Mind that for an ExternalSecret with a generator this is a rotation.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    if case.word.is_some() {
        let condition = case.es.ready.as_ref().is_some_and(|ready| ready.message.as_str().contains("target is immutable"));
        if condition || case.text().contains("secret is immutable") {
            let target = &case.es.target;
            let summary = format!("The Secret “{target}” is immutable, so it keeps its value whatever is read.");
            found.push(case.finding(RULE.slug, RULE.severity, summary));
        }
        return;
    }
    if !case.es.immutable {
        return;
    }
    let written = case.case.world.target_of(case.es).and_then(|secret| secret.written());
    let (Some(written), Some(newest)) = (written, case.newest_version()) else { return };
    if newest > written {
        let summary = format!(
            "It says that it is synced, but its Secret is immutable and of {}: Vault has a version of {}.",
            Clock(written),
            Clock(newest)
        );
        let finding = Finding::certain(RULE.slug, Severity::Warning, case.object.clone(), summary).since(Some(newest));
        found.push(finding.seen(Source::Vault, "the current version was written after the Secret's data", Some(newest)));
    }
}
