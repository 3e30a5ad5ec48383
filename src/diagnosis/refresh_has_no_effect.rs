//! A change of an `ExternalSecret` will not be synced.

use super::finding::{Finding, Source};
use super::{ReaderCase, Check, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "refresh-has-no-effect",
    title: "A change is never synced",
    severity: Severity::Info,
    runbooks: &[],
    check: Check::ExternalSecret(check),
    explain: "\
The ExternalSecret was changed after its last sync, and it is one that is never synced again: `refreshPolicy: CreatedOnce` or
`refreshInterval: 0`. An annotation does not help either.

**How it is known.** `status.syncedResourceVersion` is not the hash of the present generation, labels and annotations, and
`shouldRefresh` says no before it looks at it (measured on 2.9.0).

**How it is repaired.** If the change is wanted, set `refreshPolicy: Periodic` with an interval for one sync, or delete the
Secret.

**What is left out.** One with a generator: it was set so that no new value is made, and both repairs would make one.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    // One that never had its hash written by these policies says nothing: its first generation is the one that was synced.
    if case.es.refresh_has_effect() || case.es.synced_current || case.es.meta.generation <= 1 {
        return;
    }
    // One with a generator is set to `CreatedOnce` so that nothing is made anew: the change that did it looks like this, and
    // to have it synced would be the rotation that it prevents.
    if case.es.rotates() {
        return;
    }
    let how = if case.es.interval == 0 { "refreshInterval 0" } else { "refreshPolicy CreatedOnce" };
    let summary = format!("Its spec was changed after its only sync; with {how} that has no effect on the Secret.");
    let finding = Finding::certain(RULE.slug, RULE.severity, case.object.clone(), summary).suspected();
    let what = format!("generation {}, status.syncedResourceVersion is of an older one", case.es.meta.generation);
    found.push(finding.seen(Source::Kubernetes, what, case.es.refreshed));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::diagnose;
    use crate::model::inventory::Change;
    use crate::model::kinds::{ExternalSecret, OnShelf as _, Watched as _};
    use crate::model::{Inventory, Kind, Names};

    /// Whether it is said of one whose second generation was never synced.
    fn is_said(policy: &str, source: &str) -> bool {
        let wire = format!(
            r#"{{"metadata": {{"name": "a", "namespace": "b", "generation": 2}}, "spec": {{{policy}, {source}}},
            "status": {{"refreshTime": "2026-11-25T00:00:00Z", "syncedResourceVersion": "1-old"}}}}"#
        );
        let es = ExternalSecret::read(serde_json::from_str(&wire).unwrap(), &mut Names::default());
        let now = "2026-11-25T00:30:00Z".parse().unwrap();
        let mut world = Inventory::default();
        world.apply(Change::Listed(Kind::ExternalSecret.into(), vec![es.into_object()], Vec::new()), now);
        diagnose(&world, now).findings.iter().any(|finding| finding.slug == RULE.slug)
    }

    #[test]
    fn a_change_is_without_effect_where_it_was_not_made_to_stop_a_generator() {
        let (once, never) = (r#""refreshPolicy": "CreatedOnce""#, r#""refreshInterval": "0""#);
        let path = r#""data": [{"secretKey": "k", "remoteRef": {"key": "db"}}]"#;
        let generator = r#""dataFrom": [{"sourceRef": {"generatorRef": {"kind": "Password", "name": "p"}}}]"#;
        for (policy, source, said) in [
            (once, path, true),
            (never, path, true),
            (once, generator, false),
            (never, generator, false),
            (r#""refreshInterval": "1h""#, path, false),
        ] {
            assert_eq!(is_said(policy, source), said, "{policy} {source}");
        }
        assert!(!is_said(once, &format!("{path}, {generator}")), "a sync of one that does both would rotate too");
    }
}
