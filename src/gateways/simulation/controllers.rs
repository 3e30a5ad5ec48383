//! The controllers of Kubernetes, as far as a person sees their work here: a workload has the pods that it wants
//! and says how many of them are ready; a Service has a slice that says which pods it reaches.

use std::collections::BTreeSet;

use super::object::{Body, Meta, Object, Pod, Words};
use super::platform::{Endpoint, SERVICE, Slice, Workload, selects};
use super::time::after;
use super::world::{Task, World};
use crate::model::{Kind, ObjectRef};

/// The kinds that keep pods.
const WORKLOADS: [Kind; 3] = [Kind::Deployment, Kind::StatefulSet, Kind::Job];

impl World {
    /// Does what follows for workloads and Services from what changed. Their own changes are looked at too, so that
    /// a pod that is made here is counted here.
    pub(super) fn control(&mut self) {
        let mut seen = 0;
        while let Some(news) = self.api.news.get(seen) {
            let object = news.object.clone();
            seen += 1;
            match object.kind {
                Kind::Pod => {
                    let namespace = object.namespace.as_str();
                    for kind in WORKLOADS {
                        for workload in self.keys_in(kind, namespace) {
                            if self.pods_of(&workload).contains(&object) || self.misses(&workload) {
                                self.tend(&workload);
                            }
                        }
                    }
                    for service in self.keys_in(Kind::Service, namespace) {
                        self.reach(&service);
                    }
                }
                Kind::Service => self.reach(&object),
                kind if WORKLOADS.contains(&kind) => self.tend(&object),
                _ => {}
            }
        }
    }

    fn keys_in(&self, kind: Kind, namespace: &str) -> Vec<ObjectRef> {
        self.api.list(kind).map(|(key, _)| key).filter(|key| key.namespace.as_str() == namespace).cloned().collect()
    }

    fn workload(&self, key: &ObjectRef) -> Option<&Workload> {
        self.api.get(key)?.workload()
    }

    /// The pods that a workload made, in order.
    fn pods_of(&self, key: &ObjectRef) -> Vec<ObjectRef> {
        let Some(workload) = self.workload(key) else { return Vec::new() };
        let mine = |object: &Object| object.meta.owner.as_ref() == Some(&workload.owner);
        let here = self.api.list(Kind::Pod).filter(|(pod, object)| pod.namespace == key.namespace && mine(object));
        here.map(|(pod, _)| pod.clone()).collect()
    }

    /// Whether it counts other pods than there are: one of them is gone.
    fn misses(&self, key: &ObjectRef) -> bool {
        self.workload(key).is_some_and(|workload| workload.pods != self.pods_of(key).len())
    }

    /// Brings a workload to the pods that it wants, and its status to the pods that it has.
    fn tend(&mut self, key: &ObjectRef) {
        let Some(workload) = self.workload(key).cloned() else { return };
        let pods = self.pods_of(key);
        for extra in pods.iter().skip(workload.wanted) {
            self.api.delete(extra);
        }
        for _ in pods.len()..workload.wanted {
            self.make_pod(key, &workload);
        }
        let pods = self.pods_of(key);
        let is_ready = |pod: &&ObjectRef| self.api.get(pod).and_then(Object::pod).is_some_and(|pod| pod.ready);
        let ready = pods.iter().filter(is_ready).count();
        self.api.change(key, |object| {
            if let Some(workload) = object.workload_mut() {
                (workload.pods, workload.ready) = (pods.len(), ready);
            }
        });
    }

    fn make_pod(&mut self, key: &ObjectRef, workload: &Workload) {
        let named =
            |suffix: &str| ObjectRef::new(Kind::Pod, key.namespace.clone(), format!("{}-{suffix}", workload.stem).as_str());
        let pod = match key.kind {
            // A StatefulSet gives a new pod the first name that is free.
            Kind::StatefulSet => {
                let free = (0..workload.wanted).map(|index| named(&index.to_string())).find(|pod| self.api.get(pod).is_none());
                let Some(free) = free else { return };
                free
            }
            _ => named(&self.random.suffix()),
        };
        let meta = Meta { labels: workload.labels.clone(), owner: Some(workload.owner.clone()), ..Meta::default() };
        let body = Pod { image: workload.image.clone(), secrets: workload.secrets.clone(), phase: "Pending", ..Pod::default() };
        self.api.create(pod.clone(), meta, Body::Pod(body), self.now);
        let wait = self.random.millis(200, 900);
        self.schedule(after(self.now, wait), Task::Pod(pod));
    }

    /// Writes down which pods a Service reaches.
    fn reach(&mut self, key: &ObjectRef) {
        let slice = ObjectRef::new(Kind::EndpointSlice, key.namespace.clone(), key.name.clone());
        let Some(service) = self.api.get(key).and_then(Object::service).cloned() else {
            self.api.delete(&slice);
            return;
        };
        let selected = self
            .api
            .list(Kind::Pod)
            .filter(|(pod, object)| pod.namespace == key.namespace && selects(&service.selector, &object.meta.labels));
        let pods: BTreeSet<(String, bool)> =
            selected.filter_map(|(pod, object)| Some((pod.name.to_string(), object.pod()?.ready))).collect();
        let endpoints: Vec<Endpoint> = pods
            .into_iter()
            .map(|(pod, serving)| Endpoint { pod, ready: serving || service.publishes_not_ready, serving })
            .collect();
        if self.api.get(&slice).and_then(Object::slice).is_none() {
            let labels = Words::from([(SERVICE.to_owned(), key.name.to_string())]);
            let meta = Meta { labels, ..Meta::default() };
            self.api.create(slice, meta, Body::Slice(Slice { endpoints }), self.now);
            return;
        }
        self.api.change(&slice, |object| {
            if let Some(slice) = object.slice_mut() {
                slice.endpoints = endpoints;
            }
        });
    }
}
