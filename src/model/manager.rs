//! Who deploys an object, and so reverts what others write there. Argo CD and Flux list what they deploy, and are
//! believed first; where they may not be read, the marks that they leave on the object tell.
//!
//! The label `app.kubernetes.io/instance` tells nothing: Argo CD before 3.0 tracked by it, and every chart sets it.
//! An Application that tracks by it lists the object.

use std::collections::BTreeMap;
use std::fmt;

use super::inventory::Inventory;
use super::kinds::{Application, Meta, Role, Watched as _, WireMeta, kind_in};
use super::object::{Kind, Name, Names, ObjectRef};
use super::text::Text;

/// Who deploys an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Manager {
    /// An `Application`, a `Kustomization`, a `HelmRelease`. Of an `Application` the namespace may be unknown.
    Object(ObjectRef),
    /// A release that somebody installed with Helm.
    Release {
        /// Where Helm keeps it.
        namespace: Name,
        /// What it is called.
        name: Name,
    },
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(object) => object.fmt(f),
            Self::Release { namespace, name } => write!(f, "Helm release {namespace}/{name}"),
        }
    }
}

/// Argo CD: `<application>:<group>/<kind>:<namespace>/<name>`, where the application may be `<namespace>_<name>`.
const TRACKING: &str = "argocd.argoproj.io/tracking-id";
/// Flux: the labels `name` and `namespace` below these, and what they name.
const FLUX: [(&str, Kind); 2] =
    [("helm.toolkit.fluxcd.io", Kind::HelmRelease), ("kustomize.toolkit.fluxcd.io", Kind::Kustomization)];
/// Helm.
const RELEASE: [&str; 2] = ["meta.helm.sh/release-namespace", "meta.helm.sh/release-name"];
/// What stands before a release that is no object.
const HELM: &str = "helm";

impl Meta {
    /// The same with who deploys it, as its labels and annotations say; they are read for this kind.
    pub(super) fn marked<Managed>(mut self, kind: Kind, wire: &WireMeta<Managed>, names: &mut Names) -> Self {
        // What a controller made carries the marks of what that was made from.
        if self.controller.is_some() {
            return self;
        }
        let said =
            tracked(kind, &self, &wire.annotations).or_else(|| labelled(&wire.labels)).or_else(|| released(&wire.annotations));
        if let Some(said) = said {
            self.manager = names.intern(Text::foreign(&said).as_str());
        }
        self
    }

    /// Who deploys it by its labels and annotations.
    #[must_use]
    pub fn manager(&self) -> Option<Manager> {
        match self.manager.as_str().split('/').collect::<Vec<_>>().as_slice() {
            [HELM, namespace, name] => Some(Manager::Release { namespace: Name::new(namespace), name: Name::new(name) }),
            [kind, namespace, name] => Some(Manager::Object(ObjectRef::new(Kind::parse(kind)?, *namespace, *name))),
            _ => None,
        }
    }
}

/// External Secrets copies annotations to the Secrets that it writes: there the mark names another object.
fn tracked(kind: Kind, meta: &Meta, annotations: &BTreeMap<String, String>) -> Option<String> {
    let (app, object) = annotations.get(TRACKING)?.split_once(':')?;
    let (what, place) = object.split_once(':')?;
    let (group, called) = what.split_once('/')?;
    let (namespace, name) = place.split_once('/')?;
    let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/") };
    // Of what has no namespace, the destination of the application stands there.
    let here = meta.namespace.is_empty() || meta.namespace.as_str() == namespace;
    let itself = kind_in(&version, called) == Some(kind) && here && meta.name.as_str() == name;
    let (at, app) = app.split_once('_').unwrap_or(("", app));
    itself.then(|| format!("{}/{at}/{app}", Kind::Application))
}

fn labelled(labels: &BTreeMap<String, String>) -> Option<String> {
    FLUX.iter().find_map(|(group, kind)| {
        let label = |part: &str| labels.get(&format!("{group}/{part}"));
        Some(format!("{kind}/{}/{}", label("namespace")?, label("name")?))
    })
}

fn released(annotations: &BTreeMap<String, String>) -> Option<String> {
    let [namespace, name] = RELEASE.map(|key| annotations.get(key));
    Some(format!("{HELM}/{}/{}", namespace?, name?))
}

impl Inventory {
    /// Who deploys an object: who lists it, or whom its marks name.
    #[must_use]
    pub fn manager_of(&self, object: &ObjectRef, meta: &Meta) -> Option<Manager> {
        if let Some(listing) = self.pointing_at(object, Role::Manages).next() {
            return Some(Manager::Object(listing.clone()));
        }
        match meta.manager()? {
            Manager::Object(app) if app.kind == Kind::Application && app.namespace.is_empty() => {
                let mut called = self.all::<Application>().iter().filter(|one| one.meta.name == app.name);
                let one = called.next().filter(|_| called.next().is_none()).map(|one| one.object_ref());
                Some(Manager::Object(one.unwrap_or(app)))
            }
            manager => Some(manager),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: Kind, labels: &str, annotations: &str) -> Option<String> {
        let wire = format!(r#"{{"name": "db", "namespace": "shop", "labels": {{{labels}}}, "annotations": {{{annotations}}}}}"#);
        let (wire, names): (WireMeta, _) = (serde_json::from_str(&wire).expect("metadata"), &mut Names::default());
        Meta::read(&wire, names).marked(kind, &wire, names).manager().map(|manager| manager.to_string())
    }

    #[test]
    fn marks_are_believed_where_they_stand_on_the_object_that_they_name() {
        let es = Kind::ExternalSecret;
        let tracking = |id: &str| format!(r#""argocd.argoproj.io/tracking-id": "{id}""#);
        let own = tracking("shop:external-secrets.io/ExternalSecret:shop/db");
        assert_eq!(said(es, "", &own).as_deref(), Some("Application//shop"));
        assert_eq!(said(Kind::Secret, "", &own), None, "a copy");
        let placed = tracking("team_shop:external-secrets.io/ExternalSecret:shop/db");
        assert_eq!(said(es, "", &placed).as_deref(), Some("Application/team/shop"));
        let kustomize = r#""kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system""#;
        assert_eq!(said(es, kustomize, "").as_deref(), Some("Kustomization/flux-system/apps"));
        let helm = r#""meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop""#;
        assert_eq!(said(es, r#""app.kubernetes.io/instance": "web""#, helm).as_deref(), Some("Helm release shop/web"));
        assert_eq!(said(es, r#""app.kubernetes.io/instance": "web""#, ""), None);
    }
}
