//! Something deploys objects of External Secrets in a version that is gone.

use super::finding::{Finding, Source};
use super::{Case, Check, Rule, Severity};
use crate::model::Text;
use crate::model::inventory::Unmatched;

pub(super) const RULE: Rule = Rule {
    slug: "api-version-gone",
    title: "API version is not served any more",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::World(check),
    explain: "\
External Secrets 0.17 stopped serving `external-secrets.io/v1beta1`. What Argo CD or Flux still applies in that version is
refused, and the objects in the cluster stay as they were.

**How it is known.** The condition of the Application, Kustomization or HelmRelease says `no matches for kind` with that group, and
the API server, asked for that version (`GET /apis/external-secrets.io/v1beta1`), does not know it or not that kind of it. Where
it cannot be asked this is suspected; where it serves it by now, the condition is an old one and nothing is said.

**How it is repaired.** Write `external-secrets.io/v1` in the manifests; the fields are the same. For Helm releases also mind the
manifest that Helm stored.
",
};

fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    for Unmatched { by, text, kind, version } in case.world.unmatched() {
        let served = case.world.served.get(&Text::foreign(version)).and_then(|served| served.as_ref().ok());
        if served.is_some_and(|kinds| kinds.as_ref().is_some_and(|kinds| kinds.iter().any(|one| one.as_str() == kind))) {
            continue;
        }
        let summary = "It applies objects of External Secrets in a version that the cluster does not serve any more.".to_owned();
        let finding = Finding::certain(RULE.slug, RULE.severity, by, summary).seen(Source::Kubernetes, text, None);
        found.push(match served {
            Some(Some(_)) => finding.seen(Source::Probe, format!("GET /apis/{version}: it has no {kind}"), None),
            Some(None) => finding.seen(Source::Probe, format!("GET /apis/{version}: 404"), None),
            None => finding.suspected(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::{Certainty, diagnose};
    use crate::model::inventory::Change;
    use crate::model::kinds::{Kustomization, OnShelf as _, Watched as _};
    use crate::model::{Fault, FaultKind, Inventory, Kind, Names};

    #[test]
    fn what_the_server_says_of_the_version_decides() {
        let wire = r#"{"metadata": {"name": "apps", "namespace": "flux"}, "status": {"conditions": [{"type": "Ready",
            "status": "False", "reason": "ReconciliationFailed", "message":
            "no matches for kind \"ExternalSecret\" in version \"external-secrets.io/v1beta1\""}]}}"#;
        let now = "2026-11-25T00:00:00Z".parse().unwrap();
        let said = |served: Option<Result<Option<Vec<Text>>, Fault>>| {
            let one = Kustomization::read(serde_json::from_str(wire).unwrap(), &mut Names::default());
            let mut world = Inventory::default();
            world.apply(Change::Listed(Kind::Kustomization.into(), vec![one.into_object()], Vec::new()), now);
            let version = Text::foreign("external-secrets.io/v1beta1");
            assert!(world.doubted_versions().contains(&version));
            if let Some(served) = served {
                world.apply(Change::Served(version, served), now);
            }
            let found = diagnose(&world, now).findings;
            found.iter().find(|finding| finding.slug == RULE.slug).map(|finding| (finding.certainty, finding.evidence.len()))
        };
        let kinds = |kinds: &[&str]| Some(kinds.iter().map(|kind| Text::foreign(kind)).collect());
        assert_eq!(said(None), Some((Certainty::Suspected, 1)), "it is not asked yet");
        assert_eq!(said(Some(Err(Fault::new(FaultKind::Forbidden, "You may not.")))), Some((Certainty::Suspected, 1)));
        assert_eq!(said(Some(Ok(None))), Some((Certainty::Certain, 2)));
        assert_eq!(said(Some(Ok(kinds(&["SecretStore"])))), Some((Certainty::Certain, 2)));
        assert_eq!(said(Some(Ok(kinds(&["SecretStore", "ExternalSecret"])))), None, "the condition is from another time");
    }
}
