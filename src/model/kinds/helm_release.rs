//! `HelmRelease` of Flux (helm-controller 1.4, api/v2): it installs a chart, with values that Secrets may hold. It
//! reverts what others write only where drift detection is on.

use serde::Deserialize;

use super::{Api, Link, Meta, Watched, ready};
use crate::model::gitops::{Held, Origin, WireFrom, WireSecretRef, WireSourceRef, WireStatus, consumes, manages, secrets};
use crate::model::health::{Condition, Health};
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;
use crate::model::wire::{Whole, or_default};

/// A `HelmRelease`.
#[derive(Clone, Debug)]
pub struct HelmRelease {
    /// Metadata.
    pub meta: Meta,
    /// Whether it is held.
    pub suspended: bool,
    /// What Helm calls the release.
    pub release: Name,
    /// Where the release is.
    pub target: Name,
    /// `enabled`, `warn` or `disabled`: whether it reverts what others write.
    pub drift: Name,
    /// The Secrets with values, or to log in to another cluster.
    pub secrets: Box<[Name]>,
    /// What it has applied that matters here; newer versions tell it.
    pub applied: Box<[ObjectRef]>,
    /// The version of the chart that it tried last.
    pub revision: Text,
    /// Where it stands in Git.
    pub origin: Origin,
    /// That we hold it.
    pub held: Option<Held>,
    /// Its condition `Ready`.
    pub ready: Option<Condition>,
}

impl HelmRelease {
    /// Health as its own condition tells it.
    #[must_use]
    pub fn health(&self) -> Health {
        self.ready.as_ref().map_or(Health::Unknown, Condition::health)
    }
}

/// The spec on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireSpec {
    suspend: bool,
    release_name: Text,
    target_namespace: Text,
    drift_detection: WireDrift,
    #[serde(deserialize_with = "or_default")]
    values_from: Vec<WireFrom>,
    kube_config: Option<WireSecretRef>,
    chart: WireChart,
    chart_ref: WireSourceRef,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireChart {
    spec: WireChartSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireChartSpec {
    chart: Text,
    source_ref: WireSourceRef,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireDrift {
    mode: Text,
}

impl Watched for HelmRelease {
    const KIND: Kind = Kind::HelmRelease;
    const API: Api = Api {
        group: "helm.toolkit.fluxcd.io",
        versions: &["v2", "v2beta2", "v2beta1"],
        plural: "helmreleases",
        namespaced: true,
    };
    type Wire = Whole<WireSpec, WireStatus>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, status } = wire;
        let meta = Meta::read(&metadata, names).marked(Self::KIND, &metadata, names);
        let here = spec.kube_config.is_none();
        let elsewhere = spec.kube_config.unwrap_or_default();
        // As the controller does it (`GetReleaseName`).
        let release = match (spec.release_name.as_str(), spec.target_namespace.as_str()) {
            ("", "") => meta.name.clone(),
            ("", target) => names.intern(&format!("{target}-{}", meta.name)),
            (release, _) => names.intern(release),
        };
        let WireChart { spec: WireChartSpec { chart, source_ref } } = spec.chart;
        let repository = Some(source_ref.read(&meta.namespace)).filter(|source| !source.is_empty());
        let repository = repository.unwrap_or_else(|| spec.chart_ref.read(&meta.namespace));
        Self {
            origin: Origin { repository, chart, ..Origin::default() },
            held: Held::read(&metadata),
            suspended: spec.suspend,
            release,
            target: if spec.target_namespace.is_empty() {
                meta.namespace.clone()
            } else {
                names.intern(spec.target_namespace.as_str())
            },
            drift: names.intern(if spec.drift_detection.mode.is_empty() { "disabled" } else { spec.drift_detection.mode.as_str() }),
            secrets: secrets(spec.values_from.iter().filter_map(WireFrom::secret).chain([&elsewhere.secret_ref.name]), names),
            applied: if here { status.inventory.read(names) } else { Box::default() },
            revision: status.last_attempted_revision,
            ready: ready(&status.conditions, names),
            meta,
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn condition(&self) -> Option<&Condition> {
        self.ready.as_ref()
    }

    fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }

    fn links(&self) -> Vec<Link> {
        consumes(&self.secrets, &self.meta).chain(manages(&self.applied)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::Role;

    #[test]
    fn its_values_are_read_from_secrets_and_its_release_is_called_as_the_controller_calls_it() {
        let wire = r#"{"metadata": {"name": "web", "namespace": "flux"}, "spec": {"targetNamespace": "shop", "chart": {"spec": {"chart": "web"}},
            "valuesFrom": [{"kind": "Secret", "name": "web-values"}, {"kind": "ConfigMap", "name": "web"}, {"kind": "Secret", "name": "web-values"}]},
            "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "False", "reason": "ValuesError", "message": "gone"}],
                "inventory": {"entries": [{"id": "shop_db_external-secrets.io_ExternalSecret", "v": "v1"}]}}}"#;
        let release = HelmRelease::read(serde_json::from_str(wire).expect("a HelmRelease"), &mut Names::default());
        assert_eq!((release.release.as_str(), release.target.as_str(), release.drift.as_str()), ("shop-web", "shop", "disabled"));
        let links: Vec<_> = release.links().iter().map(|link| (link.to.to_string(), link.role)).collect();
        let managed = ("ExternalSecret/shop/db".to_owned(), Role::Manages);
        assert_eq!(links, [("Secret/flux/web-values".to_owned(), Role::Consumes), managed]);
        assert_eq!(release.health(), Health::Failing);
    }
}
