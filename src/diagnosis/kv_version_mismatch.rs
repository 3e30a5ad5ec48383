//! A store reads a KV mount as the other version.

use super::finding::Finding;
use super::{PathCase, Check, Rule, Severity};
use crate::model::PathState;

pub(super) const RULE: Rule = Rule {
    slug: "kv-version-mismatch",
    title: "Mount is of the other KV version",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Path(check),
    explain: "\
The mount is of one KV version, and the store reads it as the other. The store is `Valid` all the same. External Secrets says `Secret
does not exist`.

**How it is known.** `sys/internal/ui/mounts/<mount>` says the version.

**How it is repaired.** Correct `spec.provider.vault.version` of the store. Then annotate the ExternalSecrets. (A mount can be turned
from version 1 to 2, but that is no repair: everybody who reads it must change at the same time.)
",
};

fn check(case: &PathCase<'_>, found: &mut Vec<Finding>) {
    let PathState::OtherVersion(version) = *case.state() else { return };
    let (mount, wanted) = (case.path.mount.clone(), case.path.kv.clone());
    let summary = move |_| format!("The mount “{mount}” is KV version {version}, and the store reads it as {wanted}.");
    case.tell_stores(RULE.slug, summary, &format!("options.version={version} of the mount"), found);
}
