//! The policy of a store does not let it read a path.

use super::finding::Finding;
use super::{ReaderCase, Check, Rule, Severity};
use crate::model::vault::{May, TokenSource};
use crate::model::{Health, PathState};

pub(super) const RULE: Rule = Rule {
    slug: "policy-denies",
    title: "Policy does not allow the path",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Failing(check),
    explain: "\
The store logs in, and its policy does not let it read this path.

**How it is known.** External Secrets is told 403 with `1 error occurred: * permission denied` at the path itself, while the store is
ready. The same 403 stands for a mount that is missing and not covered by the policy: that is asked first.

**How it is repaired.** Add the right to a policy of the role (for KV version 2 mind `data/` in the path):

```
path \"<mount>/data/<path>\" { capabilities = [\"read\"] }
```

Then annotate the ExternalSecret.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    if case.store.is_none_or(|store| store.health() != Health::Healthy) {
        return;
    }
    let text = case.text();
    // The ACL says it with these words; a token that is dead is refused without them, or called invalid (vault#26687).
    let of_acl = text.contains("1 error occurred") && text.contains("permission denied") && !text.contains("invalid token");
    let told = of_acl && text.contains("cannot read secret data from Vault");
    // With the token of the store itself, its word is as good as External Secrets'.
    let as_store = case.server.and_then(|server| server.token.as_ref()).map(|token| &token.from)
        == case.es.store_ref().map(TokenSource::Store).as_ref();
    let denied = case.reads().find(|read| {
        let may = read.path.map_or(May::Unknown, |path| path.facts.value);
        (told && case.names_key(&read.remote.key)) || (as_store && case.is_untold() && may == May::No)
    });
    // A mount that is missing, or is read as if it were of the other version, is refused in the same words.
    let elsewhere = |state: &PathState| matches!(state, PathState::NoMount | PathState::OtherVersion(_));
    if denied.as_ref().is_some_and(|read| read.path.is_some_and(|path| elsewhere(&path.facts.state))) || (!told && denied.is_none()) {
        return;
    }
    // A mount that is missing and not covered by the policy is refused in the same words.
    let sure = denied.as_ref().is_some_and(|read| case.has_mount(read));
    let right = denied.map(|read| read.right());
    let summary = match &right {
        Some(right) => format!("The policy of its store lacks: path \"{right}\" {{ capabilities = [\"read\"] }}"),
        None => "The policy of its store does not allow what it reads.".to_owned(),
    };
    if sure {
        found.push(case.finding(RULE.slug, RULE.severity, summary));
    } else {
        let summary = format!("{summary} Or its mount does not exist: a token that may see the mount would tell.");
        found.push(case.finding(RULE.slug, RULE.severity, summary).suspected());
    }
}
