//! Vault refuses a login, and what it was asked does not tell why.

use super::finding::Finding;
use super::login::Refusal;
use super::{Check, LoginCase, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "auth-denied",
    title: "Vault refuses the login",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Login(check),
    explain: "\
Vault answers the login 403 `permission denied` and not a word more. That stands for a dozen reasons: the auth method is
missing, its reviewer token is invalid or may not review, the API server cannot be reached or is not trusted, pinned keys are
stale, the role is bound to other addresses (external-secrets#2560, vault-plugin-auth-kubernetes#374).

**How it is known.** By the answer; what was looked at and does not hold stands beside it. The steps in the order in which Vault
takes them are the checklist of the finding: passed, failed, not permitted, not tried.

**What would settle it.** Log in as the store does (L on the store, or `--login-as-store`): that makes one login with a token of
its service account, and revokes what it gets. And a Vault token with this policy, which holds no right to any secret:

```
path \"auth/<mount>/config\" { capabilities = [\"read\"] }
path \"auth/<mount>/role/*\" { capabilities = [\"read\"] }
path \"sys/monitor\"         { capabilities = [\"read\"] }
path \"sys/internal/ui/mounts\" { capabilities = [\"read\"] }
```

In Kubernetes: `create` on `serviceaccounts/token` for that service account.

**How it is repaired.** By what that tells; each reason has a page of its own. As long as none is known: compare this store with
one of the same Vault that works, and look whether somebody wrote `auth/<mount>/config` lately (a bootstrap Job, Terraform, the
Vault UI, which drops the reviewer token: vault#32034).
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    let told = found.iter().any(|finding| finding.subject == case.subject && finding.severity == Severity::Error);
    if told || case.refusal() != Some(Refusal::Bare) || case.has_mount() == Some(false) {
        return;
    }
    let needs: Vec<String> = case.steps().into_iter().filter(super::login::Step::is_open).map(|step| step.what).collect();
    let needs = if needs.is_empty() {
        "Every step that can be asked was asked.".to_owned()
    } else {
        format!("What would tell why: {}.", needs.join("; "))
    };
    let reason = case.words().map_or_else(String::new, |words| format!(" Vault's own reason: {words}."));
    let summary = format!("Vault refuses the login with “permission denied”.{reason} {needs}");
    let mut finding = case.finding(RULE.slug, summary).suspected();
    finding.ruled_out = case.ruled_out();
    found.push(finding);
}
