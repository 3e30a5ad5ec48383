//! What may be configured, and what a context's policy allows. The file is read in `cli/config.rs`.

use serde::Deserialize;

use crate::model::ObjectRef;

/// `config.toml`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Theme by name.
    pub theme: Option<String>,
    /// Policies by context, first match wins.
    pub context: Vec<ContextConfig>,
}

/// One `[[context]]`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct ContextConfig {
    /// Glob over the context's name.
    pub context: Option<String>,
    /// Glob over the API server's URL.
    pub server: Option<String>,
    /// Uid of the namespace `kube-system`.
    pub cluster_uid: Option<String>,
    /// What is allowed there.
    pub policy: Option<PolicyName>,
    /// Whether writes are open from the start (`local` only).
    pub write: bool,
    /// Whether it must look like production.
    pub production: bool,
    /// Whether unseal is allowed under `gitops`.
    pub unseal: bool,
    /// The Secret that holds unseal shares, `namespace/name`.
    pub shares_from_secret: Option<String>,
    /// The key of a Secret that holds a Vault token, `namespace/name/key` (`local` only). The token goes to the Vaults
    /// in that namespace, and to the one that `BAO_ADDR` or `VAULT_ADDR` names.
    pub token_from_secret: Option<String>,
}

/// The policies by their names in the file.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyName {
    /// Never writes.
    Observe,
    /// A cluster on one's own machine.
    Local,
    /// Writes for a limited time, with a reason.
    BreakGlass,
    /// Changes go through Git.
    Gitops,
}

/// What is allowed in this context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Which of the policies.
    pub name: PolicyName,
    /// Whether it was configured; if not, it is read-only and acts as break-glass once opened.
    pub configured: bool,
    /// Whether the context must look like production.
    pub production: bool,
    /// Whether unseal is allowed although the policy is gitops.
    pub unseal: bool,
    /// The Secret that holds unseal shares, where it is not the one that the runbook names.
    pub shares_secret: Option<ObjectRef>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { name: PolicyName::BreakGlass, configured: false, production: false, unseal: false, shares_secret: None }
    }
}

impl Policy {
    /// `demo` and `--simulate`.
    #[must_use]
    pub const fn simulated() -> Self {
        Self { name: PolicyName::Local, configured: true, production: false, unseal: false, shares_secret: None }
    }

    /// `--world`.
    #[must_use]
    pub const fn recorded() -> Self {
        Self { name: PolicyName::Observe, configured: true, production: false, unseal: false, shares_secret: None }
    }

    /// The word for the header and for reports.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self.name {
            PolicyName::Observe => "observe",
            PolicyName::Local => "local",
            PolicyName::BreakGlass => "break-glass",
            PolicyName::Gitops => "gitops",
        }
    }

    /// Why writes can never be opened under it, if so.
    #[must_use]
    pub const fn refuses(&self) -> Option<&'static str> {
        match self.name {
            PolicyName::Observe => Some("The policy of this context is “observe”: it never writes."),
            PolicyName::Gitops => {
                Some("The policy of this context is “gitops”: change the file in Git instead; the runbook shows which.")
            }
            PolicyName::Local | PolicyName::BreakGlass => None,
        }
    }

    /// Whether unseal shares may be taken from a Secret without typing the context's name.
    #[must_use]
    pub const fn shares_from_secret(&self) -> bool {
        matches!(self.name, PolicyName::Local)
    }
}

/// Whether a glob with `*` matches the whole text.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn globs_match_whole_names() {
        for (pattern, text, matches) in [
            ("prod-*", "prod-weu", true),
            ("prod-*", "my-prod-weu", false),
            ("*", "", true),
            ("*weu*", "prod-weu-1", true),
            ("prod", "prod", true),
            ("prod", "prod-1", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c", false),
            ("*-dev", "x-dev", true),
        ] {
            assert_eq!(glob(pattern, text), matches, "{pattern} {text}");
        }
    }
}
