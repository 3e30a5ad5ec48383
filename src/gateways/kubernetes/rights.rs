//! Which namespaces one may read, where everywhere is refused: those that can be found, each asked for the rules that
//! hold in it (`SelfSubjectRulesReview`: one question for all kinds).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Inner;
use super::access;
use super::faults::Failure;
use super::requests::Items;
use crate::model::kinds::Api;
use crate::model::{Fault, FaultKind, Name};
use crate::runbooks::ClusterRight;

/// How long an answer holds: every kind asks at about the same moment.
const HOLDS: Duration = Duration::from_secs(10);
/// Questions in flight.
const AT_ONCE: usize = 8;
/// How many namespaces are watched one by one: each of their watches is a request every minute.
const MOST: usize = 120;
/// How many, where each of these watches takes a connection of its own.
const FEW: usize = 40;

/// What one may read, as it was last answered.
#[derive(Default)]
pub(super) struct Rights(Mutex<Option<(Instant, Arc<Found>)>>);

/// The namespaces that were found, and the rules in each.
struct Found {
    namespaces: BTreeMap<Name, Rules>,
    /// Whether these are all namespaces that there are.
    all: bool,
}

#[derive(Serialize)]
struct Spec<'a> {
    namespace: &'a str,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Rules {
    resource_rules: Vec<Rule>,
    /// An authorizer other than RBAC has more to say.
    incomplete: bool,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Rule {
    verbs: Vec<String>,
    api_groups: Vec<String>,
    resources: Vec<String>,
    resource_names: Vec<String>,
}

impl Rules {
    fn allow(&self, verb: &str, api: &Api) -> bool {
        let any = |list: &[String], wanted: &str| list.iter().any(|one| one == "*" || one == wanted);
        self.resource_rules.iter().any(|rule| {
            rule.resource_names.is_empty()
                && any(&rule.verbs, verb)
                && any(&rule.api_groups, api.group)
                && any(&rule.resources, api.plural)
        })
    }
}

/// Where a kind may be listed and watched.
pub(super) struct Readable {
    /// In these namespaces.
    pub(super) namespaces: Vec<Name>,
    /// Why these are not all.
    pub(super) why: Fault,
    /// Whether it may be so in every namespace that was looked at: only then can it be everywhere.
    pub(super) in_all: bool,
}

impl Rights {
    /// The namespaces in which a kind may be listed and watched.
    pub(super) async fn readable(&self, inner: &Inner, api: &Api) -> Result<Readable, Fault> {
        let found = self.found(inner).await?;
        let (mut readable, mut unsure) = (Vec::new(), Vec::new());
        for (namespace, rules) in &found.namespaces {
            if rules.allow("list", api) && rules.allow("watch", api) {
                readable.push(namespace.clone());
            } else if rules.incomplete {
                unsure.push(namespace.clone());
            }
        }
        let asked = stream::iter(unsure).map(|namespace| async move {
            let allowed = may_watch(inner, api, &namespace).await?;
            Ok::<_, Fault>(allowed.then_some(namespace))
        });
        readable.extend(asked.buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await?.into_iter().flatten());
        readable.sort();
        let most = if inner.shares_connections().await { MOST } else { FEW };
        let why = found.why(api, &readable, most);
        let in_all = readable.len() == found.namespaces.len();
        readable.truncate(most);
        Ok(Readable { namespaces: readable, why, in_all })
    }

    async fn found(&self, inner: &Inner) -> Result<Arc<Found>, Fault> {
        let mut kept = self.0.lock().await;
        if let Some((at, found)) = kept.as_ref()
            && at.elapsed() < HOLDS
        {
            return Ok(Arc::clone(found));
        }
        let found = Arc::new(find(inner).await?);
        *kept = Some((Instant::now(), Arc::clone(&found)));
        Ok(found)
    }
}

/// Whether a kind may be listed and watched in a namespace, or everywhere under the empty name.
pub(super) async fn may_watch(inner: &Inner, api: &Api, namespace: &Name) -> Result<bool, Fault> {
    let right = |verb| ClusterRight { verb, group: api.group, resource: api.plural, namespace: namespace.clone() };
    Ok(access::may(inner, &right("list")).await? && access::may(inner, &right("watch")).await?)
}

async fn find(inner: &Inner) -> Result<Found, Fault> {
    let listed = inner.get::<Items<Named>>("/api/v1/namespaces", "list the namespaces").await;
    let (names, all) = match listed {
        Ok(namespaces) => (namespaces.items.into_iter().map(|named| Name::new(&named.metadata.name)).collect(), true),
        Err(Failure { code: Some(403), .. }) => (vec![Name::new(inner.namespace.as_str())], false),
        Err(failure) => return Err(failure.fault),
    };
    let asked = stream::iter(names).map(|namespace: Name| async move {
        let asked = format!("ask what I may do in {namespace}");
        let spec = Spec { namespace: namespace.as_str() };
        let rules: Rules = access::review(inner, "SelfSubjectRulesReview", spec, &asked).await?;
        Ok::<_, Fault>((namespace, rules))
    });
    Ok(Found { namespaces: asked.buffer_unordered(AT_ONCE).try_collect().await?, all })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Named {
    metadata: NamedMeta,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NamedMeta {
    name: String,
}

impl Found {
    /// A sentence on what of a kind is not seen.
    fn why(&self, api: &Api, readable: &[Name], most: usize) -> Fault {
        const NAME_THEM: &str = "Name others that you may read: -n NAMESPACE.";
        let (what, of) = (api.plural, self.namespaces.len());
        let context = || self.namespaces.keys().map(Name::as_str).collect::<String>();
        let message = match (self.all, readable.len()) {
            (true, 0) => format!("You may not list and watch {what}, neither everywhere nor in one of the {of} namespaces."),
            (true, some) if some > most => {
                format!(
                    "You may list and watch {what} in {some} of {of} namespaces, not everywhere; the first {most} are watched."
                )
            }
            (true, some) => format!("You may list and watch {what} in {some} of {of} namespaces only."),
            (false, 0) => {
                format!("You may not list and watch {what}, neither everywhere nor in {}, nor list namespaces.", context())
            }
            (false, _) => format!(
                "You may not list and watch {what} everywhere, nor list namespaces; seen is {}, the namespace of the context.",
                context()
            ),
        };
        let hint = if self.all && readable.len() <= most { "Ask for the verbs list and watch." } else { NAME_THEM };
        Fault::new(FaultKind::Forbidden, &message).hinted(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PODS: Api = Api { group: "", versions: &["v1"], plural: "pods", namespaced: true };

    #[test]
    fn a_rule_for_single_names_is_no_right_to_list() {
        let rules = |text: &str| serde_json::from_str::<Rules>(text).unwrap();
        let all = rules(r#"{"resourceRules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]}"#);
        assert!(all.allow("watch", &PODS));
        let one = rules(
            r#"{"resourceRules":[{"verbs":["list","watch"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a"]}]}"#,
        );
        assert!(!one.allow("list", &PODS));
        let other = rules(
            r#"{"resourceRules":[{"verbs":["list"],"apiGroups":["apps"],"resources":["pods"]},{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}]}"#,
        );
        assert!(!other.allow("list", &PODS));
    }

    #[test]
    fn what_is_not_seen_is_said_with_what_would_help() {
        let found = |names: &[&str], all| Found {
            namespaces: names.iter().map(|name| (Name::new(name), Rules::default())).collect(),
            all,
        };
        let said = |found: &Found, readable: &[&str]| {
            found.why(&PODS, &readable.iter().map(|name| Name::new(name)).collect::<Vec<_>>(), 40).to_string()
        };
        assert_eq!(
            said(&found(&["a", "b", "c"], true), &["b"]),
            "You may list and watch pods in 1 of 3 namespaces only. Ask for the verbs list and watch."
        );
        assert!(said(&found(&["a"], false), &["a"]).contains("seen is a, the namespace of the context. Name others"));
        assert!(
            said(&found(&["a"], false), &[]).starts_with("You may not list and watch pods, neither everywhere nor in a, nor")
        );
    }
}
