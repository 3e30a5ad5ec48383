//! Something deploys objects of External Secrets in a version that is gone.

use super::finding::{Finding, Source};
use super::{Case, Check, Rule, Severity};
use crate::model::Condition;
use crate::model::kinds::{Application, HelmRelease, Kustomization, Watched as _};

pub(super) const RULE: Rule = Rule {
    slug: "api-version-gone",
    title: "API version is not served any more",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::World(check),
    explain: "\
External Secrets 0.17 stopped serving `external-secrets.io/v1beta1`. What Argo CD or Flux still applies in that version is
refused, and the objects in the cluster stay as they were.

**How it is known.** The condition of the Application, Kustomization or HelmRelease says `no matches for kind` with that group.

**How it is repaired.** Write `external-secrets.io/v1` in the manifests; the fields are the same. For Helm releases also mind the
manifest that Helm stored.
",
};

fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    let world = case.world;
    let of_argo = world.all::<Application>().iter().map(|app| (app.object_ref(), app.error.as_str()));
    let message = |ready: &Option<Condition>| ready.as_ref().map(|ready| ready.message.clone());
    let of_kustomize = world.all::<Kustomization>().iter().filter_map(|one| Some((one.object_ref(), message(&one.ready)?)));
    let of_helm = world.all::<HelmRelease>().iter().filter_map(|one| Some((one.object_ref(), message(&one.ready)?)));
    let flux: Vec<_> = of_kustomize.chain(of_helm).collect();
    let all = of_argo.chain(flux.iter().map(|(object, text)| (object.clone(), text.as_str())));
    for (object, text) in all.filter(|(_, text)| text.contains("no matches for kind") && text.contains("external-secrets.io")) {
        let summary = "It applies objects of External Secrets in a version that the cluster does not serve any more.".to_owned();
        let finding = Finding::certain(RULE.slug, RULE.severity, object, summary);
        found.push(finding.seen(Source::Kubernetes, text, None));
    }
}
