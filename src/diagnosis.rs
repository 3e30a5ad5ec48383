//! From a world to the few root causes. One file a rule; a rule is pure: it looks at the inventory and a
//! time, and says what it finds. It never asks anybody anything.
//!
//! To add one: write `diagnosis/<slug with underscores>.rs`, add its name to `rules!`.

pub mod back_off;
pub mod case;
pub mod cause;
pub mod chain;
mod extent;
pub mod finding;
pub mod findings;
mod groups;
pub mod jobs;
pub mod login;
mod look;
pub mod lookup;
pub mod memory;
pub mod near;
mod ranking;
mod reach;
mod readings;
pub mod server;
pub mod sibling;
mod standing;
pub mod starting;
pub mod state;
mod tally;
mod touched;
pub mod unknown;
pub mod upcoming;

pub use cause::{Broken, Cause, Diagnosis};
pub use finding::{CauseKey, Certainty, Evidence, Finding, Severity, Source};
pub use findings::Findings;
pub use groups::Alike;
pub use login::LoginCase;
pub use memory::{Memory, diagnose};
pub use unknown::Unknown;

pub use case::{Case, PathCase, ReaderCase, StoreCase, Word};

use crate::model::VaultServer;

/// A rule of the diagnosis.
pub struct Rule {
    /// Stable name; what `sealwatch explain` takes.
    pub slug: &'static str,
    /// What a screen calls it.
    pub title: &'static str,
    /// How bad what it finds is.
    pub severity: Severity,
    /// The page of `sealwatch explain`, in Markdown: what it means, how it is known, how it is repaired.
    pub explain: &'static str,
    /// Runbooks that repair it, the best first.
    pub runbooks: &'static [&'static str],
    /// What it looks at, and how: it adds what it finds.
    pub check: Check,
}

impl Rule {
    /// The paragraph of its explanation that begins with this bold lead, without the lead, as plain words.
    #[must_use]
    pub fn section(&self, lead: &str) -> Option<String> {
        section(self.explain, lead)
    }
}

fn section(explain: &str, lead: &str) -> Option<String> {
    let paragraph = explain.split("\n\n").find_map(|paragraph| paragraph.trim().strip_prefix(&format!("**{lead}.**")))?;
    let words: Vec<&str> = paragraph.split_whitespace().collect();
    Some(words.join(" ").replace('`', ""))
}

/// What a rule looks at. The looks go in this order, so that a rule sees what was found about its object before:
/// what is there already is a deeper cause, or a rule that stands before it in the list.
#[derive(Clone, Copy)]
pub enum Check {
    /// Each Vault.
    Vault(fn(&Case<'_>, &VaultServer, &mut Vec<Finding>)),
    /// Each store; given what was found about this store so far.
    Store(fn(&StoreCase<'_>, &mut Vec<Finding>)),
    /// Each login of kubernetes auth that fails: of a store, or of an `ExternalSecret` that logs in itself. Given what was
    /// found about its subject so far.
    Login(fn(&LoginCase<'_>, &mut Vec<Finding>)),
    /// Each path of a Vault of which the Vault says that it is not as it should be.
    Path(fn(&PathCase<'_>, &mut Vec<Finding>)),
    /// The world at once: for kinds of which there are few.
    World(fn(&Case<'_>, &mut Vec<Finding>)),
    /// Each `ExternalSecret`, green ones too: of these there are thousands, so the first line must be cheap.
    /// Given what was found about this one so far.
    ExternalSecret(fn(&ReaderCase<'_>, &mut Vec<Finding>)),
    /// Each `ExternalSecret` that says that it fails.
    Failing(fn(&ReaderCase<'_>, &mut Vec<Finding>)),
    /// Every finding of one rule: what they mean together. It may look at findings, and not at all objects.
    Together {
        /// That rule.
        of: &'static str,
        /// What they mean.
        check: fn(&Case<'_>, &Alike) -> Meaning,
    },
    /// Several of these.
    Several(&'static [Check]),
}

/// What all findings of a rule mean together.
#[derive(Debug, Default)]
pub struct Meaning {
    /// The cause under which each of them stands then, for certain; nothing if each stands as it was found.
    pub cause: Option<CauseKey>,
    /// What is found beside them.
    pub found: Vec<Finding>,
}

impl Check {
    /// Itself, or each of several.
    const fn each(&'static self) -> &'static [Self] {
        match self {
            Self::Several(checks) => checks,
            one => std::slice::from_ref(one),
        }
    }
}

macro_rules! rules {
    ($($module:ident),* $(,)?) => {
        $(mod $module;)*
        /// Every rule, in the order of the list.
        pub static RULES: &[&Rule] = &[$(&$module::RULE),*];
    };
}

rules! {
    vault_sealed,
    vault_partly_sealed,
    vault_no_active_node,
    vault_uninitialised,
    vault_unreachable,
    vault_dev_mode,
    your_token_invalid,
    auth_mount_missing,
    auth_not_configured,
    auth_role_missing,
    service_account_missing,
    auth_service_account_not_bound,
    auth_namespace_not_bound,
    auth_audience_mismatch,
    auth_issuer_mismatch,
    auth_reviewer_invalid,
    auth_reviewer_forbidden,
    auth_host_unreachable,
    auth_ca_mismatch,
    auth_jwt_keys_stale,
    auth_cidr_bound,
    // The last word about a login.
    auth_denied,
    auth_secret_missing,
    store_token_invalid,
    store_missing,
    store_not_allowed,
    store_never_validated,
    store_status_stale,
    // The last word about a store.
    store_invalid,
    mount_missing,
    kv_version_mismatch,
    path_missing,
    version_deleted,
    version_destroyed,
    property_missing,
    policy_denies,
    target_owned_by_externalsecret,
    target_owned_by_controller,
    target_missing,
    target_deleted_by_policy,
    target_immutable,
    target_two_writers,
    template_error,
    generator_missing,
    generator_rotates,
    value_behind,
    refresh_has_no_effect,
    cluster_external_secret_failed,
    lease_expired,
    api_version_gone,
    client_patcher_failed,
    client_patcher_not_run,
    bootstrap_required_key_missing,
    bootstrap_failed,
    // The last word about an ExternalSecret.
    sync_backing_off,
    // What may be wrong beside that, and is no reason for it.
    placeholder_value,
    stuck_deleting,
    sync_stalled,
}

/// The rule with this slug.
#[must_use]
pub fn rule(slug: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.slug == slug)
}

#[cfg(test)]
mod tests {
    use super::section;

    #[test]
    fn a_section_is_found_by_its_lead() {
        let explain = "A.\n\n**What not to do.** Do not restart the pods (each\nrestart seals again), do not delete volumes, do not\nrun `operator init`.\n";
        let told = "Do not restart the pods (each restart seals again), do not delete volumes, do not run operator init.";
        assert_eq!(section(explain, "What not to do").as_deref(), Some(told));
        assert_eq!(section(explain, "How it is known"), None);
    }
}
