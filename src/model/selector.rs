//! Label selectors: which namespaces a store lets in, into which a `ClusterExternalSecret` writes. As
//! `metav1.LabelSelectorAsSelector` reads them (apimachinery 0.37): an empty one selects everything.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::object::{Name, Names};
use super::text::Text;
use super::wire::or_default;

/// A label selector: all of it must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// What must hold.
    pub terms: Box<[Term]>,
}

/// One condition on a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The label.
    pub key: Name,
    /// How it is tested.
    pub is: Is,
    /// Against these.
    pub values: Box<[Text]>,
}

/// How a label is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// It has one of the values.
    In,
    /// It has none of the values, or is not there.
    NotIn,
    /// It is there.
    Present,
    /// It is not there.
    Absent,
    /// In a way that is newer than this program.
    Other,
}

impl Selector {
    /// Whether these labels, which are in order, are selected; `None` if that cannot be said.
    #[must_use]
    pub fn selects(&self, labels: &[(Name, Text)]) -> Option<bool> {
        let mut sure = Some(true);
        for term in &self.terms {
            match term.holds(labels) {
                Some(false) => return Some(false),
                None => sure = None,
                Some(true) => {}
            }
        }
        sure
    }
}

impl Term {
    fn holds(&self, labels: &[(Name, Text)]) -> Option<bool> {
        let value = labels.iter().find(|(key, _)| *key == self.key).map(|(_, value)| value);
        let one_of = value.is_some_and(|value| self.values.contains(value));
        match self.is {
            Is::In => Some(one_of),
            Is::NotIn => Some(!one_of),
            Is::Present => Some(value.is_some()),
            Is::Absent => Some(value.is_none()),
            Is::Other => None,
        }
    }
}

/// A label selector on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireSelector {
    #[serde(deserialize_with = "or_default")]
    match_labels: BTreeMap<Text, Text>,
    #[serde(deserialize_with = "or_default")]
    match_expressions: Vec<WireTerm>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireTerm {
    key: Text,
    operator: Text,
    #[serde(deserialize_with = "or_default")]
    values: Vec<Text>,
}

impl WireSelector {
    /// Keeps it.
    pub(super) fn read(self, names: &mut Names) -> Selector {
        let mut terms = Vec::with_capacity(self.match_labels.len() + self.match_expressions.len());
        for (key, value) in self.match_labels {
            terms.push(Term { key: names.intern(key.as_str()), is: Is::In, values: [value].into() });
        }
        for term in self.match_expressions {
            let is = match term.operator.as_str() {
                "In" => Is::In,
                "NotIn" => Is::NotIn,
                "Exists" => Is::Present,
                "DoesNotExist" => Is::Absent,
                _ => Is::Other,
            };
            terms.push(Term { key: names.intern(term.key.as_str()), is, values: term.values.into() });
        }
        Selector { terms: terms.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_selects_as_kubernetes_does() {
        let labels = [("env", "prod"), ("team", "shop")].map(|(key, value)| (Name::new(key), Text::foreign(value)));
        let selects = |wire: &str| {
            let wire: WireSelector = serde_json::from_str(wire).expect("a selector");
            wire.read(&mut Names::default()).selects(&labels)
        };
        for (wire, selected) in [
            ("{}", Some(true)),
            (r#"{"matchLabels": {"env": "prod"}}"#, Some(true)),
            (r#"{"matchLabels": {"env": "prod", "team": "other"}}"#, Some(false)),
            (r#"{"matchExpressions": [{"key": "env", "operator": "In", "values": ["dev", "prod"]}]}"#, Some(true)),
            (r#"{"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}"#, Some(true)),
            (r#"{"matchExpressions": [{"key": "zone", "operator": "Exists"}]}"#, Some(false)),
            (r#"{"matchExpressions": [{"key": "env", "operator": "DoesNotExist", "values": null}]}"#, Some(false)),
            (r#"{"matchExpressions": [{"key": "env", "operator": "Resembles", "values": ["p"]}]}"#, None),
        ] {
            assert_eq!(selects(wire), selected, "{wire}");
        }
    }
}
