//! `ClusterExternalSecret`: makes one `ExternalSecret` in each namespace and reverts what others write on
//! them, annotations too (measured). From 0.20 one annotation of its own goes on to the children (#5156).

use super::{Release, Verdict};
use crate::gateways::simulation::api::What;
use crate::gateways::simulation::object::{Body, Meta, Words};
use crate::gateways::simulation::world::World;
use crate::model::{Kind, ObjectRef};

const FORCE: &str = "external-secrets.io/force-sync";

impl World {
    /// A change of a child wakes its parent.
    pub(super) fn hear_child(&mut self, child: &ObjectRef, what: What) {
        if what == What::Said {
            return;
        }
        let parents: Vec<ObjectRef> = self
            .api
            .list(Kind::ClusterExternalSecret)
            .filter(|(key, _)| key.name == child.name)
            .map(|(key, _)| key.clone())
            .collect();
        for parent in parents {
            self.operator.queue(Kind::ClusterExternalSecret).add(&parent);
        }
    }

    /// Makes the children as they should be.
    pub(super) fn provision(&mut self, key: &ObjectRef) -> Verdict {
        let Some(object) = self.api.get(key) else { return Verdict::Done(None) };
        let Some(cluster) = object.cluster_external().cloned() else { return Verdict::Done(None) };
        let version = "external-secrets.io/v1".to_owned();
        let owner = Some([version, "ClusterExternalSecret".to_owned(), key.name.to_string(), object.meta.uid.clone()]);
        let mut annotations = Words::new();
        if self.operator.release == Release::V29
            && let Some(value) = object.meta.annotations.get(FORCE)
        {
            annotations.insert(FORCE.to_owned(), value.clone());
        }
        let mut failed = Vec::new();
        for namespace in &cluster.namespaces {
            let child = ObjectRef::new(Kind::ExternalSecret, namespace.as_str(), key.name.as_str());
            match self.api.get(&child) {
                None => {
                    let meta = Meta { owner: owner.clone(), annotations: annotations.clone(), ..Meta::default() };
                    self.api.create(child, meta, Body::External(cluster.spec.clone()), self.now);
                }
                Some(existing) if existing.meta.owner != owner => failed.push(namespace.clone()),
                Some(_) => {
                    self.api.change(&child, |object| {
                        object.meta.annotations.clone_from(&annotations);
                        object.meta.labels.clear();
                    });
                }
            }
        }
        self.api.change(key, |object| {
            if let Some(cluster) = object.cluster_external_mut() {
                cluster.failed = failed;
            }
        });
        Verdict::Done(None)
    }
}
