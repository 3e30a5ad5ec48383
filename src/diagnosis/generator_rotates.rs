//! A generator makes a new value at every refresh.

use super::finding::{Finding, Source};
use super::{ReaderCase, Check, Rule, Severity};
use crate::model::kinds::ExternalSecret;
use crate::model::kinds::external_secret::RefreshPolicy;
use crate::model::kinds::generator::called;
use crate::model::{Clock, Inventory, Kind, ObjectRef};

pub(super) const RULE: Rule = Rule {
    slug: "generator-rotates",
    title: "A new value at every refresh",
    severity: Severity::Warning,
    runbooks: &["stop-rotation", "move-to-vault"],
    check: Check::ExternalSecret(check),
    explain: "\
Every sync of an ExternalSecret with a generator makes a new value and forgets the old one (external-secrets#5782). So does a
changed annotation or label, also one that a GitOps tool writes (#3979), and a change of the Secret by somebody else. What was
set up with the first value (a database, a Keycloak client) does not hear of it, and pods that read it by environment keep the
old one.

**How it is known.** It has a generator, `refreshPolicy: Periodic` and an interval.

**How it is told from its look-alikes.** A generator of credentials that end by themselves (the token of a registry or of a
cloud, a lease of Vault) has to be asked again, and is not blamed; nor is `Fake`, which always says the same.

**How it is repaired.** Set `refreshPolicy: CreatedOnce`: that does not make a new value. Editing `refreshInterval` does, at once.
Then give the present value to what was set up with the old one. `spec.target.immutable: true` guards against everything but
the deletion of the Secret.

**What not to do.** Do not force-sync it, do not edit its interval, do not delete its Secret.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let es = case.es;
    if es.generators.is_empty() || es.policy != RefreshPolicy::Periodic || es.interval == 0 || es.immutable {
        return;
    }
    let Some(generator) = lasting(case.case.world, es) else { return };
    let next = es.next_refresh().map_or_else(String::new, |at| format!(", next at {}", Clock(at)));
    let users: Vec<String> = case.case.world.consumers_of(&es.meta.namespace, &es.target).filter_map(|pod| pod.workload()).collect();
    let mut users: Vec<&str> = users.iter().map(String::as_str).collect();
    users.sort_unstable();
    users.dedup();
    let users = match users.as_slice() {
        [] => String::new(),
        users => format!(" Who uses it: {}.", users.join(", ")),
    };
    let summary = format!("Every refresh makes a new value and forgets the old one{next}.{users}");
    let finding = Finding::certain(RULE.slug, RULE.severity, case.object.clone(), summary);
    let what = format!("{generator} with refreshPolicy Periodic every {} s", es.interval);
    found.push(finding.seen(Source::Kubernetes, what, es.refreshed));
}

/// The first of its generators whose value would have lasted if it were not made anew.
pub(super) fn lasting<'a>(world: &Inventory, es: &'a ExternalSecret) -> Option<&'a ObjectRef> {
    es.generators.iter().find(|object| {
        let stands_for = world.generator(object).map(|generator| &generator.stands_for).filter(|kind| !kind.is_empty());
        !ends_by_itself(stands_for.map_or(object.kind, |kind| called(kind.as_str())))
    })
}

/// Whether what a generator of this kind makes ends by itself, so that it has to be made anew, or is always the same.
const fn ends_by_itself(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::VaultDynamicSecretGenerator
            | Kind::ACRAccessToken
            | Kind::ECRAuthorizationToken
            | Kind::GCRAccessToken
            | Kind::GithubAccessToken
            | Kind::QuayAccessToken
            | Kind::STSSessionToken
            | Kind::CloudsmithAccessToken
            | Kind::MFA
            | Kind::Fake
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Names;
    use crate::model::kinds::Watched as _;

    fn with(kind: &str) -> ExternalSecret {
        let wire = format!(
            r#"{{"metadata": {{"name": "a", "namespace": "b"}}, "spec": {{"refreshInterval": "1h", "target": {{"name": "a"}},
            "dataFrom": [{{"sourceRef": {{"generatorRef": {{"kind": "{kind}", "name": "g"}}}}}}]}}}}"#
        );
        ExternalSecret::read(serde_json::from_str(&wire).unwrap(), &mut Names::default())
    }

    #[test]
    fn a_token_that_ends_has_to_be_made_anew_and_a_password_has_not() {
        let world = Inventory::default();
        assert!(lasting(&world, &with("Password")).is_some());
        assert!(lasting(&world, &with("ECRAuthorizationToken")).is_none());
        assert!(lasting(&world, &with("VaultDynamicSecret")).is_none());
    }
}
